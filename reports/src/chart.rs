//! Charts by plotters, as SVG that takes the page's colours.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixels and labels"
)]

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;

use crate::ReportError;
use crate::document::{Document, MethodDocument};
use crate::units;

/// Okabe and Ito's palette, which colour-blind readers tell apart.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
];
/// Drawn at about three times the size shown: plotters rounds to whole units.
const SIZE: (u32, u32) = (1320, 800);
const TEXT: i32 = 40;

type Failed = Box<dyn std::error::Error>;

/// One method's dots.
type Curve = Vec<(f64, f64)>;

/// A linear axis with ticks of our choosing: those of plotters' own are decimal, and bytes are not.
struct Axis {
    range: std::ops::Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.clone()
        }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.clone()
    }
}

/// How an axis is read.
#[derive(Clone, Copy)]
enum Unit {
    Bytes,
    Seconds,
    Plain,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an axis"
            )]
            Self::Bytes => units::bytes(value.max(0.0) as u64),
            Self::Seconds if value <= 0.0 => "0".to_owned(),
            Self::Seconds => units::seconds(value),
            Self::Plain => format!("{value:.0}"),
        }
    }
}

/// The methods with their colours, for the legend that all charts share.
pub(crate) fn legend(document: &Document) -> Vec<(String, String)> {
    let methods = document.methods.iter().zip(COLOURS.iter().cycle());
    methods
        .map(|(method, RGBColor(r, g, b))| {
            (method.method.clone(), format!("#{r:02x}{g:02x}{b:02x}"))
        })
        .collect()
}

/// The four charts of a report, in its order.
pub(crate) fn all(document: &Document) -> Result<Vec<(String, String)>, ReportError> {
    let wrong = |error: Failed| ReportError::Draw(error.to_string());
    let charts = [
        ("Stored bytes over time", stored(document)),
        ("Sent per point", sent(document)),
        ("Restore time against chain length", restores(document)),
        ("Cost of a month", cost(document)),
    ];
    charts
        .into_iter()
        .map(|(title, svg)| Ok((title.to_owned(), adapt(title, &svg.map_err(wrong)?))))
        .collect()
}

fn curves(document: &Document, of: impl Fn(&MethodDocument) -> Vec<(f64, f64)>) -> Vec<Curve> {
    document.methods.iter().map(of).collect()
}

fn stored(document: &Document) -> Result<String, Failed> {
    let curves = curves(document, |method| {
        let mut sum = 0;
        let points = method.points.iter();
        points
            .map(|point| {
                sum += point.stored_bytes;
                (f64::from(point.generation), sum as f64)
            })
            .collect()
    });
    lines(&curves, "recovery point", Unit::Bytes, true)
}

fn sent(document: &Document) -> Result<String, Failed> {
    let curves = curves(document, |method| {
        let points = method.points.iter();
        points
            .map(|point| (f64::from(point.generation), point.sent_bytes as f64))
            .collect()
    });
    lines(&curves, "recovery point", Unit::Bytes, true)
}

fn restores(document: &Document) -> Result<String, Failed> {
    let curves = curves(document, |method| {
        let rows = method.restores.iter();
        rows.map(|row| (f64::from(row.chain_length), row.seconds))
            .collect()
    });
    lines(&curves, "points in the chain", Unit::Seconds, false)
}

