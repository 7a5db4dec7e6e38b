//! Verdicts as people and scripts read them.

use anyhow::Result;
use engine::retention::{LimitState, POINTS_MAX, Policy, Semantics, limit_state, lints};
use engine::units::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::output::{exact, instant};

use super::{Asked, Group, going};

/// The plan: a table for each instance, then totals and what to know.
pub(super) fn plan(asked: &Asked<'_>, groups: &[Group<'_>]) -> Result<String> {
    let zone = zone(asked)?;
    let mut text = String::new();
    for group in groups {
        text += &heading(asked, group);
        text += &format!("{:<8}  {:<25}  {:<6}  why\n", "point", "captured", "");
        for (point, verdict) in &group.rows {
            let reasons: Vec<_> = verdict.reasons.iter().map(ToString::to_string).collect();
            text += &format!(
                "{:<8}  {:<25}  {:<6}  {}\n",
                point.id.short(),
                local(point.manifest.captured, &zone),
                if verdict.keep { "keep" } else { "forget" },
                reasons.join("; ")
            );
        }
        text += &format!(
            "keep {}, forget {}\n\n",
            kept(group),
            group.rows.len() - kept(group)
        );
    }
    let (forget, all) = (going(groups).len(), rows(groups));
    text += &match (forget, all) {
        (_, 0) if !asked.damaged.is_empty() => String::new(),
        (_, 0) => "no recovery point yet: `firedrill backup` makes one\n".to_owned(),
        (0, _) => format!("nothing to forget: {} stay\n", count(all)),
        _ => format!("{forget} of {} go, {} stay\n", count(all), all - forget),
    };
    for id in &asked.damaged {
        text += &format!(
            "{}: its manifest is damaged; given up for good\n",
            id.short()
        );
    }
    for note in notes(asked, groups) {
        text += &format!("note: {note}\n");
    }
    Ok(text)
}

/// The plan as one document; `forgotten` tells whether it was done.
pub(super) fn document(
    asked: &Asked<'_>,
    groups: &[Group<'_>],
    now: Timestamp,
    forgotten: bool,
) -> Value {
    let instances = groups.iter().map(|group| {
        let points = group.rows.iter().map(|(point, verdict)| {
            let reasons: Vec<_> = verdict.reasons.iter().map(ToString::to_string).collect();
            json!({
                "point": point.id.to_string(),
                "captured": exact(point.manifest.captured),
                "keep": verdict.keep,
                "reasons": reasons,
            })
        });
        json!({
            "instance": group.instance,
            "keep": kept(group),
            "forget": group.rows.len() - kept(group),
            "points": points.collect::<Vec<_>>(),
        })
    });
    let forget = going(groups).len();
    json!({
        "policy": asked.policy,
        "now": instant(now),
        "instances": instances.collect::<Vec<_>>(),
        "keep": rows(groups) - forget,
        "forget": forget,
        "forgotten": forgotten,
        "notes": notes(asked, groups),
    })
}

/// What each convention keeps of the same points. All columns have the same groups and rows.
type Columns<'a> = [(Semantics, Vec<Group<'a>>)];

/// A column for each convention; `*` marks where they differ.
pub(super) fn columns(asked: &Asked<'_>, columns: &Columns<'_>) -> Result<String> {
    let zone = zone(asked)?;
    let mut text = String::new();
    let mut differ = 0;
    for (number, first) in columns[0].1.iter().enumerate() {
        text += &heading(asked, first);
        text += &format!("{:<8}  {:<25}", "point", "captured");
        for (semantics, _) in columns {
            text += &format!("  {semantics:<9}");
        }
        text = text.trim_end().to_owned() + "\n";
        for (row, (point, verdict)) in first.rows.iter().enumerate() {
            let captured = local(point.manifest.captured, &zone);
            text += &format!("{:<8}  {captured:<25}", point.id.short());
            let mut differs = false;
            for (_, groups) in columns {
                let keep = groups[number].rows[row].1.keep;
                differs |= keep != verdict.keep;
                text += &format!("  {:<9}", if keep { "keep" } else { "-" });
            }
            differ += usize::from(differs);
            text += if differs { "  *" } else { "" };
            text = text.trim_end().to_owned() + "\n";
        }
        text += &format!("{:<35}", "kept");
        for (_, groups) in columns {
            text += &format!("  {:<9}", kept(&groups[number]));
        }
        text = text.trim_end().to_owned() + "\n\n";
    }
    text += &format!(
        "* the conventions differ about {}; nothing was forgotten\n",
        count(differ)
    );
    for (semantics, ignored) in ignored(asked, columns) {
        text += &format!("note: {semantics} has no {}\n", ignored.join(", "));
    }
    Ok(text)
}

