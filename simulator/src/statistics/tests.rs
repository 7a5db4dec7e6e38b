use proptest::prelude::*;

use super::*;

fn close(interval: Interval, low: f64, high: f64, within: f64) {
    assert!(
        (interval.low - low).abs() <= within && (interval.high - high).abs() <= within,
        "{interval:?} is not {low}..{high}"
    );
}

/// Textbook values: 5 of 20, and 3 of 1,000.
#[test]
fn proportions_are_those_of_the_textbooks() {
    close(wilson(5, 20), 0.1119, 0.4687, 5e-5);
    close(clopper_pearson(5, 20), 0.0866, 0.4910, 5e-5);
    close(clopper_pearson(3, 1000), 0.000_619, 0.008_742, 5e-7);
    // None of n: the upper end solves (1-p)^n = 0.025.
    close(clopper_pearson(0, 10), 0.0, 1.0 - 0.025_f64.powf(0.1), 1e-9);
    close(clopper_pearson(10, 10), 0.025_f64.powf(0.1), 1.0, 1e-9);
    close(wilson(0, 0), 0.0, 1.0, 0.0);
    close(clopper_pearson(0, 0), 0.0, 1.0, 0.0);
}

/// A billion trials with a few hits: the sizes of a sweep. Poisson limits of 3 are 0.6187 and 8.7673.
#[test]
fn rare_hits_in_many_trials_are_poisson() {
    close(
        clopper_pearson(3, 1_000_000_000),
        0.6187e-9,
        8.7673e-9,
        1e-13,
    );
}

#[test]
fn no_hit_shows_less_than_so_much() {
    assert_eq!(trials_to_show(1e-3), Some(2_995));
    assert_eq!(trials_to_show(1e-4), Some(29_956));
    assert_eq!(trials_to_show(0.05), Some(59));
    assert_eq!(trials_to_show(0.0), None);
    assert!((rule_of_three(1_000) - 0.003).abs() < 1e-12);
    assert!(clopper_pearson(0, 1_000).high > rule_of_three(1_000));
}

#[test]
fn quantiles_without_enough_trials_have_no_bound() {
    let ranks = quantile_ranks(1_000, 0.99);
    assert_eq!((ranks.low, ranks.high), (Some(983), Some(997)));
    assert!((ranks.coverage - 0.976).abs() < 5e-4, "{ranks:?}");
    assert_eq!(quantile_ranks(59, 0.95).high, None);
    assert_eq!(quantile_ranks(59, 0.05).low, None);
    let minutes: Vec<u64> = (1..=59).collect();
    let p95 = quantile(&minutes, 0.95).unwrap();
    assert_eq!((p95.value, p95.high), (57, None));
    assert!(p95.low.is_some_and(|low| low < 57));
    assert_eq!(quantile::<u64>(&[], 0.5), None);
}

#[test]
fn pairs_under_the_same_faults_are_told_apart_by_few() {
    // Luck of a trial from 0 to 90 and a constant gain of 2 with a little noise.
    let pairs: Vec<(f64, f64)> = (0..10_u8)
        .map(|at| {
            (
                f64::from(at) * 10.0 + 2.0 + f64::from(at % 2),
                f64::from(at) * 10.0,
            )
        })
        .collect();
    let difference = paired_difference(&pairs).unwrap();
    assert!((difference.mean.value - 2.5).abs() < 1e-12);
    // t(9) is 2.2622, s is 0.5270.
    close(difference.mean.interval, 2.1230, 2.8770, 5e-5);
    assert!(difference.variance_saved.unwrap() > 1_000.0);
    assert_eq!(paired_difference(&pairs[..1]), None);
    assert_eq!(
        paired_difference(&[(1.0, 0.0), (2.0, 1.0)])
            .unwrap()
            .variance_saved,
        None
    );
}

proptest! {
    /// Wilson's interval holds the estimate and lies within 0 and 1; seen from the other side it is its mirror.
    #[test]
    fn intervals_hold_their_estimate((trials, hits) in (1_u64..5_000).prop_flat_map(|n| (Just(n), 0..=n))) {
        let p = hits as f64 / trials as f64;
        for of in [wilson, clopper_pearson] {
            let (there, mirrored) = (of(hits, trials), of(trials - hits, trials));
            prop_assert!(there.contains(p) && there.low >= 0.0 && there.high <= 1.0);
            prop_assert!((there.low + mirrored.high - 1.0).abs() < 1e-6);
        }
    }

    /// Coverage summed over the binomial: what the interval promises it keeps.
    #[test]
    fn clopper_pearson_never_covers_too_little(trials in 1_u64..60, percent in 1_u32..100) {
        let p = f64::from(percent) / 100.0;
        let (mut pmf, mut covered) = ((1.0 - p).powf(trials as f64), 0.0);
        for hits in 0..=trials {
            covered += if clopper_pearson(hits, trials).contains(p) { pmf } else { 0.0 };
            pmf *= (trials - hits) as f64 / (hits + 1) as f64 * p / (1.0 - p);
        }
        prop_assert!(covered >= CONFIDENCE - 1e-9, "{covered}");
    }

    #[test]
    fn ranks_cover_what_they_say(trials in 1_u64..3_000, percent in 1_u32..100) {
        let ranks = quantile_ranks(trials, f64::from(percent) / 100.0);
        prop_assert!(ranks.coverage >= CONFIDENCE - 1e-9, "{ranks:?}");
    }
}
