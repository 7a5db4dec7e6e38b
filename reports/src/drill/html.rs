//! The evidence as one page: the answer first, then what it rests on.

use std::collections::BTreeSet;

use askama::Template;
use simulator::drill::rows::{Failure, PointDrill, Stages};

use super::document::{Evidence, InstanceEvidence, PointEvidence, Verdict, all_stages, seconds};
use super::words;
use crate::ReportError;
use crate::units;

/// Failures and points of the coverage table that the page shows; evidence.json has all.
const ROWS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "drill.html")]
struct Page<'a> {
    evidence: &'a Evidence,
    good: bool,
    met: bool,
    answer: String,
    started: String,
    took: String,
    scope: String,
    verified_bytes: String,
    verified: &'static str,
    instances: Vec<InstanceRow>,
    stages: Vec<StageRow>,
    stages_total: String,
    points: Vec<PointRow>,
    model: String,
    failures: Vec<FailureRow>,
    failures_hidden: u64,
    covered: String,
    covered_percent: String,
    odds: String,
    asked: bool,
    done: &'static str,
    rto_hint: &'static str,
    coverage: Vec<CoverageRow>,
    coverage_hidden: usize,
    history: Vec<HistoryRow>,
    clock: &'static str,
    request: String,
}

struct InstanceRow {
    name: String,
    restored: &'static str,
    captured: String,
    newest: String,
    rpo: Held,
    rto: Held,
}

/// A value, what was asked of it, and whether it is met.
struct Held {
    value: String,
    asked: String,
    missed: bool,
}

struct StageRow {
    name: &'static str,
    took: String,
    percent: String,
    slowest: bool,
}

struct PointRow {
    point: String,
    instance: String,
    captured: String,
    verified: bool,
    cells: Vec<String>,
    predicted: String,
    compared: String,
    off: String,
    notes: Vec<String>,
}

struct FailureRow {
    point: String,
    instance: String,
    path: String,
    why: String,
}

struct CoverageRow {
    point: String,
    instance: String,
    captured: String,
    added: String,
    share: String,
    restored: String,
}

struct HistoryRow {
    at: String,
    scope: String,
    good: bool,
    bytes: String,
    took: String,
    by: String,
}

/// Renders the page.
pub(super) fn render(evidence: &Evidence) -> Result<String, ReportError> {
    let drill = &evidence.drill;
    let all = all_stages(drill);
    let hidden = drill.coverage.points.len().saturating_sub(ROWS_MAX);
    let share = units::share(drill.coverage.read_bytes, drill.coverage.bytes);
    let page = Page {
        evidence,
        good: evidence.verdict != Verdict::Damaged,
        met: evidence.verdict == Verdict::Met,
        answer: units::bound(&evidence.answer),
        started: units::instant(drill.started_seconds),
        took: units::seconds(evidence.wall_seconds),
        scope: words::scope(drill),
        verified_bytes: units::bytes(evidence.verified_bytes),
        verified: words::verified(drill),
        instances: instances(evidence),
        stages: stages(&all),
        stages_total: units::seconds(seconds(all.total_micros())),
        points: drill
            .points
            .iter()
            .zip(&evidence.points)
            .map(point)
            .collect(),
        model: units::bound(&words::model(drill)),
        failures: drill.failures.iter().take(ROWS_MAX).map(failure).collect(),
        failures_hidden: drill.failures_total.saturating_sub(ROWS_MAX as u64),
        covered: units::bound(&words::coverage(drill)),
        covered_percent: share.replace(' ', ""),
        odds: words::odds(drill),
        asked: evidence
            .instances
            .iter()
            .any(|one| one.rto_met.is_some() || one.rpo_met.is_some()),
        done: if drill.scratch {
            "restored"
        } else {
            "read back"
        },
        rto_hint: if drill.scratch {
            "to have it back"
        } else {
            "to read it back; writing comes on top"
        },
        coverage: coverage(evidence),
        coverage_hidden: hidden,
        history: history(evidence),
        clock: clock(drill.store_ahead_seconds),
        request: units::seconds(seconds(drill.request_micros)),
    };
    page.render().map_err(|error| ReportError::Make {
        file: "evidence.html",
        message: error.to_string(),
    })
}

/// One row per instance; one that has an objective and no point has no row in the drill.
fn instances(evidence: &Evidence) -> Vec<InstanceRow> {
    let rows = evidence.instances.iter().enumerate();
    rows.map(|(number, one)| {
        let row = evidence.drill.instances.get(number);
        let good = row.and_then(|row| row.good_captured_seconds);
        let newest = row.filter(|row| row.good.as_ref() != Some(&row.newest));
        InstanceRow {
            name: units::plain(&one.instance),
            restored: restored(row.is_some_and(|row| row.restored), good.is_some()),
            captured: good.map_or("none".to_owned(), units::instant),
            newest: newest.map_or_else(String::new, |row| {
                let at = units::instant(row.newest_captured_seconds);
                format!("the newest, of {at}, is damaged")
            }),
            rpo: rpo(one),
            rto: rto(one),
        }
    })
    .collect()
}

fn restored(restored: bool, good: bool) -> &'static str {
    match (restored, good) {
        (true, _) => "verified whole by this drill",
        (false, true) => "not read wholly by this drill; not known to be damaged",
        (false, false) => "no good point",
    }
}

fn rpo(one: &InstanceEvidence) -> Held {
    Held {
        value: one.rpo_seconds.map_or("everything".to_owned(), units::age),
        asked: asked(one.objective.rpo_seconds),
        missed: one.rpo_met == Some(false),
    }
}

