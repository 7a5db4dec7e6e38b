//! A drill and its twin as the rows of a scenario: one strategy, measured and emulated.

use crate::outcome::Fidelity;
use crate::outcome::scenario::{
    Assumption, CopyOutcome, Ending, IncidentRow, ScenarioOutcome, Span, StrategyOutcome, Timeline,
};
use crate::quantity::Time;
use crate::scenario::{FaultKind, Redundancy, To, YEAR};
use crate::sweep::spread_of;

use super::{Change, Drill, Played};

/// The name of what a drill tries.
const STRATEGY: &str = "site recovery";

/// What is told of a drill beside what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drilled {
    /// The program's version.
    pub program_version: String,
    /// What plays it again.
    pub command: String,
    /// When it was, in Unix seconds.
    pub start_seconds: i64,
    /// The disk's name.
    pub disk: String,
    /// What the two sites were joined by.
    pub network: String,
}

/// The rows of a drill, and of its twin's plays: a horizon of a year with one such disaster, as nothing else is known of
/// how often it comes.
pub fn outcome(
    drill: &Drill,
    drilled: &Drilled,
    measured: &Played,
    twin: &[Played],
) -> ScenarioOutcome {
    let strategy = |fidelity, played: &[Played]| strategy(drill, drilled, fidelity, played);
    ScenarioOutcome {
        program_version: drilled.program_version.clone(),
        command: drilled.command.clone(),
        scenario: "regional drill".to_owned(),
        question: "A region is lost while the link is slower than what is written. What is lost, for how long is service \
                   down, and does the twin say so?"
            .to_owned(),
        scenario_digest: digest(drill),
        seed: 0,
        start_seconds: drilled.start_seconds,
        horizon_micros: YEAR,
        instances: 1,
        protected_bytes: drill.disk_bytes,
        rpo_objective_micros: None,
        rto_objective_micros: None,
        downtime_per_hour: None,
        lost_data_per_hour: None,
        assumptions: assumptions(drill, drilled),
        strategies: vec![
            strategy(Fidelity::Measured, &[*measured]),
            strategy(Fidelity::Emulated, twin),
        ],
        agreements: Vec::new(),
    }
}

/// Of everything that the twin was told.
fn digest(drill: &Drill) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{drill:?}").as_bytes());
    hasher.finalize().to_hex().to_string()
}

fn assumptions(drill: &Drill, drilled: &Drilled) -> Vec<Assumption> {
    let assumed = |what: &str, value: String, source: &str| Assumption {
        what: what.to_owned(),
        value,
        source: source.to_owned(),
    };
    vec![
        assumed(
            "how often it happens",
            "once a year".to_owned(),
            "a judgement: a drill says nothing of it",
        ),
        assumed("the network", drilled.network.clone(), "the drill"),
        assumed(
            "a record of the client",
            format!("every {}", Time(drill.record_micros)),
            "the drill's own mean",
        ),
        assumed(
            "a batch",
            format!("every {}", Time(drill.batch_micros)),
            "firedrill's default",
        ),
        assumed(
            "the operator, to the twin",
            Time(drill.operator_micros).to_string(),
            "a test failover of the same sites before: its command, and one read of the whole disk",
        ),
        assumed(
            "costs",
            "none are counted".to_owned(),
            "the sites are processes of one machine",
        ),
    ]
}

fn row(drill: &Drill, disk: &str, trial: u32, played: &Played) -> IncidentRow {
    let failover = Span {
        name: "failover".to_owned(),
        micros: played.rto_micros,
    };
    IncidentRow {
        trial,
        fault: 0,
        kind: FaultKind::RegionOutage,
        instance: disk.to_owned(),
        at_micros: drill.lost_micros,
        ending: Ending::Restored,
        rpo_micros: Some(played.rpo_micros),
        rto_micros: Some(played.rto_micros),
        spans: vec![failover],
        restored_from: Some("replica".to_owned()),
        captured_micros: Some(drill.lost_micros.saturating_sub(played.rpo_micros)),
        chain_length: 1,
        fetched_bytes: 0,
        true_loss_micros: Some(played.true_loss_micros),
    }
}

fn strategy(
    drill: &Drill,
    drilled: &Drilled,
    fidelity: Fidelity,
    played: &[Played],
) -> StrategyOutcome {
    let rows: Vec<IncidentRow> = (0..)
        .zip(played)
        .map(|(trial, played)| row(drill, &drilled.disk, trial, played))
        .collect();
    let rto = spread_of(rows.iter().filter_map(|row| row.rto_micros));
    let count = rows.len() as u64;
    StrategyOutcome {
        strategy: STRATEGY.to_owned(),
        component: None,
        copies: vec![CopyOutcome {
            to: To::Replica,
            redundancy: Redundancy::Single,
            method: "in batches".to_owned(),
            every_micros: drill.batch_micros,
            points_made: 0,
            backups_failed: 0,
            points_at_end: 0,
            blocks_stored: 0,
            bytes_at_end: 0,
            bytes_peak: 0,
            sent_bytes: played.iter().map(|played| played.sent_bytes).sum(),
            backup_micros: 0,
        }],
        fidelity,
        trials: count as u32,
        scale: None,
        trace_digest: String::new(),
        events: 0,
        incidents: count,
        recovered: count,
        waited_out: 0,
        lost: 0,
        rpo_met: count,
        rto_met: count,
        rpo: spread_of(rows.iter().filter_map(|row| row.rpo_micros)),
        spans_mean: vec![Span {
            name: "failover".to_owned(),
            micros: rto.mean_micros,
        }],
        rto,
        timeline: Timeline {
            instance: drilled.disk.clone(),
            faults: faults(drill),
            points: Vec::new(),
            incident: rows.first().cloned(),
        },
        rows,
        quantities: Vec::new(),
        violations: Vec::new(),
    }
}

/// What befell the link, and the loss at the end.
fn faults(drill: &Drill) -> Vec<(FaultKind, String, u64, u64)> {
    let place = "the first site".to_owned();
    let mut faults = Vec::new();
    let mut begun: Option<(FaultKind, u64)> = None;
    for (at, change) in &drill.changes {
        if let Some((kind, from)) = begun.take() {
            faults.push((kind, place.clone(), from, *at));
        }
        begun = match change {
            Change::Cut => Some((FaultKind::LinkCut, *at)),
            Change::Speed(speed) if *speed < drill.bytes_per_second => {
                Some((FaultKind::LinkSlow, *at))
            }
            Change::Speed(_) | Change::Heal => None,
        };
    }
    if let Some((kind, from)) = begun {
        faults.push((kind, place.clone(), from, drill.lost_micros));
    }
    faults.push((FaultKind::RegionOutage, place, drill.lost_micros, YEAR));
    faults
}
