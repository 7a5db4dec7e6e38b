//! Trials: the real engine on real or simulated worlds, and the outcome rows they write.
pub mod chains;
pub mod draw;
pub mod drill;
pub mod durability;
pub mod forecast;
pub mod lag;
pub mod measured;
pub mod outcome;
pub mod scenario;
pub mod series;
pub mod statistics;
pub mod verify;
pub mod volumes;
pub mod world;
