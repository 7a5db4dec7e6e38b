//! A link that sends one batch after the other.

use super::intervals::Batch;

const SECOND: u128 = 1_000_000;

/// A link, first in, first out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Bytes that leave in a second.
    pub bytes_per_second: u64,
    /// From leaving to arriving.
    pub latency_micros: u64,
    /// From when to when nothing leaves.
    pub outage: Option<(u64, u64)>,
}

/// A batch on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What was sent.
    pub batch: Batch,
    /// When its last byte left.
    pub left_micros: u64,
    /// When it was there.
    pub arrived_micros: u64,
}

impl Link {
    /// A link without latency or outage.
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            latency_micros: 0,
            outage: None,
        }
    }

    /// Sends batches, by rising time. Instants are rounded up to a microsecond, once in each stretch of sending, so that
    /// no error adds up.
    pub fn send<'a>(&self, batches: &'a [Batch]) -> impl Iterator<Item = Sent> + use<'a> {
        let link = *self;
        let (mut since, mut bytes, mut left) = (0_u64, 0_u128, 0_u64);
        batches.iter().map(move |batch| {
            // What left in the microsecond in which this closes had left before: `left` is rounded up.
            if batch.closes_micros >= left {
                (since, bytes) = (link.ready(batch.closes_micros), 0);
            }
            bytes += u128::from(batch.bytes);
            left = link.done(since, bytes);
            Sent {
                batch: *batch,
                left_micros: left,
                arrived_micros: left.saturating_add(link.latency_micros),
            }
        })
    }

    /// The first instant from `at` on at which it can send.
    fn ready(&self, at: u64) -> u64 {
        match self.outage {
            Some((from, to)) if (from..to).contains(&at) => to,
            _ => at,
        }
    }

    /// When the last of `bytes` has left that it sends from `since` on without a pause.
    fn done(&self, since: u64, bytes: u128) -> u64 {
        if bytes == 0 {
            return since;
        }
        let takes = (bytes * SECOND).div_ceil(u128::from(self.bytes_per_second.max(1)));
        // Half of what there is: sums of two such instants are instants still.
        let takes = u64::try_from(takes).map_or(u64::MAX / 4, |takes| takes.min(u64::MAX / 4));
        let done = since.saturating_add(takes);
        match self.outage {
            Some((from, to)) if since < from && done > from => done.saturating_add(to - from),
            _ => done,
        }
    }
}
