//! Axes: round steps in the unit that fits, and labels without digits that say nothing.
#![expect(clippy::cast_sign_loss, reason = "labels of a chart")]

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use crate::units;

/// Steps aimed at between zero and the largest value.
const STEPS: f64 = 5.0;

/// What an axis measures.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quantity<'a> {
    Bytes,
    Seconds,
    /// Bytes a second, shown in bits.
    Speed,
    Money(&'a str),
    Count,
}

/// An axis from zero to a little above the largest value.
#[derive(Debug)]
pub(crate) struct Axis<'a> {
    quantity: Quantity<'a>,
    /// Value of one of the axis' unit, for example 1048576 for MiB.
    scale: f64,
    unit: &'static str,
    step: f64,
    /// Where the axis ends.
    pub(crate) end: f64,
}

impl<'a> Axis<'a> {
    /// An axis that holds `most`; one without values is given an end all the same.
    pub(crate) fn to(quantity: Quantity<'a>, most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 {
            most
        } else {
            1.0
        };
        let units: &[(f64, &'static str)] = match quantity {
            Quantity::Bytes => &[
                (1.0, "B"),
                (1024.0, "KiB"),
                (1_048_576.0, "MiB"),
                (1_073_741_824.0, "GiB"),
                (1_099_511_627_776.0, "TiB"),
            ],
            Quantity::Seconds => &[
                (1e-6, "µs"),
                (1e-3, "ms"),
                (1.0, "s"),
                (60.0, "min"),
                (3600.0, "h"),
            ],
            Quantity::Speed => &[
                (0.125, "bit/s"),
                (125.0, "kbit/s"),
                (125e3, "Mbit/s"),
                (125e6, "Gbit/s"),
            ],
            // From ten thousand on, so that labels stay short.
            Quantity::Money(_) if most >= 10_000.0 => &[(1e3, "k"), (1e6, "M")],
            Quantity::Money(_) | Quantity::Count => &[(1.0, "")],
        };
        // Two units at least, so that the labels don't all begin with "0.".
        let fits = units.iter().rev().find(|(scale, _)| most >= 2.0 * scale);
        let (scale, unit) = *fits.unwrap_or(&units[0]);
        let mut step = round_step(most / scale / STEPS, unit);
        if matches!(quantity, Quantity::Count) || unit == "B" {
            step = step.max(1.0);
        }
        Self {
            quantity,
            scale,
            unit,
            step: step * scale,
            end: most * 1.08,
        }
    }

    /// Where the labels stand, zero first.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let count = (self.end / self.step) as u32;
        (0..=count).map(|at| f64::from(at) * self.step).collect()
    }

    /// The label of a tick.
    pub(crate) fn label(&self, tick: f64) -> String {
        let (value, step) = (tick / self.scale, self.step / self.scale);
        let digits = (-(step * 1.000_001).log10().floor()).max(0.0) as usize;
        let digits = if step.fract() == 0.0 { 0 } else { digits };
        match self.quantity {
            Quantity::Money(currency) => {
                let text = match (step < 1.0, self.unit) {
                    (true, "") => format!("{value:.0$}", digits.max(2)),
                    (true, _) if tick <= 0.0 => "0".to_owned(),
                    (true, _) => format!("{value:.digits$}"),
                    (false, _) => units::count(value.round() as u64),
                };
                let unit = if tick > 0.0 { self.unit } else { "" };
                units::with_currency(&(text + unit), currency)
            }
            Quantity::Count => format!("{value:.digits$}"),
            _ if tick <= 0.0 => "0".to_owned(),
            _ => format!("{value:.digits$} {}", self.unit),
        }
    }
}

/// A linear side of a chart with ticks of our choosing: plotters' own are decimal, and bytes are
/// not.
pub(crate) struct Side {
    pub(crate) range: Range<f64>,
    pub(crate) ticks: Vec<f64>,
}

impl Ranged for Side {
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

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// The next round number: 1, 2 or 5 times a power of ten; on clocks, what divides an hour.
fn round_step(least: f64, unit: &str) -> f64 {
    if unit == "min" {
        let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0];
        if let Some(step) = steps.into_iter().find(|step| *step >= least) {
            return step;
        }
    }
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| *step >= least * 0.999_999);
    step.unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::{Axis, Quantity};

    fn check(quantity: Quantity<'_>, most: f64, expected: &[&str]) {
        let axis = Axis::to(quantity, most);
        let labels: Vec<String> = axis.ticks().iter().map(|tick| axis.label(*tick)).collect();
        assert_eq!(labels, expected, "{quantity:?} to {most}");
        assert!(
            axis.end > most.min(1e300) * 1.01 || most <= 0.0,
            "room above the largest"
        );
    }

    #[test]
    fn labels_are_round_in_the_unit_that_fits() {
        let mib = 1_048_576.0;
        check(Quantity::Bytes, 126.0 * mib, &["0", "50 MiB", "100 MiB"]);
        check(
            Quantity::Bytes,
            1.5 * 1024.0 * mib,
            &["0", "500 MiB", "1000 MiB", "1500 MiB"],
        );
        check(Quantity::Bytes, 3.0, &["0", "1 B", "2 B", "3 B"]);
        check(
            Quantity::Seconds,
            0.183,
            &["0", "50 ms", "100 ms", "150 ms"],
        );
        check(
            Quantity::Seconds,
            2.1,
            &["0", "0.5 s", "1.0 s", "1.5 s", "2.0 s"],
        );
        check(
            Quantity::Seconds,
            3000.0,
            &["0", "10 min", "20 min", "30 min", "40 min", "50 min"],
        );
        check(
            Quantity::Money("USD"),
            0.0030,
            &["$0.000", "$0.001", "$0.002", "$0.003"],
        );
        check(
            Quantity::Money("EUR"),
            42.0,
            &["€0", "€10", "€20", "€30", "€40"],
        );
        check(
            Quantity::Money("USD"),
            24_000.0,
            &["$0", "$5k", "$10k", "$15k", "$20k", "$25k"],
        );
        check(
            Quantity::Money("CHF"),
            2.4e6,
            &[
                "0 CHF", "0.5M CHF", "1.0M CHF", "1.5M CHF", "2.0M CHF", "2.5M CHF",
            ],
        );
        check(Quantity::Speed, 1.3e6, &["0", "5 Mbit/s", "10 Mbit/s"]);
        check(Quantity::Count, 3.0, &["0", "1", "2", "3"]);
        check(Quantity::Count, 10.0, &["0", "2", "4", "6", "8", "10"]);
    }

    #[test]
    fn no_value_breaks_an_axis() {
        for most in [
            0.0,
            -1.0,
            f64::NAN,
            f64::INFINITY,
            f64::MIN_POSITIVE,
            1e300,
            1e-9,
        ] {
            for quantity in [Quantity::Bytes, Quantity::Seconds, Quantity::Count] {
                let axis = Axis::to(quantity, most);
                assert!(axis.ticks().len() <= 12, "{quantity:?} to {most}");
                assert!(axis.end.is_finite() && axis.end > 0.0);
            }
        }
    }
}
