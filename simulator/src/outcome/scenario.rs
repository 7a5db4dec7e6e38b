//! Rows of a scenario's trials: what each strategy lost, how long it took, and what it used.
//!
//! Modelled trials sum up as they go: histograms and monthly quantities, and so many rows of single
//! incidents as a person or a plot can use. Nothing here grows with the number of trials but those rows.

use serde::{Deserialize, Serialize};

use super::Fidelity;
use crate::scenario::{FaultKind, Redundancy, To};

/// Rows of single incidents kept for each strategy.
pub const INCIDENT_ROWS_MAX: usize = 10_000;

/// Everything that came of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioOutcome {
    /// The program's version that wrote these rows.
    pub program_version: String,
    /// The command line that makes them again.
    pub command: String,
    /// The scenario's name.
    pub scenario: String,
    /// The question that it asks.
    pub question: String,
    /// BLAKE3 of its text.
    pub scenario_digest: String,
    /// Seed of the first trial.
    pub seed: u64,
    /// Unix seconds of the first instant.
    pub start_seconds: i64,
    /// How long each trial lasts.
    pub horizon_micros: u64,
    /// Instances in all.
    pub instances: u64,
    /// Bytes of all instances at the start.
    pub protected_bytes: u64,
    /// Longest span of lost data that is asked for.
    pub rpo_objective_micros: Option<u64>,
    /// Longest time until service that is asked for.
    pub rto_objective_micros: Option<u64>,
    /// Penalty for an hour of one instance's downtime, in the price book's currency.
    pub downtime_per_hour: Option<u64>,
    /// Penalty for an hour of one instance's lost data.
    pub lost_data_per_hour: Option<u64>,
    /// What is assumed, with sources.
    pub assumptions: Vec<Assumption>,
    /// One per strategy and fidelity; the modelled ones first.
    pub strategies: Vec<StrategyOutcome>,
    /// How far the fidelities agree, one for each strategy that ran in both.
    pub agreements: Vec<Agreement>,
}

/// Something assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// What it is about.
    pub what: String,
    /// What is assumed, in human units.
    pub value: String,
    /// Where it is from, or that it is a judgement.
    pub source: String,
}

/// What came of one strategy at one fidelity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyOutcome {
    /// Its name.
    pub strategy: String,
    /// The component, where one is named.
    pub component: Option<String>,
    /// Its copies, in order.
    pub copies: Vec<CopyOutcome>,
    /// How real this is.
    pub fidelity: Fidelity,
    /// Trials run.
    pub trials: u32,
    /// Stated bytes for each real byte (emulated trials).
    pub scale: Option<u64>,
    /// Digest of the first trial's trace.
    pub trace_digest: String,
    /// Events of all trials.
    pub events: u64,
    /// Incidents in all trials (one for each instance hit).
    pub incidents: u64,
    /// Of these, restored from a point; the others were waited out, lost everything or were not over at the end.
    pub recovered: u64,
    /// Waited out: nothing had to be restored.
    pub waited_out: u64,
    /// Nothing was left to restore.
    pub lost: u64,
    /// Met the RPO objective; of `incidents`.
    pub rpo_met: u64,
    /// Met the RTO objective; of `incidents`.
    pub rto_met: u64,
    /// Spread of the RPO achieved, over incidents in which something could be restored.
    pub rpo: Spread,
    /// Spread of the RTO achieved, over incidents that ended.
    pub rto: Spread,
    /// Mean microseconds of each span of the RTO.
    pub spans_mean: Vec<Span>,
    /// Single incidents, the first of them.
    pub rows: Vec<IncidentRow>,
    /// What the first trial did, for its timeline.
    pub timeline: Timeline,
    /// What was used, by month (sums over all trials; divide by `trials`).
    pub quantities: Vec<Quantity>,
    /// What checkers found; empty is good.
    pub violations: Vec<String>,
}

/// One copy of a strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyOutcome {
    /// What it is kept on.
    pub to: To,
    /// How.
    pub redundancy: Redundancy,
    /// The method.
    pub method: String,
    /// From one point to the next.
    pub every_micros: u64,
    /// Points made in all trials.
    pub points_made: u64,
    /// Backups that failed.
    pub backups_failed: u64,
    /// Points at the end of all trials.
    pub points_at_end: u64,
    /// Blocks stored in all trials.
    pub blocks_stored: u64,
    /// Bytes in the store at the end of all trials, times the scale.
    pub bytes_at_end: u64,
    /// Largest, of the trials, of the bytes at any time.
    pub bytes_peak: u64,
    /// Bytes put in all trials.
    pub sent_bytes: u64,
    /// Microseconds of all backups that made a point.
    pub backup_micros: u64,
}

/// A spread: order statistics from a histogram of three significant digits. Whatever never came back is more than all
/// that did: a percentile that falls among it is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many have a time.
    pub count: u64,
    /// How many have none: everything was lost, or it was not over at the end.
    pub endless: u64,
    /// Smallest, microseconds.
    pub min_micros: u64,
    /// Mean of those that have one.
    pub mean_micros: u64,
    /// Half of all are up to this.
    pub p50_micros: Option<u64>,
    /// 90 % of all are.
    pub p90_micros: Option<u64>,
    /// 95 %.
    pub p95_micros: Option<u64>,
    /// 99 %.
    pub p99_micros: Option<u64>,
    /// Largest of those that have one.
    pub max_micros: u64,
    /// For charts: upper edge and count of each bucket that has any, at most 60 buckets.
    pub buckets: Vec<(u64, u64)>,
}

