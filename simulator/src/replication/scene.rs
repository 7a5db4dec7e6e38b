//! One instance of a scenario, replicated by the engine itself: its source and its replica, unmodified, over the
//! scenario's network, fed with what the scenario writes, with the checkers of this folder beside them.
//!
//! Long sleeps of the two sites end at the instants at which batches do: what happens in between is only that each
//! tells the other that it lives.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use engine::replication::replica::Retention;
use engine::replication::source::Settings;
use engine::units::Timestamp;

use crate::draw::Draws;
use crate::emulated::Look;
use crate::executor::HostId;
use crate::scenario::{HOUR, MINUTE, SECOND};
use crate::trial::ground::{Ground as Trial, lock};
use crate::trial::hands::Failed;
use crate::trial::meter::cross;
use crate::trial::replica::{Did, Replicate, host, journal_bytes, next_end};
use crate::workload::Content;
use crate::world::account::Flaw as Planted;

use super::feed::Feed;
use super::ledger::Ledger;
use super::station::{self, Order, Station};
use super::wire::{Roadway, Way};
use super::{Flaw, Ground, operator};

/// Checkers look this often, on average.
const WATCH: u64 = 12 * HOUR;
/// A failover that is ordered is carried out in far less.
const TAKE_OVER_MAX: u64 = MINUTE;
/// How often it is looked whether it is.
const LOOK: u64 = 1000;

/// The emulated replica of one instance.
#[derive(Debug)]
pub struct EngineReplica {
    trial: Arc<Trial<Bytes>>,
    instance: usize,
    copy: usize,
    look: Look,
    every: u64,
    retention: Retention,
    settings: Settings,
    ground: Option<Arc<Ground>>,
    /// Lives so far: each has entropy of its own.
    lives: u64,
    sent: Arc<AtomicU64>,
    told: Did,
    /// Batches confirmed in processes of before, and in the one that runs.
    batches: (u64, u64),
}

impl EngineReplica {
    /// Of the copy `copy` of the instance `instance`; nothing follows yet.
    pub(crate) fn new(trial: &Arc<Trial<Bytes>>, instance: usize, copy: usize) -> Self {
        let (group, spec) = (&trial.instances[instance].group, trial.copy(copy));
        let retention = spec.replica.map(|it| it.retention()).unwrap_or_default();
        let journal = journal_bytes(trial.state(instance).disk.blocks(), group.real_block_bytes);
        let every = spec.every_micros;
        Self {
            trial: Arc::clone(trial),
            instance,
            copy,
            look: Look {
                instance: instance as u32,
                block_bytes: group.real_block_bytes as usize,
                compress_ppm: group.compress_ppm,
            },
            every,
            retention: Retention {
                bytes_max: retention.bytes_max / group.scale(),
                ..retention
            },
            settings: Settings {
                interval: Duration::from_micros(every),
                journal_bytes: journal,
                memory_bytes: journal,
                retry: Duration::from_micros(SECOND),
                // Messages that each site lives come once in a batch here; a call to a site that is down is given up after
                // as long, so that a longer silence has a replica that came back wait for its next batches.
                silence: Duration::from_micros(4 * every),
            },
            ground: None,
            lives: 0,
            sent: Arc::default(),
            told: Did::default(),
            batches: (0, 0),
        }
    }

    fn hosts(&self) -> [HostId; 3] {
        let first = host(self.instance, self.copy).0;
        [first, first + 1, first + 2].map(HostId)
    }

    fn stamp(&self, micros: u64) -> Timestamp {
        let start = i128::from(self.trial.scenario.start_seconds) * 1_000_000_000;
        Timestamp::from_nanoseconds(start + i128::from(micros) * 1000)
    }

    fn micros(&self, stamp: Timestamp) -> u64 {
        let start = i128::from(self.trial.scenario.start_seconds) * 1_000_000_000;
        u64::try_from((stamp.nanoseconds() - start) / 1000).unwrap_or(0)
    }

