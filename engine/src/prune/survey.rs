//! What lies in the vault, and what of it is needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::format::index::PackRecord;
use crate::format::lease::Purpose;
use crate::ids::{ObjectId, PointId};
use crate::units::Timestamp;
use crate::vault::{
    Catalog, ChunkIndex, Held, Holdings, Lease, REQUESTS_MAX, Vault, each_record, leases,
    read_table,
};

use super::mark::mark;
use super::plan::PackFact;

/// What a prune knows.
pub(super) struct Survey {
    /// What time it was, by the store's clock, before anything was listed.
    pub(super) now: Timestamp,
    pub(super) catalog: Catalog,
    pub(super) holdings: Holdings,
    /// Every blob, marked if a point needs it. Where it lies in several packs, a point's own comes first,
    /// then the youngest, condemned ones last.
    pub(super) index: Arc<ChunkIndex>,
    /// Segments that no point names: each with the packs that it tells and their blobs.
    pub(super) unnamed: BTreeMap<ObjectId, Vec<(ObjectId, u32)>>,
    /// Packs that no segment tells, by their trailers.
    pub(super) untold: Vec<PackRecord>,
    pub(super) facts: Vec<PackFact>,
    /// When the longest running backup began.
    pub(super) writing_since: Option<Timestamp>,
    /// Leases that lapsed long ago.
    pub(super) lapsed: Vec<ObjectId>,
}

impl Survey {
    /// Looks at everything and marks what is needed, as if the points in `without` were gone.
    ///
    /// # Errors
    /// `Corrupt` when it can't be known what is needed; store errors.
    pub(super) async fn take(
        vault: &Vault,
        lease: &mut Lease,
        now: Timestamp,
        without: &[PointId],
        marked: impl FnMut(u64),
    ) -> Result<Self> {
        // Points before packs: what a point needs was put before it.
        let mut catalog = Catalog::load(vault).await?;
        let holdings = Holdings::load(vault).await?;
        catalog.leave_out(without);
        refuse_unknown(&catalog, &holdings)?;
        let read = index(vault, &catalog, &holdings).await?;
        let index = Arc::new(read.index);
        mark(vault, lease, &catalog, &index, marked).await?;
        let owned = catalog.owned_packs();
        let needed = index.marked_by_pack();
        let mut needed_in: BTreeMap<ObjectId, u64> = BTreeMap::new();
        for (number, (_, bytes)) in needed.iter().enumerate() {
            *needed_in.entry(index.pack(number as u32)).or_default() += bytes;
        }
        let facts = holdings.packs.iter().map(|(id, held)| PackFact {
            id: *id,
            bytes: held.bytes,
            written: held.written,
            owned: owned.contains(id),
            condemned: holdings.tombstones.packs.get(id).copied(),
            blob_bytes: read.blob_bytes.get(id).copied().unwrap_or_default(),
            needed_bytes: needed_in.get(id).copied().unwrap_or_default(),
        });
        let facts = facts.collect();
        let seen = leases(vault).await?;
        let mut writers = Vec::new();
        let mut lapsed = Vec::new();
        for other in seen {
            let content = other.content.as_ref();
            if other.is_active(vault, now) {
                writers.extend(
                    content
                        .filter(|content| content.purpose == Purpose::Write)
                        .map(|content| content.since),
                );
            } else if now.seconds_since(other.renewed) > vault.terms()?.grace_seconds {
                lapsed.push(other.id);
            }
        }
        Ok(Self {
            now,
            catalog,
            index,
            unnamed: read.unnamed,
            untold: read.untold,
            facts,
            writing_since: writers.into_iter().min(),
            lapsed,
            holdings,
        })
    }
}

/// Nothing may be removed while it is not known what a point needs.
fn refuse_unknown(catalog: &Catalog, holdings: &Holdings) -> Result<()> {
    let removed = |id: &&ObjectId| holdings.tombstones.points.contains(id);
    let mut vanished = catalog.vanished().iter();
    let vanished = vanished.find(|id| !removed(id));
    let Some(id) = catalog.unread().first().or(vanished) else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::Corrupt,
        format!(
            "recovery point {id} can't be read, so that it is not known what it needs: nothing was \
             removed; `firedrill forget` with this id gives it up, and a prune after its soft delete \
             goes on"
        ),
    ))
}

