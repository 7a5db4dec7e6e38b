//! Times down to a microsecond, speeds, and how often something happens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::{number, text_or_number};
use crate::scenario::{DAY, HOUR, MINUTE, SECOND, YEAR};

/// A span of time such as `90m`, `1.5d`, `100d 14h`, `20ms` or `1y`, in microseconds; `0s` is one too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

/// A speed such as `100Mbit/s` or `200MB/s`, in bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speed(pub u64);

/// How often something happens: `once in 5 years` or `0.08/year`; as the mean time between, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Often(pub u64);

/// A plain decimal number such as `1.05`, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thousandths(pub u64);

/// Units of a time, the longest first; the first name of each is the one that is shown.
const UNITS: [(u64, &[&str]); 8] = [
    (YEAR, &["y", "year", "years"]),
    (7 * DAY, &["w", "week", "weeks"]),
    (DAY, &["d", "day", "days"]),
    (HOUR, &["h", "hour", "hours"]),
    (MINUTE, &["m", "min", "minute", "minutes"]),
    (SECOND, &["s", "second", "seconds"]),
    (1_000, &["ms"]),
    (1, &["us"]),
];

fn unit(name: &str) -> Option<u64> {
    let month = ["month", "months"].contains(&name).then_some(YEAR / 12);
    let named = UNITS.iter().find(|(_, names)| names.contains(&name));
    named.map(|(micros, _)| *micros).or(month)
}

/// `digits / scale` times `factor`, cut to a whole number.
fn times(digits: u64, scale: u64, factor: u64) -> Option<u64> {
    u64::try_from(u128::from(digits) * u128::from(factor) / u128::from(scale)).ok()
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a time: write one like 4h, 90m, 1.5d, 1d 12h or 20ms");
        let (mut sum, mut rest, mut last) = (0_u64, text, u64::MAX);
        while !rest.is_empty() {
            let (digits, scale, after) = number(rest).ok_or_else(wrong)?;
            let end = after.find(|c: char| c.is_ascii_digit());
            let (name, next) = after.split_at(end.unwrap_or(after.len()));
            // A month is no fixed time; where it would be a guess, it is refused. Units descend.
            let factor = unit(name.trim())
                .filter(|factor| !name.starts_with("month") && *factor < last)
                .ok_or_else(wrong)?;
            let part = times(digits, scale, factor).ok_or_else(wrong)?;
            sum = sum.checked_add(part).ok_or_else(wrong)?;
            (rest, last) = (next, factor);
        }
        if text.is_empty() {
            Err(wrong())
        } else {
            Ok(Self(sum))
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |micros: u64| self.0 >= micros && self.0.is_multiple_of(micros);
        let shown = UNITS.iter().find(|(micros, _)| fits(*micros));
        // No exact unit says it: two do, or the longest with three digits after the point does.
        let near = |most: u64| {
            let mut units = UNITS.iter();
            units.find(|(micros, _)| *micros <= self.0.min(most))
        };
        match shown.filter(|(micros, _)| self.0 / micros < 1_000) {
            Some((micros, names)) => write!(f, "{}{}", self.0 / micros, names[0]),
            None if shown.is_some_and(|(less, _)| *less >= MINUTE) => {
                let (micros, names) = near(DAY).unwrap_or(&UNITS[2]);
                let (whole, left) = (self.0 / micros, Self(self.0 % micros));
                write!(f, "{whole}{} {left}", names[0])
            }
            None => match near(u64::MAX) {
                Some((micros, names)) => {
                    let milli = u128::from(self.0) * 1_000 / u128::from(*micros);
                    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
                    let text = text.trim_end_matches('0').trim_end_matches('.');
                    write!(f, "{text}{}", names[0])
                }
                None => f.write_str("0s"),
            },
        }
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a speed: write one like 100Mbit/s or 200MB/s");
        let (digits, scale, unit) = number(text).ok_or_else(wrong)?;
        let unit = unit.strip_suffix("/s").ok_or_else(wrong)?;
        let bits = match unit.to_ascii_lowercase().as_str() {
            "kbit" => 1_000,
            "mbit" => 1_000_000,
            "gbit" => 1_000_000_000,
            "tbit" => 1_000_000_000_000,
            "b" => 8,
            "kb" => 8_000,
            "mb" => 8_000_000,
            "gb" => 8_000_000_000,
            "kib" => 8 << 10,
            "mib" => 8 << 20,
            "gib" => 8 << 30,
            _ => return Err(wrong()),
        };
        let bits = times(digits, scale, bits).ok_or_else(wrong)?;
        Ok(Self(bits / 8))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from(self.0) * 8;
        let units = [
            (1_000_000_000, "Gbit/s"),
            (1_000_000, "Mbit/s"),
            (1_000, "kbit/s"),
        ];
        let unit = units
            .iter()
            .find(|(size, _)| bits >= *size && bits.is_multiple_of(*size / 10));
        match unit {
            Some((size, name)) if bits.is_multiple_of(*size) => write!(f, "{}{name}", bits / size),
            Some((size, name)) => write!(f, "{}.{}{name}", bits / size, bits % size * 10 / size),
            None => write!(f, "{}B/s", self.0),
        }
    }
}

