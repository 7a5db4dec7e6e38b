//! Ages such as `2y5m7d3h`, and the instant that lies so far before another.

use std::fmt;
use std::str::FromStr;

use jiff::ZonedDateTime;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// An age in calendar units, written as restic writes it: `1y6m`, `30d`, `12h`. `w` is read as seven
/// days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    /// Calendar years.
    pub years: u32,
    /// Calendar months.
    pub months: u32,
    /// Calendar days: 23 to 25 hours where clocks change.
    pub days: u32,
    /// Hours of 60 minutes.
    pub hours: u32,
}

impl Span {
    /// So many days.
    pub const fn of_days(days: u32) -> Self {
        Self {
            years: 0,
            months: 0,
            days,
            hours: 0,
        }
    }

    /// Whether it is no time at all; a rule of such an age is no rule.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// At most so many days, the longest years and months assumed.
    pub fn days_at_most(self) -> u64 {
        u64::from(self.years) * 366
            + u64::from(self.months) * 31
            + u64::from(self.days)
            + u64::from(self.hours).div_ceil(24)
    }

    /// The instant so long before `from`. A month back ends where the month does (31 March less a month
    /// is the end of February), so that the same hour of a later day never reaches further back.
    pub(super) fn before(self, from: &ZonedDateTime) -> jiff::Timestamp {
        let back = self.as_jiff().and_then(|span| from.checked_sub(span).ok());
        back.map_or(jiff::Timestamp::MIN, |at| at.timestamp())
    }

    /// The instant so long after `from`.
    pub(super) fn after(self, from: &ZonedDateTime) -> jiff::Timestamp {
        let on = self.as_jiff().and_then(|span| from.checked_add(span).ok());
        on.map_or(jiff::Timestamp::MAX, |at| at.timestamp())
    }

    /// As [`Self::before`], with the days of Go's `AddDate`: what a short month lacks runs over into
    /// the next (31 March less a month is 3 March).
    pub(super) fn before_as_go(self, from: &ZonedDateTime) -> jiff::Timestamp {
        let go = || {
            let months = i64::from(from.year()) * 12 + i64::from(from.month())
                - 1
                - (i64::from(self.years) * 12 + i64::from(self.months));
            let year = i16::try_from(months.div_euclid(12)).ok()?;
            let first = Date::new(year, months.rem_euclid(12) as i8 + 1, 1).ok()?;
            let days = i64::from(from.day()) - 1 - i64::from(self.days);
            let date = first.checked_add(jiff::Span::new().try_days(days).ok()?);
            let local = date.ok()?.to_datetime(from.time());
            let at = local.to_zoned_datetime(from.time_zone().clone()).ok()?;
            let hours = jiff::Span::new().try_hours(self.hours).ok()?;
            at.timestamp().checked_sub(hours).ok()
        };
        go().unwrap_or(jiff::Timestamp::MIN)
    }

    fn as_jiff(self) -> Option<jiff::Span> {
        let span = jiff::Span::new().try_years(self.years).ok()?;
        let span = span.try_months(self.months).ok()?;
        span.try_days(self.days).ok()?.try_hours(self.hours).ok()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0h");
        }
        let parts = [
            (self.years, 'y'),
            (self.months, 'm'),
            (self.days, 'd'),
            (self.hours, 'h'),
        ];
        let mut some = parts.into_iter().filter(|(number, _)| *number > 0);
        some.try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| {
            let say = format!("'{text}' is not an age: {what}; write one like 1y6m, 30d or 12h");
            Error::new(ErrorKind::Invalid, say)
        };
        let mut span = Self::default();
        let mut rest = text;
        if rest.is_empty() {
            return Err(wrong("it is empty"));
        }
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .ok_or_else(|| wrong("a number lacks its unit"))?;
            let number: u32 = rest[..digits]
                .parse()
                .map_err(|_| wrong("a unit lacks its number, or the number is too large"))?;
            let mut after = rest[digits..].chars();
            let (field, factor) = match after.next() {
                Some('y') => (&mut span.years, 1),
                Some('m') => (&mut span.months, 1),
                Some('w') => (&mut span.days, 7),
                Some('d') => (&mut span.days, 1),
                Some('h') => (&mut span.hours, 1),
                _ => return Err(wrong("the units are y, m, w, d and h")),
            };
            let sum = number
                .checked_mul(factor)
                .and_then(|n| field.checked_add(n));
            *field = sum.ok_or_else(|| wrong("the number is too large"))?;
            rest = after.as_str();
        }
        Ok(span)
    }
}

impl TryFrom<String> for Span {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    fn read(text: &str) -> Span {
        text.parse().expect("an age")
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["2y5m7d3h", "30d", "1y", "12h", "0h"] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(read("2w1d"), Span::of_days(15));
        for text in [
            "",
            "7",
            "d",
            "1x",
            "-1d",
            "1d ",
            "99999999999d",
            "4294967295w",
            "１d",
        ] {
            let error = text.parse::<Span>().expect_err(text).to_string();
            assert!(error.contains("write one like"), "{error}");
        }
    }

    #[test]
    fn short_months_end_and_gos_run_over() {
        let from = "2023-03-31T12:00[Europe/Berlin]"
            .parse()
            .expect("an instant");
        let local = |at: jiff::Timestamp| {
            let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone");
            at.to_zoned_datetime(zone).datetime().to_string()
        };
        assert_eq!(local(read("1m").before(&from)), "2023-02-28T12:00:00");
        assert_eq!(local(read("1m").before_as_go(&from)), "2023-03-03T12:00:00");
        assert_eq!(
            local(read("13m2d1h").before_as_go(&from)),
            "2022-03-01T11:00:00"
        );
        // A day over the change of clocks is a calendar day; 24 hours are not.
        assert_eq!(local(read("7d").before(&from)), "2023-03-24T12:00:00");
        assert_eq!(local(read("168h").before(&from)), "2023-03-24T11:00:00");
    }

    #[test]
    fn a_later_day_never_reaches_further_back() {
        let first: jiff::ZonedDateTime = "2023-01-01T12:00[Europe/Berlin]".parse().expect("a day");
        let sinks = |back: fn(Span, &jiff::ZonedDateTime) -> jiff::Timestamp| {
            ["1m", "1y", "13m", "1m1d", "11h"].into_iter().any(|text| {
                let days = (0..800).map(|days| Span::of_days(days).after(&first));
                let days = days.map(|at| at.to_zoned_datetime(first.time_zone().clone()));
                let cuts: Vec<_> = days.map(|day| back(read(text), &day)).collect();
                !cuts.is_sorted()
            })
        };
        assert!(!sinks(Span::before));
        assert!(sinks(Span::before_as_go), "the check fires on Go's");
    }

    #[test]
    fn what_no_calendar_holds_is_the_beginning_of_time() {
        let from = "2023-03-31T12:00[UTC]".parse().expect("an instant");
        for text in ["4294967295y", "4294967295m", "4294967295d", "4294967295h"] {
            assert_eq!(read(text).before(&from), jiff::Timestamp::MIN, "{text}");
            assert_eq!(read(text).after(&from), jiff::Timestamp::MAX, "{text}");
        }
        assert_eq!(read("20000y").before_as_go(&from), jiff::Timestamp::MIN);
    }
}
