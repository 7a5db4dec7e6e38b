//! The role of the site that is written: its disks are served, and follow to the other site once it is known.
//!
//! Long because one loop serves all that may be asked of the role.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use engine::format::member::{Disk, Member, Role};
use engine::format::point::Consistency;
use engine::replication::export::SourceExport;
use engine::replication::nbd::{Exports, Named};
use engine::replication::promoted::{Above, Promoted};
use engine::replication::protection;
use engine::replication::replica::{Choice, MakeDisks, Overlay, Served};
use engine::replication::source::{Outcome, Parts, Protected, Source};
use engine::replication::transport::TlsDial;
use engine::seam::{BlockDevice, FileDevice};
use engine::units::Timestamp;
use engine::{Error, ErrorKind};
use futures::future::{BoxFuture, FutureExt, pending};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::control::{Call, Request};
use super::daemon::{Next, Options, Signals};
use super::replica::read_choice;
use super::{State, boot, serve, status};
use crate::exit::Exit;
use crate::output;

/// What was written is taken down this often, for `firedrill plan bandwidth`.
pub(super) const CHURN_EVERY: Duration = Duration::from_secs(60);
/// Intervals of churn that are remembered: a week.
const CHURNS_MAX: usize = 7 * 24 * 60;
/// What the other site confirmed is kept this often: what was confirmed since is compared after a crash.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// At the end, what the other site lacks is sent for so long.
const LAST_SENT: Duration = Duration::from_secs(10);

/// Churn of one disk in one interval.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    pub(super) start: Timestamp,
    pub(super) disk: String,
    pub(super) writes: u64,
    pub(super) written_bytes: u64,
    pub(super) unique_bytes: u64,
    pub(super) shipped_bytes: u64,
}

struct Active<'a> {
    state: &'a State,
    options: &'a mut Options,
    source: Arc<Source>,
    /// What is served, where this site was failed over to.
    below: Option<Arc<Promoted>>,
    to: watch::Sender<Option<String>>,
    churn: VecDeque<Interval>,
    churned_at: Timestamp,
    shipped: u64,
    settling: BoxFuture<'a, Result<()>>,
    /// A hand-over that waits for everything to be sent, until then; and who waits for it.
    draining: Option<(BoxFuture<'a, engine::Result<u64>>, Instant)>,
    waiting: Option<oneshot::Sender<Result<Value>>>,
}

/// Plays the role until the site is fenced, has handed over, or is asked to end.
pub(super) async fn play(
    state: &State,
    options: &mut Options,
    calls: &mut mpsc::Receiver<Call>,
    signals: &mut Signals,
) -> Result<Next> {
    let member = state.site.member();
    let boot = boot();
    let (devices, below) = open(state, options, &member).await?;
    let protected = devices.iter().zip(&member.disks).map(|(device, disk)| {
        let intents = state.device("intents", &disk.name, disk.size.div_ceil(8 << 20))?;
        Ok(Protected {
            device: Arc::clone(device),
            intents: Arc::new(intents),
        })
    });
    let parts = Parts {
        world: state.world.clone(),
        key: state.identity.key.clone(),
        group: member.group,
        generation: member.generation,
        disks: member.disks.clone(),
        devices: protected.collect::<Result<_>>()?,
        confirmed: member.confirmed,
        confirmed_at: member.confirmed_at,
        suspect: protection::is_suspect(&member, &boot),
    };
    let source = Arc::new(Source::open(parts, options.settings()).await?);
    source.sweep().await?;
    state
        .site
        .change(|member| {
            protection::run(member, boot);
            Ok(())
        })
        .await?;
    let exports = member.disks.iter().enumerate().map(|(number, disk)| Named {
        name: disk.name.clone(),
        description: format!("protected disk of {}", disk.path),
        export: Arc::new(SourceExport {
            source: Arc::clone(&source),
            disk: number as u16,
        }),
    });
    let mut serving = serve(
        state,
        &options.serve,
        &options.how,
        Exports::new(exports.collect())?,
    )
    .await?;
    output::warn(&format!(
        "{} disk(s) served at {}",
        member.disks.len(),
        options.serve.0
    ));
    let (to, to_seen) = watch::channel(options.to.clone());
    let churned_at = state.world.clock.now();
    let mut active = Active {
        state,
        options,
        source: Arc::clone(&source),
        below,
        to,
        churn: VecDeque::new(),
        churned_at,
        shipped: 0,
        settling: pending().boxed(),
        draining: None,
        waiting: None,
    };
    if member
        .failed_over
        .is_some_and(|failed_over| failed_over.committed)
    {
        active.settle();
    }
    let next = active.act(to_seen, calls, signals).await;
    let _ = timeout(LAST_SENT, serving.shut_down()).await.is_ok();
    next
}

