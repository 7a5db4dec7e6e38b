//! The plan as one page: the answer first, then pictures, then what it rests on.

use askama::Template;
use simulator::churn::{Admission, LinkReason};

use super::document::BandwidthDocument;
use super::{chart, summary, words};
use crate::chart::Chart;
use crate::{ReportError, units};

#[derive(Template)]
#[template(path = "bandwidth.html")]
struct Page<'a> {
    document: &'a BandwidthDocument,
    subject: String,
    watched: String,
    sound: bool,
    lead: String,
    answer: Vec<String>,
    charts: Vec<Chart>,
    links: Vec<Vec<String>>,
    days: Vec<Vec<String>>,
    targets: Vec<Vec<String>>,
    history: Vec<Vec<String>>,
    limits: Vec<LimitCells>,
    sources: Vec<String>,
}

/// A limit and how it goes.
struct LimitCells {
    cells: Vec<String>,
    verdict: String,
    class: &'static str,
}

/// Renders the page.
pub(super) fn render(document: &BandwidthDocument) -> Result<String, ReportError> {
    let plan = &document.plan;
    let mut answer: Vec<String> = document
        .answer
        .iter()
        .map(|said| units::bound(said))
        .collect();
    let lead = if answer.is_empty() {
        String::new()
    } else {
        answer.remove(0)
    };
    let page = Page {
        document,
        subject: units::plain(&plan.subject),
        watched: watched(document),
        sound: document.is_held() && plan.need.always_bytes_per_second.is_some(),
        lead,
        answer,
        charts: chart::all(plan)?,
        links: summary::links(plan),
        days: days(document),
        targets: summary::targets(plan),
        history: history(document),
        limits: limits(document),
        sources: sources(document),
    };
    page.render().map_err(|error| ReportError::Make {
        file: "bandwidth.html",
        message: error.to_string(),
    })
}

fn watched(document: &BandwidthDocument) -> String {
    let watched = &document.plan.watched;
    let since = watched.start_seconds.map_or(String::new(), |start| {
        format!(" from {}", units::instant(start))
    });
    let disks = match watched.disks.len() {
        1 => "one disk".to_owned(),
        count => format!("{count} disks"),
    };
    format!(
        "{} writes to {disks} in {}{since}",
        units::count(watched.writes),
        words::time(watched.span_micros)
    )
}

/// A row for each day of a recording of several, under the bandwidths that don't always hold.
fn days(document: &BandwidthDocument) -> Vec<Vec<String>> {
    let links = document.plan.links.iter();
    let links = links.filter(|link| link.days.len() > 1 && link.reason != LinkReason::Always);
    let rows = links.flat_map(|link| {
        link.days.iter().map(|day| {
            vec![
                units::speed(link.bytes_per_second),
                format!("{}", day.day + 1),
                units::count(day.violations),
                words::time(day.violation_micros),
                words::time(day.rpo_worst_micros),
            ]
        })
    });
    rows.collect()
}

fn history(document: &BandwidthDocument) -> Vec<Vec<String>> {
    let rows = document.plan.history.iter().map(|row| {
        let policy = match row.policy {
            simulator::churn::HistoryPolicy::EveryPoint => "every point, one each 5 min",
            simulator::churn::HistoryPolicy::SiteRecovery => "as Site Recovery thins them",
        };
        vec![
            policy.to_owned(),
            units::count(row.points),
            units::bytes(row.mean_bytes),
            units::bytes(row.most_bytes),
            format!(
                "{} of {} windows{}",
                units::count(row.windows_measured),
                units::count(row.windows),
                if row.exact { "" } else { ", sums" }
            ),
        ]
    });
    rows.collect()
}

fn limits(document: &BandwidthDocument) -> Vec<LimitCells> {
    let plan = &document.plan;
    let rows = summary::limits(plan).into_iter().skip(1);
    let rows = rows.zip(&plan.limits).map(|(mut cells, row)| {
        let mut verdict = cells.pop().unwrap_or_default();
        if row.smaller_than_documented {
            verdict += "; its writes are smaller than any that the documents have a limit for";
        }
        LimitCells {
            cells,
            verdict,
            class: match row.admission {
                Admission::Admitted => "ok",
                Admission::LatePoints => "",
                Admission::NeverCatchesUp => "no",
            },
        }
    });
    rows.collect()
}

fn sources(document: &BandwidthDocument) -> Vec<String> {
    let mut sources: Vec<String> = Vec::new();
    for row in &document.plan.limits {
        let note = row
            .note
            .as_ref()
            .map_or(String::new(), |note| format!(" ({note})"));
        let said = format!("{}: {}, {}{note}", row.plan, row.source, row.source_date);
        if !sources.contains(&said) {
            sources.push(said);
        }
    }
    sources
}
