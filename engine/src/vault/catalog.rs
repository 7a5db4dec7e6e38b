//! The recovery points of a vault, and the index that a set of them needs.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::format::index::{PackRecord, read_records};
use crate::format::layout::{Kind, path};
use crate::format::point::{self, Manifest};
use crate::ids::{ObjectId, PointId};

use super::{ChunkIndex, REQUESTS_MAX, Vault, id_of, list};

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
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    points: Vec<Point>,
}

impl Catalog {
    /// Reads every manifest.
    ///
    /// # Errors
    /// `Corrupt` naming the first manifest that fails.
    pub async fn load(vault: &Vault) -> Result<Self> {
        let objects = list(vault.world(), &path::points()).await?;
        let points = stream::iter(objects).map(|object| async move {
            let id = id_of(&object.location)?;
            let raw = vault.get_object(Kind::Point, id, &object.location).await?;
            let manifest = point::read(object.location.as_ref(), &raw)?;
            Ok::<_, Error>(Point {
                id,
                manifest,
                manifest_bytes: object.size,
            })
        });
        let mut points: Vec<Point> = points.buffer_unordered(REQUESTS_MAX).try_collect().await?;
        points.sort_by_key(|point| (point.manifest.captured, point.id));
        Ok(Self { points })
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

    /// The point that a person means by `latest`, an id or the beginning of one.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when several begin so.
    pub fn resolve(&self, name: &str) -> Result<&Point> {
        let none = |what: String| {
            Err(Error::new(
                ErrorKind::NotFound,
                format!("{what}: `firedrill points` lists them"),
            ))
        };
        if name == "latest" {
            return match self.points.last() {
                Some(point) => Ok(point),
                None => none("the vault holds no recovery point yet".to_owned()),
            };
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
            _ => none(format!("no recovery point '{name}'")),
        }
    }

    /// The records of the packs that `points` wrote, with the number of the point in `points`.
    async fn records(&self, vault: &Vault, points: &[PointId]) -> Result<Vec<(u32, PackRecord)>> {
        let mut wanted = Vec::new();
        for (owner, id) in points.iter().enumerate() {
            let point = self.get(*id).ok_or_else(|| {
                Error::corrupt(
                    path::point(*id),
                    "other recovery points need it and it is missing: they can't be restored",
                )
            })?;
            wanted.extend(
                point
                    .manifest
                    .segments
                    .iter()
                    .map(|segment| (owner as u32, *segment)),
            );
        }
        let segments = stream::iter(wanted).map(|(owner, segment)| async move {
            let records = read_segment(vault, segment).await?;
            Ok::<_, Error>(
                records
                    .into_iter()
                    .map(move |record| (owner, record))
                    .collect(),
            )
        });
        let nested: Vec<Vec<_>> = segments.buffered(REQUESTS_MAX).try_collect().await?;
        Ok(nested.into_iter().flatten().collect())
    }

    /// The index of the packs that `points` wrote; a pack's owner is the point's number in it.
    ///
    /// # Errors
    /// `Corrupt` when a point or an index segment is missing or damaged.
    pub async fn index_of(&self, vault: &Vault, points: &[PointId]) -> Result<ChunkIndex> {
        let mut index = ChunkIndex::default();
        for (owner, record) in self.records(vault, points).await? {
            index.add(&record, owner);
        }
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

/// Reads one index segment.
///
/// # Errors
/// `Corrupt` or a store error naming it.
pub(crate) async fn read_segment(vault: &Vault, id: ObjectId) -> Result<Vec<PackRecord>> {
    let at = path::index(id);
    let raw = vault.get_object(Kind::Index, id, &at).await?;
    read_records(at.as_ref(), &raw)
}