/// The same as one document.
pub(super) fn columns_document(asked: &Asked<'_>, columns: &Columns<'_>, now: Timestamp) -> Value {
    let instances = columns[0].1.iter().enumerate().map(|(number, first)| {
        let points = first.rows.iter().enumerate().map(|(row, (point, _))| {
            let keep = columns.iter().map(|(semantics, groups)| {
                (
                    semantics.name().to_owned(),
                    groups[number].rows[row].1.keep.into(),
                )
            });
            json!({
                "point": point.id.to_string(),
                "captured": exact(point.manifest.captured),
                "keep": keep.collect::<serde_json::Map<_, _>>(),
            })
        });
        let counts = columns
            .iter()
            .map(|(semantics, groups)| (semantics.name().to_owned(), kept(&groups[number]).into()));
        json!({
            "instance": first.instance,
            "keep": counts.collect::<serde_json::Map<_, _>>(),
            "points": points.collect::<Vec<_>>(),
        })
    });
    let ignored = ignored(asked, columns)
        .map(|(semantics, ignored)| (semantics.name().to_owned(), json!(ignored)));
    json!({
        "policy": asked.policy,
        "now": instant(now),
        "instances": instances.collect::<Vec<_>>(),
        "lacking": ignored.collect::<serde_json::Map<_, _>>(),
    })
}

/// The rules that each convention passes over.
fn ignored<'a>(
    asked: &'a Asked<'_>,
    columns: &'a Columns<'_>,
) -> impl Iterator<Item = (Semantics, Vec<String>)> + 'a {
    let policy = asked.policy.as_ref();
    columns.iter().filter_map(move |(semantics, _)| {
        let ignored = semantics.ignores(policy?);
        (!ignored.is_empty()).then_some((*semantics, ignored))
    })
}

/// What to know about the policy and the limit on points.
fn notes(asked: &Asked<'_>, groups: &[Group<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(policy) = &asked.policy {
        let busiest = groups.iter().map(points_a_day).max().unwrap_or(1);
        notes.extend(lints(policy, busiest).iter().map(ToString::to_string));
    }
    for group in groups {
        let kept = kept(group) as u64;
        if limit_state(kept) != LimitState::Fine {
            notes.push(format!(
                "{} keeps {kept} points, and {POINTS_MAX} are the limit: keep fewer",
                group.instance
            ));
        }
    }
    notes
}

/// Backups of an instance in a day, rounded up; of less than a day's worth, all.
fn points_a_day(group: &Group<'_>) -> u32 {
    let captured = group
        .rows
        .iter()
        .map(|(point, _)| point.manifest.captured.seconds);
    let (oldest, newest) = (captured.clone().min(), captured.max());
    let seconds = newest.unwrap_or(0).saturating_sub(oldest.unwrap_or(0));
    let days = seconds.unsigned_abs().div_ceil(86_400).max(1);
    u32::try_from((group.rows.len() as u64).div_ceil(days)).unwrap_or(u32::MAX)
}

/// So many points.
pub(super) fn count(points: usize) -> String {
    format!("{points} point{}", if points == 1 { "" } else { "s" })
}

fn heading(asked: &Asked<'_>, group: &Group<'_>) -> String {
    let zone = asked
        .policy
        .as_ref()
        .map_or("UTC", |policy| &policy.timezone);
    let (instance, points) = (group.instance, count(group.rows.len()));
    format!("{instance}: {points}, times of {zone}\n")
}

fn kept(group: &Group<'_>) -> usize {
    let rows = group.rows.iter();
    rows.filter(|(_, verdict)| verdict.keep).count()
}

fn rows(groups: &[Group<'_>]) -> usize {
    groups.iter().map(|group| group.rows.len()).sum()
}

fn zone(asked: &Asked<'_>) -> Result<TimeZone> {
    Ok(asked
        .policy
        .as_ref()
        .map_or(Ok(TimeZone::UTC), Policy::zone)?)
}

/// An instant in the zone, with its offset, to the second.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    jiff::Timestamp::new(at.seconds, 0).map_or_else(
        |_| "?".to_owned(),
        |at| {
            let local = at.to_zoned_datetime(zone.clone());
            local.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
        },
    )
}
