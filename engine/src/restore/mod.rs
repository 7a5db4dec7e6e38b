//! Bringing a recovery point back: planned so that each pack is read once, never outside the target.

mod disk;
mod run;
mod target;
mod trace;
mod window;

pub use run::FETCHES_MAX;
pub(crate) use run::linked_file;
pub use run::{Outcome, Request, To, run, traced};
pub(crate) use trace::micros_between;
pub use trace::{Part, Trace};
