//! The summary for a terminal: the answer, then what bandwidths give, what targets need, and Site Recovery's limits.

use simulator::churn::{ChurnPlanRows, LinkReason};

use super::document::BandwidthDocument;
use super::words;
use crate::table::{blocks, wrap};
use crate::units;

/// The answer and its tables as plain text, at most `width` columns wide where words allow.
pub fn bandwidth_summary(document: &BandwidthDocument, width: usize) -> String {
    let plan = &document.plan;
    let mut text = String::new();
    for sentence in &document.answer {
        text += &wrap(sentence, width);
    }
    let mut refused = limits(plan);
    // What is admitted is said above; here is what is not.
    refused.retain(|row| row.last().is_none_or(|verdict| verdict != "admitted"));
    for table in [links(plan), targets(plan), refused] {
        if table.len() > 1 {
            text.push('\n');
            text += &blocks(&table, width).concat();
        }
    }
    text.push('\n');
    // The first of them says how batches go, the second what compression is: these change every figure.
    for assumption in document.assumptions.iter().take(2) {
        text += &wrap(assumption, width);
    }
    text
}

/// A row for each bandwidth.
pub(super) fn links(plan: &ChurnPlanRows) -> Vec<Vec<String>> {
    let head = [
        "bandwidth",
        "held",
        "RPO 50 %",
        "90 %",
        "99 %",
        "worst",
        "missed",
        "queue lasts",
        "journal",
        "with outage",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for link in &plan.links {
        let speed = match link.reason {
            LinkReason::Always => format!("{} (always)", units::speed_up(link.bytes_per_second)),
            LinkReason::Share => {
                let share = words::share(plan.terms.share_ppm);
                format!("{} ({share})", units::speed_up(link.bytes_per_second))
            }
            LinkReason::Asked => units::speed(link.bytes_per_second),
        };
        rows.push(vec![
            speed,
            words::share(link.held_ppm),
            words::time(link.rpo_p50_micros),
            words::time(link.rpo_p90_micros),
            words::time(link.rpo_p99_micros),
            words::time(link.rpo_worst_micros),
            missed(plan, link),
            words::time(link.drain_micros),
            units::bytes(link.journal_bytes),
            units::bytes(link.outage.journal_bytes),
        ]);
    }
    rows
}

fn missed(plan: &ChurnPlanRows, link: &simulator::churn::LinkRow) -> String {
    let (count, of) = words::missed(plan, link);
    match count.as_str() {
        "0" => "never".to_owned(),
        _ => format!("{count} {of}"),
    }
}

/// A row for each target.
pub(super) fn targets(plan: &ChurnPlanRows) -> Vec<Vec<String>> {
    let share = words::share(plan.terms.share_ppm);
    let mut rows = vec![vec![
        "RPO".to_owned(),
        "needs always".to_owned(),
        format!("for {share}"),
        "every write sent: always".to_owned(),
        format!("for {share}"),
    ]];
    for row in &plan.curve {
        let mark = if row.target_micros == plan.terms.target_micros {
            " *"
        } else {
            ""
        };
        rows.push(vec![
            format!("{}{mark}", words::time(row.target_micros)),
            words::need(row.always_bytes_per_second),
            words::need(row.share_bytes_per_second),
            words::need(row.always_every_write_bytes_per_second),
            words::need(row.share_every_write_bytes_per_second),
        ]);
    }
    rows
}

/// A row for each of Site Recovery's limits.
pub(super) fn limits(plan: &ChurnPlanRows) -> Vec<Vec<String>> {
    let head = [
        "Site Recovery",
        "of",
        "limit",
        "mean",
        "busiest 5 min",
        "verdict",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for row in &plan.limits {
        rows.push(vec![
            row.plan.clone(),
            words::limited(row),
            units::megabytes(row.limit_bytes_per_second),
            units::megabytes(row.mean_bytes_per_second),
            units::megabytes(row.peak_bytes_per_second),
            words::admission(row),
        ]);
    }
    rows
}
