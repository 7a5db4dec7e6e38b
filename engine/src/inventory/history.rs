//! What each recovery point of an instance added to the vault, and how long that stayed in use: what
//! forecasts are made of.
//!
//! Each distinct listing is read once, whatever number of points share it. A chunk counts as in use
//! from the first point that refers to it to the last: one that goes and comes back counts in between,
//! as a vault that thins its points can't rely on its absence. Memory: 32 bytes for each chunk of one
//! instance at most 7/8 full, beside the index.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, stream};
use hashbrown::HashTable;

use crate::error::{Error, Result};
use crate::format::layout::{Kind, path};
use crate::format::listing::{Extent, read_entries};
use crate::format::point::Method;
use crate::ids::{BlobId, PointId};
use crate::retention::needs_of;
use crate::units::Timestamp;
use crate::vault::{
    BlobReader, Catalog, Point, Prefix, REQUESTS_MAX, Vault, each_record, hash, id_of, list,
    packs_there, prefix,
};

/// A point of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPoint {
    /// Its name.
    pub id: PointId,
    /// The instant that it vouches for.
    pub captured: Timestamp,
    /// How it was made.
    pub method: Method,
    /// Points from its full up to it, both included.
    pub chain_length: u32,
    /// Points without which it can't be restored.
    pub needs: Vec<PointId>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Sum of file and disk sizes.
    pub logical_bytes: u64,
    /// Until when it can be brought back, where it was deleted.
    pub deleted_until: Option<Timestamp>,
}

/// The points of one instance, oldest first, and the life of what they stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceHistory {
    /// The instance.
    pub instance: String,
    /// Its points, deleted ones that are still there included.
    pub points: Vec<HistoryPoint>,
    /// For each point what it was the first to refer to: the number of the last point that still
    /// refers to it, and stored bytes; by rising numbers.
    pub lives: Vec<Vec<(u32, u64)>>,
}

impl InstanceHistory {
    /// Stored bytes that the point `born` was the first to refer to and that the point `at`, or one
    /// after it, still refers to.
    pub fn alive(&self, born: usize, at: usize) -> u64 {
        let lives = self.lives.get(born).map_or(&[][..], Vec::as_slice);
        let from = lives.partition_point(|(last, _)| (*last as usize) < at);
        lives[from..].iter().map(|(_, bytes)| bytes).sum()
    }

    /// Stored bytes that a point was the first to refer to.
    pub fn new_bytes(&self, point: usize) -> u64 {
        self.alive(point, point)
    }

    /// Stored bytes that a point needs.
    pub fn referenced_bytes(&self, point: usize) -> u64 {
        (0..=point).map(|born| self.alive(born, point)).sum()
    }
}

/// The histories of a vault's instances.
#[derive(Debug, Default)]
pub struct History {
    /// One for each instance, in the order of their names.
    pub instances: Vec<InstanceHistory>,
    /// Stored bytes that several instances refer to, counted for each but the first.
    pub shared_bytes: u64,
    /// Bytes of blobs in all packs.
    pub blob_bytes: u64,
    /// Bytes of those packs, of index segments and of manifests.
    pub vault_bytes: u64,
    /// What could not be read; the numbers lack what only that tells.
    pub damaged: Vec<Error>,
}

impl History {
    /// Reads the listings of all points that are there.
    ///
    /// # Errors
    /// When the store does not serve.
    pub async fn read(vault: &Vault, catalog: &Catalog) -> Result<Self> {
        let ids: Vec<PointId> = catalog.existing().map(|point| point.id).collect();
        let index = Arc::new(catalog.index_of(vault, &ids).await?);
        let reader = BlobReader::new(vault.clone(), index);
        let mut history = Self::default();
        history.weigh(vault, catalog).await?;
        let mut instances: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
        for point in catalog.existing() {
            let name = point.manifest.instance.as_str();
            instances.entry(name).or_default().push(point);
        }
        let mut everywhere = HashTable::new();
        let several = instances.len() > 1;
        for (instance, mut points) in instances {
            points.sort_by_key(|point| (point.manifest.captured, point.id));
            let chunks = chunks_of(&reader, &points, &mut history.damaged).await?;
            if several {
                history.shared_bytes += shared(&mut everywhere, &chunks);
            }
            let row = |point: &&Point| row(vault, catalog, point);
            history.instances.push(InstanceHistory {
                instance: instance.to_owned(),
                points: points.iter().map(row).collect(),
                lives: lives(points.len(), &chunks),
            });
        }
        Ok(history)
    }

    /// What the vault's packs and lists weigh beside the blobs in them.
    async fn weigh(&mut self, vault: &Vault, catalog: &Catalog) -> Result<()> {
        let segments = list(vault.world(), &path::indexes()).await?;
        self.vault_bytes = segments.iter().map(|segment| segment.size).sum();
        let manifests = catalog.existing().map(|point| point.manifest_bytes);
        self.vault_bytes += manifests.sum::<u64>();
        let mut packs = packs_there(vault).await?;
        let segments = segments
            .iter()
            .filter_map(|segment| id_of(&segment.location).ok());
        let segments = segments.map(|segment| (0, segment)).collect();
        each_record(vault, segments, |_, record| {
            // Each pack once: a prune tells anew what an older segment told.
            if let Some(bytes) = packs.remove(&record.pack) {
                let entries = record.entries.iter();
                let blobs = entries.map(|entry| u64::from(entry.stored_bytes));
                self.blob_bytes += blobs.sum::<u64>();
                self.vault_bytes += bytes;
            }
        })
        .await?;
        Ok(())
    }
}