    fn way(&self, (from, to): (usize, usize)) -> Option<Arc<Way>> {
        let path = |ends| self.trial.replication(self.instance, self.copy, ends);
        let (out, back) = (path((from, to))?.0, path((to, from))?.0);
        let (trial, sent, copy) = (Arc::clone(&self.trial), Arc::clone(&self.sent), self.copy);
        let told = move |site: usize, bytes: u64| {
            let ends = if site == 0 { (from, to) } else { (to, from) };
            sent.fetch_add(bytes, Ordering::Relaxed);
            let mut meter = lock(&trial.meter);
            let row = meter.at(trial.handle.now(), copy);
            row.put_bytes += bytes;
            cross(row, &trial.scenario, ends, bytes);
        };
        let road = Roadway {
            roads: self.trial.roads.clone(),
            paths: [out, back],
            scale: self.trial.instances[self.instance].group.scale(),
            told: Box::new(told),
        };
        Some(Way::over(&self.trial.handle, road))
    }

    fn lay(&self, ends: (usize, usize), content: &Content) -> Option<Arc<Ground>> {
        let (handle, hosts) = (self.trial.handle.clone(), self.hosts());
        let name = &self.trial.instances[self.instance].name;
        let mut seed = self.trial.draws.stream(name, "replication", self.lives);
        let draws = Draws::new(seed.bits());
        let start = self.stamp(0);
        let flaw = match self.trial.flaw() {
            Planted::ForgetfulReplica => Flaw::ForgetsWrites,
            _ => Flaw::None,
        };
        let station = |site: usize| {
            let host = station::host((handle.clone(), draws), hosts[site], start);
            let host = host.on_grid(next_end(self.every, 0), self.every);
            Station::new((host, draws), site, flaw)
        };
        let feed = Feed::new(self.look, content);
        let disk = feed.bytes(content);
        let way = self.way(ends)?;
        let ground = Arc::new_cyclic(|me| Ground {
            witness: None,
            flaw: Flaw::None,
            strikes: AtomicU64::new(0),
            handle: handle.clone(),
            draws,
            way,
            bytes_per_second: 0,
            stations: [station(0), station(1)],
            sizes: vec![disk.len() as u64],
            settings: self.settings,
            retention: self.retention,
            ledger: Mutex::new(Ledger::new(false)),
            written: AtomicBool::new(true),
            turns: AtomicU64::new(0),
            calm_since: AtomicU64::new(0),
            me: me.clone(),
            feed: Some(feed),
            records: None,
            watch_micros: WATCH,
            restart_micros: self.every,
            operator: hosts[2],
        });
        let name = "disk0";
        ground.stations[0]
            .device("disks", name, disk.len() as u64)
            .fill(&disk);
        ground.ledger().begin_group(0, vec![disk]);
        Some(ground)
    }

    /// Everything that was confirmed by processes that ended, and by the one that runs.
    fn take_batches(&mut self) {
        let running = self
            .ground
            .as_ref()
            .and_then(|ground| ground.stations[0].now().source.clone());
        if let Some(source) = running {
            self.batches.1 = source.progress().totals.batches;
        }
    }

    fn settle_batches(&mut self) {
        self.take_batches();
        self.batches = (self.batches.0 + self.batches.1, 0);
    }

    /// What the checkers found is the trial's.
    fn tell(&self) {
        if let Some(ground) = &self.ground {
            let found = std::mem::take(&mut ground.ledger().violations);
            let name = &self.trial.instances[self.instance].name;
            for what in found {
                self.trial
                    .violated(format!("the replica of {name}: {what}"));
            }
        }
    }

    /// A site's machine goes down with what it was sending, or comes up.
    fn switch(&self, site: usize, up: bool) {
        let Some(ground) = &self.ground else {
            return;
        };
        let station = &ground.stations[site];
        ground.disturbed();
        ground.way.mute(site, !up);
        if up {
            station.now().up = true;
            operator::start(ground);
        } else {
            station.lose_power();
            ground.way.reset(true);
        }
    }

