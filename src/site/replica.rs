//! The role of the site that follows.

mod hold;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use engine::format::member::{Disk, Member, Refusal};
use engine::replication::nbd::{DeviceExport, Exports, Named};
use engine::replication::replica::{
    Choice, MakeDisks, Overlay, Replica, Served, TIDY_EVERY, ViewDisk,
};
use engine::replication::witness::Witness;
use engine::seam::{BlockDevice, FileDevice};
use engine::units::Timestamp;
use engine::{Error, ErrorKind};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::control::{Call, Request};
use super::daemon::{Next, Options, Signals};
use super::instant::Readings;
use super::{State, parse_serve, restored, serve, status};
use crate::output::{self, warn};

/// Reads which point to take.
pub(crate) fn read_choice(text: &str) -> Result<Choice> {
    match text {
        // Every point is processed the moment that it is confirmed: the two are one here.
        "latest" | "latest-processed" => Ok(Choice::Latest),
        "latest-application" => Ok(Choice::LatestApplication),
        text => {
            let instant: jiff::Timestamp = text.parse().map_err(|_| {
                let what = format!(
                    "'{text}' is no point: write latest, latest-processed, latest-application or an instant such as \
                     2026-11-28T14:05:00Z"
                );
                Error::new(ErrorKind::Invalid, what)
            })?;
            let nanoseconds = instant.as_nanosecond();
            Ok(Choice::At(Timestamp::from_nanoseconds(nanoseconds)))
        }
    }
}

type Tidying = tokio::task::JoinHandle<engine::Result<()>>;

/// Test failovers that run, and what ends them before this site changes its role.
struct Tests {
    running: tokio::task::JoinSet<()>,
    over: watch::Sender<()>,
    /// A point that a backup reads.
    readings: Readings,
}

struct Disks(std::path::PathBuf);

