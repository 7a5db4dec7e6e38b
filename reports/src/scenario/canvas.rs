//! Drawing shares of incidents over time, and risk over cost.
#![expect(clippy::cast_possible_wrap, reason = "pixels")]

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::words;
use crate::axis::{Axis, Quantity, Side};
use crate::canvas::{
    Area, Curve, Failed, SIZE, colour, draw_mesh, legend, mark, text_width, write,
};
use crate::svg;

/// Pixels from one label to the next at least.
const LABELS_APART: f64 = 170.0;
/// Pixels of a plot's width, about: what the labels leave.
const PLOT: f64 = 880.0;
/// The axis of times spans this much at least.
const TIMES_LEAST: f64 = 6.0;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;
/// Times that labels may stand at.
const TIMES: [f64; 30] = [
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    20.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
    2.0 * DAY,
    3.0 * DAY,
    5.0 * DAY,
    7.0 * DAY,
    14.0 * DAY,
    30.0 * DAY,
    60.0 * DAY,
    90.0 * DAY,
    180.0 * DAY,
    365.0 * DAY,
    730.0 * DAY,
    1825.0 * DAY,
    3650.0 * DAY,
];

/// How many incidents were over within a time.
pub(super) struct Steps {
    pub(super) name: String,
    /// Its number in the palette.
    pub(super) colour: usize,
    /// Seconds, and the share of all incidents up to there; rising.
    pub(super) shares: Vec<(f64, f64)>,
}

/// Strategies by what they cost and risk.
pub(super) struct Dots<'a> {
    /// Name, cost, risk; in the palette's order.
    pub(super) strategies: Vec<(String, f64, f64)>,
    /// Those that are joined, by number, the cheapest first.
    pub(super) joined: Vec<usize>,
    pub(super) x: &'a str,
    pub(super) cost: Quantity<'a>,
    pub(super) y: &'a str,
    pub(super) risk: Quantity<'a>,
    /// What stands behind each label of the risk.
    pub(super) unit: &'a str,
}

/// The share of incidents over time, on a logarithmic axis, with the objective.
pub(super) fn shares(
    curves: &[Steps],
    objective: Option<f64>,
    told: &str,
) -> Result<String, Failed> {
    drawn(told, |area| draw_shares(area, curves, objective))
}

/// Risk over cost, with the efficient joined.
pub(super) fn frontier(dots: &Dots<'_>, told: &str) -> Result<String, Failed> {
    drawn(told, |area| draw_dots(area, dots))
}

fn drawn(told: &str, draw: impl FnOnce(&Area<'_>) -> Result<(), Failed>) -> Result<String, Failed> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area)?;
        area.present()?;
    }
    Ok(svg::adapt(told, &svg, SIZE))
}

/// Names and marks on top, as for other charts; gives their height.
fn names(area: &Area<'_>, names: impl Iterator<Item = String>) -> Result<i32, Failed> {
    let curves: Vec<Curve> = names
        .map(|name| Curve {
            name,
            dots: Vec::new(),
        })
        .collect();
    legend(area, &curves)
}

/// From which time to which the axis goes.
fn range(curves: &[Steps], objective: Option<f64>) -> (f64, f64) {
    let edges = curves.iter().flat_map(|curve| &curve.shares);
    let times = || edges.clone().map(|(at, _)| *at).chain(objective);
    let positive = times().filter(|at| *at > 0.0);
    let low = positive.clone().fold(f64::INFINITY, f64::min);
    let high = positive.fold(0.0, f64::max);
    if !low.is_finite() {
        return (MINUTE, HOUR);
    }
    let (low, high) = (low / 1.4, high * 1.2);
    if high / low < TIMES_LEAST {
        let middle = (low * high).sqrt();
        let half = TIMES_LEAST.sqrt();
        return (middle / half, middle * half);
    }
    (low, high)
}

/// Labels that fit beside each other.
fn labels(low: f64, high: f64) -> Vec<f64> {
    let pixel = |at: f64| (at / low).ln() / (high / low).ln() * PLOT;
    let mut labels: Vec<f64> = Vec::new();
    // A label at an end would stick out, or stand on the other axis'.
    let fits = |at: &f64| (LABELS_APART / 4.0..=PLOT - LABELS_APART / 4.0).contains(&pixel(*at));
    for at in TIMES.into_iter().filter(fits) {
        if labels
            .last()
            .is_none_or(|last| pixel(at) - pixel(*last) >= LABELS_APART)
        {
            labels.push(at);
        }
    }
    labels
}

