//! Reading with the file at hand: errors that point at a line and say what would be right, names that are known,
//! and defaults that are noted down.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use engine::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::defaults::Default;
use super::key::Key;
use crate::outcome::scenario::Assumption;

/// Characters of a name at most: what a table's column still shows.
pub(super) const NAME_CHARS_MAX: usize = 64;

/// The file that is read, and what was assumed so far.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    /// By what is assumed: each default once, however often it is used.
    assumed: BTreeMap<&'static str, Assumption>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            assumed: BTreeMap::new(),
        }
    }

    /// What was assumed.
    pub(super) fn assumed(self) -> Vec<Assumption> {
        self.assumed.into_values().collect()
    }

    /// The error for what is written at `span`: what is wrong, and what would be right.
    pub(super) fn refuse(
        &self,
        span: &Range<usize>,
        wrong: impl Display,
        right: impl Display,
    ) -> Error {
        let before = self.text.as_bytes().get(..span.start);
        let ends = before.map_or(0, |text| text.split(|byte| *byte == b'\n').count() - 1);
        let say = format!(
            "scenario {}: line {}: {wrong}; {right}",
            self.file,
            ends + 1
        );
        Error::new(ErrorKind::Invalid, say)
    }

    /// The error for a key that must be there.
    pub(super) fn lacks(&self, table: &Range<usize>, what: &str, line: &str) -> Error {
        let wrong = format!("{what} is missing");
        self.refuse(table, wrong, format!("add the line {line}"))
    }

    /// What is written, or the default, which is noted.
    pub(super) fn or<T: Clone + DeserializeOwned>(
        &mut self,
        key: &Key<T>,
        default: &'static Default,
    ) -> Result<T> {
        match key.get() {
            Some(value) => Ok(value.clone()),
            None => self.default(default),
        }
    }

    /// The default's value, noted as an assumption.
    pub(super) fn default<T: DeserializeOwned>(&mut self, default: &'static Default) -> Result<T> {
        #[derive(Deserialize)]
        struct Holder<T> {
            v: T,
        }
        let text = format!("v = {}", default.value);
        let holder: Holder<T> = toml::from_str(&text).map_err(|error| {
            let say = format!("the default of {} does not read: {error}", default.what);
            Error::new(ErrorKind::Internal, say)
        })?;
        self.assumed
            .entry(default.what)
            .or_insert_with(|| Assumption {
                what: default.what.to_owned(),
                value: default.value.replace(['"', '{', '}'], "").trim().to_owned(),
                source: default.source.to_owned(),
            });
        Ok(holder.v)
    }

    /// What must be there.
    pub(super) fn need<'k, T>(
        &self,
        key: &'k Key<T>,
        table: &Range<usize>,
        what: &str,
        line: &str,
    ) -> Result<&'k T> {
        key.get().ok_or_else(|| self.lacks(table, what, line))
    }

    /// Refuses a number outside of `allowed`.
    pub(super) fn within<T: PartialOrd + Display + Copy>(
        &self,
        key: &Key<T>,
        table: &Range<usize>,
        (value, allowed): (T, std::ops::RangeInclusive<T>),
        what: &str,
    ) -> Result<T> {
        if allowed.contains(&value) {
            return Ok(value);
        }
        let right = if allowed.start() == allowed.end() {
            format!("write {}", allowed.start())
        } else {
            format!("write {} to {}", allowed.start(), allowed.end())
        };
        Err(self.refuse(&key.span_or(table), format!("{what} of {value}"), right))
    }

    /// A name of its own: not empty, no longer than tables show, no control characters, not taken.
    pub(super) fn name(
        &self,
        key: &Key<String>,
        table: &Range<usize>,
        (what, taken): (&str, &[String]),
    ) -> Result<String> {
        let example = format!("name = \"{}\"", what.replace(' ', "-"));
        let name = self.need(key, table, &format!("the {what}'s name"), &example)?;
        let span = key.span_or(table);
        let plain = |name: &str| !name.chars().any(char::is_control) && name.trim() == name;
        if name.is_empty() || !plain(name) || name.chars().count() > NAME_CHARS_MAX {
            let right = format!(
                "write 1 to {NAME_CHARS_MAX} characters of one line, with no blank at the ends"
            );
            return Err(self.refuse(&span, format!("{name:?} is no name"), right));
        }
        if taken.contains(name) {
            let wrong = format!("the name '{name}' is taken");
            return Err(self.refuse(&span, wrong, "give each a name of its own"));
        }
        Ok(name.clone())
    }

    /// The number of what a key names.
    pub(super) fn known(
        &self,
        (name, span): (&str, &Range<usize>),
        what: &str,
        names: &[String],
    ) -> Result<usize> {
        let found = names.iter().position(|known| known == name);
        found.ok_or_else(|| {
            let right = instead(name, names.iter().map(String::as_str));
            self.refuse(span, format!("there is no {what} '{}'", short(name)), right)
        })
    }

    /// The same for a key that may be absent.
    pub(super) fn named(
        &self,
        key: &Key<String>,
        what: &str,
        names: &[String],
    ) -> Result<Option<usize>> {
        let written = key.written();
        let number = written.map(|(name, span)| self.known((name, &span), what, names));
        number.transpose()
    }

    /// The error of the TOML reader, in our form.
    pub(super) fn reworded(&self, error: &toml::de::Error) -> Error {
        let message = error.message();
        let span = error.span().unwrap_or(0..0);
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let (wrong, right) = match quoted.split_first() {
            Some((name, known)) if message.starts_with("unknown field") => (
                format!("unknown key '{}'", short(name)),
                instead(name, known.iter().copied()),
            ),
            Some((name, known)) if message.starts_with("unknown variant") => (
                format!("unknown value '{}'", short(name)),
                instead(name, known.iter().copied()),
            ),
            _ => worded(message),
        };
        self.refuse(&span, wrong, right)
    }
}

/// What else the reader of TOML says, as one line in our two parts.
fn worded(message: &str) -> (String, String) {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line
        .replace("u64", "a whole number")
        .replace("u32", "a whole number");
    let parts = line
        .split_once(": write ")
        .map(|(wrong, right)| (wrong, format!("write {right}")));
    let parts = parts.or_else(|| {
        let (wrong, right) = line.rsplit_once(", expected ")?;
        Some((wrong, format!("write {right}")))
    });
    match parts {
        Some((wrong, right)) => (wrong.to_owned(), right),
        None => (
            line,
            "scenarios/README.md says how each key is written".to_owned(),
        ),
    }
}

/// A name that somebody wrote, as far as an error shows it.
fn short(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

/// The nearest known name as a question, or all of them.
fn instead<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    let name = short(name);
    let near = |known: &str| strsim::normalized_damerau_levenshtein(&name, known);
    // Half of the letters in common: as near as a slip of the hand leaves a word.
    let nearest = known
        .clone()
        .filter(|known| near(known) >= 0.5)
        .max_by(|a, b| near(a).total_cmp(&near(b)));
    if let Some(nearest) = nearest {
        return format!("did you mean '{nearest}'?");
    }
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        "there is none yet: add it".to_owned()
    } else {
        format!("write one of {}", known.join(", "))
    }
}
