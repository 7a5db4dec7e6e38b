//! Emulated trials: the real engine, hosted on virtual time, over simulated stores, links and disks.
//!
//! A host is what the engine is handed of the world: a clock, entropy, workers, and a store at the other end of
//! the network. Bytes are real and few; a scale makes transfers, what is stored and computing time as long
//! and large as they stand for. What a vault keeps of points but for their data (manifests, marks, leases) is not scaled.

mod calibrate;
mod content;
mod excuse;
mod hands;
mod host;
mod inspect;
mod machine;
mod request;
mod store;

use std::sync::Arc;

use engine::Result;

use crate::scenario::SECOND;
use crate::trial::{self, Setup, Trial};

pub use calibrate::measure;
pub(crate) use content::Look;
pub use hands::{EngineHands, Kit};
pub use host::{Host, HostClock};
pub use request::{Request, Service};
pub use store::RemoteStore;

/// A request gives up when nothing of it moved for so long, as the clouds' own clients do.
const STALL: u64 = 30 * SECOND;

/// Runs a trial through the engine.
///
/// # Errors
/// Where there is no room for the simulated disks.
pub fn run(setup: &Setup) -> Result<Trial> {
    let kit = Arc::new(Kit::new()?);
    let setup = Setup {
        stall_micros: Some(STALL),
        ..setup.clone()
    };
    Ok(trial::run::<EngineHands>(&setup, &kit))
}

#[cfg(test)]
mod planted;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trials;
