//! Checkers that run beside an emulated trial, on what each copy's vault holds at the end.
//!
//! They ask the hands as an operator would, and look into the engine and the account behind them. What a fault
//! explains is forgiven object by object (`excuse`).

use std::collections::BTreeSet;

use bytes::Bytes;
use engine::backup::Quiet;
use engine::check;
use engine::format::layout::path;
use engine::retention::{Subject, decide};
use engine::units::Timestamp;
use engine::vault::{Catalog, Deleted};
use object_store::path::Path;

use crate::trial::ground::lock;
use crate::trial::hands::{Failed, Hands};
use crate::world::account::Endpoint;

use super::content::MARK;
use super::excuse::Excuse;
use super::hands::{BY_INTRUDER, BY_POLICY, EngineHands};
use super::store::scale_of;

/// Points of a copy that are restored and held against their source at the end.
const RESTORED: usize = 4;

/// Hands with the engine behind them.
pub(super) trait Inspected: Hands<Stored = Bytes> {
    /// What is behind them.
    fn engine(&mut self) -> &mut EngineHands;
}

impl Inspected for EngineHands {
    fn engine(&mut self) -> &mut EngineHands {
        self
    }
}

/// Whatever is wrong, in words.
pub(super) async fn all<H: Inspected>(hands: &mut H) -> Vec<String> {
    let engine = hands.engine();
    let whose = format!(
        "{}, copy {}",
        engine.ground.instances[engine.instance].name, engine.copy
    );
    let place = engine.ground.state(engine.instance).place;
    let mut wrong = stored(engine);
    let excuse = Excuse::of(engine);
    match engine.read(Endpoint::Primary, place).await {
        Ok((vault, catalog, _)) => {
            let excuse = excuse.with(&catalog);
            match check::run(&vault, true, &Quiet).await {
                Ok(checked) => wrong.extend(damaged(&checked, &excuse)),
                Err(error) => wrong.push(error.to_string()),
            }
            wrong.extend(chains(&catalog, &excuse));
            wrong.extend(kept(engine, &catalog, &excuse));
            wrong.extend(expired(engine, &catalog, &excuse));
            wrong.extend(restored(hands, place, &excuse).await);
            wrong.extend(undeleted(hands, &catalog, place, &excuse).await);
        }
        // Nobody can look: an outage without end, or a lost key.
        Err(Failed::Unavailable | Failed::Locked) => {}
        Err(Failed::Damaged) => wrong.extend(unopened(engine, &excuse)),
        Err(Failed::Broken(what)) => wrong.push(what),
    }
    let said = wrong.into_iter().map(|what| format!("{whose}: {what}"));
    said.collect()
}

/// No block's mark stands in any object, and the meter tells what is stored.
fn stored(engine: &EngineHands) -> Vec<String> {
    let now = engine.ground.handle.now();
    let scale = engine.ground.instances[engine.instance].group.scale();
    let store = engine.ground.store(engine.instance, engine.copy);
    let mut account = lock(&store.account);
    let mut wrong = Vec::new();
    if !account.is_metered_right() {
        wrong.push("what is metered is not what is stored".to_owned());
    }
    let prefix = engine.prefix();
    for (key, seen) in account.list(now, Endpoint::Primary, &prefix) {
        let at = Path::from(&key[prefix.len()..]);
        let bytes = seen.value.len() as u64 * scale_of(&at, scale);
        if seen.bytes != bytes {
            wrong.push(format!(
                "{key} is metered as {} bytes, and has {bytes}",
                seen.bytes
            ));
        }
        let mut windows = seen.value.windows(MARK.len());
        if windows.any(|window| window == MARK) {
            wrong.push(format!("{key} holds plaintext"));
        }
    }
    wrong
}

/// A vault that does not open has no points that were acknowledged, or lost what it opens with.
fn unopened(engine: &EngineHands, excuse: &Excuse) -> Option<String> {
    let state = engine.ground.state(engine.instance);
    let mut records = state.records[engine.copy].iter();
    let any = records.any(|(_, record)| record.deleted.is_none());
    let lost = excuse.has(&path::vault()) || excuse.has_in(&path::keys());
    (any && !lost).then(|| "it does not open, and points were acknowledged".to_owned())
}

