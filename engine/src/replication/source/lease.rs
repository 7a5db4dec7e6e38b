//! Until when writes may be acknowledged, where there is a witness.

use std::time::Duration;

use crate::error::Error;
use crate::replication::witness::LEASE;

use super::{Source, lock};

/// Until when writes may be acknowledged, by `elapsed` and by the wall clock: the first does not count while a machine
/// sleeps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lease {
    until: Duration,
    date: i128,
}

impl Source {
    /// No other site had taken over when it was asked, at `asked` by the clock's `elapsed`: writes may be
    /// acknowledged for a while.
    pub(crate) fn lease(&self, asked: Duration) {
        let Some(lease) = &self.lease else {
            return;
        };
        let (elapsed, now) = (self.world.clock.elapsed(), self.world.clock.now());
        let left = (asked + LEASE).saturating_sub(elapsed);
        {
            let mut lease = lock(lease);
            if asked + LEASE > lease.until {
                lease.until = asked + LEASE;
                lease.date = now.nanoseconds() + left.as_nanos().cast_signed();
            }
            lock(&self.link).witness_trouble = None;
        }
        self.hold_unleased();
    }

    /// Until when writes may be acknowledged, by the clock's `elapsed`.
    pub(crate) fn leased_until(&self) -> Duration {
        self.lease
            .as_ref()
            .map_or(Duration::MAX, |lease| lock(lease).until)
    }

    /// Holds writes if the lease is over, and lets them pass if it is not.
    pub(crate) fn hold_unleased(&self) {
        if let Some(lease) = &self.lease {
            let (elapsed, now) = (self.world.clock.elapsed(), self.world.clock.now());
            let lease = lock(lease);
            let leased = elapsed < lease.until && now.nanoseconds() < lease.date;
            self.gate.set_leased(leased);
        }
    }

    /// The witness could not be asked.
    pub(crate) fn witness_failed(&self, error: &Error) {
        lock(&self.link).witness_trouble = Some(error.to_string());
    }
}
