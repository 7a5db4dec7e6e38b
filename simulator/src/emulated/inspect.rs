//! Checkers that run beside an emulated trial, on what each copy's vault holds at the end.

use std::collections::BTreeSet;

use engine::backup::Quiet;
use engine::check;
use engine::retention::decide;
use engine::vault::Catalog;

use crate::trial::ground::lock;
use crate::trial::hands::{Failed, Hands as _};
use crate::world::account::Endpoint;

use super::content::MARK;
use super::hands::EngineHands;

/// Points of a copy that are restored and held against their source at the end.
const RESTORED: usize = 4;

/// Whatever is wrong, in words.
pub(super) async fn all(hands: &mut EngineHands) -> Vec<String> {
    let name = hands.ground.instances[hands.instance].name.clone();
    let mut wrong = plaintext(hands);
    let place = hands.ground.state(hands.instance).place;
    match hands.read(Endpoint::Primary, place).await {
        Ok((vault, catalog, _)) => {
            match check::run(&vault, true, &Quiet).await {
                Ok(checked) => wrong.extend(checked.errors.iter().map(ToString::to_string)),
                Err(error) => wrong.push(error.to_string()),
            }
            wrong.extend(chains(&catalog));
            wrong.extend(kept(hands, &catalog));
            wrong.extend(restored(hands, place).await);
        }
        // Nobody can look: an outage without end, a lost key, or a vault that was lost as it may be.
        Err(Failed::Unavailable | Failed::Locked | Failed::Damaged) => {}
        Err(Failed::Broken(what)) => wrong.push(what),
    }
    let damaged = hands.was_damaged();
    wrong.retain(|_| !damaged);
    wrong
        .into_iter()
        .map(|what| format!("{name}, copy {}: {what}", hands.copy))
        .collect()
}

/// No block's mark stands in any object, and the meter tells what is stored.
fn plaintext(hands: &EngineHands) -> Vec<String> {
    let now = hands.ground.handle.now();
    let store = hands.ground.store(hands.instance, hands.copy);
    let mut account = lock(&store.account);
    if !account.is_metered_right() {
        return vec!["what is metered is not what is stored".to_owned()];
    }
    let objects = account.list(now, Endpoint::Primary, &hands.prefix());
    let plain = objects.iter().filter(|(_, seen)| {
        let mut windows = seen.value.windows(MARK.len());
        windows.any(|window| window == MARK)
    });
    plain
        .map(|(key, _)| format!("{key} holds plaintext"))
        .collect()
}

/// Every point's chain is there.
fn chains(catalog: &Catalog) -> Vec<String> {
    let there: BTreeSet<_> = catalog.existing().map(|point| point.id).collect();
    let broken = catalog.points().iter().flat_map(|point| {
        let needs = engine::retention::needs_of(&point.manifest);
        let missing = needs.into_iter().filter(|need| !there.contains(need));
        missing.map(|need| format!("point {} needs {need}, which is gone", point.id.short()))
    });
    broken.collect()
}

/// What was acknowledged and not deleted is there; what is there the policy keeps.
fn kept(hands: &EngineHands, catalog: &Catalog) -> Vec<String> {
    let mut wrong = Vec::new();
    let there: BTreeSet<u32> = {
        let ids: Vec<_> = catalog.points().iter().map(|point| point.id).collect();
        hands.numbers(&ids).into_iter().collect()
    };
    let state = hands.ground.state(hands.instance);
    let records = &state.records[hands.copy];
    if !hands.may_have_lost() {
        for (number, _) in records
            .iter()
            .filter(|(_, record)| record.deleted.is_none())
        {
            if !there.contains(&number) {
                wrong.push(format!("point {number} was acknowledged and is gone"));
            }
        }
    }
    // As of the newest point: what came of the last thinning.
    let subjects = hands.subjects(catalog);
    let newest = subjects.iter().map(|subject| subject.captured).max();
    let undeleted = records.iter().any(|(_, record)| record.brought_back);
    if let Some(newest) = newest.filter(|_| !undeleted) {
        match decide(&hands.spec().policy, &subjects, newest) {
            Ok(verdicts) => wrong.extend(verdicts.iter().filter(|verdict| !verdict.keep).map(
                |verdict| {
                    format!(
                        "point {} is there, and the policy does not keep it",
                        verdict.id.short()
                    )
                },
            )),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    wrong
}

/// Some points come back as their sources were.
async fn restored(hands: &mut EngineHands, place: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let Ok(numbers) = hands.points(Endpoint::Primary, place).await else {
        return wrong;
    };
    let step = numbers.len().div_ceil(RESTORED).max(1);
    let picked: BTreeSet<u32> = numbers
        .iter()
        .step_by(step)
        .chain(numbers.last())
        .copied()
        .collect();
    for number in picked {
        let record = hands.ground.state(hands.instance).records[hands.copy]
            .get(number)
            .cloned();
        match (
            hands.restore(number, Endpoint::Primary, place).await,
            record,
        ) {
            (Ok(back), Some(record)) if back.content == record.content => {}
            (Ok(_), _) => wrong.push(format!(
                "point {number} came back different from its source"
            )),
            (Err(Failed::Unavailable), _) => {}
            (Err(why), _) => wrong.push(format!("point {number} does not come back: {why:?}")),
        }
    }
    wrong
}
