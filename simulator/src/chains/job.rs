//! What is backed up, how, how often, and how many points are kept.

use engine::{Error, ErrorKind, Result};
use jiff::civil::Weekday;
use jiff::{SignedDuration, Span};

use super::gfs::{Gfs, Tier};

/// How new points build on old ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// Increments after a full. With periodic fulls only whole chains go; without, the oldest increment
    /// is merged into the full.
    Forward(Option<Periodic>),
    /// The newest point is the full, and older ones are what leads back from it.
    Reverse,
    /// Copies of another job's points, forever forward, some of which are archived as fulls.
    Copy(Gfs),
}

/// Fulls on some days of the week; the first backup of such a day is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periodic {
    /// Those days.
    pub on: Vec<Weekday>,
    /// Whether it is built from what the repository has, instead of read from the source.
    pub synthetic: bool,
}

/// One backup job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// How points build on each other.
    pub style: Style,
    /// Points to keep, archived ones not counted.
    pub retention: u32,
    /// Hours from one backup to the next.
    pub interval_hours: u32,
    /// Bytes used at the source.
    pub source_bytes: u64,
    /// Percent of them left after compression and deduplication.
    pub left_percent: u32,
    /// Percent of them that change from one backup to the next.
    pub change_percent: u32,
}

/// Points of a job, and fulls of a tier: what Azure Backup keeps of one instance at most.
const POINTS_MAX: u32 = 9_999;
/// A leap year.
const INTERVAL_HOURS_MAX: u32 = 8_784;
/// What a full and its first chain need to leave again, beyond what the retention says.
const SPARE_RUNS: i64 = 2;
const SPARE_DAYS: i64 = 2;
/// Until a chain that began with a periodic full has gone, and one more has begun.
const PERIODIC_DAYS: i64 = 14;
/// Periods of the longest tier beyond its count.
const SPARE_PERIODS: i64 = 2;

impl Job {
    /// Bytes of a full.
    pub fn full_bytes(&self) -> u64 {
        percent(self.source_bytes, self.left_percent)
    }

    /// Bytes of an increment.
    pub fn increment_bytes(&self) -> u64 {
        percent(self.full_bytes(), self.change_percent)
    }

    /// Refuses what no job can be.
    pub(super) fn check(&self) -> Result<()> {
        let archived = match &self.style {
            Style::Copy(gfs) => Tier::ALL.map(|tier| gfs.count(tier)),
            Style::Forward(_) | Style::Reverse => [0; 4],
        };
        let wrong = if self.retention == 0 {
            "retention is 0 points: keep 1 or more"
        } else if archived
            .into_iter()
            .chain([self.retention])
            .any(|count| count > POINTS_MAX)
        {
            "more than 9,999 points or archived fulls: keep fewer"
        } else if !(1..=INTERVAL_HOURS_MAX).contains(&self.interval_hours) {
            "the interval is no hour to a year: back up every 1 to 8,784 hours"
        } else if self.left_percent > 100 || self.change_percent > 100 {
            "more than 100 % is left or changes: give a share of the data"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Invalid, wrong))
    }

    pub(super) fn interval(&self) -> SignedDuration {
        SignedDuration::from_hours(self.interval_hours.into())
    }

    /// After how long every rule has come to remove something, so that the worst day has been.
    pub(super) fn until_saturated(&self) -> Span {
        let span = Span::new()
            .hours((i64::from(self.retention) + SPARE_RUNS) * i64::from(self.interval_hours))
            .days(SPARE_DAYS);
        match &self.style {
            Style::Forward(Some(_)) => span.days(SPARE_DAYS + PERIODIC_DAYS),
            Style::Forward(None) | Style::Reverse => span,
            Style::Copy(gfs) => {
                let periods = |count: u32| {
                    if count == 0 {
                        0
                    } else {
                        i64::from(count) + SPARE_PERIODS
                    }
                };
                // The longest of the tiers, in months; four weeks are less than a month.
                let weeks = (periods(gfs.weekly) + 3) / 4;
                let months = weeks
                    .max(periods(gfs.monthly))
                    .max(3 * periods(gfs.quarterly));
                span.months(months.max(12 * periods(gfs.yearly)))
            }
        }
    }
}

fn percent(bytes: u64, percent: u32) -> u64 {
    (u128::from(bytes) * u128::from(percent) / 100) as u64
}
