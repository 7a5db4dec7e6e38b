//! What a forecast says, as plain rows for reports. Bytes, points and seconds are integers.

use serde::{Deserialize, Serialize};

/// Which rule keeps a point; of several the one that keeps it longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Stands for a year.
    Yearly,
    /// For a quarter.
    Quarterly,
    /// For a month.
    Monthly,
    /// For a week.
    Weekly,
    /// For a day.
    Daily,
    /// For an hour.
    Hourly,
    /// Young enough.
    Within,
    /// One of the newest.
    Last,
    /// By its tag, by hand, or because the convention keeps it anyway.
    Other,
    /// Another point needs it.
    Chain,
}

/// All causes, the longest first.
pub const CAUSES: [Cause; 10] = [
    Cause::Yearly,
    Cause::Quarterly,
    Cause::Monthly,
    Cause::Weekly,
    Cause::Daily,
    Cause::Hourly,
    Cause::Within,
    Cause::Last,
    Cause::Other,
    Cause::Chain,
];

impl Cause {
    /// The word in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yearly => "yearly",
            Self::Quarterly => "quarterly",
            Self::Monthly => "monthly",
            Self::Weekly => "weekly",
            Self::Daily => "daily",
            Self::Hourly => "hourly",
            Self::Within => "within",
            Self::Last => "last",
            Self::Other => "other",
            Self::Chain => "chain",
        }
    }
}

/// Retention policies applied forward to one vault or scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The program's version that wrote these rows.
    pub program_version: String,
    /// The command line that makes this forecast again.
    pub command: String,
    /// What it is a forecast of: a vault's place or a scenario's name.
    pub subject: String,
    /// The present, RFC 3339 in UTC.
    pub started_at: String,
    /// Years looked ahead.
    pub years: u32,
    /// What was assumed of the vault and its terms.
    pub basis: Basis,
    /// One for each policy and convention.
    pub policies: Vec<PolicyForecast>,
}

/// What a forecast rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Whether the change was measured in a vault, and not stated.
    pub measured: bool,
    /// The protected instances.
    pub instances: Vec<InstanceBasis>,
    /// Machines with such data, where it is stated; 1 for a vault.
    pub alike: u64,
    /// Stored bytes that several instances share today: counted for each, so that the forecast of a
    /// vault of several is too high by about so much.
    pub shared_bytes: u64,
    /// What packs and lists add to the bytes of blobs, in parts of a million.
    pub overhead_ppm: u64,
    /// How long deleted points can be brought back.
    pub soft_delete_seconds: u64,
    /// How long before their end deleted points cost nothing.
    pub free_seconds: u64,
    /// How long removed packs stay in the store.
    pub grace_seconds: u64,
    /// Unused bytes in packs that are not worth writing anew, in percent of the used.
    pub waste_percent: u64,
    /// Time from one `forget` and `prune` to the next.
    pub forget_every_seconds: u64,
    /// The stated room.
    pub capacity_bytes: Option<u64>,
    /// Seed of the draws behind the interval; `None` where the change was stated.
    pub seed: Option<u64>,
    /// Draws.
    pub replicates: u32,
}

/// One protected instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceBasis {
    /// Its name.
    pub instance: String,
    /// Points of its history that are there today.
    pub points: u64,
    /// Of those, the newest that follow one another in the rhythm.
    pub points_fitted: u64,
    /// Time from one point to the next.
    pub every_seconds: u64,
    /// Method of the points to come.
    pub method: String,
    /// A new full every so many points.
    pub full_every: u32,
    /// Size of the source.
    pub logical_bytes: u64,
    /// What each point adds: the smallest, the mean and the largest.
    pub new_bytes: [u64; 3],
    /// Of what a point adds, the share that is still in use a week of points, a month of points and a
    /// year of points later, in parts of a million.
    pub survival_ppm: [u64; 3],
    /// The history is too short to be tested on itself.
    pub too_short: bool,
}

/// A policy, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyForecast {
    /// What people call it.
    pub name: String,
    /// Its rules as flags.
    pub policy: String,
    /// Whose convention.
    pub convention: String,
    /// Rules that the convention does not know.
    pub ignored: Vec<String>,
    /// What its author may not have meant.
    pub lints: Vec<String>,
    /// One for each calendar month in UTC, as it ends.
    pub months: Vec<Month>,
    /// The points at the end, by age.
    pub ages: Vec<Age>,
    /// Age of the oldest point at the end; of several instances, of the one that reaches least far.
    pub oldest_seconds: u64,
    /// Days on which limits are met.
    pub limits: Limits,
    /// The last third of the history, predicted from the first two.
    pub back_test: Option<BackTest>,
}

/// How things stand at the end of a month; sums over the instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    /// For example `2027-03`.
    pub month: String,
    /// Points that can be restored.
    pub points: u64,
    /// Those points by what keeps them; none is left out, none counted twice.
    pub reasons: Vec<(Cause, u64)>,
    /// Deleted points that can be brought back.
    pub soft_deleted_points: u64,
    /// Bytes that the points need.
    pub kept_bytes: u64,
    /// Bytes that deleted points need in addition.
    pub soft_deleted_bytes: u64,
    /// Bytes that nobody needs and that are still there: in the grace, or not worth repacking.
    pub unused_bytes: u64,
    /// All of these.
    pub stored_bytes: u64,
    /// Stored bytes are above this in nineteen of twenty draws.
    pub low_bytes: u64,
    /// And below this.
    pub high_bytes: u64,
    /// The most in any moment of the month.
    pub peak_bytes: u64,
    /// Mean of the bytes that are charged over the month: without what the last days of deleted points
    /// need.
    pub billed_bytes: u64,
    /// Size of each instance's source, and how many machines are like it.
    pub instance_bytes: Vec<(u64, u64)>,
}

/// Points up to an age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Age {
    /// As people say it, for example `1 to 3 months`.
    pub name: String,
    /// Points of that age.
    pub points: u64,
    /// The widest step from one of them to the next newer point: what a restore can lose.
    pub widest_step_seconds: u64,
}

/// Days on which limits are met; `None` where they are not within the years.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Points of an instance at most.
    pub points_max: u64,
    /// When an instance comes near to it.
    pub points_near_on: Option<String>,
    /// When a backup is refused.
    pub points_reached_on: Option<String>,
    /// When the stated room is full.
    pub capacity_reached_on: Option<String>,
}

/// The last third of a history, predicted from the first two; sums over the instances tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackTest {
    /// Points that the prediction was made from.
    pub points_fitted: u64,
    /// Points that it was held against.
    pub points_tested: u64,
    /// Points kept at the end, as predicted.
    pub predicted_points: u64,
    /// As the history has them.
    pub actual_points: u64,
    /// Bytes that kept and deleted points need, as predicted.
    pub predicted_bytes: u64,
    /// As the history has them.
    pub actual_bytes: u64,
}

impl BackTest {
    /// Error of the predicted bytes, in parts of a million of the actual ones; never negative.
    pub fn error_ppm(&self) -> u64 {
        let error = u128::from(self.predicted_bytes.abs_diff(self.actual_bytes));
        let parts = error * 1_000_000 / u128::from(self.actual_bytes.max(1));
        u64::try_from(parts).unwrap_or(u64::MAX)
    }
}
