//! Faults beyond the script, until something breaks that must not; then the fewest that still break it.
//!
//! Swarm testing (Groce, Zhang, Eide, Chen, Regehr, ISSTA 2012): each seed switches whole kinds of faults off, so
//! that what one kind hides another seed shows. Every trial runs through the real engine with all checkers on.

mod shrink;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Result;
use serde::{Deserialize, Serialize};

use crate::draw::Draws;
use crate::emulated;
use crate::fault::{Fault, expand, number, schedule};
use crate::outcome::scenario::Ending;
use crate::scenario::{DAY, Drawn, FaultKind, FaultSpec, HOUR, MINUTE, Scenario, Target, When};
use crate::sweep::Prepared;
use crate::trial::Setup;
use crate::world::account::Flaw;

pub use shrink::{fewest, shrink};

/// What to look for, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Seed of the first trial.
    pub seed: u64,
    /// Trials of each strategy.
    pub seeds: u32,
    /// A bug planted in the stores, to see that it is found.
    pub flaw: Flaw,
}

/// A schedule that can be saved and replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// BLAKE3 of the scenario's text.
    pub scenario_digest: String,
    /// The strategy's name.
    pub strategy: String,
    /// The trial's seed.
    pub seed: u64,
    /// How long the trial lasts.
    pub horizon_micros: u64,
    /// Instances of each group.
    pub counts: Vec<u32>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// What was broken, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// As it was drawn.
    pub drawn: Schedule,
    /// The smallest that still breaks something.
    pub smallest: Schedule,
    /// What the smallest breaks.
    pub violations: Vec<String>,
    /// Trials that the shrinking took.
    pub trials: u32,
}

/// What came of the search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Trials run before the finding, if there is one.
    pub trials: u32,
    /// Faults that struck in them, by kind.
    pub struck: Vec<(FaultKind, u64)>,
    /// Incidents, and those that were recovered.
    pub incidents: u64,
    /// Of these, recovered.
    pub recovered: u64,
    /// How they ended, by ending.
    pub endings: Vec<(Ending, u64)>,
    /// What was found.
    pub finding: Option<Finding>,
}

/// Hears of each trial before it runs.
pub trait Listener {
    /// The trial `number` of `of`: a strategy under a schedule.
    fn trial(&mut self, number: u32, of: u32, schedule: &Schedule);
    /// It broke something; the fewest faults are looked for.
    fn found(&mut self, violations: &[String]);
    /// One more trial of the shrinking: faults that are left.
    fn shrinking(&mut self, trial: u32, faults: usize);
}

/// Kinds with how often each strikes in a horizon on average (thousandths), and for how long.
fn kinds() -> [(FaultKind, u64, Drawn, u64); 18] {
    let hours = |median: u64| Drawn::Lognormal {
        median_micros: median * HOUR,
        sigma_milli: 1054,
    };
    let repair = Drawn::Uniform(10 * MINUTE, 6 * HOUR);
    let noticed = Drawn::Uniform(HOUR, 9 * DAY);
    [
        (FaultKind::InstanceDisk, 2_000, Drawn::Fixed(1), 0),
        (FaultKind::StoreCopy, 12_000, repair, 0),
        (FaultKind::ZoneOutage, 1_500, hours(4), 0),
        (FaultKind::ZoneDestroyed, 150, Drawn::Fixed(1), 0),
        (FaultKind::RegionOutage, 1_500, hours(4), 20_000),
        (FaultKind::RegionDestroyed, 150, Drawn::Fixed(1), 0),
        (FaultKind::PairOutage, 300, hours(4), 0),
        (FaultKind::LinkCut, 3_000, hours(2), 0),
        (FaultKind::LinkSlow, 3_000, hours(6), 0),
        (FaultKind::StoreErrors, 4_000, hours(3), 200_000),
        (FaultKind::SilentCorruption, 1_000, Drawn::Fixed(1), 0),
        (
            FaultKind::ProcessCrash,
            6_000,
            Drawn::Uniform(MINUTE, HOUR),
            0,
        ),
        (FaultKind::DataDeleted, 1_500, noticed, 0),
        (FaultKind::PointsDeleted, 700, noticed, 0),
        (FaultKind::Ransomware, 500, noticed, 0),
        (FaultKind::RansomwareAndBackups, 300, noticed, 0),
        (FaultKind::LostKey, 30, Drawn::Fixed(1), 0),
        (FaultKind::ControlPlane, 1_000, hours(2), 0),
    ]
}

