//! Drawing by plotters, as SVG that scales, takes the page's colours and reads itself out.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "pixels"
)]

use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::axis::{Axis, Quantity, Side};
use crate::svg::{self, COLOURS};

/// One method's marks.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) dots: Vec<(f64, f64)>,
}

/// One method's bar.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// A chart to draw.
pub(crate) enum Drawing<'a> {
    /// Marks over whole numbers, joined by lines or not.
    Lines {
        curves: &'a [Curve],
        x: &'a str,
        y: &'a str,
        quantity: Quantity<'a>,
        joined: bool,
    },
    /// Bars that lie, so that names read on a phone.
    Bars {
        bars: &'a [Bar],
        x: &'a str,
        quantity: Quantity<'a>,
    },
}

pub(crate) type Failed = Box<dyn std::error::Error>;
pub(crate) type Mesh<'a, 'b, 'c> = MeshStyle<'a, 'b, Side, Side, SVGBackend<'c>>;
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Drawn at three times the size shown: plotters rounds to whole units.
pub(crate) const SIZE: (u32, u32) = (1200, 820);
/// Height of a line of text; plotters draws letters at four fifths of it.
pub(crate) const TEXT: i32 = 48;
/// Mean width of a letter as a fraction of its height, measured generously on system fonts.
const LETTER: f64 = 0.5;
const NAME_LETTERS_MAX: usize = 22;
const BAR_HALF_MAX: i32 = 56;
const APART_MAX: i32 = 16;

impl Drawing<'_> {
    /// The drawing as an `svg` element; `told` is what it says to those who don't see it.
    pub(crate) fn svg(&self, told: &str) -> Result<String, Failed> {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            match self {
                Self::Lines {
                    curves,
                    x,
                    y,
                    quantity,
                    joined,
                } => lines(&area, curves, (x, y), *quantity, *joined)?,
                Self::Bars { bars, x, quantity } => draw_bars(&area, bars, x, *quantity)?,
            }
            area.present()?;
        }
        Ok(svg::adapt(told, &svg, SIZE))
    }
}

fn lines(
    area: &Area<'_>,
    curves: &[Curve],
    titles: (&str, &str),
    quantity: Quantity<'_>,
    joined: bool,
) -> Result<(), Failed> {
    let dots = || curves.iter().flat_map(|curve| curve.dots.iter());
    let x_max = dots().map(|dot| dot.0).fold(1.0, f64::max);
    let y = Axis::to(quantity, dots().map(|dot| dot.1).fold(0.0, f64::max));
    let x = Axis::to(Quantity::Count, x_max);
    let margin = x_max * 0.03 + 0.35;
    let plot = area.margin(legend(area, curves)?, 0, 0, 0);
    let mut chart = ChartBuilder::on(&plot)
        .margin_right(36)
        .margin_top(24)
        .x_label_area_size(128)
        .y_label_area_size(262)
        .build_cartesian_2d(
            Side {
                range: 1.0 - margin..x_max + margin,
                ticks: x.ticks().split_off(1),
            },
            Side {
                range: 0.0..y.end,
                ticks: y.ticks(),
            },
        )?;
    let mut mesh = chart.configure_mesh();
    let (x_label, y_label) = (|tick: &f64| x.label(*tick), |tick: &f64| y.label(*tick));
    mesh.disable_x_mesh().y_desc(titles.1);
    mesh.x_label_formatter(&x_label).y_label_formatter(&y_label);
    draw_mesh(&mut mesh, titles.0)?;
    let unit = chart.backend_coord(&(2.0, 0.0)).0 - chart.backend_coord(&(1.0, 0.0)).0;
    let apart = if joined { 0 } else { apart(unit, curves.len()) };
    for (number, curve) in curves.iter().enumerate() {
        let shift = apart * (2 * number as i32 + 1 - curves.len() as i32) / 2;
        let dots = curve.dots.iter().map(|dot| chart.backend_coord(dot));
        let pixels: Vec<_> = dots.map(|(x, y)| (x + shift, y)).collect();
        draw_curve(area, &pixels, number, joined)?;
    }
    Ok(())
}

/// How far the marks of two methods stand apart, so that equal ones don't hide each other and none
/// strays to the next whole number.
fn apart(unit: i32, curves: usize) -> i32 {
    (unit * 7 / 10 / curves.max(1) as i32).clamp(0, APART_MAX)
}

pub(crate) fn draw_mesh(mesh: &mut Mesh<'_, '_, '_>, x_title: &str) -> Result<(), Failed> {
    mesh.max_light_lines(0)
        .x_desc(x_title)
        .label_style(("sans-serif", TEXT))
        .axis_desc_style(("sans-serif", TEXT))
        .axis_style(BLACK.mix(0.4).stroke_width(2))
        .bold_line_style(BLACK.mix(0.14).stroke_width(2))
        .draw()?;
    Ok(())
}

