//! Copying sealed blobs from pack to pack inside the vault, as they are.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::error::{Error, Result};
use crate::format::index::{PackRecord, write_record};
use crate::format::layout::{Kind, path};
use crate::format::pack::BlobEntry;
use crate::ids::ObjectId;
use crate::seal::Keyring;
use crate::seam::compute;

use super::{FullPack, Lease, Located, PackWriters, Vault, blob_of, get_range, put_new};

/// Packs read at once; each is up to 16 MiB of memory.
const PACKS_AT_ONCE: usize = 2;
/// Entries per index segment: about 8 MiB.
pub const SEGMENT_ENTRIES: usize = 200_000;

/// Blobs of one pack, in the order in which they lie.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) pack: ObjectId,
    pub(crate) blobs: Vec<(Located, BlobEntry)>,
}

impl Run {
    /// The blobs of a record for which `wanted` says so.
    pub(crate) fn of(record: &PackRecord, mut wanted: impl FnMut(&BlobEntry) -> bool) -> Self {
        let blobs = super::located(record).filter(|(_, entry)| wanted(entry));
        Self {
            pack: record.pack,
            blobs: blobs.collect(),
        }
    }

    /// The bytes of the pack from the first blob to the last.
    pub(crate) fn range(&self) -> Range<u64> {
        let first = self.blobs.first().map_or(0, |(at, _)| u64::from(at.offset));
        let end = self.blobs.last().map_or(0, |(at, _)| {
            u64::from(at.offset) + u64::from(at.stored_bytes)
        });
        first..end
    }

    /// Sealed bytes of the blobs.
    pub(crate) fn stored_bytes(&self) -> u64 {
        let blobs = self.blobs.iter();
        blobs.map(|(at, _)| u64::from(at.stored_bytes)).sum()
    }
}

/// Verifies the blobs of a run and gives each as it lies; `bytes` are those of [`Run::range`].
pub(crate) fn lift(keys: &Keyring, run: &Run, bytes: &Bytes) -> Result<Vec<(BlobEntry, Bytes)>> {
    let base = run.range().start as usize;
    let mut lifted = Vec::with_capacity(run.blobs.len());
    for (located, entry) in &run.blobs {
        let start = located.offset as usize - base;
        let end = start + located.stored_bytes as usize;
        if end > bytes.len() {
            return Err(Error::corrupt(
                path::pack(run.pack),
                "it is shorter than the index says",
            ));
        }
        let sealed = bytes.slice(start..end);
        let mut opened = sealed.to_vec();
        let (epoch, kind) = (keys.epoch(), entry.kind);
        blob_of(
            keys,
            run.pack,
            epoch,
            kind,
            &entry.id,
            *located,
            &mut opened,
        )?;
        lifted.push((*entry, sealed));
    }
    Ok(lifted)
}

/// What a rewriting did.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    /// The new packs, all of them put.
    pub(crate) records: Vec<PackRecord>,
    /// Packs that could not be read, and why: nothing of them was copied.
    pub(crate) failed: Vec<(ObjectId, Error)>,
}

/// Copies blobs into new packs and puts those. Every blob is verified on the way; a pack that is damaged
/// or gone is left out and told. Whatever was put before an error stays, and is found by its trailers.
///
/// # Errors
/// Store errors.
pub(crate) async fn rewrite(
    vault: &Vault,
    lease: &mut Lease,
    runs: Vec<Run>,
    mut copied: impl FnMut(u64),
) -> Result<Rewritten> {
    let writers = PackWriters::default();
    let (world, keys) = (vault.world(), vault.keys());
    let mut done = Rewritten::default();
    let mut lifted = stream::iter(runs)
        .map(|run| async move {
            let pack = run.pack;
            let bytes = match get_range(world, &path::pack(pack), run.range()).await {
                Ok(bytes) => bytes,
                Err(error) => return (pack, Err(error)),
            };
            let keys = Arc::clone(keys);
            let lifted = compute(&*world.workers, move || lift(&keys, &run, &bytes)).await;
            (pack, lifted.and_then(|lifted| lifted))
        })
        .buffered(PACKS_AT_ONCE);
    while let Some((pack, blobs)) = lifted.next().await {
        let blobs = match blobs {
            Ok(blobs) => blobs,
            Err(error) if error.is_damage() => {
                done.failed.push((pack, error));
                continue;
            }
            Err(error) => return Err(error),
        };
        for (entry, sealed) in blobs {
            copied(sealed.len() as u64);
            let full = writers
                .of(entry.kind)
                .add(keys, &*world.entropy, entry, &sealed);
            if let Some(full) = full {
                done.records.push(put_pack(vault, full).await?);
            }
        }
        lease.keep().await?;
    }
    for full in writers.finish(keys, &*world.entropy) {
        done.records.push(put_pack(vault, full).await?);
    }
    Ok(done)
}

async fn put_pack(vault: &Vault, pack: FullPack) -> Result<PackRecord> {
    put_new(vault.world(), &path::pack(pack.record.pack), pack.bytes).await?;
    Ok(pack.record)
}

/// Writes index segments that tell `records`; gives their names and bytes.
///
/// # Errors
/// Store errors.
pub(crate) async fn write_segments(
    vault: &Vault,
    records: &[PackRecord],
) -> Result<Vec<(ObjectId, u64)>> {
    let mut segments = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let (mut raw, mut entries, mut taken) = (Vec::new(), 0, 0);
        for record in rest {
            write_record(record, &mut raw);
            entries += record.entries.len();
            taken += 1;
            if entries >= SEGMENT_ENTRIES {
                break;
            }
        }
        rest = &rest[taken..];
        let id = ObjectId::draw(&*vault.world().entropy);
        let at = path::index(id);
        segments.push((id, vault.put_object(Kind::Index, id, &at, &raw).await?));
    }
    Ok(segments)
}
