//! What a scenario's numbers rest on, with sources, for the report.

use crate::outcome::scenario::Assumption;
use crate::scenario::{DAY, Drawn, HOUR, MINUTE, SECOND, Scenario};
use crate::trial::rates;
use crate::world::geo::CATCH_UP;

/// A judgement that scenarios may change.
const JUDGEMENT: &str = "a judgement: set it in the scenario";

/// The assumptions of a scenario.
pub(super) fn of(scenario: &Scenario) -> Vec<Assumption> {
    let mut all = Vec::new();
    let mut add = |what: &str, value: String, source: &str| {
        all.push(Assumption {
            what: what.to_owned(),
            value,
            source: source.to_owned(),
        });
    };
    let operator = &scenario.operator;
    add(
        "From an incident to somebody knowing",
        told(operator.detect),
        JUDGEMENT,
    );
    add(
        "From knowing to deciding to recover",
        told(operator.declare),
        JUDGEMENT,
    );
    add(
        "A machine to restore to",
        told(operator.provision),
        JUDGEMENT,
    );
    add(
        "Geo failover of a storage account",
        told(operator.geo_failover),
        "about an hour: Microsoft, How customer-managed (unplanned) failover works, 2024-04-29",
    );
    add(
        "Booting one group of the recovery plan",
        told(operator.boot),
        JUDGEMENT,
    );
    add(
        "Making sure that the service is right",
        told(operator.validate),
        JUDGEMENT,
    );
    add(
        "Building a destroyed place anew",
        told(operator.rebuild),
        JUDGEMENT,
    );
    for copy in scenario
        .strategies
        .iter()
        .flat_map(|strategy| &strategy.copies)
    {
        if copy.redundancy.is_geo() {
            add(
                &format!("Lag of the second region, {}", copy.redundancy.name()),
                told(copy.geo_lag),
                "typically less than 15 minutes, no SLA (Microsoft, Azure Storage redundancy, 2023-07-17); a \
                 vault's copy up to 12 hours (Reliability in Azure Backup, 2025)",
            );
        }
        if let Some(declares) = copy.provider_declares {
            add(
                "Until the provider declares a disaster",
                told(declares),
                JUDGEMENT,
            );
        }
    }
    add(
        "Catching up after the second region was cut off",
        format!("{CATCH_UP} times as fast as data changes"),
        "a judgement (simulator/src/world/geo.rs)",
    );
    let rate = |bytes: u64| format!("{} MB/s", bytes / 1_000_000);
    add(
        "Fingerprinting",
        rate(rates::FINGERPRINT),
        "measured: cargo bench, benches/README.md",
    );
    add(
        "Compressing and sealing",
        rate(rates::SEAL),
        "measured: cargo bench, benches/README.md",
    );
    add(
        "Opening and writing",
        rate(rates::OPEN),
        "measured: cargo bench, benches/README.md",
    );
    add(
        "Writes",
        "at the end of each hour, or of the shortest time between points".to_owned(),
        "a simplification: true losses are told to that grain",
    );
    all.sort_by(|a, b| a.what.cmp(&b.what));
    all.dedup();
    all
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
