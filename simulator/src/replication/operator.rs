//! What strikes, who orders, and who starts processes again.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use engine::format::member::Role;
use tokio::sync::oneshot;

use crate::executor::HostId;
use crate::scenario::{MINUTE, SECOND};

use super::schedule::{Strike, What};
use super::station::{Order, Station};
use super::{Ground, process};

/// Where operators and what strikes run: nothing of it crashes.
pub(super) const OPERATOR: HostId = HostId(100);
/// A process that ended is started again after so long, where faults are drawn.
pub(super) const RESTART: u64 = 3 * SECOND;
/// A link that flaps is cut for so long, and there for so long.
const FLAP: u64 = 4 * SECOND;

/// Starts what does not run and may, for ever.
pub(super) async fn keep_running(ground: Arc<Ground>) {
    loop {
        start(&ground);
        ground.handle.sleep(ground.restart_micros).await;
    }
}

/// Starts what does not run and may.
pub(super) fn start(ground: &Arc<Ground>) {
    for station in &ground.stations {
        let start = {
            let mut now = station.now();
            let start = now.up && !now.running && !now.fenced;
            now.running |= start;
            start
        };
        if start {
            let main = process::main(Arc::clone(ground), station.site);
            ground.handle.spawn(station.host.id, main);
        }
    }
}

/// Orders something of a site, and waits for what comes of it.
pub(super) async fn order(ground: &Ground, site: usize, order: Order) -> bool {
    let calls = ground.stations[site].now().calls.clone();
    let Some(calls) = calls else {
        return false;
    };
    let (answer, answered) = oneshot::channel();
    if calls.send((order, answer)).await.is_err() {
        return false;
    }
    drop(calls);
    let done = matches!(answered.await, Ok(Ok(())));
    ground.handle.trace(
        ground.operator,
        "ordered",
        site as u64 * 2 + u64::from(done),
    );
    done
}

/// A strike, from its beginning to its end.
pub(super) async fn strike(ground: Arc<Ground>, strike: Strike) {
    let Strike {
        at_micros,
        until_micros,
        site,
        what,
    } = strike;
    let ground = &*ground;
    ground.handle.sleep_until(at_micros).await;
    ground.strikes.fetch_add(1, Ordering::Relaxed);
    ground.handle.trace(OPERATOR, "strikes", site as u64);
    let station = &ground.stations[site];
    let over = ground.handle.sleep_until(until_micros);
    match what {
        What::LinkCut => {
            ground.way.cut();
            over.await;
            ground.way.mend();
        }
        What::LinkFlap => flap(ground, until_micros).await,
        What::LinkSlow(bytes_per_second) => {
            ground.way.set_speed(bytes_per_second);
            over.await;
            ground.way.set_speed(ground.bytes_per_second);
        }
        What::LinkReset => ground.way.reset(true),
        What::LinkDoubled => ground.way.reset(false),
        What::Muted => {
            ground.way.mute(site, true);
            over.await;
            ground.way.mute(site, false);
        }
        What::ProcessCrash => station.crash(),
        What::PowerLoss => {
            station.lose_power();
            over.await;
            station.now().up = true;
        }
        What::RegionLost => lose_region(ground, site, until_micros).await,
        What::RegionLostWithWarning => {
            let _handed_over = order(ground, site, Order::HandOver).await;
            ground.handle.sleep_until(at_micros + MINUTE).await;
            lose_region(ground, site, until_micros.max(at_micros + MINUTE)).await;
        }
        What::RegionDestroyed => {
            station.destroy();
            ground.ledger().destroyed(site);
            lose_region(ground, site, until_micros).await;
        }
        What::WitnessLost => {
            station.away.store(true, Ordering::Relaxed);
            over.await;
            station.away.store(false, Ordering::Relaxed);
        }
        What::DiskFull | What::DiskErrors(_) => {
            ail(station, what, true);
            over.await;
            ail(station, what, false);
        }
        what => ordered(ground, site, what).await,
    }
    ground.strikes.fetch_sub(1, Ordering::Relaxed);
    ground.disturbed();
}

/// A disk falls ill, or gets well.
fn ail(station: &Station, what: What, ill: bool) {
    let ailment = station.ailment.lock();
    let mut ailment = ailment.unwrap_or_else(PoisonError::into_inner);
    match what {
        What::DiskErrors(errors_ppm) => ailment.errors_ppm = if ill { errors_ppm } else { 0 },
        _ => ailment.full = ill,
    }
}

