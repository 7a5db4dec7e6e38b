//! Days of a week, a month and a year as a policy writes them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// A day of the week, written `sunday`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeekDay(pub Weekday);

/// A month of the year, written `january`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct YearMonth(i8);

impl YearMonth {
    pub(super) const JANUARY: Self = Self(1);

    pub(super) fn of(date: Date) -> Self {
        Self(date.month())
    }
}

/// A day of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MonthDay {
    /// By its date, written `15`; a month without it has none.
    Date(i8),
    /// Written `last day`.
    Last,
    /// Written `first sunday`.
    Nth(Week, WeekDay),
}

/// Which of a month's Sundays, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Week {
    First,
    Second,
    Third,
    Fourth,
    Last,
}

impl MonthDay {
    pub(super) fn is(self, date: Date) -> bool {
        let week = (date.day() - 1) / 7;
        match self {
            Self::Date(day) => date.day() == day,
            Self::Last => date == date.last_of_month(),
            Self::Nth(nth, on) => {
                date.weekday() == on.0
                    && match nth {
                        Week::First => week == 0,
                        Week::Second => week == 1,
                        Week::Third => week == 2,
                        Week::Fourth => week == 3,
                        Week::Last => date.day() > date.days_in_month() - 7,
                    }
            }
        }
    }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

const MONTHS: [(&str, i8); 12] = [
    ("january", 1),
    ("february", 2),
    ("march", 3),
    ("april", 4),
    ("may", 5),
    ("june", 6),
    ("july", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("november", 11),
    ("december", 12),
];

const WEEKS: [(&str, Week); 5] = [
    ("first", Week::First),
    ("second", Week::Second),
    ("third", Week::Third),
    ("fourth", Week::Fourth),
    ("last", Week::Last),
];

fn value<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    let row = table.iter().find(|row| row.0 == name);
    row.map(|row| row.1)
}

fn name<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    let row = table.iter().find(|row| row.1 == *value);
    row.map_or("?", |row| row.0)
}

impl FromStr for WeekDay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        value(&WEEKDAYS, text).map(Self).ok_or_else(|| {
            let say = format!("'{text}' is no day of the week: write one like sunday");
            Error::new(ErrorKind::Invalid, say)
        })
    }
}

impl FromStr for YearMonth {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        value(&MONTHS, text).map(Self).ok_or_else(|| {
            let say = format!("'{text}' is no month: write one like january");
            Error::new(ErrorKind::Invalid, say)
        })
    }
}

impl FromStr for MonthDay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "last day" {
            return Ok(Self::Last);
        }
        let by_date = text.parse().ok().filter(|day| (1..=31).contains(day));
        let by_week = || {
            let (nth, day) = text.split_once(' ')?;
            let nth = value(&WEEKS, nth)?;
            Some(Self::Nth(nth, day.parse().ok()?))
        };
        by_date.map(Self::Date).or_else(by_week).ok_or_else(|| {
            let say = format!(
                "'{text}' is no day of a month: write one like 15, last day, first sunday or last friday"
            );
            Error::new(ErrorKind::Invalid, say)
        })
    }
}

impl fmt::Display for WeekDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(&WEEKDAYS, &self.0))
    }
}

impl fmt::Display for YearMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(&MONTHS, &self.0))
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(day) => write!(f, "{day}"),
            Self::Last => f.write_str("last day"),
            Self::Nth(nth, day) => write!(f, "{} {day}", name(&WEEKS, nth)),
        }
    }
}

macro_rules! by_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

by_text!(WeekDay, YearMonth, MonthDay);