    async fn taken_over(&self, ground: &Ground) -> Result<Content, Failed> {
        let station = &ground.stations[1];
        let until = self.trial.handle.now() + TAKE_OVER_MAX;
        let source = loop {
            let source = station.now().source.clone();
            match source {
                Some(source) => break source,
                None if self.trial.handle.now() > until => return Err(Failed::Unavailable),
                None => self.trial.handle.sleep(LOOK).await,
            }
        };
        let broken = |error: engine::Error| Failed::Broken(error.to_string());
        let bytes = source
            .read((0, 0), ground.sizes[0] as usize)
            .await
            .map_err(broken)?;
        let versions = ground.feed.as_ref().map(|feed| feed.versions(&bytes));
        let whole: Option<Vec<u32>> = versions.unwrap_or_default().into_iter().collect();
        let what = "a replica's disk has a block that no write made";
        whole
            .map(Into::into)
            .ok_or_else(|| Failed::Broken(what.to_owned()))
    }
}

impl Replicate for EngineReplica {
    type Stored = Bytes;

    fn begin(&mut self, ends: (usize, usize), content: &Content) {
        self.lives += 1;
        self.ground = self.lay(ends, content);
        if let Some(ground) = &self.ground {
            let keeps = operator::keep_running(Arc::clone(ground));
            self.trial.handle.spawn(self.hosts()[2], keeps);
        }
    }

    fn end(&mut self) {
        self.settle_batches();
        self.tell();
        for host in self.hosts() {
            self.trial.handle.crash(host);
        }
        if let Some(ground) = self.ground.take() {
            ground.way.mute(0, true);
            ground.way.mute(1, true);
            ground.way.reset(true);
        }
    }

    fn write(&mut self, content: &Content) {
        if let Some(feed) = self.ground.as_ref().and_then(|ground| ground.feed.as_ref()) {
            feed.write(content);
        }
    }

    fn source(&mut self, up: bool) {
        self.settle_batches();
        self.switch(0, up);
    }

    fn target(&mut self, up: bool) {
        self.switch(1, up);
    }

    async fn points(&mut self) -> Vec<u64> {
        let replica = self
            .ground
            .as_ref()
            .and_then(|ground| ground.stations[1].now().replica.clone());
        let Some(replica) = replica else {
            return Vec::new();
        };
        let points = replica.points().await;
        points
            .iter()
            .map(|point| self.micros(point.captured))
            .collect()
    }

    async fn fail_over(&mut self, captured: u64) -> Result<Content, Failed> {
        let Some(ground) = self.ground.clone() else {
            return Err(Failed::Unavailable);
        };
        let to = Order::FailoverTo(self.stamp(captured + 1));
        if !operator::order(&ground, 1, to).await {
            return Err(Failed::Unavailable);
        }
        let content = self.taken_over(&ground).await;
        self.tell();
        content
    }

    fn has_all(&mut self) -> bool {
        let source = self
            .ground
            .as_ref()
            .and_then(|ground| ground.stations[0].now().source.clone());
        source.is_some_and(|source| {
            let progress = source.progress();
            progress.exposed_since.is_none() && progress.confirmed > 0
        })
    }

    async fn history_bytes(&mut self) -> u64 {
        let replica = self
            .ground
            .as_ref()
            .and_then(|ground| ground.stations[1].now().replica.clone());
        let Some(replica) = replica else {
            return 0;
        };
        let scale = self.trial.instances[self.instance].group.scale();
        replica.standing().await.history_bytes * scale
    }

    fn did(&mut self) -> Did {
        self.take_batches();
        let all = Did {
            batches: self.batches.0 + self.batches.1,
            sent_bytes: self.sent.load(Ordering::Relaxed),
        };
        let new = Did {
            batches: all.batches - self.told.batches,
            sent_bytes: all.sent_bytes - self.told.sent_bytes,
        };
        self.told = all;
        new
    }
}
