//! Bandwidth limits: how fast at which time of the day, and the bucket that keeps to it.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::seam::Clock;
use crate::units::Timestamp;

/// Seconds in a day of the clock on the wall.
const DAY_SECONDS: u32 = 24 * 60 * 60;

/// Bytes that pass at once under a limit, unless it is slower than so many a second: as much as a
/// link's queue holds without a neighbour noticing, and a small share of a pack.
const PIECE_BYTES: u64 = 64 * 1024;

/// A limit that holds from one time of the day to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The limit while it holds.
    pub bytes_per_second: NonZeroU64,
    /// The second of the day at which it begins to hold.
    pub from: u32,
    /// The second of the day at which it ends: before `from` where midnight lies between; the same
    /// where it always holds.
    pub until: u32,
}

impl Window {
    fn holds_at(self, second: u32) -> bool {
        let (from, until) = (self.from % DAY_SECONDS, self.until % DAY_SECONDS);
        if from < until {
            (from..until).contains(&second)
        } else {
            second >= from || second < until
        }
    }
}

/// A bandwidth limit with its schedule: the first window that holds counts, and where none holds
/// there is no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The windows, in the order in which they are asked.
    pub windows: Vec<Window>,
    /// The zone in which times of the day are meant.
    pub zone: TimeZone,
}

impl Limit {
    /// How fast bytes may pass at `now`.
    pub fn bytes_per_second(&self, now: Timestamp) -> Option<NonZeroU64> {
        let instant = jiff::Timestamp::from_second(now.seconds).unwrap_or_default();
        let local = now.seconds + i64::from(self.zone.to_offset(instant).seconds());
        let second = u32::try_from(local.rem_euclid(i64::from(DAY_SECONDS))).unwrap_or(0);
        let window = self.windows.iter().find(|window| window.holds_at(second));
        window.map(|window| window.bytes_per_second)
    }
}

/// A bucket of tokens, one for each byte: all that share it pass their bytes at the limit together.
/// Unused tokens are not kept, so that no burst follows a rest.
pub struct Pace {
    limit: Limit,
    clock: Arc<dyn Clock>,
    /// When the bytes that were let in have passed, by the clock's `elapsed`.
    passed: Mutex<Duration>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pace").field(&self.limit).finish()
    }
}

impl Pace {
    /// A bucket for `limit`, filled by `clock`.
    pub fn new(limit: Limit, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            clock,
            passed: Mutex::default(),
        })
    }

    /// How many of `bytes` may pass at once, now.
    pub(super) fn piece(&self, bytes: u64) -> u64 {
        let limit = self.limit.bytes_per_second(self.clock.now());
        limit.map_or(bytes, |limit| bytes.min(PIECE_BYTES).min(limit.get()))
    }

    /// Waits until `bytes` have passed at the limit.
    pub(crate) async fn pass(&self, bytes: u64) {
        let mut left = bytes;
        while left > 0 {
            let piece = self.piece(left);
            let wait = self.book(piece);
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
            left -= piece;
        }
    }

    /// Puts `bytes` behind those of others; gives the time until they have passed.
    fn book(&self, bytes: u64) -> Duration {
        let Some(limit) = self.limit.bytes_per_second(self.clock.now()) else {
            return Duration::ZERO;
        };
        let takes = u128::from(bytes) * 1_000_000_000 / u128::from(limit.get());
        let takes = Duration::from_nanos(u64::try_from(takes).unwrap_or(u64::MAX));
        let now = self.clock.elapsed();
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        *passed = now.max(*passed).saturating_add(takes);
        passed.saturating_sub(now)
    }
}