fn lines(curves: &[Curve], x_title: &str, unit: Unit, joined: bool) -> Result<String, Failed> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let dots = || curves.iter().flatten();
        let x_max = dots().map(|dot| dot.0).fold(1.0, f64::max);
        let y_max = dots().map(|dot| dot.1).fold(f64::MIN_POSITIVE, f64::max);
        let x_step = (x_max / 12.0).ceil() as usize;
        let x_ticks = (1..=x_max as usize)
            .step_by(x_step)
            .map(|x| x as f64)
            .collect();
        let mut chart = ChartBuilder::on(&area)
            .margin(30)
            .x_label_area_size(110)
            .y_label_area_size(190)
            .build_cartesian_2d(
                Axis {
                    range: 0.5..x_max + 0.5,
                    ticks: x_ticks,
                },
                Axis {
                    range: 0.0..y_max * 1.08,
                    ticks: ticks(unit, y_max),
                },
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .x_label_formatter(&|x| Unit::Plain.show(*x))
            .y_label_formatter(&|y| unit.show(*y))
            .x_desc(x_title)
            .label_style(("sans-serif", TEXT))
            .axis_desc_style(("sans-serif", TEXT))
            .bold_line_style(BLACK.mix(0.15))
            .draw()?;
        for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            if joined {
                let style = colour.stroke_width(6);
                chart.draw_series(LineSeries::new(curve.iter().copied(), style))?;
            }
            let dots = curve
                .iter()
                .map(|dot| Circle::new(*dot, 11, colour.filled()));
            chart.draw_series(dots)?;
        }
        area.present()?;
    }
    Ok(svg)
}

/// Round values up to `most`: steps of a power of two for bytes, of 1, 2 or 5 for the rest.
fn ticks(unit: Unit, most: f64) -> Vec<f64> {
    let step = if matches!(unit, Unit::Bytes) {
        (most / 3.0).log2().floor().exp2()
    } else {
        let decade = 10_f64.powf((most / 5.0).log10().floor());
        let steps = [1.0, 2.0, 5.0].map(|factor| factor * decade);
        steps
            .into_iter()
            .find(|step| most / step <= 6.0)
            .unwrap_or(10.0 * decade)
    };
    (0..=(most / step) as usize)
        .map(|tick| tick as f64 * step)
        .collect()
}

fn cost(document: &Document) -> Result<String, Failed> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        bars(document, &area)?;
        area.present()?;
    }
    Ok(svg)
}

fn bars(document: &Document, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Failed> {
    let methods = &document.methods;
    let currency = methods
        .first()
        .map_or("USD", |method| method.cost.currency.as_str());
    let most = methods
        .iter()
        .map(|method| method.cost.month)
        .fold(f64::MIN_POSITIVE, f64::max);
    // Names stand below the axis, in a strip of the plot itself: plotters' own axis of segments
    // overflows on a short range (0.3.7).
    let mut chart = ChartBuilder::on(area)
        .margin(30)
        .y_label_area_size(230)
        .build_cartesian_2d(
            -0.5..methods.len() as f64 - 0.5,
            Axis {
                range: -most * 0.16..most * 1.15,
                ticks: ticks(Unit::Plain, most),
            },
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .max_light_lines(0)
        .y_label_formatter(&|y| units::money(*y, currency))
        .label_style(("sans-serif", TEXT))
        .bold_line_style(BLACK.mix(0.15))
        .draw()?;
    let centred = plotters::style::text_anchor::Pos::new(
        plotters::style::text_anchor::HPos::Center,
        plotters::style::text_anchor::VPos::Center,
    );
    let style = || ("sans-serif", TEXT).into_text_style(area).pos(centred);
    for ((at, method), colour) in methods.iter().enumerate().zip(COLOURS.iter().cycle()) {
        let (x, month) = (at as f64, method.cost.month);
        let bar = Rectangle::new([(x - 0.32, 0.0), (x + 0.32, month)], colour.filled());
        chart.draw_series(std::iter::once(bar))?;
        let texts = [
            Text::new(
                units::money(month, currency),
                (x, month + most * 0.07),
                style(),
            ),
            Text::new(method.method.clone(), (x, -most * 0.08), style()),
        ];
        chart.draw_series(texts)?;
    }
    Ok(())
}

/// Lets the picture scale, take the page's text colour, and tell screen readers what it is.
fn adapt(title: &str, svg: &str) -> String {
    let (width, height) = SIZE;
    let head = format!(r#"<svg role="img" aria-label="{title}" viewBox="0 0 {width} {height}" "#);
    svg.replacen("<svg ", &head, 1)
        .replacen(&format!(r#"width="{width}" height="{height}" "#), "", 1)
        .replace("#000000", "currentColor")
}
