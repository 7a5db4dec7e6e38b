//! The charts of a plan: what they show. How they are drawn stands in `canvas`.
#![expect(clippy::cast_precision_loss, reason = "pixels")]

use simulator::forecast::{CAUSES, Cause, Month};

use super::canvas::{Shape, Timeline, Trace};
use super::document::{ForecastDocument, MonthDocument, PolicyDocument};
use super::words;
use crate::ReportError;
use crate::axis::Quantity;
use crate::canvas::{Bar, Drawing, Failed};
use crate::chart::Chart;
use crate::units;

/// The charts of one policy.
pub(super) fn of(
    document: &ForecastDocument,
    policy: &PolicyDocument,
) -> Result<Vec<Chart>, ReportError> {
    Ok(vec![
        stored(document, policy)?,
        reasons(policy)?,
        ages(policy)?,
        cost(document, policy)?,
    ])
}

fn made(
    title: &'static str,
    note: &'static str,
    svg: Result<String, Failed>,
) -> Result<Chart, ReportError> {
    let svg = svg.map_err(|error| ReportError::Make {
        file: "a chart of plan.html",
        message: error.to_string(),
    })?;
    Ok(Chart { title, note, svg })
}

fn months(policy: &PolicyDocument) -> Vec<&str> {
    policy
        .months
        .iter()
        .map(|month| month.month.month.as_str())
        .collect()
}

fn values(policy: &PolicyDocument, of: impl Fn(&Month) -> u64) -> Vec<f64> {
    policy
        .months
        .iter()
        .map(|month| of(&month.month) as f64)
        .collect()
}

/// All policies beside each other.
pub(super) fn compared(document: &ForecastDocument) -> Result<Chart, ReportError> {
    let policies = document.policies.iter().enumerate();
    let traces: Vec<Trace> = policies
        .map(|(number, policy)| Trace {
            name: policy.title(),
            colour: number,
            shape: Shape::Line(values(policy, |month| month.stored_bytes)),
        })
        .collect();
    let told: Vec<String> = document
        .policies
        .iter()
        .filter_map(|policy| Some((policy, policy.end()?)))
        .map(|(policy, end)| {
            format!(
                "{}: {}",
                policy.title(),
                units::bytes(end.month.stored_bytes)
            )
        })
        .collect();
    let timeline = Timeline {
        months: &document.policies.first().map(months).unwrap_or_default(),
        traces: &traces,
        y: "stored",
        quantity: Quantity::Bytes,
    };
    made(
        "Stored bytes under each policy",
        "At the end of each month. Lower is better, if the points suffice.",
        timeline.svg(&format!(
            "Stored bytes under each policy. {}",
            told.join("; ")
        )),
    )
}

fn stored(document: &ForecastDocument, policy: &PolicyDocument) -> Result<Chart, ReportError> {
    let band =
        |month: &MonthDocument| (month.month.low_bytes as f64, month.month.high_bytes as f64);
    let band: Vec<(f64, f64)> = policy.months.iter().map(band).collect();
    let mut traces = vec![
        Trace {
            name: "stored".to_owned(),
            colour: 0,
            shape: Shape::Line(values(policy, |month| month.stored_bytes)),
        },
        Trace {
            name: "peak".to_owned(),
            colour: 1,
            shape: Shape::Dashes(values(policy, |month| month.peak_bytes)),
        },
        Trace {
            name: "needed by points".to_owned(),
            colour: 2,
            shape: Shape::Line(values(policy, |month| month.kept_bytes)),
        },
    ];
    if band.iter().any(|(low, high)| high > low) {
        let band = Trace {
            name: "9 of 10 draws".to_owned(),
            colour: 0,
            shape: Shape::Pale(band),
        };
        traces.insert(0, band);
    }
    if let Some(capacity) = document.basis.capacity_bytes {
        traces.push(Trace {
            name: "room".to_owned(),
            colour: 3,
            shape: Shape::Dashes(vec![capacity as f64; policy.months.len()]),
        });
    }
    let end = policy.end().map_or(0, |end| end.month.stored_bytes);
    let told = format!(
        "Stored bytes. At the end {}; at its fullest {}.",
        units::bytes(end),
        units::bytes(words::peak(policy))
    );
    let timeline = Timeline {
        months: &months(policy),
        traces: &traces,
        y: "bytes",
        quantity: Quantity::Bytes,
    };
    made(
        "Stored bytes over time",
        "At the end of each month, and the most in any moment of it: before a prune, or with a new full \
         beside an old chain. Deleted points that can be brought back are in it.",
        timeline.svg(&told),
    )
}

