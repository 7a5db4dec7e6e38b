//! From points and a policy to verdicts, under our convention or another's.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::PointId;
use crate::units::Timestamp;

use super::calendar::{Rule, Timeline};
use super::policy::Policy;
use super::verdict::{Reason, Subject, Verdict};
use super::words::RelativeTo;
use super::{azure, borg, kopia, pbs, restic};

/// Whose rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Semantics {
    /// Ours.
    #[default]
    Firedrill,
    /// restic's, in the policy's zone.
    Restic,
    /// Borg 1.4.
    Borg,
    /// Borg 2.
    Borg2,
    /// Proxmox Backup Server 3.2.
    Pbs,
    /// Kopia.
    Kopia,
    /// Azure Backup.
    Azure,
}

impl Semantics {
    /// All of them, ours first.
    pub const ALL: [Self; 7] = [
        Self::Firedrill,
        Self::Restic,
        Self::Borg,
        Self::Borg2,
        Self::Pbs,
        Self::Kopia,
        Self::Azure,
    ];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firedrill => "firedrill",
            Self::Restic => "restic",
            Self::Borg => "borg",
            Self::Borg2 => "borg2",
            Self::Pbs => "pbs",
            Self::Kopia => "kopia",
            Self::Azure => "azure",
        }
    }

    /// The rules of `policy` that this convention does not have, and so passes over.
    pub fn ignores(self, policy: &Policy) -> Vec<String> {
        use Semantics::{Azure, Borg, Borg2, Firedrill, Kopia, Pbs, Restic};
        let has_count = |rule| match self {
            Firedrill | Borg | Borg2 => true,
            Restic | Pbs | Kopia => rule != Rule::Quarterly,
            Azure => {
                policy.azure.is_none()
                    && !matches!(rule, Rule::Last | Rule::Hourly | Rule::Quarterly)
            }
        };
        let has_within = |rule| match self {
            Firedrill | Borg2 => true,
            Restic => rule != Rule::Quarterly,
            Borg => rule == Rule::Last,
            Pbs | Kopia | Azure => false,
        };
        let mut ignored = Vec::new();
        for rule in Rule::ALL {
            if policy.count(rule).is_some() && !has_count(rule) {
                ignored.push(format!("keep-{rule}"));
            }
        }
        for rule in Rule::ALL {
            if policy.within(rule).is_some() && !has_within(rule) {
                ignored.push(match rule {
                    Rule::Last => "keep-within".to_owned(),
                    _ => format!("keep-within-{rule}"),
                });
            }
        }
        if !policy.keep_tag.is_empty() && !matches!(self, Firedrill | Restic) {
            ignored.push("keep-tag".to_owned());
        }
        if policy.azure.is_some() && !matches!(self, Firedrill | Azure) {
            ignored.push("azure".to_owned());
        }
        let has_age = Rule::ALL
            .into_iter()
            .any(|rule| policy.within(rule).is_some() && has_within(rule));
        let measures_from = match self {
            Restic if has_age => RelativeTo::Latest,
            Borg | Borg2 if has_age => RelativeTo::Now,
            Azure if policy.azure.is_some() => RelativeTo::Now,
            _ => policy.relative_to,
        };
        if policy.relative_to != measures_from {
            ignored.push(format!("relative-to {}", policy.relative_to));
        }
        ignored
    }
}

impl std::fmt::Display for Semantics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Semantics {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|semantics| semantics.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            let say = format!("unknown convention '{text}': choose from {names}");
            Error::new(ErrorKind::Invalid, say)
        })
    }
}

/// Decides about the points of one instance, newest first. A point that one which stays can't be
/// restored without stays too.
///
/// # Errors
/// `Invalid` for a policy that [`Policy::check`] refuses.
pub fn decide(policy: &Policy, subjects: &[Subject], now: Timestamp) -> Result<Vec<Verdict>> {
    decide_as(Semantics::Firedrill, policy, subjects, now)
}

/// The points that no rule of ours keeps, as [`decide`] finds them, but without reasons, and though others may need
/// them: for models, which ask day by day about thousands of points.
///
/// # Errors
/// As [`decide`].
pub fn unkept(policy: &Policy, subjects: &[Subject], now: Timestamp) -> Result<Vec<PointId>> {
    policy.check()?;
    let line = Timeline::new(subjects, &policy.zone()?, now);
    let mut stays = vec![false; line.entries.len()];
    restic::own(&line, policy, &mut stays);
    let goes = line.entries.iter().zip(stays).filter(|(_, stays)| !stays);
    Ok(goes.map(|(entry, _)| entry.subject.id).collect())
}

