//! Azure Backup's long-term retention ("GFS"): the daily, weekly, monthly and yearly point, each on
//! chosen days and each with its own age.
//!
//! A day's point is the first captured at or after the hour of the policy; a day without one keeps its
//! last. A week whose chosen day has no point has no weekly point, and so on: nothing takes its place.
//! Each point expires by its own date; other points of a day go, and the newest point always stays.

use std::collections::BTreeMap;
use std::fmt;

use jiff::ZonedDateTime;
use jiff::civil::{Date, Time, Weekday};
use serde::{Deserialize, Serialize};

mod days;

pub use days::{MonthDay, Week, WeekDay, YearMonth};

use crate::error::{Error, ErrorKind, Result};

use super::calendar::{Reasons, Rule, Timeline, Told};
use super::policy::Policy;
use super::span::Span;
use super::verdict::Reason;
use super::words::Count;

/// Points on chosen days. An age of 0 is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gfs {
    /// The hour of the scheduled backup.
    pub at: Time,
    /// Days for which each day's point stays.
    pub daily_days: u32,
    /// Weeks for which the points of the chosen days of the week stay.
    pub weekly_weeks: u32,
    /// Those days.
    pub weekly_on: Vec<WeekDay>,
    /// Months for which the points of the chosen days of the month stay.
    pub monthly_months: u32,
    /// Those days.
    pub monthly_on: Vec<MonthDay>,
    /// Years for which the points of the chosen days of the chosen months stay.
    pub yearly_years: u32,
    /// Those days.
    pub yearly_on: Vec<MonthDay>,
    /// Those months.
    pub yearly_in: Vec<YearMonth>,
}

/// No ages; Sunday, the first Sunday of a month, the first Sunday of January.
impl Default for Gfs {
    fn default() -> Self {
        let sunday = WeekDay(Weekday::Sunday);
        Self {
            at: Time::midnight(),
            daily_days: 0,
            weekly_weeks: 0,
            weekly_on: vec![sunday],
            monthly_months: 0,
            monthly_on: vec![MonthDay::Nth(Week::First, sunday)],
            yearly_years: 0,
            yearly_on: vec![MonthDay::Nth(Week::First, sunday)],
            yearly_in: vec![YearMonth::JANUARY],
        }
    }
}

impl Gfs {
    /// What a policy of counts is nearest to in Azure: `keep-daily 7` stays 7 days, and so on, on the
    /// days of [`Gfs::default`]. Azure has no hourly, quarterly or last points, and no unlimited age: 99 years.
    pub fn of_counts(policy: &Policy) -> Self {
        let count = |rule, longest: u32| match policy.count(rule) {
            Some(Count::AtMost(count)) => count,
            Some(Count::Unlimited) => longest,
            None => 0,
        };
        let [days, weeks, months, years] = RANGES.map(|(_, _, longest)| longest);
        Self {
            daily_days: count(Rule::Daily, days),
            weekly_weeks: count(Rule::Weekly, weeks),
            monthly_months: count(Rule::Monthly, months),
            yearly_years: count(Rule::Yearly, years),
            ..Self::default()
        }
    }

    /// Whether any rule is given.
    pub fn any(&self) -> bool {
        self.ages().iter().any(|age| *age > 0)
    }

    /// Refuses an age for which no day is chosen: it would keep nothing.
    pub(super) fn check(&self) -> Result<()> {
        let rules = [
            ("weekly-on", self.weekly_weeks, self.weekly_on.is_empty()),
            (
                "monthly-on",
                self.monthly_months,
                self.monthly_on.is_empty(),
            ),
            ("yearly-on", self.yearly_years, self.yearly_on.is_empty()),
            ("yearly-in", self.yearly_years, self.yearly_in.is_empty()),
        ];
        match rules.into_iter().find(|(_, age, empty)| *age > 0 && *empty) {
            None => Ok(()),
            Some((list, ..)) => Err(Error::new(
                ErrorKind::Invalid,
                format!("the azure table's {list} is empty: choose a day, or leave its age out"),
            )),
        }
    }

    /// The four ages, in the order of [`RANGES`].
    pub(super) fn ages(&self) -> [u32; 4] {
        [
            self.daily_days,
            self.weekly_weeks,
            self.monthly_months,
            self.yearly_years,
        ]
    }

