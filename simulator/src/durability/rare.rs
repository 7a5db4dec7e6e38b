//! The chance of what is too rare to count: the embedded chain of a [`BirthDeath`], by three ways.
//!
//! A cycle starts with the first failure and ends when all is whole again, or lost. Losses come once
//! in 1/gamma cycles, so `MTTDL = E[cycle]/gamma`; only gamma is rare.

use serde::{Deserialize, Serialize};

use crate::draw::{Draws, Stream};

use super::birth_death::BirthDeath;

/// A value estimated by drawing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value; a mean time to loss is infinite where no loss was seen.
    pub value: f64,
    /// One standard deviation of the value, as a share of it: infinite where nothing was seen.
    pub relative_error: f64,
    /// Losses seen, weighted or not.
    pub hits: u64,
}

/// Mean time to loss by balanced failure biasing (Shahabuddin, 1994): while anything is missing, a
/// failure is as likely next as a repair, and each draw that makes a loss likelier than it is makes
/// the cycle count for less, by the likelihood ratio.
pub fn biased(chain: &BirthDeath, cycles: u64, seed: u64) -> Estimate {
    let draws = Draws::new(seed);
    let mut stream = draws.stream("durability", "biased", 0);
    let gamma = weighed(cycles, || biased_cycle(chain, &mut stream));
    time_to_loss(chain, gamma, cycles, draws)
}

/// Mean time to loss by plain counting, for comparison: blind to what is rare.
pub fn counted(chain: &BirthDeath, cycles: u64, seed: u64) -> Estimate {
    let draws = Draws::new(seed);
    let mut stream = draws.stream("durability", "counted", 0);
    let gamma = weighed(cycles, || {
        let lost = climb(chain, 1, chain.states(), &mut stream).0;
        f64::from(u8::from(lost))
    });
    time_to_loss(chain, gamma, cycles, draws)
}

/// Mean time to loss by splitting with a fixed effort for each level (Garvels and Kroese, 1998): of
/// trials that start with i copies missing, the share that comes to i + 1 before all is whole; gamma is
/// the product. Needs no likelihoods, only trials that can be started anew where others arrived.
pub fn splitting(chain: &BirthDeath, trials_per_level: u64, seed: u64) -> Estimate {
    let draws = Draws::new(seed);
    let (mut value, mut variance, mut hits) = (1.0, 0.0, u64::MAX);
    for level in 1..chain.states() {
        let mut stream = draws.stream("durability", "splitting", level as u64);
        let share = weighed(trials_per_level, || {
            f64::from(u8::from(climb(chain, level, level + 1, &mut stream).0))
        });
        value *= share.value;
        variance += share.relative_error.powi(2);
        hits = hits.min(share.hits);
    }
    let gamma = Estimate {
        value,
        relative_error: variance.sqrt(),
        hits,
    };
    time_to_loss(chain, gamma, trials_per_level, draws)
}

/// `E[cycle]/gamma`, the mean cycle from cycles drawn as they come: it is no rare thing.
fn time_to_loss(chain: &BirthDeath, gamma: Estimate, cycles: u64, draws: Draws) -> Estimate {
    let mut stream = draws.stream("durability", "cycle", 0);
    let cycle = weighed(cycles, || {
        chain.stay(0) + climb(chain, 1, chain.states(), &mut stream).1
    });
    Estimate {
        value: cycle.value / gamma.value,
        relative_error: gamma.relative_error.hypot(cycle.relative_error),
        hits: gamma.hits,
    }
}

/// From `state` until `goal` copies are missing (true) or none, with the mean time that the states
/// on the way take.
fn climb(chain: &BirthDeath, mut state: usize, goal: usize, stream: &mut Stream) -> (bool, f64) {
    let mut years = 0.0;
    while state > 0 && state < goal {
        years += chain.stay(state);
        if happens(chain.failure_next(state), stream) {
            state += 1;
        } else {
            state -= 1;
        }
    }
    (state == goal, years)
}

/// A cycle under even odds: its weight where it ends in a loss, else 0.
fn biased_cycle(chain: &BirthDeath, stream: &mut Stream) -> f64 {
    let (mut state, mut weight) = (1, 1.0);
    while state > 0 && state < chain.states() {
        let failure = chain.failure_next(state);
        if stream.once_in(2) {
            weight *= failure / 0.5;
            state += 1;
        } else {
            weight *= (1.0 - failure) / 0.5;
            state -= 1;
        }
    }
    if state == 0 { 0.0 } else { weight }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a probability in steps of 2^-64"
)]
fn happens(probability: f64, stream: &mut Stream) -> bool {
    stream.bits() < (probability * u64::MAX as f64) as u64
}

/// Mean and relative standard error of so many draws.
#[expect(clippy::cast_precision_loss, reason = "draws stay far below 2^53")]
fn weighed(times: u64, mut draw: impl FnMut() -> f64) -> Estimate {
    let (mut sum, mut squares, mut hits) = (0.0, 0.0, 0);
    for _ in 0..times {
        let value = draw();
        sum += value;
        squares += value * value;
        hits += u64::from(value > 0.0);
    }
    let n = times as f64;
    let mean = sum / n;
    let variance = (squares / n - mean * mean).max(0.0);
    Estimate {
        value: mean,
        relative_error: if hits == 0 {
            f64::INFINITY
        } else {
            (variance / n).sqrt() / mean
        },
        hits,
    }
}