/// What the engine's own check finds that no fault explains.
fn damaged(checked: &check::Outcome, excuse: &Excuse) -> Vec<String> {
    // One that names a blob only: its point is among the broken ones.
    let of_point = |said: &String| said.starts_with("the index is damaged: it lacks blob");
    let said = checked.errors.iter().map(ToString::to_string);
    let said = said.filter(|said| !of_point(said) && !excuse.explains(said));
    let broken = checked
        .broken_points
        .iter()
        .filter(|point| !excuse.covers(**point));
    let broken = broken.map(|point| format!("point {} can't be restored whole", point.short()));
    said.chain(broken).collect()
}

/// Every point's chain is there.
fn chains(catalog: &Catalog, excuse: &Excuse) -> Vec<String> {
    let there: BTreeSet<_> = catalog.existing().map(|point| point.id).collect();
    let points = catalog
        .points()
        .iter()
        .filter(|point| !excuse.covers(point.id));
    let broken = points.flat_map(|point| {
        let needs = engine::retention::needs_of(&point.manifest);
        let missing = needs.into_iter().filter(|need| !there.contains(need));
        missing.map(|need| format!("point {} needs {need}, which is gone", point.id.short()))
    });
    broken.collect()
}

/// What was acknowledged and not deleted is there; what is there the policy keeps.
fn kept(engine: &EngineHands, catalog: &Catalog, excuse: &Excuse) -> Vec<String> {
    let mut wrong = Vec::new();
    let there: BTreeSet<_> = catalog.existing().map(|point| point.id).collect();
    let state = engine.ground.state(engine.instance);
    let records = &state.records[engine.copy];
    let acknowledged = records
        .iter()
        .filter(|(_, record)| record.deleted.is_none());
    for (number, _) in acknowledged {
        let id = engine.id(number);
        if !id.is_some_and(|id| there.contains(&id) || excuse.has(&path::point(id))) {
            wrong.push(format!("point {number} was acknowledged and is gone"));
        }
    }
    // As of the last thinning that went through, and that no failover took back.
    let store = engine.ground.store(engine.instance, engine.copy);
    let failed_over = lock(&store.account).failed_over_at();
    let thinned = records
        .thinned
        .filter(|(_, done)| failed_over.is_none_or(|at| at < *done));
    let Some((as_of, _)) = thinned else {
        return wrong;
    };
    let as_of = engine.instant(as_of);
    let mut subjects = engine.subjects(catalog);
    subjects.retain(|subject| subject.captured <= as_of);
    match decide(&engine.spec().policy, &subjects, as_of) {
        Ok(verdicts) => {
            // Where a mark of deletion was rightly lost, its point is there again.
            let goes = verdicts.iter().filter(|verdict| !verdict.keep);
            let goes = goes.filter(|verdict| !excuse.has(&path::deletion(verdict.id)));
            wrong.extend(goes.map(|verdict| {
                let point = verdict.id.short();
                format!("point {point} is there, and the policy does not keep it")
            }));
        }
        Err(error) => wrong.push(error.to_string()),
    }
    wrong
}

/// What is deleted the policy did not keep when it was, or an intruder deleted it.
fn expired(engine: &EngineHands, catalog: &Catalog, excuse: &Excuse) -> Vec<String> {
    let state = engine.ground.state(engine.instance);
    let records = &state.records[engine.copy];
    let store = engine.ground.store(engine.instance, engine.copy);
    let failed_over = lock(&store.account).failed_over_at();
    // What was there before points came back or got lost nobody can tell any more.
    let since = records
        .undeleted
        .max(failed_over)
        .map(|at| engine.instant(at));
    let mut wrong = Vec::new();
    for deleted in catalog.deleted() {
        let point = deleted.point.id.short();
        match &*deleted.deletion.reason {
            BY_INTRUDER if records.intruded.is_some() => {}
            BY_POLICY => {
                let told = since.is_none_or(|since| since < deleted.deletion.at)
                    && !excuse.has_in(&path::points())
                    && !excuse.has_in(&path::deletions());
                if told && is_kept(engine, catalog, deleted) {
                    wrong.push(format!("point {point} is deleted, and the policy keeps it"));
                }
            }
            reason => wrong.push(format!(
                "point {point} is deleted, and nobody did: {reason}"
            )),
        }
    }
    wrong
}

