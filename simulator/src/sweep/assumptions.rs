//! What a scenario's numbers rest on, with sources, for the report: what its file leaves to a default, and what no
//! file can change.

use crate::outcome::scenario::Assumption;
use crate::quantity::Time;
use crate::scenario::{Scenario, When, YEAR};
use crate::trial::rates;
use crate::world::geo::CATCH_UP;

/// The assumptions of a scenario.
pub(super) fn of(scenario: &Scenario) -> Vec<Assumption> {
    let mut all = scenario.assumed.clone();
    all.extend(of_world());
    all.extend(of_dates(scenario));
    all.extend(of_replicas(scenario));
    all
}

/// What figures of a year make of faults that have a date.
fn of_dates(scenario: &Scenario) -> Option<Assumption> {
    let mut faults = scenario.faults.iter();
    let dated = faults.any(|fault| matches!(fault.when, When::At(_)));
    // In hundredths.
    let times = YEAR * 100 / scenario.horizon_micros.max(1);
    dated.then(|| Assumption {
        what: "faults with a date, in figures of a year".to_owned(),
        value: format!(
            "each happens once in {}, so {}.{:02} times a year; bills of the trial are scaled alike",
            Time(scenario.horizon_micros),
            times / 100,
            times % 100
        ),
        source: "a trial is its horizon; lengthen it, or use `every`, for a likelihood".to_owned(),
    })
}

/// What is the same of all replicas.
fn of_replicas(scenario: &Scenario) -> Vec<Assumption> {
    let mut strategies = scenario.strategies.iter();
    if strategies.all(|strategy| strategy.replica().is_none()) {
        return Vec::new();
    }
    let assumed = |what: &str, value: &str| Assumption {
        what: what.to_owned(),
        value: value.to_owned(),
        source: "a simplification: simulator/src/trial/replica.rs".to_owned(),
    };
    vec![
        assumed(
            "what is on its way to a replica",
            "the source keeps up to twice the disk; beyond that what is written goes as one batch when there is room",
        ),
        assumed(
            "after a recovery of a replicated instance",
            "all of it is sent anew to the other place, where firedrill itself would send the difference only",
        ),
    ]
}

/// What is the same in every scenario.
fn of_world() -> [Assumption; 6] {
    let assumed = |what: &str, value: String, source: &str| Assumption {
        what: what.to_owned(),
        value,
        source: source.to_owned(),
    };
    let rate = |what, bytes: u64| {
        let source = "measured: `cargo bench -p benches`, benches/README.md";
        assumed(what, format!("{} MB/s", bytes / 1_000_000), source)
    };
    [
        assumed(
            "catching up after the second region was cut off",
            format!("{CATCH_UP} times as fast as data changes"),
            "judgement: simulator/src/world/geo.rs",
        ),
        assumed(
            "after a recovery in another place",
            "the instance stays there, on a machine that stands in, until the end".to_owned(),
            "a simplification: no way back is modelled",
        ),
        rate("fingerprinting", rates::FINGERPRINT),
        rate("compressing and sealing", rates::SEAL),
        rate("opening and writing", rates::OPEN),
        assumed(
            "writes happen",
            "at the end of each hour, or of the shortest time between points".to_owned(),
            "a simplification: losses are told to that grain",
        ),
    ]
}
