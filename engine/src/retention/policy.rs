//! A retention policy: the same words in a file, on the command line and in a report.

use std::fmt;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

use super::azure::Gfs;
use super::calendar::Rule;
use super::span::Span;
use super::words::{Count, RelativeTo};

/// What stays. Each rule counts every point by itself; what one rule keeps stays.
///
/// In a file, each field has its name here with hyphens (`keep-daily = 7`, `keep-within = "30d"`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// The newest points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<Count>,
    /// The newest point of each of the newest hours that have one; and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_hourly: Option<Count>,
    /// Days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_daily: Option<Count>,
    /// ISO weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_weekly: Option<Count>,
    /// Months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_monthly: Option<Count>,
    /// Quarters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_quarterly: Option<Count>,
    /// Years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_yearly: Option<Count>,
    /// All points that are younger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within: Option<Span>,
    /// The newest point of each hour that is younger; and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_hourly: Option<Span>,
    /// Days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_daily: Option<Span>,
    /// ISO weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_weekly: Option<Span>,
    /// Months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_monthly: Option<Span>,
    /// Quarters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_quarterly: Option<Span>,
    /// Years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within_yearly: Option<Span>,
    /// Points that have the tag, or all tags of a list with commas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep_tag: Vec<String>,
    /// The zone whose days, weeks and months are meant, by its IANA name.
    pub timezone: String,
    /// What ages are measured from.
    pub relative_to: RelativeTo,
    /// Points on chosen days, each with its own age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<Gfs>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            keep_last: None,
            keep_hourly: None,
            keep_daily: None,
            keep_weekly: None,
            keep_monthly: None,
            keep_quarterly: None,
            keep_yearly: None,
            keep_within: None,
            keep_within_hourly: None,
            keep_within_daily: None,
            keep_within_weekly: None,
            keep_within_monthly: None,
            keep_within_quarterly: None,
            keep_within_yearly: None,
            keep_tag: Vec::new(),
            timezone: "UTC".to_owned(),
            relative_to: RelativeTo::Latest,
            azure: None,
        }
    }
}

impl Policy {
    /// How many points a rule keeps; a count of 0 is no rule.
    pub fn count(&self, rule: Rule) -> Option<Count> {
        let count = match rule {
            Rule::Last => self.keep_last,
            Rule::Hourly => self.keep_hourly,
            Rule::Daily => self.keep_daily,
            Rule::Weekly => self.keep_weekly,
            Rule::Monthly => self.keep_monthly,
            Rule::Quarterly => self.keep_quarterly,
            Rule::Yearly => self.keep_yearly,
        };
        count.filter(|count| *count != Count::AtMost(0))
    }

    /// The age up to which a rule keeps points: for [`Rule::Last`] all of them, for others the newest of
    /// each period. No age is no rule.
    pub fn within(&self, rule: Rule) -> Option<Span> {
        let span = match rule {
            Rule::Last => self.keep_within,
            Rule::Hourly => self.keep_within_hourly,
            Rule::Daily => self.keep_within_daily,
            Rule::Weekly => self.keep_within_weekly,
            Rule::Monthly => self.keep_within_monthly,
            Rule::Quarterly => self.keep_within_quarterly,
            Rule::Yearly => self.keep_within_yearly,
        };
        span.filter(|span| !span.is_zero())
    }

    /// Refuses a policy that keeps nothing, and a zone that is none.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        let mut rules = Rule::ALL.into_iter();
        let any = rules.any(|rule| self.count(rule).is_some() || self.within(rule).is_some());
        let any = any || !self.keep_tag.is_empty() || self.azure.as_ref().is_some_and(Gfs::any);
        if !any {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the retention policy has no rule and would remove everything: say what to keep, \
                 for example --keep-within 30d --keep-weekly 12",
            ));
        }
        if self
            .keep_tag
            .iter()
            .any(|tags| tags.split(',').any(str::is_empty))
        {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the retention policy keeps an empty tag: name the tag, or leave the rule out",
            ));
        }
        self.azure.as_ref().map_or(Ok(()), Gfs::check)?;
        self.zone().map(drop)
    }

    /// The zone, by the rules that this build carries: the same on every machine.
    ///
    /// # Errors
    /// `Invalid` for a name that is none.
    pub fn zone(&self) -> Result<TimeZone> {
        TimeZoneDatabase::bundled()
            .get(&self.timezone)
            .map_err(|error| {
                let name = &self.timezone;
                let say =
                    format!("unknown time zone '{name}': write an IANA name such as Europe/Berlin");
                Error::new(ErrorKind::Invalid, say).caused_by(error)
            })
    }

    /// The most points that the policy comes to keep of an instance with `points_a_day`, but for tagged
    /// and protected ones and those that chains need; `None` where it grows for ever.
    pub fn steady_state_points(&self, points_a_day: u32) -> Option<u64> {
        let points_a_day = u64::from(points_a_day.max(1));
        // The newest point, where no rule counts it.
        let mut bound: u64 = 1;
        for rule in Rule::ALL {
            match self.count(rule) {
                Some(Count::Unlimited) => return None,
                Some(Count::AtMost(count)) => bound = bound.saturating_add(u64::from(count)),
                None => {}
            }
            if let Some(span) = self.within(rule) {
                let days = span.days_at_most();
                // One more than the whole periods: the age begins and ends inside of one.
                let periods = match rule {
                    Rule::Last => u64::MAX,
                    Rule::Hourly => days * 25 + 1,
                    Rule::Daily => days + 1,
                    Rule::Weekly => days / 7 + 2,
                    Rule::Monthly => days / 28 + 2,
                    Rule::Quarterly => days / 90 + 2,
                    Rule::Yearly => days / 365 + 2,
                };
                bound = bound.saturating_add(periods.min((days + 1).saturating_mul(points_a_day)));
            }
        }
        let gfs = self.azure.as_ref().map_or(0, Gfs::points_at_most);
        Some(bound.saturating_add(gfs))
    }
}

/// As flags of the command line.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in Rule::ALL {
            if let Some(count) = self.count(rule) {
                write!(f, "--keep-{rule} {count} ")?;
            }
        }
        for rule in Rule::ALL {
            match self.within(rule) {
                Some(span) if rule == Rule::Last => write!(f, "--keep-within {span} ")?,
                Some(span) => write!(f, "--keep-within-{rule} {span} ")?,
                None => {}
            }
        }
        for tags in &self.keep_tag {
            write!(f, "--keep-tag {tags} ")?;
        }
        write!(
            f,
            "--timezone {} --relative-to {}",
            self.timezone, self.relative_to
        )?;
        match &self.azure {
            Some(gfs) => write!(f, " and Azure: {gfs}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
