//! How far stored bytes may lie from the forecast, as the history's own additions vary.
//!
//! A bootstrap in two steps: a history as long as the known one is drawn from its points' additions,
//! with replacement, for what the mean may really be; from that each point to come draws its own.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::course::Sample;
use super::fit::Fitted;
use super::layout::{Kind, factors};
use super::share::total;

/// Draws: the twentieth part of them still has ten on either side.
pub(super) const REPLICATES: u32 = 200;
/// Additions of fewer points say nothing about how they vary.
const ADDITIONS_MIN: usize = 3;
/// The class of what is written from now on.
const LATER: usize = 1;

/// By how much what the samples keep may be less or more, in bytes of blobs.
pub(super) fn bounds(
    fitted: &Fitted,
    samples: &[Sample],
    seed: u64,
    stream: u64,
) -> Vec<(u64, u64)> {
    if fitted.additions.len() < ADDITIONS_MIN {
        return vec![(0, 0); samples.len()];
    }
    let count = fitted.data.births.len();
    let draws: Vec<Vec<u64>> = (0..REPLICATES)
        .map(|number| {
            draw(
                &fitted.additions,
                count,
                seed,
                (stream << 32) | u64::from(number),
            )
        })
        .collect();
    let kinds: Vec<Kind> = fitted.points.iter().map(|point| point.kind).collect();
    let bound = |sample: &Sample| {
        let factors = factors(&fitted.data, &kinds, LATER, &sample.existing);
        let sum = |births: &mut dyn Iterator<Item = u64>| -> u64 {
            total(births.zip(&factors).map(|(bytes, factor)| factor.of(bytes)))
        };
        let central = sum(&mut fitted.data.births.iter().map(|births| births[LATER]));
        let mut sums: Vec<u64> = draws
            .iter()
            .map(|draw| sum(&mut draw.iter().copied()))
            .collect();
        sums.sort_unstable();
        let (low, high) = (
            sums[sums.len() / 20],
            sums[sums.len() - 1 - sums.len() / 20],
        );
        (central.saturating_sub(low), high.saturating_sub(central))
    };
    samples.iter().map(bound).collect()
}

/// What each of `count` points to come adds in one replicate.
fn draw(additions: &[u64], count: usize, seed: u64, stream: u64) -> Vec<u64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let mut any = |from: &[u64]| from[rng.random_range(0..from.len())];
    let history: Vec<u64> = additions.iter().map(|_| any(additions)).collect();
    (0..count).map(|_| any(&history)).collect()
}