/// Whether an idle site's last point is worth to be kept again: after a crash it is what can be told of the RPO.
fn is_much_newer(captured: Option<Timestamp>, kept: Option<Timestamp>) -> bool {
    captured.is_some_and(|now| kept.is_none_or(|kept| now.seconds - kept.seconds >= 60))
}

type Opened = (Vec<Arc<dyn BlockDevice>>, Option<Arc<Promoted>>);

/// The disks, as they are served.
async fn open(state: &State, options: &Options, member: &Member) -> Result<Opened> {
    let open = |disk: &Disk| FileDevice::open(Path::new(&disk.path), true);
    let bases = member.disks.iter().map(|disk| {
        let device = open(disk).map_err(|error| error.context(format!("disk '{}'", disk.name)))?;
        if device.size() != disk.size {
            let what = format!(
                "disk '{}' has {} bytes, and had {} when it was protected: it must not change its \
                 size; protect it anew in another state",
                disk.name,
                device.size(),
                disk.size
            );
            return Err(Error::new(ErrorKind::Conflict, what).into());
        }
        Ok(Arc::new(device) as Arc<dyn BlockDevice>)
    });
    let bases: Vec<_> = bases.collect::<Result<_>>()?;
    let Some(failed_over) = member.failed_over else {
        return Ok((bases, None));
    };
    let site = Arc::clone(&state.site);
    let key = state.identity.key.clone();
    let above = |disk: &Disk| {
        let (size, bytes) = (disk.size, Overlay::map_bytes(disk.size));
        let internal =
            |error: anyhow::Error| Error::new(ErrorKind::Unavailable, format!("{error:#}"));
        Ok(Above {
            over: Arc::new(
                state
                    .device("overlay", &disk.name, size)
                    .map_err(internal)?,
            ),
            map: Arc::new(
                state
                    .device("overlay-map", &disk.name, bytes)
                    .map_err(internal)?,
            ),
        })
    };
    let below = Promoted::open(site, key, (bases, failed_over), options.retention(), above).await?;
    Ok((below.devices(), Some(Arc::new(below))))
}

impl<'a> Active<'a> {
    async fn act(
        &mut self,
        to: watch::Receiver<Option<String>>,
        calls: &mut mpsc::Receiver<Call>,
        signals: &mut Signals,
    ) -> Result<Next> {
        let source = Arc::clone(&self.source);
        let mut batches = self.batches(to.clone()).boxed();
        let mut link = self.link(to).boxed();
        let mut keeps = interval(KEEP_EVERY);
        keeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut churns = interval(CHURN_EVERY);
        let listener = match &self.options.listen {
            Some(at) => Some(super::replica::listen(at).await?),
            None => None,
        };
        let mut callers = tokio::task::JoinSet::new();
        loop {
            let draining = async {
                match &mut self.draining {
                    Some((draining, until)) => tokio::time::timeout_at(*until, draining).await,
                    None => pending().await,
                }
            };
            let called = async {
                match &listener {
                    Some(listener) => self.state.identity.accept(listener).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                exit = signals.next() => return self.end(exit, &mut batches, &mut link).await,
                failed = &mut batches => return failed.map(|()| Next::Role),
                outcome = &mut link => return self.outcome(outcome?).await,
                settled = &mut self.settling => {
                    self.settling = pending().boxed();
                    settled?;
                    output::warn("the chosen point is in the disks now");
                }
                drained = draining => self.drained(drained.ok().transpose()?).await?,
                Some(call) = calls.recv() => {
                    if let Some(next) = self.answer(call).await? {
                        source.close("this site goes on with another point").await;
                        return Ok(next);
                    }
                }
                stream = called => {
                    let (identity, below) = (self.state.identity.clone(), self.below.as_ref());
                    let replica = below.map(|below| Arc::clone(below.replica()));
                    let stream = stream?;
                    callers.spawn(async move {
                        let link = identity.welcome(stream).await?;
                        match replica {
                            // The other site is told that it may not write any more.
                            Some(replica) => replica.serve(link, &NoDisks).await,
                            None => Ok(Served::Ended),
                        }
                    });
                }
                Some(ended) = callers.join_next() => {
                    if let Err(error) = ended? {
                        output::warn(&format!("a connection ended: {error}"));
                    }
                    if self.state.site.member().role == Role::Fenced {
                        self.source.close("another site is active in a newer generation").await;
                        return Ok(Next::Role);
                    }
                }
                _ = keeps.tick() => self.keep().await?,
                _ = churns.tick() => self.note_churn(),
            }
        }
    }

    fn batches(
        &self,
        mut to: watch::Receiver<Option<String>>,
    ) -> impl Future<Output = Result<()>> + use<> {
        let source = Arc::clone(&self.source);
        async move {
            let _ = to.wait_for(Option::is_some).await.is_ok();
            source.run_batches().await?;
            Ok(())
        }
    }

    fn link(
        &self,
        mut to: watch::Receiver<Option<String>>,
    ) -> impl Future<Output = Result<Outcome>> + use<> {
        let source = Arc::clone(&self.source);
        let (identity, pace) = (self.state.identity.clone(), self.options.pace(self.state));
        async move {
            let known = to
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|to| to.clone());
            let Some(address) = known else {
                return pending().await;
            };
            let dial = TlsDial {
                identity,
                address,
                pace,
            };
            Ok(source.run_link(&dial).await?)
        }
    }

