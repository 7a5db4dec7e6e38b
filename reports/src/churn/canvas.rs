//! Drawing of lines over time or over targets, on linear and logarithmic sides.
#![expect(clippy::cast_possible_wrap, reason = "pixels")]

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::words;
use crate::axis::{Axis, Quantity, Side};
use crate::canvas::TEXT;
use crate::canvas::{Area, Failed, SIZE, colour, draw_mesh, text_width, write};
use crate::svg;
use crate::units;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A line.
    Line,
    /// Dashes.
    Dashes,
    /// The area below, pale.
    Area,
}

/// Something drawn.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// Its number in the palette.
    pub(super) colour: usize,
    pub(super) look: Look,
    pub(super) dots: Vec<(f64, f64)>,
}

/// One side of a drawing.
#[derive(Clone, Debug)]
pub(super) enum Scale {
    /// From zero to a value.
    Linear(Quantity<'static>, f64),
    /// By powers, from a value above zero to another, with ticks.
    Powers(f64, f64, Vec<f64>),
}

/// A drawing.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    pub(super) lines: &'a [Line],
    pub(super) x: (&'a str, Scale),
    pub(super) y: (&'a str, Scale),
    /// What a tick of a scale by powers is called, by side.
    pub(super) names: [fn(f64) -> String; 2],
}

const PALE: f64 = 0.3;

/// Names of times.
#[expect(clippy::cast_sign_loss, reason = "ticks are above zero")]
pub(super) fn time(seconds: f64) -> String {
    words::time((seconds * 1e6).round() as u64)
}

/// Names of speeds.
#[expect(clippy::cast_sign_loss, reason = "ticks are above zero")]
pub(super) fn speed(bytes_per_second: f64) -> String {
    units::speed(bytes_per_second.round() as u64)
}

impl Scale {
    /// Powers that hold these times in seconds, with the ticks of a clock.
    pub(super) fn times(least: f64, most: f64) -> Self {
        let ticks = [
            0.001,
            0.01,
            0.1,
            1.0,
            10.0,
            60.0,
            600.0,
            3_600.0,
            36_000.0,
            360_000.0,
            3_600_000.0,
        ];
        Self::powers(least, most, &ticks)
    }

    /// Powers that hold these speeds, with a tick for each tenfold.
    pub(super) fn speeds(least: f64, most: f64) -> Self {
        let ticks: Vec<f64> = (-1..13).map(|power| 12.5 * 10_f64.powi(power)).collect();
        Self::powers(least, most, &ticks)
    }

    fn powers(least: f64, most: f64, ticks: &[f64]) -> Self {
        let least = if least.is_finite() {
            least.max(1e-3)
        } else {
            1.0
        };
        let most = if most.is_finite() {
            most.max(least * 2.0)
        } else {
            least * 10.0
        };
        let (low, high) = (least / 1.15, most * 1.15);
        let within: Vec<f64> = ticks
            .iter()
            .copied()
            .filter(|tick| (low..=high).contains(tick))
            .collect();
        // A side within one tenfold has its ends for ticks.
        let ticks = if within.len() < 2 {
            vec![least, most]
        } else {
            within
        };
        Self::Powers(low, high, ticks)
    }

    /// Where a value stands.
    fn place(&self, value: f64) -> f64 {
        match self {
            Self::Linear(..) => value,
            Self::Powers(low, high, _) => value.clamp(*low, *high).log10(),
        }
    }

    fn side(&self) -> Side {
        match self {
            Self::Linear(quantity, most) => {
                let axis = Axis::to(*quantity, *most);
                Side {
                    range: 0.0..axis.end,
                    ticks: axis.ticks(),
                }
            }
            Self::Powers(low, high, ticks) => Side {
                range: low.log10()..high.log10(),
                ticks: ticks.iter().map(|tick| tick.log10()).collect(),
            },
        }
    }

    fn label(&self, place: f64, name: fn(f64) -> String) -> String {
        match self {
            Self::Linear(quantity, most) => Axis::to(*quantity, *most).label(place),
            Self::Powers(_, _, ticks) => {
                let near = |tick: &&f64| (tick.log10() - place).abs() < 1e-9;
                ticks
                    .iter()
                    .find(near)
                    .map_or(String::new(), |tick| name(*tick))
            }
        }
    }
}

impl Plot<'_> {
    /// The drawing as an `svg` element; `told` is what it says to those who don't see it.
    pub(super) fn svg(&self, told: &str) -> Result<String, Failed> {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            self.draw(&area)?;
            area.present()?;
        }
        Ok(svg::adapt(told, &svg, SIZE))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Failed> {
        let plot = area.margin(self.legend(area)?, 0, 0, 0);
        let mut chart = ChartBuilder::on(&plot)
            .margin_right(70)
            .margin_top(24)
            .x_label_area_size(128)
            .y_label_area_size(262)
            .build_cartesian_2d(self.x.1.side(), self.y.1.side())?;
        let x_label = |tick: &f64| self.x.1.label(*tick, self.names[0]);
        let y_label = |tick: &f64| self.y.1.label(*tick, self.names[1]);
        let mut mesh = chart.configure_mesh();
        mesh.y_desc(self.y.0);
        if matches!(self.x.1, Scale::Linear(..)) {
            mesh.disable_x_mesh();
        }
        mesh.x_label_formatter(&x_label).y_label_formatter(&y_label);
        draw_mesh(&mut mesh, self.x.0)?;
        for line in self.lines {
            let dots = line.dots.iter();
            let places = dots.map(|(x, y)| (self.x.1.place(*x), self.y.1.place(*y)));
            let pixels: Vec<(i32, i32)> = places.map(|place| chart.backend_coord(&place)).collect();
            let floor = chart.backend_coord(&(0.0, self.y.1.side().range.start)).1;
            line.draw(area, &pixels, floor)?;
        }
        Ok(())
    }

    /// Names and colours in a strip on top; gives its height.
    fn legend(&self, area: &Area<'_>) -> Result<i32, Failed> {
        let (mut x, mut y) = (36, 34);
        for line in self.lines {
            let wide = 124 + text_width(&line.name);
            if x > 36 && x + wide > SIZE.0 as i32 {
                (x, y) = (36, y + TEXT + 16);
            }
            line.draw(area, &[(x, y), (x + 60, y)], y + 16)?;
            write(area, &line.name, (x + 74, y), HPos::Left)?;
            x += wide;
        }
        Ok(y + 30)
    }
}

impl Line {
    fn draw(&self, area: &Area<'_>, pixels: &[(i32, i32)], floor: i32) -> Result<(), Failed> {
        let shade = colour(self.colour);
        match self.look {
            Look::Line => {
                let style = shade.stroke_width(4);
                area.draw(&PathElement::new(pixels.to_vec(), style))?;
            }
            Look::Dashes => {
                let style = shade.stroke_width(4);
                area.draw(&DashedPathElement::new(
                    pixels.iter().copied(),
                    18,
                    12,
                    style,
                ))?;
            }
            Look::Area => {
                let ends = [pixels.last(), pixels.first()];
                let ends = ends.into_iter().flatten().map(|(x, _)| (*x, floor));
                let edge: Vec<(i32, i32)> = pixels.iter().copied().chain(ends).collect();
                area.draw(&Polygon::new(edge, shade.mix(PALE).filled()))?;
                let style = shade.stroke_width(3);
                area.draw(&PathElement::new(pixels.to_vec(), style))?;
            }
        }
        Ok(())
    }
}
