//! Checkers that run beside a replica: points are states of the past, in order, and no report of an RPO is less than
//! what would be lost.

use std::sync::Arc;
use std::time::Duration;

use engine::error::Result;
use engine::replication::replica::{Point, Replica};
use engine::seam::Clock;

use crate::emulated::HostClock;
use crate::scenario::SECOND;

use super::Ground;
use super::ledger::{Content, hash};
use super::station::Station;

/// Looks this often, on average, where faults are drawn.
pub(super) const EVERY: u64 = 15 * SECOND;
/// For what is on its way a replica's report is short: a message may wait behind others where the way is slow.
const REPLICA_MICROS: u64 = 3 * SECOND;
/// A source's report is not; both are read within this.
const SOURCE_MICROS: u64 = 20_000;

/// Watches a replica for as long as it is polled.
pub(super) async fn follow(ground: &Arc<Ground>, station: &Arc<Station>, replica: &Arc<Replica>) {
    let turn = ground.turn();
    let mut stream = ground
        .draws
        .stream(&format!("watch {}", station.site), "when", turn);
    loop {
        ground
            .handle
            .sleep(stream.uniform(1, 2 * ground.watch_micros))
            .await;
        let told = told(ground, station, replica).await;
        let points = replica.points().await;
        let Some(newest) = points.last() else {
            continue;
        };
        let mut sample = vec![points[stream.below(points.len() as u64) as usize]];
        if sample[0].batch != newest.batch {
            sample.push(*newest);
        }
        let mut after = 0;
        for point in sample {
            let Ok(found) = content(ground, replica, point).await else {
                continue;
            };
            let hash = hash(&found);
            let mut ledger = ground.ledger();
            ledger.tally.points += 1;
            match ledger.place(station.site, hash, after) {
                Some(at) => after = at,
                None => ledger.stray(station.site, point.batch, ground.handle.now()),
            }
            if point.batch == newest.batch {
                for (who, report, slack) in &told.reports {
                    ledger.tally.reports += 1;
                    let lost = ledger.loss_micros(station.site, hash, told.at);
                    let report = u64::try_from(report.as_micros()).unwrap_or(u64::MAX);
                    let most = report.saturating_add(*slack);
                    if let Some(lost) = lost.filter(|lost| *lost > most) {
                        ledger.dishonest(who, (report, lost), told.at);
                    }
                }
            }
            drop(ledger);
            ground.handle.trace(station.host.id, "checked", point.batch);
        }
    }
}

/// What both sites tell of the RPO at one instant.
struct Told {
    at: u64,
    /// Whose, what, and by how much it may be short.
    reports: Vec<(&'static str, Duration, u64)>,
}

async fn told(ground: &Ground, station: &Station, replica: &Replica) -> Told {
    let standing = replica.standing().await;
    let at = ground.handle.now();
    let clock = |station: &Station| HostClock(station.host.clone()).now();
    let other = &ground.stations[1 - station.site];
    let source = other.now().source.clone();
    let replicas = standing
        .rpo(clock(station))
        .map(|rpo| ("the replica", rpo, REPLICA_MICROS));
    let sources = source.and_then(|source| source.progress().rpo(clock(other)));
    let sources = sources.map(|rpo| ("the source", rpo, SOURCE_MICROS));
    // Of a source that does not send to here nothing is known.
    let sources = sources.filter(|_| other.now().sends);
    Told {
        at,
        reports: replicas.into_iter().chain(sources).collect(),
    }
}

/// The disks as of a point.
pub(super) async fn content(
    ground: &Ground,
    replica: &Arc<Replica>,
    point: Point,
) -> Result<Content> {
    let pinned = replica.view(point).await?;
    let mut disks = Vec::new();
    for (number, size) in ground.sizes.iter().enumerate() {
        let read = pinned.view.read((number as u16, 0), *size as usize);
        disks.push(read.await?.to_vec());
    }
    Ok(disks)
}
