//! What a scenario's numbers rest on, with sources, for the report: what its file leaves to a default, and what no
//! file can change.

use crate::outcome::scenario::Assumption;
use crate::scenario::Scenario;
use crate::trial::rates;
use crate::world::geo::CATCH_UP;

/// The assumptions of a scenario.
pub(super) fn of(scenario: &Scenario) -> Vec<Assumption> {
    let mut all = scenario.assumed.clone();
    all.extend(of_world());
    all
}

/// What is the same in every scenario.
fn of_world() -> [Assumption; 5] {
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
