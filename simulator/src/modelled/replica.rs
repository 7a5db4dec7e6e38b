//! Replication, reckoned: writes become batches, batches go over the way in order, and points come of them. Which points
//! stay is asked of the engine; what a batch weighs was measured with it. Where the journal is full no batch ends: what is
//! written meanwhile goes as one when there is room.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use engine::format::point::Consistency;
use engine::replication::replica::Retention;
use engine::units::Timestamp;
use tokio::sync::Notify;

use crate::executor::HostId;
use crate::network::{LinkId, Transfer};
use crate::scenario::SECOND;
use crate::trial::ground::{Ground, lock};
use crate::trial::hands::Failed;
use crate::trial::meter::cross;
use crate::trial::replica::{Did, Replicate, host, journal_bytes, next_end};
use crate::workload::Content;

use super::fit::{Fit, Fits};

/// Bytes of a piece, in which disks are compared (`engine::replication::maps`).
const PIECE_BYTES: u64 = 64 << 10;
/// Bytes that a frame costs beside its body, as in `replication::wire`.
const FRAME_BYTES: u64 = 100;

/// A batch on its way. What came through counts, also where it is cut off.
struct Sending<'a> {
    replica: &'a ModelReplica,
    transfer: Transfer,
    ends: (usize, usize),
    bytes: u64,
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        let own = self.replica;
        let carried = self.bytes.saturating_sub(self.transfer.left());
        lock(&own.state).did.sent_bytes += carried;
        let mut meter = lock(&own.ground.meter);
        let row = meter.at(own.ground.handle.now(), own.copy);
        row.put_bytes += carried;
        cross(row, &own.ground.scenario, self.ends, carried);
    }
}

/// What was written in a stretch of time.
#[derive(Clone, Debug)]
struct Batch {
    captured: u64,
    /// What the disk had at its end.
    content: Content,
    blocks: BTreeSet<u32>,
    /// Real bytes, sealed.
    bytes: u64,
}

/// What changes while it runs.
#[derive(Debug)]
struct State {
    ends: (usize, usize),
    up: [bool; 2],
    /// What the source's disk has, and what it had when the last batch ended.
    now: Content,
    cut: Content,
    /// All was compared: the next batch ends even if it is empty.
    compared: bool,
    /// When the sites meet, before which nothing can be compared.
    meet: u64,
    queue: VecDeque<Batch>,
    /// Of the queue, so many are on their way or there.
    sent: usize,
    /// And so many are there, and the source has not heard of it.
    landed: usize,
    journal: u64,
    /// The replica's disks, and the batches above them, oldest first.
    folded: Option<Batch>,
    kept: VecDeque<Batch>,
    is_tidy: bool,
    /// The newest point is as of then: nothing was written since.
    idle: u64,
    /// When the source last said that it lives.
    said: u64,
    did: Did,
}

impl State {
    /// Nothing was sent yet of a disk that has `content`, as the other has.
    fn of(content: Content) -> Self {
        Self {
            ends: (0, 0),
            up: [false; 2],
            now: Arc::clone(&content),
            cut: content,
            compared: false,
            meet: 0,
            queue: VecDeque::new(),
            sent: 0,
            landed: 0,
            journal: 0,
            folded: None,
            kept: VecDeque::new(),
            is_tidy: true,
            idle: 0,
            said: 0,
            did: Did::default(),
        }
    }

    /// What was cut is void: what the other site lacks is found by comparing.
    fn compare_all(&mut self) {
        let newest = self.kept.back().or(self.folded.as_ref());
        let there = newest.map(|batch| Arc::clone(&batch.content));
        self.cut = there.unwrap_or_else(|| vec![0; self.now.len()].into());
        self.queue.clear();
        (self.journal, self.landed, self.compared) = (0, 0, true);
    }
}

/// The modelled replica of one instance.
#[derive(Clone, Debug)]
pub struct ModelReplica {
    ground: Arc<Ground<()>>,
    fit: Arc<Fit>,
    instance: usize,
    copy: usize,
    every: u64,
    retention: Retention,
    /// Real bytes.
    journal_max: u64,
    state: Arc<Mutex<State>>,
    bell: Arc<Notify>,
}

impl ModelReplica {
    /// Of the copy `copy` of the instance `instance`; nothing follows yet.
    pub(super) fn new(
        ground: &Arc<Ground<()>>,
        kit: &Arc<Fits>,
        instance: usize,
        copy: usize,
    ) -> Self {
        let group = &ground.instances[instance].group;
        let spec = ground.copy(copy);
        let scale = group.scale();
        let retention = spec.replica.map(|it| it.retention()).unwrap_or_default();
        let journal = journal_bytes(ground.state(instance).disk.blocks(), group.real_block_bytes);
        let empty: Content = Arc::from(Vec::new());
        Self {
            ground: Arc::clone(ground),
            fit: kit.of(&ground.scenario.groups, group),
            instance,
            copy,
            every: spec.every_micros,
            retention: Retention {
                bytes_max: retention.bytes_max / scale,
                ..retention
            },
            journal_max: journal,
            state: Arc::new(Mutex::new(State::of(empty))),
            bell: Arc::default(),
        }
    }

