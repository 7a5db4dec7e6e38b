//! The summary of a drill for a terminal.

use super::document::{Evidence, Verdict};
use super::words;
use crate::table::wrap;
use crate::units::{self, plain};

/// Failures and points shown; the report has all.
const SHOWN_MAX: usize = 10;

/// The answer, each point, what failed, and how much was ever read back, at most `width` columns wide
/// where words allow.
pub fn summary(evidence: &Evidence, width: usize) -> String {
    let drill = &evidence.drill;
    let mut text = wrap(&format!("Can you restore? {}", evidence.answer), width);
    text.push('\n');
    for (row, point) in drill.points.iter().zip(&evidence.points).take(SHOWN_MAX) {
        text += &format!(
            "{}  {}  {}\n  {} in {} file{}; {} in {}, slowest: {}{}\n",
            &row.point[..row.point.len().min(8)],
            units::instant(row.captured_seconds),
            plain(&row.instance),
            units::bytes(row.bytes),
            units::count(row.files),
            if row.files == 1 { "" } else { "s" },
            if row.verified { "verified" } else { "DAMAGED" },
            units::seconds(point.rto_seconds),
            point.slowest_stage,
            predicted(point.predicted_seconds, point.prediction_error_ratio),
        );
        if row.left_out_files > 0 {
            text += &format!(
                "  {} files are not in the point: its backup could not read them or they changed\n",
                row.left_out_files
            );
        }
    }
    text += &more(drill.points.len(), "points");
    for failure in drill.failures.iter().take(SHOWN_MAX) {
        let point = failure.point.as_deref().unwrap_or_default();
        let path = failure.path.as_deref().unwrap_or_default();
        let named = [&point[..point.len().min(8)], &plain(path)].join(" ");
        let named = named.trim();
        let colon = if named.is_empty() { "" } else { ": " };
        text += &format!("DAMAGED  {named}{colon}{}\n", plain(&failure.why));
    }
    text += &more(drill.failures_total as usize, "things that are damaged");
    for line in [words::coverage(drill), words::odds(drill)] {
        if !line.is_empty() {
            text += &wrap(&line, width);
        }
    }
    if let Some(why) = &drill.unrecorded {
        text += &wrap(
            &format!("The vault does not remember this drill: {why}"),
            width,
        );
    }
    if evidence.verdict == Verdict::Damaged {
        text += &wrap(
            "Next: restore what you need from other points or another copy of the vault, then back up \
             again with --method full.",
            width,
        );
    }
    text
}

fn predicted(seconds: Option<f64>, error: Option<f64>) -> String {
    match (seconds, error) {
        (Some(seconds), Some(error)) => format!(
            "\n  predicted {}, off by {}",
            units::seconds(seconds),
            words::error(error)
        ),
        _ => String::new(),
    }
}

fn more(all: usize, what: &str) -> String {
    match all.saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!("and {more} more {what}; --out DIR writes them all\n"),
    }
}
