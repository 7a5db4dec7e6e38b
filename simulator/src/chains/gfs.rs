//! Grandfather, father, son: which points are archived, and for how many periods.

use jiff::civil::{Date, DateTime, Weekday};

/// How many archived fulls of each tier are kept; 0 is no tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gfs {
    /// Weeks.
    pub weekly: u32,
    /// Months: the first chosen weekday of each.
    pub monthly: u32,
    /// Quarters: the first of each.
    pub quarterly: u32,
    /// Years: the first of each.
    pub yearly: u32,
    /// The weekday.
    pub on: Weekday,
    /// The hour of that day to which the nearest point is taken.
    pub hour: i8,
}

/// What a point may be archived as. It can be several at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Of a week.
    Weekly,
    /// Of a month.
    Monthly,
    /// Of a quarter.
    Quarterly,
    /// Of a year.
    Yearly,
}

/// No tier; Sundays at 22:00.
impl Default for Gfs {
    fn default() -> Self {
        Self {
            weekly: 0,
            monthly: 0,
            quarterly: 0,
            yearly: 0,
            on: Weekday::Sunday,
            hour: 22,
        }
    }
}

impl Tier {
    /// All tiers.
    pub const ALL: [Self; 4] = [Self::Weekly, Self::Monthly, Self::Quarterly, Self::Yearly];
}

impl Gfs {
    /// How many of a tier are kept.
    pub fn count(&self, tier: Tier) -> u32 {
        match tier {
            Tier::Weekly => self.weekly,
            Tier::Monthly => self.monthly,
            Tier::Quarterly => self.quarterly,
            Tier::Yearly => self.yearly,
        }
    }

    /// The tiers that have an instant on `date`.
    pub(super) fn tiers_of(&self, date: Date) -> Vec<Tier> {
        let first_of_month = date.day() <= 7;
        let chosen = |tier| match tier {
            Tier::Weekly => true,
            Tier::Monthly => first_of_month,
            Tier::Quarterly => first_of_month && date.month() % 3 == 1,
            Tier::Yearly => first_of_month && date.month() == 1,
        };
        let given = Tier::ALL
            .into_iter()
            .filter(|tier| self.count(*tier) > 0 && chosen(*tier));
        if date.weekday() == self.on {
            given.collect()
        } else {
            Vec::new()
        }
    }

    /// The instant on `date`.
    pub(super) fn instant(&self, date: Date) -> DateTime {
        date.at(self.hour, 0, 0, 0)
    }
}