impl FromStr for Often {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' does not say how often: write `once in 5 years` or 0.08/year");
        let between = if let Some((count, name)) = text.split_once('/') {
            let (digits, scale, rest) = number(count.trim()).ok_or_else(wrong)?;
            let unit = unit(name.trim()).filter(|_| rest.is_empty() && digits > 0);
            times(scale, digits, unit.ok_or_else(wrong)?)
        } else {
            let after = text.trim().strip_prefix("once ").ok_or_else(wrong)?.trim();
            let after = after.strip_prefix("every ").or(after.strip_prefix("in "));
            let after = after.or(text.trim().strip_prefix("once a "));
            let after = after.ok_or_else(wrong)?.trim();
            let (digits, scale, name) = number(after).unwrap_or((1, 1, after));
            times(digits, scale, unit(name).ok_or_else(wrong)?)
        };
        let between = between.filter(|micros| *micros > 0);
        between.map(Self).ok_or_else(wrong)
    }
}

impl FromStr for Thousandths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a number: write one like 1.05");
        let (digits, scale, rest) = number(text).ok_or_else(wrong)?;
        let milli = times(digits, scale, 1_000).filter(|_| rest.is_empty());
        milli.map(Self).ok_or_else(wrong)
    }
}

reads_as_text!(Time Speed Often Thousandths);

#[cfg(test)]
mod tests {
    use super::{Often, Speed, Thousandths, Time};
    use crate::scenario::{DAY, HOUR, MINUTE, YEAR};

    #[test]
    fn what_people_write_is_read() {
        let time = |text: &str| text.parse::<Time>().map(|time| time.0);
        for (text, micros) in [
            ("20ms", 20_000),
            ("1.5d", 36 * HOUR),
            ("90m", 90 * MINUTE),
            ("90min", 90 * MINUTE),
            ("2 weeks", 14 * DAY),
            ("1y", YEAR),
            ("100d 14h", 100 * DAY + 14 * HOUR),
            ("1d12h 30m", 36 * HOUR + 30 * MINUTE),
            ("0s", 0),
        ] {
            assert_eq!(time(text), Ok(micros), "{text}");
        }
        for wrong in [
            "",
            "4",
            "h",
            "1 month",
            "-1h",
            "1e9h",
            "99999999999y",
            "1h 1d",
            "1h 1h",
            "1d 2",
            "1d -2h",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        let speed = |text: &str| text.parse::<Speed>().map(|speed| speed.0);
        assert_eq!(speed("100Mbit/s"), Ok(12_500_000));
        assert_eq!(speed("200MB/s"), Ok(200_000_000));
        assert!(speed("100Mbit").is_err() && speed("fast").is_err());
        let often = |text: &str| text.parse::<Often>().map(|often| often.0);
        for text in ["once in 5 years", "0.2/year", "once every 5 years"] {
            assert_eq!(often(text), Ok(5 * YEAR), "{text}");
        }
        assert_eq!(often("once a year"), Ok(YEAR));
        assert_eq!(often("2/day"), Ok(12 * HOUR));
        for wrong in [
            "0/year",
            "often",
            "once",
            "once in a while",
            "once in 0 years",
        ] {
            assert!(often(wrong).is_err(), "{wrong}");
        }
        assert_eq!("1.054".parse(), Ok(Thousandths(1054)));
        assert!("1.05x".parse::<Thousandths>().is_err());
    }

    #[test]
    fn what_is_shown_is_short_and_reads_as_the_same() {
        for text in [
            "4h",
            "90m",
            "20ms",
            "9d",
            "1y",
            "36h",
            "100d",
            "0s",
            "100d 14h",
            "364d 23h 59m",
        ] {
            let time: Time = text.parse().expect("a time");
            let shown = time.to_string();
            assert_eq!(shown.parse(), Ok(time), "{text} as {shown}");
            assert!(shown.len() <= text.len() + 4, "{text} as {shown}");
        }
        assert_eq!(Time(4 * HOUR + 24 * MINUTE).to_string(), "264m");
        assert_eq!(Time(15_808_123_456).to_string(), "4.391h");
        let speed = |text: &str| text.parse::<Speed>().expect("a speed").to_string();
        assert_eq!(speed("100Mbit/s"), "100Mbit/s");
        assert_eq!(speed("200MB/s"), "1.6Gbit/s");
    }
}
