//! Emulated trials: the engine itself, hosted on virtual time.
//!
//! A host is what the engine is handed of the world: a clock, entropy, workers, and a store at the other end of
//! the network. Bytes are real and few; a scale makes transfers, what is stored and computing time as long
//! and large as they stand for.

mod debt;
mod host;
mod request;
mod store;

pub use debt::{Charged, Debt};
pub use host::{Host, HostClock};
pub use request::{Request, Service};
pub use store::RemoteStore;

#[cfg(test)]
mod tests;
