//! One trial: a strategy of a scenario, a seed's faults, and hands, from the first instant to the horizon.

pub mod agent;
pub mod debt;
pub mod ground;
pub mod hands;
pub mod meter;
pub mod rates;
pub mod reach;
pub mod record;
pub mod recovery;
pub mod replica;
pub mod strike;
pub mod tally;

#[cfg(test)]
pub(crate) mod sample;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use engine::format::point::Method;
use futures::lock::Mutex as Shared;

use crate::draw::Draws;
use crate::executor::Executor;
use crate::fault::Fault;
use crate::scenario::{DAY, Scenario};
use crate::workload::Trace;
use crate::world::account::{Flaw, Stored};

use ground::{Ground, OPERATORS, Plan, lock};
use hands::Hands;
use meter::MONTH;
use strike::Strikes;
use tally::{CopyTally, Tally};

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The number of the strategy.
    pub strategy: usize,
    /// The trial's seed.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Traces by group.
    pub traces: Arc<Vec<Option<Arc<Trace>>>>,
    /// A bug planted in the stores.
    pub flaw: Flaw,
    /// A request gives up after so long without progress; `None` where hands do that themselves.
    pub stall_micros: Option<u64>,
}

/// What came of a trial.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// Its sums.
    pub tally: Tally,
    /// Digest of its trace.
    pub digest: String,
    /// Events.
    pub events: u64,
    /// What checkers found.
    pub violations: Vec<String>,
    /// Points of the first instances, for pictures: instance, copy, captured, landed.
    pub points: Vec<(usize, u32, u64, u64)>,
}

/// After the horizon, recoveries under way may come to their end for so long.
const AFTERWARDS: u64 = 400 * DAY;
/// Instances whose points are kept for pictures.
const PICTURED: usize = 8;

/// Runs a trial with hands of one kind.
pub fn run<H: Hands>(setup: &Setup, kit: &Arc<H::Kit>) -> Trial {
    let mut executor = Executor::new();
    let plan = Plan {
        scenario: &setup.scenario,
        strategy: setup.strategy,
        draws: Draws::new(setup.seed),
        faults: setup.faults.clone(),
        traces: &setup.traces,
        flaw: setup.flaw,
        stall_micros: setup.stall_micros,
    };
    let ground: Arc<Ground<H::Stored>> = Arc::new(Ground::new(plan, executor.handle()));
    let copies = ground.strategy().copies.len();
    let hands = (0..ground.instances.len()).map(|instance| {
        let hands = (0..copies).map(|copy| H::new(&ground, kit, instance, copy));
        hands.map(|hands| Arc::new(Shared::new(hands))).collect()
    });
    let hands: Arc<Vec<Vec<Arc<Shared<H>>>>> = Arc::new(hands.collect());
    let replica = ground.strategy().replica().map(|(copy, _)| copy);
    let replicas = (0..ground.instances.len()).map(|instance| {
        let replica = replica.map(|copy| H::replica(&ground, kit, instance, copy));
        replica.map(|replica| Arc::new(Shared::new(replica)))
    });
    let replicas: Arc<Vec<Option<recovery::Following<H>>>> = Arc::new(replicas.collect());
    let tally = Arc::new(Mutex::new(Tally {
        copies: vec![CopyTally::default(); copies],
        ..Tally::default()
    }));
    let points = Arc::new(Mutex::new(Vec::new()));
    let strikes = Strikes {
        ground: Arc::clone(&ground),
        hands: Arc::clone(&hands),
        replicas: Arc::clone(&replicas),
        tally: Arc::clone(&tally),
        strained: Mutex::new(BTreeMap::new()),
    };
    Arc::new(strikes).schedule();
    watch(&ground, &tally);
    act(&ground, &hands, (&replicas, replica), (&tally, &points));
    let until = setup.scenario.horizon_micros.saturating_add(AFTERWARDS);
    let mut events = executor.run(Some(setup.scenario.horizon_micros));
    // Day by day, so that the last look is soon after the last thing that happened.
    while ground.handle.sleeps() > 0 && ground.handle.now() < until {
        events += executor.run(Some(ground.handle.now() + DAY));
    }
    let digest = ground.handle.digest();
    // What the last look reads nobody pays for.
    let quantities = lock(&ground.meter).clone().into_rows();
    inspect(&ground, &hands);
    events += executor.run(None);
    let violations = lock(&ground.violations).clone();
    let tally = Tally {
        quantities,
        ..lock(&tally).clone()
    };
    let points = lock(&points).clone();
    Trial {
        tally,
        digest,
        events,
        violations,
        points,
    }
}

