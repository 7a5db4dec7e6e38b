//! Quantities as people write them in scenarios and on the command line, kept as integers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// Reads a type from a text, or from a number that says it all.
macro_rules! reads_as_text {
    ($($name:ident)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text_or_number(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

mod time;

pub use time::{Often, Speed, Thousandths, Time};

/// Parts of one in a [`Part`]: nine digits after the point.
const PARTS: u64 = 1_000_000_000;

/// A number of bytes such as `2TiB`, `1.5GiB` or `500GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A share such as `60%` or `0.6`, in parts of a thousand million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part(u64);

/// A share in a time, such as `2%/day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub(crate) part: Part,
    pub(crate) seconds: u64,
}

/// A time from one thing to the next, such as `1d`, `6h` or `30m`, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Every(pub u64);

const DAY: u64 = 86_400;

impl Part {
    pub(crate) const fn percent(percent: u64) -> Self {
        Self(percent * (PARTS / 100))
    }

    /// In parts of a thousand million.
    pub(crate) fn parts(self) -> u64 {
        self.0
    }

    /// What one is, in [`Self::parts`].
    pub(crate) const WHOLE: u64 = PARTS;
}

/// A decimal number and the text after it.
fn number(text: &str) -> Option<(u64, u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 || number.is_empty() || number == "." {
        return None;
    }
    let digits = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    Some((digits, scale, rest.trim()))
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a size: write one like 2TiB, 500GB or 64MiB");
        let (digits, scale, unit) = number(text).ok_or_else(wrong)?;
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "t" | "tib" => 1 << 40,
            "p" | "pib" => 1 << 50,
            "kb" => 1000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "pb" => 1_000_000_000_000_000,
            _ => return Err(wrong()),
        };
        let bytes = u128::from(digits) * u128::from(factor) / u128::from(scale);
        u64::try_from(bytes)
            .map(Self)
            .map_err(|_| format!("'{text}' is too large"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (1 << 50, "PiB"),
            (1_000_000_000_000_000, "PB"),
            (1 << 40, "TiB"),
            (1_000_000_000_000, "TB"),
            (1 << 30, "GiB"),
            (1_000_000_000, "GB"),
            (1 << 20, "MiB"),
            (1_000_000, "MB"),
            (1 << 10, "KiB"),
            (1_000, "kB"),
        ];
        let fits = |(size, _): &&(u64, &str)| self.0 >= *size && self.0.is_multiple_of(*size);
        let (size, unit) = units.iter().find(fits).copied().unwrap_or((1, "B"));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a share: write one like 60% or 0.6");
        let (digits, scale, unit) = number(text).ok_or_else(wrong)?;
        let whole = match unit {
            "" => PARTS,
            "%" => PARTS / 100,
            _ => return Err(wrong()),
        };
        let parts = u128::from(digits) * u128::from(whole) / u128::from(scale);
        u64::try_from(parts)
            .map(Self)
            .map_err(|_| format!("'{text}' is too large"))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a rate: write one like 2%/day or 20%/year");
        let (part, time) = text.split_once('/').ok_or_else(wrong)?;
        let seconds = match time.trim() {
            "hour" => 3600,
            "day" => DAY,
            "week" => 7 * DAY,
            "month" => 365 * DAY / 12,
            "year" => 365 * DAY,
            _ => return Err(wrong()),
        };
        let part = part.trim().parse().map_err(|_| wrong())?;
        Ok(Self { part, seconds })
    }
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a time: write one like 1d, 6h or 30m");
        let (digits, scale, unit) = number(text).ok_or_else(wrong)?;
        let factor = match unit {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => DAY,
            "w" => 7 * DAY,
            _ => return Err(wrong()),
        };
        let seconds = u128::from(digits) * u128::from(factor) / u128::from(scale);
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        seconds.map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(7 * DAY, "w"), (DAY, "d"), (3600, "h"), (60, "m")];
        let fits = units
            .iter()
            .find(|(seconds, _)| self.0.is_multiple_of(*seconds));
        let (seconds, unit) = fits.copied().unwrap_or((1, "s"));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, rest) = (self.0 / (PARTS / 100), self.0 % (PARTS / 100));
        let digits = format!("{percent}.{rest:07}");
        write!(
            f,
            "{} %",
            digits.trim_end_matches('0').trim_end_matches('.')
        )
    }
}

/// A text, or where a number says it all, the number.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Either;
    impl de::Visitor<'_> for Either {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, or a text with its unit")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    deserializer.deserialize_any(Either)
}

reads_as_text!(Bytes Part Rate Every);

#[cfg(test)]
mod tests {
    use super::{Bytes, Every, Part, Rate};

    #[test]
    fn what_people_write_is_read() {
        let bytes = |text: &str| text.parse::<Bytes>().map(|bytes| bytes.0);
        assert_eq!(bytes("2TiB"), Ok(2 << 40));
        assert_eq!(bytes("1.5 GiB"), Ok(3 << 29));
        assert_eq!(bytes("500GB"), Ok(500_000_000_000));
        assert_eq!(bytes("512"), Ok(512));
        for wrong in ["", "TiB", "2 apples", "-1", "1.2.3GiB", "99999999PiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        for text in ["2TiB", "1536MiB", "500GB", "17B", "0B"] {
            assert_eq!(
                text.parse::<Bytes>().map(|bytes| bytes.to_string()),
                Ok(text.to_owned())
            );
        }
        let part = |text: &str| text.parse::<Part>().map(|part| part.to_string());
        assert_eq!(part("60%"), Ok("60 %".to_owned()));
        assert_eq!(part("0.6"), part("60%"));
        assert_eq!(part("0.25 %"), Ok("0.25 %".to_owned()));
        let rate: Rate = "2%/day".parse().expect("a rate");
        assert_eq!((rate.part, rate.seconds), (Part::percent(2), 86_400));
        for wrong in ["2%", "2/fortnight", "x/day"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
        let every = |text: &str| text.parse::<Every>().map(|every| every.to_string());
        assert_eq!(every("36h"), Ok("36h".to_owned()));
        assert_eq!(every("1.5d"), Ok("36h".to_owned()));
        assert_eq!(every("14d"), Ok("2w".to_owned()));
        assert!(every("0d").is_err() && every("1y").is_err());
    }
}