    /// The most points that it comes to keep; the one of the day on which an age ends is still there.
    pub(super) fn points_at_most(&self) -> u64 {
        let chosen = [
            1,
            self.weekly_on.len(),
            self.monthly_on.len(),
            self.yearly_on.len() * self.yearly_in.len(),
        ];
        let rules = self.ages().into_iter().zip(chosen);
        let given = rules.filter(|(age, _)| *age > 0);
        given
            .map(|(age, days)| (u64::from(age) + 1) * days as u64)
            .sum()
    }

    /// The rules that have chosen this day, each with the age of its points.
    fn rules_of(&self, date: Date) -> impl Iterator<Item = (Rule, Span)> {
        let none = Span::default();
        let week = self.weekly_on.iter().any(|day| day.0 == date.weekday());
        let in_month = |days: &[MonthDay]| days.iter().any(|day| day.is(date));
        let month = in_month(&self.monthly_on);
        let year = self.yearly_in.contains(&YearMonth::of(date)) && in_month(&self.yearly_on);
        let weeks = self.weekly_weeks.saturating_mul(7);
        let months = Span {
            months: self.monthly_months,
            ..none
        };
        let years = Span {
            years: self.yearly_years,
            ..none
        };
        let rules = [
            (true, Rule::Daily, Span::of_days(self.daily_days)),
            (week, Rule::Weekly, Span::of_days(weeks)),
            (month, Rule::Monthly, months),
            (year, Rule::Yearly, years),
        ];
        let given = rules
            .into_iter()
            .filter(|(chosen, _, age)| *chosen && !age.is_zero());
        given.map(|(_, rule, age)| (rule, age))
    }
}

/// What the MARS agent takes: daily for 7 to 9,999 days, weekly for 4 to 5,163 weeks, monthly for 3 to
/// 1,188 months, yearly for 1 to 99 years. Source: Microsoft, "Support matrix for backup with the
/// Microsoft Azure Recovery Services (MARS) agent", 28 December 2022.
pub(super) const RANGES: [(Rule, u32, u32); 4] = [
    (Rule::Daily, 7, 9_999),
    (Rule::Weekly, 4, 5_163),
    (Rule::Monthly, 3, 1_188),
    (Rule::Yearly, 1, 99),
];

/// Adds why points among `counted` (newest first) stay under `gfs`, with ages up to `from`.
pub(super) fn chosen(
    line: &Timeline<'_>,
    gfs: &Gfs,
    counted: &[usize],
    from: &ZonedDateTime,
    told: &mut impl Told,
) {
    // From the newest to the oldest: the first at or after the hour is the last one seen of them, and
    // where there is none, the day's last is the first one seen.
    let mut days: BTreeMap<Date, usize> = BTreeMap::new();
    for index in counted {
        let local = &line.entries[*index].local;
        if local.time() >= gfs.at {
            days.insert(local.date(), *index);
        } else {
            days.entry(local.date()).or_insert(*index);
        }
    }
    for (date, index) in days {
        let local = &line.entries[index].local;
        for (rule, age) in gfs.rules_of(date) {
            let until = age.after(local);
            if until > from.timestamp() {
                let until = until.to_zoned_datetime(local.time_zone().clone()).date();
                told.tell(index, Reason::Azure { rule, until });
            }
        }
    }
}

/// Azure's own convention: the policy's table, or what its counts are nearest to.
pub(super) fn rules(line: &Timeline<'_>, policy: &Policy) -> Reasons {
    let mut reasons = line.no_reasons();
    let all: Vec<usize> = (0..line.entries.len()).collect();
    let gfs = policy
        .azure
        .clone()
        .unwrap_or_else(|| Gfs::of_counts(policy));
    chosen(line, &gfs, &all, &line.now, &mut reasons);
    if let Some(newest) = reasons.first_mut().filter(|reasons| reasons.is_empty()) {
        newest.push(Reason::Newest);
    }
    reasons
}

impl fmt::Display for Gfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(items: &[T]) -> String {
            let items: Vec<_> = items.iter().map(ToString::to_string).collect();
            items.join(", ")
        }
        write!(f, "from {}: daily for {} days", self.at, self.daily_days)?;
        let on = list(&self.weekly_on);
        write!(f, "; weekly on {on} for {} weeks", self.weekly_weeks)?;
        let on = list(&self.monthly_on);
        write!(f, "; monthly on {on} for {} months", self.monthly_months)?;
        let (on, months) = (list(&self.yearly_on), list(&self.yearly_in));
        write!(
            f,
            "; yearly on {on} of {months} for {} years",
            self.yearly_years
        )
    }
}
