//! The summary for a terminal: the answer, then the months as a table.

use super::document::{ForecastDocument, MonthDocument, PolicyDocument};
use super::words;
use crate::table::{blocks, wrap};
use crate::units;

/// Rows up to which every month is shown; beyond, the ends of quarters.
const MONTHS_MAX: usize = 14;

/// The answer and a table of months as plain text, at most `width` columns wide where words allow.
pub fn forecast_summary(document: &ForecastDocument, width: usize) -> String {
    let mut text = String::new();
    let several = document.policies.len() > 1;
    if several {
        let rows: Vec<Vec<String>> = compared(document);
        for block in blocks(&rows, width) {
            text += &block;
        }
        text.push('\n');
    }
    for policy in &document.policies {
        if several {
            text += &format!("== {}\n", policy.title());
        }
        text += &wrap(&words::answer(document, policy).join(" "), width);
        for warning in warnings(policy) {
            text += &wrap(&warning, width);
        }
        text += &wrap(&words::trust(document, policy), width);
        text.push('\n');
        for block in blocks(&table(document, policy), width) {
            text += &block;
        }
        text.push('\n');
    }
    text
}

/// What the author may not have meant.
pub(super) fn warnings(policy: &PolicyDocument) -> Vec<String> {
    let mut warnings: Vec<String> = policy
        .lints
        .iter()
        .map(|lint| format!("Note: {lint}."))
        .collect();
    if !policy.ignored.is_empty() {
        let ignored = policy.ignored.join(", ");
        warnings.push(format!(
            "{} does not know {ignored}: left out.",
            policy.convention
        ));
    }
    warnings
}

/// A row for each policy.
pub(super) fn compared(document: &ForecastDocument) -> Vec<Vec<String>> {
    let mut head: Vec<String> = ["policy", "points", "reaches back", "stored", "peak"]
        .map(str::to_owned)
        .into();
    for redundancy in &document.redundancies {
        head.push(format!("{}/month", redundancy.name().to_uppercase()));
    }
    let first = document.redundancies.first();
    head.extend(
        first.map(|redundancy| format!("{}, all months", redundancy.name().to_uppercase())),
    );
    let mut rows = vec![head];
    for policy in &document.policies {
        let Some(end) = policy.end() else { continue };
        let mut row = vec![
            policy.title(),
            units::count(end.month.points),
            words::span(policy.oldest_seconds),
            units::bytes(end.month.stored_bytes),
            units::bytes(words::peak(policy)),
        ];
        row.extend(
            end.costs
                .iter()
                .map(|cost| units::money(cost.all, &document.currency)),
        );
        let total = policy.total.first();
        row.extend(total.map(|cost| units::money(cost.all, &document.currency)));
        rows.push(row);
    }
    rows
}

/// Months that are shown: all of few, of many the last of each quarter and of them all.
pub(super) fn shown(policy: &PolicyDocument) -> Vec<&MonthDocument> {
    let last = policy.months.len().saturating_sub(1);
    let months = policy.months.iter().enumerate();
    let shown = months.filter(|(at, month)| {
        let quarter = ["-03", "-06", "-09", "-12"]
            .iter()
            .any(|end| month.month.month.ends_with(end));
        last < MONTHS_MAX || quarter || *at == 0 || *at == last
    });
    shown.map(|(_, month)| month).collect()
}

fn table(document: &ForecastDocument, policy: &PolicyDocument) -> Vec<Vec<String>> {
    let interval = document.basis.measured;
    let mut head = vec![
        "end of".to_owned(),
        "points".to_owned(),
        "kept by".to_owned(),
    ];
    head.push("stored".to_owned());
    if interval {
        head.push("9 of 10 between".to_owned());
    }
    head.push("peak".to_owned());
    head.extend(
        document
            .redundancies
            .iter()
            .map(|redundancy| redundancy.name().to_uppercase()),
    );
    let mut rows = vec![head];
    for month in shown(policy) {
        let (row, of) = (&month.month, units::bytes);
        let mut cells = vec![
            row.month.clone(),
            units::count(row.points),
            words::reasons(row),
        ];
        cells.push(of(row.stored_bytes));
        if interval {
            cells.push(format!("{} - {}", of(row.low_bytes), of(row.high_bytes)));
        }
        cells.push(of(row.peak_bytes));
        let costs = month.costs.iter();
        cells.extend(costs.map(|cost| units::money(cost.all, &document.currency)));
        rows.push(cells);
    }
    rows
}
