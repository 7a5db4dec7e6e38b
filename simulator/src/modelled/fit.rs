//! What the engine stores and fetches for a point of so many blocks: measured once, then looked up.

use std::sync::Arc;

use engine::units::padme;
use engine::vault::{FETCH_BYTES, GAP_BYTES};

use crate::scenario::{Copy, Group};

/// What a step asks of the store beside the data that it moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepFit {
    /// Round trips, one after the other.
    pub rounds: u64,
    /// Requests that write, list or delete, beside those for what it stores, marks or removes.
    pub writes: u64,
    /// Requests that read, beside one for each manifest, mark and segment of the index, and what it fetches.
    pub reads: u64,
    /// Real bytes that it reads whatever there is, as large as they are whatever the scale.
    pub small: u64,
    /// And such as stand for `scale` bytes each: the listing of what is restored.
    pub large: u64,
}

/// What a step reads of the vault's own objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looks {
    /// Manifests of points.
    pub(super) manifests: u64,
    /// Marks of deleted ones.
    pub(super) marks: u64,
    /// Of the index.
    pub(super) index: Index,
    /// How many listings of points, and the blocks that they tell of together.
    pub(super) listings: (u64, u64),
}

/// What an index tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Blocks.
    pub(super) blocks: u64,
    /// Points' listings that lie in the same packs.
    pub(super) listings: u64,
    /// Those packs.
    pub(super) packs: u64,
    /// In so many segments: one for each point that stored any.
    pub(super) segments: u64,
}

/// What a pack's record has besides an entry for each blob: name, size and count (`index/ID` in the engine's FORMAT.md).
const RECORD_BYTES: u64 = 16 + 8 + 4;

impl Index {
    /// Of points that stored so many blocks each.
    pub(super) fn of(stored: impl Iterator<Item = u64>) -> Self {
        stored.fold(Self::default(), |index, blocks| Self {
            blocks: index.blocks + blocks,
            listings: index.listings + u64::from(blocks > 0),
            packs: index.packs + u64::from(blocks > 0),
            segments: index.segments + u64::from(blocks > 0),
        })
    }

    /// The same read so often.
    pub(super) fn times(self, times: u64) -> Self {
        Self {
            blocks: self.blocks * times,
            listings: self.listings * times,
            packs: self.packs * times,
            segments: self.segments * times,
        }
    }

    /// This one, and another.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            blocks: self.blocks + other.blocks,
            listings: self.listings + other.listings,
            packs: self.packs + other.packs,
            segments: self.segments + other.segments,
        }
    }
}

/// What one group's data costs the engine, in real bytes: data at the group's scale, manifests, marks and leases as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Real bytes of a point in which nothing changed: its manifest.
    pub base_bytes: u64,
    /// By how many blocks a point stores, ascending: real bytes beyond `base_bytes`, its lists included.
    pub data_bytes: Vec<(u64, u64)>,
    /// Real bytes of a sealed block, without what packs add.
    pub block_bytes: u64,
    /// Real bytes of a point's sealed listing, which lies in its packs.
    pub listing_bytes: u64,
    /// Real bytes that a restore fetches besides blocks and what it reads over between them.
    pub fetched_base: u64,
    /// Real bytes of an empty vault: header and key slot.
    pub vault_bytes: u64,
    /// Real bytes of a point's manifest.
    pub manifest_bytes: u64,
    /// Real bytes of an index for each blob that it tells of.
    pub index_blob: u64,
    /// And for each segment, with the record of one pack and the blobs of one listing.
    pub index_segment: u64,
    /// Blobs of a point's listing, each of which a prune reads by itself, and real bytes of them for each block in use.
    pub listed: (u64, u64),
    /// Real bytes of the mark that deletes a point.
    pub mark_bytes: u64,
    /// Real bytes of the lease that a backup holds.
    pub lease_bytes: u64,
    /// Round trips for each point that is deleted or brought back.
    pub mark_rounds: u64,
    /// By how many blocks a replicated batch has, ascending: real bytes of it, sealed.
    pub batch_bytes: Vec<(u64, u64)>,
    /// A backup, a restore, a forget (of no point), a prune, a list of points, and what a forget of some asks besides.
    pub steps: [StepFit; 6],
}

impl Fit {
    /// Real bytes of a pack of so many blocks and listings.
    pub(super) fn pack(&self, blocks: u64, listings: u64) -> u64 {
        let listings = self.listing_bytes * listings;
        // What was measured had one.
        let data = self.data(blocks);
        data.saturating_sub(self.listing_bytes) + listings
    }

