//! The process of a simulated site: it plays the role that the site's record names, as `firedrill protect` and
//! `firedrill replica serve` do.

use std::sync::Arc;
use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};
use engine::format::member::{Disk, Role};
use engine::ids::ObjectId;
use engine::replication::parcel::GroupKey;
use engine::replication::protection;
use engine::replication::replica::{Choice, MakeDisks, Replica, Served, TIDY_EVERY};
use engine::replication::site::Site;
use engine::seam::{BlockDevice, Clock};
use futures::future::{BoxFuture, Fuse, FutureExt};
use futures::select_biased;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::station::{Call, Order, Station};
use super::{Flaw, Ground, lead, watch};

/// The group's key.
pub(super) fn key() -> GroupKey {
    GroupKey::from_bytes([7; 32])
}

/// The group.
pub(super) const GROUP: ObjectId = ObjectId([1; 16]);

/// The group's disks.
pub(super) fn disks(sizes: &[u64]) -> Vec<Disk> {
    let disks = sizes.iter().enumerate().map(|(number, size)| Disk {
        name: format!("disk{number}"),
        size: *size,
        path: String::new(),
    });
    disks.collect()
}

/// Runs the process until it fails, or the site is fenced.
pub(super) async fn main(ground: Arc<Ground>, number: usize) {
    let station = Arc::clone(&ground.stations[number]);
    let (calls, mut called) = mpsc::channel(4);
    station.now().calls = Some(calls);
    ground.disturbed();
    ground.handle.trace(station.host.id, "started", 0);
    let ended = roles(&ground, &station, &mut called).await;
    ground
        .handle
        .trace(station.host.id, "ended", u64::from(ended.is_err()));
    station.ended();
    station.now().running = true;
    note_end(&ground, &station, ended).await;
    station.now().running = false;
}

/// What the end of a process means.
async fn note_end(ground: &Ground, station: &Station, ended: Result<()>) {
    match ended {
        Ok(()) => {
            let kept = load(ground, station).await;
            let is_fenced = kept.is_ok_and(|site| site.member().role == Role::Fenced);
            station.now().fenced = is_fenced;
        }
        Err(error) if error.kind() == ErrorKind::Internal || error.kind() == ErrorKind::Corrupt => {
            let what = format!("the process of site {} ended: {error}", station.site);
            ground.ledger().note(ground.handle.now(), &what);
        }
        // Started again.
        Err(_) => {}
    }
}

/// The record of a site; a new one begins as the first site of the group, or as the other.
pub(super) async fn load(ground: &Ground, station: &Station) -> Result<Site> {
    let world = station.world();
    if let Some(site) = Site::load(world.clone()).await? {
        return Ok(site);
    }
    let is_first = station.site == 0 && station.now().boot == 0;
    let member = if is_first {
        let mut member = protection::begin(GROUP, Role::Active);
        member.disks = disks(&ground.sizes);
        member
    } else {
        protection::begin(GROUP, Role::Replica)
    };
    Site::create(world, member).await
}

async fn roles(
    ground: &Arc<Ground>,
    station: &Arc<Station>,
    calls: &mut mpsc::Receiver<Call>,
) -> Result<()> {
    let site = Arc::new(load(ground, station).await?);
    loop {
        let member = site.member();
        let role = member.role as u64;
        ground
            .handle
            .trace(station.host.id, "role", member.generation * 10 + role);
        match member.role {
            Role::Replica => follow(ground, station, &site, calls).await?,
            Role::Active => lead::play(ground, station, &site, calls).await?,
            Role::Fenced => return Ok(()),
        }
    }
}

/// Runs something of a site beside its loop, for as long as what it gives is wanted: the loop never waits for what only
/// it would let go on.
pub(super) fn beside<T: Send + 'static>(
    station: &Station,
    what: impl Future<Output = T> + Send + 'static,
) -> BoxFuture<'static, T> {
    let (mut told, given) = oneshot::channel();
    let run = async move {
        let given = select_biased! {
            () = told.closed().boxed().fuse() => return,
            given = what.boxed().fuse() => given,
        };
        let _wanted = told.send(given).is_ok();
    };
    station.host.handle.spawn(station.host.id, run);
    let wait = async {
        match given.await {
            Ok(given) => given,
            // The process ends where it stands, this with it.
            Err(_) => std::future::pending().await,
        }
    };
    wait.boxed()
}

