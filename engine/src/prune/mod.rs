//! Removing what nothing needs, beside running backups on any number of machines.
//!
//! Nothing waits for anything here, and nobody holds a lock. A pack that nothing needs is *condemned* by
//! a tombstone: from then on no backup builds on it, but it can still be read. After the *grace* a later
//! prune *marks* again what every point needs; what is needed after all is copied out of condemned packs,
//! and then these are *swept*. A tombstone is final: a condemned pack is never trusted again, so that a
//! prune that was held up for days before it removed one does no harm.
//!
//! Why no point is lost: a backup that a prune did not see has looked for tombstones well within the
//! grace before its manifest was put (`backup/settle.rs`), so that whatever was condemned before it looked
//! it does not need, and whatever is condemned after is swept by a prune that sees it. All times are the
//! store's. Leases only spare what a running backup has put so far from being condemned for nothing.

mod mark;
mod plan;
mod run;
mod survey;

pub(crate) use mark::mark_point;
pub use plan::{Limits, PackFact, Plan, plan};
pub use run::{Outcome, Request, SMALL_SEGMENTS_MAX, preview, run};
