//! A stated amount of data and rate of change, where there is no history to measure.
//!
//! The working-set model: most writes go to a small hot part of the data (by default nine tenths of
//! them to one tenth, Denning's working set in its simplest form), the rest to the cold one. What is
//! written in a part lives as long as anything in that part: so a new chunk is likely to die young and
//! old data is likely to stay, and at every point what is alive adds up to the size.

use engine::backup::method_at;
use engine::error::{Error, ErrorKind, Result};
use engine::format::point::Method;
use engine::retention::Policy;
use serde::{Deserialize, Deserializer, de};

use super::course::Point;
use super::data::Data;
use super::fit::to_come;
use super::share::Share;
use super::survival::Curve;
use crate::quantity::{Bytes, Every, Part, Rate};

/// What is to be protected, and how. Each field is a key of the file, with hyphens; those that are left
/// out have a default where one is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// What people call it; by default the file's name.
    pub name: Option<String>,
    /// Size of the data. Needed.
    pub size: Option<Bytes>,
    /// Share of the data that changes. Needed.
    pub change: Option<Rate>,
    /// Growth of the data; by default none.
    pub growth: Option<Rate>,
    /// What is left after compression; by default all.
    pub compress: Option<Part>,
    /// Time from one point to the next; by default a day.
    pub every: Option<Every>,
    /// Method; by default forever.
    #[serde(deserialize_with = "method")]
    pub method: Option<Method>,
    /// A new full every so many points; by default 7.
    pub full_every: Option<u32>,
    /// The hot part of the data; by default a tenth. All of it spreads writes evenly.
    pub working_set: Option<Part>,
    /// Share of the changes that fall into the hot part; by default nine tenths.
    pub working_set_writes: Option<Part>,
    /// Machines with such data; by default one.
    pub instances: Option<u32>,
    /// The day of the first point, for example `2026-01-01`; by default today.
    pub start: Option<String>,
    /// How long deleted points can be brought back; by default 14 days.
    pub soft_delete: Option<Every>,
    /// The room for the vault.
    pub capacity: Option<Bytes>,
    /// What stays, with the keys of a policy's own file.
    pub policy: Option<Policy>,
}

fn method<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Method>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(de::Error::custom)
}

/// A scenario of points to come, all of them.
pub(super) struct Stated {
    pub(super) data: Data,
    pub(super) points: Vec<Point>,
    pub(super) every: i64,
    pub(super) method: Method,
    pub(super) full_every: u32,
}

/// The hot and the cold part.
const CLASSES: usize = 2;

impl Scenario {
    /// Reads a file's text; `file` names it in errors.
    ///
    /// # Errors
    /// `Invalid` with the line and what would be right.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let wrong = |error: toml::de::Error| {
            let say = format!("scenario {file}: {error}");
            Error::new(ErrorKind::Invalid, say.trim_end().to_owned())
        };
        toml::from_str(text).map_err(wrong)
    }

    fn need<T: Copy>(value: Option<T>, name: &str, example: &str) -> Result<T> {
        value.ok_or_else(|| {
            let say = format!(
                "the scenario does not say its {name}: give --{name} {example}, or the line \
                 {name} = \"{example}\" in its file"
            );
            Error::new(ErrorKind::Invalid, say)
        })
    }

    /// The points from `from` on before `until`, and what they hold.
    pub(super) fn play(&self, from: i64, until: i64) -> Result<Stated> {
        let size = Self::need(self.size, "size", "2TiB")?;
        let change = Self::need(self.change, "change", "2%/day")?;
        let every = self.every.unwrap_or(Every(86_400)).0;
        let method = self.method.unwrap_or(Method::Forever);
        let full_every = self.full_every.unwrap_or(7).max(1);
        let count = super::fit::count(from, until, every)?;
        let stored = self.compress.unwrap_or(Part::percent(100));
        let stored = Share::ratio(stored.parts(), Part::WHOLE).of(size.0);
        let grown = |bytes: u64, number: usize| {
            let Some(growth) = self.growth else {
                return bytes;
            };
            let year = Share::ONE.plus(Share::ratio(growth.part.parts(), Part::WHOLE));
            year.power(number as u64 * every, growth.seconds).of(bytes)
        };
        let (sizes, stays) = self.parts(change, every)?;
        let mut before = [0; CLASSES];
        let births = (0..count).map(|number| {
            let all = grown(stored, number);
            let now = sizes.map(|share| share.of(all));
            let born = |class: usize| {
                let left = stays[class].of(before[class]);
                now[class].saturating_sub(left)
            };
            let born = (0..CLASSES).map(born).collect();
            before = now;
            born
        });
        let births = births.collect();
        let logical = (0..=count).map(|number| grown(size.0, number.saturating_sub(1)));
        let methods = |since: u32| method_at(method, since, full_every);
        Ok(Stated {
            data: Data {
                known: Vec::new(),
                curves: stays.map(|stays| Curve::constant(stays, count)).into(),
                fade: None,
                births,
                logical: logical.collect(),
            },
            points: to_come(&[], from, every, count, methods),
            every: every.cast_signed(),
            method,
            full_every,
        })
    }

    /// Sizes of the hot and the cold part, and what of each stays from one point to the next.
    fn parts(&self, change: Rate, every: u64) -> Result<([Share; CLASSES], [Share; CLASSES])> {
        let hot = self.working_set.unwrap_or(Part::percent(10)).parts();
        let writes = self.working_set_writes.unwrap_or(Part::percent(90)).parts();
        let change_parts = change.part.parts();
        if [hot, writes, change_parts]
            .iter()
            .any(|part| *part > Part::WHOLE)
            || hot == 0
        {
            let say = "change, working-set and working-set-writes are shares of the data: write \
                       100 % at most, and some working set";
            return Err(Error::new(ErrorKind::Invalid, say));
        }
        let cold = Part::WHOLE - hot;
        let times = |a: u64, b: u64| u128::from(a) * u128::from(b) / u128::from(Part::WHOLE);
        // The hot part can't change by more than itself; what is beyond falls into the cold.
        let to_hot = if cold == 0 {
            change_parts
        } else {
            times(change_parts, writes) as u64
        };
        let to_hot = to_hot.min(hot);
        let stays = |changed: u64, part: u64| {
            let stays = if part == 0 {
                Share::ONE
            } else {
                Share::ratio(changed.min(part), part).rest()
            };
            stays.power(every, change.seconds)
        };
        Ok((
            [
                Share::ratio(hot, Part::WHOLE),
                Share::ratio(cold, Part::WHOLE),
            ],
            [stays(to_hot, hot), stays(change_parts - to_hot, cold)],
        ))
    }
}

#[cfg(test)]
mod tests;
