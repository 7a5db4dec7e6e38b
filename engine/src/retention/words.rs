//! Words of a policy that are more than a number or an age: how many, and measured from when.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};
use crate::units::Timestamp;

use super::calendar;

/// How many points a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many.
    AtMost(u32),
    /// One for every period that has one.
    Unlimited,
}

impl Count {
    /// As a number that counts down.
    pub(super) fn limit(self) -> u64 {
        match self {
            Self::AtMost(count) => u64::from(count),
            Self::Unlimited => u64::MAX,
        }
    }
}

/// What ages are measured from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelativeTo {
    /// The newest point that is not of the future: where backups stop, nothing more expires by age.
    #[default]
    Latest,
    /// The present.
    Now,
    /// A stated instant.
    At(Timestamp),
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(count) => write!(f, "{count}"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl FromStr for Count {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let say =
            || format!("'{text}' is not a count: write a number up to 4294967295, or unlimited");
        let count = text
            .parse()
            .map_err(|_| Error::new(ErrorKind::Invalid, say()))?;
        Ok(Self::AtMost(count))
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::AtMost(count) => serializer.serialize_u32(*count),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or \"unlimited\"")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> std::result::Result<Count, E> {
                let count = u32::try_from(count).map_err(E::custom)?;
                Ok(Count::AtMost(count))
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> std::result::Result<Count, E> {
                let count = u32::try_from(count).map_err(E::custom)?;
                Ok(Count::AtMost(count))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Count, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl fmt::Display for RelativeTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Now => f.write_str("now"),
            Self::At(at) => write!(f, "{}", calendar::instant(*at)),
        }
    }
}

impl FromStr for RelativeTo {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "latest" => Ok(Self::Latest),
            "now" => Ok(Self::Now),
            _ => {
                let at: jiff::Timestamp = text.parse().map_err(|error| {
                    let say = format!(
                        "'{text}' is no instant: write latest, now, or one like 2026-11-24T12:00:00Z"
                    );
                    Error::new(ErrorKind::Invalid, say).caused_by(error)
                })?;
                let nanoseconds = at.as_nanosecond();
                Ok(Self::At(Timestamp {
                    seconds: nanoseconds.div_euclid(1_000_000_000) as i64,
                    nanos: nanoseconds.rem_euclid(1_000_000_000) as u32,
                }))
            }
        }
    }
}

impl Serialize for RelativeTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RelativeTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
