//! The charts of a churn plan: what they show. How they are drawn stands in `canvas`.
#![expect(clippy::cast_precision_loss, reason = "pixels")]

use simulator::churn::{ChurnPlanRows, LinkReason, LinkRow, NeedRow};

use super::canvas::{Line, Look, Plot, Scale, speed, time};
use super::words;
use crate::ReportError;
use crate::axis::Quantity;
use crate::canvas::Failed;
use crate::chart::Chart;
use crate::units;

/// Bandwidths drawn at most: as many as there are colours left beside the target's.
const LINKS_MAX: usize = 5;
/// The colour of the target.
const TARGET: usize = 3;

/// The charts, in the report's order: the one that people will look for comes first.
pub(super) fn all(rows: &ChurnPlanRows) -> Result<Vec<Chart>, ReportError> {
    Ok(vec![curve(rows)?, rpo(rows)?, churn(rows)?, windows(rows)?])
}

fn made(
    title: &'static str,
    note: &'static str,
    svg: Result<String, Failed>,
) -> Result<Chart, ReportError> {
    let svg = svg.map_err(|error| ReportError::Make {
        file: "a chart of bandwidth.html",
        message: error.to_string(),
    })?;
    Ok(Chart { title, note, svg })
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn line(name: impl Into<String>, colour: usize, look: Look, dots: Vec<(f64, f64)>) -> Line {
    Line {
        name: name.into(),
        colour,
        look,
        dots,
    }
}

/// The least and the largest value above zero.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, 0.0), |(low, high), value| {
            (low.min(value), high.max(value))
        })
}

fn curve(rows: &ChurnPlanRows) -> Result<Chart, ReportError> {
    let dots = |of: fn(&NeedRow) -> Option<u64>| -> Vec<(f64, f64)> {
        let dots = rows.curve.iter();
        let dots = dots.filter_map(|row| Some((seconds(row.target_micros), of(row)? as f64)));
        dots.collect()
    };
    let share = format!("{} of the time", words::share(rows.terms.share_ppm));
    let mut lines = vec![
        line(
            "always",
            0,
            Look::Line,
            dots(|row| row.always_bytes_per_second),
        ),
        line(share, 2, Look::Line, dots(|row| row.share_bytes_per_second)),
        line(
            "always, every write sent",
            1,
            Look::Dashes,
            dots(|row| row.always_every_write_bytes_per_second),
        ),
    ];
    let (low, high) = ends(lines.iter().flat_map(|line| &line.dots).map(|dot| dot.1));
    let (first, last) = ends(rows.curve.iter().map(|row| seconds(row.target_micros)));
    let target = seconds(rows.terms.target_micros);
    let (low, high) = (low.min(high), high);
    let asked = vec![(target, low), (target, high)];
    lines.push(line(
        format!("RPO {}", time(target)),
        TARGET,
        Look::Dashes,
        asked,
    ));
    let told: Vec<String> = rows
        .curve
        .iter()
        .map(|row| {
            format!(
                "{}: {} always, {} for the share",
                words::time(row.target_micros),
                words::need(row.always_bytes_per_second),
                words::need(row.share_bytes_per_second)
            )
        })
        .collect();
    let plot = Plot {
        lines: &lines,
        x: ("RPO to hold", Scale::times(first, last)),
        y: ("bandwidth", Scale::speeds(low, high)),
        names: [time, speed],
    };
    made(
        "Bandwidth that an RPO needs",
        "Both sides go by powers of ten. A longer RPO lets bursts wait, down to the mean of what is written.",
        plot.svg(&format!("Bandwidth that an RPO needs. {}", told.join("; "))),
    )
}

/// The bandwidths that are drawn, each once.
fn drawn(rows: &ChurnPlanRows) -> Vec<&LinkRow> {
    let mut drawn: Vec<&LinkRow> = Vec::new();
    for link in &rows.links {
        let known = drawn
            .iter()
            .any(|known| known.bytes_per_second == link.bytes_per_second);
        if !known && drawn.len() < LINKS_MAX {
            drawn.push(link);
        }
    }
    drawn
}

fn name(link: &LinkRow) -> String {
    match link.reason {
        LinkReason::Asked => units::speed(link.bytes_per_second),
        LinkReason::Always | LinkReason::Share => units::speed_up(link.bytes_per_second),
    }
}

/// Colours without the target's.
fn shade(number: usize) -> usize {
    [0, 2, 1, 4, 5][number % LINKS_MAX]
}

