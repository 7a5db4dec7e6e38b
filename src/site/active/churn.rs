//! How much was written when: what `firedrill plan bandwidth --protect` reads.

use std::collections::VecDeque;
use std::time::Duration;

use engine::replication::source::Source;
use engine::units::Timestamp;

/// What was written is taken down this often, for `firedrill plan bandwidth`.
pub(crate) const CHURN_EVERY: Duration = Duration::from_mins(1);
/// Intervals of churn that are remembered: a week.
const CHURNS_MAX: usize = 7 * 24 * 60;
/// Churn of one disk in one interval.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    pub(crate) start: Timestamp,
    pub(crate) disk: String,
    pub(crate) writes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) unique_bytes: u64,
    pub(crate) shipped_bytes: u64,
}

/// The intervals that are remembered, oldest first.
#[derive(Debug)]
pub(crate) struct Churned {
    pub(crate) intervals: VecDeque<Interval>,
    since: Timestamp,
    shipped: u64,
}

impl Churned {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            intervals: VecDeque::new(),
            since: now,
            shipped: 0,
        }
    }

    /// Takes down what was written since the last time. What was sent is told by disk as their share of it is.
    pub(super) fn note(&mut self, source: &Source, now: Timestamp) {
        let sealed = source.progress().totals.sealed_bytes;
        let shipped = sealed - std::mem::replace(&mut self.shipped, sealed);
        let churn = source.take_churn();
        let unique: u64 = churn.iter().map(|churn| churn.unique_bytes).sum();
        for (disk, churn) in source.disks().iter().zip(&churn) {
            let share =
                u128::from(shipped) * u128::from(churn.unique_bytes) / u128::from(unique.max(1));
            self.intervals.push_back(Interval {
                start: self.since,
                disk: disk.name.clone(),
                writes: churn.writes,
                written_bytes: churn.written_bytes,
                unique_bytes: churn.unique_bytes,
                shipped_bytes: u64::try_from(share).unwrap_or(u64::MAX),
            });
        }
        while self.intervals.len() > CHURNS_MAX * source.disks().len().max(1) {
            self.intervals.pop_front();
        }
        self.since = now;
    }
}