fn row(vault: &Vault, catalog: &Catalog, point: &Point) -> HistoryPoint {
    let manifest = &point.manifest;
    let mut deleted = catalog.deleted().iter();
    let deleted = deleted.find(|deleted| deleted.point.id == point.id);
    let terms = vault.terms().ok();
    HistoryPoint {
        id: point.id,
        captured: manifest.captured,
        method: manifest.method,
        chain_length: manifest.chain_length,
        needs: needs_of(manifest),
        tags: manifest.tags.clone(),
        logical_bytes: manifest.statistics.logical_bytes,
        deleted_until: deleted
            .zip(terms)
            .map(|(deleted, terms)| deleted.until(terms)),
    }
}

/// A chunk, and the first and the last point that refer to it.
#[derive(Clone, Copy, Debug)]
struct Life {
    prefix: Prefix,
    stored_bytes: u32,
    first: u32,
    last: u32,
}

/// The chunks that some points of an instance refer to.
struct Chunks<'a> {
    reader: &'a BlobReader,
    table: HashTable<Life>,
}

impl Chunks<'_> {
    /// Notes that the points from `first` to `last` refer to a blob; gives whether that was news.
    fn meet(&mut self, id: &BlobId, (first, last): (u32, u32)) -> Result<bool> {
        let prefix = prefix(id);
        let known = self
            .table
            .find_mut(hash(&prefix), |life| life.prefix == prefix);
        if let Some(life) = known {
            let news = first < life.first || last > life.last;
            (life.first, life.last) = (life.first.min(first), life.last.max(last));
            return Ok(news);
        }
        let located = self.reader.index().find(id).ok_or_else(|| {
            let what = format!("it lacks blob {id}, which a point needs");
            Error::corrupt("the index", what)
        })?;
        let life = Life {
            prefix,
            stored_bytes: located.stored_bytes,
            first,
            last,
        };
        self.table
            .insert_unique(hash(&prefix), life, |life| hash(&life.prefix));
        Ok(true)
    }

    /// Notes what a run of a file refers to.
    async fn follow(&mut self, extent: &Extent, points: (u32, u32)) -> Result<()> {
        match extent {
            Extent::Hole(_) => {}
            Extent::Chunk(_, id) => drop(self.meet(id, points)?),
            Extent::List(_, id) => {
                if self.meet(id, points)? {
                    for extent in self.reader.extents(std::slice::from_ref(extent)).await? {
                        if let Extent::Chunk(_, id) = extent {
                            self.meet(&id, points)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// All blobs that the points of an instance refer to.
async fn chunks_of(
    reader: &BlobReader,
    points: &[&Point],
    damaged: &mut Vec<Error>,
) -> Result<HashTable<Life>> {
    let mut listings: BTreeMap<BlobId, (u32, u32)> = BTreeMap::new();
    for (number, point) in (0_u32..).zip(points) {
        for id in &point.manifest.listing {
            listings.entry(*id).or_insert((number, number)).1 = number;
        }
    }
    let mut chunks = Chunks {
        reader,
        table: HashTable::new(),
    };
    let mut read = stream::iter(listings)
        .map(|(id, points)| async move { (id, points, reader.read(Kind::Listing, id).await) })
        .buffered(REQUESTS_MAX);
    let mut note = |result: Result<()>| match result {
        Err(error) if error.is_damage() => {
            damaged.push(error);
            Ok(())
        }
        other => other,
    };
    while let Some((id, points, raw)) = read.next().await {
        let met = chunks.meet(&id, points).map(drop);
        note(met)?;
        let entries = raw.and_then(|raw| read_entries(&format!("listing blob {id}"), &raw));
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                note(Err(error))?;
                continue;
            }
        };
        for extent in entries.iter().flat_map(|entry| &entry.content) {
            let followed = chunks.follow(extent, points).await;
            note(followed)?;
        }
    }
    Ok(chunks.table)
}

/// Chunks of `chunks` that `everywhere` has already, in stored bytes; it has them all afterwards.
fn shared(everywhere: &mut HashTable<Prefix>, chunks: &HashTable<Life>) -> u64 {
    let mut bytes = 0;
    // Any order: a sum.
    for life in chunks {
        let entry = everywhere.entry(hash(&life.prefix), |known| *known == life.prefix, hash);
        match entry {
            hashbrown::hash_table::Entry::Occupied(_) => bytes += u64::from(life.stored_bytes),
            hashbrown::hash_table::Entry::Vacant(vacant) => drop(vacant.insert(life.prefix)),
        }
    }
    bytes
}

/// Stored bytes by the first and the last point that need them.
fn lives(points: usize, chunks: &HashTable<Life>) -> Vec<Vec<(u32, u64)>> {
    let mut by_last: Vec<BTreeMap<u32, u64>> = vec![BTreeMap::new(); points];
    // Any order: sums.
    for life in chunks {
        let bytes = by_last[life.first as usize].entry(life.last).or_default();
        *bytes += u64::from(life.stored_bytes);
    }
    let sorted = by_last.into_iter().map(|lives| lives.into_iter().collect());
    sorted.collect()
}
