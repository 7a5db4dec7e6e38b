//! Drawing over months: lines, and bands between two lines.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "pixels"
)]

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::axis::{Axis, Quantity, Side};
use crate::canvas::{Area, Failed, SIZE, TEXT, colour, draw_mesh, text_width, write};
use crate::svg;

/// How a trace is drawn.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A line through a value for each month.
    Line(Vec<f64>),
    /// The same in dashes.
    Dashes(Vec<f64>),
    /// A pale area from a low to a high value of each month.
    Pale(Vec<(f64, f64)>),
    /// A full one.
    Full(Vec<(f64, f64)>),
}

/// Something that changes over the months.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) name: String,
    /// Its number in the palette.
    pub(crate) colour: usize,
    pub(crate) shape: Shape,
}

/// A drawing over months.
pub(crate) struct Timeline<'a> {
    /// Names such as `2027-03`.
    pub(crate) months: &'a [&'a str],
    pub(crate) traces: &'a [Trace],
    pub(crate) y: &'a str,
    pub(crate) quantity: Quantity<'a>,
}

/// Labels of months that fit beside each other.
const LABELS_MAX: usize = 5;
const PALE: f64 = 0.25;

impl Timeline<'_> {
    /// The drawing as an `svg` element; `told` is what it says to those who don't see it.
    pub(crate) fn svg(&self, told: &str) -> Result<String, Failed> {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            self.draw(&area)?;
            area.present()?;
        }
        Ok(svg::adapt(told, &svg, SIZE))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Failed> {
        let most = self.traces.iter().map(|trace| trace.shape.most());
        let y = Axis::to(self.quantity, most.fold(0.0, f64::max));
        let last = self.months.len().saturating_sub(1).max(1) as f64;
        let plot = area.margin(self.legend(area)?, 0, 0, 0);
        let mut chart = ChartBuilder::on(&plot)
            .margin_right(96)
            .margin_top(24)
            .x_label_area_size(80)
            .y_label_area_size(262)
            .build_cartesian_2d(
                Side {
                    range: 0.0..last,
                    ticks: self.ticks(),
                },
                Side {
                    range: 0.0..y.end,
                    ticks: y.ticks(),
                },
            )?;
        let (x_label, y_label) = (|tick: &f64| self.label(*tick), |tick: &f64| y.label(*tick));
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh().y_desc(self.y);
        mesh.x_label_formatter(&x_label).y_label_formatter(&y_label);
        draw_mesh(&mut mesh, "")?;
        let pixel = |month: usize, value: f64| chart.backend_coord(&(month as f64, value));
        for trace in self.traces {
            trace.draw(area, pixel)?;
        }
        Ok(())
    }

    /// Months with a label: Januaries, or of a short time every so many.
    fn ticks(&self) -> Vec<f64> {
        let months = self.months.iter().enumerate();
        let januaries: Vec<usize> = months
            .filter(|(_, month)| month.ends_with("-01"))
            .map(|(at, _)| at)
            .collect();
        let (all, step) = if januaries.len() > 1 {
            let step = januaries.len().div_ceil(LABELS_MAX);
            (januaries, step)
        } else {
            (
                (0..self.months.len()).collect(),
                self.months.len().div_ceil(LABELS_MAX - 1),
            )
        };
        all.into_iter()
            .step_by(step.max(1))
            .map(|at| at as f64)
            .collect()
    }

    fn label(&self, tick: f64) -> String {
        let month = self
            .months
            .get(tick.round() as usize)
            .copied()
            .unwrap_or_default();
        let several = self
            .months
            .iter()
            .filter(|month| month.ends_with("-01"))
            .count()
            > 1;
        match month.strip_suffix("-01") {
            Some(year) if several => year.to_owned(),
            _ => month.to_owned(),
        }
    }

    /// Names and colours in a strip on top; gives its height.
    fn legend(&self, area: &Area<'_>) -> Result<i32, Failed> {
        let (mut x, mut y) = (36, 34);
        for trace in self.traces.iter().filter(|trace| !trace.name.is_empty()) {
            let wide = 124 + text_width(&trace.name);
            if x > 36 && x + wide > SIZE.0 as i32 {
                (x, y) = (36, y + TEXT + 16);
            }
            trace.swatch(area, (x, y))?;
            write(area, &trace.name, (x + 74, y), HPos::Left)?;
            x += wide;
        }
        Ok(y + 30)
    }
}

impl Shape {
    fn most(&self) -> f64 {
        match self {
            Self::Line(values) | Self::Dashes(values) => values.iter().copied().fold(0.0, f64::max),
            Self::Pale(values) | Self::Full(values) => {
                values.iter().map(|(_, high)| *high).fold(0.0, f64::max)
            }
        }
    }
}

impl Trace {
    fn draw(
        &self,
        area: &Area<'_>,
        pixel: impl Fn(usize, f64) -> (i32, i32),
    ) -> Result<(), Failed> {
        let along = |values: &[f64]| -> Vec<(i32, i32)> {
            values
                .iter()
                .enumerate()
                .map(|(at, value)| pixel(at, *value))
                .collect()
        };
        let around = |values: &[(f64, f64)]| -> Vec<(i32, i32)> {
            let (low, high): (Vec<f64>, Vec<f64>) = values.iter().copied().unzip();
            let mut pixels = along(&high);
            pixels.extend(along(&low).into_iter().rev());
            pixels
        };
        match &self.shape {
            Shape::Line(values) => self.line(area, along(values)),
            Shape::Dashes(values) => self.dashes(area, &along(values)),
            Shape::Pale(values) => self.area(area, around(values), PALE),
            Shape::Full(values) => self.area(area, around(values), 1.0),
        }
    }

    fn line(&self, area: &Area<'_>, pixels: Vec<(i32, i32)>) -> Result<(), Failed> {
        let style = colour(self.colour).stroke_width(6);
        Ok(area.draw(&PathElement::new(pixels, style))?)
    }

    fn dashes(&self, area: &Area<'_>, pixels: &[(i32, i32)]) -> Result<(), Failed> {
        let style = colour(self.colour).stroke_width(4);
        let dashes = DashedPathElement::new(pixels.iter().copied(), 18, 12, style);
        Ok(area.draw(&dashes)?)
    }

    fn area(&self, area: &Area<'_>, pixels: Vec<(i32, i32)>, opacity: f64) -> Result<(), Failed> {
        let style = colour(self.colour).mix(opacity).filled();
        Ok(area.draw(&Polygon::new(pixels, style))?)
    }

    /// What stands for it in the legend.
    fn swatch(&self, area: &Area<'_>, (x, y): (i32, i32)) -> Result<(), Failed> {
        match &self.shape {
            Shape::Line(_) => self.line(area, vec![(x, y), (x + 60, y)]),
            Shape::Dashes(_) => self.dashes(area, &[(x, y), (x + 60, y)]),
            Shape::Pale(_) | Shape::Full(_) => {
                let opacity = if matches!(self.shape, Shape::Full(_)) {
                    1.0
                } else {
                    PALE
                };
                let style = colour(self.colour).mix(opacity).filled();
                Ok(area.draw(&Rectangle::new([(x, y - 16), (x + 60, y + 16)], style))?)
            }
        }
    }
}