/// The schedule of a seed: the scenario's own faults, and what chaos adds.
pub fn drawn(scenario: &Scenario, seed: u64) -> Vec<Fault> {
    let draws = Draws::new(seed);
    let mut faults = schedule(scenario, draws);
    for (kind, often_milli, lasts, share_ppm) in kinds() {
        let entity = format!("chaos {kind:?}");
        if draws.stream(&entity, "swarm", 0).once_in(2) {
            continue;
        }
        let spec = FaultSpec {
            kind,
            when: When::Every((scenario.horizon_micros / often_milli.max(1)).saturating_mul(1000)),
            lasts,
            target: Target::default(),
            share_ppm,
            warned_micros: 0,
        };
        expand(scenario, &spec, &entity, draws, &mut faults);
    }
    number(&mut faults);
    faults
}

/// Tries seed after seed, each strategy under each, until something breaks.
///
/// # Errors
/// Where there is no room for the simulated disks.
pub fn run(prepared: &Prepared, request: &Request, listener: &mut dyn Listener) -> Result<Outcome> {
    let strategies = prepared.scenario.strategies.len();
    let of = request.seeds.saturating_mul(strategies as u32);
    let mut outcome = Outcome::default();
    let (mut struck, mut endings) = (BTreeMap::new(), BTreeMap::new());
    'seeds: for turn in 0..request.seeds {
        let seed = request.seed.wrapping_add(u64::from(turn));
        let faults = drawn(&prepared.scenario, seed);
        for strategy in 0..strategies {
            let schedule = Schedule {
                scenario_digest: prepared.scenario.digest.clone(),
                strategy: prepared.scenario.strategies[strategy].name.clone(),
                seed,
                horizon_micros: prepared.scenario.horizon_micros,
                counts: prepared
                    .scenario
                    .groups
                    .iter()
                    .map(|group| group.count)
                    .collect(),
                faults: faults.clone(),
            };
            listener.trial(outcome.trials + 1, of, &schedule);
            let trial = emulated::run(&setup(prepared, strategy, &schedule, request.flaw))?;
            outcome.trials += 1;
            outcome.incidents += trial.tally.incidents.len() as u64;
            for row in &trial.tally.incidents {
                outcome.recovered += u64::from(row.rto_micros.is_some());
                *endings.entry(row.ending).or_insert(0_u64) += 1;
            }
            for fault in &faults {
                *struck.entry(fault.kind).or_insert(0_u64) += 1;
            }
            if !trial.violations.is_empty() {
                listener.found(&trial.violations);
                let finding = shrink(prepared, strategy, schedule, request.flaw, listener)?;
                outcome.finding = Some(finding);
                break 'seeds;
            }
        }
    }
    outcome.struck = struck.into_iter().collect();
    outcome.endings = endings.into_iter().collect();
    Ok(outcome)
}

/// What a saved schedule breaks; nothing is good.
///
/// # Errors
/// `Invalid` for a schedule of another scenario; as [`run`].
pub fn replay(prepared: &Prepared, schedule: &Schedule, flaw: Flaw) -> Result<Vec<String>> {
    let strategies = &prepared.scenario.strategies;
    let strategy = strategies
        .iter()
        .position(|strategy| strategy.name == schedule.strategy);
    let (Some(strategy), true) = (
        strategy,
        schedule.scenario_digest == prepared.scenario.digest,
    ) else {
        return Err(engine::Error::new(
            engine::ErrorKind::Invalid,
            "the schedule is of another scenario, or the scenario was changed since: replay it with the one it was \
             drawn for",
        ));
    };
    Ok(emulated::run(&setup(prepared, strategy, schedule, flaw))?.violations)
}

/// The trial of a schedule.
fn setup(prepared: &Prepared, strategy: usize, schedule: &Schedule, flaw: Flaw) -> Setup {
    let mut scenario = (*prepared.scenario).clone();
    scenario.horizon_micros = schedule.horizon_micros;
    for (group, count) in scenario.groups.iter_mut().zip(&schedule.counts) {
        group.count = *count;
    }
    Setup {
        scenario: Arc::new(scenario),
        strategy,
        seed: schedule.seed,
        faults: schedule.faults.clone(),
        traces: Arc::clone(&prepared.traces),
        flaw,
        stall_micros: None,
    }
}

#[cfg(test)]
mod tests;
