//! Site recovery in a trial: what a replica must be able to do, and the actor that has one follow an instance.
//!
//! As with backups, the actor is written once: what moves data is the engine itself (`emulated`), or a reckoning
//! (`modelled`). After a recovery the instance is protected anew, wholly, from where it runs to the other place.

use std::future::Future;
use std::sync::{Arc, Mutex};

use futures::future::select;
use futures::lock::Mutex as Shared;

use crate::executor::HostId;
use crate::scenario::HOUR;
use crate::workload::Content;
use crate::world::account::Stored;

use super::ground::{Ground, lock};
use super::hands::{Failed, Hands};
use super::tally::Tally;

/// What a replica did since it was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Did {
    /// Batches that came to be there.
    pub batches: u64,
    /// Bytes of them that went over the way, times the scale; resent ones count again.
    pub sent_bytes: u64,
}

/// The two sites of one instance's replication.
pub trait Replicate: Send + Sized + 'static {
    /// What accounts of the trial hold.
    type Stored: Stored;
    /// An empty replica at the second place begins to follow a disk of this content at the first.
    fn begin(&mut self, ends: (usize, usize), content: &Content);

    /// Nothing of it runs any more.
    fn end(&mut self);

    /// The disk is written: it has this content now.
    fn write(&mut self, content: &Content);

    /// The source's machine is up, or went down with what it had not sent.
    fn source(&mut self, up: bool);

    /// The replica's machine is up, or not.
    fn target(&mut self, up: bool);

    /// When the points that can be had were captured, oldest first.
    fn points(&mut self) -> impl Future<Output = Vec<u64>> + Send;

    /// Fails over to the point that was captured then; gives what its disk has.
    fn fail_over(&mut self, captured: u64) -> impl Future<Output = Result<Content, Failed>> + Send;

    /// Whether the replica has everything that was written.
    fn has_all(&mut self) -> bool;

    /// Bytes of its history now, times the scale.
    fn history_bytes(&mut self) -> impl Future<Output = u64> + Send;

    /// What it did since this was asked last.
    fn did(&mut self) -> Did;
}

/// What an instance's disk held since an instant.
#[derive(Clone, Debug)]
pub struct Past {
    /// Since when.
    pub at: u64,
    /// What.
    pub content: Content,
    /// When each block of it had been written.
    pub written: Arc<[u64]>,
}

/// What a replica has, as the actor saw it last.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// When its points were captured.
    pub points: Vec<u64>,
    /// Bytes of its history.
    pub history_bytes: u64,
}

/// The first of an instance's hosts for replication: its source, its replica, and who starts them.
pub fn host(instance: usize, copy: usize) -> HostId {
    HostId((1 << 30) + (instance as u32 * 8 + copy as u32) * 4)
}

/// Real bytes that a source's journal holds, for a disk of so many blocks: twice the disk and a little, which is the least
/// in which the engine reads the whole of a small disk at once. (A real disk is large beside the engine's memory, and is
/// read in many parts one after the other; at a scenario's scale those would be a few, each waiting for a batch's end.)
pub fn journal_bytes(blocks: usize, block_bytes: u64) -> u64 {
    2 * (blocks as u64 * block_bytes + (128 << 10))
}

/// Batches end at instants of their own, half way between those at which disks are written: this is the first after
/// `now`. (A few microseconds off, as what a scenario dates is at round instants.)
pub fn next_end(every_micros: u64, now: u64) -> u64 {
    let phase = every_micros / 2 + 7;
    if now < phase {
        phase
    } else {
        phase + ((now - phase) / every_micros + 1) * every_micros
    }
}

/// Has an instance's replica follow it.
#[derive(Debug)]
pub struct Follower<H: Hands> {
    /// Where it works.
    pub ground: Arc<Ground<H::Stored>>,
    /// The two sites.
    pub replica: Arc<Shared<H::Replica>>,
    /// Whom it protects.
    pub instance: usize,
    /// By which copy.
    pub copy: usize,
    /// What it adds to.
    pub tally: Arc<Mutex<Tally>>,
}

/// How an instance stands.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    reborn: u64,
    up: bool,
    place: usize,
    writes: u32,
}

impl<H: Hands> Follower<H> {
    /// Its work until the horizon, or until an incident that began before is over.
    pub async fn run(self) {
        while !self.is_over() {
            let seen = self.seen();
            if seen.up {
                self.protect(seen).await;
            } else {
                self.pause(u64::MAX).await;
            }
        }
        let kept = self.ground.state(self.instance).kept[self.copy].clone();
        let mut tally = lock(&self.tally);
        let copy = &mut tally.copies[self.copy];
        let bytes = self.ground.instances[self.instance].group.bytes + kept.history_bytes;
        copy.bytes += bytes;
        copy.peak += bytes;
    }

