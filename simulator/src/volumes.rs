//! How much full, differential and incremental backups send and read, where any block changes
//! independently of the others: in closed form, and by the engine's own choice of method.
//!
//! The unit is one full. The closed forms are means over chance and so fractions; what is counted is
//! counted in blocks. Real disks rewrite the same blocks again and again, which makes differentials
//! smaller than this: a forecast takes measured changes, this is what to hold it against.

use std::collections::BTreeSet;

use engine::backup::method_at;
use engine::format::point::Method;

use crate::draw::Draws;

/// A cycle of one full and the points that build on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cycle {
    /// Points in it, the full included.
    pub points: i32,
    /// The probability that a block changes from one point to the next.
    pub change: f64,
}

impl Cycle {
    /// A full each time: n.
    pub fn full(&self) -> f64 {
        f64::from(self.points)
    }

    /// One full, and each time what changed since the point before: `1 + (n-1) c`.
    pub fn incremental(&self) -> f64 {
        1.0 + f64::from(self.points - 1) * self.change
    }

    /// One full, and each time what changed since the full: the sum of `1 - (1-c)^k` over k,
    /// `1 + (n-1) - ((1-c) - (1-c)^n)/c`.
    pub fn differential(&self) -> f64 {
        if self.change == 0.0 {
            return 1.0;
        }
        let same = 1.0 - self.change;
        f64::from(self.points) - (same - same.powi(self.points)) / self.change
    }

    /// What a restore of the kth point after the full reads of an incremental chain: `1 + k c`, from
    /// k + 1 points.
    pub fn incremental_restore(&self, after: i32) -> f64 {
        1.0 + f64::from(after) * self.change
    }

    /// Of a differential: `1 + 1 - (1-c)^k`, from two points.
    pub fn differential_restore(&self, after: i32) -> f64 {
        2.0 - (1.0 - self.change).powi(after)
    }
}

/// Blocks that a strategy moves for one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Sent by the backup.
    pub sent: u64,
    /// Read by a restore of the point, superseded blocks included.
    pub restore_reads: u64,
    /// Points that a restore reads.
    pub restore_points: u32,
}

/// What each point of a strategy moves for a disk of `blocks`, of which `changed[k]` have changed
/// when point k + 1 is taken.
pub fn moved(
    strategy: Method,
    full_every: u32,
    blocks: u64,
    changed: &[BTreeSet<u64>],
) -> Vec<Moved> {
    let mut since_full: BTreeSet<u64> = BTreeSet::new();
    let mut chain = Moved {
        sent: 0,
        restore_reads: 0,
        restore_points: 0,
    };
    let none = BTreeSet::new();
    (0_u32..)
        .zip(std::iter::once(&none).chain(changed))
        .map(|(number, changed)| {
            let method = if number == 0 {
                Method::Full
            } else {
                method_at(strategy, number, full_every)
            };
            since_full.extend(changed);
            let (own, all) = (changed.len() as u64, since_full.len() as u64);
            let (sent, restore_reads, restore_points) = match method {
                Method::Full => (blocks, blocks, 1),
                // What it does not send it finds in the vault, and a restore reads each block once.
                Method::SyntheticFull | Method::Forever => (own, blocks, 1),
                Method::Differential => (all, blocks + all, 2),
                Method::Incremental => (own, chain.restore_reads + own, chain.restore_points + 1),
            };
            if method.begins_chain() {
                since_full.clear();
            }
            chain = Moved {
                sent,
                restore_reads,
                restore_points,
            };
            chain
        })
        .collect()
}

/// Independent changes of a disk: `points - 1` sets of which each block is in with probability
/// `change_ppm` in a million.
pub fn independent_changes(
    blocks: u64,
    points: u32,
    change_ppm: u64,
    seed: u64,
) -> Vec<BTreeSet<u64>> {
    let draws = Draws::new(seed);
    (1..points)
        .map(|point| {
            let mut stream = draws.stream("volumes", "changes", point.into());
            (0..blocks)
                .filter(|_| stream.part_per_million(change_ppm))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ten blocks A1 to A10 of three months that the project started from.
    #[test]
    fn ten_blocks_over_three_months() {
        let changed = [BTreeSet::from([2, 3, 4, 9]), BTreeSet::from([5])];
        let of = |method| {
            let moved = moved(method, 12, 10, &changed);
            let sent: Vec<u64> = moved.iter().map(|point| point.sent).collect();
            (sent, moved[2].restore_reads, moved[2].restore_points)
        };
        assert_eq!(of(Method::Full), (vec![10, 10, 10], 10, 1));
        assert_eq!(of(Method::Differential), (vec![10, 4, 5], 15, 2));
        assert_eq!(of(Method::Incremental), (vec![10, 4, 1], 15, 3));
    }

    #[test]
    fn a_full_starts_over() {
        let changed: Vec<_> = (1..5).map(|block| BTreeSet::from([block])).collect();
        let of = |method| {
            let moved = moved(method, 3, 10, &changed);
            let sent: Vec<u64> = moved.iter().map(|point| point.sent).collect();
            (sent, moved[4].restore_reads, moved[4].restore_points)
        };
        assert_eq!(of(Method::Differential), (vec![10, 1, 2, 10, 1], 11, 2));
        assert_eq!(of(Method::Incremental), (vec![10, 1, 1, 10, 1], 11, 2));
        assert_eq!(of(Method::SyntheticFull), (vec![10, 1, 1, 1, 1], 11, 2));
        assert_eq!(of(Method::Forever), (vec![10, 1, 1, 1, 1], 10, 1));
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "blocks are few")]
    fn closed_forms_are_what_happens() {
        let blocks = 2_000;
        for (points, ppm) in [(7_i32, 20_000_u32), (30, 100_000), (30, 1_000_000), (12, 0)] {
            let cycle = Cycle {
                points,
                change: f64::from(ppm) / 1e6,
            };
            let changed = independent_changes(blocks, points.unsigned_abs(), ppm.into(), 5);
            let forms = [
                (Method::Full, cycle.full(), 1.0),
                (
                    Method::Incremental,
                    cycle.incremental(),
                    cycle.incremental_restore(cycle.points - 1),
                ),
                (
                    Method::Differential,
                    cycle.differential(),
                    cycle.differential_restore(cycle.points - 1),
                ),
            ];
            for (method, sent, read) in forms {
                let moved = moved(method, points.unsigned_abs(), blocks, &changed);
                let total: u64 = moved.iter().map(|point| point.sent).sum();
                let near = |ours: u64, said: f64| {
                    let ours = ours as f64 / blocks as f64;
                    // Five standard errors of 2,000 blocks, at most 1.2 % of a full each.
                    assert!(
                        (ours - said).abs() < 0.01 * said + 0.05,
                        "{method:?} {points}: {ours} and {said}"
                    );
                };
                near(total, sent);
                near(moved.last().unwrap().restore_reads, read);
            }
        }
    }
}
