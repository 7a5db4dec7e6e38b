//! Borg's rules: from the finest to the coarsest, and what a finer rule keeps does not count for a
//! coarser one. `--keep-last` counts whole seconds that have a point.
//!
//! After `prune_split` and `prune_within` of borg 1.4.5 and of master at fc74d5f64 (Borg 2), which
//! differ in one thing: an unfilled count keeps the oldest point in 1.4 for each rule, in 2 only for
//! the coarsest rule that is given.

use super::calendar::{Reasons, Rule, Timeline};
use super::policy::Policy;
use super::span::Span;
use super::verdict::Reason;
use super::words::Count;

pub(super) fn rules(line: &Timeline<'_>, policy: &Policy, coarsest_only: bool) -> Reasons {
    let mut reasons = line.no_reasons();
    if let Some(span) = policy.within(Rule::Last) {
        let span = hours(span);
        let cut = span.before(&line.now);
        for (entry, reasons) in line.entries.iter().zip(&mut reasons) {
            if entry.at > cut {
                reasons.push(Reason::Within(span));
            }
        }
    }
    let given = |rule: &Rule| policy.count(*rule).is_some();
    let coarsest = Rule::ALL.into_iter().rfind(given);
    for rule in Rule::ALL {
        if let Some(of) = policy.count(rule) {
            split(
                line,
                rule,
                of,
                !coarsest_only || Some(rule) == coarsest,
                &mut reasons,
            );
        }
    }
    reasons
}

fn split(line: &Timeline<'_>, rule: Rule, of: Count, keeps_oldest: bool, reasons: &mut Reasons) {
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
    let unfilled = keeps_oldest && of != Count::Unlimited;
    if let Some(oldest) = reasons
        .last_mut()
        .filter(|oldest| unfilled && oldest.is_empty())
    {
        oldest.push(Reason::Oldest(rule));
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
