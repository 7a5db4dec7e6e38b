//! Trials: the real engine on real or simulated worlds, and the outcome rows they write.
pub mod component;
pub mod drill;
pub mod forecast;
pub mod measured;
pub mod outcome;
pub mod scenario;
pub mod series;
pub mod statistics;
pub mod verify;