    fn seen(&self) -> Seen {
        let now = self.ground.handle.now();
        let mut state = self.ground.state(self.instance);
        Seen {
            reborn: state.reborn,
            up: state.up && state.crashed_until <= now,
            place: state.place,
            writes: state.disk.writes(now),
        }
    }

    fn is_over(&self) -> bool {
        let state = self.ground.state(self.instance);
        state.lost
            || (self.ground.handle.now() >= self.ground.scenario.horizon_micros && !state.hurt)
    }

    /// Waits until something is written or changes, `until` at most.
    async fn pause(&self, until: u64) {
        let (now, horizon) = (
            self.ground.handle.now(),
            self.ground.scenario.horizon_micros,
        );
        let machine = &self.ground.instances[self.instance];
        let next = {
            let state = self.ground.state(self.instance);
            let crashed = Some(state.crashed_until).filter(|until| *until > now);
            state.disk.next().min(crashed.unwrap_or(u64::MAX))
        };
        let next = next
            .min(until)
            .min(if now < horizon { horizon } else { u64::MAX });
        let rung = machine.changed.notified();
        let slept = self.ground.handle.sleep_until(next.max(now + 1));
        select(std::pin::pin!(rung), std::pin::pin!(slept)).await;
    }

    /// One life of the replica: from where the instance runs to the other place, until it was recovered.
    async fn protect(&self, first: Seen) {
        let home = self.ground.instances[self.instance].place;
        let far = self.ground.copy(self.copy).place.unwrap_or(home);
        let to = if first.place == far { home } else { far };
        let mut up = self.is_up(to);
        {
            let content = self.remember();
            self.ground.state(self.instance).kept[self.copy] = Kept::default();
            let mut replica = self.replica.lock().await;
            replica.begin((first.place, to), &content);
            if !up {
                replica.target(false);
            }
        }
        let mut seen = first;
        loop {
            self.pause(self.turns(to)).await;
            let (now, over) = (self.seen(), self.is_over());
            let mut replica = self.replica.lock().await;
            if over || now.reborn != seen.reborn {
                replica.end();
                return self.count(replica.did());
            }
            if now.up != seen.up {
                replica.source(now.up);
            }
            let is_up = self.is_up(to);
            if is_up != up {
                replica.target(is_up);
                up = is_up;
            }
            if now.up && now.writes != seen.writes {
                replica.write(&self.remember());
            }
            seen = Seen {
                writes: if now.up { now.writes } else { seen.writes },
                ..now
            };
            self.count(replica.did());
            // What it has lies there also while nobody can look.
            if up {
                self.note(&mut replica).await;
            }
        }
    }

    fn count(&self, did: Did) {
        let mut tally = lock(&self.tally);
        let copy = &mut tally.copies[self.copy];
        copy.points += did.batches;
        copy.sent_bytes += did.sent_bytes;
    }

    /// Takes down what there is, on the hour.
    async fn note(&self, replica: &mut H::Replica) {
        let now = self.ground.handle.now();
        if now.is_multiple_of(HOUR) && now < self.ground.scenario.horizon_micros {
            let points = replica.points().await;
            let history_bytes = replica.history_bytes().await;
            self.ground.state(self.instance).kept[self.copy] = Kept {
                points,
                history_bytes,
            };
        }
    }

    fn is_up(&self, to: usize) -> bool {
        let now = self.ground.handle.now();
        self.ground.timeline.zone(to, 0).until(now).is_none()
    }

    /// When the other place goes down or comes back next.
    fn turns(&self, to: usize) -> u64 {
        let now = self.ground.handle.now();
        let spans = self.ground.timeline.zone(to, 0);
        let next = spans.next_long(now, 1);
        next.map_or(
            u64::MAX,
            |(from, until)| if from > now { from } else { until },
        )
    }

    /// What the disk has now, which is remembered for as long as a point may be of it.
    fn remember(&self) -> Content {
        let now = self.ground.handle.now();
        let kept = self
            .ground
            .copy(self.copy)
            .replica
            .map_or(0, |it| it.retention_micros);
        let mut state = self.ground.state(self.instance);
        let (content, written) = state.disk.at(now);
        let oldest = now.saturating_sub(2 * kept + 7 * 24 * HOUR);
        let before = state.past.partition_point(|past| past.at <= oldest);
        state.past.drain(..before.saturating_sub(1));
        state.past.push(Past {
            at: now,
            content: Arc::clone(&content),
            written,
        });
        content
    }
}