    fn source_host(&self) -> HostId {
        host(self.instance, self.copy)
    }

    fn way_host(&self) -> HostId {
        HostId(host(self.instance, self.copy).0 + 1)
    }

    fn scale(&self) -> u64 {
        self.ground.instances[self.instance].group.scale()
    }

    fn stamp(&self, micros: u64) -> Timestamp {
        let start = i128::from(self.ground.scenario.start_seconds) * 1_000_000_000;
        Timestamp::from_nanoseconds(start + i128::from(micros) * 1000)
    }

    /// Batches end, for as long as the source is up.
    fn start(&self) {
        let own = self.clone();
        self.ground.handle.spawn(self.source_host(), async move {
            // The first batch is as long as any, and ends at an instant at which batches do.
            let mut next = next_end(own.every, own.ground.handle.now() + own.every - SECOND);
            loop {
                own.ground.handle.sleep_until(next).await;
                own.batch_ends(next);
                next = next_end(own.every, next);
            }
        });
    }

    /// What was cut goes on its way, from `from` on.
    fn send_from(&self, from: u64) {
        {
            let mut state = lock(&self.state);
            // The other site tells what it has.
            while state.landed > 0
                && let Some(batch) = state.queue.pop_front()
            {
                state.journal -= batch.bytes;
                state.landed -= 1;
            }
            state.sent = 0;
        }
        let own = self.clone();
        self.ground.handle.spawn(self.way_host(), async move {
            own.ground.handle.sleep_until(from).await;
            let ends = lock(&own.state).ends;
            let Some((links, latency)) = own.ground.replication(own.instance, own.copy, ends)
            else {
                return;
            };
            loop {
                let next = {
                    let state = lock(&own.state);
                    state.queue.get(state.sent).map(|batch| batch.bytes)
                };
                match next {
                    Some(bytes) => own.send(bytes * own.scale(), (&links, latency)).await,
                    None => own.bell.notified().await,
                }
            }
        });
    }

    async fn send(&self, bytes: u64, (links, latency): (&Arc<[LinkId]>, u64)) {
        let mut sending = Sending {
            replica: self,
            transfer: self.ground.roads.transfer(links, bytes + FRAME_BYTES),
            ends: lock(&self.state).ends,
            bytes,
        };
        if (&mut sending.transfer).await.is_err() {
            return;
        }
        drop(sending);
        lock(&self.state).sent += 1;
        self.lands();
        let own = self.clone();
        let told = async move {
            own.ground.handle.sleep(latency).await;
            own.is_confirmed();
        };
        self.ground.handle.spawn(self.way_host(), told);
    }

    /// The instant at which batches end: what waits is cut, or the other site hears that nothing does.
    fn batch_ends(&self, now: u64) {
        self.tidy();
        let mut state = lock(&self.state);
        let changed: BTreeSet<u32> = (0..)
            .zip(state.now.iter().zip(state.cut.iter()))
            .filter_map(|(block, (is, was))| (is != was).then_some(block))
            .collect();
        let waits = !changed.is_empty() || state.compared;
        if state.compared && (!state.up[1] || now <= state.meet) {
            return;
        }
        if waits && state.journal < self.journal_max {
            let changed = if state.compared {
                self.pieces(&changed, state.now.len() as u32)
            } else {
                changed
            };
            let batch = Batch {
                captured: now,
                content: Arc::clone(&state.now),
                bytes: self.fit.batch(changed.len() as u64),
                blocks: changed,
            };
            state.journal += batch.bytes;
            state.cut = Arc::clone(&state.now);
            state.compared = false;
            state.queue.push_back(batch);
            drop(state);
            self.bell.notify_one();
        } else if !waits && state.queue.is_empty() && state.up[1] {
            state.said = now;
            drop(state);
            self.says_idle(now);
        }
    }

    /// What is found by comparing is found and sent in pieces.
    fn pieces(&self, changed: &BTreeSet<u32>, blocks: u32) -> BTreeSet<u32> {
        let block = self.ground.instances[self.instance].group.real_block_bytes;
        let span = u32::try_from(PIECE_BYTES / block).unwrap_or(1).max(1);
        let whole = changed.iter().flat_map(|number| {
            let first = number / span * span;
            first..(first + span).min(blocks)
        });
        whole.collect()
    }

    fn says_idle(&self, until: u64) {
        let own = self.clone();
        let ends = lock(&self.state).ends;
        let latency = self.ground.replication(self.instance, self.copy, ends);
        let latency = latency.map_or(0, |(_, latency)| latency);
        self.ground.handle.spawn(self.way_host(), async move {
            own.ground.handle.sleep(latency).await;
            let mut state = lock(&own.state);
            state.idle = state.idle.max(until);
        });
    }

    /// The next batch of the queue is there.
    fn lands(&self) {
        let mut state = lock(&self.state);
        let Some(batch) = state.queue.get(state.landed).cloned() else {
            return;
        };
        state.landed += 1;
        state.did.batches += 1;
        state.is_tidy = false;
        if state.folded.is_none() {
            state.folded = Some(batch);
        } else {
            state.kept.push_back(batch);
        }
    }

