//! How sure a number is that was counted or averaged over trials: intervals at 95 %.
//!
//! Fractions are right here and in the rooms that use it: these are probabilities and means over
//! finished trials, never the state of one, so that no replay depends on how a machine rounds.

#![expect(clippy::cast_precision_loss, reason = "trials stay far below 2^53")]

mod beta;

use serde::{Deserialize, Serialize};

/// How often an interval holds the true value.
pub const CONFIDENCE: f64 = 0.95;
/// What may lie outside on each side.
const TAIL: f64 = (1.0 - CONFIDENCE) / 2.0;
/// Of the standard normal distribution, what lies below it with probability 1 - TAIL.
const NORMAL: f64 = 1.959_963_984_540_054;

/// Where the true value lies, at [`CONFIDENCE`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies within, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// A mean over trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean itself.
    pub value: f64,
    /// Student's t interval around it.
    pub interval: Interval,
}

/// The difference of two strategies under the same faults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// Mean of first minus second, over the trials.
    pub mean: Mean,
    /// How many times more trials it would take to be as sure with independent faults: above 1
    /// where sharing them helped. `None` where the differences do not vary at all.
    pub variance_saved: Option<f64>,
}

/// A quantile over trials, with an interval that assumes no distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantile<T> {
    /// The order statistic of rank ceil(q n).
    pub value: T,
    /// The lower end; `None`: there are too few trials for a lower bound.
    pub low: Option<T>,
    /// The upper end; `None`: there are too few trials for an upper bound.
    pub high: Option<T>,
}

/// Ranks (from 1) of the order statistics between which a quantile lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantileRanks {
    /// Rank of the lower end; `None` when it would be below the first.
    pub low: Option<u64>,
    /// Rank of the upper end; `None` when it would be beyond the last: no upper bound.
    pub high: Option<u64>,
    /// How often such an interval holds the quantile: at least [`CONFIDENCE`].
    pub coverage: f64,
}

/// Wilson's interval of a proportion: `(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)`
/// (Wilson 1927). Close to its nominal coverage on average; the one for reports. No trial: 0 to 1.
///
/// # Panics
/// With more hits than trials.
pub fn wilson(hits: u64, trials: u64) -> Interval {
    assert!(hits <= trials, "{hits} hits in {trials} trials");
    if trials == 0 {
        return Interval {
            low: 0.0,
            high: 1.0,
        };
    }
    let (n, z) = (trials as f64, NORMAL);
    let p = hits as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // At none and at all the formula gives 0 and 1 but for rounding.
    Interval {
        low: if hits == 0 {
            0.0
        } else {
            (centre - half) / scale
        },
        high: if hits == trials {
            1.0
        } else {
            (centre + half) / scale
        },
    }
}

/// Clopper and Pearson's interval of a proportion (1934), by quantiles of the beta distribution.
/// Never covers less than it says, so it is the one to promise by; wider than [`wilson`]'s.
///
/// # Panics
/// With more hits than trials.
pub fn clopper_pearson(hits: u64, trials: u64) -> Interval {
    assert!(hits <= trials, "{hits} hits in {trials} trials");
    let (k, rest) = (hits as f64, (trials - hits) as f64);
    Interval {
        low: if hits == 0 {
            0.0
        } else {
            beta::inverse(k, rest + 1.0, TAIL)
        },
        high: if hits == trials {
            1.0
        } else {
            beta::inverse(k + 1.0, rest, 1.0 - TAIL)
        },
    }
}

/// The rule of three: an event not seen in `trials` has a probability below about `3/trials`, at
/// 95 % (one-sided, `-ln 0.05 = 2.996`).
pub fn rule_of_three(trials: u64) -> f64 {
    (3.0 / trials as f64).min(1.0)
}

