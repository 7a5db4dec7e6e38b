//! One trial: two sites through a schedule, then everything heals.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::replication::replica::Retention;

use engine::replication::source::Settings;
use engine::units::Timestamp;
use futures::FutureExt;

use crate::draw::Draws;
use crate::executor::{Executor, HostId};
use crate::scenario::{HOUR, MINUTE, SECOND};

use super::ledger::{Ledger, Tally, hash};
use super::operator::{self, OPERATOR, RESTART};
use super::schedule::{Schedule, What};
use super::station::{self, Order, Station};
use super::wire::Way;
use super::{Flaw, Ground, watch};

/// Bytes of the disks: the first has two regions of the intent map.
const SIZES: [u64; 2] = [(1 << 20) + (64 << 10), 192 << 10];
/// What instant 0 is called.
const START: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanos: 0,
};
/// Everything that heals has healed, and is the same, after so long.
const HEALED: u64 = HOUR;

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// One site is active, and the other has all of it.
    Converged,
    /// A site was destroyed before the other had its data: there is nothing to converge to.
    Lost,
    /// They did not come to have the same: a violation.
    Apart,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What must not be; nothing is good.
    pub violations: Vec<String>,
    /// How it ended.
    pub ending: Ending,
    /// What was counted.
    pub tally: Tally,
    /// Frames that the way carried.
    pub frames: u64,
    /// Two trials that agree in it did the same.
    pub digest: String,
}

/// Plays a schedule.
pub fn run(schedule: &Schedule, flaw: Flaw) -> Trial {
    let mut executor = Executor::new();
    let ground = ground(&executor, schedule, flaw);
    let handle = executor.handle();
    ground
        .ledger()
        .begin_group(0, SIZES.map(|size| vec![0; size as usize]).into());
    handle.spawn(OPERATOR, operator::keep_running(Arc::clone(&ground)));
    for strike in &schedule.strikes {
        handle.spawn(
            OPERATOR,
            operator::strike(Arc::clone(&ground), strike.clone()),
        );
    }
    executor.run(Some(schedule.horizon_micros));
    // Strikes that last longer are over within minutes.
    executor.run(Some(schedule.horizon_micros + 6 * MINUTE));
    ground.written.store(false, Ordering::Relaxed);
    let mut strikes = schedule.strikes.iter();
    let destroyed = strikes.any(|strike| strike.what == What::RegionDestroyed);
    let ending = heal(&mut executor, &ground, destroyed);
    let now = handle.now();
    if ending == Ending::Apart {
        let how = [0, 1].map(|site| described(&ground, site));
        let what = format!("the sites do not come to have the same: {how:?}");
        ground.ledger().note(now, &what);
    }
    let ledger = ground.ledger();
    Trial {
        violations: ledger.violations.clone(),
        ending,
        tally: ledger.tally,
        frames: ground.way.frames(),
        digest: handle.digest(),
    }
}

fn ground(executor: &Executor, schedule: &Schedule, flaw: Flaw) -> Arc<Ground> {
    let (handle, draws) = (executor.handle(), Draws::new(schedule.seed));
    let mut stream = draws.stream("sites", "retention", 0);
    let seconds = |seconds| Duration::from_secs(seconds);
    let retention = Retention {
        every_batch: seconds(stream.below(60)),
        interval: seconds(stream.uniform(1, 60)),
        keep: seconds(stream.uniform(30, 900)),
        as_site_recovery: stream.once_in(4).then_some(1),
        bytes_max: stream.uniform(1 << 20, 16 << 20),
    };
    let settings = Settings {
        interval: Duration::from_micros(schedule.batch_micros),
        journal_bytes: 1 << 20,
        memory_bytes: 320 << 10,
        ..Settings::default()
    };
    let way = (schedule.bytes_per_second, schedule.latency_micros);
    let swallows = (flaw == Flaw::SwallowsFrames).then_some(300);
    let station = |site: usize| {
        let parts = (handle.clone(), draws);
        let host = station::host(parts, HostId(site as u32), START);
        Station::new(
            (host.skewed(schedule.skew_seconds[site]), draws),
            site,
            flaw,
        )
    };
    Arc::new_cyclic(|me| Ground {
        handle: handle.clone(),
        draws,
        way: Way::new(&handle, way, swallows),
        feed: None,
        records: None,
        watch_micros: watch::EVERY,
        restart_micros: RESTART,
        operator: OPERATOR,
        bytes_per_second: schedule.bytes_per_second,
        stations: [station(0), station(1)],
        sizes: SIZES.to_vec(),
        settings,
        retention,
        witness: schedule.witness.then(Arc::default),
        flaw,
        ledger: Mutex::new(Ledger::new(schedule.witness)),
        written: AtomicBool::new(true),
        turns: AtomicU64::new(0),
        strikes: AtomicU64::new(0),
        calm_since: AtomicU64::new(0),
        me: me.clone(),
    })
}