    /// The fetches, in real bytes, in which a restore reads a pack whose blocks are needed or not, in the order in
    /// which they lie: what is needed, and gaps that are cheaper to read over, in requests of a bounded size (the
    /// rules of `engine::vault`).
    pub(crate) fn fetches(&self, needed: impl Iterator<Item = bool>) -> Vec<u64> {
        let block = self.block_bytes;
        let mut fetches: Vec<u64> = Vec::new();
        let mut gap = 0;
        for needed in needed {
            if !needed {
                gap += block;
                continue;
            }
            match fetches.last_mut() {
                Some(last) if gap <= GAP_BYTES && *last + gap + block <= FETCH_BYTES => {
                    *last += gap + block;
                }
                _ => fetches.push(block),
            }
            gap = 0;
        }
        fetches
    }

    /// Real bytes of what an index tells.
    pub(super) fn index(&self, index: Index) -> u64 {
        let listings = self.listed.0 * self.index_blob;
        let segment = self.index_segment.saturating_sub(listings + RECORD_BYTES);
        let blobs = self.index_blob * index.blocks + listings * index.listings;
        blobs + RECORD_BYTES * index.packs + segment * index.segments
    }

    /// Real bytes of the data of `blocks` blocks, between what was measured; beyond it, where a disk has grown, padded as
    /// packs are.
    pub fn data(&self, blocks: u64) -> u64 {
        let bytes = between(&self.data_bytes, blocks);
        let most = self.data_bytes.last().map_or(0, |last| last.0);
        if blocks > most { padme(bytes) } else { bytes }
    }

    /// Real bytes of a sealed batch of `blocks` blocks, between what was measured.
    pub fn batch(&self, blocks: u64) -> u64 {
        between(&self.batch_bytes, blocks)
    }
}

/// The bytes of `blocks` blocks, on the line between the measured counts around them; beyond the last, in proportion.
fn between(measured: &[(u64, u64)], blocks: u64) -> u64 {
    let next = measured.partition_point(|(count, _)| *count < blocks);
    let (low, high) = match (next.checked_sub(1), measured.get(next)) {
        (_, Some(exact)) if exact.0 == blocks => return exact.1,
        (Some(low), Some(high)) => (measured[low], *high),
        // A disk that has grown: what is stored with its blocks grows as they do.
        (Some(low), None) => ((0, 0), measured[low]),
        (None, Some(high)) => ((0, 0), *high),
        (None, None) => return 0,
    };
    let (run, rise) = (high.0 - low.0, i128::from(high.1) - i128::from(low.1));
    let beyond = i128::from(blocks) - i128::from(low.0);
    let bytes = i128::from(low.1) + rise * beyond / i128::from(run.max(1));
    u64::try_from(bytes).unwrap_or(0)
}

/// The fits of a scenario's groups, and the answers of each copy's policy.
#[derive(Debug)]
pub struct Fits {
    pub(super) groups: Vec<Arc<Fit>>,
    pub(super) verdicts: Vec<super::verdicts::Verdicts>,
}

impl Fits {
    /// Of measured groups, for a strategy with these copies.
    pub fn new(groups: Vec<Arc<Fit>>, copies: &[Copy], start_seconds: i64) -> Self {
        let verdicts = copies
            .iter()
            .map(|copy| super::verdicts::Verdicts::new(copy.policy.clone(), start_seconds));
        Self {
            groups,
            verdicts: verdicts.collect(),
        }
    }

    /// The fit of a group.
    pub(super) fn of(&self, groups: &[Group], group: &Group) -> Arc<Fit> {
        let position = groups.iter().position(|other| other.name == group.name);
        Arc::clone(&self.groups[position.unwrap_or(0)])
    }
}

/// How many blocks lie from the first that is copied to the last: a copy reads them at once.
pub(super) fn span(copied: impl Iterator<Item = bool>) -> u64 {
    let copied = (0_u64..).zip(copied).filter(|(_, copied)| *copied);
    let ends = copied.fold(None, |ends: Option<(u64, u64)>, (at, _)| {
        Some((ends.map_or(at, |ends| ends.0), at))
    });
    ends.map_or(0, |(first, last)| last - first + 1)
}

/// Blocks of a point in the order in which they lie in its pack: they are spread over two open packs, which become
/// one when they fill none. A stand-in for the engine's draw, as even.
pub(super) fn pack_order<T>(blocks: Vec<T>, block: impl Fn(&T) -> u32, point: u32) -> Vec<T> {
    let second = |item: &T| {
        let mixed = u64::from(block(item)) << 32 | u64::from(point);
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1
    };
    let (second, mut first): (Vec<T>, Vec<T>) = blocks.into_iter().partition(second);
    first.extend(second);
    first
}
