//! The recovery points of a vault, and the index that a set of them needs.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::format::deletion::{self, Deletion};
use crate::format::index::{PackRecord, read_records};
use crate::format::keyslot::Terms;
use crate::format::layout::{Kind, path};
use crate::format::point::{self, Manifest};
use crate::ids::{ObjectId, PointId};
use crate::units::Timestamp;

use super::holdings::held;
use super::{ChunkIndex, REQUESTS_MAX, Tombstones, Vault, id_of, list, time_of};

/// Index segments read at once; each is up to 8 MiB, and as much again opened.
const SEGMENTS_AT_ONCE: usize = 3;

/// A recovery point and what its manifest says.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its name.
    pub id: PointId,
    /// Its manifest.
    pub manifest: Manifest,
    /// Bytes of the manifest object.
    pub manifest_bytes: u64,
    /// When the manifest was written, by the store's clock.
    pub written: Timestamp,
}

/// A point that was deleted and is not yet removed.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// The point.
    pub point: Point,
    /// What its deletion says.
    pub deletion: Deletion,
    /// When it was deleted, by the store's clock.
    pub since: Timestamp,
}

impl Deleted {
    /// Until when it can be brought back, by the store's clock.
    pub fn until(&self, terms: Terms) -> Timestamp {
        until(&self.deletion, self.since, terms)
    }
}

fn until(deletion: &Deletion, since: Timestamp, terms: Terms) -> Timestamp {
    let kept = deletion.soft_delete_seconds;
    since.plus_seconds(kept.max(terms.soft_delete_seconds))
}

/// All recovery points, oldest first.
#[derive(Debug, Default)]
pub struct Catalog {
    points: Vec<Point>,
    deleted: Vec<Deleted>,
    /// Every deletion that opens, its manifest being there or not.
    deletions: BTreeMap<ObjectId, (Deletion, Timestamp)>,
    /// Manifests that do not open.
    unread: Vec<ObjectId>,
    /// Manifests that the store lists and does not have.
    vanished: Vec<ObjectId>,
    damaged: Vec<Error>,
}

impl Catalog {
    /// Reads every manifest. One that is damaged hides no other: it is left out and told by
    /// [`Self::damaged`].
    ///
    /// # Errors
    /// When the store does not serve.
    pub async fn load(vault: &Vault) -> Result<Self> {
        let mut catalog = Self::default();
        // Manifests first: a deletion that is made meanwhile is seen, or its point is not hidden yet.
        let objects = list(vault.world(), &path::points()).await?;
        catalog.deletions = catalog.read_deletions(vault).await?;
        let read = stream::iter(objects).map(|object| async move {
            let read = async {
                let id = id_of(&object.location)?;
                let raw = vault.get_object(Kind::Point, id, &object.location).await?;
                let manifest = point::read(object.location.as_ref(), &raw)?;
                Ok::<_, Error>(Point {
                    id,
                    manifest,
                    manifest_bytes: object.size,
                    written: time_of(&object),
                })
            };
            (id_of(&object.location).ok(), read.await)
        });
        let read: Vec<_> = read.buffered(REQUESTS_MAX).collect().await;
        for (id, point) in read {
            let deletion = id.and_then(|id| catalog.deletions.get(&id).cloned());
            match (point, deletion) {
                (Ok(point), None) => catalog.points.push(point),
                (Ok(point), Some((deletion, since))) => catalog.deleted.push(Deleted {
                    point,
                    deletion,
                    since,
                }),
                // Removed between the list and the reading, most likely.
                (Err(error), _) if error.kind() == ErrorKind::NotFound => {
                    catalog.vanished.extend(id);
                }
                (Err(error), _) if error.is_damage() => {
                    catalog.unread.extend(id);
                    catalog.damaged.push(error);
                }
                (Err(error), _) => return Err(error),
            }
        }
        let when = |point: &Point| (point.manifest.captured, point.id);
        catalog.points.sort_by_key(when);
        catalog.deleted.sort_by_key(|deleted| when(&deleted.point));
        Ok(catalog)
    }