/// The agents of all backups, and the followers of all replicas.
fn act<H: Hands>(
    ground: &Arc<Ground<H::Stored>>,
    hands: &[Vec<Arc<Shared<H>>>],
    (replicas, replica): (&[Option<recovery::Following<H>>], Option<usize>),
    (tally, points): (&Arc<Mutex<Tally>>, &agent::Pictured),
) {
    for (instance, hands) in hands.iter().enumerate() {
        for (copy, hands) in hands.iter().enumerate() {
            if let Some(replica) = replicas[instance]
                .as_ref()
                .filter(|_| replica == Some(copy))
            {
                let follower = replica::Follower::<H> {
                    ground: Arc::clone(ground),
                    replica: Arc::clone(replica),
                    instance,
                    copy,
                    tally: Arc::clone(tally),
                };
                ground.handle.spawn(OPERATORS, follower.run());
                continue;
            }
            let agent = agent::Agent {
                ground: Arc::clone(ground),
                hands: Arc::clone(hands),
                instance,
                copy,
                tally: Arc::clone(tally),
                pictured: (instance < PICTURED).then(|| Arc::clone(points)),
            };
            ground.handle.spawn(OPERATORS, agent.run());
        }
    }
}

/// The last look at what every copy holds.
fn inspect<H: Hands>(ground: &Arc<Ground<H::Stored>>, hands: &Arc<Vec<Vec<Arc<Shared<H>>>>>) {
    let (ground, hands) = (Arc::clone(ground), Arc::clone(hands));
    let handle = ground.handle.clone();
    handle.spawn(OPERATORS, async move {
        let is_backup = |copy: &usize| ground.copy(*copy).replica.is_none();
        let all = hands
            .iter()
            .flat_map(|hands| (0..hands.len()).filter(is_backup).map(|copy| &hands[copy]));
        for hands in all {
            for what in hands.lock().await.inspect().await {
                ground.violated(what);
            }
        }
    });
}

/// Reads the meters: every day what is protected, every month what was stored, at the horizon all of it.
fn watch<V: Stored>(ground: &Arc<Ground<V>>, tally: &Arc<Mutex<Tally>>) {
    let (ground, tally) = (Arc::clone(ground), Arc::clone(tally));
    let handle = ground.handle.clone();
    handle.spawn(OPERATORS, async move {
        let horizon = ground.scenario.horizon_micros;
        let (mut day, mut month) = (DAY, MONTH);
        loop {
            let at = day.min(month).min(horizon);
            ground.handle.sleep_until(at).await;
            if at == day || at == horizon {
                daily(&ground, at);
                day += DAY;
            }
            if at == month || at == horizon {
                monthly(&ground, at);
                month += MONTH;
            }
            if at == horizon {
                return finish(&ground, &mut lock(&tally));
            }
        }
    });
}

/// What is protected today, as if it had been so for the day that ends.
fn daily<V: Stored>(ground: &Ground<V>, at: u64) {
    let hours = 24;
    let mut meter = lock(&ground.meter);
    for (instance, machine) in ground.instances.iter().enumerate() {
        let state = ground.state(instance);
        for (copy, records) in state.records.iter().enumerate() {
            let kept = &state.kept[copy];
            if records.is_empty() && kept.points.is_empty() {
                continue;
            }
            meter.at(at - 1, copy).byte_hours += u128::from(kept.history_bytes) * u128::from(hours);
            meter.protect(at - 1, copy, machine.group.bytes, hours);
            let row = meter.at(at - 1, copy);
            if ground.copy(copy).method != Method::Forever {
                row.deleted_byte_hours += u128::from(records.deleted_bytes()) * u128::from(hours);
            }
            if state.place != machine.place && copy == 0 {
                row.standby_hours += hours;
            }
        }
    }
}

/// Microseconds of an hour.
const HOUR: u128 = 3_600_000_000;

fn monthly<V: Stored>(ground: &Ground<V>, at: u64) {
    let mut meter = lock(&ground.meter);
    for store in &ground.stores {
        let mut account = lock(&store.account);
        let row = meter.at(at - 1, store.copy);
        row.byte_hours += account.take_integral(at) / HOUR;
        account.settle(at);
        if let Some(courier) = &ground.copy(store.copy).offsite {
            row.courier_trips += MONTH / courier.every_micros.max(1);
        }
    }
}

fn finish<V: Stored>(ground: &Ground<V>, tally: &mut Tally) {
    for store in &ground.stores {
        let account = lock(&store.account);
        tally.copies[store.copy].bytes += account.bytes();
        tally.copies[store.copy].peak += account.peak();
    }
    for instance in 0..ground.instances.len() {
        let state = ground.state(instance);
        for (copy, records) in state.records.iter().enumerate() {
            let kept = records
                .iter()
                .filter(|(_, record)| record.deleted.is_none());
            let replicated = state.kept[copy]
                .points
                .iter()
                .map(|captured| (*captured, *captured));
            let kept: Vec<(u64, u64)> = kept
                .map(|(_, record)| (record.due, record.captured))
                .chain(replicated)
                .collect();
            tally.copies[copy].kept += kept.len() as u64;
            tally.copies[copy].kept_points.push(kept);
        }
    }
}

#[cfg(test)]
mod tests;
