//! The course of a policy: points fall due, `forget` and `prune` run, deleted points reach their end.

use engine::format::point::Method;
use engine::ids::PointId;
use engine::retention::{
    LimitState, Policy, Reason, Rule, Semantics, Subject, Verdict, decide_as, limit_state,
};
use engine::units::Timestamp;

use super::data::Data;
use super::layout::{self, Kind, Runs};
use super::ledger::Ledger;
use super::rows::{CAUSES, Cause};
use super::share::Share;

/// A point, known or to come.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) id: PointId,
    pub(super) at: i64,
    pub(super) method: Method,
    pub(super) kind: Kind,
    pub(super) needs: Vec<PointId>,
    pub(super) tags: Vec<String>,
    /// Until when it can be brought back, if it is deleted already.
    pub(super) deleted_until: Option<i64>,
}

/// What is applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    pub(super) policy: &'a Policy,
    pub(super) semantics: Semantics,
    pub(super) soft_delete: i64,
    pub(super) free: i64,
    pub(super) grace: i64,
    pub(super) waste_percent: u64,
    pub(super) forget_every: i64,
    pub(super) overhead: Share,
}

/// How things stand at the end of a month.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) kept: Vec<usize>,
    /// With those that can be brought back.
    pub(super) existing: Vec<usize>,
    pub(super) causes: [u64; CAUSES.len()],
    pub(super) kept_bytes: u64,
    pub(super) existing_bytes: u64,
    pub(super) unused_bytes: u64,
    pub(super) peak_bytes: u64,
    pub(super) billed_bytes: u64,
    /// Newest point so far.
    pub(super) newest: usize,
}

/// A course that was played.
#[derive(Clone, Debug, Default)]
pub(super) struct Played {
    pub(super) samples: Vec<Sample>,
    pub(super) near_on: Option<i64>,
    pub(super) reached_on: Option<i64>,
    /// The stored bytes after each backup and forget, for the day on which a limit is met.
    pub(super) stored: Vec<(i64, u64)>,
}

/// A player of points under rules.
pub(super) struct Course<'a> {
    data: &'a Data,
    points: &'a [Point],
    rules: Rules<'a>,
    kinds: Vec<Kind>,
    own: Vec<u64>,
    runs: Runs,
    kept: Vec<usize>,
    deleted: Vec<(usize, i64)>,
    reasons: [u64; CAUSES.len()],
    ledger: Ledger,
    played: Played,
}

impl<'a> Course<'a> {
    /// With the first `known` points in place.
    pub(super) fn new(data: &'a Data, points: &'a [Point], known: usize, rules: Rules<'a>) -> Self {
        let kinds: Vec<Kind> = points.iter().map(|point| point.kind).collect();
        let own = kinds.iter().enumerate();
        let (mut kept, mut deleted) = (Vec::new(), Vec::new());
        for (number, point) in points[..known].iter().enumerate() {
            match point.deleted_until {
                Some(until) => deleted.push((number, until)),
                None => kept.push(number),
            }
        }
        Self {
            own: own
                .map(|(point, kind)| layout::own(data, *kind, point))
                .collect(),
            data,
            points,
            rules,
            kinds,
            runs: Runs::default(),
            kept,
            deleted,
            reasons: [0; CAUSES.len()],
            ledger: Ledger::new(rules.grace, rules.waste_percent),
            played: Played::default(),
        }
    }

    /// Plays the points from `known` on up to each of the instants, and takes a sample at each.
    ///
    /// # Errors
    /// As `engine::retention::decide` gives them.
    pub(super) fn play(mut self, known: usize, ends: &[i64]) -> engine::Result<Played> {
        let mut next = known;
        let mut forgot: Option<i64> = None;
        for end in ends {
            let (mut peak, mut billed) = (0, (0_u128, 0_u128));
            while let Some(at) = self
                .points
                .get(next)
                .map(|point| point.at)
                .filter(|at| at < end)
            {
                self.add(next, at);
                if forgot.is_none_or(|forgot| at - forgot >= self.rules.forget_every) {
                    let stored = self.stored();
                    peak = peak.max(stored);
                    self.played.stored.push((at, stored));
                    billed.0 += u128::from(self.forget(at)?);
                    billed.1 += 1;
                    // What is written anew stands beside what it is written from.
                    peak = peak.max(self.stored());
                    forgot = Some(at);
                }
                next += 1;
            }
            if forgot.is_none() {
                self.verdicts(*end)?;
            }
            let mut sample = self.sample(next.saturating_sub(1));
            let stored = self.stored();
            sample.peak_bytes = peak.max(stored);
            sample.billed_bytes = match billed {
                (_, 0) => stored,
                (sum, count) => u64::try_from(sum / count).unwrap_or(u64::MAX),
            };
            self.played.samples.push(sample);
        }
        Ok(self.played)
    }

