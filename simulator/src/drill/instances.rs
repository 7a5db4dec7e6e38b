//! How each instance stands after a drill: its newest good point, what a disaster would take, and how
//! long it takes to be back.

use std::collections::{BTreeMap, BTreeSet};

use engine::vault::{Catalog, Point};

use super::rows::{Failure, InstanceDrill, PointDrill};

/// The points of the instances asked for, oldest first, by instance; all instances where none is named.
pub(super) fn by_instance<'a>(
    catalog: &'a Catalog,
    names: &[String],
) -> BTreeMap<&'a str, Vec<&'a Point>> {
    let mut instances: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for point in catalog.points() {
        let name = point.manifest.instance.as_str();
        if names.is_empty() || names.iter().any(|asked| asked == name) {
            instances.entry(name).or_default().push(point);
        }
    }
    instances
}

/// One row per instance. `now_seconds` is the drill's beginning by the store's clock, `predicted` the
/// time that points take which were not restored.
pub(super) fn rows(
    instances: &BTreeMap<&str, Vec<&Point>>,
    restored: &[PointDrill],
    failures: &[Failure],
    predicted: &BTreeMap<String, u64>,
    now_seconds: i64,
) -> Vec<InstanceDrill> {
    let bad: BTreeSet<&str> = failures
        .iter()
        .filter_map(|failure| failure.point.as_deref())
        .collect();
    let restored: BTreeMap<&str, &PointDrill> = restored
        .iter()
        .filter(|row| row.verified)
        .map(|row| (row.point.as_str(), row))
        .collect();
    let row = |(name, points): (&&str, &Vec<&Point>)| {
        let newest = points.last()?;
        let good = points
            .iter()
            .rev()
            .find(|point| !bad.contains(point.id.to_string().as_str()));
        let id = good.map(|good| good.id.to_string());
        let row = id.as_deref().and_then(|id| restored.get(id));
        let guess = id.as_ref().and_then(|id| predicted.get(id).copied());
        let captured = good.map(|good| good.manifest.captured.seconds);
        Some(InstanceDrill {
            instance: (*name).to_owned(),
            points: points.len() as u64,
            newest: newest.id.to_string(),
            newest_captured_seconds: newest.manifest.captured.seconds,
            good: id,
            good_captured_seconds: captured,
            rpo_seconds: captured
                .map(|captured| u64::try_from(now_seconds.saturating_sub(captured)).unwrap_or(0)),
            restored: row.is_some(),
            rto_micros: row.map(|row| row.stages.total_micros()).or(guess),
            rto_predicted: row.is_none() && guess.is_some(),
        })
    };
    instances.iter().filter_map(row).collect()
}