/// Follows the other site until this one takes over.
async fn follow(
    ground: &Arc<Ground>,
    station: &Arc<Station>,
    site: &Arc<Site>,
    calls: &mut mpsc::Receiver<Call>,
) -> Result<()> {
    let member = site.member();
    let bases = member.disks.iter().map(|disk| {
        let device = station.device("disks", &disk.name, disk.size);
        device as Arc<dyn BlockDevice>
    });
    let replica = Replica::open(Arc::clone(site), key(), bases.collect(), ground.retention).await?;
    let replica = Arc::new(replica);
    let mut called = ground.way.open_door(station.site);
    station.now().replica = Some(Arc::clone(&replica));
    let mut sessions = FuturesUnordered::new();
    let mut watched = watch::follow(ground, station, &replica).boxed().fuse();
    let mut tidying: Fuse<BoxFuture<'_, Result<()>>> = Fuse::terminated();
    let mut tidies = wait(station, TIDY_EVERY);
    loop {
        select_biased! {
            call = calls.recv().fuse() => {
                let Some((order, answer)) = call else { continue };
                let answered = answer_follower(ground, station, (site, &replica), order).await;
                let over = answered.is_ok();
                let _told = answer.send(answered).is_ok();
                if over {
                    break;
                }
            }
            link = called.recv().fuse() => {
                if let Some(link) = link {
                    let (replica, maker) = (Arc::clone(&replica), Arc::clone(station));
                    let serve = async move { replica.serve(link, &*maker).await };
                    sessions.push(beside(station, serve));
                }
            }
            ended = sessions.select_next_some() => {
                ground.handle.trace(station.host.id, "session ended", u64::from(ended.is_ok()));
                match ended {
                    Ok(Served::TakenOver) => break,
                    Err(error) if is_bug(&error) => return Err(error),
                    _ => {}
                }
            }
            tidied = tidying => {
                let failed: Result<()> = tidied;
                if let Err(error) = failed && is_bug(&error) {
                    return Err(error);
                }
                tidies = wait(station, TIDY_EVERY);
            }
            () = tidies => {
                let replica = Arc::clone(&replica);
                tidying = beside(station, async move { replica.tidy().await }).fuse();
            }
            () = watched => {}
        }
    }
    station.now().replica = None;
    ground.disturbed();
    Ok(())
}

/// Whether no fault explains an error: simulated bytes are never damaged.
pub(super) fn is_bug(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Internal)
}

/// Waits on a station's clock.
pub(super) fn wait(station: &Station, wait: Duration) -> Fuse<BoxFuture<'static, ()>> {
    crate::emulated::HostClock(station.host.clone())
        .sleep(wait)
        .fuse()
}

async fn answer_follower(
    ground: &Ground,
    station: &Station,
    (site, replica): (&Site, &Replica),
    order: Order,
) -> Result<()> {
    let point = match order {
        Order::Failover { newest: true } => replica.choose(Choice::Latest).await?,
        Order::Failover { newest: false } => {
            let points = replica.points().await;
            let older = points.get(points.len() / 2).copied();
            older.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no point"))?
        }
        Order::FailoverTo(captured) => replica.choose(Choice::At(captured)).await?,
        _ => {
            return Err(Error::new(
                ErrorKind::Conflict,
                "this site follows the other one",
            ));
        }
    };
    let witness = ground.witness(station);
    replica.fail_over(point, false, witness.as_ref()).await?;
    if ground.flaw == Flaw::TakesOverAtOnce {
        let at_once = |member: &mut engine::format::member::Member| {
            protection::waited(member);
            Ok(())
        };
        site.change(at_once).await?;
    }
    Ok(())
}

/// A site that was active gives up what only it has, and follows.
pub(super) async fn rejoin(ground: Arc<Ground>, number: usize) {
    let station = Arc::clone(&ground.stations[number]);
    if follow_again(&ground, &station).await.is_ok() {
        let mut now = station.now();
        (now.fenced, now.sends) = (false, false);
        drop(now);
        ground.handle.trace(station.host.id, "rejoined", 0);
    }
}

/// A site that was active is so again: the other one is gone for good.
pub(super) async fn take_back(ground: Arc<Ground>, number: usize) {
    let station = Arc::clone(&ground.stations[number]);
    let Ok(site) = load(&ground, &station).await else {
        return;
    };
    let witness = ground.witness(&station);
    if let Some(witness) = &witness {
        let claimed = witness
            .claim(site.member().generation + 2, site.member().generation)
            .await;
        if claimed.is_err() {
            return;
        }
    }
    let back = |member: &mut engine::format::member::Member| {
        protection::take_back(member, witness.is_some())
    };
    if site.change(back).await.is_ok() {
        let member = site.member();
        let at = member.failed_over.map_or(0, |over| over.at.nanoseconds());
        let now = ground.handle.now();
        ground
            .ledger()
            .taken_back(number, (member.generation, at), now);
        station.now().fenced = false;
        ground.handle.trace(station.host.id, "taken back", 0);
    }
}

async fn follow_again(ground: &Ground, station: &Station) -> Result<()> {
    let site = load(ground, station).await?;
    if site.member().role != Role::Fenced {
        return Ok(());
    }
    protection::may_follow(&site.member(), true)?;
    for kind in ["overlay", "overlay-map", "intents"] {
        station.clear(kind);
    }
    let world = station.world();
    for folder in ["journal", "history"] {
        use object_store::{ObjectStore, ObjectStoreExt};
        let prefix = object_store::path::Path::from(folder);
        let found: Vec<_> = world.store.list(Some(&prefix)).collect().await;
        for object in found.into_iter().flatten() {
            let deleted = world.store.delete(&object.location).await;
            deleted.map_err(|error| Error::from_store(&object.location, error))?;
        }
    }
    let follow = |member: &mut engine::format::member::Member| {
        protection::follow(member);
        Ok(())
    };
    site.change(follow).await?;
    Ok(())
}

/// A site that is active makes no disks for another.
pub(super) struct NoDisks;

#[async_trait::async_trait]
impl MakeDisks for NoDisks {
    async fn make(&self, _: &[Disk]) -> Result<Vec<(Disk, Arc<dyn BlockDevice>)>> {
        Err(Error::new(
            ErrorKind::Conflict,
            "this site is active: it follows nobody",
        ))
    }
}
