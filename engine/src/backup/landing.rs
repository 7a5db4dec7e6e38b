//! How a point lands in a vault: packs beside the reading, then index segments, then the manifest.

use std::collections::{BTreeSet, VecDeque};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::format::index::PackRecord;
use crate::format::layout::{Kind, path};
use crate::format::listing::{Entry, EntryKind};
use crate::format::point::{self, Consistency, Manifest, SourceKind};
use crate::ids::{BlobId, ObjectId, PointId};
use crate::seam::compute;
use crate::source::Source;
use crate::units::Timestamp;
use crate::vault::{
    ChunkIndex, FullPack, Lease, Run, SEGMENT_ENTRIES, Vault, get_range, lift, put_new,
    write_segments,
};

use super::listing_writer::ListingWriter;
use super::plan::BackupPlan;
use super::run::{Backup, Outcome};
use super::scope::NOBODY;
use super::session::{Session, Tally};
use super::settle::Reliance;

/// Packs being put at once; each is 16 MiB of memory.
const PUTS_MAX: usize = 3;

/// What is known of a point when all of it but the manifest has been put.
pub(crate) struct Finished {
    pub(crate) statistics: point::Statistics,
    pub(crate) listing: Vec<BlobId>,
    pub(crate) depends_on: Vec<PointId>,
    pub(crate) reliance: Reliance,
    /// Whether it refers to packs that no point owns.
    pub(crate) at_large: bool,
}

impl Finished {
    /// The manifest as far as it is known before it is put, and what it relies on.
    pub(super) fn manifest(
        self,
        backup: &Backup,
        plan: &BackupPlan,
        captured: Timestamp,
        consistency: Consistency,
        sources: Vec<(Source, Vec<u8>)>,
    ) -> (Manifest, Reliance) {
        let mut kinds = sources.iter().map(|(source, _)| source.kind);
        let disks = kinds.any(|kind| kind == SourceKind::Disk);
        let sources = sources.into_iter().map(|(source, name)| point::Source {
            path: source.called.as_os_str().as_bytes().to_vec(),
            kind: source.kind,
            name,
        });
        let manifest = Manifest {
            instance: backup.request.instance.clone(),
            method: plan.method,
            captured,
            finished: captured,
            base: plan.base,
            chain_length: plan.chain_length,
            depends_on: self.depends_on,
            listing: self.listing,
            segments: Vec::new(),
            packs: Vec::new(),
            sources: sources.collect(),
            block_bytes: disks.then_some(backup.block_bytes),
            statistics: self.statistics,
            program: backup.program.clone(),
            tags: backup.tags.clone(),
            host: backup.host.clone(),
            consistency: Some(consistency),
            origin: None,
            at_large: self.at_large.then_some(1),
            instant: None,
        };
        (manifest, self.reliance)
    }
}

/// A point on its way into a vault.
pub(crate) struct Landing<'a> {
    vault: &'a Vault,
    pub(crate) lease: &'a mut Lease,
    pub(crate) session: Arc<Session>,
    leftovers: Arc<Vec<PackRecord>>,
    listing: ListingWriter,
    puts: VecDeque<oneshot::Receiver<Result<PackRecord>>>,
    records: Vec<PackRecord>,
    packs: Vec<ObjectId>,
    segments: Vec<ObjectId>,
    pub(crate) total: Tally,
}

impl<'a> Landing<'a> {
    /// A point that may refer to what is in `scope` (or, if `copies`, copies it) and take over packs of
    /// `leftovers`.
    pub(crate) fn new(
        vault: &'a Vault,
        lease: &'a mut Lease,
        scope: Arc<ChunkIndex>,
        leftovers: Arc<Vec<PackRecord>>,
        copies: bool,
    ) -> Self {
        let mut left = ChunkIndex::default();
        for record in leftovers.iter() {
            left.add(record, 0);
        }
        let (keys, entropy) = (Arc::clone(vault.keys()), Arc::clone(&vault.world().entropy));
        let session = Session::new(keys, entropy, scope, left, copies);
        Self {
            vault,
            lease,
            session: Arc::new(session),
            leftovers,
            listing: ListingWriter::default(),
            puts: VecDeque::new(),
            records: Vec::new(),
            packs: Vec::new(),
            segments: Vec::new(),
            total: Tally::default(),
        }
    }

    /// Adds the next entry to the listing.
    pub(crate) async fn list(&mut self, entry: &Entry) -> Result<()> {
        let statistics = &mut self.total.statistics;
        match entry.kind {
            EntryKind::File | EntryKind::Disk => statistics.files += 1,
            EntryKind::Folder => statistics.folders += 1,
            EntryKind::Symlink => {}
        }
        statistics.logical_bytes += entry.size;
        let mut tally = Tally::default();
        self.listing.push(&self.session, entry, &mut tally)?;
        self.add(tally).await
    }

