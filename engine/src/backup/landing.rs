//! What a backup writes: packs beside the reading, then index segments, then what the manifest says.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::format::index::{PackRecord, write_record};
use crate::format::layout::{Kind, path};
use crate::format::point;
use crate::ids::{BlobId, ObjectId, PointId};
use crate::seam::compute;
use crate::vault::{FullPack, put_new};

use super::packs::copy_blobs;
use super::run::Runner;
use super::session::Tally;

/// Packs being put at once; each is 16 MiB of memory.
const PUTS_MAX: usize = 3;
/// Entries per index segment: about 8 MiB.
const SEGMENT_ENTRIES: usize = 200_000;

/// What the runner hands over for the manifest.
pub(super) struct Finished {
    pub(super) statistics: point::Statistics,
    pub(super) listing: Vec<BlobId>,
    pub(super) depends_on: Vec<PointId>,
    pub(super) segments: Vec<ObjectId>,
    pub(super) packs: Vec<ObjectId>,
}

impl Runner<'_> {
    /// Puts a pack beside the reading; waits when too many are under way.
    pub(super) async fn put(&mut self, pack: FullPack) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        let world = self.vault.world().clone();
        self.total.statistics.sent_bytes += pack.record.pack_bytes;
        self.vault.world().workers.spawn(Box::pin(async move {
            let put = put_new(&world, &path::pack(pack.record.pack), pack.bytes).await;
            // A backup that failed meanwhile no longer waits for this one.
            let _ = sender.send(put.map(|()| pack.record)).is_ok();
        }));
        self.puts.push_back(receiver);
        self.landed(PUTS_MAX).await
    }

    /// Waits until at most `left` packs are under way.
    async fn landed(&mut self, left: usize) -> Result<()> {
        while self.puts.len() > left {
            let Some(receiver) = self.puts.pop_front() else {
                break;
            };
            let record = receiver
                .await
                .map_err(|_| Error::internal("a put was dropped"))??;
            self.packs.push(record.pack);
            self.record(record).await?;
        }
        Ok(())
    }

    /// Adds a pack to the index segment being gathered, which is written when it is long enough.
    async fn record(&mut self, record: PackRecord) -> Result<()> {
        self.records.push(record);
        let entries = self.records.iter().map(|record| record.entries.len());
        if entries.sum::<usize>() >= SEGMENT_ENTRIES {
            self.segment().await?;
        }
        Ok(())
    }

    /// Writes the records so far as an index segment.
    async fn segment(&mut self) -> Result<()> {
        if self.records.is_empty() {
            return Ok(());
        }
        let mut raw = Vec::new();
        for record in self.records.drain(..) {
            write_record(&record, &mut raw);
        }
        let id = ObjectId::draw(&*self.vault.world().entropy);
        let bytes = self
            .vault
            .put_object(Kind::Index, id, &path::index(id), &raw)
            .await?;
        self.total.statistics.sent_bytes += bytes;
        self.segments.push(id);
        Ok(())
    }

    /// Copies what a synthetic full takes from its chain, each pack read once.
    async fn copy(&mut self) -> Result<()> {
        let mut copies = std::mem::take(&mut self.total.copies);
        copies.sort_unstable_by_key(|(located, _)| (located.pack, located.offset));
        let mut copied = 0;
        for run in copies.chunk_by(|a, b| a.0.pack == b.0.pack) {
            let id = self.session.scope.pack(run[0].0.pack);
            let pack = crate::vault::get(self.vault.world(), &path::pack(id)).await?;
            let (session, run) = (Arc::clone(&self.session), run.to_vec());
            let work = compute(&*self.vault.world().workers, move || {
                copy_blobs(&session, id, &pack, &run)
            });
            let (full, bytes) = work.await??;
            copied += bytes;
            for pack in full {
                self.put(pack).await?;
            }
        }
        self.total.statistics.copied_bytes = copied;
        Ok(())
    }

    /// Closes packs, writes index segments, and says what the point depends on.
    pub(super) async fn finish(mut self) -> Result<Finished> {
        let mut tally = Tally::default();
        let listing = std::mem::take(&mut self.listing).finish(&self.session, &mut tally);
        self.add(tally).await?;
        self.copy().await?;
        for number in self.session.adopted() {
            let record = self.orphans[number].clone();
            self.total.statistics.adopted_bytes += record.pack_bytes;
            self.packs.push(record.pack);
            self.record(record).await?;
        }
        let left = self.session.finish();
        for pack in left {
            self.put(pack).await?;
        }
        self.landed(0).await?;
        self.segment().await?;
        let mut statistics = self.total.statistics;
        statistics.sent_bytes -= statistics.copied_bytes;
        Ok(Finished {
            statistics,
            listing,
            depends_on: self.depends_on(),
            segments: self.segments,
            packs: self.packs,
        })
    }

    /// The points whose packs were referred to: unchanged files and deduplicated chunks alike.
    fn depends_on(&self) -> Vec<PointId> {
        let owners = self.session.owners().map(|owner| self.plan.scope[owner]);
        owners.collect::<BTreeSet<_>>().into_iter().collect()
    }
}