fn rpo(rows: &ChurnPlanRows) -> Result<Chart, ReportError> {
    let span = seconds(rows.watched.span_micros);
    let links = drawn(rows);
    let mut lines = Vec::new();
    for (number, link) in links.iter().enumerate() {
        let parts = link.parts_rpo_micros.len().max(1) as f64;
        let dots = link.parts_rpo_micros.iter().enumerate();
        let dots = dots.map(|(part, rpo)| (span * (part as f64 + 0.5) / parts, seconds(*rpo)));
        lines.push(line(name(link), shade(number), Look::Line, dots.collect()));
    }
    let target = seconds(rows.terms.target_micros);
    let asked = vec![(0.0, target), (span, target)];
    lines.push(line(
        format!("RPO {}", time(target)),
        TARGET,
        Look::Dashes,
        asked,
    ));
    let (low, high) = ends(lines.iter().flat_map(|line| &line.dots).map(|dot| dot.1));
    let told: Vec<String> = links
        .iter()
        .map(|link| {
            format!(
                "{}: worst {}",
                name(link),
                words::time(link.rpo_worst_micros)
            )
        })
        .collect();
    let plot = Plot {
        lines: &lines,
        x: ("time", Scale::Linear(Quantity::Seconds, span)),
        y: ("RPO", Scale::times(low, high)),
        names: [time, time],
    };
    made(
        "RPO over time",
        "The largest in each part of the time; the side goes by powers of ten. Above the dashes the target is missed.",
        plot.svg(&format!("RPO over time. {}", told.join("; "))),
    )
}

fn churn(rows: &ChurnPlanRows) -> Result<Chart, ReportError> {
    let span = seconds(rows.watched.span_micros);
    let long = span / rows.parts.len().max(1) as f64;
    let dots = |of: fn(&simulator::churn::PartRow) -> u64| -> Vec<(f64, f64)> {
        let parts = rows.parts.iter();
        let dots = parts.map(|part| {
            let middle = seconds(part.from_micros) + long / 2.0;
            (middle, of(part) as f64 / long)
        });
        dots.collect()
    };
    let mut lines = vec![
        line("written", 5, Look::Line, dots(|part| part.written_bytes)),
        line("to send", 0, Look::Area, dots(|part| part.shipped_bytes)),
    ];
    let needs = rows
        .links
        .iter()
        .filter(|link| link.reason != LinkReason::Asked);
    for (link, colour) in needs.zip([1, 2]) {
        let rate = link.bytes_per_second as f64;
        let why = match link.reason {
            LinkReason::Always => "always",
            _ => "for the share",
        };
        let said = format!("{} {why}", name(link));
        lines.push(line(
            said,
            colour,
            Look::Dashes,
            vec![(0.0, rate), (span, rate)],
        ));
    }
    let most = lines.iter().flat_map(|line| &line.dots).map(|dot| dot.1);
    let plot = Plot {
        lines: &lines,
        x: ("time", Scale::Linear(Quantity::Seconds, span)),
        y: (
            "rate",
            Scale::Linear(Quantity::Speed, most.fold(0.0, f64::max)),
        ),
        names: [time, speed],
    };
    let told = format!(
        "What is written over time. In all {}, of which {} are sent.",
        units::bytes(rows.watched.written_bytes),
        units::bytes(rows.watched.shipped_bytes)
    );
    made(
        "What is written over time",
        "The mean of each part of the time, and the bandwidths that hold the RPO. What stands above a line waits.",
        plot.svg(&told),
    )
}

fn windows(rows: &ChurnPlanRows) -> Result<Chart, ReportError> {
    let shares: Vec<(f64, f64)> = rows
        .windows
        .iter()
        .map(|row| {
            let written = row.written_bytes_mean.max(1) as f64;
            let share = row.unique_bytes_mean as f64 / written * 100.0;
            (seconds(row.window_micros), share)
        })
        .collect();
    let (first, last) = ends(shares.iter().map(|dot| dot.0));
    let most = shares.iter().map(|dot| dot.1).fold(100.0, f64::max);
    let told: Vec<String> = shares
        .iter()
        .map(|(window, share)| format!("{}: {share:.0} %", time(*window)))
        .collect();
    let lines = [
        line("different blocks", 0, Look::Line, shares),
        line(
            "every write",
            1,
            Look::Dashes,
            vec![(first.min(last), 100.0), (last, 100.0)],
        ),
    ];
    let plot = Plot {
        lines: &lines,
        x: ("sent together", Scale::times(first, last)),
        y: ("% of what is written", Scale::Linear(Quantity::Count, most)),
        names: [time, speed],
    };
    made(
        "What sending less often spares",
        "Different blocks in windows of each length, beside all that is written in them: a block that is written again in a \
         window is sent once. They count whole, so that small writes can make them more.",
        plot.svg(&format!(
            "What sending less often spares. {}",
            told.join("; ")
        )),
    )
}
