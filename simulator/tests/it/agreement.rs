//! Both fidelities of every shipped scenario that can run in both, held against each other.

use simulator::emulated;
use simulator::modelled::ModelHands;
use simulator::outcome::scenario::Agreement;
use simulator::scenario::{SHIPPED, Scenario};
use simulator::sweep::{Prepared, agreement};
use simulator::trial::{self, Trial};

/// Bytes over time agree within 2 %.
const BYTES_PPM: u64 = 20_000;
/// Recovery times agree within 5 %. Points, blocks and RPOs are equal.
const RTO_PPM: u64 = 50_000;

/// A test of its own for each, so that they run beside each other and say which one it is.
macro_rules! held {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            agrees($name);
        })*

        const HELD: &[&str] = &[$($name),*];
    };
}

held! {
    ten_blocks_agrees: "ten-blocks",
    methods_over_a_year_agrees: "methods-over-a-year",
    redundancy_in_a_regional_outage_agrees: "redundancy-in-a-regional-outage",
    ransomware_after_nine_days_agrees: "ransomware-after-nine-days",
    datacenter_fire_agrees: "datacenter-fire",
    restore_storm_agrees: "restore-storm",
    tape_disk_cloud_agrees: "tape-disk-cloud",
    offline_seeding_agrees: "offline-seeding",
    soft_delete_saves_the_day_agrees: "soft-delete-saves-the-day",
}

#[test]
fn every_shipped_scenario_that_runs_in_both_is_held() {
    for (name, text) in SHIPPED.iter().copied() {
        let scenario = Scenario::parse(name, text).expect("it ships");
        assert_eq!(scenario.emulated, HELD.contains(&name), "{name}");
    }
}

fn agrees(name: &str) {
    let (_, text) = SHIPPED
        .iter()
        .find(|(shipped, _)| *shipped == name)
        .expect("it ships");
    let scenario = Scenario::parse(name, text).expect("it parses");
    let prepared = Prepared::new(scenario).expect("it is measured");
    let mut apart = Vec::new();
    for (strategy, spec) in prepared.scenario.strategies.iter().enumerate() {
        let setup = prepared.setup(strategy, 0, None);
        let emulated = emulated::run(&setup).expect("it runs");
        let modelled = trial::run::<ModelHands>(&setup, &prepared.kit(strategy));
        for what in &emulated.violations {
            apart.push(format!("{}: {what}", spec.name));
        }
        let told = agreement(&prepared.scenario, &spec.name, &emulated, &modelled);
        if !close(&told) {
            apart.push(format!("{}: {told:?}", spec.name));
            apart.extend(first_difference(&emulated, &modelled));
        }
    }
    assert!(apart.is_empty(), "{name}:\n{}", apart.join("\n"));
}

fn close(told: &Agreement) -> bool {
    let exact = told.points_equal && told.blocks_equal && told.rpo_equal;
    exact && told.bytes_ppm <= BYTES_PPM && told.rto_ppm <= RTO_PPM
}

/// Where to begin to look: counts of each copy (points, blocks, bytes at the end), and the first incident that differs.
fn first_difference(emulated: &Trial, modelled: &Trial) -> Vec<String> {
    let mut told = Vec::new();
    for (ours, theirs) in emulated.tally.copies.iter().zip(&modelled.tally.copies) {
        let (ours, theirs) = [ours, theirs]
            .map(|copy| (copy.points, copy.blocks, copy.bytes))
            .into();
        told.push(format!("  {ours:?} emulated, {theirs:?} modelled"));
    }
    let both = emulated.tally.incidents.iter().map(|row| {
        let twin = modelled
            .tally
            .incidents
            .iter()
            .find(|twin| (twin.fault, &twin.instance) == (row.fault, &row.instance));
        (row, twin)
    });
    let differs = both
        .filter(|(row, twin)| {
            twin.is_none_or(|twin| {
                (row.rpo_micros, row.rto_micros) != (twin.rpo_micros, twin.rto_micros)
            })
        })
        .map(|(row, twin)| format!("  {row:?} emulated\n  {twin:?} modelled"));
    told.extend(differs.take(1));
    told
}
