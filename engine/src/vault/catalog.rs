//! The recovery points of a vault, and the index that a set of them needs.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::format::index::{PackRecord, read_records};
use crate::format::layout::{Kind, path};
use crate::format::point::{self, Manifest};
use crate::ids::{ObjectId, PointId};

use super::{ChunkIndex, REQUESTS_MAX, Vault, id_of, list};

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
}

/// All recovery points, oldest first.
#[derive(Debug, Default)]
pub struct Catalog {
    points: Vec<Point>,
    damaged: Vec<Error>,
}

impl Catalog {
    /// Reads every manifest. One that is damaged hides no other: it is left out and told by
    /// [`Self::damaged`].
    ///
    /// # Errors
    /// When the store does not serve.
    pub async fn load(vault: &Vault) -> Result<Self> {
        let objects = list(vault.world(), &path::points()).await?;
        let read = stream::iter(objects).map(|object| async move {
            let id = id_of(&object.location)?;
            let raw = vault.get_object(Kind::Point, id, &object.location).await?;
            let manifest = point::read(object.location.as_ref(), &raw)?;
            Ok::<_, Error>(Point {
                id,
                manifest,
                manifest_bytes: object.size,
            })
        });
        let read: Vec<_> = read.buffered(REQUESTS_MAX).collect().await;
        let mut catalog = Self::default();
        for point in read {
            match point {
                Ok(point) => catalog.points.push(point),
                Err(error) if error.is_damage() => catalog.damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        let when = |point: &Point| (point.manifest.captured, point.id);
        catalog.points.sort_by_key(when);
        Ok(catalog)
    }

    /// Manifests that are damaged, and what else lies where manifests do.
    pub fn damaged(&self) -> &[Error] {
        &self.damaged
    }

    /// The points, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The point with this id.
    pub fn get(&self, id: PointId) -> Option<&Point> {
        self.points.iter().find(|point| point.id == id)
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

    /// The index segments of `points`, each with the number of its point in `points`.
    fn segments_of(&self, points: &[PointId]) -> Result<Vec<(u32, ObjectId)>> {
        let mut segments = Vec::new();
        for (owner, id) in points.iter().enumerate() {
            let point = self
                .get(*id)
                .ok_or_else(|| Error::corrupt(path::point(*id), "other recovery points need it"))?;
            let own = point.manifest.segments.iter();
            segments.extend(own.map(|segment| (owner as u32, *segment)));
        }
        Ok(segments)
    }

    /// The index of the packs that `points` wrote. Where one of those points or segments is lost,
    /// of all packs that any segment tells: what was lost of the vault is not what is needed of it.
    ///
    /// # Errors
    /// When the store does not serve.
    pub async fn index_of(&self, vault: &Vault, points: &[PointId]) -> Result<ChunkIndex> {
        let mut index = ChunkIndex::default();
        if let Ok(segments) = self.segments_of(points)
            && each_record(vault, segments, |owner, record| index.add(record, owner)).await?
        {
            return Ok(index);
        }
        let objects = list(vault.world(), &path::indexes()).await?;
        let all = objects
            .iter()
            .filter_map(|object| Some((0, id_of(&object.location).ok()?)));
        let mut index = ChunkIndex::default();
        each_record(vault, all.collect(), |owner, record| {
            index.add(record, owner);
        })
        .await?;
        Ok(index)
    }

    /// What a new point may refer to: the blobs of `points` in packs that are there, in the size that
    /// the index tells. What is lost is not referred to, and so is stored again. A pack's owner is
    /// the point's number in `points`.
    ///
    /// # Errors
    /// When the store does not serve.
    pub async fn scope_index(
        &self,
        vault: &Vault,
        points: &[PointId],
        packs: &BTreeMap<ObjectId, u64>,
    ) -> Result<ChunkIndex> {
        let mut index = ChunkIndex::default();
        let there = |owner, record: &PackRecord| {
            if packs.get(&record.pack) == Some(&record.pack_bytes) {
                index.add(record, owner);
            }
        };
        each_record(vault, self.segments_of(points)?, there).await?;
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

    /// The points from `point` back to the full that its chain began with.
    pub fn chain(&self, point: &Point) -> Vec<PointId> {
        let by_id: BTreeMap<PointId, &Point> =
            self.points.iter().map(|point| (point.id, point)).collect();
        let (mut chain, mut at) = (vec![point.id], point);
        while !at.manifest.method.begins_chain()
            && let Some(base) = at.manifest.base.and_then(|base| by_id.get(&base))
            && !chain.contains(&base.id)
        {
            chain.push(base.id);
            at = base;
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
async fn each_record(
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
