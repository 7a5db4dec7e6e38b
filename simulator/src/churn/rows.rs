//! What a plan says, as plain rows for reports. Bytes and microseconds are integers.

use serde::{Deserialize, Serialize};

use super::limits::LimitRow;

/// A churn plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChurnPlanRows {
    /// The program's version.
    pub program_version: String,
    /// The command that makes it again.
    pub command: String,
    /// What it is a plan for.
    pub subject: String,
    /// What was watched.
    pub watched: WatchedRow,
    /// What is assumed and asked.
    pub terms: TermsRow,
    /// The bandwidth that holds the target.
    pub need: NeedRow,
    /// The same for other targets, the shortest first.
    pub curve: Vec<NeedRow>,
    /// What bandwidths give: the ones that are needed, then the ones that were asked for.
    pub links: Vec<LinkRow>,
    /// Room on the replica.
    pub history: Vec<HistoryRow>,
    /// How much different blocks in a window are of what is written in it.
    pub windows: Vec<WindowRow>,
    /// Site Recovery's limits.
    pub limits: Vec<LimitRow>,
    /// Parts of the time, each as long as the next, for drawing.
    pub parts: Vec<PartRow>,
}

/// What was watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedRow {
    /// How long.
    pub span_micros: u64,
    /// When it began, in Unix seconds, where that is known.
    pub start_seconds: Option<i64>,
    /// Disks that were written.
    pub disks: Vec<String>,
    /// Writes.
    pub writes: u64,
    /// Bytes of them.
    pub written_bytes: u64,
    /// What is left of them in batches.
    pub unique_bytes: u64,
    /// What of that goes over the link.
    pub shipped_bytes: u64,
    /// Bytes zeroed or forgotten: changes without a payload.
    pub cleared_bytes: u64,
    /// The most that is written in a minute.
    pub busiest_minute_bytes: u64,
}

/// What is assumed and asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsRow {
    /// The RPO to hold.
    pub target_micros: u64,
    /// The share of the time, in parts in a million, for the second answer.
    pub share_ppm: u64,
    /// From one batch to the next.
    pub interval_micros: u64,
    /// Bytes of a block; none where the source tells no blocks.
    pub block_bytes: Option<u64>,
    /// The link's latency.
    pub latency_micros: u64,
    /// How many times smaller data becomes on the wire, in thousandths.
    pub compression_thousandths: u64,
    /// Where that is from.
    pub compression_from: CompressionFrom,
    /// The outage that the journal shall outlast.
    pub outage_micros: u64,
    /// How long points stay on the replica.
    pub retention_micros: u64,
}

/// Where the compression is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum CompressionFrom {
    /// Nothing was said: none.
    None,
    /// It was said.
    Stated,
    /// Blocks of a disk were compressed.
    Sampled {
        /// How many.
        blocks: u64,
        /// How many the disk was too short for.
        beyond: u64,
    },
    /// The protection measured it.
    Measured,
}

/// The bandwidth that holds a target, in bytes a second; none where none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedRow {
    /// The target.
    pub target_micros: u64,
    /// To hold it always.
    pub always_bytes_per_second: Option<u64>,
    /// To hold it for the share of the time.
    pub share_bytes_per_second: Option<u64>,
    /// Always, if every write is sent.
    pub always_every_write_bytes_per_second: Option<u64>,
    /// For the share of the time, if every write is sent.
    pub share_every_write_bytes_per_second: Option<u64>,
}

/// Why a bandwidth is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkReason {
    /// It holds the target always.
    Always,
    /// It holds it for the share.
    Share,
    /// It was asked for.
    Asked,
}

/// What a bandwidth gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// Why it is looked at.
    pub reason: LinkReason,
    /// The bandwidth.
    pub bytes_per_second: u64,
    /// The RPO for half of the time.
    pub rpo_p50_micros: u64,
    /// For nine tenths.
    pub rpo_p90_micros: u64,
    /// For 99 of 100.
    pub rpo_p99_micros: u64,
    /// The worst, until all has arrived.
    pub rpo_worst_micros: u64,
    /// How much of the time the target is held, in parts in a million, cut off.
    pub held_ppm: u64,
    /// Times that the RPO rises above the target.
    pub violations: u64,
    /// How long it is above it in all.
    pub violation_micros: u64,
    /// The most bytes that wait to be sent.
    pub backlog_bytes: u64,
    /// The longest stretch in which something waits.
    pub drain_micros: u64,
    /// How long after the end the last of it arrives.
    pub after_end_micros: u64,
    /// The journal's room.
    pub journal_bytes: u64,
    /// The same with an outage at the worst moment.
    pub outage: OutageRow,
    /// By days from the beginning.
    pub days: Vec<DayRow>,
    /// The largest RPO in each of the plan's parts.
    pub parts_rpo_micros: Vec<u64>,
}

/// An outage at the worst moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageRow {
    /// When it begins.
    pub from_micros: u64,
    /// The journal's room then.
    pub journal_bytes: u64,
    /// The worst RPO.
    pub rpo_worst_micros: u64,
    /// How long after the link is back until nothing waits any more; none where that never is.
    pub drain_micros: Option<u64>,
    /// Whether it is longer than what was watched, which then goes on as in the mean.
    pub carried_on: bool,
}

/// A day under a bandwidth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRow {
    /// Its number, from 0 on.
    pub day: u64,
    /// Times that the RPO rises above the target.
    pub violations: u64,
    /// How long it is above it.
    pub violation_micros: u64,
    /// The worst of the day.
    pub rpo_worst_micros: u64,
}

/// Room on the replica for points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Which points stay.
    pub policy: HistoryPolicy,
    /// Points kept.
    pub points: u64,
    /// Bytes in the mean.
    pub mean_bytes: u64,
    /// The most.
    pub most_bytes: u64,
    /// Windows between points of which the trace has such.
    pub windows_measured: u64,
    /// Windows between points.
    pub windows: u64,
    /// Whether blocks were told apart: without it, it is an upper bound.
    pub exact: bool,
}

/// Which points stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryPolicy {
    /// Every one, each five minutes.
    EveryPoint,
    /// Those that Site Recovery keeps.
    SiteRecovery,
}

/// Windows of one width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRow {
    /// The width.
    pub window_micros: u64,
    /// How many there are.
    pub windows: u64,
    /// Different bytes in one, in the mean.
    pub unique_bytes_mean: u64,
    /// The most.
    pub unique_bytes_max: u64,
    /// Bytes written in one, in the mean.
    pub written_bytes_mean: u64,
}

/// A part of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRow {
    /// When it begins.
    pub from_micros: u64,
    /// What is written in it.
    pub written_bytes: u64,
    /// What of that goes over the link.
    pub shipped_bytes: u64,
}