/// Nothing breaks any more: the sites come to have the same, and one hands over to the other without a loss.
fn heal(executor: &mut Executor, ground: &Arc<Ground>, destroyed: bool) -> Ending {
    let until = executor.handle().now() + HEALED;
    if !settled(executor, ground, until) {
        return if is_lost(ground, destroyed) {
            Ending::Lost
        } else {
            Ending::Apart
        };
    }
    let active = usize::from(ground.stations[0].now().source.is_none());
    let handing = Arc::clone(ground);
    executor.handle().spawn(OPERATOR, async move {
        if !operator::order(&handing, active, Order::HandOver).await {
            let now = handing.handle.now();
            handing
                .ledger()
                .note(now, "a planned failover between healthy sites failed");
        }
    });
    let moved = executor.handle().now() + MINUTE;
    executor.run(Some(moved));
    let handed = ground.stations[1 - active].now().source.is_some();
    if handed && settled(executor, ground, until) {
        Ending::Converged
    } else {
        Ending::Apart
    }
}

/// How a site stands, for whoever looks why it does not converge.
fn described(ground: &Ground, site: usize) -> String {
    let now = ground.stations[site].now();
    let progress = now.source.as_ref().map(|source| source.progress());
    let (up, running, fenced, sends) = (now.up, now.running, now.fenced, now.sends);
    let follows = now.replica.is_some();
    format!(
        "up {up}, running {running}, fenced {fenced}, sends {sends}, follows {follows}, {progress:?}"
    )
}

/// Whether no site has anything that could be served, after one was destroyed: both follow, and neither has a point.
fn is_lost(ground: &Ground, destroyed: bool) -> bool {
    let has_none = |site: usize| {
        let replica = ground.stations[site].now().replica.clone();
        let points = replica.and_then(|replica| replica.points().now_or_never());
        points.is_some_and(|points| points.is_empty())
    };
    destroyed && has_none(0) && has_none(1)
}

fn settled(executor: &mut Executor, ground: &Arc<Ground>, until: u64) -> bool {
    while executor.handle().now() < until {
        let done = Arc::new(AtomicBool::new(false));
        let (told, settling) = (Arc::clone(&done), Arc::clone(ground));
        executor.handle().spawn(OPERATOR, async move {
            if operator::settle(&settling).await && agree(&settling).await {
                told.store(true, Ordering::Relaxed);
            }
        });
        let next = executor.handle().now() + 20 * SECOND;
        executor.run(Some(next));
        if done.load(Ordering::Relaxed) {
            return true;
        }
    }
    false
}

/// Whether the replica's newest point is what the active site has.
async fn agree(ground: &Arc<Ground>) -> bool {
    for station in &ground.stations {
        let replica = station.now().replica.clone();
        let Some(replica) = replica else {
            continue;
        };
        let newest = replica.standing().await.newest;
        let Some(newest) = newest else {
            return false;
        };
        let Ok(found) = watch::content(ground, &replica, newest).await else {
            return false;
        };
        let ledger = ground.ledger();
        let written = ledger.content(1 - station.site);
        return written.is_some_and(|written| hash(written) == hash(&found));
    }
    false
}
