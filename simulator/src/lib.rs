//! Trials: the real engine on real or simulated worlds, and the outcome rows they write.
pub mod draw;
pub mod drill;
pub mod emulated;
pub mod executor;
pub mod fault;
pub mod forecast;
pub mod measured;
pub mod modelled;
pub mod network;
pub mod outcome;
pub mod queue;
pub mod scenario;
pub mod series;
pub mod trial;
pub mod verify;
pub mod workload;
pub mod world;
