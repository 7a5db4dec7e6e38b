//! The mean RPO of a backup that is taken regularly and sometimes fails.

use crate::draw::Draws;

/// `D + T (1/p - 1/2)` for a backup every `period` that takes `duration` and succeeds with
/// probability `success`, at an incident of any time; in the unit of its arguments. At best the lag is
/// D, at worst, with no failures, D + T.
///
/// The newest good start lies k periods back with probability p(1-p)^k, and the incident at any
/// part of a period: `T (1-p)/p + T/2`, and D until it can be used.
pub fn mean_rpo(period: f64, duration: f64, success: f64) -> f64 {
    duration + period * (1.0 / success - 0.5)
}

/// The same by letting `backups` of them happen: microseconds, averaged over all time from the first
/// that is usable. `success_ppm` parts of a million succeed.
#[expect(clippy::cast_precision_loss, reason = "a mean of microseconds")]
pub fn simulated_mean_rpo(
    period_micros: u64,
    duration_micros: u64,
    success_ppm: u64,
    backups: u64,
    seed: u64,
) -> f64 {
    let mut stream = Draws::new(seed).stream("lag", "success", 0);
    let (mut held, mut since, mut area, mut time) = (None::<u64>, 0_u64, 0_u128, 0_u64);
    for number in 0..backups {
        let start = number * period_micros;
        let usable = start + duration_micros;
        if !stream.part_per_million(success_ppm) {
            continue;
        }
        if let Some(held) = held {
            // The lag grows evenly from `since - held` to `usable - held`: its area is a trapezium.
            let lags = u128::from(since - held) + u128::from(usable - held);
            area += lags * u128::from(usable - since);
            time += usable - since;
        }
        (held, since) = (Some(start), usable);
    }
    area as f64 / 2.0 / time as f64
}
