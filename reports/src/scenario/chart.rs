//! The charts of a scenario: what they show. How they are drawn stands in `canvas`.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "pixels"
)]

use super::canvas::{Dots, Steps, frontier, shares};
use super::cost::Part;
use super::document::{ScenarioDocument, StrategyDocument};
use super::frontier::Standing;
use super::percentiles::Percentiles;
use super::risk::Measure;
use super::words;
use crate::ReportError;
use crate::axis::Quantity;
use crate::canvas::Failed;
use crate::forecast::canvas::{Shape, Timeline, Trace};
use crate::units::plain;

/// A chart whose title has a name in it.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) note: &'static str,
    pub(super) svg: String,
}

fn made(
    title: String,
    note: &'static str,
    svg: Result<String, Failed>,
) -> Result<Figure, ReportError> {
    let svg = svg.map_err(|error| ReportError::Make {
        file: "a chart of report.html",
        message: error.to_string(),
    })?;
    Ok(Figure { title, note, svg })
}

/// How RPO and RTO spread, for strategies that had incidents.
pub(super) fn spreads(document: &ScenarioDocument) -> Result<Vec<Figure>, ReportError> {
    if document.compared().all(|one| one.incidents == 0) {
        return Ok(Vec::new());
    }
    let rpo = spread(
        document,
        (
            "RPO: data lost",
            "How many of all incidents lost no more than so much. A line that ends below 100 % lost everything in the others.",
        ),
        |one| &one.rpo,
        document.rpo_objective_seconds,
    )?;
    let rto = spread(
        document,
        (
            "RTO: time until service",
            "How many of all incidents were over within a time. A line that ends below 100 % was not back in the others.",
        ),
        |one| &one.rto,
        document.rto_objective_seconds,
    )?;
    Ok(vec![rpo, rto])
}

