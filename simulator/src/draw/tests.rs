//! Draws have the means and spreads that they promise, and stay what they are.

use super::{Draws, Stream};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const SAMPLES: u64 = 20_000;

/// Mean and variance of many draws.
fn moments(mut draw: impl FnMut() -> u64) -> (f64, f64) {
    let samples: Vec<f64> = (0..SAMPLES).map(|_| draw() as f64).collect();
    let count = SAMPLES as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let squares = samples.iter().map(|x| (x - mean) * (x - mean));
    (mean, squares.sum::<f64>() / count)
}

/// The mean within five standard errors and five samples, the variance within `slack` of itself.
fn check(draw: impl FnMut() -> u64, mean: f64, variance: f64, slack: f64) {
    let (got, spread) = moments(draw);
    let error = (variance / SAMPLES as f64).sqrt();
    let few = 5.0 / SAMPLES as f64;
    assert!((got - mean).abs() <= 5.0 * error + few, "{got} for {mean}");
    let off = (spread - variance).abs();
    assert!(off <= slack * variance + 0.1, "{spread} for {variance}");
}

fn stream(seed: u64) -> Stream {
    Draws::new(seed).stream("test", "moments", 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn waiting_times_have_their_mean(seed: u64, mean in 1_000_u64..1_000_000_000_000) {
        let (mut stream, mean_f) = (stream(seed), mean as f64);
        check(|| stream.exponential(mean), mean_f, mean_f * mean_f, 0.15);
    }

    #[test]
    fn counts_have_their_mean_and_variance(seed: u64, mean in prop_oneof![0_u64..20_000_000, 0_u64..100_000_000_000]) {
        let (mut stream, mean_f) = (stream(seed), mean as f64 / 1e6);
        check(|| stream.poisson(mean), mean_f, mean_f, 0.25);
    }

    #[test]
    fn what_happens_of_many_has_its_mean_and_variance(
        seed: u64, count in prop_oneof![0_u64..100, 0_u64..1_000_000], parts in 0_u64..=1_000_000,
    ) {
        let (mut stream, each) = (stream(seed), parts as f64 / 1e6);
        let mean = count as f64 * each;
        check(|| stream.binomial(count, parts), mean, mean * (1.0 - each), 0.25);
    }

    #[test]
    fn durations_have_their_median(seed: u64, median in 1_000_000_u64..1_000_000_000, sigma in 0_u64..2_000) {
        let mut stream = stream(seed);
        let above = (0..SAMPLES).filter(|_| stream.lognormal(median, sigma) > median).count();
        let half = SAMPLES as f64 / 2.0;
        prop_assert!(sigma == 0 || (above as f64 - half).abs() < 5.0 * (SAMPLES as f64 / 4.0).sqrt());
    }

    #[test]
    fn numbers_are_within_and_as_likely(seed: u64, from in 0_u64..100, count in 1_u64..1000) {
        let mut stream = stream(seed);
        let (mean, n) = (from as f64 + (count - 1) as f64 / 2.0, count as f64);
        check(|| {
            let drawn = stream.uniform(from, from + count - 1);
            assert!((from..from + count).contains(&drawn));
            drawn
        }, mean, (n * n - 1.0) / 12.0, 0.1);
    }

    #[test]
    fn a_share_of_cases_is_that_share(seed: u64, parts in 0_u64..=1_000_000) {
        let (mut stream, share) = (stream(seed), parts as f64 / 1e6);
        check(|| u64::from(stream.part_per_million(parts)), share, share * (1.0 - share), 0.1);
    }
}

#[test]
fn streams_are_apart_and_the_same_everywhere() {
    let first = |entity, purpose, number| Draws::new(7).stream(entity, purpose, number).bits();
    assert_eq!(first("a", "b", 0), first("a", "b", 0));
    let all = [
        first("a", "b", 0),
        first("a", "b", 1),
        first("ab", "", 0),
        first("", "ab", 0),
        Draws::new(8).stream("a", "b", 0).bits(),
    ];
    let apart: std::collections::BTreeSet<u64> = all.into_iter().collect();
    assert_eq!(apart.len(), all.len());
    // These were drawn on x86-64; another machine that draws others can't replay our seeds.
    let mut golden = Draws::new(7).stream("golden", "values", 3);
    let drawn = [
        golden.bits(),
        golden.below(1000),
        golden.exponential(1_000_000_000),
        golden.lognormal(1_000_000_000, 800),
        golden.poisson(2_500_000),
        golden.poisson(2_500_000_000),
        golden.binomial(1_000_000, 3),
        golden.binomial(1_000_000, 300_000),
    ];
    let expected = [
        3_073_500_632_562_032_609,
        949,
        711_703_449,
        1_485_375_909,
        1,
        2_572,
        2,
        300_725,
    ];
    assert_eq!(drawn, expected);
}

#[test]
fn edges_are_what_they_say() {
    let mut stream = stream(1);
    assert_eq!(stream.below(0), 0);
    assert_eq!(stream.uniform(5, 3), 5);
    assert!(stream.once_in(1) && stream.part_per_million(1_000_000));
    assert!(!stream.part_per_million(0));
    assert_eq!(stream.poisson(0), 0);
    assert_eq!(
        (stream.binomial(9, 0), stream.binomial(9, 1_000_000)),
        (0, 9)
    );
    let _ = stream.uniform(0, u64::MAX);
}
