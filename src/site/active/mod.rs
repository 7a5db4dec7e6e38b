//! The role of the site that is written: its disks are served, and follow to the other site once it is known.

mod answers;
mod churn;
mod disks;
mod hold;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use engine::format::member::{Member, Role};
use engine::replication::export::SourceExport;
use engine::replication::nbd::{Exports, Named, Serving};
use engine::replication::promoted::Promoted;
use engine::replication::protection;
use engine::replication::replica::{Replica, Served};
use engine::replication::source::{Outcome, Parts, Protected, Source};
use engine::replication::transport::{Identity, TlsDial};
use engine::seam::{BlockDevice, Traffic, World, open_scratch};
use engine::units::Timestamp;
use engine::{Error, ErrorKind};
use futures::future::{BoxFuture, FutureExt, pending};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

pub(super) use churn::{CHURN_EVERY, Churned};

use super::control::Call;
use super::daemon::{Next, Options, Owed, Signals};
use super::instant::Readings;
use super::{State, boot, serve};
use crate::exit::Exit;
use crate::output;
use disks::NoDisks;
pub(super) use disks::overlay_at;

/// What the other site confirmed is kept this often: what was confirmed since is compared after a crash.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// At the end, what the other site lacks is sent for so long.
const LAST_SENT: Duration = Duration::from_secs(10);

struct Active<'a> {
    state: &'a State,
    options: &'a mut Options,
    source: Arc<Source>,
    below: Option<Arc<Promoted>>,
    to: watch::Sender<Option<String>>,
    churn: Churned,
    settling: BoxFuture<'static, Result<()>>,
    /// A hand-over that waits for everything to be sent, until then; and who waits for it.
    draining: Option<(BoxFuture<'static, engine::Result<u64>>, Instant)>,
    waiting: Option<oneshot::Sender<Result<Value>>>,
    readings: Readings,
    /// An instant that is about to be held for a backup.
    taking: Option<hold::Taking>,
}

/// Plays the role until the site is fenced, has handed over, or is asked to end. Whoever waits for it is told once the
/// disks are served.
pub(super) async fn play(
    state: &State,
    options: &mut Options,
    calls: &mut mpsc::Receiver<Call>,
    signals: &mut Signals,
    owed: Option<Owed>,
) -> Result<Next> {
    let member = state.site.member();
    options.to = options.to.take().or_else(|| member.sends_to.clone());
    let (devices, below) = disks::open(state, options, &member).await?;
    let source = Arc::new(source(state, options, &member, &devices).await?);
    hold::remember(state, &member, &source, below.is_some()).await?;
    let mut serving = front_door(state, options, &member, &source).await?;
    if let Some((answer, told)) = owed {
        let _ = answer.send(Ok(told)).is_ok();
    }
    let (to, to_seen) = watch::channel(options.to.clone());
    let is_committed = member
        .failed_over
        .is_some_and(|failed_over| failed_over.committed);
    let settling = match &below {
        Some(below) if is_committed => disks::settle(below),
        _ => pending().boxed(),
    };
    let churn = Churned::new(state.world.clock.now());
    let mut active = Active {
        state,
        options,
        source,
        below,
        to,
        churn,
        settling,
        draining: None,
        waiting: None,
        readings: Readings::new(),
        taking: None,
    };
    let next = active.act(to_seen, calls, signals).await;
    active.readings.end().await;
    let _ = timeout(LAST_SENT, serving.shut_down()).await.is_ok();
    next
}

/// The source, and that it runs from now on.
async fn source(
    state: &State,
    options: &Options,
    member: &Member,
    devices: &[Arc<dyn BlockDevice>],
) -> Result<Source> {
    let boot = boot();
    let protected = devices.iter().zip(&member.disks).map(|(device, disk)| {
        let intents = state.device("intents", &disk.name, disk.size.div_ceil(8 << 20))?;
        Ok(Protected {
            device: Arc::clone(device),
            intents: Arc::new(intents),
        })
    });
    let World {
        clock,
        entropy,
        workers,
        ..
    } = state.world.clone();
    state.clear("journal")?;
    let journal = open_scratch(&state.folder)?;
    let parts = Parts {
        world: World::new(journal, clock, entropy, workers, Traffic::default()),
        key: state.identity.key.clone(),
        group: member.group,
        generation: member.generation,
        disks: member.disks.clone(),
        devices: protected.collect::<Result<_>>()?,
        confirmed: member.confirmed,
        confirmed_at: member.confirmed_at,
        suspect: protection::is_suspect(member, &boot),
        witnessed: options.witness.is_some(),
    };
    let source = Source::open(parts, options.settings()).await?;
    let runs = |member: &mut Member| {
        protection::run(member, boot);
        Ok(())
    };
    state.site.change(runs).await?;
    Ok(source)
}

async fn front_door(
    state: &State,
    options: &Options,
    member: &Member,
    source: &Arc<Source>,
) -> Result<Serving> {
    let exports = member.disks.iter().enumerate().map(|(number, disk)| Named {
        name: disk.name.clone(),
        description: format!("protected disk of {}", disk.path),
        export: Arc::new(SourceExport {
            source: Arc::clone(source),
            disk: number as u16,
        }),
    });
    let exports = Exports::new(exports.collect())?;
    let serving = serve(state, &options.serve, &options.how, exports).await?;
    let (count, at) = (member.disks.len(), &options.serve.0);
    output::warn(&format!("{count} disk(s) served at {at}"));
    Ok(serving)
}

