//! Points on the policy's calendar, newest first, and the period that each falls into.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::units;

use super::verdict::{Reason, Subject};

/// A rule that keeps one point for each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every point is a period of its own.
    Last,
    /// Hours of the wall clock.
    Hourly,
    /// Calendar days.
    Daily,
    /// ISO weeks, Monday to Sunday.
    Weekly,
    /// Calendar months.
    Monthly,
    /// January to March, and so on.
    Quarterly,
    /// Calendar years.
    Yearly,
}

/// What tells one period from another.
pub(super) type Key = (i64, i32);

impl Rule {
    /// All rules, the finest first.
    pub const ALL: [Self; 7] = [
        Self::Last,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Quarterly,
        Self::Yearly,
    ];

    /// The word in flags, files and reasons.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
        }
    }

    /// The period that a point falls into; [`Self::Last`] tells whole seconds apart.
    pub(super) fn key(self, entry: &Entry<'_>) -> Key {
        let local = &entry.local;
        let (year, month) = (i64::from(local.year()), i64::from(local.month()));
        let day = (year * 100 + month) * 100 + i64::from(local.day());
        let number = match self {
            Self::Last => entry.at.as_second(),
            Self::Hourly => day * 100 + i64::from(local.hour()),
            Self::Daily => day,
            Self::Weekly => {
                let week = local.iso_week_date();
                i64::from(week.year()) * 100 + i64::from(week.week())
            }
            Self::Monthly => year * 100 + month,
            Self::Quarterly => year * 10 + (month - 1) / 3,
            Self::Yearly => year,
        };
        (number, 0)
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// A point on the calendar.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) subject: &'a Subject,
    pub(super) at: Timestamp,
    pub(super) local: ZonedDateTime,
}

/// Why each point of a timeline stays, in its order; none for one that no rule keeps.
pub(super) type Reasons = Vec<Vec<Reason>>;

/// What rules are told to: why points stay, or only that they do.
pub(super) trait Told {
    /// A point stays.
    fn tell(&mut self, index: usize, reason: Reason);
    /// Whether a point stays already.
    fn stays(&self, index: usize) -> bool;
}

impl Told for Reasons {
    fn tell(&mut self, index: usize, reason: Reason) {
        self[index].push(reason);
    }

    fn stays(&self, index: usize) -> bool {
        !self[index].is_empty()
    }
}

impl Told for Vec<bool> {
    fn tell(&mut self, index: usize, _: Reason) {
        self[index] = true;
    }

    fn stays(&self, index: usize) -> bool {
        self[index]
    }
}

/// The points of one instance, newest first; points of one instant by their ids, so that the order in
/// which they were handed over never matters.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) now: ZonedDateTime,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(subjects: &'a [Subject], zone: &TimeZone, now: units::Timestamp) -> Self {
        let entry = |subject: &'a Subject| {
            let at = instant(subject.captured);
            let local = at.to_zoned_datetime(zone.clone());
            Entry { subject, at, local }
        };
        // Most are handed over oldest first: turned round, little is left to be sorted.
        let mut entries: Vec<_> = subjects.iter().rev().map(entry).collect();
        entries.sort_by(|a, b| {
            let by_id = || b.subject.id.cmp(&a.subject.id);
            b.at.cmp(&a.at).then_with(by_id)
        });
        let now = instant(now).to_zoned_datetime(zone.clone());
        Self { entries, now }
    }

    pub(super) fn no_reasons(&self) -> Reasons {
        self.entries.iter().map(|_| Vec::new()).collect()
    }

    /// Whether the point claims to be of an instant that is still to come.
    pub(super) fn is_future(&self, index: usize) -> bool {
        self.entries[index].at > self.now.timestamp()
    }

    /// The newest point that is not of the future.
    pub(super) fn newest(&self) -> Option<usize> {
        (0..self.entries.len()).find(|index| !self.is_future(*index))
    }
}

/// As jiff has it. A manifest may claim an instant that no calendar holds: the nearest one that does.
pub(super) fn instant(at: units::Timestamp) -> Timestamp {
    let nanos = i32::try_from(at.nanos)
        .unwrap_or(999_999_999)
        .min(999_999_999);
    Timestamp::new(at.seconds, nanos).unwrap_or(if at.seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
