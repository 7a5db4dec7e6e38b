//! Modelled trials: the world, faults, schedules and decisions of an emulated trial, without a byte.
//!
//! What a step stores and moves comes from the real engine: a calibration (`fit`) makes points of a few sizes
//! once and measures them. What stays comes from `engine::retention`, what is rewritten from `engine::prune`.

mod chain;
mod fit;
mod hands;
mod points;
mod pool;
mod replica;
mod verdicts;

pub use fit::{Fit, Fits, StepFit};
pub use hands::ModelHands;
pub use replica::ModelReplica;
