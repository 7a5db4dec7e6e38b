//! One backup's shared state: what is known, what is claimed, and the packs being filled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashTable;

use crate::format::layout::Kind;
use crate::format::pack::BlobEntry;
use crate::format::point::Statistics;
use crate::ids::BlobId;
use crate::seal::Keyring;
use crate::seam::Entropy;
use crate::vault::{ChunkIndex, FullPack, Located, PackWriters};

use super::packs::seal;

/// What one computation did, to be added up in order.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) statistics: Statistics,
    pub(super) full_packs: Vec<FullPack>,
    /// Blobs in the scope that a synthetic full must copy.
    pub(super) copies: Vec<(Located, BlobEntry)>,
}

/// State shared by the computations of one backup.
pub(super) struct Session {
    pub(super) keys: Arc<Keyring>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// What the method may refer to.
    pub(super) scope: Arc<ChunkIndex>,
    /// Packs that an interrupted backup left: to be taken over, not paid for again.
    leftovers: ChunkIndex,
    /// Packs of the scope that are really referred to.
    used: Vec<AtomicBool>,
    adopted: Vec<AtomicBool>,
    copies: bool,
    /// Blobs that are, or are being, stored by this backup.
    claimed: Mutex<HashTable<[u8; 16]>>,
    pub(super) writers: PackWriters,
}

impl Session {
    pub(super) fn new(
        keys: Arc<Keyring>,
        entropy: Arc<dyn Entropy>,
        scope: Arc<ChunkIndex>,
        leftovers: ChunkIndex,
        copies: bool,
    ) -> Self {
        let flags = |count| {
            std::iter::repeat_with(AtomicBool::default)
                .take(count)
                .collect()
        };
        Self {
            keys,
            entropy,
            used: flags(scope.packs()),
            adopted: flags(leftovers.packs()),
            scope,
            leftovers,
            copies,
            claimed: Mutex::default(),
            writers: PackWriters::default(),
        }
    }

    /// Whether this backup is the first to store `id`.
    fn claim(&self, id: &BlobId) -> bool {
        let mut half = [0; 16];
        half.copy_from_slice(&id.0[..16]);
        let hash = |half: &[u8; 16]| {
            u64::from_le_bytes([
                half[0], half[1], half[2], half[3], half[4], half[5], half[6], half[7],
            ])
        };
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        match claimed.entry(hash(&half), |other| *other == half, hash) {
            hashbrown::hash_table::Entry::Occupied(_) => false,
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                vacant.insert(half);
                true
            }
        }
    }

    /// Whether the scope has `id`; if so, the point refers to it (or will copy it).
    pub(super) fn refer(&self, kind: Kind, id: &BlobId, tally: &mut Tally) -> bool {
        let Some(located) = self.scope.find(id) else {
            return false;
        };
        if !self.copies {
            self.used[located.pack as usize].store(true, Ordering::Relaxed);
            return true;
        }
        if self.claim(id) {
            tally.statistics.blocks_stored += u64::from(kind == Kind::Data);
            if self.adopt(id) {
                return true;
            }
            let entry = BlobEntry {
                id: *id,
                kind,
                codec: located.codec,
                stored_bytes: located.stored_bytes,
                raw_bytes: located.raw_bytes,
            };
            tally.copies.push((located, entry));
        }
        true
    }

    /// Whether a pack that an interrupted backup left has `id`; if so, the pack is taken over.
    fn adopt(&self, id: &BlobId) -> bool {
        let Some(located) = self.leftovers.find(id) else {
            return false;
        };
        self.adopted[located.pack as usize].store(true, Ordering::Relaxed);
        true
    }

    /// Stores `raw` unless it is there already; gives its id.
    pub(super) fn store(&self, kind: Kind, raw: &[u8], tally: &mut Tally) -> BlobId {
        let id = self.keys.blob_id(kind, raw);
        if self.refer(kind, &id, tally) || !self.claim(&id) {
            return id;
        }
        tally.statistics.blocks_stored += u64::from(kind == Kind::Data);
        if self.adopt(&id) {
            return id;
        }
        let writer = self.writers.of(kind);
        let full = seal(&self.keys, &*self.entropy, kind, id, raw, writer);
        tally.full_packs.extend(full);
        id
    }

    /// Closes the packs that are open, leftovers merged.
    pub(super) fn finish(&self) -> Vec<FullPack> {
        self.writers.finish(&self.keys, &*self.entropy)
    }

    /// Numbers of the packs of the scope that are referred to.
    pub(super) fn used(&self) -> impl Iterator<Item = u32> + '_ {
        raised(&self.used)
    }

    /// Numbers of the leftover packs that were taken over.
    pub(super) fn adopted(&self) -> impl Iterator<Item = u32> + '_ {
        raised(&self.adopted)
    }
}

fn raised(flags: &[AtomicBool]) -> impl Iterator<Item = u32> + '_ {
    let flags = flags.iter().enumerate();
    flags
        .filter(|(_, raised)| raised.load(Ordering::Relaxed))
        .map(|(number, _)| number as u32)
}
