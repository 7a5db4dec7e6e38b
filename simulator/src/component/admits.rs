//! The decision: can this component do what is asked? Pure, with a reason and its source for each no.

use std::fmt;

use serde::Serialize;

use super::ask::Ask;
use super::profile::{Component, Fact, Rule, Source};
use super::words::{Consistency, Granularity, Place, Status, Target, system_text};

/// Something said of a component, and the document that it is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// What, to be read after the component's name.
    pub reason: String,
    /// The document.
    pub source: Source,
    /// How well it is known.
    pub status: Status,
}

/// Why a component can't do what is asked.
pub type Refusal = Statement;

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, {}; {})",
            self.reason, self.source.title, self.source.date, self.status
        )
    }
}

impl Component {
    /// Everything that it can't do of what is asked; empty if it can do all. Where it does not protect that at
    /// all, only why not.
    pub fn admits(&self, ask: &Ask) -> Vec<Refusal> {
        let rules = match self.rules(ask) {
            Ok(rules) => rules,
            Err(refusals) => return refusals,
        };
        let mut refusals = self.of_rules(ask, &rules);
        refusals.extend(self.of_source(ask));
        refusals.extend(self.of_target(ask, self.target_for(ask)));
        refusals
    }

    /// The components of the same edition that can do all that is asked.
    pub fn who_could(&self, ask: &Ask) -> Vec<&'static Self> {
        let others = super::all(self.edition);
        others
            .filter(|other| other.admits(ask).is_empty())
            .collect()
    }

    /// Where it would keep the points: the target that is asked for, or the one that refuses least.
    pub fn target_for(&self, ask: &Ask) -> Target {
        let kept = &self.abilities.keeps.value;
        let least = || {
            kept.iter()
                .min_by_key(|target| self.of_target(ask, **target).len())
        };
        // A profile that keeps nothing anywhere is refused when it is read.
        let any = || least().copied().unwrap_or(Target::Vault);
        ask.wants.target.unwrap_or_else(any)
    }

    /// Minutes from one point to the next that it would take for what is asked.
    pub fn interval_minutes(&self, ask: &Ask) -> Option<u64> {
        let profile = self.abilities.target.get(&self.target_for(ask))?;
        self.interval(ask, profile).ok().flatten()
    }

    /// What it does of what is asked, where it fits: what it protects, and how often it does.
    pub fn grounds(&self, ask: &Ask) -> Vec<Statement> {
        let rules = self
            .rules(ask)
            .unwrap_or_default()
            .into_iter()
            .map(|rule| self.of_rule(rule));
        let target = self.target_for(ask);
        let profile = self.abilities.target.get(&target);
        let every = profile.and_then(|profile| {
            let fact = profile.every.as_ref()?;
            let least = fact.value.of(ask.workload)?;
            Some(self.statement(
                fact,
                format!(
                    "keeps points {}, no oftener than every {least}",
                    target.text()
                ),
            ))
        });
        rules.chain(every).collect()
    }

    fn of_rule(&self, rule: &Rule) -> Statement {
        let systems = rule.systems.iter().map(|system| system_text(*system));
        let on = if rule.hypervisors.is_empty() {
            String::new()
        } else {
            format!(" on {}", list(rule.hypervisors.iter().map(|on| on.text())))
        };
        let reason = format!(
            "protects {} ({}; {}{on}): {} at best; brings back {}",
            list(rule.workloads.iter().map(|what| what.text())),
            list(systems),
            list(rule.places.iter().map(|place| place.text())),
            rule.consistency.text(),
            list(rule.restores.iter().map(|what| what.text())),
        );
        self.by_rule(rule, reason)
    }

    /// The rules by which it protects what is asked; or for each side of the question that leaves none, why.
    fn rules(&self, ask: &Ask) -> Result<Vec<&Rule>, Vec<Refusal>> {
        let mut rules: Vec<&Rule> = self.abilities.protects.iter().collect();
        let mut refusals = Vec::new();
        let mut narrow = |holds: &dyn Fn(&Rule) -> bool, say: &dyn Fn(&[&Rule]) -> String| {
            let left: Vec<&Rule> = rules.iter().copied().filter(|rule| holds(rule)).collect();
            if !left.is_empty() {
                rules = left;
            } else if let Some(best) = rules.iter().min_by_key(|rule| rule.status) {
                // What a rule notes besides is of what it protects, and that was not asked.
                refusals.push(self.said((&best.source, best.status, None), say(&rules)));
            }
        };
        let what = ask.workload.text();
        narrow(&|rule| rule.workloads.contains(&ask.workload), &|rules| {
            let has = rules.iter().flat_map(|rule| &rule.workloads);
            format!(
                "does not protect {what}: only {}",
                list(has.map(|what| what.text()))
            )
        });
        narrow(&|rule| rule.places.contains(&ask.place), &|rules| {
            let has = rules.iter().flat_map(|rule| &rule.places);
            format!("works only {}", list(has.map(|place| place.text())))
        });
        narrow(&|rule| rule.systems.contains(&ask.system), &|rules| {
            let has = rules.iter().flat_map(|rule| &rule.systems);
            let (has, place) = (
                list(has.map(|system| system_text(*system))),
                ask.place.text(),
            );
            format!("works {place} only for {has}")
        });
        let on = ask.hypervisor.filter(|_| ask.place == Place::OnPremises);
        let runs = |rule: &Rule| {
            on.is_none_or(|on| rule.hypervisors.is_empty() || rule.hypervisors.contains(&on))
        };
        narrow(&runs, &|rules| {
            let has = rules.iter().flat_map(|rule| &rule.hypervisors);
            format!("does that only on {}", list(has.map(|on| on.text())))
        });
        if refusals.is_empty() {
            Ok(rules)
        } else {
            Err(refusals)
        }
    }

    fn of_rules(&self, ask: &Ask, rules: &[&Rule]) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        let Some(first) = rules.first() else {
            return refusals;
        };
        let restores =
            |wanted: &Granularity| rules.iter().any(|rule| rule.restores.contains(wanted));
        if let Some(wanted) = ask.wants.granularity.filter(|wanted| !restores(wanted)) {
            let has = rules.iter().flat_map(|rule| &rule.restores);
            let (wanted, has) = (wanted.text(), list(has.map(|what| what.text())));
            refusals.push(self.by_rule(
                first,
                format!("does not restore {wanted} alone: only {has}"),
            ));
        }
        let best = rules.iter().map(|rule| rule.consistency).max();
        let best = best.unwrap_or(Consistency::Crash);
        if ask.wants.application_consistent && best < Consistency::Application {
            let say = format!("makes points that are {} at best", best.text());
            refusals.push(self.by_rule(first, say));
        }
        refusals
    }

    fn of_source(&self, ask: &Ask) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if let (Some(fact), Some(bytes)) =
            (&self.abilities.source_bytes_max, ask.wants.source_bytes)
        {
            let most = fact.value.of(ask.workload);
            if let Some(most) = most.filter(|most| bytes > most.0) {
                let say = format!(
                    "takes sources of at most {} (asked: {})",
                    size(most.0),
                    size(bytes)
                );
                refusals.push(self.statement(fact, say));
            }
        }
        if ask.wants.offline_seed {
            let fact = &self.abilities.offline_seeding;
            if fact.value.is_empty() {
                refusals.push(self.statement(fact, "can't get its first copy by post".to_owned()));
            } else if self
                .abilities
                .offline_seeding_except
                .contains(&ask.workload)
            {
                let say = format!(
                    "can't get the first copy of {} by post",
                    ask.workload.text()
                );
                refusals.push(self.statement(fact, say));
            }
        }
        refusals
    }

    /// What speaks for and against it, whatever is asked.
    pub fn character(&self) -> (Vec<Statement>, Vec<Statement>) {
        let say = |facts: &[Fact<String>]| {
            let said = facts
                .iter()
                .map(|fact| self.statement(fact, fact.value.clone()));
            said.collect()
        };
        (say(&self.abilities.benefits), say(&self.abilities.limits))
    }

    pub(super) fn statement<T>(&self, fact: &Fact<T>, reason: String) -> Statement {
        self.said((&fact.source, fact.status, fact.note.as_deref()), reason)
    }

    fn by_rule(&self, rule: &Rule, reason: String) -> Statement {
        self.said((&rule.source, rule.status, rule.note.as_deref()), reason)
    }

    fn said(
        &self,
        (source, status, note): (&str, Status, Option<&str>),
        reason: String,
    ) -> Statement {
        Statement {
            reason: match note {
                Some(note) => format!("{reason}; {note}"),
                None => reason,
            },
            // A source that no file names is refused when it is read.
            source: self.sources[source].clone(),
            status,
        }
    }
}

/// Words as a sentence has them, each once.
pub(super) fn list<T: ToString>(words: impl Iterator<Item = T>) -> String {
    let mut all: Vec<String> = Vec::new();
    for word in words.map(|word| word.to_string()) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    match all.pop() {
        Some(last) if all.is_empty() => last,
        Some(last) => format!("{} and {last}", all.join(", ")),
        None => "none".to_owned(),
    }
}

/// Bytes in the decimal units of the documents.
fn size(bytes: u64) -> String {
    let units = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
    ];
    let fits = units.iter().find(|(unit, _)| bytes >= *unit);
    let (unit, name) = fits.copied().unwrap_or((1, "bytes"));
    let tenths = bytes / (unit / 10).max(1) % 10;
    match (bytes / unit, tenths) {
        (whole, tenths) if tenths == 0 || unit == 1 => format!("{whole} {name}"),
        (whole, tenths) => format!("{whole}.{tenths} {name}"),
    }
}