/// Whether the policy kept a point when it was deleted.
fn is_kept(engine: &EngineHands, catalog: &Catalog, deleted: &Deleted) -> bool {
    let at = deleted.deletion.at;
    let Some(as_of) = engine.latest_by(at) else {
        return false;
    };
    let gone = |point| {
        let mut earlier = catalog.deleted().iter();
        earlier.any(|other| other.point.id == point && other.deletion.at < at)
    };
    let there = catalog.existing().filter(|point| !gone(point.id));
    let mut subjects: Vec<Subject> = there.map(|point| engine.subject(point)).collect();
    subjects.retain(|subject| subject.captured <= as_of);
    let verdicts = decide(&engine.spec().policy, &subjects, as_of).unwrap_or_default();
    let mut verdicts = verdicts.iter();
    verdicts.any(|verdict| verdict.id == deleted.point.id && verdict.keep)
}

/// Some points come back as their sources were.
async fn restored<H: Inspected>(hands: &mut H, place: usize, excuse: &Excuse) -> Vec<String> {
    let Ok(numbers) = hands.points(Endpoint::Primary, place).await else {
        return Vec::new();
    };
    let step = numbers.len().div_ceil(RESTORED).max(1);
    let picked: BTreeSet<u32> = numbers
        .iter()
        .step_by(step)
        .chain(numbers.last())
        .copied()
        .collect();
    let mut wrong = Vec::new();
    for number in picked {
        wrong.extend(comes_back(hands, number, place, excuse).await);
    }
    wrong
}

/// One point comes back as its source was.
async fn comes_back<H: Inspected>(
    hands: &mut H,
    number: u32,
    place: usize,
    excuse: &Excuse,
) -> Option<String> {
    let engine = hands.engine();
    let record = engine.ground.state(engine.instance).records[engine.copy]
        .get(number)
        .cloned();
    let excused = engine.id(number).is_some_and(|id| excuse.covers(id));
    match (
        hands.restore(number, Endpoint::Primary, place).await,
        record,
    ) {
        (Ok(back), Some(record)) if back.content == record.content => None,
        (Ok(_), _) => Some(format!(
            "point {number} came back different from its source"
        )),
        (Err(Failed::Unavailable), _) => None,
        (Err(Failed::Damaged), _) if excused => None,
        (Err(why), _) => Some(format!("point {number} does not come back: {why:?}")),
    }
}

/// What is deleted and in its time can be brought back and restored. Comes last: it is brought back.
async fn undeleted<H: Inspected>(
    hands: &mut H,
    catalog: &Catalog,
    place: usize,
    excuse: &Excuse,
) -> Vec<String> {
    let back = hands.undelete_all().await;
    let engine = hands.engine();
    // Those whose time ran out while the others were brought back, over a slow road, are nobody's fault.
    let now: Timestamp = engine.instant(engine.ground.handle.now());
    let terms = engine.terms();
    let open = catalog
        .deleted()
        .iter()
        .filter(|deleted| now < deleted.until(terms));
    let ids: Vec<_> = open.map(|deleted| deleted.point.id).collect();
    let open = engine.numbers(&ids);
    let shown = hands
        .points(Endpoint::Primary, place)
        .await
        .unwrap_or_default();
    let gone = open
        .iter()
        .filter(|number| !back.contains(number) || !shown.contains(number));
    let mut wrong: Vec<String> = gone
        .map(|number| format!("point {number} was deleted, and can't be brought back in its time"))
        .collect();
    if let Some(first) = open.first().filter(|_| wrong.is_empty()) {
        wrong.extend(comes_back(hands, *first, place, excuse).await);
    }
    wrong
}