    /// The source hears of it.
    fn is_confirmed(&self) {
        let now = self.ground.handle.now();
        let mut state = lock(&self.state);
        let Some(batch) = state.queue.pop_front() else {
            return;
        };
        state.journal -= batch.bytes;
        (state.sent, state.landed) = (state.sent - 1, state.landed - 1);
        let is_idle = state.queue.is_empty() && !state.compared && state.now == state.cut;
        if is_idle && now >= state.said + SECOND {
            state.said = now;
            drop(state);
            self.says_idle(now);
        }
    }

    /// Points that are too old move into the disks, batches between points are merged.
    fn tidy(&self) {
        {
            let mut state = lock(&self.state);
            if state.is_tidy || !state.up[1] {
                return;
            }
            state.is_tidy = true;
        }
        self.fold();
        self.merge();
        self.fold();
    }

    fn fold(&self) {
        let mut state = lock(&self.state);
        let span = u64::try_from(self.retention.span().as_micros()).unwrap_or(u64::MAX);
        while let (Some(oldest), Some(newest)) = (state.kept.front(), state.kept.back()) {
            let held: u64 = state.kept.iter().map(|batch| batch.bytes).sum();
            if newest.captured - oldest.captured <= span && held <= self.retention.bytes_max {
                return;
            }
            state.folded = state.kept.pop_front();
        }
    }

    fn merge(&self) {
        let mut state = lock(&self.state);
        let points: Vec<_> = state
            .kept
            .iter()
            .map(|batch| (self.stamp(batch.captured), Consistency::Crash))
            .collect();
        let Ok(stay) = self.retention.decide(&points) else {
            return;
        };
        let mut merged: VecDeque<Batch> = VecDeque::new();
        let mut before: Option<BTreeSet<u32>> = None;
        for (mut batch, stays) in std::mem::take(&mut state.kept).into_iter().zip(stay) {
            if let Some(blocks) = before.take() {
                batch.blocks.extend(blocks);
                batch.bytes = self.fit.batch(batch.blocks.len() as u64);
            }
            if stays {
                merged.push_back(batch);
            } else {
                before = Some(batch.blocks);
            }
        }
        state.kept = merged;
    }

    /// Points: when each was captured, and its batch.
    fn listed(&self) -> Vec<(u64, Content)> {
        let state = lock(&self.state);
        let all = state.folded.iter().chain(&state.kept);
        let mut all: Vec<_> = all
            .map(|batch| (batch.captured, Arc::clone(&batch.content)))
            .collect();
        if let Some(newest) = all.last_mut() {
            newest.0 = newest.0.max(state.idle);
        }
        all
    }
}

impl Replicate for ModelReplica {
    type Stored = ();

    fn begin(&mut self, ends: (usize, usize), content: &Content) {
        {
            let mut state = lock(&self.state);
            let did = state.did;
            *state = State {
                ends,
                up: [true; 2],
                now: Arc::clone(content),
                compared: true,
                did,
                ..State::of(vec![0; content.len()].into())
            };
        }
        self.start();
        self.send_from(self.ground.handle.now());
    }

    fn end(&mut self) {
        self.ground.handle.crash(self.source_host());
        self.ground.handle.crash(self.way_host());
    }

    fn write(&mut self, content: &Content) {
        lock(&self.state).now = Arc::clone(content);
    }

    fn source(&mut self, up: bool) {
        lock(&self.state).up[0] = up;
        if !up {
            return self.end();
        }
        lock(&self.state).compare_all();
        self.start();
        self.send_from(self.ground.handle.now());
    }

    fn target(&mut self, up: bool) {
        lock(&self.state).up[1] = up;
        self.ground.handle.crash(self.way_host());
        if up {
            // A link is tried again when batches end.
            let meet = next_end(self.every, self.ground.handle.now());
            {
                let mut state = lock(&self.state);
                // One without a point may be another than that which the journal was for: it is void.
                if state.folded.is_none() {
                    state.compare_all();
                    state.meet = meet;
                }
            }
            self.send_from(meet);
        }
    }

    async fn points(&mut self) -> Vec<u64> {
        self.listed()
            .into_iter()
            .map(|(captured, _)| captured)
            .collect()
    }

    async fn fail_over(&mut self, captured: u64) -> Result<Content, Failed> {
        let listed = self.listed();
        let found = listed.into_iter().find(|point| point.0 == captured);
        found.map(|point| point.1).ok_or(Failed::Unavailable)
    }

    fn has_all(&mut self) -> bool {
        let state = lock(&self.state);
        state.queue.is_empty() && state.now == state.cut && !state.compared
    }

    async fn history_bytes(&mut self) -> u64 {
        let state = lock(&self.state);
        let bytes: u64 = state.kept.iter().map(|batch| batch.bytes).sum();
        bytes * self.scale()
    }

    fn did(&mut self) -> Did {
        std::mem::take(&mut lock(&self.state).did)
    }
}
