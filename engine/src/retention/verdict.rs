//! A point as retention sees it, and what became of it and why.

use std::fmt;

use jiff::civil::Date;

use crate::format::point::{Manifest, Method};
use crate::ids::PointId;
use crate::units::Timestamp;

use super::calendar::Rule;
use super::span::Span;
use super::words::Count;

/// One recovery point of one instance, as a plain row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub id: PointId,
    /// The instant that it vouches for.
    pub captured: Timestamp,
    /// How it was made; only told in reasons.
    pub method: Method,
    /// Its tags.
    pub tags: Vec<String>,
    /// Points without which it can't be restored.
    pub needs: Vec<PointId>,
    /// Whether it stays whatever the policy says.
    pub protected: bool,
}

impl Subject {
    /// The row of a point in a vault.
    pub fn of(id: PointId, manifest: &Manifest, tags: Vec<String>) -> Self {
        Self {
            id,
            captured: manifest.captured,
            method: manifest.method,
            tags,
            needs: needs_of(manifest),
            protected: false,
        }
    }
}

/// The points that a point can't be restored without. A `forever` point needs none: what it refers to
/// is kept because it refers to it, whichever point wrote it.
pub fn needs_of(manifest: &Manifest) -> Vec<PointId> {
    match manifest.method {
        Method::Full | Method::Differential | Method::Incremental | Method::SyntheticFull => {
            manifest.depends_on.clone()
        }
        Method::Forever => Vec::new(),
    }
}

/// What is to become of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The point.
    pub id: PointId,
    /// It stays, or else expires.
    pub keep: bool,
    /// Why, the first rule first; never empty.
    pub reasons: Vec<Reason>,
}

/// Why a point stays or expires, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its period is one of those that a count keeps.
    Counted {
        /// The rule.
        rule: Rule,
        /// The newest is 1.
        number: u64,
        /// What the policy asks for.
        of: Count,
    },
    /// The oldest point, and the count is not filled.
    Oldest(Rule),
    /// Young enough.
    Within(Span),
    /// Stands for its period, which is young enough.
    WithinPeriod(Rule, Span),
    /// Has these tags.
    Tag(String),
    /// The newest point always stays.
    Newest,
    /// Of an instant still to come: a clock was wrong, and no rule can tell which.
    Future,
    /// Protected by hand.
    Protected,
    /// A point on a chosen day, until its own date.
    Azure {
        /// Daily, weekly, monthly or yearly.
        rule: Rule,
        /// The day on which it expires.
        until: Date,
    },
    /// The convention keeps everything where none of its own rules is given.
    NoRuleGiven,
    /// A point that stays can't be restored without it.
    NeededBy {
        /// That point.
        id: PointId,
        /// How that was made.
        method: Method,
    },
    /// Nothing was asked about its instance, so it stays.
    NotAsked,
    /// Expires: no rule keeps it.
    NoRule,
    /// Expires: it was named.
    Named,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted { rule, number, of } => match of {
                Count::AtMost(of) => write!(f, "{rule} {number} of {of}"),
                Count::Unlimited => write!(f, "{rule} {number}"),
            },
            Self::Oldest(rule) => write!(f, "oldest {rule}"),
            Self::Within(span) => write!(f, "within {span}"),
            Self::WithinPeriod(rule, span) => write!(f, "{rule} within {span}"),
            Self::Tag(tags) => write!(f, "tag {tags}"),
            Self::Newest => f.write_str("the newest always stays"),
            Self::Future => f.write_str("captured in the future by this vault's clock"),
            Self::Protected => f.write_str("protected"),
            Self::Azure { rule, until } => write!(f, "Azure {rule} until {until}"),
            Self::NoRuleGiven => f.write_str("none of its rules given"),
            Self::NeededBy { id, method } => write!(f, "needed by {} ({method})", id.short()),
            Self::NotAsked => f.write_str("not asked about"),
            Self::NoRule => f.write_str("no rule keeps it"),
            Self::Named => f.write_str("named"),
        }
    }
}
