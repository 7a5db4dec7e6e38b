//! What the engine stores and fetches for a point of so many blocks: measured once, then looked up.

use std::sync::Arc;

use crate::scenario::{Copy, Group};

/// What one group's data costs the engine, in real bytes at the group's scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Real bytes of a point that stores no block: manifest, listing, index.
    pub base_bytes: u64,
    /// By how many blocks a point stores, ascending: real bytes beyond `base_bytes`.
    pub data_bytes: Vec<(u64, u64)>,
    /// Real bytes that a restore fetches for each block.
    pub fetched_per_block: u64,
    /// Real bytes that it fetches besides.
    pub fetched_base: u64,
    /// Round trips of a backup, a restore, a forget and a prune.
    pub rounds: [u64; 4],
    /// Requests that write, and that read, of each.
    pub requests: [(u64, u64); 4],
}

impl Fit {
    /// Real bytes of the data of `blocks` blocks, between what was measured.
    pub fn data(&self, blocks: u64) -> u64 {
        let next = self
            .data_bytes
            .partition_point(|(count, _)| *count < blocks);
        let (low, high) = match (next.checked_sub(1), self.data_bytes.get(next)) {
            (_, Some(exact)) if exact.0 == blocks => return exact.1,
            (Some(low), Some(high)) => (self.data_bytes[low], *high),
            (Some(low), None) => match low.checked_sub(1) {
                Some(before) => (self.data_bytes[before], self.data_bytes[low]),
                None => ((0, 0), self.data_bytes[low]),
            },
            (None, Some(high)) => ((0, 0), *high),
            (None, None) => return 0,
        };
        let (run, rise) = (high.0 - low.0, i128::from(high.1) - i128::from(low.1));
        let beyond = i128::from(blocks) - i128::from(low.0);
        let bytes = i128::from(low.1) + rise * beyond / i128::from(run.max(1));
        u64::try_from(bytes).unwrap_or(0)
    }
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
