//! The role of a simulated site whose disks are written.

use std::sync::Arc;
use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};
use engine::format::member::{Disk, Member, Role};
use engine::format::point::Consistency;
use engine::replication::promoted::{Above, Promoted};
use engine::replication::protection;
use engine::replication::replica::{Choice, Overlay};
use engine::replication::site::Site;
use engine::replication::source::{Outcome, Parts, Protected, Source};
use engine::seam::BlockDevice;
use engine::units::Timestamp;
use futures::future::{BoxFuture, Fuse, FutureExt};
use futures::select_biased;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::ledger::TakeOver;
use super::process::{NoDisks, beside, is_bug, key, wait};
use super::station::{Call, Order, Station};
use super::wire::Caller;
use super::{Ground, client};

/// What the other site confirmed is kept this often.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// A hand-over is given up after so long.
const DRAIN_MAX: Duration = Duration::from_mins(1);

struct Lead<'a> {
    ground: &'a Arc<Ground>,
    station: &'a Arc<Station>,
    site: &'a Arc<Site>,
    source: Arc<Source>,
    below: Option<Arc<Promoted>>,
    settling: Fuse<BoxFuture<'static, Result<()>>>,
    draining: Fuse<BoxFuture<'static, Result<u64>>>,
    late: Fuse<BoxFuture<'static, ()>>,
    waiting: Option<oneshot::Sender<Result<()>>>,
}

/// Plays the role until the site is fenced or has handed over.
pub(super) async fn play(
    ground: &Arc<Ground>,
    station: &Arc<Station>,
    site: &Arc<Site>,
    calls: &mut mpsc::Receiver<Call>,
) -> Result<()> {
    let member = site.member();
    let boot = station.boot();
    let (devices, below) = open(ground, station, site, &member).await?;
    let protected = devices
        .iter()
        .zip(&member.disks)
        .map(|(device, disk)| Protected {
            device: Arc::clone(device),
            intents: station.device("intents", &disk.name, disk.size.div_ceil(8 << 20)),
        });
    let parts = Parts {
        world: station.scratch(),
        key: key(),
        group: member.group,
        generation: member.generation,
        disks: member.disks.clone(),
        devices: protected.collect(),
        confirmed: member.confirmed,
        confirmed_at: member.confirmed_at,
        suspect: protection::is_suspect(&member, &boot),
        witnessed: ground.witness.is_some(),
    };
    let source = Arc::new(Source::open(parts, ground.settings).await?);
    let run = |member: &mut Member| {
        protection::run(member, boot);
        Ok(())
    };
    site.change(run).await?;
    note_opened(ground, station, &member, &devices).await?;
    station.now().source = Some(Arc::clone(&source));
    let mut lead = Lead {
        ground,
        station,
        site,
        source,
        below,
        settling: Fuse::terminated(),
        draining: Fuse::terminated(),
        late: Fuse::terminated(),
        waiting: None,
    };
    if member.failed_over.is_some_and(|over| over.committed) {
        lead.settle();
    }
    let ended = lead.act(calls).await;
    let overflows = lead.source.progress().totals.overflows;
    ground.ledger().tally.overflows += overflows;
    station.now().source = None;
    ground.disturbed();
    ended
}

type Opened = (Vec<Arc<dyn BlockDevice>>, Option<Arc<Promoted>>);

async fn open(
    ground: &Ground,
    station: &Arc<Station>,
    site: &Arc<Site>,
    member: &Member,
) -> Result<Opened> {
    let bases = member.disks.iter().map(|disk| {
        let device = station.device("disks", &disk.name, disk.size);
        device as Arc<dyn BlockDevice>
    });
    let bases: Vec<_> = bases.collect();
    let Some(failed_over) = member.failed_over else {
        return Ok((bases, None));
    };
    let above = |disk: &Disk| {
        Ok(Above {
            over: station.device("overlay", &disk.name, disk.size),
            map: station.device("overlay-map", &disk.name, Overlay::map_bytes(disk.size)),
        })
    };
    let site = Arc::clone(site);
    let below = Promoted::open(site, key(), (bases, failed_over), ground.retention, above).await?;
    Ok((below.devices(), Some(Arc::new(below))))
}

