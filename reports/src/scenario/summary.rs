//! The summary for a terminal: what is wrong, the answer, then the strategies as a table.

use super::document::{ScenarioDocument, StrategyDocument};
use super::frontier::Standing;
use super::words;
use crate::table::{blocks, wrap};
use crate::units::{self, plain};

/// The answer and a table of strategies as plain text, at most `width` columns wide where words
/// allow.
pub fn scenario_summary(document: &ScenarioDocument, width: usize) -> String {
    let mut text = String::new();
    for (what, found) in violations(document) {
        text += &wrap(&format!("VIOLATED, {what}: {}", plain(found)), width);
    }
    if !document.question.is_empty() {
        text += &wrap(&plain(&document.question), width);
        text.push('\n');
    }
    for sentence in &document.answer {
        text += &wrap(sentence, width);
    }
    text.push('\n');
    for block in blocks(&table(document), width) {
        text += &block;
    }
    if document
        .compared()
        .any(|one| one.standing == Some(Standing::Efficient))
    {
        text += &wrap(
            &format!(
                "* efficient: no other costs no more and has no more {}",
                words::measure(document)
            ),
            width,
        );
    }
    for agreement in agreements(document) {
        text += &wrap(&agreement, width);
    }
    text += &wrap(&format!("Again: {}", plain(&document.command)), width);
    text
}

/// What checkers found, and where.
pub(super) fn violations(document: &ScenarioDocument) -> Vec<(String, &str)> {
    let strategies = document.strategies.iter();
    strategies
        .flat_map(|one| {
            let fidelity = words::fidelity(one.fidelity);
            let what = format!("{}, {fidelity}", plain(&one.strategy));
            let found = one.violations.iter();
            found.map(move |found| (what.clone(), found.as_str()))
        })
        .collect()
}

/// A row for each strategy and fidelity.
pub(super) fn table(document: &ScenarioDocument) -> Vec<Vec<String>> {
    let mut rows = vec![heads(document)];
    rows.extend(document.strategies.iter().map(|one| row(document, one)));
    rows
}

fn heads(document: &ScenarioDocument) -> Vec<String> {
    let mut heads: Vec<&str> = vec!["strategy", "fidelity", "incidents", "RPO half", "RPO 95 %"];
    let objective = |objective: Option<f64>, head| objective.map(|_| head);
    heads.extend(objective(document.rpo_objective_seconds, "met RPO"));
    heads.extend(["RTO half", "RTO 95 %"]);
    heads.extend(objective(document.rto_objective_seconds, "met RTO"));
    heads.extend(["lost", "cost/year"]);
    let penalty = document.downtime_per_hour.or(document.lost_data_per_hour);
    heads.extend(penalty.map(|_| "damage/year"));
    heads.into_iter().map(str::to_owned).collect()
}

fn row(document: &ScenarioDocument, one: &StrategyDocument) -> Vec<String> {
    let mark = if one.standing == Some(Standing::Efficient) {
        " *"
    } else {
        ""
    };
    let rpo = |at: Option<f64>| words::percentile(&one.rpo, at, words::ALL_DATA);
    let rto = |at: Option<f64>| words::percentile(&one.rto, at, words::NEVER);
    let mut cells = vec![
        format!("{}{mark}", plain(&one.strategy)),
        words::fidelity(one.fidelity).to_owned(),
        units::count(one.incidents),
        rpo(one.rpo.p50_seconds),
        rpo(one.rpo.p95_seconds),
    ];
    cells.extend(one.rpo_met.as_ref().map(words::share));
    cells.push(rto(one.rto.p50_seconds));
    cells.push(rto(one.rto.p95_seconds));
    cells.extend(one.rto_met.as_ref().map(words::share));
    cells.push(units::count(one.lost));
    cells.push(words::money(document, one.cost.per_year));
    let penalty = one.risk.penalty_per_year;
    cells.extend(penalty.map(|sum| words::money(document, sum)));
    cells
}

/// How far the fidelities agree, one sentence each.
pub(super) fn agreements(document: &ScenarioDocument) -> Vec<String> {
    let same = |equal: bool| if equal { "equal" } else { "DIFFERENT" };
    let agreements = document.agreements.iter();
    agreements
        .map(|one| {
            format!(
                "Emulated and modelled, {}: points {}{}, blocks {}, bytes within {}, traffic within {}, RPO {}, RTO within {}.",
                plain(&one.strategy),
                same(one.points_equal),
                shifted(one.shifted),
                same(one.blocks_equal),
                words::parts(one.bytes_ppm),
                words::parts(one.traffic_ppm),
                same(one.rpo_equal),
                words::parts(one.rto_ppm),
            )
        })
        .collect()
}

/// Points that were made at another attempt.
fn shifted(points: u64) -> String {
    match points {
        0 => String::new(),
        _ => format!(
            " ({} at another attempt, as service was back just before it in one and just after in the other)",
            units::count(points)
        ),
    }
}
