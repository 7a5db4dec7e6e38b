//! What steps asked of the store, told apart: what each asks in any case, and what it asks for each thing in the vault.

use std::collections::BTreeMap;

use crate::modelled::{Fit, StepFit};

/// What was asked of the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) rounds: u64,
    pub(super) writes: u64,
    pub(super) reads: u64,
    pub(super) got: u64,
}

impl Asked {
    /// A step that asked this, of which so many reads were for things in the vault. It opened the vault, and read as much
    /// of its own as stands for `scale` bytes each.
    fn step(self, things: u64, opened: u64, large: u64) -> StepFit {
        StepFit {
            rounds: self.rounds,
            writes: self.writes,
            reads: self.reads.saturating_sub(things),
            small: opened,
            large,
        }
    }
}

/// What points of ever more blocks took.
pub(super) struct Doublings {
    /// Bytes of sealed content in the vault, before each of them and after the last.
    pub(super) blobs: Vec<u64>,
    /// What so many blocks stored.
    pub(super) data: BTreeMap<u64, u64>,
    /// What the last one asked.
    pub(super) last: Asked,
    /// Points in the vault.
    pub(super) points: u64,
    /// Blocks of the points that the last one builds on, but for the first full.
    pub(super) blocks: u64,
    /// Blocks of the first full.
    pub(super) all: u64,
}

/// What steps asked: a backup with one point to build on, a restore of a full, a forget of no point, a list of points, a
/// forget of all, a prune when there was a full and a point of nothing, and one at the end.
pub(super) struct Steps {
    pub(super) early: Asked,
    pub(super) restore: Asked,
    pub(super) forget: Asked,
    pub(super) listed: Asked,
    pub(super) marking: Asked,
    pub(super) prunes: [Asked; 2],
}

impl Doublings {
    /// What each step asks, told apart from what lies in the vault. All open it and read every manifest: a prune twice, and
    /// every segment and listing besides.
    pub(super) fn told(&self, fit: Fit, steps: &Steps) -> Fit {
        let (points, opened) = (self.points, fit.vault_bytes);
        let manifest_bytes = steps.forget.got.saturating_sub(opened) / points;
        // The early backup had one point to build on, and its segment.
        let whole = steps.early.got.saturating_sub(manifest_bytes + opened);
        let lists = self.last.got.saturating_sub(steps.early.got);
        let rest = lists.saturating_sub(manifest_bytes * (points - 2));
        let (index_blob, index_segment) = self.index(whole, rest);
        let [first, last] = steps.prunes;
        // Between the two came so many points, each with a segment and a listing.
        let more = points - 2;
        let segments = index_blob * self.data.keys().sum::<u64>() + index_segment * more;
        let listings = last.got.saturating_sub(first.got);
        let listings = listings.saturating_sub(2 * manifest_bytes * more + segments);
        let listed = last.reads.saturating_sub(first.reads) / more.max(1);
        // Two manifests and a segment.
        let listed = listed.saturating_sub(3);
        let fetches = fit.fetches((0..self.all).map(|_| true)).len() as u64;
        let restored = manifest_bytes * points + whole + opened;
        let marking = Asked {
            rounds: 0,
            writes: steps
                .marking
                .writes
                .saturating_sub(steps.forget.writes + points),
            reads: steps.marking.reads.saturating_sub(steps.forget.reads),
            ..steps.marking
        };
        Fit {
            manifest_bytes,
            index_blob,
            index_segment,
            listed: (listed, listings / more.max(1) / self.all.max(1)),
            steps: [
                steps.early.step(2, opened, 0),
                steps.restore.step(
                    points + 1 + fetches,
                    opened,
                    steps.restore.got.saturating_sub(restored),
                ),
                steps.forget.step(points, opened, 0),
                // It looks twice at all leases, its own among them.
                first.step(2 * 2 + 1 + listed, opened + 2 * fit.lease_bytes, 0),
                steps.listed.step(points, opened, 0),
                marking.step(points, 0, 0),
            ],
            ..fit
        }
    }

    /// What a block and a segment add to an index: from the one of all blocks, and those of the doublings together.
    fn index(&self, whole: u64, rest: u64) -> (u64, u64) {
        let segments = (self.data.len() as u64).saturating_sub(1);
        if segments == 0 {
            return (whole / self.all.max(1), 0);
        }
        let (run, rise) = (segments * self.all - self.blocks, segments * whole);
        let block = (rise.saturating_sub(rest) + run / 2) / run.max(1);
        (block, rest.saturating_sub(block * self.blocks) / segments)
    }
}