/// Holds what the disks have against what they should.
async fn note_opened(
    ground: &Ground,
    station: &Station,
    member: &Member,
    devices: &[Arc<dyn BlockDevice>],
) -> Result<()> {
    let mut found = Vec::new();
    for device in devices {
        found.push(device.read(0, device.size() as usize).await?.to_vec());
    }
    let at = member.failed_over.map_or(0, |over| over.at.nanoseconds());
    let (name, now) = ((member.generation, at), ground.handle.now());
    let mut ledger = ground.ledger();
    if ledger.knows(station.site, name) {
        // What lies above a point is as durable as what a disk has in its cache: it is kept by a flush.
        let power = std::mem::take(&mut station.now().lost_power) || member.failed_over.is_some();
        ledger.opened(station.site, (found, power), now);
    } else {
        station.now().lost_power = false;
        let planned = member.failed_over.is_some_and(|over| over.planned);
        let who = TakeOver {
            site: station.site,
            name,
            planned,
        };
        ledger.take_over(who, found, now);
    }
    drop(ledger);
    ground
        .handle
        .trace(station.host.id, "active", member.generation);
    Ok(())
}

impl Lead<'_> {
    async fn act(&mut self, calls: &mut mpsc::Receiver<Call>) -> Result<()> {
        let source = Arc::clone(&self.source);
        let mut batches = self.batches().boxed().fuse();
        let mut link = self.link().boxed().fuse();
        let mut watched = self.watch().fuse();
        let mut client = client::play(self.ground, self.station, &source)
            .boxed()
            .fuse();
        let mut called = self.ground.way.open_door(self.station.site);
        let mut sessions = FuturesUnordered::new();
        let mut keeps = wait(self.station, KEEP_EVERY);
        loop {
            select_biased! {
                failed = batches => return failed,
                outcome = link => return self.outcome(outcome?).await,
                outcome = watched => return self.outcome(outcome?).await,
                settled = &mut self.settling => settled?,
                drained = &mut self.draining => self.drained(Some(drained?)).await?,
                () = &mut self.late => self.drained(None).await?,
                call = calls.recv().fuse() => {
                    let Some((order, answer)) = call else { continue };
                    if self.answer(order, answer).await? {
                        source.close("this site goes on with another point").await;
                        return Ok(());
                    }
                }
                link = called.recv().fuse() => {
                    let replica = self.below.as_ref().map(|below| Arc::clone(below.replica()));
                    if let Some((link, replica)) = link.zip(replica) {
                        let serve = async move { replica.serve(link, &NoDisks).await };
                        sessions.push(beside(self.station, serve));
                    }
                }
                ended = sessions.select_next_some() => {
                    if let Err(error) = ended && is_bug(&error) {
                        return Err(error);
                    }
                    if self.site.member().role == Role::Fenced {
                        return Ok(());
                    }
                }
                () = keeps => {
                    self.keep().await?;
                    keeps = wait(self.station, KEEP_EVERY);
                }
                failed = client => return failed,
            }
        }
    }

    async fn until_sent(station: Arc<Station>) {
        while !station.now().sends {
            wait(&station, Duration::from_secs(1)).await;
        }
    }

    fn batches(&self) -> impl Future<Output = Result<()>> + use<> {
        let (source, station) = (Arc::clone(&self.source), Arc::clone(self.station));
        async move {
            Self::until_sent(station).await;
            source.run_batches().await
        }
    }

    fn link(&self) -> impl Future<Output = Result<Outcome>> + use<> {
        let (source, station) = (Arc::clone(&self.source), Arc::clone(self.station));
        let dial = Caller(Arc::clone(&self.ground.way), station.site);
        async move {
            Self::until_sent(station).await;
            source.run_link(&dial).await
        }
    }

    /// Asks the witness, where there is one, whether another site has taken over.
    fn watch(&self) -> BoxFuture<'static, Result<Outcome>> {
        let Some(witness) = self.ground.witness(self.station) else {
            return std::future::pending().boxed();
        };
        let (source, site) = (Arc::clone(&self.source), Arc::clone(self.site));
        let watch = async move { witness.watch(&source, &site).await };
        beside(self.station, watch)
    }

    fn settle(&mut self) {
        if let Some(below) = &self.below {
            let below = Arc::clone(below);
            self.settling = beside(self.station, async move { below.settle().await }).fuse();
        }
    }

    fn now(&self) -> Timestamp {
        self.station.world().clock.now()
    }

    async fn outcome(&mut self, outcome: Outcome) -> Result<()> {
        let now = self.now();
        if let Outcome::Fenced(..) = outcome {
            let fence = |member: &mut Member| {
                protection::fence(member, now);
                Ok(())
            };
            self.site.change(fence).await?;
        }
        if let Some(answer) = self.waiting.take() {
            let _told = answer.send(Ok(())).is_ok();
        }
        Ok(())
    }

    /// Everything was sent, or time is up.
    async fn drained(&mut self, batch: Option<u64>) -> Result<()> {
        (self.draining, self.late) = (Fuse::terminated(), Fuse::terminated());
        let Some(batch) = batch else {
            self.source.gate().open();
            if let Some(answer) = self.waiting.take() {
                let late = Error::new(ErrorKind::Unavailable, "it was not drained in time");
                let _told = answer.send(Err(late)).is_ok();
            }
            return Ok(());
        };
        let now = self.now();
        let over = |member: &mut Member| {
            protection::hand_over(member, batch, now);
            Ok(())
        };
        self.site.change(over).await?;
        self.source.close("this site has handed over").await;
        self.source.hand_over(self.source.generation() + 1);
        Ok(())
    }

    async fn keep(&mut self) -> Result<()> {
        let (progress, member) = (self.source.progress(), self.site.member());
        if member.role == Role::Active && progress.confirmed > member.confirmed {
            let keep = |member: &mut Member| {
                protection::confirm(member, progress.confirmed, progress.captured);
                Ok(())
            };
            self.site.change(keep).await?;
        }
        Ok(())
    }

    /// Carries out an order; true where the role begins anew.
    async fn answer(&mut self, order: Order, answer: oneshot::Sender<Result<()>>) -> Result<bool> {
        let conflict = || Error::new(ErrorKind::Conflict, "this site can't do that now");
        let mut anew = false;
        let answered = match (order, &self.below) {
            (Order::Point, _) => {
                self.source.mark_point(Consistency::Application);
                Ok(())
            }
            (Order::Reprotect, _) => protection::reprotect(&self.site.member()).map(|()| {
                self.station.now().sends = true;
            }),
            (Order::Commit, Some(below)) => {
                let committed = below.replica().commit().await;
                if committed.is_ok() {
                    self.settle();
                }
                committed.map(|_| ())
            }
            (Order::Failover { .. }, Some(below)) => {
                let chosen = below.replica().choose(Choice::Latest).await;
                let failed_over = match chosen {
                    Ok(point) => below.replica().fail_over(point, false, None).await,
                    Err(error) => Err(error),
                };
                anew = failed_over.is_ok();
                failed_over
                    .map(|_| {
                        ["overlay", "overlay-map", "intents"].map(|kind| self.station.clear(kind))
                    })
                    .map(|_| ())
            }
            (Order::HandOver, _)
                if self.waiting.is_none() && self.source.progress().link.connected =>
            {
                let source = Arc::clone(&self.source);
                self.draining = async move { source.drain().await }.boxed().fuse();
                self.late = wait(self.station, DRAIN_MAX);
                self.waiting = Some(answer);
                return Ok(false);
            }
            _ => Err(conflict()),
        };
        let _told = answer.send(answered).is_ok();
        Ok(anew)
    }
}
