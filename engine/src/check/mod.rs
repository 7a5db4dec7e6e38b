//! Proving a vault: that all that points need is there, and with `read_data` that every byte opens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::backup::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::format::index::PackRecord;
use crate::format::keyslot;
use crate::format::layout::{Kind, path};
use crate::format::listing::{Extent, read_entries};
use crate::ids::{BlobId, ObjectId};
use crate::seam::compute;
use crate::vault::{
    BlobReader, Catalog, ChunkIndex, Point, REQUESTS_MAX, Tombstones, Vault, get, id_of, list,
    read_segment, verify_pack,
};

/// What a check found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Each damage, naming the object.
    pub errors: Vec<Error>,
    /// Recovery points looked at.
    pub points: u64,
    /// Points that can't be restored whole.
    pub broken_points: Vec<ObjectId>,
    /// Packs looked at.
    pub packs: u64,
    /// Bytes of packs read and opened; 0 without `read_data`.
    pub read_bytes: u64,
    /// Packs that no point counts as its own: left by points that were removed, by prunes, or by
    /// interrupted backups. A prune removes what nothing needs of them.
    pub unowned_packs: u64,
    /// Bytes of those.
    pub unowned_bytes: u64,
}

impl Outcome {
    fn damage<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_damage() => {
                self.errors.push(error);
                Ok(None)
            }
            // A store that does not serve is no finding about the vault.
            Err(error) => Err(error),
        }
    }
}

/// Packs read or being opened at once, as many as keep two cores busy; each is 16 MiB of memory.
const PACKS_AT_ONCE: usize = 3;

/// Checks a vault; damage is in the outcome, not an error.
///
/// # Errors
/// When the store does not serve.
pub async fn run(vault: &Vault, read_data: bool, progress: &dyn Progress) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    slots(vault, &mut outcome).await?;
    let mut catalog = Catalog::load(vault).await?;
    outcome.errors.extend(catalog.take_damaged());
    let mut stones = Tombstones::load(vault).await?;
    outcome.errors.append(&mut stones.damaged);
    let records = segments(vault, &mut outcome).await?;
    let mut known = Known {
        vault,
        sizes: packs(vault, &catalog, &records, &stones, &mut outcome).await?,
        catalog,
        records,
        stones,
        all: None,
    };
    if read_data {
        let (records, sizes) = (&known.records, &mut known.sizes);
        read_packs(vault, records, sizes, &mut outcome, progress).await?;
    }
    let points: Vec<Point> = known.catalog.existing().cloned().collect();
    for point in &points {
        outcome.points += 1;
        let before = outcome.errors.len();
        known.check_point(point, &mut outcome).await?;
        if outcome.errors.len() > before {
            outcome.broken_points.push(point.id);
        }
    }
    Ok(outcome)
}

async fn slots(vault: &Vault, outcome: &mut Outcome) -> Result<()> {
    for object in list(vault.world(), &path::keys()).await? {
        let name = object.location.to_string();
        let slot = get(vault.world(), &object.location).await;
        outcome.damage(slot.and_then(|slot| keyslot::read_slot(&name, &slot)))?;
    }
    Ok(())
}

type Records = BTreeMap<ObjectId, Vec<PackRecord>>;

async fn segments(vault: &Vault, outcome: &mut Outcome) -> Result<Records> {
    let mut records = Records::new();
    for object in list(vault.world(), &path::indexes()).await? {
        let read = async {
            let id = id_of(&object.location)?;
            Ok((id, read_segment(vault, id).await?))
        };
        records.extend(outcome.damage(read.await)?);
    }
    Ok(records)
}

/// Holds the packs that are there against those that the index tells; gives the sizes of those that
/// may be whole.
async fn packs(
    vault: &Vault,
    catalog: &Catalog,
    records: &Records,
    stones: &Tombstones,
    outcome: &mut Outcome,
) -> Result<BTreeMap<ObjectId, u64>> {
    let mut sizes = BTreeMap::new();
    for object in list(vault.world(), &path::packs()).await? {
        if let Some(id) = outcome.damage(id_of(&object.location))? {
            sizes.insert(id, object.size);
        }
    }
    let owned = catalog.owned_packs();
    let named = catalog.named_segments();
    let told = named.iter().filter_map(|segment| records.get(segment));
    let told = told.flatten().map(|record| record.pack);
    let used: BTreeSet<ObjectId> = told
        .chain(owned)
        .filter(|pack| !stones.packs.contains_key(pack))
        .collect();
    for (id, bytes) in &sizes {
        outcome.packs += 1;
        if !used.contains(id) {
            outcome.unowned_packs += 1;
            outcome.unowned_bytes += bytes;
        }
    }
    let mut bad = BTreeSet::new();
    for record in records.values().flatten() {
        match sizes.get(&record.pack) {
            None if used.contains(&record.pack) => {
                outcome
                    .errors
                    .push(Error::corrupt(path::pack(record.pack), "it is missing"));
            }
            Some(bytes) if *bytes != record.pack_bytes => {
                outcome.errors.push(Error::corrupt(
                    path::pack(record.pack),
                    format!("it has {bytes} bytes and not {}", record.pack_bytes),
                ));
                bad.insert(record.pack);
            }
            _ => {}
        }
    }
    sizes.retain(|id, _| !bad.contains(id));
    Ok(sizes)
}

/// What the points are held against.
struct Known<'a> {
    vault: &'a Vault,
    catalog: Catalog,
    stones: Tombstones,
    records: Records,
    /// Packs that may be whole.
    sizes: BTreeMap<ObjectId, u64>,
    /// The index of all packs, once a point has needed it.
    all: Option<Arc<ChunkIndex>>,
}

