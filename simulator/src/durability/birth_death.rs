//! Copies that fail and are repaired, as a birth-death chain that ends when the last is gone.

/// As the closed forms are usually written: 365.25 days.
pub const HOURS_PER_YEAR: f64 = 8_766.0;

/// Whether missing copies are remade together or one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// One at a time. With r copies the loss is (r-1)! times as likely as in parallel, which is
    /// why published figures for the same disks differ (Resch and Volvovski, arXiv:1310.4702).
    Serial,
    /// All at once, each at the same rate.
    Parallel,
}

/// States 0 (all whole) to n (lost); in state i the next failure comes at rate `births[i]`, and a
/// repair leads back to i - 1 at rate `deaths[i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct BirthDeath {
    births: Vec<f64>,
    /// As long as `births`; the first, of a whole state, is never read.
    deaths: Vec<f64>,
}

/// The rate at which a thing fails of which the fraction `annual_failure` fails in a year:
/// `-ln(1 - AFR)`.
pub fn failures_per_year(annual_failure: f64) -> f64 {
    -(-annual_failure).ln_1p()
}

/// The probability of a loss within `years`: `1 - exp(-t/MTTDL)`. Good where all copies are whole
/// at the start and repairs are much quicker than the mean time to loss.
pub fn loss_within(years: f64, mttdl_years: f64) -> f64 {
    -(-years / mttdl_years).exp_m1()
}

impl BirthDeath {
    /// `copies` of the same data; each fails at `failures` a year and is remade at `repairs` a year.
    ///
    /// # Panics
    /// Without a copy.
    pub fn of_copies(copies: u32, failures: f64, repairs: f64, repair: Repair) -> Self {
        assert!(copies > 0, "data without a copy");
        let missing = 0..copies;
        Self {
            births: missing
                .clone()
                .map(|gone| f64::from(copies - gone) * failures)
                .collect(),
            deaths: missing
                .map(|gone| match repair {
                    Repair::Serial => repairs,
                    Repair::Parallel => f64::from(gone) * repairs,
                })
                .collect(),
        }
    }

    /// Mean time to data loss from the whole state:
    /// `sum_i (1/b_i) (1 + sum_{j=1..i} prod_{l=j..i} d_l/b_{l-1})`, the expected time of first
    /// passage of a birth-death chain (Karlin and Taylor, A First Course in Stochastic Processes, 4.7).
    ///
    /// Step i takes `T_i = 1/b_i + (d_i/b_i) T_{i-1}`, which is the same sum without its products.
    pub fn mttdl(&self) -> f64 {
        let (mut step, mut total) = (0.0, 0.0);
        for state in 0..self.births.len() {
            let back = if state == 0 {
                0.0
            } else {
                self.deaths[state] * step
            };
            step = (1.0 + back) / self.births[state];
            total += step;
        }
        total
    }

    /// How many states there are before the loss.
    pub(super) fn states(&self) -> usize {
        self.births.len()
    }

    /// The probability that the next event in `state` is a failure.
    pub(super) fn failure_next(&self, state: usize) -> f64 {
        self.births[state] / (self.births[state] + self.repair_rate(state))
    }

    /// Mean time in `state`.
    pub(super) fn stay(&self, state: usize) -> f64 {
        1.0 / (self.births[state] + self.repair_rate(state))
    }

    fn repair_rate(&self, state: usize) -> f64 {
        if state == 0 { 0.0 } else { self.deaths[state] }
    }
}