/// A named part of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// detect, declare, control-plane, provision, failover, rebuild, geo-failover, provider, media, restore, boot, validate, or wait.
    pub name: String,
    /// How long.
    pub micros: u64,
}

/// How an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Restored from a point.
    Restored,
    /// It was over before a recovery was declared.
    WaitedOut,
    /// No point could be restored.
    Lost,
    /// Not over at the end of the trial.
    Open,
}

/// One instance hit by one fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Trial, from 0; its seed is the outcome's plus this.
    pub trial: u32,
    /// The fault's number in the trial's schedule.
    pub fault: u32,
    /// What happened.
    pub kind: FaultKind,
    /// The instance.
    pub instance: String,
    /// When.
    pub at_micros: u64,
    /// How it ended.
    pub ending: Ending,
    /// The incident's instant minus the capture instant of what came back; `None` when nothing did, 0 when nothing was lost.
    pub rpo_micros: Option<u64>,
    /// Incident to service validated; `None` when that never was.
    pub rto_micros: Option<u64>,
    /// The parts of the RTO, in order.
    pub spans: Vec<Span>,
    /// The copy that it came from: `vault`, `vault, second region`, `snapshot`, `disk`, `tape`, `replica`,
    /// `replica, handed over`; after a colon, why it was no replica although there is one.
    pub restored_from: Option<String>,
    /// When the restored point was captured.
    pub captured_micros: Option<u64>,
    /// Points that the restored one hung on, itself included.
    pub chain_length: u32,
    /// Bytes fetched, times the scale.
    pub fetched_bytes: u64,
    /// Age of the oldest write that was lost, at the incident: what was truly lost, and 0 where nothing was. Never
    /// above `rpo_micros`.
    pub true_loss_micros: Option<u64>,
}

/// What happened in one trial, for a picture: the faults, the points of one instance, and its recoveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// The instance shown.
    pub instance: String,
    /// Faults that touched it or its stores: kind, where, from, until.
    pub faults: Vec<(FaultKind, String, u64, u64)>,
    /// Points: copy's number, captured, available from; at most the newest 500 before the incident shown.
    pub points: Vec<(u32, u64, u64)>,
    /// The incident shown: the first that was restored, else the first.
    pub incident: Option<IncidentRow>,
}

/// What was used in a month, by copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// Month from the start, 0 first; months of 365.25/12 days.
    pub month: u32,
    /// The copy's number.
    pub copy: u32,
    /// What it is kept on.
    pub to: To,
    /// How.
    pub redundancy: Redundancy,
    /// Byte-hours stored, times the scale.
    pub byte_hours: u128,
    /// Of these, of points that were deleted and can be brought back, or of packs that wait to be removed.
    pub deleted_byte_hours: u128,
    /// Instance-hours protected, by size of instance in bytes.
    pub instance_hours: Vec<(u64, u64)>,
    /// Requests that write or list.
    pub writes: u64,
    /// Requests that read.
    pub reads: u64,
    /// Bytes put to the store.
    pub put_bytes: u64,
    /// Bytes read from it.
    pub got_bytes: u64,
    /// Bytes copied to the second region.
    pub geo_bytes: u64,
    /// Bytes that left a region or site for another over the network, restores included.
    pub crossed_bytes: u64,
    /// Of these, bytes that left a region for a site.
    pub out_bytes: u64,
    /// Of these, bytes that came from a site.
    pub in_bytes: u64,
    /// Trips of a courier: with the first point (a vault), or with tapes.
    pub courier_trips: u64,
    /// Hours of machines that stand in while their own place is down.
    pub standby_hours: u64,
}

/// How far the same trial agrees in both fidelities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The strategy.
    pub strategy: String,
    /// Points made, retention and chain lengths are equal; a replica's points within a second of each other.
    pub points_equal: bool,
    /// Of them, kept points that were captured at different attempts: service was back in one fidelity before an
    /// attempt, and in the other after it.
    pub shifted: u64,
    /// Blocks stored are equal.
    pub blocks_equal: bool,
    /// Difference of bytes stored over time (byte-hours, which are what is priced), parts of a million.
    pub bytes_ppm: u64,
    /// Largest difference of bytes stored at the end, of any copy, parts of a million. Points that share
    /// packs (`forever`) can be apart here while a pack that was written anew waits beside its old form: one
    /// fidelity does so a prune earlier than the other.
    pub bytes_at_end_ppm: u64,
    /// Largest difference of the bytes of traffic, parts of a million: put, read, copied to the second region, and over
    /// networks between places, each summed over the copies.
    #[serde(default)]
    pub traffic_ppm: u64,
    /// Largest difference of the requests that write and that read, parts of a million.
    #[serde(default)]
    pub requests_ppm: u64,
    /// RPOs of all incidents are equal; of what a replica gave back within one batch of it, as one that lands about when
    /// a disaster strikes may be there in one fidelity and not in the other.
    pub rpo_equal: bool,
    /// Largest difference of an RTO, parts of a million.
    pub rto_ppm: u64,
}
