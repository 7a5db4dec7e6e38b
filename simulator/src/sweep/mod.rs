//! A scenario's trials: every strategy under the same faults, many seeds over all cores, summed up.

mod agree;
mod assumptions;
mod gather;

use std::path::Path;
use std::sync::{Arc, mpsc};

use engine::error::Result;
use engine::seam::{Threads, Workers};

use crate::draw::Draws;
use crate::emulated;
use crate::fault::{Fault, schedule};
use crate::measured::Watcher;
use crate::modelled::{Fit, Fits, ModelHands};
use crate::outcome::Fidelity;
use crate::outcome::scenario::ScenarioOutcome;
use crate::scenario::{Changes, Scenario};
use crate::trial::{self, Setup, Trial};
use crate::workload::{Trace, tick_of};
use crate::world::account::Flaw;

pub use agree::agreement;
pub use gather::Gather;
pub(crate) use gather::spread_of;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Request {
    /// The program's version.
    pub program_version: String,
    /// The command line that does it again.
    pub command: String,
    /// Modelled trials; none where 0.
    pub trials: u32,
    /// Whether the first trial also runs through the real engine.
    pub emulated: bool,
    /// Faults to replay instead of what the seed draws.
    pub faults: Option<Vec<Fault>>,
}

/// What trials of a scenario share.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Traces by group.
    pub traces: Arc<Vec<Option<Arc<Trace>>>>,
    /// What the engine stores for each group, measured.
    pub fits: Vec<Arc<Fit>>,
}

impl Prepared {
    /// Reads traces and measures what the engine makes of each group's data.
    ///
    /// # Errors
    /// For a trace that can't be read, and whatever the engine meets.
    pub fn new(scenario: Scenario) -> Result<Self> {
        let tick = tick_of(&scenario);
        let mut traces = Vec::new();
        let mut fits = Vec::new();
        for group in &scenario.groups {
            traces.push(match &group.changes {
                Changes::Trace(path) => {
                    let block = group.bytes / u64::from(group.blocks.max(1));
                    let trace = Trace::read(Path::new(path), group.blocks, block, tick)?;
                    Some(Arc::new(trace))
                }
                _ => None,
            });
            fits.push(Arc::new(emulated::measure(group)?));
        }
        Ok(Self {
            scenario: Arc::new(scenario),
            traces: Arc::new(traces),
            fits,
        })
    }

    /// The setup of a trial.
    pub fn setup(&self, strategy: usize, trial: u32, faults: Option<&[Fault]>) -> Setup {
        let seed = self.scenario.seed.wrapping_add(u64::from(trial));
        let faults = faults.map_or_else(
            || schedule(&self.scenario, Draws::new(seed)),
            <[Fault]>::to_vec,
        );
        Setup {
            scenario: Arc::clone(&self.scenario),
            strategy,
            seed,
            faults,
            traces: Arc::clone(&self.traces),
            flaw: Flaw::None,
            stall_micros: None,
        }
    }

    /// What modelled hands of a strategy share.
    pub fn kit(&self, strategy: usize) -> Arc<Fits> {
        let copies = &self.scenario.strategies[strategy].copies;
        Arc::new(Fits::new(
            self.fits.clone(),
            copies,
            self.scenario.start_seconds,
        ))
    }
}

/// Trials that each thread has before it at once.
const AHEAD: usize = 4;