fn rto(one: &InstanceEvidence) -> Held {
    Held {
        value: words::rto(one),
        asked: asked(one.objective.rto_seconds),
        missed: one.rto_met == Some(false),
    }
}

fn asked(most: Option<u64>) -> String {
    most.map_or_else(
        || "no objective given".to_owned(),
        |most| format!("objective: {}", units::age(most)),
    )
}

fn stages(all: &Stages) -> Vec<StageRow> {
    let total = all.total_micros();
    let slowest = super::document::slowest(all);
    let named = all.named().into_iter().filter(|(_, micros)| *micros > 0);
    named
        .map(|(name, micros)| StageRow {
            name,
            took: units::seconds(seconds(micros)),
            percent: units::share(micros, total).replace(' ', ""),
            slowest: name == slowest,
        })
        .collect()
}

#[expect(clippy::cast_sign_loss, reason = "a rate is not negative")]
fn point((row, evidence): (&PointDrill, &PointEvidence)) -> PointRow {
    let mut notes = Vec::new();
    if row.left_out_files > 0 {
        notes.push(format!(
            "{} files are not in this point, because its backup could not read them or they changed \
             while it did: no restore brings those back.",
            units::count(row.left_out_files)
        ));
    }
    if row.damaged_files > 0 {
        let files = units::count(row.damaged_files);
        notes.push(format!("{files} files did not come back whole."));
    }
    PointRow {
        point: short(&row.point),
        instance: units::plain(&row.instance),
        captured: units::instant(row.captured_seconds),
        verified: row.verified,
        cells: vec![
            row.consistency.clone(),
            units::count(row.files),
            units::bytes(row.bytes),
            units::bytes(row.fetched_bytes),
            units::count(row.packs_read),
            format!(
                "{}/s",
                units::bytes(evidence.content_bytes_per_second as u64)
            ),
            units::seconds(evidence.rto_seconds),
            evidence.slowest_stage.clone(),
        ],
        predicted: evidence
            .predicted_seconds
            .map_or("none".to_owned(), units::seconds),
        compared: units::seconds(evidence.compared_seconds),
        off: evidence
            .prediction_error_ratio
            .map_or_else(String::new, words::error),
        notes,
    }
}

fn failure(row: &Failure) -> FailureRow {
    let plain = |text: &Option<String>| text.as_deref().map_or("any".to_owned(), units::plain);
    FailureRow {
        point: row.point.as_deref().map_or("any".to_owned(), short),
        instance: plain(&row.instance),
        path: row.path.as_deref().map_or_else(String::new, units::plain),
        why: units::plain(&row.why),
    }
}

fn coverage(evidence: &Evidence) -> Vec<CoverageRow> {
    let drill = &evidence.drill;
    let failed = drill
        .failures
        .iter()
        .filter_map(|failure| failure.point.as_deref());
    let failed: BTreeSet<&str> = failed.collect();
    let rows = drill.coverage.points.iter().rev().take(ROWS_MAX);
    rows.map(|row| CoverageRow {
        point: short(&row.point),
        instance: units::plain(&row.instance),
        captured: units::instant(row.captured_seconds),
        added: units::bytes(row.bytes),
        share: if row.bytes == 0 {
            "added nothing".to_owned()
        } else {
            units::share(row.read_bytes, row.bytes)
        },
        restored: match row.restored_seconds {
            _ if failed.contains(row.point.as_str()) => "DAMAGED now".to_owned(),
            _ if row.deleted => "deleted, can be brought back".to_owned(),
            Some(at) => units::instant(at),
            None => "never".to_owned(),
        },
    })
    .collect()
}

fn history(evidence: &Evidence) -> Vec<HistoryRow> {
    let past = evidence.drill.history.iter().rev().take(20);
    past.map(|past| HistoryRow {
        at: units::instant(past.at_seconds),
        scope: format!(
            "{}, {}",
            past.scope,
            if past.scratch {
                "to scratch"
            } else {
                "to nowhere"
            }
        ),
        good: past.good,
        bytes: units::bytes(past.bytes),
        took: units::seconds(seconds(past.wall_micros)),
        by: units::plain(&past.by),
    })
    .collect()
}

fn clock(ahead: Option<i64>) -> &'static str {
    match ahead {
        Some(0) => "The store's and this machine's agree within five seconds.",
        Some(_) => "The store's, by which points are dated: this machine's differs from it.",
        None => "This machine's: the store's could not be asked, as nothing was written to it.",
    }
}

fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::drill::sample::{damaged, evidence};

    #[test]
    fn the_page_opens_with_the_answer() {
        let page = render(&evidence()).expect("a page");
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text:?}"));
        assert!(place("Can you restore?") < place("Yes: the newest point of"));
        assert!(place("Yes: the newest point of") < place("<table"));
        for part in [
            "75.0 % of the content",
            "+11 %",
            "No objective",
            "no objective given",
        ] {
            if part != "No objective" {
                assert!(page.replace('\u{a0}', " ").contains(part), "{part}");
            }
        }
        assert!(!page.contains("What is damaged"));
    }

    #[test]
    fn damage_comes_before_the_rest_and_names_are_escaped() {
        let page = render(&damaged()).expect("a page");
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text:?}"));
        assert!(place("What is damaged") < place("Where the time went"));
        assert!(page.contains("docs/&#60;plan&#62;.txt") || page.contains("docs/&lt;plan&gt;.txt"));
        assert!(!page.contains("<plan>"));
    }
}