fn draw_shares(area: &Area<'_>, curves: &[Steps], objective: Option<f64>) -> Result<(), Failed> {
    let (low, high) = range(curves, objective);
    let place = |at: f64| at.clamp(low, high).ln();
    let top = names(area, curves.iter().map(|curve| curve.name.clone()))?;
    let plot = area.margin(top, 0, 0, 0);
    let mut chart = ChartBuilder::on(&plot)
        .margin_right(56)
        .margin_top(if objective.is_some() { 64 } else { 24 })
        .x_label_area_size(80)
        .y_label_area_size(220)
        .build_cartesian_2d(
            Side {
                range: low.ln()..high.ln(),
                ticks: labels(low, high).into_iter().map(f64::ln).collect(),
            },
            Side {
                range: 0.0..1.03,
                ticks: vec![0.0, 0.25, 0.5, 0.75, 1.0],
            },
        )?;
    let (x_label, y_label) = (
        |tick: &f64| words::time(tick.exp().round()),
        |tick: &f64| format!("{:.0} %", tick * 100.0),
    );
    let mut mesh = chart.configure_mesh();
    mesh.x_label_formatter(&x_label).y_label_formatter(&y_label);
    mesh.y_desc("of incidents");
    draw_mesh(&mut mesh, "")?;
    let pixel = |at: f64, share: f64| chart.backend_coord(&(place(at), share));
    if let Some(at) = objective {
        draw_objective(area, [pixel(at, 0.0), pixel(at, 1.03)], at)?;
    }
    for curve in curves {
        draw_steps(area, curve, (low, high), pixel)?;
    }
    Ok(())
}

/// A dashed line from the axis up, and what it is.
fn draw_objective(area: &Area<'_>, line: [(i32, i32); 2], at: f64) -> Result<(), Failed> {
    let style = BLACK.stroke_width(4);
    area.draw(&DashedPathElement::new(line, 10, 10, style))?;
    let text = format!("asked for: {}", words::time(at));
    let (x, y) = (line[1].0, line[1].1 - 32);
    let (left, half) = (262, text_width(&text) / 2);
    let side = if x - half < left {
        HPos::Left
    } else if x + half > SIZE.0 as i32 {
        HPos::Right
    } else {
        HPos::Center
    };
    write(area, &text, (x, y), side)
}

fn draw_steps(
    area: &Area<'_>,
    curve: &Steps,
    (low, high): (f64, f64),
    pixel: impl Fn(f64, f64) -> (i32, i32),
) -> Result<(), Failed> {
    let mut corners = vec![pixel(low, 0.0)];
    let mut before = 0.0;
    let mut middle = None;
    for (at, share) in &curve.shares {
        corners.push(pixel(*at, before));
        corners.push(pixel(*at, *share));
        if middle.is_none() && *share >= 0.5 {
            middle = Some(pixel(*at, (before + share) / 2.0));
        }
        before = *share;
    }
    corners.push(pixel(high, before));
    let last = corners.last().copied();
    let style = colour(curve.colour).stroke_width(6);
    area.draw(&PathElement::new(corners, style))?;
    for at in middle.into_iter().chain(last) {
        mark(area, at, curve.colour)?;
    }
    Ok(())
}

fn draw_dots(area: &Area<'_>, of: &Dots<'_>) -> Result<(), Failed> {
    let most =
        |value: fn(&(String, f64, f64)) -> f64| of.strategies.iter().map(value).fold(0.0, f64::max);
    let (x, y) = (
        Axis::to(of.cost, most(|dot| dot.1) * 1.05),
        Axis::to(of.risk, most(|dot| dot.2) * 1.03),
    );
    let top = names(area, of.strategies.iter().map(|dot| dot.0.clone()))?;
    let plot = area.margin(top, 0, 0, 0);
    let labels = y.ticks().into_iter();
    let widest = labels.map(|tick| text_width(&(y.label(tick) + of.unit)));
    let mut chart = ChartBuilder::on(&plot)
        .margin_right(56)
        .margin_top(24)
        .x_label_area_size(128)
        // The axis' name beside the longest label.
        .y_label_area_size(widest.max().unwrap_or(0) + 130)
        .build_cartesian_2d(
            Side {
                range: 0.0..x.end,
                ticks: x.ticks(),
            },
            Side {
                range: 0.0..y.end,
                ticks: y.ticks(),
            },
        )?;
    let (x_label, y_label) = (
        |tick: &f64| x.label(*tick),
        |tick: &f64| y.label(*tick) + of.unit,
    );
    let mut mesh = chart.configure_mesh();
    mesh.x_label_formatter(&x_label).y_label_formatter(&y_label);
    mesh.y_desc(of.y);
    draw_mesh(&mut mesh, of.x)?;
    let pixel = |dot: &(String, f64, f64)| chart.backend_coord(&(dot.1, dot.2));
    let joined: Vec<_> = of
        .joined
        .iter()
        .map(|at| pixel(&of.strategies[*at]))
        .collect();
    area.draw(&PathElement::new(joined, BLACK.mix(0.5).stroke_width(4)))?;
    for (number, dot) in of.strategies.iter().enumerate() {
        mark(area, pixel(dot), number)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Steps, labels, range};

    #[test]
    fn labels_stand_apart_and_there_are_some() {
        for (low, high) in [(0.5, 2.0), (3600.0, 90_000.0), (1.0, 1e8), (5e3, 3e4)] {
            let labels = labels(low, high);
            assert!((1..=6).contains(&labels.len()), "{low} {high}: {labels:?}");
            assert!(labels.is_sorted());
        }
    }

    #[test]
    fn the_axis_holds_all_times_and_the_objective() {
        let shares = vec![(0.0, 0.1), (7200.0, 0.5), (9000.0, 1.0)];
        let curve = Steps {
            name: String::new(),
            colour: 0,
            shares,
        };
        let (low, high) = range(&[curve], Some(50_000.0));
        assert!(low < 7200.0 && high > 50_000.0, "{low} {high}");
        assert_eq!(range(&[], None), (60.0, 3600.0));
    }
}