#[derive(Default)]
struct Read {
    index: ChunkIndex,
    /// Bytes of the blobs of each pack that is told.
    blob_bytes: BTreeMap<ObjectId, u64>,
    unnamed: BTreeMap<ObjectId, Vec<(ObjectId, u32)>>,
    untold: Vec<PackRecord>,
}

impl Read {
    fn tell(&mut self, record: &PackRecord, holdings: &Holdings, ranks: &BTreeMap<ObjectId, u32>) {
        let there = holdings.packs.get(&record.pack);
        let there = there.is_some_and(|held| held.bytes == record.pack_bytes);
        if there && !self.blob_bytes.contains_key(&record.pack) {
            let rank = ranks.get(&record.pack).copied().unwrap_or_default();
            self.index.add_ranked(record, rank);
            let blobs = record.entries.iter();
            let bytes = blobs.map(|blob| u64::from(blob.stored_bytes)).sum();
            self.blob_bytes.insert(record.pack, bytes);
        }
    }
}

/// The index of every pack that is there. What no segment tells, damaged or missing ones included, the
/// packs' own trailers tell.
async fn index(vault: &Vault, catalog: &Catalog, holdings: &Holdings) -> Result<Read> {
    let ranks = ranks(catalog, holdings);
    let named = catalog.named_segments();
    let mut read = Read::default();
    each_record(vault, numbered(named.iter().copied()), |_, record| {
        read.tell(record, holdings, &ranks);
    })
    .await?;
    let segments: Vec<ObjectId> = holdings.unnamed(&named).collect();
    each_record(
        vault,
        numbered(segments.iter().copied()),
        |number, record| {
            let packs = read.unnamed.entry(segments[number as usize]).or_default();
            packs.push((record.pack, record.entries.len() as u32));
            read.tell(record, holdings, &ranks);
        },
    )
    .await?;
    let untold = holdings.packs.iter();
    let untold = untold.filter(|(id, _)| !read.blob_bytes.contains_key(id));
    let untold = untold.map(|(id, held)| (*id, *held)).collect();
    read.untold = tables(vault, untold).await?;
    for record in std::mem::take(&mut read.untold) {
        read.tell(&record, holdings, &ranks);
        read.untold.push(record);
    }
    Ok(read)
}

/// Where a blob is found that lies in several packs: in one that a point owns, else in the youngest, so
/// that a prune which was interrupted goes on with what it had copied; in a condemned one last.
fn ranks(catalog: &Catalog, holdings: &Holdings) -> BTreeMap<ObjectId, u32> {
    let owned = catalog.owned_packs();
    let mut others: Vec<_> = holdings
        .packs
        .iter()
        .map(|(id, held)| {
            (
                holdings.tombstones.packs.contains_key(id),
                held.written,
                *id,
            )
        })
        .filter(|(condemned, _, id)| *condemned || !owned.contains(id))
        .collect();
    others.sort_by_key(|(condemned, written, id)| (*condemned, std::cmp::Reverse(*written), *id));
    let others = others.into_iter().map(|(_, _, id)| id);
    others.zip(1..).collect()
}

fn numbered(segments: impl Iterator<Item = ObjectId>) -> Vec<(u32, ObjectId)> {
    (0..).zip(segments).collect()
}

/// The tables of packs by their trailers; those that do not open are told by nobody and hold nothing.
async fn tables(vault: &Vault, packs: Vec<(ObjectId, Held)>) -> Result<Vec<PackRecord>> {
    let tables = stream::iter(packs).map(|(id, held)| async move {
        match read_table(vault, id, held.bytes).await {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    });
    let tables: Vec<_> = tables.buffered(REQUESTS_MAX).try_collect().await?;
    Ok(tables.into_iter().flatten().collect())
}