    /// Moves the committed point into the disks, while they are served.
    fn settle(&mut self) {
        if let Some(below) = &self.below {
            let below = Arc::clone(below);
            self.settling = async move { Ok(below.settle().await?) }.boxed();
        }
    }

    async fn keep(&self) -> Result<()> {
        let (progress, member) = (self.source.progress(), self.state.site.member());
        if progress.confirmed > member.confirmed
            || is_much_newer(progress.captured, member.confirmed_at)
        {
            self.state
                .site
                .change(|member| {
                    protection::confirm(member, progress.confirmed, progress.captured);
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    fn note_churn(&mut self) {
        let now = self.state.world.clock.now();
        let sealed = self.source.progress().totals.sealed_bytes;
        let shipped = sealed - std::mem::replace(&mut self.shipped, sealed);
        let churn = self.source.take_churn();
        let unique: u64 = churn.iter().map(|churn| churn.unique_bytes).sum();
        for (disk, churn) in self.source.disks().iter().zip(&churn) {
            let share =
                u128::from(shipped) * u128::from(churn.unique_bytes) / u128::from(unique.max(1));
            self.churn.push_back(Interval {
                start: self.churned_at,
                disk: disk.name.clone(),
                writes: churn.writes,
                written_bytes: churn.written_bytes,
                unique_bytes: churn.unique_bytes,
                shipped_bytes: u64::try_from(share).unwrap_or(u64::MAX),
            });
        }
        while self.churn.len() > CHURNS_MAX * self.source.disks().len().max(1) {
            self.churn.pop_front();
        }
        self.churned_at = now;
    }

    async fn outcome(&mut self, outcome: Outcome) -> Result<Next> {
        let now = self.state.world.clock.now();
        if let Outcome::Fenced(..) = outcome {
            let fence = |member: &mut Member| {
                protection::fence(member, now);
                Ok(())
            };
            self.state.site.change(fence).await?;
        }
        if let (Outcome::HandedOver(generation), Some(answer)) = (&outcome, self.waiting.take()) {
            let told = json!({ "handed_over": true, "generation": generation, "lost_bytes": 0 });
            let _ = answer.send(Ok(told)).is_ok();
        }
        Ok(Next::Role)
    }

    /// Everything was sent, or time is up.
    async fn drained(&mut self, batch: Option<u64>) -> Result<()> {
        self.draining = None;
        let Some(batch) = batch else {
            self.source.gate().open();
            if let Some(answer) = self.waiting.take() {
                let what = "the other site could not be brought up to date in time: writes go on here, nothing was \
                    handed over; see `firedrill status`";
                let _ = answer
                    .send(Err(Error::new(ErrorKind::Unavailable, what).into()))
                    .is_ok();
            }
            return Ok(());
        };
        let now = self.state.world.clock.now();
        let fence = |member: &mut Member| {
            protection::hand_over(member, batch, now);
            Ok(())
        };
        // Kept before the other site is told: two are never written.
        self.state.site.change(fence).await?;
        self.source
            .close("this site has handed over to the other one")
            .await;
        self.source.hand_over(self.source.generation() + 1, batch);
        Ok(())
    }

    async fn answer(&mut self, call: Call) -> Result<Option<Next>> {
        let Call {
            request, answer, ..
        } = call;
        let answered = match request {
            Request::Status => Ok(status::active(
                self.state,
                &self.source,
                &self.churn,
                self.below_bytes(),
                self.options,
            )),
            Request::Point { application } => {
                let consistency = if application {
                    Consistency::Application
                } else {
                    Consistency::Crash
                };
                self.source.mark_point(consistency);
                Ok(json!({ "marked": true }))
            }
            Request::Reprotect { to } => self.reprotect(to),
            Request::Commit => self.commit().await,
            Request::HandOver { timeout_seconds } => {
                if self.waiting.is_some() {
                    Err(conflict("a planned failover is under way already"))
                } else if !self.source.progress().link.connected {
                    Err(conflict(
                        "the other site is not connected: a planned failover needs it; see `firedrill status`",
                    ))
                } else {
                    let source = Arc::clone(&self.source);
                    let until = Instant::now() + Duration::from_secs(timeout_seconds);
                    self.draining = Some((async move { source.drain().await }.boxed(), until));
                    self.waiting = Some(answer);
                    return Ok(None);
                }
            }
            Request::Failover { point } => match self.choose_again(&point).await {
                Ok(told) => {
                    let _ = answer.send(Ok(told)).is_ok();
                    return Ok(Some(Next::Role));
                }
                Err(error) => Err(error),
            },
            Request::TestFailover { .. } => {
                Err(conflict("this site is active: test where the replica is"))
            }
        };
        let _ = answer.send(answered).is_ok();
        Ok(None)
    }

    fn below_bytes(&self) -> Option<u64> {
        self.below.as_ref().map(|below| below.above_bytes())
    }

    fn reprotect(&mut self, to: String) -> Result<Value> {
        let member = self.state.site.member();
        protection::reprotect(&member)?;
        if let Some(known) = &self.options.to {
            return Err(conflict(&format!("this site sends to {known} already")));
        }
        self.options.to = Some(to.clone());
        self.to.send_replace(Some(to.clone()));
        Ok(json!({ "to": to }))
    }

    async fn commit(&mut self) -> Result<Value> {
        let Some(below) = &self.below else {
            return Err(conflict(
                "nothing was failed over here: there is nothing to commit",
            ));
        };
        let committed = below.replica().commit().await?;
        self.settle();
        Ok(json!({ "committed": true, "captured": output::instant(committed.captured) }))
    }

    /// Goes back and takes another point: what was written since the failover is given up.
    async fn choose_again(&mut self, point: &str) -> Result<Value> {
        let Some(below) = &self.below else {
            return Err(conflict(
                "this site is active and always was: fail over at the replica's site",
            ));
        };
        let choice: Choice = read_choice(point)?;
        let point = below.replica().choose(choice).await?;
        let failed_over = below.replica().fail_over(point, false).await?;
        self.state.clear("overlay")?;
        self.state.clear("overlay-map")?;
        self.state.clear("intents")?;
        Ok(status::failed_over(&failed_over))
    }

    async fn end(
        &mut self,
        exit: Exit,
        batches: &mut BoxFuture<'_, Result<()>>,
        link: &mut BoxFuture<'_, Result<Outcome>>,
    ) -> Result<Next> {
        self.source
            .gate()
            .shut(engine::replication::gate::Shut::Held)
            .await;
        if self.source.progress().link.connected {
            let all = async {
                tokio::select! {
                    _ = self.source.drain() => {}
                    _ = batches => {}
                    _ = link => {}
                }
            };
            let _ = timeout(LAST_SENT, all).await.is_ok();
        }
        for disk in 0..self.source.disks().len() {
            self.source.flush(disk as u16).await?;
        }
        let progress = self.source.progress();
        let end = |member: &mut Member| {
            protection::rest(member);
            protection::confirm(member, progress.confirmed, progress.captured);
            Ok(())
        };
        self.state.site.change(end).await?;
        if self.source.progress().exposed_since.is_some() {
            output::warn(
                "the other site lacks what was written last; it is sent after the next start",
            );
        }
        Ok(Next::End(exit))
    }
}

/// A site that is active makes no disks for another.
struct NoDisks;

#[async_trait::async_trait]
impl MakeDisks for NoDisks {
    async fn make(&self, _: &[Disk]) -> engine::Result<Vec<(Disk, Arc<dyn BlockDevice>)>> {
        Err(Error::new(
            ErrorKind::Conflict,
            "this site is active: it follows nobody",
        ))
    }
}

pub(super) fn conflict(what: &str) -> anyhow::Error {
    Error::new(ErrorKind::Conflict, what).into()
}
