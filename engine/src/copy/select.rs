//! Which points are to be copied, and what of earlier copies helps: decided from manifests alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ObjectId, PointId, VaultId};
use crate::vault::{Catalog, Point};

/// What there is to copy.
#[derive(Debug, Default)]
pub(super) struct Selection<'a> {
    /// Points that are missing, oldest first.
    pub(super) missing: Vec<&'a Point>,
    /// How many of those asked for are there already.
    pub(super) already: u64,
    /// What of the source has a copy, deleted ones included.
    pub(super) copies: BTreeMap<PointId, Point>,
    /// For each instance the copied point of the source that is most like its first missing one.
    pub(super) alike: BTreeMap<&'a str, &'a Point>,
}

/// Selects from `from`, the catalog of the vault `source`, the points `wanted` (all, if none is named)
/// that `to`, the catalog of the vault `target`, lacks. What came from `target` itself is no copy's matter
/// as long as it is there.
///
/// # Errors
/// `Invalid` when the two are one vault; `NotFound` when a point that is wanted is not there.
pub(super) fn select<'a>(
    (source, from): (VaultId, &'a Catalog),
    (target, to): (VaultId, &Catalog),
    wanted: &[PointId],
) -> Result<Selection<'a>> {
    if source == target {
        let what = "both are the same vault: copy into another, or name another source";
        return Err(Error::new(ErrorKind::Invalid, what));
    }
    let mut selection = Selection::default();
    for point in to.existing() {
        let origin = point.manifest.origin.filter(|it| it.vault == source);
        if let Some(origin) = origin {
            selection.copies.insert(origin.point, point.clone());
        }
    }
    let there = |id: &PointId| from.points().iter().any(|point| point.id == *id);
    if let Some(lost) = wanted.iter().find(|id| !there(id)) {
        let what = format!("no recovery point '{lost}': `firedrill points` lists them");
        return Err(Error::new(ErrorKind::NotFound, what));
    }
    for point in from.points() {
        if !wanted.is_empty() && !wanted.contains(&point.id) {
            continue;
        }
        let origin = point.manifest.origin.filter(|it| it.vault == target);
        let returns = origin.is_some_and(|origin| to.get(origin.point).is_some());
        if returns || selection.copies.contains_key(&point.id) {
            selection.already += 1;
            continue;
        }
        let instance = point.manifest.instance.as_str();
        let first = selection.missing.iter();
        let mut first = first.map(|point| &point.manifest.instance);
        if !first.any(|before| before == instance)
            && let Some(alike) = alike(point, from, &selection.copies)
        {
            selection.alike.insert(instance, alike);
        }
        selection.missing.push(point);
    }
    Ok(selection)
}

/// The copied point that shares the most listing blobs with `point`, else the newest of its instance.
fn alike<'a>(
    point: &Point,
    from: &'a Catalog,
    copies: &BTreeMap<PointId, Point>,
) -> Option<&'a Point> {
    let listing: BTreeSet<_> = point.manifest.listing.iter().collect();
    let copied = from.existing().filter(|it| copies.contains_key(&it.id));
    let scored = copied.map(|it| {
        let blobs = it.manifest.listing.iter();
        let shared = blobs.filter(|blob| listing.contains(blob)).count();
        let same = it.manifest.instance == point.manifest.instance;
        ((shared, same, it.manifest.captured, it.id), it)
    });
    let scored = scored.filter(|((shared, same, ..), _)| *shared > 0 || *same);
    let best = scored.max_by_key(|(score, _)| *score);
    best.map(|(_, point)| point)
}

impl Selection<'_> {
    /// All points of the source whose blobs have to be found: a point that refers to packs nobody owns
    /// first, as it takes every index segment.
    pub(super) fn closure(&self) -> Vec<PointId> {
        let points = || self.missing.iter().chain(self.alike.values());
        let at_large = points().find(|point| point.manifest.is_at_large());
        let mut closure: Vec<ObjectId> = at_large.map(|point| point.id).into_iter().collect();
        let all: BTreeSet<_> = points().flat_map(|point| Catalog::closure(point)).collect();
        closure.extend(
            all.into_iter()
                .filter(|id| at_large.is_none_or(|it| it.id != *id)),
        );
        closure
    }
}
