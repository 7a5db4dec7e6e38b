//! What changed between a replica's points is never told too small, whatever was merged, folded or sent again.

use std::sync::Arc;

use engine::format::point::Instant;
use engine::replication::replica::{Point, Replica};
use engine::source::CHANGED_PIECE_BYTES as PIECE;

/// Points that are remembered: enough that some of them are merged or folded meanwhile.
const POINTS_MAX: usize = 6;

/// Points that were there at some time, and what the disks were at each.
#[derive(Default)]
pub(super) struct Remembered {
    points: Vec<(Instant, Vec<Vec<u8>>)>,
    /// How often it was told what changed.
    pub(super) told: u64,
}

impl Remembered {
    /// Every difference between an earlier point and the newest is told, or that nothing is known.
    pub(super) async fn hold(&mut self, replica: &Arc<Replica>, sizes: &[u64], what: &str) {
        let Some(newest) = replica.points().await.last().copied() else {
            return;
        };
        self.hold_point(replica, newest, sizes, what).await;
    }

    async fn hold_point(
        &mut self,
        replica: &Arc<Replica>,
        point: Point,
        sizes: &[u64],
        what: &str,
    ) {
        let pinned = replica.view(point).await.expect("a view");
        let mut now = Vec::new();
        for (number, size) in (0..).zip(sizes) {
            let read = pinned.view.read((number, 0), *size as usize).await;
            now.push(read.expect("it reads").to_vec());
        }
        for (since, then) in &self.points {
            let changed = replica.changed_since(&pinned, *since).await;
            let Ok(changed) = changed.expect("it is told") else {
                continue;
            };
            self.told += 1;
            for ((then, now), changed) in then.iter().zip(&now).zip(&changed) {
                let pieces = then.chunks(PIECE as usize).zip(now.chunks(PIECE as usize));
                for (piece, (then, now)) in pieces.enumerate() {
                    let known = then == now || changed.has(piece as u64);
                    assert!(known, "{what}: piece {piece} changed since {since:?}");
                }
            }
        }
        let instant = replica.instant_of(point).await.expect("an instant");
        self.points.push((instant, now));
        if self.points.len() > POINTS_MAX {
            self.points.remove(0);
        }
    }
}
