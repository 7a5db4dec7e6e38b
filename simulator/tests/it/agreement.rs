//! Both fidelities of every shipped scenario that can run in both, held against each other.

use simulator::emulated;
use simulator::modelled::ModelHands;
use simulator::scenario::{SHIPPED, Scenario};
use simulator::sweep::{Prepared, agreement};
use simulator::trial;

/// Bytes over time agree within 2 %, RTOs within 5 %, everything else exactly.
const BYTES_PPM: u64 = 20_000;
const RTO_PPM: u64 = 50_000;

#[test]
fn every_shipped_scenario_agrees() {
    let mut apart = Vec::new();
    let only = std::env::var("FIREDRILL_SCENARIO").ok();
    for (name, text) in SHIPPED.iter().copied() {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let scenario = Scenario::parse(name, text).expect("it ships");
        if !scenario.emulated {
            continue;
        }
        let prepared = Prepared::new(scenario).expect("it is measured");
        for (strategy, spec) in prepared.scenario.strategies.iter().enumerate() {
            let setup = prepared.setup(strategy, 0, None);
            let emulated = emulated::run(&setup).expect("it runs");
            let modelled = trial::run::<ModelHands>(&setup, &prepared.kit(strategy));
            let of = format!("{name}, {}", spec.name);
            apart.extend(
                emulated
                    .violations
                    .iter()
                    .map(|what| format!("{of}: {what}")),
            );
            let hours = |trial: &trial::Trial| {
                trial
                    .tally
                    .quantities
                    .iter()
                    .map(|row| row.byte_hours)
                    .sum::<u128>()
            };
            eprintln!("BH {} {} {}", spec.name, hours(&emulated), hours(&modelled));
            let told = agreement(&prepared.scenario, &spec.name, &emulated, &modelled);
            let exact = told.points_equal && told.blocks_equal && told.rpo_equal;
            if !exact || told.bytes_ppm > BYTES_PPM || told.rto_ppm > RTO_PPM {
                apart.push(format!("{of}: {told:?}"));
                for (ours, theirs) in emulated.tally.copies.iter().zip(&modelled.tally.copies) {
                    let counts = |copy: &trial::tally::CopyTally| {
                        (
                            copy.points,
                            copy.failed,
                            copy.kept,
                            copy.blocks,
                            copy.bytes,
                            copy.micros,
                        )
                    };
                    apart.push(format!("  {:?}\n  {:?}", counts(ours), counts(theirs)));
                    let both = ours.kept_points.iter().zip(&theirs.kept_points);
                    let differ = both.enumerate().find(|(_, (ours, theirs))| ours != theirs);
                    if let Some((instance, (ours, theirs))) = differ {
                        let days = |points: &[u64]| -> Vec<f64> {
                            points
                                .iter()
                                .map(|at| (*at / 36_000_000) as f64 / 2400.0)
                                .collect()
                        };
                        apart.push(format!(
                            "  kept of {instance}: {:?}\n  {:?}",
                            days(ours),
                            days(theirs)
                        ));
                    }
                }
                let rows = emulated.tally.incidents.iter();
                for row in rows {
                    let twin = modelled.tally.incidents.iter();
                    let twin = twin
                        .filter(|twin| (twin.fault, &twin.instance) == (row.fault, &row.instance));
                    for twin in twin
                        .filter(|twin| {
                            (twin.rto_micros, twin.rpo_micros) != (row.rto_micros, row.rpo_micros)
                        })
                        .take(1)
                    {
                        apart.push(format!("  {row:?}\n  {twin:?}"));
                    }
                }
                apart.truncate(120);
            }
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}
