//! The process that plays a site's role, from one role to the next.

use std::sync::Arc;

use anyhow::{Context, Result};
use engine::format::member::Role;
use engine::replication::replica::Retention;
use engine::replication::source::Settings;
use engine::replication::witness::Witness;
use engine::seam::store::{Pace, Retries};
use engine::seam::{Traffic, World};
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::control::{Call, Control};
use super::{Serve, State, active, replica};
use crate::cli::{KeepPointsArgs, ServeArgs, ShipArgs};
use crate::exit::Exit;
use crate::output;
use crate::place::Place;

/// How a site plays its role.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Where its disks are served while it is active.
    pub(crate) serve: Serve,
    pub(crate) how: ServeArgs,
    /// The site to send to, where it is known.
    pub(crate) to: Option<String>,
    pub(crate) ship: ShipArgs,
    /// Where it listens for the other site while it follows.
    pub(crate) listen: Option<String>,
    pub(crate) keep: Option<KeepPointsArgs>,
    /// Where the witness is, if there is one.
    pub(crate) witness: Option<String>,
}

impl Options {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            interval: self.ship.interval,
            journal_bytes: self.ship.journal,
            ..Settings::default()
        }
    }

    /// The witness, if there is one.
    pub(crate) fn witness(&self, state: &State) -> Result<Option<Witness>> {
        let Some(place) = &self.witness else {
            return Ok(None);
        };
        let traffic = Traffic {
            retries: Retries::BRIEF,
            ..Traffic::default()
        };
        let clock = Arc::clone(&state.world.clock);
        let entropy = Arc::clone(&state.world.entropy);
        let workers = Arc::clone(&state.world.workers);
        let store = Place::parse(place)?.open(None);
        let store = store.with_context(|| format!("the witness {place} can't be reached"))?;
        let world = World::new(store, clock, entropy, workers, traffic);
        let identity = &state.identity;
        Ok(Some(Witness::new(
            world,
            identity.group,
            identity.name.clone(),
        )))
    }

    pub(super) fn pace(&self, state: &State) -> Option<Arc<Pace>> {
        let limit = self.ship.limit_upload.clone()?;
        Some(Pace::new(limit, Arc::clone(&state.world.clock)))
    }

    pub(super) fn retention(&self) -> Retention {
        self.keep
            .as_ref()
            .map_or_else(Retention::default, |keep| Retention {
                every_batch: keep.every_batch,
                interval: keep.point_every,
                keep: keep.retention,
                as_site_recovery: keep.like_site_recovery,
                bytes_max: keep.history,
            })
    }
}

/// What comes after a role.
#[derive(Debug)]
pub(super) enum Next {
    /// Another role, which the site's record names.
    Role,
    /// Another role; somebody waits until its disks are served.
    Serve(Owed),
    /// The end.
    End(Exit),
}

/// An answer that is to be given later, and to whom.
pub(super) type Owed = (oneshot::Sender<Result<Value>>, Value);

/// Signals that ask to end.
pub(super) struct Signals([(Signal, Exit); 3]);

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self([
            (signal(SignalKind::interrupt())?, Exit::Interrupted),
            (signal(SignalKind::terminate())?, Exit::Terminated),
            (signal(SignalKind::hangup())?, Exit::Hangup),
        ]))
    }

    /// Waits for one.
    pub(super) async fn next(&mut self) -> Exit {
        let waits = self.0.iter_mut().map(|(signal, exit)| {
            Box::pin(async {
                signal.recv().await;
                *exit
            })
        });
        futures::future::select_all(waits).await.0
    }
}

/// Plays a site's roles until it is asked to end, or another site has taken over.
pub(crate) async fn run(state: &State, mut options: Options) -> Result<Exit> {
    let (_control, mut calls): (Control, mpsc::Receiver<Call>) = Control::open(&state.folder)?;
    // What tests left that did not end properly: nobody else plays this site.
    state.clear_all("test-")?;
    let mut signals = Signals::new()?;
    let mut owed = None;
    loop {
        let member = state.site.member();
        let next = match member.role {
            Role::Replica => replica::play(state, &options, &mut calls, &mut signals).await?,
            Role::Active => {
                let owed = owed.take();
                active::play(state, &mut options, &mut calls, &mut signals, owed).await?
            }
            Role::Fenced if member.handed_over => {
                output::warn(&format!(
                    "this site has handed over with everything: see the other one's status (if it has not taken over, \
                     `firedrill failover` there loses nothing); follow it with `firedrill replica serve {}`. Were the \
                     other one gone for good, --take-back makes this one active again",
                    state.folder.display()
                ));
                return Ok(Exit::Met);
            }
            Role::Fenced => {
                output::warn(&format!(
                    "the other site has taken over in a newer generation: nothing is written here any more. What it \
                     had not received is only here; `firedrill replica serve {} --discard-unsent` gives that up and \
                     follows. Were the other one gone for good, --take-back makes this one active again",
                    state.folder.display()
                ));
                return Ok(Exit::Missed);
            }
        };
        match next {
            Next::Role => {}
            Next::Serve(answer) => owed = Some(answer),
            Next::End(exit) => return Ok(exit),
        }
    }
}