impl Known<'_> {
    /// The index by which a point is to be read, as `Catalog::index_of` makes it; names what should be
    /// there for it and is not.
    fn index_of(&mut self, point: &Point, outcome: &mut Outcome) -> Arc<ChunkIndex> {
        let name = path::point(point.id);
        let mut by_its_own = !point.manifest.is_at_large();
        let mut index = ChunkIndex::default();
        for id in Catalog::closure(point) {
            let Some(needed) = self.catalog.get(id) else {
                by_its_own = false;
                if !self.stones.points.contains(&id) {
                    let what = format!("it needs recovery point {id}, which is missing or damaged");
                    outcome.errors.push(Error::corrupt(&name, what));
                }
                continue;
            };
            for segment in &needed.manifest.segments {
                let Some(records) = self.records.get(segment) else {
                    by_its_own = false;
                    if !self.stones.segments.contains_key(segment) {
                        let why = format!("{name} needs it and it is missing or damaged");
                        outcome
                            .errors
                            .push(Error::corrupt(path::index(*segment), why));
                    }
                    continue;
                };
                for record in records {
                    by_its_own &= !self.stones.packs.contains_key(&record.pack);
                    if self.sizes.contains_key(&record.pack) {
                        index.add(record, 0);
                    }
                }
            }
        }
        if by_its_own {
            return Arc::new(index);
        }
        let all = self.all.get_or_insert_with(|| {
            let mut all = ChunkIndex::default();
            let records = self.records.values().flatten();
            for record in records.filter(|record| self.sizes.contains_key(&record.pack)) {
                all.add(record, 0);
            }
            Arc::new(all)
        });
        Arc::clone(all)
    }

    /// Follows everything that a point refers to.
    async fn check_point(&mut self, point: &Point, outcome: &mut Outcome) -> Result<()> {
        let index = self.index_of(point, outcome);
        follow(self.vault, point, index, outcome).await
    }
}

/// Reads a point's listing, and looks for everything in it.
async fn follow(
    vault: &Vault,
    point: &Point,
    index: Arc<ChunkIndex>,
    outcome: &mut Outcome,
) -> Result<()> {
    let name = path::point(point.id);
    let reader = BlobReader::new(vault.clone(), Arc::clone(&index));
    let mut blobs = stream::iter(point.manifest.listing.clone())
        .map(|id| {
            let reader = reader.clone();
            async move { (id, reader.read(Kind::Listing, id).await) }
        })
        .buffered(REQUESTS_MAX);
    let mut lacking: Option<(BlobId, Vec<u8>)> = None;
    while let Some((id, raw)) = blobs.next().await {
        let Some(raw) = outcome.damage(raw)? else {
            continue;
        };
        let entries = read_entries(&format!("listing blob {id} of {name}"), &raw);
        for entry in outcome.damage(entries)?.unwrap_or_default() {
            for list in &entry.content {
                let extents = reader.extents(std::slice::from_ref(list)).await;
                for extent in outcome.damage(extents)?.unwrap_or_default() {
                    if let Extent::Chunk(_, id) = extent
                        && index.find(&id).is_none()
                    {
                        lacking.get_or_insert((id, entry.path.clone()));
                    }
                }
            }
        }
    }
    if let Some((id, file)) = lacking {
        let file = String::from_utf8_lossy(&file).into_owned();
        let what = format!("blob {id} of '{file}' (and perhaps others) is in no pack");
        outcome.errors.push(Error::corrupt(&name, what));
    }
    Ok(())
}

/// Opens every byte of every pack and holds its table against the index; takes those that fail out
/// of `sizes`.
async fn read_packs(
    vault: &Vault,
    records: &Records,
    sizes: &mut BTreeMap<ObjectId, u64>,
    outcome: &mut Outcome,
    progress: &dyn Progress,
) -> Result<()> {
    let by_pack: BTreeMap<ObjectId, &PackRecord> = records
        .values()
        .flatten()
        .map(|record| (record.pack, record))
        .collect();
    // By value: borrowed items held across a wait would keep the future from being `Send`.
    let packs: Vec<(ObjectId, u64)> = sizes.iter().map(|(id, bytes)| (*id, *bytes)).collect();
    let mut opened = stream::iter(packs)
        .map(|(id, bytes)| async move {
            let pack = match get(vault.world(), &path::pack(id)).await {
                Ok(pack) => pack,
                Err(error) => return (id, bytes, Err(error)),
            };
            let keys = Arc::clone(vault.keys());
            let opened = compute(&*vault.world().workers, move || {
                let mut pack = pack.try_into_mut().unwrap_or_else(|pack| pack[..].into());
                verify_pack(&keys, id, &mut pack)
            });
            (id, bytes, opened.await.and_then(|opened| opened))
        })
        .buffered(PACKS_AT_ONCE);
    let mut bad = Vec::new();
    while let Some((id, bytes, contents)) = opened.next().await {
        progress.advance(bytes, 0);
        outcome.read_bytes += bytes;
        let gone = contents.as_ref().err().map(Error::kind) == Some(ErrorKind::NotFound);
        if gone && Tombstones::load(vault).await?.packs.contains_key(&id) {
            // A prune removed it meanwhile.
            bad.push(id);
            continue;
        }
        let Some(contents) = outcome.damage(contents)? else {
            bad.push(id);
            continue;
        };
        let told = by_pack.get(&id);
        if told.is_some_and(|record| record.entries != contents.record.entries) {
            outcome.errors.push(Error::corrupt(
                path::pack(id),
                "the index tells it otherwise",
            ));
        }
    }
    drop(opened);
    for id in bad {
        sizes.remove(&id);
    }
    Ok(())
}