/// Tells a site that connects to an active one that it may not write any more.
async fn turn_away(
    identity: Identity,
    replica: Arc<Replica>,
    stream: TcpStream,
) -> engine::Result<Served> {
    let link = identity.welcome(stream).await?;
    replica.serve(link, &NoDisks).await
}

/// Whether an idle site's last point is worth to be kept again: after a crash the RPO is told from it.
fn is_much_newer(captured: Option<Timestamp>, kept: Option<Timestamp>) -> bool {
    captured.is_some_and(|now| kept.is_none_or(|kept| now.seconds - kept.seconds >= 60))
}

fn told_of_settling(settled: &Result<()>) {
    match settled {
        Ok(()) => output::warn("the chosen point is in the disks now"),
        Err(error) => output::warn(&format!(
            "the chosen point could not be moved into the disks, and is served from above them until the next start: \
             {error}"
        )),
    }
}

impl Active<'_> {
    async fn act(
        &mut self,
        to: watch::Receiver<Option<String>>,
        calls: &mut mpsc::Receiver<Call>,
        signals: &mut Signals,
    ) -> Result<Next> {
        let source = Arc::clone(&self.source);
        let mut batches = self.batches(to.clone()).boxed();
        let mut link = self.link(to).boxed();
        let mut watched = self.watch().await?;
        let mut keeps = interval(KEEP_EVERY);
        keeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut churns = interval(CHURN_EVERY);
        let (listener, refuses) = self.listen().await?;
        let mut callers = JoinSet::new();
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
                Some(outcome) = watched.join_next() => return self.outcome(outcome??).await,
                settled = &mut self.settling => {
                    self.settling = pending().boxed();
                    told_of_settling(&settled);
                }
                drained = draining => self.drained(drained.ok().transpose()?).await?,
                taken = hold::done(&mut self.taking) => self.taken(taken),
                Some(call) = calls.recv() => {
                    if let Some(next) = self.answer(call).await? {
                        source.close("this site goes on with another point").await;
                        return Ok(next);
                    }
                }
                stream = called => {
                    match stream {
                        Ok(stream) => {
                            let identity = self.state.identity.clone();
                            callers.spawn(turn_away(identity, Arc::clone(&refuses), stream));
                        }
                        Err(error) => self.pause(&error).await,
                    }
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
                _ = keeps.tick() => {
                    if let Err(error) = self.keep().await {
                        // What was confirmed since is compared after a crash: nothing else.
                        output::warn(&format!("what the other site confirmed could not be noted: {error}"));
                    }
                }
                _ = churns.tick() => self.churn.note(&source, self.state.world.clock.now()),
            }
        }
    }

    /// Where others connect, if they may, and what tells them that this site is active.
    async fn listen(&self) -> Result<(Option<TcpListener>, Arc<Replica>)> {
        let listener = match &self.options.listen {
            Some(at) => Some(super::replica::listen(at).await?),
            None => None,
        };
        if let Some(below) = &self.below {
            return Ok((listener, Arc::clone(below.replica())));
        }
        let (site, key) = (
            Arc::clone(&self.state.site),
            self.state.identity.key.clone(),
        );
        let refuses = Replica::open(site, key, Vec::new(), self.options.retention()).await?;
        Ok((listener, Arc::new(refuses)))
    }

    /// No connection can be taken for now: the disks are served all the same.
    async fn pause(&self, error: &Error) {
        output::warn(&error.to_string());
        tokio::time::sleep(Duration::from_millis(200)).await;
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

    /// Asks the witness, where there is one, whether another site has taken over: as a task, since it changes the
    /// record, and must come on while this role does.
    async fn watch(&self) -> Result<JoinSet<engine::Result<Outcome>>> {
        let mut watched = JoinSet::new();
        let (source, site) = (Arc::clone(&self.source), Arc::clone(&self.state.site));
        if let Some(witness) = self.options.witness(self.state)? {
            watched.spawn(async move { witness.watch(&source, &site).await });
        } else if site.member().waits || site.member().claimed > 0 {
            let without = |member: &mut Member| {
                protection::waited(member);
                protection::claimed(member, 0);
                Ok(())
            };
            site.change(without).await?;
        }
        Ok(watched)
    }

    async fn keep(&self) -> Result<()> {
        let (progress, member) = (self.source.progress(), self.state.site.member());
        if progress.confirmed > member.confirmed
            || is_much_newer(progress.captured, member.confirmed_at)
        {
            let confirm = |member: &mut Member| {
                protection::confirm(member, progress.confirmed, progress.captured);
                Ok(())
            };
            self.state.site.change(confirm).await?;
        }
        Ok(())
    }

    async fn end(
        &mut self,
        exit: Exit,
        batches: &mut BoxFuture<'_, Result<()>>,
        link: &mut BoxFuture<'_, Result<Outcome>>,
    ) -> Result<Next> {
        // One that is about to be held would let writes go on.
        self.taking = None;
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
        self.source.flush_intents().await?;
        self.keep_marks(&self.state.site.member()).await;
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

pub(super) fn conflict(what: &str) -> anyhow::Error {
    Error::new(ErrorKind::Conflict, what).into()
}