    /// The deletions that open. One that does not hides nothing: whoever has no key deletes nothing.
    async fn read_deletions(
        &mut self,
        vault: &Vault,
    ) -> Result<BTreeMap<ObjectId, (Deletion, Timestamp)>> {
        let objects = list(vault.world(), &path::deletions()).await?;
        let read = stream::iter(objects).map(|object| async move {
            let id = id_of(&object.location)?;
            let raw = vault
                .get_object(Kind::Deletion, id, &object.location)
                .await?;
            let deletion = deletion::read(object.location.as_ref(), &raw)?;
            Ok::<_, Error>((id, (deletion, time_of(&object))))
        });
        let read: Vec<_> = read.buffered(REQUESTS_MAX).collect().await;
        let mut deletions = BTreeMap::new();
        for deletion in read {
            match deletion {
                Ok((id, deletion)) => drop(deletions.insert(id, deletion)),
                // Taken back between the list and the reading.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.is_damage() => self.damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(deletions)
    }

    /// Manifests that are damaged, and what else lies where manifests do.
    pub fn damaged(&self) -> &[Error] {
        &self.damaged
    }

    /// Takes out what [`Self::damaged`] tells.
    pub(crate) fn take_damaged(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.damaged)
    }

    /// Names of manifests that the store lists and does not have.
    pub(crate) fn vanished(&self) -> &[ObjectId] {
        &self.vanished
    }

    /// Names of manifests that do not open.
    pub fn unread(&self) -> &[ObjectId] {
        &self.unread
    }

    /// What was deleted and can't be brought back any more at `now`, grace included, its manifest being
    /// there still or not.
    pub fn expired(&self, terms: Terms, now: Timestamp) -> Vec<PointId> {
        let over = self.deletions.iter().filter(|(_, (deletion, since))| {
            let until = until(deletion, *since, terms);
            until.plus_seconds(terms.grace_seconds) <= now
        });
        over.map(|(id, _)| *id).collect()
    }

    /// Takes points out, as if their manifests were gone.
    pub(crate) fn leave_out(&mut self, points: &[PointId]) {
        self.deleted
            .retain(|deleted| !points.contains(&deleted.point.id));
        self.unread.retain(|id| !points.contains(id));
        self.vanished.retain(|id| !points.contains(id));
    }

    /// The points, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The points that were deleted and can be brought back, or wait to be removed; oldest first.
    pub fn deleted(&self) -> &[Deleted] {
        &self.deleted
    }

    /// All points whose manifests are there, deleted ones included.
    pub fn existing(&self) -> impl Iterator<Item = &Point> {
        let deleted = self.deleted.iter().map(|deleted| &deleted.point);
        self.points.iter().chain(deleted)
    }

    /// The point with this id, deleted or not.
    pub fn get(&self, id: PointId) -> Option<&Point> {
        self.existing().find(|point| point.id == id)
    }

    /// The index segments that the existing points name.
    pub fn named_segments(&self) -> BTreeSet<ObjectId> {
        let segments = self.existing().flat_map(|point| &point.manifest.segments);
        segments.copied().collect()
    }

    /// The packs that the existing points count as their own.
    pub fn owned_packs(&self) -> BTreeSet<ObjectId> {
        let packs = self.existing().flat_map(|point| &point.manifest.packs);
        packs.copied().collect()
    }

    /// The newest point of an instance.
    pub fn latest_of(&self, instance: &str) -> Option<&Point> {
        self.points
            .iter()
            .rev()
            .find(|point| point.manifest.instance == instance)
    }

    /// The newest point, of `instance` if one is named.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Invalid` when none is named and the vault holds several
    /// instances, as the newest of all would be anybody's.
    pub fn latest(&self, instance: Option<&str>) -> Result<&Point> {
        let instances: BTreeSet<&str> = self
            .points
            .iter()
            .map(|point| point.manifest.instance.as_str())
            .collect();
        if instance.is_none() && instances.len() > 1 {
            let names: Vec<_> = instances.into_iter().take(8).collect();
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "the vault holds points of several instances ({}): name one with --instance, \
                     or a point by its id",
                    names.join("; ")
                ),
            ));
        }
        let mut points = self.points.iter().rev();
        let newest =
            points.find(|point| instance.is_none_or(|name| point.manifest.instance == name));
        newest.ok_or_else(|| match instance {
            Some(name) => none(&format!("no recovery point of '{name}'")),
            None => none("the vault holds no recovery point yet"),
        })
    }

    /// The point that a person means by `latest`, an id or the beginning of one.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when several begin so; as [`Self::latest`].
    pub fn resolve(&self, name: &str) -> Result<&Point> {
        if name == "latest" {
            return self.latest(None);
        }
        let mut matching = self
            .points
            .iter()
            .filter(|point| point.id.to_string().starts_with(name));
        match (matching.next(), matching.next()) {
            (Some(point), None) => Ok(point),
            (Some(_), Some(_)) => Err(Error::new(
                ErrorKind::Invalid,
                format!("several recovery points begin with '{name}': give more of the id"),
            )),
            _ => Err(none(&format!("no recovery point '{name}'"))),
        }
    }

    /// The index segments of `points`, each with the number of its point in `points`. A point that is
    /// gone has left its segments to the vault: no manifest names them any more.
    pub(crate) fn segments_of(&self, points: &[PointId]) -> Vec<(u32, ObjectId)> {
        let numbered = points.iter().enumerate();
        let there = numbered.filter_map(|(owner, id)| Some((owner as u32, self.get(*id)?)));
        there
            .flat_map(|(owner, point)| {
                let segments = point.manifest.segments.iter();
                segments.map(move |segment| (owner, *segment))
            })
            .collect()
    }

    /// The index of the blobs that a point may need, `points` being its closure: what their own segments
    /// tell. Where one of them is gone, something of theirs is condemned or damaged, or the point refers to
    /// packs that nobody owned, all that any segment tells: what a prune found twice it kept once,
    /// wherever that was. Condemned packs then come last, and packs that are gone not at all.
    ///
    /// # Errors
    /// When the store does not serve.
    pub async fn index_of(&self, vault: &Vault, points: &[PointId]) -> Result<ChunkIndex> {
        let stones = Tombstones::load(vault).await?;
        let first = points.first().and_then(|id| self.get(*id));
        let at_large = first.is_none_or(|point| point.manifest.is_at_large());
        if !at_large && points.iter().all(|id| self.get(*id).is_some()) {
            let (mut index, mut sound) = (ChunkIndex::default(), true);
            let whole = each_record(vault, self.segments_of(points), |owner, record| {
                sound &= !stones.packs.contains_key(&record.pack);
                index.add(record, owner);
            });
            if whole.await? && sound {
                return Ok(index);
            }
        }
        let there = held(vault, &path::packs()).await?;
        let segments = held(vault, &path::indexes()).await?;
        let all = segments.keys().map(|id| (0, *id)).collect();
        let mut index = ChunkIndex::default();
        each_record(vault, all, |_, record| {
            if there.contains_key(&record.pack) {
                let condemned = stones.packs.contains_key(&record.pack);
                index.add_ranked(record, u32::from(condemned));
            }
        })
        .await?;
        Ok(index)
    }

    /// The points that `point` needs: itself, then those that it depends on.
    pub fn closure(point: &Point) -> Vec<PointId> {
        let mut ids = vec![point.id];
        ids.extend(
            point
                .manifest
                .depends_on
                .iter()
                .copied()
                .filter(|id| *id != point.id),
        );
        ids
    }

    /// The points from `point` back to the full that its chain began with. Points between them that
    /// are gone are passed over: the last that is there depends on the full.
    pub fn chain(&self, point: &Point) -> Vec<PointId> {
        let by_id: BTreeMap<PointId, &Point> =
            self.existing().map(|point| (point.id, point)).collect();
        let (mut chain, mut at) = (vec![point.id], point);
        while !at.manifest.method.begins_chain()
            && let Some(base) = at.manifest.base.and_then(|base| by_id.get(&base))
            && !chain.contains(&base.id)
        {
            chain.push(base.id);
            at = base;
        }
        if !at.manifest.method.begins_chain() {
            let needed = at.manifest.depends_on.iter();
            let mut needed = needed.filter_map(|id| by_id.get(id));
            let full = needed.find(|point| point.manifest.method.begins_chain());
            chain.extend(full.map(|full| full.id));
        }
        chain
    }
}

fn none(what: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("{what}: `firedrill points` lists them"),
    )
}

/// Hands over every record of `segments`, in order, with the number given with its segment; false
/// when a segment was damaged or missing.
pub(crate) async fn each_record(
    vault: &Vault,
    segments: Vec<(u32, ObjectId)>,
    mut take: impl FnMut(u32, &PackRecord),
) -> Result<bool> {
    let mut read = stream::iter(segments)
        .map(|(owner, segment)| async move { (owner, read_segment(vault, segment).await) })
        .buffered(SEGMENTS_AT_ONCE);
    let mut whole = true;
    while let Some((owner, records)) = read.next().await {
        match records {
            Ok(records) => records.iter().for_each(|record| take(owner, record)),
            Err(error) if error.is_damage() => whole = false,
            Err(error) => return Err(error),
        }
    }
    Ok(whole)
}

/// Reads one index segment.
///
/// # Errors
/// `Corrupt` or a store error naming it.
pub(crate) async fn read_segment(vault: &Vault, id: ObjectId) -> Result<Vec<PackRecord>> {
    let at = path::index(id);
    let raw = vault.get_object(Kind::Index, id, &at).await?;
    read_records(at.as_ref(), &raw)
}
