//! Sealed blobs gather here into packs, spread at random over several open ones.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::format::index::PackRecord;
use crate::format::layout::{self, Codec, HEADER_BYTES, Kind, SEAL_BYTES};
use crate::format::pack::{
    BlobEntry, ENTRY_BYTES, FOOTER_SEALED_BYTES, Footer, PACK_BYTES, write_entries,
};
use crate::ids::ObjectId;
use crate::seal::{Keyring, pack_body, seal_part};
use crate::seam::Entropy;
use crate::units::padme;

/// Bytes that closing a pack adds at most, beside its entries: trailer's prefix and seal, footer,
/// the seal of the padding.
const CLOSING_BYTES: usize = 16 + SEAL_BYTES + FOOTER_SEALED_BYTES + SEAL_BYTES;

/// A closed pack, ready to be put.
#[derive(Debug)]
pub struct FullPack {
    /// What the index will say of it.
    pub record: PackRecord,
    /// The object.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct OpenPack {
    id: ObjectId,
    bytes: Vec<u8>,
    entries: Vec<BlobEntry>,
}

impl OpenPack {
    fn new(keys: &Keyring, entropy: &dyn Entropy) -> Self {
        let mut bytes = Vec::with_capacity(256 * 1024);
        bytes.extend_from_slice(&layout::header(Kind::Pack, keys.epoch()));
        Self {
            id: ObjectId::draw(entropy),
            bytes,
            entries: Vec::new(),
        }
    }

    fn fits(&self, sealed_bytes: usize) -> bool {
        let table = (self.entries.len() + 1) * ENTRY_BYTES;
        self.bytes.len() + sealed_bytes + table + CLOSING_BYTES <= PACK_BYTES
    }

    fn push(&mut self, entry: BlobEntry, sealed: &[u8]) {
        if self.bytes.len() + sealed.len() > self.bytes.capacity() && self.bytes.len() > 1 << 20 {
            // One step to the full size instead of doublings that copy.
            self.bytes.reserve_exact(PACK_BYTES - self.bytes.len());
        }
        self.bytes.extend_from_slice(sealed);
        self.entries.push(entry);
    }

    /// Padding, trailer, footer: the size is rounded up so that it tells little of the content,
    /// and the padding is sealed zeros, so that a flipped byte in it is found like any other.
    fn close(mut self, keys: &Keyring, entropy: &dyn Entropy) -> FullPack {
        let body = pack_body(&write_entries(&self.entries));
        let trailer_bytes = body.len() + SEAL_BYTES;
        let base = self.bytes.len() + trailer_bytes + FOOTER_SEALED_BYTES;
        let mut padding_bytes = padme(base as u64) as usize - base;
        if padding_bytes > 0 && padding_bytes < SEAL_BYTES {
            padding_bytes = padme((base + SEAL_BYTES) as u64) as usize - base;
        }
        if padding_bytes > 0 {
            let zeros = vec![0; padding_bytes - SEAL_BYTES];
            seal_part(
                keys,
                entropy,
                Kind::Padding,
                self.id,
                &zeros,
                &mut self.bytes,
            );
        }
        let footer = Footer {
            trailer_offset: self.bytes.len() as u64,
            trailer_bytes: trailer_bytes as u32,
            padding_bytes: padding_bytes as u32,
        };
        seal_part(
            keys,
            entropy,
            Kind::Trailer,
            self.id,
            &body,
            &mut self.bytes,
        );
        seal_part(
            keys,
            entropy,
            Kind::Footer,
            self.id,
            &footer.write(),
            &mut self.bytes,
        );
        FullPack {
            record: PackRecord {
                pack: self.id,
                pack_bytes: self.bytes.len() as u64,
                entries: self.entries,
            },
            bytes: self.bytes,
        }
    }
}

/// Open packs of one backup. Each blob goes to one of `spread` packs drawn at random, so that
/// neither order nor neighbourhood in a pack tells where a file's chunks begin and end.
#[derive(Debug)]
pub struct PackWriter {
    open: Mutex<Vec<OpenPack>>,
    spread: usize,
}

impl PackWriter {
    /// A writer over `spread` open packs; memory is at most `spread` times 16 MiB.
    pub fn new(spread: usize) -> Self {
        Self {
            open: Mutex::new(Vec::new()),
            spread,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OpenPack>> {
        // A panic while the lock is held ends the backup; the packs are never written.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a sealed blob; gives a pack that had to be closed for it.
    pub fn add(
        &self,
        keys: &Keyring,
        entropy: &dyn Entropy,
        entry: BlobEntry,
        sealed: &[u8],
    ) -> Option<FullPack> {
        let mut draw = [0];
        entropy.fill(&mut draw);
        let mut open = self.lock();
        if open.len() < self.spread {
            open.push(OpenPack::new(keys, entropy));
        }
        let drawn = usize::from(draw[0]) % open.len();
        let fitting = (0..open.len())
            .map(|step| (drawn + step) % open.len())
            .find(|&at| open[at].fits(sealed.len()));
        if let Some(at) = fitting {
            open[at].push(entry, sealed);
            return None;
        }
        let fullest = (0..open.len())
            .max_by_key(|&at| open[at].bytes.len())
            .unwrap_or(drawn);
        let full = std::mem::replace(&mut open[fullest], OpenPack::new(keys, entropy));
        open[fullest].push(entry, sealed);
        drop(open);
        Some(full.close(keys, entropy))
    }
}

/// Where the blobs of one piece of work gather: data spread over two packs, the rest in a third.
#[derive(Debug)]
pub struct PackWriters {
    data: PackWriter,
    metadata: PackWriter,
}

impl Default for PackWriters {
    fn default() -> Self {
        Self {
            data: PackWriter::new(2),
            metadata: PackWriter::new(1),
        }
    }
}

impl PackWriters {
    /// Where blobs of `kind` go.
    pub fn of(&self, kind: Kind) -> &PackWriter {
        if kind == Kind::Data {
            &self.data
        } else {
            &self.metadata
        }
    }

    /// Closes what is open, small leftovers merged.
    pub fn finish(&self, keys: &Keyring, entropy: &dyn Entropy) -> Vec<FullPack> {
        let mut merged: Vec<OpenPack> = Vec::new();
        for writer in [&self.data, &self.metadata] {
            for pack in std::mem::take(&mut *writer.lock()) {
                let table = pack.entries.len() * ENTRY_BYTES;
                match merged
                    .iter_mut()
                    .find(|into| into.fits(pack.bytes.len() + table))
                {
                    Some(into) => {
                        into.bytes.extend_from_slice(&pack.bytes[HEADER_BYTES..]);
                        into.entries.extend_from_slice(&pack.entries);
                    }
                    None => merged.push(pack),
                }
            }
        }
        let used = merged.into_iter().filter(|pack| !pack.entries.is_empty());
        used.map(|pack| pack.close(keys, entropy)).collect()
    }
}

/// Seals `raw` as the blob `id` into `scratch` (cleared first) and gives its entry.
pub(crate) fn seal_blob(
    keys: &Keyring,
    entropy: &dyn Entropy,
    kind: Kind,
    id: crate::ids::BlobId,
    raw: &[u8],
    scratch: &mut Vec<u8>,
) -> BlobEntry {
    scratch.clear();
    let mut codec = Codec::Raw;
    keys.seal_with(entropy, kind, &id, raw.len() as u64, scratch, |out| {
        codec = crate::seal::compress_into(raw, out);
        codec
    });
    BlobEntry {
        id,
        kind,
        codec,
        stored_bytes: scratch.len() as u32,
        raw_bytes: raw.len() as u32,
    }
}
