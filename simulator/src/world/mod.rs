//! The simulated world: what stands in it, what is up, and what survives.

pub mod account;
pub mod geo;