/// Trials without a hit that show a probability below `limit` at [`CONFIDENCE`], one-sided:
/// the least n with `(1-limit)^n <= 0.05`. `None` where no number of trials would do.
#[expect(
    clippy::cast_sign_loss,
    reason = "a quotient of two negative logarithms"
)]
pub fn trials_to_show(limit: f64) -> Option<u64> {
    let reachable = limit > 0.0 && limit < 1.0;
    reachable.then(|| ((1.0 - CONFIDENCE).ln() / (-limit).ln_1p()).ceil() as u64)
}

/// The ranks between which the `q` quantile of any distribution lies: of `trials` values those
/// below the quantile are Binomial(n, q) in number (David and Nagaraja, Order Statistics, 7.1).
///
/// # Panics
/// Where `q` is not a fraction of one.
pub fn quantile_ranks(trials: u64, q: f64) -> QuantileRanks {
    assert!((0.0..=1.0).contains(&q), "a quantile of {q}");
    let at_most = |rank: u64| beta::binomial_cdf(rank as f64, trials as f64, q);
    let low = least(trials, |rank| at_most(rank) >= TAIL);
    let high = least(trials, |rank| at_most(rank) >= 1.0 - TAIL) + 1;
    let under = low.checked_sub(1).map_or(0.0, at_most);
    QuantileRanks {
        low: (low > 0).then_some(low),
        high: (high <= trials).then_some(high),
        coverage: at_most(high - 1) - under,
    }
}

/// The least rank up to `trials` from which on `holds`.
fn least(trials: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, trials);
    while low < high {
        let middle = u64::midpoint(low, high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The `q` quantile of values in rising order; `None` of none. Values are those of separate
/// trials: the moments of one trial hang together, and would look surer than they are.
///
/// # Panics
/// Where `q` is not a fraction of one, or the values do not rise.
#[expect(clippy::cast_sign_loss, reason = "a quantile is not negative")]
pub fn quantile<T: Copy + PartialOrd>(rising: &[T], q: f64) -> Option<Quantile<T>> {
    assert!(rising.is_sorted(), "values of a quantile rise");
    let ranks = quantile_ranks(rising.len() as u64, q);
    let at = |rank: u64| rising[rank as usize - 1];
    let middle = (q * rising.len() as f64).ceil().max(1.0) as u64;
    (!rising.is_empty()).then(|| Quantile {
        value: at(middle),
        low: ranks.low.map(at),
        high: ranks.high.map(at),
    })
}

/// The mean with Student's t interval; `None` of fewer than two values.
pub fn mean(values: &[f64]) -> Option<Mean> {
    let (value, variance) = moments(values)?;
    let n = values.len() as f64;
    // Of t² / (t² + n - 1), which is Beta(1/2, (n-1)/2), 95 % lie below.
    let inside = beta::inverse(0.5, (n - 1.0) / 2.0, CONFIDENCE);
    let t = ((n - 1.0) * inside / (1.0 - inside)).sqrt();
    let half = t * (variance / n).sqrt();
    Some(Mean {
        value,
        interval: Interval {
            low: value - half,
            high: value + half,
        },
    })
}

/// First minus second over trials in which both met the same faults (common random numbers): what
/// both suffered alike falls out, so that far fewer trials tell them apart. `None` of fewer than
/// two pairs.
pub fn paired_difference(pairs: &[(f64, f64)]) -> Option<PairedDifference> {
    let of = |pick: fn(&(f64, f64)) -> f64| pairs.iter().map(pick).collect::<Vec<_>>();
    let differences = of(|(first, second)| first - second);
    let (_, together) = moments(&differences)?;
    let (_, first) = moments(&of(|pair| pair.0))?;
    let (_, second) = moments(&of(|pair| pair.1))?;
    Some(PairedDifference {
        mean: mean(&differences)?,
        variance_saved: (together > 0.0).then(|| (first + second) / together),
    })
}

/// Mean and sample variance, in two passes.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (mean, squares / (n - 1.0)))
}

#[cfg(test)]
mod tests;
