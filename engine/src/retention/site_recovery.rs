//! Which of a replica's recovery points Azure Site Recovery keeps: all of the last two hours, then ever
//! fewer.
//!
//! | retention | after two hours |
//! |---|---|
//! | 0 days | only the newest point |
//! | 1 day | one an hour |
//! | 2 to 7 days | one every two hours |
//! | 8 to 15 days | one every two hours for 7 days, then one every four |
//!
//! With a point every five minutes that is 46 points at 1 day, 59 at 3 and 155 at 15, where hours begin
//! with a point. Source: Microsoft, "Azure to Azure disaster recovery: common questions", 2025.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::units::Timestamp;

/// The longest retention of a replica on managed disks.
pub const SITE_RECOVERY_DAYS_MAX: u32 = 15;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// One point of each is enough: at a short, a middling, and a long retention's old end.
const PERIODS: [i64; 3] = [HOUR, 2 * HOUR, 4 * HOUR];
/// For so long everything stays.
const ALL_SECONDS: i64 = 2 * HOUR;
/// From this age on one every four hours is enough.
const SPARSE_SECONDS: i64 = 7 * DAY;

/// Whether each of one replica's points stays, in their order.
///
/// Ages are counted from the newest point, not from now: where no new points can be made, the old ones
/// stay past the retention. An hour is one of the clock in UTC and its first point stands for it; as
/// two hours are made of whole ones, and four of two, what has been removed is never wanted later,
/// however often this ran.
///
/// # Errors
/// `Invalid` for more days than [`SITE_RECOVERY_DAYS_MAX`].
pub fn site_recovery(points: &[Timestamp], retention_days: u32) -> Result<Vec<bool>> {
    if retention_days > SITE_RECOVERY_DAYS_MAX {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "a retention of {retention_days} days is more than Site Recovery's {SITE_RECOVERY_DAYS_MAX}: \
                 keep older points in a vault"
            ),
        ));
    }
    let Some(newest) = points.iter().max() else {
        return Ok(Vec::new());
    };
    let firsts = PERIODS.map(|period| first_of_each(points, period));
    let kept = |point: &Timestamp| {
        let age = newest.seconds.saturating_sub(point.seconds);
        if age >= i64::from(retention_days) * DAY {
            return point == newest;
        }
        let period = match (retention_days, age) {
            (_, ..ALL_SECONDS) => return true,
            (..=1, _) => 0,
            (8.., SPARSE_SECONDS..) => 2,
            _ => 1,
        };
        let number = point.seconds.div_euclid(PERIODS[period]);
        firsts[period].get(&number) == Some(point)
    };
    Ok(points.iter().map(kept).collect())
}

/// The first point of each period, by the period's number.
fn first_of_each(points: &[Timestamp], period: i64) -> BTreeMap<i64, Timestamp> {
    let mut firsts: BTreeMap<i64, Timestamp> = BTreeMap::new();
    for point in points {
        let first = firsts
            .entry(point.seconds.div_euclid(period))
            .or_insert(*point);
        *first = (*first).min(*point);
    }
    firsts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    /// A point every five minutes for 16 days, the last at `end`.
    fn points(end: i64) -> Vec<Timestamp> {
        (0..16 * 288)
            .rev()
            .map(|number| at(end - number * 300))
            .collect()
    }

    fn count(end: i64, days: u32) -> usize {
        let kept = site_recovery(&points(end), days).unwrap();
        kept.into_iter().filter(|kept| *kept).count()
    }

    #[test]
    fn as_many_points_as_are_documented() {
        let end = 472_000 * HOUR;
        assert_eq!([0, 1, 3, 15].map(|days| count(end, days)), [1, 46, 59, 155]);
        // Another moment of the clock makes at most one more for each change of pace.
        for minutes in (0..240).step_by(5) {
            for (days, said) in [(1, 46), (3, 59), (15, 155)] {
                let count = count(end + minutes * 60, days);
                assert!((said..=said + 2).contains(&count), "{days} days: {count}");
            }
        }
        assert!(site_recovery(&[], 16).is_err());
        assert!(site_recovery(&[], 15).unwrap().is_empty());
    }

    #[test]
    fn without_new_points_the_old_ones_stay() {
        // Two points of a machine whose replication has stood still: no now, so no age grows.
        assert_eq!(site_recovery(&[at(0), at(300)], 1).unwrap(), [true, true]);
        assert_eq!(site_recovery(&[at(DAY), at(0)], 1).unwrap(), [true, false]);
    }

    proptest! {
        /// Thinning every few points ends with what thinning once at the end keeps.
        #[test]
        fn what_goes_is_never_wanted_again(
            gaps in proptest::collection::vec(200_i64..9_000, 2..120),
            days in 0_u32..=15,
            every in 1_usize..9,
        ) {
            let mut now = 1_000_000;
            let all: Vec<Timestamp> = gaps.iter().map(|gap| { now += gap; at(now) }).collect();
            let thin = |points: &[Timestamp]| -> Vec<Timestamp> {
                let kept = site_recovery(points, days).unwrap();
                points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
            };
            let mut held = Vec::new();
            for some in all.chunks(every) {
                held.extend(some);
                held = thin(&held);
            }
            prop_assert_eq!(held, thin(&all));
        }
    }
}
