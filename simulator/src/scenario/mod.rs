//! Scenarios: what is protected, how, where, and what goes wrong.
//!
//! A scenario is written as TOML in units that people use (`file`), and checked into plain integers
//! (these types) before anything runs: every cross-field rule is held here, with errors that point at
//! the line. Bytes are bytes, times microseconds, shares parts of a million.

pub mod file;

mod doubts;
mod fault;
mod instance;
mod place;
mod shipped;
mod strategy;
mod words;

pub use fault::{Drawn, FaultKind, FaultSpec, Target, When};
pub use instance::{Changes, Group, Rhythm, Script, System, Workload};
pub use place::{Link, Place, PlaceKind};
pub use shipped::{SHIPPED, shipped};
pub use strategy::{Copy, Courier, Following, Operator, Redundancy, Strategy, To};

use crate::outcome::scenario::Assumption;

/// Microseconds of a second, a minute, an hour, a day and a year of 365.25 days.
pub const SECOND: u64 = 1_000_000;
/// A minute.
pub const MINUTE: u64 = 60 * SECOND;
/// An hour.
pub const HOUR: u64 = 60 * MINUTE;
/// A day.
pub const DAY: u64 = 24 * HOUR;
/// A year of 365.25 days.
pub const YEAR: u64 = 8_766 * HOUR;
/// The whole, in parts of a million.
pub const WHOLE: u64 = 1_000_000;

/// A scenario, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What people call it.
    pub name: String,
    /// The question that it answers.
    pub question: String,
    /// BLAKE3 of the file's text, hexadecimal.
    pub digest: String,
    /// Unix seconds of the first instant (UTC).
    pub start_seconds: i64,
    /// How long it lasts.
    pub horizon_micros: u64,
    /// Seed of the first trial; trial `n` has `seed + n`.
    pub seed: u64,
    /// Modelled trials.
    pub trials: u32,
    /// What is to be met.
    pub objectives: Objectives,
    /// What missing it costs.
    pub penalty: Option<Penalty>,
    /// Regions and sites.
    pub places: Vec<Place>,
    /// Links between them.
    pub links: Vec<Link>,
    /// What is protected.
    pub groups: Vec<Group>,
    /// How; each is a trial of its own under the same faults.
    pub strategies: Vec<Strategy>,
    /// What goes wrong.
    pub faults: Vec<FaultSpec>,
    /// Who recovers, and how fast.
    pub operator: Operator,
    /// Whether the engine itself can run it; otherwise it is modelled only.
    pub emulated: bool,
    /// What the file leaves to a default, each with where that is from.
    pub assumed: Vec<Assumption>,
}

/// What is to be met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objectives {
    /// Longest span of lost data.
    pub rpo_micros: Option<u64>,
    /// Longest time from incident to service validated.
    pub rto_micros: Option<u64>,
    /// How long points must stay.
    pub retention_micros: Option<u64>,
}

/// Rates that reports turn into an expected penalty, in the price book's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Penalty {
    /// For each hour that one instance is down.
    pub downtime_per_hour: u64,
    /// For each hour of one instance's data that is lost.
    pub lost_data_per_hour: u64,
}

impl Scenario {
    /// Instances of all groups.
    pub fn instances(&self) -> usize {
        let counts = self.groups.iter().map(|group| group.count as usize);
        counts.sum()
    }
}
