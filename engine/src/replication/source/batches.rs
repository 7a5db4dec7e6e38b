//! Batches end, their parts are sealed and wait in the journal.

use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, select_biased};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::error::Result;
use crate::format::part::Header;
use crate::format::point::Consistency;
use crate::replication::journal::{Body, Entry};
use crate::replication::parcel;
use crate::replication::splitter::Cut;
use crate::seam::compute;
use crate::units::MIB;

use super::{Source, lock};

/// Bytes of sealed parts that go into the store in a second. What is written faster than that and the link together
/// fills the open batch and is marked, which costs whoever writes the disks least.
const SPILLED_A_SECOND: u64 = 256 * MIB as u64;

impl Source {
    /// Ends batches and seals them, for as long as it is polled.
    ///
    /// # Errors
    /// `Internal` for a computation that panicked.
    pub async fn run_batches(&self) -> Result<()> {
        let mut ends = self.world.clock.elapsed() + self.settings.interval;
        loop {
            let bell = self.bell.notified();
            let mut bell = std::pin::pin!(bell);
            bell.as_mut().enable();
            let elapsed = self.world.clock.elapsed();
            let due = elapsed >= ends;
            // Where the journal takes no more nothing is cut: what is written fills the open batch, and is marked then.
            if lock(&self.journal).has_room() {
                let mut splitter = lock(&self.splitter);
                if splitter.first_cut().is_none() && due {
                    splitter.cut(self.world.clock.now(), Some(Consistency::Crash), false);
                } else if splitter.first_cut().is_none() && splitter.is_ample() {
                    splitter.cut(self.world.clock.now(), None, false);
                }
            }
            if due {
                ends = elapsed + self.settings.interval;
            }
            if self.seal_some().await? {
                continue;
            }
            let wait = self
                .world
                .clock
                .sleep(ends.saturating_sub(self.world.clock.elapsed()));
            select_biased! {
                () = wait.fuse() => {}
                () = bell.fuse() => {}
            }
        }
    }

    /// Seals as many parts as there are cores. False if there were none, or the journal is full.
    pub(super) async fn seal_some(&self) -> Result<bool> {
        if !lock(&self.journal).has_room() {
            return Ok(false);
        }
        let (cuts, epoch) = {
            let mut splitter = lock(&self.splitter);
            let cuts = (0..self.world.workers.cores()).map_while(|_| splitter.next_cut());
            let cuts: Vec<Cut> = cuts.collect();
            (cuts, splitter.epoch())
        };
        if cuts.is_empty() {
            return Ok(false);
        }
        let sealed = join_all(cuts.into_iter().map(|cut| self.seal(cut))).await;
        for entry in sealed {
            let entry = entry?;
            // The splitter is held so that nothing is voided between the look and the push.
            let splitter = lock(&self.splitter);
            if splitter.epoch() == epoch {
                lock(&self.totals).sealed_bytes += entry.bytes;
                lock(&self.journal).push(entry);
            }
        }
        lock(&self.splitter).sealed();
        self.spill().await?;
        self.bell.notify_waiters();
        Ok(true)
    }

    async fn seal(&self, cut: Cut) -> Result<Entry> {
        let header = Header {
            group: self.group,
            generation: self.generation,
            first: cut.batch,
            batch: cut.batch,
            part: cut.part,
            end: cut.end,
            index_bytes: 0,
            frames: 0,
        };
        let (key, entropy) = (self.key.clone(), std::sync::Arc::clone(&self.world.entropy));
        let extents = cut.extents;
        let seal = move || parcel::seal(&key, &*entropy, header, &extents);
        let bytes = compute(&*self.world.workers, seal).await?;
        Ok(Entry {
            batch: cut.batch,
            part: cut.part,
            end: cut.end.map(|(captured, _)| captured),
            since: cut.since,
            bytes: bytes.len() as u64,
            body: Body::Memory(bytes),
        })
    }

    /// Puts what is too much for memory into the store, no faster than [`SPILLED_A_SECOND`]: nothing is sealed
    /// meanwhile.
    async fn spill(&self) -> Result<()> {
        loop {
            let Some((batch, part, bytes)) = lock(&self.journal).to_keep() else {
                return Ok(());
            };
            let takes = Duration::from_nanos(bytes.len() as u64 * 1_000_000_000 / SPILLED_A_SECOND);
            let pace = self.world.clock.sleep(takes);
            let hash = blake3::hash(&bytes);
            let at = Path::from(format!("journal/{batch:016x}-{part:08x}"));
            let put =
                self.world
                    .store
                    .put_opts(&at, PutPayload::from(bytes), PutMode::Overwrite.into());
            if put.await.is_err() {
                // No room: the journal takes no more than memory holds, and the disk goes on.
                return Ok(());
            }
            if !lock(&self.journal).keep((batch, part), (at.clone(), hash)) {
                self.remove(vec![at]).await;
            }
            pace.await;
        }
    }

    /// Removes parts that nobody needs; what can't be removed goes with the store.
    pub(super) async fn remove(&self, parts: Vec<Path>) {
        for at in parts {
            let _ = self.world.store.delete(&at).await.is_ok();
        }
    }
}
