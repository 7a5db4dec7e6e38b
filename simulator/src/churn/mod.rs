//! Churn planning: from what disks are written, the bandwidth that holds an RPO, and the RPO that a bandwidth gives.
//!
//! A shipper closes a *batch* every interval, sends of each block only its last content, and puts batches one after the
//! other on a link. All is reckoned in whole bytes and microseconds: the same trace gives the same plan anywhere. A trace is
//! read once, row by row; see [`read`] for what memory that takes.

mod blocks;
mod intervals;
mod sample;
mod status;
mod trace;

mod course;
mod link;
mod need;
mod space;

mod limits;
mod plan;
mod rows;

pub use blocks::{Unions, Windows};
pub use course::{Course, Shipment, Stretch, Violations};
pub use intervals::{Batch, Churn, Compression, Interval, Payload};
pub use limits::{Admission, LimitRow, limits};
pub use link::{Link, Sent};
pub use need::Goal;
pub use plan::{Request, plan, steps};
pub use rows::{
    ChurnPlanRows, CompressionFrom, DayRow, HistoryPolicy, HistoryRow, LinkReason, LinkRow,
    NeedRow, OutageRow, PartRow, TermsRow, WatchedRow, WindowRow,
};
pub use sample::{Measured, measure};
pub use space::{
    Backlog, History, POINT_EVERY_MICROS, backlog, history_of_all, history_of_site_recovery,
    with_mark, worst_outage,
};
pub use status::{STATUS_BYTES_MAX, of_status};
pub use trace::{Reading, Recorded, read};

#[cfg(test)]
mod tests;
