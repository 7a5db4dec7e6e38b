//! Where each blob lies, in about 40 bytes per blob.

use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

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

#[derive(Debug)]
struct Slot {
    prefix: Prefix,
    pack: u32,
    offset: u32,
    stored_bytes: u32,
    /// The raw length in the low 25 bits (blobs are at most 16 MiB), the codec above, and the mark in the
    /// highest.
    raw: AtomicU32,
}

const RAW_BITS: u32 = 25;
const MARK: u32 = 1 << 31;

impl Slot {
    fn located(&self) -> Located {
        let raw = self.raw.load(Ordering::Relaxed);
        Located {
            pack: self.pack,
            offset: self.offset,
            stored_bytes: self.stored_bytes,
            raw_bytes: raw & ((1 << RAW_BITS) - 1),
            codec: if (raw & !MARK) >> RAW_BITS == 0 {
                Codec::Raw
            } else {
                Codec::Zstd
            },
        }
    }
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

/// Slots per block: 2 MiB. A list that grew by doubling would take three times its size while it does.
const BLOCK_SLOTS: usize = 1 << 16;

/// Which blobs lie where. Memory: 32 bytes per blob, and 6 to 11 for the table of their numbers, which is
/// between 7/16 and 7/8 full; 24 per pack. `benches/index_memory.rs` measures it.
#[derive(Debug, Default)]
pub struct ChunkIndex {
    /// Numbers of slots.
    table: HashTable<u32>,
    slots: Slots,
    packs: Vec<(ObjectId, u32)>,
}

/// Slots in blocks, so that growing copies nothing.
#[derive(Debug, Default)]
struct Slots(Vec<Vec<Slot>>);

impl Slots {
    fn get(&self, number: u32) -> &Slot {
        &self.0[number as usize / BLOCK_SLOTS][number as usize % BLOCK_SLOTS]
    }

    fn replace(&mut self, number: u32, slot: Slot) {
        self.0[number as usize / BLOCK_SLOTS][number as usize % BLOCK_SLOTS] = slot;
    }

    fn push(&mut self, slot: Slot) {
        match self.0.last_mut().filter(|block| block.len() < BLOCK_SLOTS) {
            Some(block) => block.push(slot),
            None => self.0.push(vec![slot]),
        }
    }
}

impl ChunkIndex {
    /// Adds a pack that the point number `owner` wrote. The first place of a blob stays.
    pub fn add(&mut self, record: &PackRecord, owner: u32) {
        self.insert(record, owner, |_, _| false);
    }

    /// Adds a pack whose owner is a rank: a blob is found in the pack of the lowest.
    pub(crate) fn add_ranked(&mut self, record: &PackRecord, rank: u32) {
        self.insert(record, rank, |before, now| now < before);
    }

    fn insert(&mut self, record: &PackRecord, owner: u32, wins: impl Fn(u32, u32) -> bool) {
        let pack = self.packs.len() as u32;
        self.packs.push((record.pack, owner));
        for (at, entry) in located(record) {
            let prefix = prefix(&entry.id);
            let slot = Slot {
                prefix,
                pack,
                offset: at.offset,
                stored_bytes: entry.stored_bytes,
                raw: ((u32::from(entry.codec as u8) << RAW_BITS) | entry.raw_bytes).into(),
            };
            let number = self.table.len() as u32;
            match self.table.entry(
                hash(&prefix),
                |other| self.slots.get(*other).prefix == prefix,
                |other| hash(&self.slots.get(*other).prefix),
            ) {
                Entry::Vacant(vacant) => {
                    vacant.insert(number);
                    self.slots.push(slot);
                }
                Entry::Occupied(before) => {
                    let before = *before.get();
                    let other = self.slots.get(before).pack;
                    if wins(self.packs[other as usize].1, owner) {
                        self.slots.replace(before, slot);
                    }
                }
            }
        }
    }

    /// Where a blob lies.
    pub fn find(&self, id: &BlobId) -> Option<Located> {
        self.slot(id).map(Slot::located)
    }

    fn slot(&self, id: &BlobId) -> Option<&Slot> {
        let prefix = prefix(id);
        let found = |number: &u32| self.slots.get(*number).prefix == prefix;
        let number = self.table.find(hash(&prefix), found)?;
        Some(self.slots.get(*number))
    }

    /// Marks a blob as needed; tells whether it was not before. `None` when it lies nowhere.
    pub fn mark(&self, id: &BlobId) -> Option<bool> {
        let slot = self.slot(id)?;
        Some(slot.raw.fetch_or(MARK, Ordering::Relaxed) & MARK == 0)
    }

    /// Where a marked blob lies; `None` for one that is not marked, or lies nowhere.
    pub fn find_marked(&self, id: &BlobId) -> Option<Located> {
        let slot = self.slot(id)?;
        (slot.raw.load(Ordering::Relaxed) & MARK != 0).then(|| slot.located())
    }

    /// Marked blobs and their bytes, by number of the pack that they are found in.
    pub fn marked_by_pack(&self) -> Vec<(u32, u64)> {
        let mut marked = vec![(0, 0); self.packs.len()];
        for slot in self.slots.0.iter().flatten() {
            if slot.raw.load(Ordering::Relaxed) & MARK != 0 {
                let (blobs, bytes) = &mut marked[slot.pack as usize];
                *blobs += 1;
                *bytes += u64::from(slot.stored_bytes);
            }
        }
        marked
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
