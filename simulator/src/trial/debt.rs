//! Computing and disk time, which pass in no time here and are owed to the virtual clock.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::backup::Progress;

use super::rates::micros;
use crate::executor::Handle;

/// Until when a host is busy with what it has computed already. Clones share it.
#[derive(Clone, Debug)]
pub struct Debt {
    handle: Handle,
    busy_until: Arc<AtomicU64>,
}

impl Debt {
    /// None so far.
    pub fn new(handle: Handle) -> Self {
        Self {
            handle,
            busy_until: Arc::new(AtomicU64::new(0)),
        }
    }

    /// The host is busy for so long, after all that it owes already.
    pub fn owe(&self, micros: u64) {
        let until = self.now().saturating_add(micros);
        self.busy_until.store(until, Ordering::Relaxed);
    }

    /// The instant at which the host is through with what it owes: what its own clock shows.
    pub fn now(&self) -> u64 {
        self.handle
            .now()
            .max(self.busy_until.load(Ordering::Relaxed))
    }

    /// Waits until the host is through with what it owes.
    pub async fn pay(&self) {
        let until = self.busy_until.load(Ordering::Relaxed);
        if until > self.handle.now() {
            self.handle.sleep_until(until).await;
        }
    }
}

/// Charges a step's bytes to its host as they are told.
#[derive(Clone, Debug)]
pub struct Charged {
    debt: Debt,
    scale: u64,
    /// Bytes a second of everything that is done to each byte, one after the other.
    rates: Vec<u64>,
}

impl Charged {
    /// Each byte stands for `scale` bytes, and takes its time at each of `rates`, in bytes a second.
    pub fn new(debt: Debt, scale: u64, rates: Vec<u64>) -> Self {
        Self { debt, scale, rates }
    }
}

impl Progress for Charged {
    fn advance(&self, bytes: u64, _: u64) {
        let stated = bytes.saturating_mul(self.scale);
        let times = self.rates.iter().map(|rate| micros(stated, *rate));
        self.debt.owe(times.fold(0, u64::saturating_add));
    }

    fn problem(&self, _: &Path, _: &str) {}
}
