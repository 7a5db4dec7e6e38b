//! Where each blob lies, in 32 bytes per blob.

use hashbrown::HashTable;

use crate::format::index::PackRecord;
use crate::format::layout::{Codec, HEADER_BYTES};
use crate::format::pack::BlobEntry;
use crate::ids::{BlobId, ObjectId};

/// The first half of a blob's id. Ids are keyed hashes, so that two of the blobs of one vault
/// share a half with probability n^2 / 2^129: 10^-19 for a trillion of them. The whole id is
/// checked again when the blob is opened.
pub(crate) type Prefix = [u8; 16];

pub(crate) fn prefix(id: &BlobId) -> Prefix {
    let mut half = [0; 16];
    half.copy_from_slice(&id.0[..16]);
    half
}

pub(crate) fn hash(prefix: &Prefix) -> u64 {
    u64::from_le_bytes([
        prefix[0], prefix[1], prefix[2], prefix[3], prefix[4], prefix[5], prefix[6], prefix[7],
    ])
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    prefix: Prefix,
    pack: u32,
    offset: u32,
    stored_bytes: u32,
    /// The codec in the high byte, the raw length below: blobs are at most 16 MiB.
    raw: u32,
}

/// A blob's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Number of the pack in [`ChunkIndex::pack`].
    pub pack: u32,
    /// First byte in the pack.
    pub offset: u32,
    /// Bytes in the pack.
    pub stored_bytes: u32,
    /// Bytes of the plaintext.
    pub raw_bytes: u32,
    /// How the body is packed.
    pub codec: Codec,
}

/// The blobs of a pack with their places; the number of the pack is 0.
pub(crate) fn located(record: &PackRecord) -> impl Iterator<Item = (Located, BlobEntry)> + '_ {
    let mut offset = HEADER_BYTES as u32;
    record.entries.iter().map(move |entry| {
        let located = Located {
            pack: 0,
            offset,
            stored_bytes: entry.stored_bytes,
            raw_bytes: entry.raw_bytes,
            codec: entry.codec,
        };
        offset = offset.saturating_add(entry.stored_bytes);
        (located, *entry)
    })
}

/// Which blobs lie where. Memory: 37 bytes per blob at most 7/8 full, 24 per pack.
#[derive(Debug, Default)]
pub struct ChunkIndex {
    table: HashTable<Slot>,
    packs: Vec<(ObjectId, u32)>,
}

impl ChunkIndex {
    /// Adds a pack that the point number `owner` wrote. The first place of a blob stays.
    pub fn add(&mut self, record: &PackRecord, owner: u32) {
        let pack = self.packs.len() as u32;
        self.packs.push((record.pack, owner));
        self.table
            .reserve(record.entries.len(), |slot| hash(&slot.prefix));
        let mut offset = HEADER_BYTES as u32;
        for entry in &record.entries {
            let prefix = prefix(&entry.id);
            let slot = Slot {
                prefix,
                pack,
                offset,
                stored_bytes: entry.stored_bytes,
                raw: (u32::from(entry.codec as u8) << 25) | entry.raw_bytes,
            };
            offset = offset.saturating_add(entry.stored_bytes);
            if let hashbrown::hash_table::Entry::Vacant(vacant) = self.table.entry(
                hash(&prefix),
                |slot| slot.prefix == prefix,
                |slot| hash(&slot.prefix),
            ) {
                vacant.insert(slot);
            }
        }
    }

    /// Where a blob lies.
    pub fn find(&self, id: &BlobId) -> Option<Located> {
        let prefix = prefix(id);
        let slot = self
            .table
            .find(hash(&prefix), |slot| slot.prefix == prefix)?;
        Some(Located {
            pack: slot.pack,
            offset: slot.offset,
            stored_bytes: slot.stored_bytes,
            raw_bytes: slot.raw & 0x01ff_ffff,
            codec: if slot.raw >> 25 == 0 {
                Codec::Raw
            } else {
                Codec::Zstd
            },
        })
    }

    /// The pack with this number.
    pub fn pack(&self, number: u32) -> ObjectId {
        self.packs[number as usize].0
    }

    /// The owner given with the pack of this number.
    pub fn owner(&self, number: u32) -> u32 {
        self.packs[number as usize].1
    }

    /// Packs known.
    pub fn packs(&self) -> usize {
        self.packs.len()
    }

    /// Blobs known.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no blob is known.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}