fn spread(
    document: &ScenarioDocument,
    (title, note): (&str, &'static str),
    of: impl Fn(&StrategyDocument) -> &Percentiles,
    objective: Option<f64>,
) -> Result<Figure, ReportError> {
    let compared: Vec<&StrategyDocument> = document.compared().collect();
    let curves: Vec<Steps> = compared
        .iter()
        .enumerate()
        .map(|(colour, one)| Steps {
            name: plain(&one.strategy),
            colour,
            shares: steps(of(one), one.incidents),
        })
        .collect();
    let told: Vec<String> = compared
        .iter()
        .map(|one| {
            let half = words::percentile(of(one), of(one).p50_seconds, "none");
            format!("{}: half up to {half}", plain(&one.strategy))
        })
        .collect();
    let told = format!("{title}. {}", told.join("; "));
    made(title.to_owned(), note, shares(&curves, objective, &told))
}

/// The share of all incidents up to each time; buckets count what came back alone.
fn steps(times: &Percentiles, incidents: u64) -> Vec<(f64, f64)> {
    let mut sum = 0_u64;
    let buckets = times.buckets.iter();
    buckets
        .map(|(edge, count)| {
            sum = sum.saturating_add(*count);
            // Buckets end above what they hold.
            let edge = edge.min(times.max_seconds);
            (edge, (sum as f64 / incidents.max(1) as f64).min(1.0))
        })
        .collect()
}

/// Cost and risk on one chart, with the efficient joined.
pub(super) fn cost_and_risk(document: &ScenarioDocument) -> Result<Figure, ReportError> {
    let compared: Vec<&StrategyDocument> = document.compared().collect();
    let measure = document.measure;
    let value = |one: &StrategyDocument| {
        let value = measure.value(&one.risk);
        match measure {
            Measure::Penalty => value,
            Measure::Missed => value * 100.0,
            Measure::Hours => value * 3600.0,
        }
    };
    let dot = |one: &&StrategyDocument| (plain(&one.strategy), one.cost.per_year, value(one));
    let dots: Vec<(String, f64, f64)> = compared.iter().map(dot).collect();
    let is_efficient = |at: &usize| compared[*at].standing == Some(Standing::Efficient);
    let mut joined: Vec<usize> = (0..dots.len()).filter(is_efficient).collect();
    joined.sort_by(|a, b| dots[*a].1.total_cmp(&dots[*b].1));
    let told: Vec<String> = compared
        .iter()
        .map(|one| {
            format!(
                "{}: {} a year, {}",
                plain(&one.strategy),
                words::money(document, one.cost.per_year),
                words::risk(document, measure.value(&one.risk))
            )
        })
        .collect();
    let (y, risk, unit) = match measure {
        Measure::Penalty => (
            "expected damage a year",
            Quantity::Money(&document.currency),
            "",
        ),
        Measure::Missed => ("incidents that missed", Quantity::Count, " %"),
        Measure::Hours => ("down and lost a year", Quantity::Seconds, ""),
    };
    let drawing = Dots {
        strategies: dots,
        joined,
        x: "cost a year",
        cost: Quantity::Money(&document.currency),
        y,
        risk,
        unit,
    };
    made(
        "Cost and risk".to_owned(),
        "To the left is cheaper, further down is safer. The line joins the efficient strategies: none is better than them on both sides.",
        frontier(&drawing, &format!("Cost and risk. {}", told.join("; "))),
    )
}

/// What each strategy costs month by month, stacked by part; none for less than two whole months.
pub(super) fn months(document: &ScenarioDocument) -> Result<Vec<Figure>, ReportError> {
    let compared = document.compared();
    let charts = compared.map(|one| month_by_month(document, one));
    Ok(charts
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect())
}

fn month_by_month(
    document: &ScenarioDocument,
    one: &StrategyDocument,
) -> Result<Option<Figure>, ReportError> {
    let whole = one.cost.months.iter().filter(|month| month.share >= 0.99);
    let whole: Vec<_> = whole.collect();
    if whole.len() < 2 {
        return Ok(None);
    }
    let mut below = vec![0.0; whole.len()];
    let mut traces = Vec::new();
    for group in Group::ALL {
        let sums = whole.iter().map(|month| {
            let parts = month.parts.iter();
            let of = parts.filter(|(part, _)| Group::of(*part) == group);
            of.map(|(_, sum)| sum).sum::<f64>()
        });
        let above: Vec<f64> = below
            .iter()
            .zip(sums)
            .map(|(below, sum)| below + sum)
            .collect();
        if above == below {
            continue;
        }
        traces.push(Trace {
            name: group.name().to_owned(),
            colour: group as usize,
            shape: Shape::Full(below.into_iter().zip(above.iter().copied()).collect()),
        });
        below = above;
    }
    let names: Vec<String> = whole
        .iter()
        .map(|month| month_name(document.start_seconds, month.month))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let timeline = Timeline {
        months: &names,
        traces: &traces,
        y: "a month",
        quantity: Quantity::Money(&document.currency),
    };
    let name = plain(&one.strategy);
    let last = below.last().copied().unwrap_or_default();
    let told = format!(
        "Cost of {name} by month; in the last {}",
        words::money(document, last)
    );
    let figure = made(name, "", timeline.svg(&told))?;
    Ok(Some(figure))
}

/// The calendar's month in which the middle of a month from the start falls.
pub(super) fn month_name(start_seconds: i64, month: u32) -> String {
    let middle = (f64::from(month) + 0.5) * 730.5 * 3600.0;
    let at = jiff::Timestamp::from_second(start_seconds.saturating_add(middle as i64));
    at.map_or_else(
        |_| format!("month {}", month + 1),
        |at| at.strftime("%Y-%m").to_string(),
    )
}

/// Parts that are drawn as one, so that each has a colour of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Storage,
    Instances,
    Traffic,
    Site,
    Operations,
    Standby,
}

impl Group {
    pub(super) const ALL: [Self; 6] = [
        Self::Storage,
        Self::Instances,
        Self::Traffic,
        Self::Site,
        Self::Operations,
        Self::Standby,
    ];

    pub(super) fn of(part: Part) -> Self {
        match part {
            Part::Instances | Part::Licences => Self::Instances,
            Part::Stored | Part::Deleted | Part::Replica => Self::Storage,
            Part::Operations => Self::Operations,
            Part::Transfer | Part::GeoReplication => Self::Traffic,
            Part::Disk | Part::Tape | Part::Courier | Part::Seeding => Self::Site,
            Part::Standby => Self::Standby,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Storage => "stored bytes",
            Self::Instances => "instances",
            Self::Traffic => "traffic",
            Self::Site => "disk, tape, courier",
            Self::Operations => "operations",
            Self::Standby => "standby",
        }
    }
}
