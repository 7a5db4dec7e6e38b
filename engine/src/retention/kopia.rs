//! Kopia's rules: each counts every point, but only inside a window of as many periods back from the
//! newest point, so that a pause in backups counts against them. No oldest point is kept.
//!
//! Days, months and years are those of UTC, weeks those of the machine's zone (the policy's, here). All
//! rules share one set of period names, as there: week 5 and the month of May of a year are both
//! `2024-05`, and whichever a point takes first is taken for the other.
//!
//! After `snapshot/policy/retention_policy.go` at 4ebb2be6c.

use std::collections::BTreeSet;

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

use super::calendar::{Entry, Reasons, Rule, Timeline};
use super::policy::Policy;
use super::span::Span;
use super::verdict::Reason;
use super::words::Count;

/// In the order in which Kopia tries them.
const RULES: [Rule; 6] = [
    Rule::Last,
    Rule::Yearly,
    Rule::Monthly,
    Rule::Weekly,
    Rule::Daily,
    Rule::Hourly,
];

pub(super) fn rules(line: &Timeline<'_>, policy: &Policy) -> Reasons {
    let mut reasons = line.no_reasons();
    let Some(newest) = line.entries.first() else {
        return reasons;
    };
    let given = RULES.map(|rule| {
        let of = policy.count(rule)?;
        Some((of, window(rule, of, &newest.local)))
    });
    if given.iter().all(Option::is_none) {
        for reasons in &mut reasons {
            reasons.push(Reason::NoRuleGiven);
        }
        return reasons;
    }
    let mut taken = BTreeSet::new();
    let mut numbers = [0; RULES.len()];
    for (index, entry) in line.entries.iter().enumerate() {
        for ((rule, given), number) in RULES.into_iter().zip(&given).zip(&mut numbers) {
            let Some((of, window)) = *given else {
                continue;
            };
            let name = period(rule, entry, index);
            if entry.at >= window && *number < of.limit() && taken.insert(name) {
                *number += 1;
                reasons[index].push(Reason::Counted {
                    rule,
                    number: *number,
                    of,
                });
            }
        }
    }
    reasons
}

/// The instant so many periods before the newest point.
fn window(rule: Rule, of: Count, newest: &ZonedDateTime) -> jiff::Timestamp {
    let Count::AtMost(count) = of else {
        return jiff::Timestamp::MIN;
    };
    let none = Span::default();
    let span = match rule {
        Rule::Hourly => Span {
            hours: count,
            ..none
        },
        Rule::Daily => Span::of_days(count),
        Rule::Weekly => Span::of_days(count.saturating_mul(7)),
        Rule::Monthly => Span {
            months: count,
            ..none
        },
        Rule::Yearly => Span {
            years: count,
            ..none
        },
        Rule::Last | Rule::Quarterly => return jiff::Timestamp::MIN,
    };
    span.before_as_go(newest)
}

fn period(rule: Rule, entry: &Entry<'_>, index: usize) -> String {
    let utc = entry.at.to_zoned_datetime(TimeZone::UTC);
    let (year, month, day, hour) = (utc.year(), utc.month(), utc.day(), utc.hour());
    match rule {
        Rule::Yearly => format!("{year:04}"),
        Rule::Monthly => format!("{year:04}-{month:02}"),
        Rule::Weekly => {
            let week = entry.local.iso_week_date();
            format!("{:04}-{:02}", week.year(), week.week())
        }
        Rule::Daily => format!("{year:04}-{month:02}-{day:02}"),
        Rule::Hourly => format!("{year:04}-{month:02}-{day:02} {hour:02}"),
        Rule::Last | Rule::Quarterly => index.to_string(),
    }
}
