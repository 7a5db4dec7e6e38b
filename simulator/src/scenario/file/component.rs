//! What a strategy asks of the component that it names, held against that component's profile.

use std::ops::Range;

use engine::error::Result;

use super::key::Key;
use super::places::Places;
use super::reader::Reader;
use super::written::Strategy as Written;
use crate::component::{self, Ask, Component, Edition, Wants};
use crate::scenario::doubts::retention_days;
use crate::scenario::{Copy, DAY, Group, MINUTE, To};

/// The component that a strategy names, if it names one.
pub(super) fn named(
    reader: &Reader<'_>,
    said: &Written,
    (edition, span): (&str, &Range<usize>),
) -> Result<Option<&'static Component>> {
    let Some((name, at)) = said.component.written() else {
        return Ok(None);
    };
    let edition: Edition = edition.parse().map_err(|wrong: String| {
        let (wrong, right) = wrong.split_once(": ").unwrap_or((&wrong, "write current"));
        reader.refuse(&said.edition.span_or(span), wrong, right)
    })?;
    if let Some(component) = component::find(name, edition) {
        return Ok(Some(component));
    }
    if let Some(absence) = component::absent(edition).find(|absence| absence.name == *name) {
        let wrong = format!("edition {edition} has no '{name}': {}", absence.why);
        return Err(reader.refuse(&at, wrong, "write edition = \"current\""));
    }
    let names: Vec<String> = component::all(edition)
        .map(|component| component.name.clone())
        .collect();
    reader.known((name, &at), "component", &names)?;
    Ok(None)
}

/// Refuses a copy of a group that the component can't make.
pub(super) fn admits(
    reader: &Reader<'_>,
    component: &Component,
    (copy, to, span): (&Copy, &Key<To>, &Range<usize>),
    (places, groups): (&Places, &[Group]),
) -> Result<()> {
    for group in groups {
        let ask = ask(copy, group, places);
        let Some(refusal) = component.admits(&ask).into_iter().next() else {
            continue;
        };
        let could = component.who_could(&ask);
        let right = match could.first() {
            Some(other) => format!(
                "{} could: write component = \"{}\"",
                other.title, other.name
            ),
            None => format!(
                "no component of edition {} could; leave `component` out to try it without one",
                component.edition
            ),
        };
        let wrong = format!("{} for '{}': {refusal}", component.title, group.name);
        return Err(reader.refuse(&to.span_or(span), wrong, right));
    }
    Ok(())
}

/// Refuses to recover elsewhere from snapshots alone that the component restores only where they are kept.
pub(super) fn restores_in(
    reader: &Reader<'_>,
    component: &Component,
    (copies, target, at): (&[Copy], usize, &Range<usize>),
    (places, groups): (&Places, &[Group]),
) -> Result<()> {
    for group in groups {
        let bound =
            |copy: &Copy| copy.to == To::Snapshot && copy.place.unwrap_or(group.place) != target;
        if !copies.iter().all(bound) {
            continue;
        }
        let mut ask = ask(&copies[0], group, places);
        ask.wants.cross_region_restore = true;
        if let Some(refusal) = component.admits(&ask).into_iter().next() {
            let wrong = format!("{} for '{}': {refusal}", component.title, group.name);
            let right = "leave `recover-in` out, or keep a copy that can be restored there too";
            return Err(reader.refuse(at, wrong, right));
        }
    }
    Ok(())
}

fn ask(copy: &Copy, group: &Group, places: &Places) -> Ask {
    let backup = copy.replica.is_none();
    let a_day = u32::try_from(DAY / copy.every_micros).unwrap_or(u32::MAX);
    let place = places.all[group.place].kind.into();
    let mut ask = Ask::new(group.workload.into(), group.system, place);
    ask.wants = Wants {
        target: Some(copy.to.into()),
        interval_minutes: Some(copy.every_micros / MINUTE),
        points: copy.policy.steady_state_points(a_day).filter(|_| backup),
        retention_days: retention_days(copy),
        soft_delete_days: Some(copy.soft_delete_micros / DAY).filter(|_| backup),
        source_bytes: Some(group.bytes),
        redundancy: matches!(copy.to, To::Vault | To::Snapshot).then_some(copy.redundancy),
        offline_seed: copy.seeding.is_some(),
        cross_region_restore: copy.redundancy.reads_secondary(),
        ..Wants::default()
    };
    ask
}