#[async_trait]
impl MakeDisks for Disks {
    async fn make(&self, disks: &[Disk]) -> engine::Result<Vec<(Disk, Arc<dyn BlockDevice>)>> {
        let folder = self.0.join("disks");
        let failed = |error| {
            Error::from_io(
                format!("failed to make disks in {}", folder.display()),
                error,
            )
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let made = disks.iter().map(|disk| {
            // The name is the other site's: it must not lead out of the folder.
            let sound = !disk.name.is_empty()
                && disk.name.len() <= 255
                && !disk.name.contains(['/', '\0'])
                && !disk.name.starts_with('.');
            if !sound {
                let what = format!(
                    "{:?} can't be a disk's name: it must be a plain file name",
                    disk.name
                );
                return Err(Error::new(ErrorKind::Invalid, what));
            }
            let path = folder.join(&disk.name);
            let file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            let file = file.map_err(failed)?;
            // What was put there before is compared, and only what differs is sent.
            let bytes = file.metadata().map_err(failed)?.len();
            if bytes > disk.size {
                let what = format!(
                    "{} has {bytes} bytes and the disk '{}' {}: nothing is cut off it. Put a copy of that disk there, or \
                     remove it",
                    path.display(),
                    disk.name,
                    disk.size
                );
                return Err(Error::new(ErrorKind::Conflict, what));
            }
            file.set_len(disk.size).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            let path = std::fs::canonicalize(&path).map_err(failed)?;
            let device = FileDevice::open(&path, true)?;
            let disk = Disk {
                path: path.display().to_string(),
                ..disk.clone()
            };
            Ok((disk, Arc::new(device) as Arc<dyn BlockDevice>))
        });
        made.collect()
    }
}

async fn open(state: &State, options: &Options, member: &Member) -> Result<Replica> {
    // A site that follows has none in use: what there is was left by a failover that was interrupted.
    state.clear_all("overlay-")?;
    let devices = member.disks.iter().map(|disk| {
        let device = FileDevice::open(Path::new(&disk.path), true)?;
        Ok(Arc::new(device) as Arc<dyn BlockDevice>)
    });
    let devices: Vec<_> = devices.collect::<Result<_>>()?;
    let (site, key) = (Arc::clone(&state.site), state.identity.key.clone());
    Ok(Replica::open(site, key, devices, options.retention()).await?)
}

/// Plays the role until this site takes over, or is asked to end.
pub(super) async fn play(
    state: &State,
    options: &Options,
    calls: &mut mpsc::Receiver<Call>,
    signals: &mut Signals,
) -> Result<Next> {
    let member = state.site.member();
    let Some(listen) = &options.listen else {
        return Err(Error::new(
            ErrorKind::Conflict,
            "this site follows the other one: run `firedrill replica serve` here",
        )
        .into());
    };
    let replica = Arc::new(open(state, options, &member).await?);
    let listener = self::listen(listen).await?;
    warn(&format!(
        "following; the other site connects to {}",
        listener.local_addr()?
    ));
    let (ended, mut ends) = mpsc::channel(16);
    let mut tidies = interval(TIDY_EVERY);
    tidies.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tidying: Option<Tidying> = None;
    let mut sessions = tokio::task::JoinSet::new();
    let mut tests = Tests {
        running: tokio::task::JoinSet::new(),
        over: watch::channel(()).0,
        readings: Readings::new(),
    };
    let next = loop {
        tokio::select! {
            biased;
            exit = signals.next() => break Next::End(exit),
            Some(end) = ends.recv() => {
                if matters(&end) {
                    break Next::Role;
                }
            }
            Some(call) = calls.recv() => {
                if let Some(next) = answer(state, options, &replica, &mut tests, call).await {
                    break next;
                }
            }
            stream = state.identity.accept(&listener) => {
                match stream {
                    Ok(stream) => {
                        let end = session(state, Arc::clone(&replica), stream);
                        let ended = ended.clone();
                        sessions.spawn(async move {
                            let _ = ended.send(end.await).await.is_ok();
                        });
                    }
                    Err(error) => {
                        warn(&error.to_string());
                        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    }
                }
            }
            _ = tidies.tick() => {
                tidy(&mut tidying, &replica).await?;
            }
            Some(_) = sessions.join_next() => {}
        }
    };
    // Nothing of this role goes on in the next: the disks and the history are opened anew.
    sessions.shutdown().await;
    drop(tests.over);
    while tests.running.join_next().await.is_some() {}
    tests.readings.end().await;
    if let Some(tidying) = tidying {
        tidying.abort();
        let _ = tidying.await.is_ok();
    }
    Ok(next)
}

/// One connection of the other site.
fn session(
    state: &State,
    replica: Arc<Replica>,
    stream: tokio::net::TcpStream,
) -> impl Future<Output = engine::Result<Served>> + Send + use<> {
    let (identity, disks) = (state.identity.clone(), Disks(state.folder.clone()));
    async move {
        let link = identity.welcome(stream).await?;
        replica.serve(link, &disks).await
    }
}

/// Tidies the history beside all else, if that is not under way.
async fn tidy(tidying: &mut Option<Tidying>, replica: &Arc<Replica>) -> Result<()> {
    if tidying
        .as_ref()
        .is_some_and(|tidying| !tidying.is_finished())
    {
        return Ok(());
    }
    if let Some(done) = tidying.take()
        && let Err(error) = done.await?
    {
        warn(&format!("the history could not be tidied: {error}"));
    }
    let replica = Arc::clone(replica);
    *tidying = Some(tokio::spawn(async move { replica.tidy().await }));
    Ok(())
}

/// Listens for the other site.
pub(super) async fn listen(at: &str) -> Result<TcpListener> {
    let listening = TcpListener::bind(at).await;
    Ok(listening.map_err(|error| Error::from_io(format!("failed to listen at {at}"), error))?)
}

/// Whether a connection's end changes the role.
fn matters(end: &engine::Result<Served>) -> bool {
    match end {
        Ok(Served::TakenOver) => return true,
        Ok(Served::Ended) => {
            warn("the other site is gone; its last whole batch is the newest point");
        }
        Ok(Served::Refused(Refusal::OtherDisks)) => {
            warn(
                "refused: the other site's disks have other names or sizes than those that are kept here",
            );
        }
        Ok(Served::Refused(why)) => warn(&format!("refused the other site: {why:?}")),
        Err(error) => warn(&format!("a connection ended: {error}")),
    }
    false
}

async fn answer(
    state: &State,
    options: &Options,
    replica: &Arc<Replica>,
    tests: &mut Tests,
    call: Call,
) -> Option<Next> {
    let Call {
        request,
        answer,
        gone,
    } = call;
    let answered = match request {
        Request::Status => Ok(status::replica(state, replica, options).await),
        Request::Failover {
            point,
            without_witness,
        } => match fail_over(state, options, replica, (&point, without_witness)).await {
            Ok(told) => return Some(Next::Serve((answer, told))),
            Err(error) => Err(error),
        },
        Request::Choose { point } => choose(state, replica, &point).await,
        Request::FailoverRestored {
            folder,
            captured,
            without_witness,
        } => {
            let taken = match witness(state, options, without_witness) {
                Ok(witness) => {
                    restored::take_over(state, replica, &folder, captured, witness.as_ref()).await
                }
                Err(error) => Err(error),
            };
            match taken {
                Ok(told) => return Some(Next::Serve((answer, told))),
                Err(error) => Err(error),
            }
        }
        Request::TestFailover { point, serve } => {
            test(state, options, replica, tests, (&point, &serve), gone).await
        }
        Request::Commit => Err(super::active::conflict(
            "nothing was failed over: there is nothing to commit",
        )),
        Request::Instant { point, since } => {
            hold::hold(state, replica, &mut tests.readings, (point, since), gone).await
        }
        Request::Reprotect { .. } | Request::HandOver { .. } | Request::Point { .. } => Err(
            super::active::conflict("this site follows the other one: ask there"),
        ),
    };
    let _ = answer.send(answered).is_ok();
    None
}

const NOTHING_TAKEN: &str = "nothing was taken over; if the witness is lost and the other site surely is not written any \
    more, pass --without-witness";

/// Who is told of a failover, where someone is.
fn witness(state: &State, options: &Options, without: bool) -> Result<Option<Witness>> {
    if without {
        return Ok(None);
    }
    let witness = options.witness(state);
    witness.map_err(|error| error.context(NOTHING_TAKEN))
}

async fn fail_over(
    state: &State,
    options: &Options,
    replica: &Arc<Replica>,
    (point, without_witness): (&str, bool),
) -> Result<Value> {
    let point = replica.choose(read_choice(point)?).await?;
    let witness = witness(state, options, without_witness)?;
    let failed_over = replica.fail_over(point, false, witness.as_ref()).await;
    let failed_over = failed_over.map_err(|error| match error.kind() {
        ErrorKind::Unavailable if witness.is_some() => error.context(NOTHING_TAKEN),
        _ => error,
    })?;
    Ok(status::failed_over(&failed_over))
}

/// The point that a choice means, or why there is none.
async fn choose(state: &State, replica: &Replica, point: &str) -> Result<Value> {
    let chosen = replica.choose(read_choice(point)?).await;
    let (chosen, why) = match chosen {
        Ok(point) => (Some(point), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(json!({
        "group": state.site.member().group.to_string(),
        "chosen": chosen.map(|point| json!({
            "seconds": point.captured.seconds,
            "nanos": point.captured.nanos,
            "consistency": point.consistency.name(),
        })),
        "why": why,
    }))
}

/// Serves a writable copy of a point until `gone`; replication goes on.
async fn test(
    state: &State,
    options: &Options,
    replica: &Arc<Replica>,
    tests: &mut Tests,
    (point, at): (&str, &str),
    gone: oneshot::Receiver<()>,
) -> Result<Value> {
    let point = replica.choose(read_choice(point)?).await?;
    let at = parse_serve(at).map_err(|why| Error::new(ErrorKind::Invalid, why))?;
    let pinned = replica.view(point).await?;
    let member: Member = state.site.member();
    let folder = format!(
        "test-{}",
        std::time::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default()
            .as_nanos()
    );
    let mut exports = Vec::new();
    for (number, disk) in member.disks.iter().enumerate() {
        let under = Arc::new(ViewDisk {
            view: Arc::clone(&pinned.view),
            disk: number as u16,
        });
        let over = state.device(&folder, &disk.name, disk.size)?;
        let map = state.device(
            &folder,
            &format!("{}.map", disk.name),
            Overlay::map_bytes(disk.size),
        )?;
        let overlay = Overlay::open(under, Arc::new(over), Arc::new(map)).await?;
        exports.push(Named {
            name: disk.name.clone(),
            description: format!(
                "test of the recovery point of {}",
                output::instant(point.captured)
            ),
            export: Arc::new(DeviceExport::new(Arc::new(overlay), false)),
        });
    }
    let served = serve(state, &at, &options.how, Exports::new(exports)?).await;
    let mut serving = match served {
        Ok(serving) => serving,
        Err(error) => {
            state.clear(&folder)?;
            return Err(error);
        }
    };
    let left = state.folder.join(&folder);
    let mut over = tests.over.subscribe();
    tests.running.spawn(async move {
        tokio::select! {
            _ = gone => {}
            _ = over.changed() => {}
        }
        serving.cut().await;
        drop(pinned);
        if let Err(error) = std::fs::remove_dir_all(&left) {
            warn(&format!("{} could not be removed: {error}", left.display()));
        }
    });
    Ok(json!({
        "serve": at.0.to_string(),
        "captured": output::exact(point.captured),
        "batch": point.batch,
        "consistency": point.consistency.name(),
    }))
}
