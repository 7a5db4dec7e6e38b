//! A planted bug is found and shrunk; without it nothing is.

use std::collections::BTreeSet;
use std::ops::Range;

use engine::format::point::Method;

use super::{Listener, Outcome, Request, Schedule, drawn, kinds, replay, run};
use crate::outcome::scenario::Ending;
use crate::scenario::{DAY, Drawn, FaultKind, HOUR, Redundancy, Scenario};
use crate::sweep::Prepared;
use crate::trial::sample;
use crate::world::account::Flaw;

struct Silent;

impl Listener for Silent {
    fn trial(&mut self, _: u32, _: u32, _: &Schedule) {}
    fn found(&mut self, _: &[String]) {}
    fn shrinking(&mut self, _: u32, _: usize) {}
}

/// A month, three machines of few blocks, one copy in one datacenter and one in two regions.
fn scenario() -> Scenario {
    let mut scenario = sample::scenario();
    scenario.horizon_micros = 28 * DAY;
    // Long enough that many an outage is over before.
    scenario.operator.declare = Drawn::Fixed(6 * HOUR);
    let group = &mut scenario.groups[0];
    (group.blocks, group.real_block_bytes, group.count) = (16, 512, 2);
    let copies = &mut scenario.strategies[0].copies;
    copies[0].redundancy = Redundancy::Lrs;
    copies[0].soft_delete_micros = 5 * DAY;
    copies.push(sample::copy(Method::Differential, Redundancy::Grs));
    copies[1].at_micros = 3 * HOUR;
    copies[1].soft_delete_micros = 5 * DAY;
    copies[1].full_every = 5;
    scenario
}

fn search(prepared: &Prepared, seed: u64, seeds: u32, flaw: Flaw) -> Outcome {
    let request = Request { seed, seeds, flaw };
    run(prepared, &request, &mut Silent).expect("it runs")
}

/// The kinds that so many seeds draw.
fn kinds_of(scenario: &Scenario, seeds: Range<u64>) -> BTreeSet<FaultKind> {
    let faults = seeds.flat_map(|seed| drawn(scenario, seed));
    faults.map(|fault| fault.kind).collect()
}

#[test]
fn what_is_acknowledged_early_is_found_and_shrunk() {
    let prepared = Prepared::new(scenario()).expect("it is measured");
    let flaw = Flaw::EarlyAcknowledgement(6 * HOUR);
    let outcome = search(&prepared, 1, 10, flaw);
    let finding = outcome.finding.expect("it is found");
    let (drawn, smallest) = (&finding.drawn, &finding.smallest);
    assert!(drawn.faults.len() > smallest.faults.len(), "{drawn:#?}");
    assert!(smallest.faults.len() <= 3, "{smallest:#?}");
    // It is told as a file, and means the same when it is read again, with the bug and without.
    let saved = toml::to_string(smallest).expect("it is written");
    let saved: Schedule = toml::from_str(&saved).expect("it is read");
    assert_eq!(&saved, smallest);
    let again = replay(&prepared, &saved, flaw).expect("it runs");
    assert_eq!(again, finding.violations);
    let sound = replay(&prepared, &saved, Flaw::None).expect("it runs");
    assert_eq!(sound, Vec::<String>::new());
}

/// 20 seeds by default, in which every kind of fault strikes and incidents end in every way.
#[test]
fn without_a_bug_nothing_is_found() {
    let seeds = std::env::var("FIREDRILL_SEEDS").ok();
    let seeds: u32 = seeds.and_then(|seeds| seeds.parse().ok()).unwrap_or(20);
    let prepared = Prepared::new(scenario()).expect("it is measured");
    let kinds: BTreeSet<FaultKind> = kinds().iter().map(|kind| kind.0).collect();
    // The first run of 20 that draws them all: the loss of the key is rare.
    let all = |from: &u64| kinds_of(&prepared.scenario, *from..from + 20) == kinds;
    let first = (1..1000).find(all).expect("all kinds are drawn");
    let outcome = search(&prepared, first, seeds.max(20), Flaw::None);
    assert_eq!(outcome.finding, None);
    let struck: BTreeSet<FaultKind> = outcome.struck.iter().map(|struck| struck.0).collect();
    assert_eq!(struck, kinds);
    let endings: Vec<Ending> = outcome.endings.iter().map(|ending| ending.0).collect();
    for ending in [Ending::Restored, Ending::WaitedOut, Ending::Lost] {
        assert!(endings.contains(&ending), "{ending:?}: {endings:?}");
    }
}
