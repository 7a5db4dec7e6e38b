//! Spreads of times, shares of incidents, and how sure they are.
#![expect(
    clippy::cast_precision_loss,
    reason = "seconds and shares are shown in a few digits"
)]

use serde::{Deserialize, Serialize};
use simulator::outcome::scenario::{Span, Spread};
use simulator::statistics::{Interval, wilson};

/// From fewer values than this, the 95th percentile is the largest: that is told instead.
const P95_FROM: u64 = 20;

/// Order statistics of a time, in seconds. Whatever never came back is more than all that did: a percentile that falls
/// among it is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many values there are.
    pub count: u64,
    /// How many incidents have none: everything was lost, or it was not over at the end.
    pub endless: u64,
    /// Smallest.
    pub min_seconds: f64,
    /// Mean of those that have one.
    pub mean_seconds: f64,
    /// Half of all are up to this.
    pub p50_seconds: Option<f64>,
    /// 90 % of all are.
    pub p90_seconds: Option<f64>,
    /// 95 %.
    pub p95_seconds: Option<f64>,
    /// 99 %.
    pub p99_seconds: Option<f64>,
    /// Largest of those that have one.
    pub max_seconds: f64,
    /// Upper edge in seconds and count of each bucket that has any.
    pub buckets: Vec<(f64, u64)>,
}

/// A share of incidents, with Wilson's interval at 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub hits: u64,
    /// Of so many.
    pub of: u64,
    /// The share, between 0 and 1; 1 of none.
    pub ratio: f64,
    /// Where it lies if incidents are independent.
    pub interval: Interval,
}

/// The mean of a part of the RTO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpanMean {
    /// What is done or waited for.
    pub name: String,
    /// How long, on average over the incidents that ended.
    pub seconds: f64,
}

pub(super) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl From<&Spread> for Percentiles {
    fn from(spread: &Spread) -> Self {
        let buckets = spread.buckets.iter();
        Self {
            count: spread.count,
            endless: spread.endless,
            min_seconds: seconds(spread.min_micros),
            mean_seconds: seconds(spread.mean_micros),
            p50_seconds: spread.p50_micros.map(seconds),
            p90_seconds: spread.p90_micros.map(seconds),
            p95_seconds: spread.p95_micros.map(seconds),
            p99_seconds: spread.p99_micros.map(seconds),
            max_seconds: seconds(spread.max_micros),
            buckets: buckets
                .map(|(edge, count)| (seconds(*edge), *count))
                .collect(),
        }
    }
}

impl Percentiles {
    /// What 19 of 20 don't exceed, or of few none does; `None` where they don't come back.
    pub(super) fn nearly_worst(&self) -> Option<f64> {
        if self.has_p95() {
            self.p95_seconds
        } else {
            (self.endless == 0 && self.count > 0).then_some(self.max_seconds)
        }
    }

    /// Whether there are values enough for a 95th percentile.
    pub(super) fn has_p95(&self) -> bool {
        self.count + self.endless >= P95_FROM
    }
}

impl Share {
    /// A share; hits beyond the whole are cut, as rows are data.
    pub(super) fn new(hits: u64, of: u64) -> Self {
        let hits = hits.min(of);
        Self {
            hits,
            of,
            ratio: if of == 0 {
                1.0
            } else {
                hits as f64 / of as f64
            },
            interval: wilson(hits, of),
        }
    }
}

impl From<&Span> for SpanMean {
    fn from(span: &Span) -> Self {
        Self {
            name: span.name.clone(),
            seconds: seconds(span.micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn shares_have_wilsons_interval() {
        // Newcombe 1998, Table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (hits, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0000, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let share = Share::new(hits, of);
            assert!((share.interval.low - low).abs() < 5e-5, "{share:?}");
            assert!((share.interval.high - high).abs() < 5e-5, "{share:?}");
        }
        let none = Share::new(0, 0);
        assert!((none.ratio, none.interval.low) > (0.99, -0.01), "{none:?}");
        assert_eq!(Share::new(3, 2).hits, 2, "rows are data, and may be wrong");
    }
}
