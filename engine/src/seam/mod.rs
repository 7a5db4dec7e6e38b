//! The seams: what the engine is handed of the world, each with its real form beside it.

mod clock;
mod device;
mod entropy;
mod link;
mod quiesce;
pub mod store;
pub(crate) mod waiting;
mod workers;

use std::fmt;
use std::sync::Arc;

pub use clock::{Clock, WallClock};
pub use device::{BlockDevice, FileDevice, Run};
pub use entropy::{Entropy, SystemEntropy};
pub use link::{Dial, Link, ReceiveFrames, SendFrames};
pub use quiesce::{AsItIs, Held, Quiesce};
pub use store::{Store, open_local, open_scratch};
pub use workers::{Task, Threads, Workers, compute};

use store::{Limited, Meter, Metered, Pace, Retries, Retrying};

/// Everything that the engine touches of the world, besides the sources it reads.
#[derive(Clone)]
pub struct World {
    /// Where the vault's objects lie; each call is retried, paced and counted on the way.
    pub store: Store,
    /// What was asked of the store.
    pub meter: Meter,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where keys, nonces and names come from.
    pub entropy: Arc<dyn Entropy>,
    /// Who computes, and who carries requests to the store.
    pub workers: Arc<dyn Workers>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// How the store is to be asked.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// How often, where it does not serve.
    pub retries: Retries,
    /// How fast it is sent to. A network's store paces uploads itself: leave it out here.
    pub upload: Option<Arc<Pace>>,
    /// How fast it is read from.
    pub download: Option<Arc<Pace>>,
    /// What counts the requests.
    pub meter: Meter,
}

impl Default for Traffic {
    /// With patience, at full speed.
    fn default() -> Self {
        Self {
            retries: Retries::PATIENT,
            upload: None,
            download: None,
            meter: Meter::default(),
        }
    }
}

impl World {
    /// The real world around `store`: wall clock, system entropy, one thread per core.
    pub fn real(store: Store) -> Self {
        let (clock, entropy) = (Arc::new(WallClock), Arc::new(SystemEntropy));
        Self::new(
            store,
            clock,
            entropy,
            Arc::new(Threads::per_core()),
            Traffic::default(),
        )
    }

    /// A world of these parts. Nothing in it reaches `store` but through the retry layer, the limits
    /// and the meter: every attempt is paced and counted.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        workers: Arc<dyn Workers>,
        traffic: Traffic,
    ) -> Self {
        let Traffic {
            retries,
            upload,
            download,
            meter,
        } = traffic;
        let mut store: Store = Arc::new(Metered::new(store, meter.clone()));
        if upload.is_some() || download.is_some() {
            store = Arc::new(Limited::new(store, upload, download));
        }
        let store = Retrying::new(store, retries, Arc::clone(&clock), Arc::clone(&entropy));
        Self {
            store: Arc::new(store),
            meter,
            clock,
            entropy,
            workers,
        }
    }
}
