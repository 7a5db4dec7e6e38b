//! How many files a classic backup chain keeps, and how much disk it needs on its worst day: forward
//! with periodic fulls, forever forward, reverse, and backup copies with GFS archives.
//!
//! Our own vaults deduplicate and have no such files. This is for those who compare with, or come
//! from, a product that keeps chains of files on a repository, and need its capacity. The rules are
//! those of Veeam's restore points as the Restore Point Simulator describes them; its rows are
//! reproduced exactly. A constant share of data changes and a constant share is left after
//! reduction; growth, block cloning and capacity tiers are not modelled.

mod gfs;
mod job;
mod repository;
mod row;

pub use gfs::{Gfs, Tier};
pub use job::{Job, Periodic, Style};
pub use row::{Capacity, FileKind, Held, Row, capacity, rows, working_bytes};

#[cfg(test)]
mod tests;
