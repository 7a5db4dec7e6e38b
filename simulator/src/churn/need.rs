//! The smallest bandwidth that holds an RPO: always, or for a share of the time.
//!
//! More bandwidth never makes a batch later, so the RPO never rises with it and halving the range finds the smallest one, to
//! the byte a second. No answer is below what has to be sent in the mean (`rho = w / B <= 1`): less would hold a
//! target only because the recording ends.

use super::course::Shipment;
use super::link::Link;

/// What is asked of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The RPO that is to be held.
    pub target_micros: u64,
    /// The link's latency.
    pub latency_micros: u64,
}

/// Where the search gives up: no link is faster.
const MOST: u64 = 1 << 50;

impl Shipment<'_> {
    /// The smallest bandwidth, in bytes a second, under which the RPO is never above the target, not even while the last of
    /// it arrives; `None` where no bandwidth does that. `guess` is one that may do, to begin at.
    pub fn need_always(&self, goal: Goal, guess: Option<u64>) -> Option<u64> {
        if goal.target_micros <= self.floor_micros(goal.latency_micros) && !self.batches.is_empty()
        {
            return None;
        }
        let need = smallest(guess, |bytes_per_second| {
            self.holds(&goal.link(bytes_per_second), goal.target_micros)
        });
        need.map(|need| need.max(self.mean_bytes_per_second()))
    }

    /// The smallest bandwidth under which the RPO is no more than the target for so many of a million parts of the
    /// span; `None` where no bandwidth does that.
    pub fn need_share(&self, goal: Goal, ppm: u64, guess: Option<u64>) -> Option<u64> {
        let wanted = u128::from(self.span_micros) * u128::from(ppm);
        let need = smallest(guess, |bytes_per_second| {
            let within = self.within(&goal.link(bytes_per_second), goal.target_micros);
            u128::from(within) * 1_000_000 >= wanted
        });
        need.map(|need| need.max(self.mean_bytes_per_second()))
    }

    /// What has to be sent in a second in the mean, rounded up.
    pub fn mean_bytes_per_second(&self) -> u64 {
        let bytes: u128 = self
            .batches
            .iter()
            .map(|batch| u128::from(batch.bytes))
            .sum();
        let mean = (bytes * 1_000_000).div_ceil(u128::from(self.span_micros.max(1)));
        u64::try_from(mean).unwrap_or(u64::MAX)
    }
}

impl Goal {
    fn link(self, bytes_per_second: u64) -> Link {
        Link {
            latency_micros: self.latency_micros,
            ..Link::new(bytes_per_second)
        }
    }
}

/// The smallest number that will do, if a larger one than one that does will do as well.
fn smallest(guess: Option<u64>, mut does: impl FnMut(u64) -> bool) -> Option<u64> {
    let mut high = guess.unwrap_or(1024).clamp(1, MOST);
    let mut low = 0;
    while !does(high) {
        if high >= MOST {
            return None;
        }
        low = high;
        high = high.saturating_mul(4).min(MOST);
    }
    // A guess that is far too high costs few steps if the way down is as quick as the way up.
    while low == 0 && high > 1 {
        let lower = high / 4;
        if lower == 0 || !does(lower) {
            low = lower;
            break;
        }
        high = lower;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if does(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}