    /// Adds what a computation did, and puts the packs that it filled.
    pub(crate) async fn add(&mut self, tally: Tally) -> Result<()> {
        let (sum, more) = (&mut self.total.statistics, tally.statistics);
        sum.read_bytes += more.read_bytes;
        sum.blocks_stored += more.blocks_stored;
        sum.blocks_referenced += more.blocks_referenced;
        self.total.copies.extend(tally.copies);
        for pack in tally.full_packs {
            self.put(pack).await?;
        }
        Ok(())
    }

    /// Puts a pack beside the reading; waits when too many are under way.
    async fn put(&mut self, pack: FullPack) -> Result<()> {
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
            self.lease.keep().await?;
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
        let records = std::mem::take(&mut self.records);
        for (id, bytes) in write_segments(self.vault, &records).await? {
            self.total.statistics.sent_bytes += bytes;
            self.segments.push(id);
        }
        self.lease.keep().await
    }

    /// Copies what a synthetic full takes from its chain, each pack read once.
    async fn copy(&mut self) -> Result<()> {
        let mut copies = std::mem::take(&mut self.total.copies);
        copies.sort_unstable_by_key(|(located, _)| (located.pack, located.offset));
        let mut copied = 0;
        for blobs in copies.chunk_by(|a, b| a.0.pack == b.0.pack) {
            let run = Run {
                pack: self.session.scope.pack(blobs[0].0.pack),
                blobs: blobs.to_vec(),
            };
            let at = path::pack(run.pack);
            let bytes = get_range(self.vault.world(), &at, run.range()).await?;
            let session = Arc::clone(&self.session);
            let work = compute(&*self.vault.world().workers, move || {
                let mut full = Vec::new();
                for (entry, sealed) in lift(&session.keys, &run, &bytes)? {
                    let writer = session.writers.of(entry.kind);
                    full.extend(writer.add(&session.keys, &*session.entropy, entry, &sealed));
                }
                Ok::<_, Error>((full, run.stored_bytes()))
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

    /// Closes packs, writes index segments, and says what the point depends on; `points` are those of the
    /// scope, by the numbers of their packs' owners.
    pub(crate) async fn finish(mut self, points: &[PointId]) -> Result<Finished> {
        let mut tally = Tally::default();
        let listing = std::mem::take(&mut self.listing).finish(&self.session, &mut tally);
        self.add(tally).await?;
        self.copy().await?;
        let adopted: Vec<u32> = self.session.adopted().collect();
        for number in adopted {
            let record = self.leftovers[number as usize].clone();
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
        let at_large = self.owners().any(|owner| owner == NOBODY);
        Ok(Finished {
            statistics,
            listing,
            depends_on: self.depends_on(points),
            at_large,
            reliance: Reliance {
                used: self.used(),
                packs: self.packs,
                segments: self.segments,
                rescued_bytes: 0,
            },
        })
    }

    /// The points whose packs were referred to: unchanged files and deduplicated chunks alike.
    fn depends_on(&self, points: &[PointId]) -> Vec<PointId> {
        let owners = self.owners().filter(|owner| *owner != NOBODY);
        let points = owners.map(|owner| points[owner as usize]);
        points.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Owners of the packs that were referred to.
    fn owners(&self) -> impl Iterator<Item = u32> + use<'_> {
        let scope = &self.session.scope;
        self.session.used().map(|pack| scope.owner(pack))
    }

    /// The packs of others that were referred to.
    fn used(&self) -> BTreeSet<ObjectId> {
        let packs = self.session.used();
        packs.map(|pack| self.session.scope.pack(pack)).collect()
    }
}

/// Puts the manifest, once all that it relies on is there to stay.
pub(crate) async fn commit(
    vault: &Vault,
    lease: &mut Lease,
    mut manifest: Manifest,
    mut reliance: Reliance,
) -> Result<Outcome> {
    let settled = reliance.settle(vault, lease).await?;
    manifest.packs.clone_from(&reliance.packs);
    manifest.segments.clone_from(&reliance.segments);
    manifest.statistics.copied_bytes += reliance.rescued_bytes;
    manifest.finished = lease.now();
    let id = ObjectId::draw(&*vault.world().entropy);
    let raw = point::write(&manifest);
    let manifest_bytes = vault
        .put_object(Kind::Point, id, &path::point(id), &raw)
        .await?;
    reliance.confirm(vault, lease, id, settled).await?;
    let statistics = manifest.statistics;
    Ok(Outcome {
        point: id,
        stored_bytes: statistics.sent_bytes + statistics.copied_bytes + manifest_bytes,
        sent_bytes: statistics.sent_bytes + manifest_bytes,
        manifest,
    })
}
