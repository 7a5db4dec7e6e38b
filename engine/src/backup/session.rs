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
use crate::vault::{ChunkIndex, FullPack, Located, PackWriters, Prefix, hash, prefix};

use super::packs::seal;

/// What one computation did, to be added up in order.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) statistics: Statistics,
    pub(crate) full_packs: Vec<FullPack>,
    /// Blobs in the scope that a synthetic full must copy.
    pub(crate) copies: Vec<(Located, BlobEntry)>,
}

/// State shared by the computations of one backup.
pub(crate) struct Session {
    pub(crate) keys: Arc<Keyring>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// What the method may refer to.
    pub(crate) scope: Arc<ChunkIndex>,
    /// Packs that an interrupted backup left: to be taken over, not paid for again.
    leftovers: ChunkIndex,
    /// Packs of the scope that are really referred to.
    used: Vec<AtomicBool>,
    adopted: Vec<AtomicBool>,
    copies: bool,
    /// Blobs that are, or are being, stored by this backup.
    claimed: Mutex<HashTable<Prefix>>,
    pub(crate) writers: PackWriters,
}

impl Session {
    pub(crate) fn new(
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

    /// Whether this backup stores `id` already.
    fn is_claimed(&self, id: &BlobId) -> bool {
        let half = prefix(id);
        let claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = claimed.find(hash(&half), |other| *other == half);
        found.is_some()
    }

    /// Whether this backup is the first to store `id`.
    fn claim(&self, id: &BlobId) -> bool {
        let half = prefix(id);
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
    pub(crate) fn refer(&self, kind: Kind, id: &BlobId, tally: &mut Tally) -> bool {
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

    /// Whether the point can have `id` without its bytes: it is in the scope, stored by this already, or in
    /// a pack that is taken over for it.
    pub(crate) fn has(&self, kind: Kind, id: &BlobId, tally: &mut Tally) -> bool {
        if self.refer(kind, id, tally) || self.is_claimed(id) {
            return true;
        }
        let adopted = self.adopt(id);
        if adopted && self.claim(id) {
            tally.statistics.blocks_stored += u64::from(kind == Kind::Data);
        }
        adopted
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
    pub(crate) fn store(&self, kind: Kind, raw: &[u8], tally: &mut Tally) -> BlobId {
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
    pub(crate) fn finish(&self) -> Vec<FullPack> {
        self.writers.finish(&self.keys, &*self.entropy)
    }

    /// Numbers of the packs of the scope that are referred to.
    pub(crate) fn used(&self) -> impl Iterator<Item = u32> + '_ {
        raised(&self.used)
    }

    /// Numbers of the leftover packs that were taken over.
    pub(crate) fn adopted(&self) -> impl Iterator<Item = u32> + '_ {
        raised(&self.adopted)
    }
}

fn raised(flags: &[AtomicBool]) -> impl Iterator<Item = u32> + '_ {
    let flags = flags.iter().enumerate();
    flags
        .filter(|(_, raised)| raised.load(Ordering::Relaxed))
        .map(|(number, _)| number as u32)
}
