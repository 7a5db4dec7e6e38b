//! How far behind the newest usable copy is: chains of copies, single backups, replication.
//!
//! Instants and windows are whole microseconds; only a mean over chance is a fraction, and no trial's
//! state. The words (accumulation, propagation and hold window) are those of Keeton and Merchant, "A
//! framework for evaluating storage system dependability", DSN 2004.

mod backup;
mod levels;
mod replication;

pub use backup::{mean_rpo, simulated_mean_rpo};
pub use levels::{Level, Observed, Phased, freshest_lag, observe, worst_lag, worst_lag_any_phase};
pub use replication::{Pace, RpoSchedule, Transfer};

#[cfg(test)]
mod tests;