    /// A backup; refused where the instance has as many points as it may have.
    fn add(&mut self, point: usize, at: i64) {
        match limit_state(self.kept.len() as u64) {
            LimitState::Reached => {
                self.played.reached_on.get_or_insert(at);
                return;
            }
            LimitState::Near => drop(self.played.near_on.get_or_insert(at)),
            LimitState::Fine => {}
        }
        self.kept.push(point);
    }

    /// Runs `forget` and `prune`; gives the bytes that are charged from then on.
    fn forget(&mut self, at: i64) -> engine::Result<u64> {
        let expired = self.verdicts(at)?;
        self.kept
            .retain(|point| expired.binary_search(point).is_err());
        let until = at.saturating_add(self.rules.soft_delete);
        self.deleted
            .extend(expired.into_iter().map(|point| (point, until)));
        let before = self.bytes(&self.existing(i64::MIN));
        let shared =
            |(point, until): &(usize, i64)| *until <= at && self.kinds[*point] == Kind::Forever;
        let shared = self.deleted.iter().any(shared);
        self.deleted.retain(|(_, until)| *until > at);
        let after = self.bytes(&self.existing(i64::MIN));
        self.ledger
            .prune(at, before.saturating_sub(after), after, shared);
        // What only deleted points in their last days need costs nothing.
        let charged_until = at.saturating_add(self.rules.free);
        let charged = if self
            .deleted
            .iter()
            .any(|(_, until)| *until <= charged_until)
        {
            self.bytes(&self.existing(charged_until))
        } else {
            after
        };
        Ok(charged.saturating_add(self.ledger.unused()))
    }

    /// Decides about the kept points; gives those that expire.
    fn verdicts(&mut self, at: i64) -> engine::Result<Vec<usize>> {
        let subjects: Vec<Subject> = self.kept.iter().map(|point| self.subject(*point)).collect();
        let now = Timestamp {
            seconds: at,
            nanos: 0,
        };
        let verdicts = decide_as(self.rules.semantics, self.rules.policy, &subjects, now)?;
        let mut stay = std::collections::BTreeSet::new();
        self.reasons = [0; CAUSES.len()];
        for verdict in verdicts.iter().filter(|verdict| verdict.keep) {
            stay.insert(verdict.id);
            self.reasons[cause(verdict) as usize] += 1;
        }
        let expires = |point: &usize| !stay.contains(&self.points[*point].id);
        Ok(self.kept.iter().copied().filter(expires).collect())
    }

    fn subject(&self, point: usize) -> Subject {
        let point = &self.points[point];
        Subject {
            id: point.id,
            captured: Timestamp {
                seconds: point.at,
                nanos: 0,
            },
            method: point.method,
            tags: point.tags.clone(),
            needs: point.needs.clone(),
            protected: false,
        }
    }

    /// Points that are kept, and deleted ones that can be brought back after `at`; by rising numbers.
    fn existing(&self, at: i64) -> Vec<usize> {
        let deleted = self.deleted.iter().filter(|(_, until)| *until > at);
        let mut existing: Vec<usize> = deleted.map(|(point, _)| *point).collect();
        existing.extend(&self.kept);
        existing.sort_unstable();
        existing
    }

    fn bytes(&mut self, existing: &[usize]) -> u64 {
        let blobs = layout::kept(self.data, &self.kinds, &self.own, existing, &mut self.runs);
        self.rules.overhead.of(blobs)
    }

    fn stored(&mut self) -> u64 {
        let bytes = self.bytes(&self.existing(i64::MIN));
        bytes.saturating_add(self.ledger.unused())
    }

    fn sample(&mut self, newest: usize) -> Sample {
        let (kept, existing) = (self.kept.clone(), self.existing(i64::MIN));
        let mut causes = self.reasons;
        // Points since the last forget: nothing was decided about them yet.
        let told: u64 = causes.iter().sum();
        causes[Cause::Last as usize] += (self.kept.len() as u64).saturating_sub(told);
        Sample {
            kept_bytes: self.bytes(&kept),
            existing_bytes: self.bytes(&existing),
            unused_bytes: self.ledger.unused(),
            kept,
            existing,
            causes,
            newest,
            ..Sample::default()
        }
    }
}

/// What keeps a point: of several rules the one that keeps it longest.
fn cause(verdict: &Verdict) -> Cause {
    let causes = verdict.reasons.iter().map(|reason| match reason {
        Reason::Counted { rule, .. }
        | Reason::Oldest(rule)
        | Reason::WithinPeriod(rule, _)
        | Reason::Azure { rule, .. } => match rule {
            Rule::Last => Cause::Last,
            Rule::Hourly => Cause::Hourly,
            Rule::Daily => Cause::Daily,
            Rule::Weekly => Cause::Weekly,
            Rule::Monthly => Cause::Monthly,
            Rule::Quarterly => Cause::Quarterly,
            Rule::Yearly => Cause::Yearly,
        },
        Reason::Within(_) => Cause::Within,
        Reason::NeededBy { .. } => Cause::Chain,
        _ => Cause::Other,
    });
    causes.min().unwrap_or(Cause::Other)
}

#[cfg(test)]
mod tests;
