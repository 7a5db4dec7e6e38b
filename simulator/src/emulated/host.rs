//! What the engine is handed on a simulated host.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::seam::{Clock, Entropy, Store, Task, Traffic, Workers, World};
use engine::units::Timestamp;
use futures::future::BoxFuture;

use crate::draw::Stream;
use crate::executor::{Handle, HostId};

use crate::scenario::SECOND;
use crate::trial::debt::Debt;

/// Cores of a host: they bound what the engine has in flight. How fast it computes is what its debt says.
const CORES: usize = 2;

/// A sleep that is put on a grid is at least so long.
const LONG: u64 = SECOND / 100;

/// A host that runs the engine. Clones are the same host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Which; what crashes as a whole.
    pub id: HostId,
    /// Its executor.
    pub handle: Handle,
    /// What it owes.
    pub debt: Debt,
    /// What instant 0 is called.
    pub start: Timestamp,
    /// Seconds by which its clock is ahead of the world's.
    pub skew_seconds: i64,
    /// Long sleeps end at instants that lie so far apart: the first, and from one to the next. A month of a
    /// replication that mostly waits is played so in seconds.
    pub grid: Option<(u64, u64)>,
    entropy: Arc<Mutex<Stream>>,
}

impl Host {
    /// A host whose clock is right; `entropy` is where its keys, nonces and jitter come from.
    pub fn new(handle: Handle, id: HostId, start: Timestamp, entropy: Stream) -> Self {
        Self {
            id,
            debt: Debt::new(handle.clone()),
            handle,
            start,
            skew_seconds: 0,
            grid: None,
            entropy: Arc::new(Mutex::new(entropy)),
        }
    }

    /// The same with a clock that is wrong.
    #[must_use]
    pub fn skewed(mut self, seconds_ahead: i64) -> Self {
        self.skew_seconds = seconds_ahead;
        self
    }

    /// The same whose long sleeps end on a grid.
    #[must_use]
    pub fn on_grid(mut self, first: u64, step: u64) -> Self {
        self.grid = Some((first, step));
        self
    }

    /// When a sleep ends that was to end at `until`: a long one at the grid's next instant, but for one that is less than a
    /// second past: what was done there takes its own time.
    fn awakes(&self, now: u64, until: u64) -> u64 {
        let Some((first, step)) = self.grid.filter(|_| until >= now.saturating_add(LONG)) else {
            return until;
        };
        let steps = until.saturating_sub(first + SECOND).div_ceil(step);
        let next = (now + 1).saturating_sub(first).div_ceil(step);
        let steps = steps.max(next);
        first.saturating_add(steps.saturating_mul(step))
    }

    /// The engine's world on this host, over a store.
    pub fn world(&self, store: Store, traffic: Traffic) -> World {
        let clock = Arc::new(HostClock(self.clone()));
        let (entropy, workers) = (Arc::new(self.clone()), Arc::new(self.clone()));
        World::new(store, clock, entropy, workers, traffic)
    }
}

/// The clock of a host: the world's, as far as the host has come with its work, and its error.
#[derive(Clone, Debug)]
pub struct HostClock(pub Host);

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        let skew = i128::from(self.0.skew_seconds) * 1_000_000_000;
        let nanoseconds = i128::from(self.0.debt.now()) * 1000 + skew;
        Timestamp::from_nanoseconds(self.0.start.nanoseconds() + nanoseconds)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.debt.now())
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        let now = self.0.debt.now();
        let until = self.0.awakes(now, now.saturating_add(micros));
        Box::pin(self.0.handle.sleep_until(until))
    }
}

impl Entropy for Host {
    fn fill(&self, buffer: &mut [u8]) {
        let mut stream = self.entropy.lock().unwrap_or_else(PoisonError::into_inner);
        stream.fill(buffer);
    }
}

impl Workers for Host {
    fn cores(&self) -> usize {
        CORES
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }

    fn spawn(&self, task: Task) {
        self.handle.spawn(self.id, task);
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {}", self.id.0)
    }
}
