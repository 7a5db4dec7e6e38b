//! Charts by plotters, as SVG that takes the page's colours.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixels and labels"
)]

use plotters::coord::Shift;
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
/// Drawn at three times the size shown: plotters rounds to whole units.
const SIZE: (u32, u32) = (1920, 1020);
const TEXT: i32 = 42;

type Failed = Box<dyn std::error::Error>;

/// One curve: a method's name and its dots.
struct Curve {
    name: String,
    dots: Vec<(f64, f64)>,
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
    let methods = document.methods.iter();
    methods
        .map(|method| Curve {
            name: method.method.clone(),
            dots: of(method),
        })
        .collect()
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
        let dots = || curves.iter().flat_map(|curve| curve.dots.iter());
        let x_max = dots().map(|dot| dot.0).fold(1.0, f64::max);
        let y_max = dots().map(|dot| dot.1).fold(f64::MIN_POSITIVE, f64::max) * 1.08;
        let mut chart = ChartBuilder::on(&area)
            .margin(30)
            .x_label_area_size(110)
            .y_label_area_size(210)
            .build_cartesian_2d(0.5..x_max + 0.5, 0.0..y_max)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .x_labels((x_max as usize + 1).min(13))
            .y_labels(6)
            .x_label_formatter(&|x| {
                if x.fract() == 0.0 {
                    Unit::Plain.show(*x)
                } else {
                    String::new()
                }
            })
            .y_label_formatter(&|y| unit.show(*y))
            .x_desc(x_title)
            .label_style(("sans-serif", TEXT))
            .axis_desc_style(("sans-serif", TEXT))
            .bold_line_style(BLACK.mix(0.15))
            .draw()?;
        for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            if joined {
                let style = colour.stroke_width(6);
                chart.draw_series(LineSeries::new(curve.dots.iter().copied(), style))?;
            }
            let dots = curve
                .dots
                .iter()
                .map(|dot| Circle::new(*dot, 11, colour.filled()));
            chart
                .draw_series(dots)?
                .label(&curve.name)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 12), (x + 40, y + 12)], colour.filled())
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .legend_area_size(60)
            .margin(20)
            .label_font(("sans-serif", TEXT))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
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
        .build_cartesian_2d(-0.5..methods.len() as f64 - 0.5, -most * 0.16..most * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .max_light_lines(0)
        .y_labels(6)
        .y_label_formatter(&|y| {
            if *y < 0.0 {
                String::new()
            } else {
                units::money(*y, currency)
            }
        })
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
