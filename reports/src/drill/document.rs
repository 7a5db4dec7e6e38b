//! A drill's rows with what follows from them: `evidence.json`.
#![expect(
    clippy::cast_precision_loss,
    reason = "seconds and ratios are shown in a few digits"
)]

use serde::{Deserialize, Serialize};
use simulator::drill::rows::{Drill, InstanceDrill, PointDrill, Stages};

use super::objectives::{Objective, Objectives};
use super::words;

/// The version of the document's form.
const FORMAT: u32 = 1;

/// How a drill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All that was read is whole, and the objectives, if any, are met.
    Met,
    /// All that was read is whole, and an objective is not met.
    Missed,
    /// Something is damaged.
    Damaged,
}

/// What a drill proves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The version of this document's form.
    pub format: u32,
    /// How it ended.
    pub verdict: Verdict,
    /// The same in words: can it be restored?
    pub answer: String,
    /// Bytes read back and verified by this drill.
    pub verified_bytes: u64,
    /// From the command's start to the end of all reading.
    pub wall_seconds: f64,
    /// The stage that took longest, all points together.
    pub slowest_stage: Option<String>,
    /// What of the vault's content was ever read back, between 0 and 1.
    pub coverage_ratio: f64,
    /// When the last drill began that found nothing damaged, this one included.
    pub last_good_seconds: Option<i64>,
    /// How each instance stands against its objective.
    pub instances: Vec<InstanceEvidence>,
    /// What follows for each point that was restored.
    pub points: Vec<PointEvidence>,
    /// The rows themselves.
    pub drill: Drill,
}

/// How an instance stands against its objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceEvidence {
    /// The instance.
    pub instance: String,
    /// How long it takes to have it back.
    pub rto_seconds: Option<f64>,
    /// Whether that is a prediction.
    pub rto_predicted: bool,
    /// The age of its newest good point when the drill began.
    pub rpo_seconds: Option<u64>,
    /// What was asked.
    pub objective: Objective,
    /// Whether the RTO is met; what is not known is not met.
    pub rto_met: Option<bool>,
    /// Whether the RPO is met.
    pub rpo_met: Option<bool>,
}

/// What follows for a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointEvidence {
    /// The point.
    pub point: String,
    /// From the command's start to the last verified byte, as if it were restored alone.
    pub rto_seconds: f64,
    /// What of that the prediction speaks of.
    pub compared_seconds: f64,
    /// What was predicted.
    pub predicted_seconds: Option<f64>,
    /// By how much of what was measured the prediction was too long (above 0) or too short.
    pub prediction_error_ratio: Option<f64>,
    /// Bytes of content for each second.
    pub content_bytes_per_second: f64,
    /// The stage that took longest.
    pub slowest_stage: String,
}

pub(super) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl Evidence {
    /// Draws the conclusions of a drill.
    pub fn new(drill: Drill, objectives: &Objectives) -> Self {
        let rows = drill.instances.iter();
        let mut instances: Vec<_> = rows.map(|row| instance(row, objectives)).collect();
        instances.extend(unprotected(&drill, objectives));
        let missed = instances
            .iter()
            .any(|one| one.rto_met == Some(false) || one.rpo_met == Some(false));
        let verdict = match (drill.failures_total, missed) {
            (0, false) => Verdict::Met,
            (0, true) => Verdict::Missed,
            _ => Verdict::Damaged,
        };
        let good = drill.history.iter().rev().find(|past| past.good);
        let coverage = &drill.coverage;
        let mut evidence = Self {
            format: FORMAT,
            verdict,
            answer: String::new(),
            verified_bytes: verified_bytes(&drill),
            wall_seconds: seconds(drill.wall_micros),
            slowest_stage: (!drill.points.is_empty())
                .then(|| slowest(&all_stages(&drill)).to_owned()),
            coverage_ratio: if coverage.bytes == 0 {
                1.0
            } else {
                coverage.read_bytes as f64 / coverage.bytes as f64
            },
            last_good_seconds: if drill.failures_total == 0 {
                Some(drill.started_seconds)
            } else {
                good.map(|past| past.at_seconds)
            },
            points: drill.points.iter().map(|row| point(&drill, row)).collect(),
            instances,
            drill,
        };
        evidence.answer = words::answer(&evidence);
        evidence
    }
}

