//! restic's rules, and ours, which are restic's but for these differences:
//!
//! * One zone, named in the policy, decides where days begin; restic takes the offset stored in each
//!   point. So `restic` here means restic on a machine whose clock has the policy's zone.
//! * The hour that comes twice when clocks go back is two hours; restic counts it once.
//! * A point captured in the future stays and takes no place of another; restic counts it.
//! * A month back from 31 March is the end of February; restic says 3 March, and so could expire a
//!   point on one day that it would have kept the next.
//! * `keep-within-daily` and its like have no "oldest": an age, unlike a count, is never unfilled, and
//!   with it the answer hung on when `forget` last ran.
//! * The newest point stays whatever the rules say; restic removes it where only tags are kept.
//! * Ages may be measured from now or from a stated instant.
//!
//! After restic's `internal/data/snapshot_policy.go` at a80be1478.

use jiff::ZonedDateTime;

use super::calendar::{Reasons, Rule, Timeline, Told};
use super::policy::Policy;
use super::verdict::Reason;
use super::words::RelativeTo;
use super::{azure, calendar};

/// Our convention.
pub(super) fn own(line: &Timeline<'_>, policy: &Policy, told: &mut impl Told) {
    let counted: Vec<usize> = (0..line.entries.len())
        .filter(|index| !line.is_future(*index))
        .collect();
    for index in 0..line.entries.len() {
        if line.entries[index].subject.protected {
            told.tell(index, Reason::Protected);
        }
        if line.is_future(index) {
            told.tell(index, Reason::Future);
        }
    }
    tags(line, policy, told);
    for rule in Rule::ALL {
        count(line, policy, rule, &counted, true, told);
    }
    let Some(newest) = line.newest() else {
        return;
    };
    let from = match policy.relative_to {
        RelativeTo::Latest => line.entries[newest].local.clone(),
        RelativeTo::Now => line.now.clone(),
        RelativeTo::At(at) => calendar::instant(at).to_zoned_datetime(line.now.time_zone().clone()),
    };
    for rule in Rule::ALL {
        within(line, policy, rule, &counted, &from, true, told);
    }
    if let Some(gfs) = &policy.azure {
        azure::chosen(line, gfs, &counted, &from, told);
    }
    if !told.stays(newest) {
        told.tell(newest, Reason::Newest);
    }
}

/// restic itself.
pub(super) fn exactly(line: &Timeline<'_>, policy: &Policy) -> Reasons {
    let mut reasons = line.no_reasons();
    let all: Vec<usize> = (0..line.entries.len()).collect();
    tags(line, policy, &mut reasons);
    for rule in Rule::ALL
        .into_iter()
        .filter(|rule| *rule != Rule::Quarterly)
    {
        count(line, policy, rule, &all, false, &mut reasons);
    }
    // Where all points are of the future restic measures from the year 1: nothing is too old.
    let from = line.newest().map_or_else(
        || jiff::Timestamp::MIN.to_zoned_datetime(line.now.time_zone().clone()),
        |newest| line.entries[newest].local.clone(),
    );
    for rule in Rule::ALL
        .into_iter()
        .filter(|rule| *rule != Rule::Quarterly)
    {
        within(line, policy, rule, &all, &from, false, &mut reasons);
    }
    reasons
}

fn tags(line: &Timeline<'_>, policy: &Policy, told: &mut impl Told) {
    for wanted in &policy.keep_tag {
        for (index, entry) in line.entries.iter().enumerate() {
            let mut tags = wanted.split(',');
            if tags.all(|tag| entry.subject.tags.iter().any(|has| has == tag)) {
                told.tell(index, Reason::Tag(wanted.clone()));
            }
        }
    }
}

/// The newest point of each of the newest periods that have one, and the oldest point while the count
/// is not filled.
fn count(
    line: &Timeline<'_>,
    policy: &Policy,
    rule: Rule,
    counted: &[usize],
    ours: bool,
    told: &mut impl Told,
) {
    let Some(of) = policy.count(rule) else {
        return;
    };
    let (mut last, mut number) = (None, 0);
    for (place, index) in counted.iter().enumerate() {
        if number == of.limit() {
            break;
        }
        let key = Some(key(line, rule, *index, ours));
        if key != last || rule == Rule::Last {
            number += 1;
            told.tell(*index, Reason::Counted { rule, number, of });
        } else if place + 1 == counted.len() {
            told.tell(*index, Reason::Oldest(rule));
        }
        last = key;
    }
}

/// All points that are younger, or the newest of each period.
fn within(
    line: &Timeline<'_>,
    policy: &Policy,
    rule: Rule,
    counted: &[usize],
    from: &ZonedDateTime,
    ours: bool,
    told: &mut impl Told,
) {
    let Some(span) = policy.within(rule) else {
        return;
    };
    let cut = if ours {
        span.before(from)
    } else {
        span.before_as_go(from)
    };
    let mut last = None;
    for (place, index) in counted.iter().enumerate() {
        if line.entries[*index].at <= cut {
            break;
        }
        if rule == Rule::Last {
            told.tell(*index, Reason::Within(span));
            continue;
        }
        let key = Some(key(line, rule, *index, ours));
        if key != last || (!ours && place + 1 == counted.len()) {
            told.tell(*index, Reason::WithinPeriod(rule, span));
        }
        last = key;
    }
}

fn key(line: &Timeline<'_>, rule: Rule, index: usize, ours: bool) -> calendar::Key {
    let entry = &line.entries[index];
    let (number, _) = rule.key(entry);
    let twice = ours && rule == Rule::Hourly;
    (
        number,
        if twice {
            entry.local.offset().seconds()
        } else {
            0
        },
    )
}
