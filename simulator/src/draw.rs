//! Chance that follows from a seed: a stream of draws for each (entity, purpose, number), so that one
//! fault or instance more or less shifts nobody else's draws.
//!
//! Results are integers, and the same on every machine: the generator is `ChaCha8` (RFC 8439 with 8
//! rounds, whose stream is specified bit by bit), inside are only operations that IEEE 754 rounds
//! exactly, and logarithms and exponentials are those of the `libm` crate, which are the same code
//! everywhere. `rand_distr` is not used: its logarithm is the platform's as soon as any crate of the
//! build turns on `num-traits/std`, and its samplers may change between versions.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    reason = "chance is drawn in floats, by the names that its authors use, and only whole numbers leave"
)]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A million, of which parts are taken.
const MILLION: u64 = 1_000_000;

/// All the chance of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    seed: u64,
}

impl Draws {
    /// The chance that follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed.
    pub fn seed(self) -> u64 {
        self.seed
    }

    /// The draws that `entity` makes for `purpose` the `number`th time, independent of all others.
    pub fn stream(self, entity: &str, purpose: &str, number: u64) -> Stream {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        for word in [entity, purpose] {
            // With its length, so that no two pairs of words read the same.
            hasher.update(&(word.len() as u64).to_le_bytes());
            hasher.update(word.as_bytes());
        }
        hasher.update(&number.to_le_bytes());
        Stream {
            bits: ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()),
            nothing: (0, 1.0),
        }
    }
}

/// One stream of draws.
#[derive(Clone, Debug)]
pub struct Stream {
    bits: ChaCha8Rng,
    /// The last small mean that was asked for, and how likely nothing happens: a disk asks for few.
    nothing: (u64, f64),
}

impl Stream {
    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.bits.next_u64()
    }

    /// Fills `buffer` with bytes.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        self.bits.fill_bytes(buffer);
    }

    /// A number below `end`, each as likely as the other; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // Lemire, "Fast Random Integer Generation in an Interval", 2019: the rest that would make some
        // numbers likelier is drawn again. It is less than `end`, and seldom has to be reckoned.
        loop {
            let product = u128::from(self.bits()) * u128::from(end);
            let low = product as u64;
            if low >= end || low >= end.wrapping_neg() % end {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number from `from` to `to`, both included.
    pub fn uniform(&mut self, from: u64, to: u64) -> u64 {
        match to.saturating_sub(from).checked_add(1) {
            Some(count) => from + self.below(count),
            None => self.bits(),
        }
    }

    /// True once in `times` on average; always when `times` is 0 or 1.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// True in so many of a million cases.
    pub fn part_per_million(&mut self, parts: u64) -> bool {
        self.below(MILLION) < parts
    }

    /// A waiting time without memory.
    pub fn exponential(&mut self, mean_micros: u64) -> u64 {
        nearest(mean_micros as f64 * -libm::log(self.share()))
    }

    /// A duration that is as often below its median as above it, and far above it at times; its
    /// logarithm has a standard deviation of `sigma_milli` thousandths.
    pub fn lognormal(&mut self, median_micros: u64, sigma_milli: u64) -> u64 {
        let sigma = sigma_milli as f64 / 1000.0;
        nearest(median_micros as f64 * libm::exp(sigma * self.normal()))
    }

    /// How many of events that come independently, `mean_millionths` millionths on average
    /// (Poisson's distribution).
    pub fn poisson(&mut self, mean_millionths: u64) -> u64 {
        let mean = mean_millionths as f64 / MILLION as f64;
        if mean >= REJECTION_FROM {
            return self.many(mean);
        }
        // Waiting times, until they pass one unit of time.
        if self.nothing.0 != mean_millionths {
            self.nothing = (mean_millionths, libm::exp(-mean));
        }
        let (mut count, mut product, end) = (0, self.share(), self.nothing.1);
        while product > end {
            count += 1;
            product *= self.share();
        }
        count
    }

    /// How many of `count` things happen, each in so many of a million cases.
    pub fn binomial(&mut self, count: u64, parts_per_million: u64) -> u64 {
        let parts = parts_per_million.min(MILLION);
        if parts > MILLION / 2 {
            return count - self.binomial(count, MILLION - parts);
        }
        let each = parts as f64 / MILLION as f64;
        if count as f64 * each >= REJECTION_FROM {
            return self.many_of(count, each);
        }
        if parts == 0 {
            return 0;
        }
        let (mut happened, mut at) = (0, 0.0);
        let log_miss = libm::log1p(-each);
        loop {
            // How many pass by until the next that happens.
            at += libm::floor(libm::log(self.share()) / log_miss) + 1.0;
            if at > count as f64 {
                return happened;
            }
            happened += 1;
        }
    }

    /// A share above 0, up to 1 included: its logarithm is a number.
    fn share(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A draw of the normal distribution of mean 0 and deviation 1 (Marsaglia's polar method).
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.share() - 1.0, 2.0 * self.share() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }

    /// Poisson's distribution of a mean that is not small: Hörmann, "The transformed rejection method
    /// for generating Poisson random variables", 1993, algorithm PTRS.
    fn many(&mut self, mean: f64) -> u64 {
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.02483 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let quick = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let (u, v) = (self.share() - 0.5, self.share());
            let slack = 0.5 - u.abs();
            let k = libm::floor((2.0 * a / slack + b) * u + mean + 0.43);
            if slack >= 0.07 && v <= quick {
                return k as u64;
            }
            if k < 0.0 || (slack < 0.013 && v > slack) {
                continue;
            }
            let height = v * inverse_alpha / (a / (slack * slack) + b);
            if libm::log(height) <= k * libm::log(mean) - mean - libm::lgamma(k + 1.0) {
                return k as u64;
            }
        }
    }

    /// The binomial distribution of a mean that is not small: Hörmann, "The generation of binomial
    /// random variates", 1993, algorithm BTRS.
    fn many_of(&mut self, count: u64, each: f64) -> u64 {
        let n = count as f64;
        let deviation = (n * each * (1.0 - each)).sqrt();
        let b = 1.15 + 2.53 * deviation;
        let a = -0.0873 + 0.0248 * b + 0.01 * each;
        let quick = 0.92 - 4.2 / b;
        let alpha = (2.83 + 5.1 / b) * deviation;
        let mode = libm::floor((n + 1.0) * each);
        let odds = libm::log(each / (1.0 - each));
        let ways = |k: f64| libm::lgamma(k + 1.0) + libm::lgamma(n - k + 1.0);
        loop {
            let (u, v) = (self.share() - 0.5, self.share());
            let slack = 0.5 - u.abs();
            let k = libm::floor((2.0 * a / slack + b) * u + n * each + 0.5);
            if k < 0.0 || k > n {
                continue;
            }
            if slack >= 0.07 && v <= quick {
                return k as u64;
            }
            let height = v * alpha / (a / (slack * slack) + b);
            if libm::log(height) <= ways(mode) - ways(k) + (k - mode) * odds {
                return k as u64;
            }
        }
    }
}

/// Means from which on rejection is exact, as its authors show; below, the simple ways are as quick.
const REJECTION_FROM: f64 = 10.0;

/// The nearest whole number, so that rounding moves no mean; the greatest where it is greater.
fn nearest(number: f64) -> u64 {
    libm::floor(number + 0.5) as u64
}

#[cfg(test)]
mod tests;
