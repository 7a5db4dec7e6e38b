//! When something is to be done, as people write it, as systemd's `OnCalendar` has it, and as cron has it.

use std::fmt;
use std::str::FromStr;

/// Days as systemd names them, in cron's order.
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// When something is to be done, by the machine's local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Never.
    Off,
    /// Every so many minutes, a divisor of an hour.
    Minutes(u32),
    /// Every so many hours, a divisor of a day.
    Hours(u32),
    /// On these days of the week (0 is Sunday), or on all where none is named.
    Days(Vec<usize>, Time),
    /// On this day of the month, which every month has.
    Month(u32, Time),
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    hour: u32,
    minute: u32,
}

/// What people may write.
const FORMS: &str = "write off, every-15min, every-6h, hourly, daily, weekly, monthly, a day (sun) or \
                     several (mon,wed,fri), or monthly-15 for a day of the month, and where it fits a \
                     time after it: daily@01:30, mon,fri@22:00, monthly-15@05:00";

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text).ok_or_else(|| format!("not a time: {FORMS}"))
    }
}

fn read(text: &str) -> Option<When> {
    let text = text.to_ascii_lowercase();
    let (rule, at) = match text.split_once('@') {
        Some((rule, at)) => (rule, Some(Time::read(at)?)),
        None => (text.as_str(), None),
    };
    let time = at.unwrap_or(Time { hour: 0, minute: 0 });
    if let Some(every) = rule.strip_prefix("every-") {
        let (number, whole): (&str, u32) = match every.strip_suffix("min") {
            Some(minutes) => (minutes, 60),
            None => (every.strip_suffix('h')?, 24),
        };
        let number = number.parse().ok().filter(|number| *number > 0)?;
        if at.is_some() || whole % number != 0 {
            return None;
        }
        return Some(if whole == 60 && number < 60 {
            When::Minutes(number)
        } else {
            When::Hours(if whole == 60 { 1 } else { number })
        });
    }
    match (rule, at) {
        ("off", None) => Some(When::Off),
        ("hourly", None) => Some(When::Hours(1)),
        ("daily", _) => Some(When::Days(Vec::new(), time)),
        ("weekly", _) => Some(When::Days(vec![0], time)),
        ("monthly", _) => Some(When::Month(1, time)),
        _ => match rule.strip_prefix("monthly-") {
            // Not every month has more.
            Some(day) => {
                let day = day.parse().ok().filter(|day| (1..=28).contains(day))?;
                Some(When::Month(day, time))
            }
            None => Some(When::Days(days(rule)?, time)),
        },
    }
}

fn days(list: &str) -> Option<Vec<usize>> {
    let day = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    let days: Option<Vec<usize>> = list.split(',').map(day).collect();
    let mut days = days?;
    days.sort_unstable();
    days.dedup();
    Some(days)
}

impl Time {
    fn read(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let number = |text: &str, below: u32| {
            let digits = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| digits)?;
            (number < below).then_some(number)
        };
        Some(Self {
            hour: number(hour, 24)?,
            minute: number(minute, 60)?,
        })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Minutes(every) => write!(f, "every-{every}min"),
            Self::Hours(1) => f.write_str("hourly"),
            Self::Hours(every) => write!(f, "every-{every}h"),
            Self::Days(days, at) if days.is_empty() => write!(f, "daily@{at}"),
            Self::Days(days, at) => {
                write!(f, "{}@{at}", names(days).to_ascii_lowercase())
            }
            Self::Month(day, at) => write!(f, "monthly-{day}@{at}"),
        }
    }
}

fn names(days: &[usize]) -> String {
    let names: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
    names.join(",")
}

impl When {
    /// As `OnCalendar=` has it; `None` for never.
    pub(crate) fn on_calendar(&self) -> Option<String> {
        Some(match self {
            Self::Off => return None,
            Self::Minutes(every) => format!("*-*-* *:00/{every}:00"),
            Self::Hours(1) => "*-*-* *:00:00".to_owned(),
            Self::Hours(every) => format!("*-*-* 00/{every}:00:00"),
            Self::Days(days, at) if days.is_empty() => format!("*-*-* {at}:00"),
            Self::Days(days, at) => format!("{} *-*-* {at}:00", names(days)),
            Self::Month(day, at) => format!("*-*-{day:02} {at}:00"),
        })
    }

    /// As the first five fields of a cron line; `None` for never.
    pub(crate) fn cron(&self) -> Option<String> {
        Some(match self {
            Self::Off => return None,
            Self::Minutes(1) => "* * * * *".to_owned(),
            Self::Minutes(every) => format!("*/{every} * * * *"),
            Self::Hours(1) => "0 * * * *".to_owned(),
            Self::Hours(every) => format!("0 */{every} * * *"),
            Self::Days(days, at) => {
                let days: Vec<String> = days.iter().map(ToString::to_string).collect();
                let days = if days.is_empty() {
                    "*".to_owned()
                } else {
                    days.join(",")
                };
                format!("{} {} * * {days}", at.minute, at.hour)
            }
            Self::Month(day, at) => format!("{} {} {day} * *", at.minute, at.hour),
        })
    }

    /// Seconds from one time to the next, at least.
    pub(crate) fn period_seconds(&self) -> u64 {
        match self {
            Self::Minutes(every) => u64::from(*every) * 60,
            Self::Hours(every) => u64::from(*every) * 3600,
            Self::Off | Self::Days(..) | Self::Month(..) => 24 * 3600,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::When;

    /// What people write, and what systemd and cron are told.
    const TABLE: [(&str, &str, &str); 11] = [
        ("every-15min", "*-*-* *:00/15:00", "*/15 * * * *"),
        ("every-1min", "*-*-* *:00/1:00", "* * * * *"),
        ("every-60min", "*-*-* *:00:00", "0 * * * *"),
        ("hourly", "*-*-* *:00:00", "0 * * * *"),
        ("every-6h", "*-*-* 00/6:00:00", "0 */6 * * *"),
        ("daily", "*-*-* 00:00:00", "0 0 * * *"),
        ("daily@01:30", "*-*-* 01:30:00", "30 1 * * *"),
        ("weekly@4:05", "Sun *-*-* 04:05:00", "5 4 * * 0"),
        ("Fri,mon@22:00", "Mon,Fri *-*-* 22:00:00", "0 22 * * 1,5"),
        ("monthly@05:00", "*-*-01 05:00:00", "0 5 1 * *"),
        ("monthly-15@05:00", "*-*-15 05:00:00", "0 5 15 * *"),
    ];

    #[test]
    fn systemd_and_cron_are_told_the_same() {
        for (text, calendar, cron) in TABLE {
            let when: When = text.parse().expect(text);
            assert_eq!(when.on_calendar().as_deref(), Some(calendar), "{text}");
            assert_eq!(when.cron().as_deref(), Some(cron), "{text}");
            assert_eq!(when.to_string().parse(), Ok(when), "{text} says itself");
        }
        let off: When = "off".parse().expect("off");
        assert_eq!((off.on_calendar(), off.cron()), (None, None));
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for text in [
            "",
            "@",
            "daily@",
            "daily@24:00",
            "daily@1:60",
            "daily@+1:00",
            "daily@01:00:00",
            "every-7min",
            "every-0h",
            "every-5h",
            "every-6h@01:00",
            "every-99999999999h",
            "monthly-29",
            "monthly-0",
            "someday",
            "mon,",
            "off@01:00",
            "hourly@01:00",
        ] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }
}