/// As [`decide`], by the rules of another convention.
///
/// # Errors
/// As [`decide`].
pub fn decide_as(
    semantics: Semantics,
    policy: &Policy,
    subjects: &[Subject],
    now: Timestamp,
) -> Result<Vec<Verdict>> {
    policy.check()?;
    let line = Timeline::new(subjects, &policy.zone()?, now);
    let reasons = match semantics {
        Semantics::Firedrill => {
            let mut reasons = line.no_reasons();
            restic::own(&line, policy, &mut reasons);
            reasons
        }
        Semantics::Restic => restic::exactly(&line, policy),
        Semantics::Borg => borg::version_1(&line, policy),
        Semantics::Borg2 => borg::version_2(&line, policy),
        Semantics::Pbs => pbs::rules(&line, policy),
        Semantics::Kopia => kopia::rules(&line, policy),
        Semantics::Azure => azure::rules(&line, policy),
    };
    let verdict = |(entry, mut reasons): (&super::calendar::Entry<'_>, Vec<Reason>)| {
        let keep = !reasons.is_empty();
        if !keep {
            reasons.push(Reason::NoRule);
        }
        let id = entry.subject.id;
        Verdict { id, keep, reasons }
    };
    let mut verdicts: Vec<_> = line.entries.iter().zip(reasons).map(verdict).collect();
    keep_needed(&mut verdicts, subjects);
    Ok(verdicts)
}

/// Lets exactly the named points expire; those that others need, and protected ones, stay.
pub fn decide_named(subjects: &[Subject], named: &[PointId]) -> Vec<Verdict> {
    let verdict = |subject: &Subject| {
        let (keep, reason) = match (named.contains(&subject.id), subject.protected) {
            (false, _) => (true, Reason::NotAsked),
            (true, true) => (true, Reason::Protected),
            (true, false) => (false, Reason::Named),
        };
        let reasons = vec![reason];
        Verdict {
            id: subject.id,
            keep,
            reasons,
        }
    };
    let mut verdicts: Vec<_> = subjects.iter().map(verdict).collect();
    keep_needed(&mut verdicts, subjects);
    verdicts
}

/// Keeps what points that stay can't be restored without, and what those need in turn. Chains may
/// cross instances: where several were decided one by one, hand over all verdicts and points at once.
pub fn keep_needed(verdicts: &mut [Verdict], subjects: &[Subject]) {
    if subjects.iter().all(|subject| subject.needs.is_empty()) {
        return;
    }
    let subjects: BTreeMap<PointId, &Subject> = subjects
        .iter()
        .map(|subject| (subject.id, subject))
        .collect();
    let ids: Vec<PointId> = verdicts.iter().map(|verdict| verdict.id).collect();
    let numbers: BTreeMap<PointId, usize> = ids.iter().copied().zip(0..).collect();
    let mut stays: Vec<bool> = verdicts.iter().map(|verdict| verdict.keep).collect();
    let subject = |number: usize| subjects.get(&ids[number]);
    let needs = |number: usize| {
        let needs = subject(number).into_iter().flat_map(|it| &it.needs);
        needs.filter_map(|need| numbers.get(need).copied())
    };
    keep_needed_by(&mut stays, needs, |needed, by| {
        if let Some(&&Subject { id, method, .. }) = subject(by) {
            verdicts[needed].keep = true;
            verdicts[needed].reasons = vec![Reason::NeededBy { id, method }];
        }
    });
}

/// As [`keep_needed`], of points by number: lets what points that stay need stay too, and tells of each by which other.
pub fn keep_needed_by<N: IntoIterator<Item = usize>>(
    stays: &mut [bool],
    needs: impl Fn(usize) -> N,
    mut told: impl FnMut(usize, usize),
) {
    let all = 0..stays.len();
    let mut to_visit: VecDeque<usize> = all.filter(|number| stays[*number]).collect();
    while let Some(by) = to_visit.pop_front() {
        for needed in needs(by) {
            if !std::mem::replace(&mut stays[needed], true) {
                told(needed, by);
                to_visit.push_back(needed);
            }
        }
    }
}
