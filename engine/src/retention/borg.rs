//! Borg's rules: from the finest to the coarsest, and what a finer rule keeps does not count for a
//! coarser one. Ages are measured from now. `keep-quarterly` is its `--keep-3monthly`.
//!
//! After `src/borg/archiver/prune_cmd.py` of borg 1.4.5 and of master at fc74d5f64 (Borg 2). In 2, each
//! rule takes a count or an age (the age is our `keep-within-daily` and so on; where a policy gives
//! both, both are run, the count first), protected archives are left out, and only the coarsest rule
//! that is given keeps the oldest point.

use super::calendar::{Reasons, Rule, Timeline};
use super::policy::Policy;
use super::span::Span;
use super::verdict::Reason;
use super::words::Count;

/// Borg 1.4: `--keep-last` counts whole seconds that have a point.
pub(super) fn version_1(line: &Timeline<'_>, policy: &Policy) -> Reasons {
    let mut reasons = line.no_reasons();
    if let Some(span) = policy.within(Rule::Last) {
        let cut = hours(span).before(&line.now);
        for (entry, reasons) in line.entries.iter().zip(&mut reasons) {
            if entry.at > cut {
                reasons.push(Reason::Within(span));
            }
        }
    }
    for rule in Rule::ALL {
        if let Some(of) = policy.count(rule) {
            split(line, rule, of, &mut reasons);
        }
    }
    reasons
}

fn split(line: &Timeline<'_>, rule: Rule, of: Count, reasons: &mut Reasons) {
    let (mut last, mut number) = (None, 0);
    for (entry, reasons) in line.entries.iter().zip(reasons.iter_mut()) {
        let key = Some(rule.key(entry));
        if key == last {
            continue;
        }
        last = key;
        if reasons.is_empty() {
            number += 1;
            reasons.push(Reason::Counted { rule, number, of });
            if number == of.limit() {
                return;
            }
        }
    }
    // Unlimited is a negative number there, which is filled from the first.
    let unfilled = of != Count::Unlimited;
    if let Some(oldest) = reasons
        .last_mut()
        .filter(|oldest| unfilled && oldest.is_empty())
    {
        oldest.push(Reason::Oldest(rule));
    }
}

/// How far a rule of Borg 2 reaches.
#[derive(Clone, Copy)]
enum Reach {
    Count(Count),
    After(jiff::Timestamp, Span),
}

/// Borg 2.
pub(super) fn version_2(line: &Timeline<'_>, policy: &Policy) -> Reasons {
    let mut reasons = line.no_reasons();
    let mut counted = Vec::new();
    for (index, entry) in line.entries.iter().enumerate() {
        if entry.subject.protected {
            reasons[index].push(Reason::Protected);
        } else {
            counted.push(index);
        }
    }
    let given = Rule::ALL.into_iter().flat_map(|rule| {
        let count = policy.count(rule).map(Reach::Count);
        let age = policy.within(rule);
        let age = age.map(|span| Reach::After(hours(span).before(&line.now), span));
        count.into_iter().chain(age).map(move |reach| (rule, reach))
    });
    let given: Vec<_> = given.collect();
    for (place, (rule, reach)) in given.iter().enumerate() {
        let coarsest = place + 1 == given.len();
        prune(line, &counted, *rule, *reach, coarsest, &mut reasons);
    }
    reasons
}

fn prune(
    line: &Timeline<'_>,
    counted: &[usize],
    rule: Rule,
    reach: Reach,
    keeps_oldest: bool,
    reasons: &mut Reasons,
) {
    let reaches = |index: usize, number: u64| match reach {
        Reach::Count(of) => number < of.limit(),
        Reach::After(cut, _) => line.entries[index].at > cut,
    };
    let (mut last, mut number) = (None, 0);
    for index in counted.iter().copied() {
        if !reaches(index, number) {
            break;
        }
        let key = Some(rule.key(&line.entries[index]));
        if (key != last || rule == Rule::Last) && reasons[index].is_empty() {
            number += 1;
            reasons[index].push(match reach {
                Reach::Count(of) => Reason::Counted { rule, number, of },
                Reach::After(_, span) if rule == Rule::Last => Reason::Within(span),
                Reach::After(_, span) => Reason::WithinPeriod(rule, span),
            });
        }
        last = key;
    }
    let oldest = counted.last().filter(|_| keeps_oldest);
    if let Some(oldest) = oldest.filter(|oldest| reaches(**oldest, number))
        && reasons[*oldest].is_empty()
    {
        reasons[*oldest].push(Reason::Oldest(rule));
    }
}

/// Borg counts an age in hours: a month has 31 days, a year 365.
fn hours(span: Span) -> Span {
    let days = [(span.years, 365), (span.months, 31), (span.days, 1)];
    let days = days
        .into_iter()
        .map(|(number, days)| u64::from(number) * days)
        .sum::<u64>();
    let hours = days
        .saturating_mul(24)
        .saturating_add(u64::from(span.hours));
    Span {
        hours: u32::try_from(hours).unwrap_or(u32::MAX),
        ..Span::default()
    }
}
