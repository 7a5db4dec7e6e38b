//! How far the second region is behind the first: the last-sync time.
//!
//! In quiet times it is the present minus a lag. While the first region or the way to the second is
//! down it stands still; then it catches up, four times as fast as time passes: an assumption, for a
//! replication path with four times the rate of what changes.

/// How fast a second region catches up, in times the rate of change.
pub const CATCH_UP: u64 = 4;

/// The lag of a second region.
#[derive(Clone, Debug)]
pub struct Geo {
    /// From when which lag holds, in microseconds, rising.
    lags: Vec<(u64, u64)>,
    /// When nothing is sent, rising, not overlapping.
    cuts: Vec<(u64, u64)>,
    /// A courier's trips: from one pick-up to the next; 0 for a region.
    pickups: u64,
    /// Up to where it was reckoned, and the last-sync time there.
    at: u64,
    synced: u64,
}

impl Geo {
    /// With the lags that hold from instants on, and spans in which nothing is sent.
    pub fn new(lags: Vec<(u64, u64)>, cuts: Vec<(u64, u64)>) -> Self {
        Self {
            lags,
            cuts,
            pickups: 0,
            at: 0,
            synced: 0,
        }
    }

    /// A courier who fetches media every so many microseconds, except where there is nothing to fetch them from: what
    /// was written by then is away.
    pub fn courier(every: u64, cuts: Vec<(u64, u64)>) -> Self {
        Self {
            pickups: every.max(1),
            ..Self::new(Vec::new(), cuts)
        }
    }

    /// The last time that a courier came by `now`.
    fn last_pickup(&self, now: u64) -> u64 {
        let last = |now: u64| now / self.pickups * self.pickups;
        let mut at = last(now);
        while let Some((from, _)) = self.cuts.iter().find(|cut| (cut.0..cut.1).contains(&at)) {
            match from.checked_sub(1) {
                Some(before) => at = last(before),
                None => return 0,
            }
        }
        at
    }

    /// Up to when the second region has every write. Never goes back.
    pub fn last_sync(&mut self, now: u64) -> u64 {
        if self.pickups > 0 {
            return self.last_pickup(now);
        }
        while self.at < now {
            let at = self.at;
            let cut = self.cuts.partition_point(|(_, until)| *until <= at);
            let cut = self.cuts.get(cut);
            let next = self.lags.partition_point(|(from, _)| *from <= at);
            let lag_change = self.lags.get(next).map(|(from, _)| *from);
            let mut end = now.min(lag_change.unwrap_or(u64::MAX));
            let mut still = false;
            if let Some(&(from, until)) = cut {
                still = from <= at;
                end = end.min(if still { until } else { from });
            }
            if !still {
                let lag = next.checked_sub(1).map(|lag| self.lags[lag]);
                let target = end.saturating_sub(lag.map_or(0, |(_, lag)| lag));
                let most = self
                    .synced
                    .saturating_add((end - at).saturating_mul(CATCH_UP));
                self.synced = self.synced.max(target.min(most));
            }
            self.at = end;
        }
        self.synced
    }
}

#[cfg(test)]
mod tests {
    use super::Geo;
    use proptest::prelude::*;

    #[test]
    fn it_stands_still_while_cut_and_catches_up() {
        let mut geo = Geo::new(vec![(0, 10)], vec![(100, 200)]);
        assert_eq!(geo.last_sync(100), 90);
        assert_eq!(geo.last_sync(199), 90);
        assert_eq!(geo.last_sync(210), 90 + 40);
        assert_eq!(geo.last_sync(300), 290);
    }

    #[test]
    fn nothing_is_fetched_from_where_nothing_is() {
        let mut geo = Geo::courier(10, vec![(19, 31), (55, u64::MAX)]);
        let at = [5, 10, 18, 20, 35, 40, 1000].map(|now| geo.last_sync(now));
        assert_eq!(at, [0, 10, 10, 10, 10, 40, 50]);
    }

    proptest! {
        #[test]
        fn asking_in_between_changes_nothing(
            mut asked in prop::collection::vec(0_u64..2000, 0..20),
            lag in 0_u64..200, from in 0_u64..1000, long in 1_u64..500,
        ) {
            asked.sort_unstable();
            let new = || Geo::new(vec![(0, lag), (700, lag / 2)], vec![(from, from + long)]);
            let (mut once, mut often) = (new(), new());
            for at in asked {
                let synced = often.last_sync(at);
                prop_assert!(synced <= at);
            }
            prop_assert_eq!(once.last_sync(2000), often.last_sync(2000));
        }
    }
}
