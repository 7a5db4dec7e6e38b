//! Which recovery points stay, by which rule, and what other programs would keep.
//!
//! Pure: points as plain rows, a policy and the present instant in; a verdict for each point, with
//! its reasons, out. A model without a vault calls the same functions.
//!
//! Our own convention is restic's: each rule counts every point, the newest point of a calendar
//! period stands for it, weeks are ISO weeks, periods without a point do not count, and a count
//! that is not filled keeps the oldest point. It differs on purpose where restic surprises people
//! or where its answer hangs on when it ran; `restic.rs` lists how, and tests show each difference.

mod calendar;
mod policy;
mod span;
mod verdict;
mod words;

mod azure;
mod borg;
mod kopia;
mod pbs;
mod restic;
mod site_recovery;

mod decide;
mod limit;
mod lint;

pub use azure::{Gfs, MonthDay, Week, WeekDay, YearMonth};
pub use calendar::Rule;
pub use decide::{Semantics, decide, decide_as, decide_named, keep_needed, keep_needed_by, unkept};
pub use limit::{LimitState, POINTS_MAX, limit_state};
pub use lint::{Lint, lints};
pub use policy::Policy;
pub use site_recovery::{SITE_RECOVERY_DAYS_MAX, site_recovery};
pub use span::Span;
pub use verdict::{Reason, Subject, Verdict, needs_of};
pub use words::{Count, RelativeTo};