async fn flap(ground: &Ground, until_micros: u64) {
    while ground.handle.now() < until_micros {
        ground.way.cut();
        ground.handle.sleep(FLAP).await;
        ground.way.mend();
        ground.handle.sleep(FLAP).await;
    }
}

async fn lose_region(ground: &Ground, site: usize, until_micros: u64) {
    ground.way.cut();
    ground.stations[site].lose_power();
    ground.handle.sleep_until(until_micros).await;
    ground.stations[site].now().up = true;
    ground.way.mend();
}

async fn ordered(ground: &Ground, site: usize, what: What) {
    let wanted = match what {
        What::HandOver => Order::HandOver,
        What::Failover(newest) => Order::Failover { newest },
        What::Commit => Order::Commit,
        What::Reprotect => Order::Reprotect,
        What::Point => Order::Point,
        _ => return rejoin(ground, site),
    };
    let _done = order(ground, site, wanted).await;
}

/// Has a fenced site follow.
fn rejoin(ground: &Ground, site: usize) {
    if let Some(me) = ground.me.upgrade().filter(|_| is_fenced(ground, site)) {
        let host = &ground.stations[site].host;
        host.handle.spawn(host.id, process::rejoin(me, site));
    }
}

/// Has a fenced site be active again.
fn take_back(ground: &Ground, site: usize) {
    if let Some(me) = ground.me.upgrade().filter(|_| is_fenced(ground, site)) {
        let host = &ground.stations[site].host;
        host.handle.spawn(host.id, process::take_back(me, site));
    }
}

fn is_fenced(ground: &Ground, site: usize) -> bool {
    let now = ground.stations[site].now();
    now.up && now.fenced && !now.running
}

/// Brings two sites to where one is active, the other follows, and lacks nothing: what an operator does who has time.
/// True once that is so.
pub(super) async fn settle(ground: &Ground) -> bool {
    let mut roles = [None, None];
    for station in &ground.stations {
        roles[station.site] = role(ground, station.site).await;
    }
    for site in [0, 1] {
        // Another that follows and has no point was destroyed, or never got one: what there is is here.
        match roles[1 - site] {
            Some((Role::Replica, (_, 0))) => take_back(ground, site),
            _ => rejoin(ground, site),
        }
    }
    match roles {
        [Some((Role::Active, _)), Some((Role::Replica, _))] => protect(ground, 0).await,
        [Some((Role::Replica, _)), Some((Role::Active, _))] => protect(ground, 1).await,
        [Some((Role::Active, first)), Some((Role::Active, second))] => {
            // The newer one tells the other, if it sends to it.
            let newer = usize::from(second > first);
            protect(ground, newer).await;
            false
        }
        [Some((Role::Replica, first)), Some((Role::Replica, second))] => {
            let site = usize::from(second > first);
            let newest = Order::Failover { newest: true };
            if !order(ground, site, newest).await {
                order(ground, 1 - site, newest).await;
            }
            false
        }
        _ => false,
    }
}

/// A site's role and generation, where its process runs.
async fn role(ground: &Ground, site: usize) -> Option<(Role, (u64, u64))> {
    let (source, replica) = {
        let now = ground.stations[site].now();
        (now.source.clone(), now.replica.clone())
    };
    if let Some(source) = source {
        return Some((Role::Active, (source.generation(), 0)));
    }
    let newest = replica?.standing().await.newest;
    let record = process::load(ground, &ground.stations[site]).await.ok()?;
    let batch = newest.map_or(0, |newest| newest.batch);
    // Of two that follow, the one that has a point goes first.
    let generation = if batch == 0 {
        0
    } else {
        record.member().generation
    };
    Some((Role::Replica, (generation, batch)))
}

async fn protect(ground: &Ground, site: usize) -> bool {
    let source = ground.stations[site].now().source.clone();
    if !ground.stations[site].now().sends {
        let _committed = order(ground, site, Order::Commit).await;
        let _sends = order(ground, site, Order::Reprotect).await;
    }
    source.is_some_and(|source| {
        let progress = source.progress();
        progress.exposed_since.is_none() && progress.confirmed > 0 && progress.link.connected
    })
}
