//! The seams: what the engine is handed of the world, each with its real form beside it.

mod clock;
mod entropy;
mod quiesce;
mod store;
mod workers;

use std::fmt;
use std::sync::Arc;

pub use clock::{Clock, WallClock};
pub use entropy::{Entropy, SystemEntropy};
pub use quiesce::{AsItIs, Held, Quiesce};
pub use store::{Store, open_local};
pub use workers::{Task, Threads, Workers, compute};

/// Everything that the engine touches of the world, besides the sources it reads.
#[derive(Clone)]
pub struct World {
    /// Where the vault's objects lie.
    pub store: Store,
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

impl World {
    /// The real world around `store`: wall clock, system entropy, one thread per core.
    pub fn real(store: Store) -> Self {
        Self {
            store,
            clock: Arc::new(WallClock),
            entropy: Arc::new(SystemEntropy),
            workers: Arc::new(Threads::per_core()),
        }
    }
}
