//! The agent of one copy of one instance: makes points when they fall due, thins them, prunes.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use engine::backup::method_at;
use futures::future::{Either, select};
use futures::lock::Mutex as Shared;

use crate::scenario::{DAY, Scenario};

use super::ground::{Ground, lock};
use super::hands::{Failed, Hands, Made, Snapshot};
use super::record::Record;
use super::tally::Tally;

/// When a copy's first point falls due.
pub fn first_due(scenario: &Scenario, at_micros: u64) -> u64 {
    let of_day = (scenario.start_seconds.rem_euclid(86_400)).unsigned_abs() * 1_000_000;
    (at_micros + DAY - of_day) % DAY
}

/// Points for pictures: instance, copy, captured, landed.
pub type Pictured = Arc<Mutex<Vec<(usize, u32, u64, u64)>>>;

/// An agent.
#[derive(Debug)]
pub struct Agent<H: Hands> {
    /// Where it works.
    pub ground: Arc<Ground<H::Stored>>,
    /// What it works with.
    pub hands: Arc<Shared<H>>,
    /// What it protects.
    pub instance: usize,
    /// By which copy.
    pub copy: usize,
    /// What it adds to.
    pub tally: Arc<Mutex<Tally>>,
    /// Where its points go for pictures.
    pub pictured: Option<Pictured>,
}

impl<H: Hands> Agent<H> {
    /// Its work until the horizon.
    pub async fn run(self) {
        let spec = self.ground.copy(self.copy).clone();
        let horizon = self.ground.scenario.horizon_micros;
        let mut due = first_due(&self.ground.scenario, spec.at_micros);
        // Half way between points, so that no time that a point is kept ends just as it is looked at.
        let mut prune = due + spec.every_micros / 2 + spec.prune_every_micros;
        while due < horizon {
            if prune < due {
                self.ground.handle.sleep_until(prune).await;
                self.prune().await;
                prune += spec.prune_every_micros;
                continue;
            }
            self.ground.handle.sleep_until(due).await;
            let next = due + spec.every_micros;
            self.point(due, next).await;
            due = next;
            // One that took longer than to the next: that one is passed over.
            while due < self.ground.handle.now() {
                due += spec.every_micros;
            }
        }
    }

    /// Tries to make the point that is due, until the next one is.
    async fn point(&self, due: u64, next: u64) {
        let spec = self.ground.copy(self.copy);
        let (retry, mut attempt) = (spec.retry_micros.max(1), due);
        // What ran late holds no attempt off its grid.
        let now = self.ground.handle.now();
        attempt += now.saturating_sub(due).div_ceil(retry) * retry;
        loop {
            if attempt >= next {
                return;
            }
            self.ground.handle.sleep_until(attempt).await;
            if self.able() {
                match self.attempt(due).await {
                    Ok(()) => return,
                    Err(Failed::Broken(what)) => self.ground.violated(what),
                    Err(_) => {}
                }
                lock(&self.tally).copies[self.copy].failed += 1;
            }
            let now = self.ground.handle.now();
            // Attempts keep to their grid, however long one took to fail.
            while attempt <= now {
                attempt += retry;
            }
        }
    }

    /// Whether there is something to back up, and somebody to do it.
    fn able(&self) -> bool {
        let state = self.ground.state(self.instance);
        state.up && state.crashed_until <= self.ground.handle.now()
    }

    /// One attempt at the point that fell due: the snapshot, the point, then the thinning.
    async fn attempt(&self, due: u64) -> Result<(), Failed> {
        let now = self.ground.handle.now();
        let (snapshot, written, made) = {
            let mut state = self.ground.state(self.instance);
            let (content, written) = state.disk.at(now);
            let made = state.records[self.copy].made;
            (Snapshot { at: now, content }, written, made)
        };
        let spec = self.ground.copy(self.copy);
        let method = method_at(spec.method, made, spec.full_every);
        let content = Arc::clone(&snapshot.content);
        let made = async { self.hands.lock().await.backup(snapshot, method).await };
        let made = self.interruptible(std::pin::pin!(made)).await?;
        let landed = self.ground.handle.now();
        self.record(
            &made,
            Record {
                due,
                captured: now,
                landed,
                content,
                written,
                chain_length: made.chain_length,
                stored_bytes: made.stored_bytes,
                deleted: None,
            },
        );
        let gone = async { self.hands.lock().await.forget(now).await };
        // What could not be thinned now is thinned after the next point.
        if let Ok(gone) = self.interruptible(std::pin::pin!(gone)).await {
            let done = self.ground.handle.now();
            let records = &mut self.ground.state(self.instance).records[self.copy];
            records.delete(&gone, done);
            records.thinned = Some((now, done));
        }
        Ok(())
    }

    fn record(&self, made: &Made, record: Record) {
        let handle = &self.ground.handle;
        handle.trace(
            self.ground.host(self.instance, self.copy),
            "point",
            made.stored_bytes,
        );
        let mut tally = lock(&self.tally);
        let copy = &mut tally.copies[self.copy];
        copy.points += 1;
        copy.blocks += made.blocks_stored;
        copy.sent_bytes += made.sent_bytes;
        copy.micros += record.landed - record.captured;
        copy.chains.push(made.chain_length);
        drop(tally);
        if let Some(pictured) = &self.pictured {
            let row = (
                self.instance,
                self.copy as u32,
                record.captured,
                record.landed,
            );
            lock(pictured).push(row);
        }
        self.ground.state(self.instance).records[self.copy].add(made.number, record);
    }

    async fn prune(&self) {
        let removed = async { self.hands.lock().await.prune().await };
        if let Ok(removed) = self.interruptible(std::pin::pin!(removed)).await {
            self.ground.state(self.instance).records[self.copy].remove(&removed);
        }
    }

    /// Does something with the hands unless the agent is interrupted: then it is dropped where it stands.
    async fn interruptible<T>(
        &self,
        work: Pin<&mut (impl Future<Output = Result<T, Failed>> + Send)>,
    ) -> Result<T, Failed> {
        let machine = &self.ground.instances[self.instance];
        let rung = machine.bell.notified();
        let mut rung = std::pin::pin!(rung);
        rung.as_mut().enable();
        match select(work, rung).await {
            Either::Left((done, _)) => done,
            Either::Right(((), _)) => {
                let host = self.ground.host(self.instance, self.copy);
                self.ground.handle.crash(host);
                Err(Failed::Unavailable)
            }
        }
    }
}
