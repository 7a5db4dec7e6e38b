//! What a policy allows that its author may not have meant.

use std::fmt;

use super::azure::{Gfs, RANGES};
use super::calendar::Rule;
use super::limit::POINTS_MAX;
use super::policy::Policy;
use super::words::RelativeTo;

/// A weakness of a policy; as text, with what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lint {
    /// Whoever may add points can push the real ones out of every count.
    Displaceable,
    /// While backups fail, points go on expiring.
    AgesWithoutBackups,
    /// Comes to keep more points of an instance than it may have; `None` without end.
    PastLimit(Option<u64>),
    /// An age that Azure does not take.
    AzureRange {
        /// The rule.
        rule: Rule,
        /// The shortest age.
        least: u32,
        /// The longest.
        most: u32,
    },
}

/// The weaknesses of a policy for instances with `points_a_day`.
pub fn lints(policy: &Policy, points_a_day: u32) -> Vec<Lint> {
    let mut lints = Vec::new();
    if policy.within(Rule::Last).is_none() {
        lints.push(Lint::Displaceable);
    }
    let by_age = Rule::ALL
        .into_iter()
        .any(|rule| policy.within(rule).is_some());
    if policy.relative_to == RelativeTo::Now && (by_age || policy.azure.is_some()) {
        lints.push(Lint::AgesWithoutBackups);
    }
    let steady = policy.steady_state_points(points_a_day);
    if steady.is_none_or(|points| points > POINTS_MAX) {
        lints.push(Lint::PastLimit(steady));
    }
    let ages = policy.azure.as_ref().map_or([0; 4], Gfs::ages);
    for ((rule, least, most), age) in RANGES.into_iter().zip(ages) {
        if age > 0 && !(least..=most).contains(&age) {
            lints.push(Lint::AzureRange { rule, least, most });
        }
    }
    lints
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Displaceable => f.write_str(
                "whoever can add points can push the real ones out of these rules: add \
                 --keep-within, which no added point can displace",
            ),
            Self::AgesWithoutBackups => f.write_str(
                "points go on expiring while no backup succeeds: --relative-to latest stops that",
            ),
            Self::PastLimit(Some(points)) => write!(
                f,
                "comes to keep up to {points} points of an instance, and {POINTS_MAX} are the limit: \
                 shorten the finest rule"
            ),
            Self::PastLimit(None) => write!(
                f,
                "grows without end, and {POINTS_MAX} points of an instance are the limit: give the \
                 unlimited rule a number"
            ),
            Self::AzureRange { rule, least, most } => {
                write!(f, "Azure takes {least} to {most} for its {rule} points")
            }
        }
    }
}
