//! What the engine stores and fetches for a point of so many blocks: measured once, then looked up.

use std::sync::Arc;

use engine::vault::{FETCH_BYTES, GAP_BYTES};

use crate::scenario::{Copy, Group};

/// What a step asks of the store beside the data that it moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepFit {
    /// Round trips, one after the other.
    pub rounds: u64,
    /// Requests that write.
    pub writes: u64,
    /// Requests that read.
    pub reads: u64,
    /// Real bytes of manifests, lists and the index that it reads, whatever there is.
    pub got: u64,
    /// And for each point that exists: its manifest, which is as large as it is, whatever the scale.
    pub got_per_point: u64,
    /// And, of the index, for each block that the points store which it builds on,
    pub got_per_block: u64,
    /// and for each segment that tells of them. A prune reads the point's lists too.
    pub got_per_segment: u64,
}

/// What an index tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Blocks.
    pub(super) blocks: u64,
    /// In so many segments: one for each point that stored any.
    pub(super) segments: u64,
}

impl Index {
    /// Of points that stored so many blocks each.
    pub(super) fn of(stored: impl Iterator<Item = u64>) -> Self {
        stored.fold(Self::default(), |index, blocks| Self {
            blocks: index.blocks + blocks,
            segments: index.segments + u64::from(blocks > 0),
        })
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
    /// Real bytes of the mark that deletes a point.
    pub mark_bytes: u64,
    /// Real bytes of the lease that a backup holds.
    pub lease_bytes: u64,
    /// Round trips for each point that is deleted or brought back.
    pub mark_rounds: u64,
    /// By how many blocks a replicated batch has, ascending: real bytes of it, sealed.
    pub batch_bytes: Vec<(u64, u64)>,
    /// A backup, a restore, a forget (of no point), a prune and a list of points.
    pub steps: [StepFit; 5],
}

impl Fit {
    /// Real bytes of a pack of so many blocks, with a point's lists or without.
    pub(super) fn pack(&self, blocks: u64, lists: bool) -> u64 {
        let without = if lists { 0 } else { self.listing_bytes };
        self.data(blocks).saturating_sub(without)
    }

    /// The fetches, in real bytes, in which a restore reads a pack whose blocks are needed or not, in the order in
    /// which they lie: what is needed, and gaps that are cheaper to read over, in requests of a bounded size (the
    /// rules of `engine::vault`).
    pub(super) fn fetches(&self, needed: impl Iterator<Item = bool>) -> Vec<u64> {
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

    /// Real bytes of the data of `blocks` blocks, between what was measured.
    pub fn data(&self, blocks: u64) -> u64 {
        between(&self.data_bytes, blocks)
    }

    /// Real bytes of a sealed batch of `blocks` blocks, between what was measured.
    pub fn batch(&self, blocks: u64) -> u64 {
        between(&self.batch_bytes, blocks)
    }
}

/// The bytes of `blocks` blocks, on the line between the measured counts around them.
fn between(measured: &[(u64, u64)], blocks: u64) -> u64 {
    let next = measured.partition_point(|(count, _)| *count < blocks);
    let (low, high) = match (next.checked_sub(1), measured.get(next)) {
        (_, Some(exact)) if exact.0 == blocks => return exact.1,
        (Some(low), Some(high)) => (measured[low], *high),
        (Some(low), None) => match low.checked_sub(1) {
            Some(before) => (measured[before], measured[low]),
            None => ((0, 0), measured[low]),
        },
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