fn draw_curve(
    area: &Area<'_>,
    pixels: &[(i32, i32)],
    number: usize,
    joined: bool,
) -> Result<(), Failed> {
    if joined {
        let style = colour(number).stroke_width(6);
        area.draw(&PathElement::new(pixels.to_vec(), style))?;
    }
    pixels.iter().try_for_each(|at| mark(area, *at, number))
}

/// Names and marks in a strip on top; gives its height.
pub(crate) fn legend(area: &Area<'_>, curves: &[Curve]) -> Result<i32, Failed> {
    let (mut x, mut y) = (36, 34);
    for (number, curve) in curves.iter().enumerate() {
        let name = short(&curve.name);
        let wide = 84 + text_width(&name);
        if x > 36 && x + wide > SIZE.0 as i32 {
            (x, y) = (36, y + TEXT + 16);
        }
        mark(area, (x, y), number)?;
        write(area, &name, (x + 28, y), HPos::Left)?;
        x += wide;
    }
    Ok(y + 30)
}

fn draw_bars(
    area: &Area<'_>,
    bars: &[Bar],
    title: &str,
    quantity: Quantity<'_>,
) -> Result<(), Failed> {
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let axis = Axis::to(quantity, most);
    let widest = |of: fn(&Bar) -> &str| {
        let widths = bars.iter().map(|bar| text_width(&short(of(bar))));
        widths.max().unwrap_or(0)
    };
    let (names, labels) = (widest(|bar| &bar.name), widest(|bar| &bar.label));
    // Room for the sum at the end of the longest bar.
    let plot_width = (SIZE.0 as i32 - names - 90).max(labels + 200);
    let end = axis.end * f64::from(plot_width) / f64::from(plot_width - labels - 10);
    let mut chart = ChartBuilder::on(area)
        .margin_right(30)
        .margin_top(10)
        .x_label_area_size(128)
        .y_label_area_size(names + 60)
        .build_cartesian_2d(
            Side {
                range: 0.0..end,
                ticks: axis.ticks(),
            },
            Side {
                range: -0.5..(bars.len().max(1) as f64 - 0.5),
                ticks: Vec::new(),
            },
        )?;
    let label = |tick: &f64| axis.label(*tick);
    let mut mesh = chart.configure_mesh();
    mesh.x_label_formatter(&label);
    draw_mesh(&mut mesh, title)?;
    for (number, bar) in bars.iter().enumerate() {
        let row = (bars.len() - 1 - number) as f64;
        let from = chart.backend_coord(&(0.0, row));
        let to = chart.backend_coord(&(bar.value, row - 0.35));
        draw_bar(area, bar, number, from, to)?;
    }
    Ok(())
}

/// A bar from the middle of its left side to its lower right corner.
fn draw_bar(
    area: &Area<'_>,
    bar: &Bar,
    number: usize,
    (left, middle): (i32, i32),
    (right, lower): (i32, i32),
) -> Result<(), Failed> {
    let half = (lower - middle).min(BAR_HALF_MAX);
    let corners = [(left, middle - half), (right, middle + half)];
    area.draw(&Rectangle::new(corners, colour(number).filled()))?;
    write(area, &bar.label, (right + 14, middle), HPos::Left)?;
    write(area, &short(&bar.name), (left - 20, middle), HPos::Right)
}

pub(crate) fn colour(number: usize) -> &'static RGBColor {
    &COLOURS[number % COLOURS.len()]
}

/// The mark of a method: another shape for each.
pub(crate) fn mark(area: &Area<'_>, (x, y): (i32, i32), number: usize) -> Result<(), Failed> {
    let shape: &[(i32, i32)] = match number % 6 {
        0 => &[(-13, -13), (13, -13), (13, 13), (-13, 13)],
        1 => &[(0, -18), (17, 13), (-17, 13)],
        2 => &[(0, -19), (19, 0), (0, 19), (-19, 0)],
        3 => &[(0, 18), (17, -13), (-17, -13)],
        4 => {
            let dot = Circle::new((x, y), 15, colour(number).filled());
            return Ok(area.draw(&dot)?);
        }
        _ => &[(-18, -6), (18, -6), (18, 6), (-18, 6)],
    };
    let points: Vec<(i32, i32)> = shape.iter().map(|at| (x + at.0, y + at.1)).collect();
    Ok(area.draw(&Polygon::new(points, colour(number).filled()))?)
}

pub(crate) fn write(area: &Area<'_>, text: &str, at: (i32, i32), side: HPos) -> Result<(), Failed> {
    let style = ("sans-serif", TEXT).into_text_style(area);
    let style = style.pos(Pos::new(side, VPos::Center));
    Ok(area.draw(&Text::new(text.to_owned(), at, style))?)
}

pub(crate) fn text_width(text: &str) -> i32 {
    (text.chars().count() as f64 * f64::from(TEXT) * LETTER) as i32
}

fn short(name: &str) -> String {
    if name.chars().count() <= NAME_LETTERS_MAX {
        return name.to_owned();
    }
    let head: String = name.chars().take(NAME_LETTERS_MAX - 1).collect();
    head + "…"
}