fn reasons(policy: &PolicyDocument) -> Result<Chart, ReportError> {
    let of = |month: &Month, cause: Cause| {
        let found = month.reasons.iter().find(|(known, _)| *known == cause);
        found.map_or(0, |(_, points)| *points)
    };
    let mut below = vec![0.0; policy.months.len()];
    let mut traces = Vec::new();
    for cause in CAUSES {
        let points = values(policy, |month| of(month, cause));
        if points.iter().all(|points| *points <= 0.0) {
            continue;
        }
        let above: Vec<f64> = below
            .iter()
            .zip(&points)
            .map(|(below, more)| below + more)
            .collect();
        let area = below.iter().copied().zip(above.iter().copied());
        traces.push(Trace {
            name: cause.name().to_owned(),
            colour: traces.len(),
            shape: Shape::Full(area.collect()),
        });
        below = above;
    }
    let end = policy
        .end()
        .map_or(String::new(), |end| words::reasons(&end.month));
    let timeline = Timeline {
        months: &months(policy),
        traces: &traces,
        y: "points",
        quantity: Quantity::Count,
    };
    made(
        "Restore points by what keeps them",
        "A point that several rules keep is counted for the one that keeps it longest.",
        timeline.svg(&format!("Restore points by reason. At the end {end}.")),
    )
}

fn ages(policy: &PolicyDocument) -> Result<Chart, ReportError> {
    let bar = |age: &simulator::forecast::Age| Bar {
        name: age.name.clone(),
        value: age.points as f64,
        label: match age.points {
            0 => "none".to_owned(),
            points => format!("{points}, up to {}", words::span(age.widest_step_seconds)),
        },
    };
    let bars: Vec<Bar> = policy.ages.iter().map(bar).collect();
    let told: Vec<String> = bars
        .iter()
        .map(|bar| format!("{}: {}", bar.name, bar.label))
        .collect();
    let drawing = Drawing::Bars {
        bars: &bars,
        x: "points",
        quantity: Quantity::Count,
    };
    made(
        "Restore points by age, at the end",
        "How many points of each age, and the widest step to the next newer one: what a restore from \
         then can lose.",
        drawing.svg(&format!("Restore points by age. {}", told.join("; "))),
    )
}

fn cost(document: &ForecastDocument, policy: &PolicyDocument) -> Result<Chart, ReportError> {
    let redundancies = document.redundancies.iter().enumerate();
    let traces: Vec<Trace> = redundancies
        .map(|(at, redundancy)| Trace {
            name: redundancy.name().to_uppercase(),
            colour: at,
            shape: Shape::Line(
                policy
                    .months
                    .iter()
                    .map(|month| month.costs[at].all)
                    .collect(),
            ),
        })
        .collect();
    let end = policy.end().map_or(&[][..], |end| &end.costs);
    let told: Vec<String> = end
        .iter()
        .map(|cost| {
            format!(
                "{}: {}",
                cost.redundancy,
                units::money(cost.all, &document.currency)
            )
        })
        .collect();
    let timeline = Timeline {
        months: &months(policy),
        traces: &traces,
        y: "a month",
        quantity: Quantity::Money(&document.currency),
    };
    made(
        "Cost of each month",
        "Storage and instance fees, by how the vault is kept. Lower is better.",
        timeline.svg(&format!("Cost of a month at the end. {}", told.join("; "))),
    )
}