fn verified_bytes(drill: &Drill) -> u64 {
    let points: u64 = drill.points.iter().map(|row| row.content_bytes).sum();
    points + drill.sample.map_or(0, |sample| sample.bytes)
}

fn instance(row: &InstanceDrill, objectives: &Objectives) -> InstanceEvidence {
    let objective = objectives.of(&row.instance);
    let rto_seconds = row.rto_micros.map(seconds);
    InstanceEvidence {
        instance: row.instance.clone(),
        rto_seconds,
        rto_predicted: row.rto_predicted,
        rpo_seconds: row.rpo_seconds,
        objective,
        rto_met: objective
            .rto_seconds
            .map(|most| rto_seconds.is_some_and(|rto| rto <= most as f64)),
        rpo_met: objective
            .rpo_seconds
            .map(|most| row.rpo_seconds.is_some_and(|rpo| rpo <= most)),
    }
}

/// Instances that have an objective and no point at all: nobody would miss them otherwise.
fn unprotected(drill: &Drill, objectives: &Objectives) -> Vec<InstanceEvidence> {
    let has_point = |name: &str| drill.instances.iter().any(|row| row.instance == name);
    let names = objectives.instances.keys();
    let lacking = names.filter(|name| !drill.filtered && !has_point(name));
    lacking
        .map(|name| {
            let objective = objectives.of(name);
            InstanceEvidence {
                instance: name.clone(),
                rto_seconds: None,
                rto_predicted: false,
                rpo_seconds: None,
                objective,
                rto_met: objective.rto_seconds.map(|_| false),
                rpo_met: objective.rpo_seconds.map(|_| false),
            }
        })
        .collect()
}

fn point(drill: &Drill, row: &PointDrill) -> PointEvidence {
    let measured = seconds(row.stages.total_micros());
    let compared = seconds(row.compared_micros(drill.basis));
    let predicted = row.predicted.map(|stages| seconds(stages.total_micros()));
    let content =
        seconds(row.stages.fetch_micros + row.stages.open_micros + row.stages.write_micros);
    PointEvidence {
        point: row.point.clone(),
        rto_seconds: measured,
        compared_seconds: compared,
        predicted_seconds: predicted,
        prediction_error_ratio: predicted
            .filter(|_| compared > 0.0)
            .map(|predicted| predicted / compared - 1.0),
        content_bytes_per_second: if content > 0.0 {
            row.content_bytes as f64 / content
        } else {
            0.0
        },
        slowest_stage: slowest(&row.stages).to_owned(),
    }
}

/// The stages of all points together; the vault is opened and its catalog read once.
pub(super) fn all_stages(drill: &Drill) -> Stages {
    let mut sum = Stages::default();
    for Stages {
        vault_micros,
        catalog_micros,
        index_micros,
        listing_micros,
        fetch_micros,
        open_micros,
        write_micros,
        validate_micros,
    } in drill.points.iter().map(|row| row.stages)
    {
        sum = Stages {
            vault_micros,
            catalog_micros,
            index_micros: sum.index_micros + index_micros,
            listing_micros: sum.listing_micros + listing_micros,
            fetch_micros: sum.fetch_micros + fetch_micros,
            open_micros: sum.open_micros + open_micros,
            write_micros: sum.write_micros + write_micros,
            validate_micros: sum.validate_micros + validate_micros,
        };
    }
    sum
}

/// The stage that took longest.
pub(super) fn slowest(stages: &Stages) -> &'static str {
    let named = stages.named();
    let longest = named.iter().max_by_key(|(_, micros)| *micros);
    longest.map_or("", |(name, _)| name)
}
