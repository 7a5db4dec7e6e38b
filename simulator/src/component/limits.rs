//! Whether the place where points are kept has what is asked: how often, how many, how long, by which store.

use super::admits::{Refusal, list};
use super::ask::Ask;
use super::profile::{Component, TargetProfile};
use super::words::Target;
use crate::forecast::Every;
use crate::scenario::Redundancy;

const MINUTE: u64 = 60;
const DAY_MINUTES: u64 = 1440;

impl Component {
    pub(super) fn of_target(&self, ask: &Ask, target: Target) -> Vec<Refusal> {
        let keeps = &self.abilities.keeps;
        let Some(profile) = self.abilities.target.get(&target) else {
            let has = list(keeps.value.iter().map(|target| target.text()));
            let say = format!("keeps nothing {}: only {has}", target.text());
            return vec![self.statement(keeps, say)];
        };
        let mut refusals = Vec::new();
        if let Some(fact) = &profile.places
            && !fact.value.contains(&ask.place)
        {
            let has = list(fact.value.iter().map(|place| place.text()));
            refusals
                .push(self.statement(fact, format!("keeps points {} only {has}", target.text())));
        }
        let interval = match self.interval(ask, profile) {
            Ok(interval) => interval,
            Err(refusal) => {
                refusals.push(refusal);
                ask.wants.interval_minutes
            }
        };
        refusals.extend(self.of_days(ask, profile, interval));
        refusals.extend(self.of_soft_delete(ask, profile));
        refusals.extend(self.of_points(ask, profile, (target, interval)));
        refusals.extend(self.of_store(ask, profile, target));
        refusals
    }

    /// The interval that it would take, or why none will do.
    pub(super) fn interval(
        &self,
        ask: &Ask,
        profile: &TargetProfile,
    ) -> Result<Option<u64>, Refusal> {
        let Some(asked) = ask.wants.interval_minutes else {
            return Ok(None);
        };
        let asked_text = Every(asked.saturating_mul(MINUTE));
        if let Some(fact) = &profile.every
            && let Some(least) = fact.value.of(ask.workload)
            && asked.saturating_mul(MINUTE) < least.0
        {
            let what = ask.workload.text();
            let say = format!(
                "makes a point of {what} no oftener than every {least} (asked: every {asked_text})"
            );
            return Err(self.statement(fact, say));
        }
        if let (Some(fact), true) = (&profile.application_every, ask.wants.application_consistent)
            && asked.saturating_mul(MINUTE) < fact.value.0
        {
            let say = format!(
                "makes an application-consistent point no oftener than every {} \
                 (asked: every {asked_text})",
                fact.value
            );
            return Err(self.statement(fact, say));
        }
        let Some(fact) = &profile.intervals else {
            return Ok(Some(asked));
        };
        let within = fact
            .value
            .iter()
            .rfind(|every| every.0 <= asked.saturating_mul(MINUTE));
        match within {
            Some(every) if ask.wants.or_oftener || every.0 == asked.saturating_mul(MINUTE) => {
                Ok(Some(every.0 / MINUTE))
            }
            _ => {
                let choices = list(fact.value.iter().map(Every::to_string));
                let say = format!("makes points only every {choices} (asked: every {asked_text})");
                Err(self.statement(fact, say))
            }
        }
    }

    fn of_days(
        &self,
        ask: &Ask,
        profile: &TargetProfile,
        interval: Option<u64>,
    ) -> Option<Refusal> {
        let asked = ask.wants.retention_days?;
        if let Some(fact) = &profile.retention_days {
            let days = fact.value;
            if let Some(least) = days.min.filter(|least| asked < *least) {
                return Some(self.statement(
                    fact,
                    format!("keeps points {least} days at least (asked: {asked})"),
                ));
            }
            if let Some(most) = days.max.filter(|most| asked > *most) {
                return Some(self.statement(
                    fact,
                    format!("keeps points {most} days at most (asked: {asked})"),
                ));
            }
        }
        let (fact, interval) = (profile.retention_caps.as_ref()?, interval?);
        // A cap holds for its interval, and for longer ones up to the next.
        let cap = fact
            .value
            .iter()
            .rfind(|cap| cap.every.0 <= interval.saturating_mul(MINUTE))?;
        (asked > cap.days).then(|| {
            let (every, most) = (Every(interval.saturating_mul(MINUTE)), cap.days);
            self.statement(fact, format!(
                "keeps points {most} days at most when it makes one every {every} (asked: {asked})"
            ))
        })
    }

    /// Where no document says a length, none is refused.
    fn of_soft_delete(&self, ask: &Ask, profile: &TargetProfile) -> Option<Refusal> {
        let (fact, asked) = (
            profile.soft_delete_days.as_ref()?,
            ask.wants.soft_delete_days?,
        );
        let (least, most) = (
            fact.value.min.unwrap_or(0),
            fact.value.max.unwrap_or(u64::MAX),
        );
        (!(least..=most).contains(&asked)).then(|| {
            let to = fact
                .value
                .max
                .map_or(" or more".to_owned(), |most| format!(" to {most}"));
            self.statement(
                fact,
                format!(
                    "lets deleted points be brought back for {least}{to} days (asked: {asked})"
                ),
            )
        })
    }

    fn of_points(
        &self,
        ask: &Ask,
        profile: &TargetProfile,
        (target, interval): (Target, Option<u64>),
    ) -> Option<Refusal> {
        let fact = profile.points_max.as_ref()?;
        let most = *fact.value.of(ask.workload)?;
        let kept = || {
            Some(
                ask.wants
                    .retention_days?
                    .saturating_mul(DAY_MINUTES)
                    .div_ceil(interval?.max(1)),
            )
        };
        let asked = ask
            .wants
            .points
            .or_else(kept)
            .filter(|asked| *asked > most)?;
        let how = if ask.wants.points.is_some() {
            format!("asked: {asked}")
        } else {
            format!("asked: {asked}, if none is thinned to weekly, monthly or yearly ones")
        };
        let what = ask.workload.text();
        Some(self.statement(
            fact,
            format!(
                "keeps at most {most} points of {what} {} ({how})",
                target.text()
            ),
        ))
    }

    fn of_store(&self, ask: &Ask, profile: &TargetProfile, target: Target) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        let (keeps, wants) = (&self.abilities.keeps, &ask.wants);
        if let Some(asked) = wants.redundancy {
            let name = asked.name();
            match &profile.redundancies {
                Some(fact) if fact.value.contains(&asked) => {}
                Some(fact) => {
                    let has = list(fact.value.iter().map(|redundancy| redundancy.name()));
                    let say = format!("keeps points {} by {has}, not by {name}", target.text());
                    refusals.push(self.statement(fact, say));
                }
                None => {
                    let say = format!("leaves no choice of {name} for points {}", target.text());
                    refusals.push(self.statement(keeps, say));
                }
            }
        }
        if wants.cross_region_restore {
            let where_kept = target.text();
            match &profile.cross_region_restore {
                Some(fact) if !fact.value => {
                    let say =
                        "does not restore in the second region when the customer wants".to_owned();
                    refusals.push(self.statement(fact, say));
                }
                Some(fact)
                    if wants
                        .redundancy
                        .is_some_and(|kept| !Redundancy::is_geo(kept)) =>
                {
                    let say =
                        "has a second region to restore in only with grs or ra-grs".to_owned();
                    refusals.push(self.statement(fact, say));
                }
                Some(_) => {}
                None => {
                    let say = format!("has no second region for points {where_kept}");
                    refusals.push(self.statement(keeps, say));
                }
            }
        }
        refusals
    }
}
