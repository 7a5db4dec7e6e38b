//! What a scenario's numbers rest on, with sources, for the report.

use crate::outcome::scenario::Assumption;
use crate::scenario::{Copy, DAY, Drawn, HOUR, MINUTE, Operator, SECOND, Scenario};
use crate::trial::rates;
use crate::world::geo::CATCH_UP;

/// A judgement that scenarios may change.
const JUDGEMENT: &str = "a judgement: set it in the scenario";

/// The assumptions of a scenario.
pub(super) fn of(scenario: &Scenario) -> Vec<Assumption> {
    let mut all = of_operator(&scenario.operator);
    let strategies = scenario.strategies.iter();
    all.extend(
        strategies
            .flat_map(|strategy| &strategy.copies)
            .flat_map(of_copy),
    );
    all.extend(of_world());
    all.sort_by(|a, b| a.what.cmp(&b.what));
    all.dedup();
    all
}

fn assumed(what: &str, value: String, source: &str) -> Assumption {
    Assumption {
        what: what.to_owned(),
        value,
        source: source.to_owned(),
    }
}

/// What people do, and how long it takes them.
fn of_operator(operator: &Operator) -> Vec<Assumption> {
    let judged = |what, time| assumed(what, told(time), JUDGEMENT);
    vec![
        judged("From an incident to somebody knowing", operator.detect),
        judged("From knowing to deciding to recover", operator.declare),
        judged("A machine to restore to", operator.provision),
        assumed(
            "Geo failover of a storage account",
            told(operator.geo_failover),
            "about an hour: Microsoft, How customer-managed (unplanned) failover works, 2024-04-29",
        ),
        judged("Booting one group of the recovery plan", operator.boot),
        judged("Making sure that the service is right", operator.validate),
        judged("Building a destroyed place anew", operator.rebuild),
    ]
}

/// What the second region of a copy does.
fn of_copy(copy: &Copy) -> Vec<Assumption> {
    let lag = copy.redundancy.is_geo().then(|| {
        assumed(
            &format!("Lag of the second region, {}", copy.redundancy.name()),
            told(copy.geo_lag),
            "typically less than 15 minutes, no SLA (Microsoft, Azure Storage redundancy, 2023-07-17); a \
             vault's copy up to 12 hours (Reliability in Azure Backup, 2025)",
        )
    });
    let declares = copy.provider_declares.map(|declares| {
        assumed(
            "Until the provider declares a disaster",
            told(declares),
            JUDGEMENT,
        )
    });
    lag.into_iter().chain(declares).collect()
}

/// What is the same in every scenario.
fn of_world() -> Vec<Assumption> {
    let rate = |what, bytes: u64| {
        let source = "measured: cargo bench, benches/README.md";
        assumed(what, format!("{} MB/s", bytes / 1_000_000), source)
    };
    vec![
        assumed(
            "Catching up after the second region was cut off",
            format!("{CATCH_UP} times as fast as data changes"),
            "a judgement (simulator/src/world/geo.rs)",
        ),
        rate("Fingerprinting", rates::FINGERPRINT),
        rate("Compressing and sealing", rates::SEAL),
        rate("Opening and writing", rates::OPEN),
        assumed(
            "Writes",
            "at the end of each hour, or of the shortest time between points".to_owned(),
            "a simplification: true losses are told to that grain",
        ),
    ]
}

/// A time in words.
fn told(time: Drawn) -> String {
    match time {
        Drawn::Fixed(micros) => span(micros),
        Drawn::Exponential(mean) => format!("{} on average, exponential", span(mean)),
        Drawn::Lognormal {
            median_micros,
            sigma_milli,
        } => format!(
            "{} at the median, lognormal, sigma {}.{:03}",
            span(median_micros),
            sigma_milli / 1000,
            sigma_milli % 1000
        ),
        Drawn::Uniform(from, to) => format!("{} to {}", span(from), span(to)),
    }
}

fn span(micros: u64) -> String {
    let (unit, name) = match micros {
        0..MINUTE => (SECOND, "s"),
        MINUTE..HOUR => (MINUTE, "min"),
        HOUR..DAY => (HOUR, "h"),
        _ => (DAY, "days"),
    };
    let tenths = micros * 10 / unit;
    if tenths.is_multiple_of(10) {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}