/// Runs a scenario.
///
/// # Errors
/// As [`Prepared::new`] and the emulated trial.
pub fn run(
    scenario: Scenario,
    request: &Request,
    watcher: &dyn Watcher,
) -> Result<ScenarioOutcome> {
    let strategies = scenario.strategies.len();
    let steps = strategies as u64 * (u64::from(request.trials) + u64::from(request.emulated) * 50);
    let mut steps = Steps {
        watcher,
        at: 0,
        of: steps,
    };
    let prepared = Prepared::new(scenario)?;
    let threads = Threads::per_core();
    let (mut rows, mut agreements) = (Vec::new(), Vec::new());
    let mut firsts = Vec::new();
    for strategy in 0..strategies {
        let name = prepared.scenario.strategies[strategy].name.clone();
        let mut gather = Gather::new(&prepared, strategy, Fidelity::Modelled);
        let first = modelled(
            &prepared,
            strategy,
            request,
            &threads,
            &mut gather,
            &mut |done| {
                steps.next(done, &format!("{name}: modelled trials"));
            },
        );
        firsts.push(first);
        if request.trials > 0 {
            rows.push(gather.finish());
        }
    }
    for (strategy, first) in firsts.iter().enumerate().filter(|_| request.emulated) {
        let name = &prepared.scenario.strategies[strategy].name;
        steps.next(0, &format!("{name}: through the engine"));
        let setup = prepared.setup(strategy, 0, request.faults.as_deref());
        let trial = emulated::run(&setup)?;
        steps.next(50, &format!("{name}: through the engine"));
        if let Some(first) = first {
            agreements.push(agreement(&prepared.scenario, name, &trial, first));
        }
        let mut gather = Gather::new(&prepared, strategy, Fidelity::Emulated);
        gather.add(0, &setup.faults, trial);
        rows.push(gather.finish());
    }
    Ok(outcome(&prepared, request, rows, agreements))
}

/// The modelled trials of a strategy, over all cores; gives the first.
fn modelled(
    prepared: &Prepared,
    strategy: usize,
    request: &Request,
    threads: &Threads,
    gather: &mut Gather,
    done: &mut dyn FnMut(u64),
) -> Option<Trial> {
    let kit = prepared.kit(strategy);
    let mut first = None;
    let at_once = threads.cores() * AHEAD;
    for begin in (0..request.trials).step_by(at_once) {
        let end = request.trials.min(begin + at_once as u32);
        let (sender, receiver) = mpsc::channel();
        for number in begin..end {
            let setup = prepared.setup(strategy, number, request.faults.as_deref());
            let (kit, sender) = (Arc::clone(&kit), sender.clone());
            threads.compute(Box::new(move || {
                let trial = trial::run::<ModelHands>(&setup, &kit);
                // Whoever asked may be gone: then nobody wants it.
                let _ = sender.send((number, setup.faults, trial)).is_ok();
            }));
        }
        drop(sender);
        let mut trials: Vec<_> = receiver.iter().collect();
        trials.sort_by_key(|(number, ..)| *number);
        for (number, faults, trial) in trials {
            if number == 0 {
                first = Some(trial.clone());
            }
            gather.add(number, &faults, trial);
        }
        done(u64::from(end - begin));
    }
    first
}

struct Steps<'a> {
    watcher: &'a dyn Watcher,
    at: u64,
    of: u64,
}

impl Steps<'_> {
    fn next(&mut self, done: u64, what: &str) {
        self.at += done;
        self.watcher.step(self.at + 1, self.of, what);
    }
}

fn outcome(
    prepared: &Prepared,
    request: &Request,
    strategies: Vec<crate::outcome::scenario::StrategyOutcome>,
    agreements: Vec<crate::outcome::scenario::Agreement>,
) -> ScenarioOutcome {
    let scenario = &prepared.scenario;
    let bytes = scenario
        .groups
        .iter()
        .map(|group| group.bytes * u64::from(group.count));
    ScenarioOutcome {
        program_version: request.program_version.clone(),
        command: request.command.clone(),
        scenario: scenario.name.clone(),
        question: scenario.question.clone(),
        scenario_digest: scenario.digest.clone(),
        seed: scenario.seed,
        start_seconds: scenario.start_seconds,
        horizon_micros: scenario.horizon_micros,
        instances: scenario.instances() as u64,
        protected_bytes: bytes.sum(),
        rpo_objective_micros: scenario.objectives.rpo_micros,
        rto_objective_micros: scenario.objectives.rto_micros,
        downtime_per_hour: scenario.penalty.map(|penalty| penalty.downtime_per_hour),
        lost_data_per_hour: scenario.penalty.map(|penalty| penalty.lost_data_per_hour),
        assumptions: assumptions::of(scenario),
        strategies,
        agreements,
    }
}
