//! The order of a backup: read, cut, seal, pack, put; the manifest last.
//!
//! Long because the one owner of a backup's state decides, entry by entry, what is read and in
//! which order results are taken; the work itself is in the rooms beside it.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::chunk::Cut;
use crate::error::{Error, ErrorKind, Result};
use crate::format::index::PackRecord;
use crate::format::layout::{Kind, path};
use crate::format::lease::Purpose;
use crate::format::listing::{Entry, EntryKind, Extent};
use crate::format::pack::BLOB_BYTES_MAX;
use crate::format::point::{self, Manifest, SourceKind};
use crate::ids::{BlobId, ObjectId, PointId};
use crate::retention::{LimitState, POINTS_MAX, limit_state};
use crate::seam::compute;
use crate::source::{FileReader, Found, Piece, Source, Walk, open_file, path_order};
use crate::units::Timestamp;
use crate::vault::{BlobReader, Catalog, ChunkIndex, Lease, Point, Vault};

use super::Progress;
use super::base::{BaseCursor, may_hide_a_change, unchanged};
use super::files::{Done, Extents, Item, SMALL_BYTES_MAX, read_batch, refresh, store_chunks};
use super::listing_writer::ListingWriter;
use super::plan::{BackupPlan, Request, plan};
use super::scope::{self, Scope};
use super::session::{Session, Tally};
use super::settle::Reliance;

/// Computations that wait, beside one for each core, so that no core runs dry while results are
/// taken in order; each holds up to 5 MiB.
const COMPUTATIONS_WAITING: usize = 8;
/// Entries that the walk hands over at a time, and a batch's most.
const BATCH_ENTRIES: usize = 512;
/// Bytes of small files in one batch.
const BATCH_BYTES: u64 = 2 << 20;
/// What to back up, and how.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The sources.
    pub sources: Vec<Source>,
    /// Method and instance.
    pub request: Request,
    /// Block size of disks in bytes: a multiple of 512 up to 16 MiB.
    pub block_bytes: u64,
    /// The program, for the manifest.
    pub program: String,
    /// The machine whose data it is.
    pub host: Option<String>,
    /// Words by which people keep the point.
    pub tags: Vec<String>,
}

/// A finished backup.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The new point.
    pub point: PointId,
    /// Its manifest.
    pub manifest: Manifest,
    /// Bytes by which the vault grew, manifest included.
    pub stored_bytes: u64,
    /// Bytes of those that came from this machine's data.
    pub sent_bytes: u64,
}

/// Makes a recovery point.
///
/// # Errors
/// `Invalid` for sources or a block size that can't be used; store errors; `Corrupt` when the
/// points that the method builds on are damaged. Whatever had been put stays and is taken over by
/// the next backup.
pub async fn run(vault: &Vault, backup: &Backup, progress: &dyn Progress) -> Result<Outcome> {
    let block = backup.block_bytes;
    if block == 0 || !block.is_multiple_of(512) || block > u64::from(BLOB_BYTES_MAX) {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("block size {block}: choose a multiple of 512 bytes up to 16 MiB"),
        ));
    }
    let holder = format!(
        "{} ({})",
        backup.host.as_deref().unwrap_or("?"),
        std::process::id()
    );
    let mut lease = Lease::take(vault, Purpose::Write, &holder).await?;
    let made = make(vault, backup, &mut lease, progress).await;
    // One that can't be given back lapses.
    let _ = lease.release().await.is_ok();
    made
}

/// Makes the point while the lease is held.
async fn make(
    vault: &Vault,
    backup: &Backup,
    lease: &mut Lease,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let sources = named(&backup.sources)?;
    let catalog = Catalog::load(vault).await?;
    tell_beforehand(lease, &catalog, &backup.request, progress)?;
    let plan = plan(&backup.request, &catalog);
    let captured = lease.now();
    let (manifest, reliance) = {
        let mut runner =
            Runner::new(vault, &catalog, &plan, &backup.request, lease, progress).await?;
        for (source, name) in &sources {
            let (at, name) = (source.path.clone(), name.clone());
            match source.kind {
                SourceKind::Tree => runner.tree(at, name).await?,
                SourceKind::Disk => runner.disk(at, name, backup.block_bytes as usize).await?,
            }
        }
        runner.drain(0).await?;
        runner
            .finish()
            .await?
            .manifest(backup, &plan, captured, sources)
    };
    commit(vault, lease, manifest, reliance).await
}

/// Puts the manifest, once all that it relies on is there to stay.
async fn commit(
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

/// What people should know before the work: damage, clocks that disagree, a limit that is near.
///
/// # Errors
/// `Invalid` when the instance has as many points as it may have.
fn tell_beforehand(
    lease: &Lease,
    catalog: &Catalog,
    request: &Request,
    progress: &dyn Progress,
) -> Result<()> {
    for error in catalog.damaged() {
        progress.problem(Path::new("the vault"), &error.to_string());
    }
    let ahead = lease.store_ahead_seconds();
    if ahead != 0 {
        let (seconds, how) = (
            ahead.unsigned_abs(),
            if ahead > 0 { "behind" } else { "ahead of" },
        );
        let what = format!(
            "is {seconds} s {how} the store's: the point is dated by the store's; set this machine's"
        );
        progress.problem(Path::new("this machine's clock"), &what);
    }
    let points = catalog.points().iter();
    let points = points.filter(|point| point.manifest.instance == request.instance);
    let count = points.count();
    let name = &request.instance;
    match limit_state(count as u64) {
        LimitState::Fine => Ok(()),
        LimitState::Near => {
            let what =
                format!("has {count} recovery points of at most {POINTS_MAX}: thin them soon");
            progress.problem(Path::new(name), &what);
            Ok(())
        }
        LimitState::Reached => Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "'{name}' has {count} recovery points, and {POINTS_MAX} is the most: `firedrill \
                 forget` thins them by a policy"
            ),
        )),
    }
}

/// Names the sources below the point's root, in path order. A single source is the root itself.
fn named(sources: &[Source]) -> Result<Vec<(Source, Vec<u8>)>> {
    let [single] = sources else {
        let mut names = BTreeSet::new();
        let mut out = Vec::new();
        for source in sources {
            let Some(name) = source.path.file_name().map(OsStr::as_bytes) else {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "source {} has no name to stand beside others: back it up by itself",
                        source.path.display()
                    ),
                ));
            };
            if !names.insert(name.to_vec()) {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "two sources are called '{}': back them up one by one",
                        String::from_utf8_lossy(name)
                    ),
                ));
            }
            out.push((source.clone(), name.to_vec()));
        }
        if out.is_empty() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "no source given: name a folder or image",
            ));
        }
        out.sort_by(|a, b| path_order(&a.1, &b.1));
        return Ok(out);
    };
    Ok(vec![(single.clone(), Vec::new())])
}

type Computed<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Work under way, in listing order.
enum Pending {
    Batch(Computed<(Vec<Done>, Tally)>),
    Segment(Computed<(Vec<Extent>, Tally)>),
    Hole(u64),
    FileEnd(Box<Entry>, PathBuf, bool),
}

pub(super) struct Runner<'a> {
    pub(super) vault: &'a Vault,
    pub(super) plan: &'a BackupPlan,
    pub(super) progress: &'a dyn Progress,
    pub(super) session: Arc<Session>,
    pub(super) lease: &'a mut Lease,
    pub(super) leftovers: Vec<PackRecord>,
    pub(super) base: Option<BaseCursor>,
    pub(super) listing: ListingWriter,
    pending: VecDeque<Pending>,
    pub(super) extents: Extents,
    pub(super) puts: VecDeque<oneshot::Receiver<Result<PackRecord>>>,
    pub(super) records: Vec<PackRecord>,
    pub(super) packs: Vec<ObjectId>,
    pub(super) segments: Vec<ObjectId>,
    pub(super) total: Tally,
}

impl<'a> Runner<'a> {
    async fn new(
        vault: &'a Vault,
        catalog: &Catalog,
        plan: &'a BackupPlan,
        request: &Request,
        lease: &'a mut Lease,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let Scope { index, leftovers } = scope::load(vault, catalog, plan, request).await?;
        let scope = Arc::new(index);
        let mut left = ChunkIndex::default();
        for record in &leftovers {
            left.add(record, 0);
        }
        let reader = BlobReader::new(vault.clone(), Arc::clone(&scope));
        // A base whose listing is lost is none: everything is read again, and stored where lost.
        let whole = |point: &&Point| {
            let mut listing = point.manifest.listing.iter();
            listing.all(|id| scope.find(id).is_some())
        };
        let base = plan.base.and_then(|id| catalog.get(id)).filter(whole);
        let base = base.map(|point| BaseCursor::new(point, reader));
        let session = Session::new(
            Arc::clone(vault.keys()),
            Arc::clone(&vault.world().entropy),
            scope,
            left,
            plan.copies,
        );
        Ok(Self {
            vault,
            plan,
            progress,
            session: Arc::new(session),
            lease,
            leftovers,
            base,
            listing: ListingWriter::default(),
            pending: VecDeque::new(),
            extents: Extents::default(),
            puts: VecDeque::new(),
            records: Vec::new(),
            packs: Vec::new(),
            segments: Vec::new(),
            total: Tally::default(),
        })
    }

    /// Backs up a folder below `name`.
    async fn tree(&mut self, root: PathBuf, name: Vec<u8>) -> Result<()> {
        let world = self.vault.world().clone();
        let mut walk = Walk::new(root.clone(), name);
        let next = |mut walk: Walk| {
            compute(&*world.workers, move || {
                let found = walk.next_batch(BATCH_ENTRIES);
                (walk, found)
            })
        };
        let mut found;
        (walk, found) = next(walk).await?;
        let mut batch = Batch::default();
        while !found.is_empty() {
            // The next batch is walked while this one is looked through.
            let coming = next(walk);
            let now = world.clock.now();
            for found in found {
                match found {
                    Found::Entry(entry, at) => self.entry(entry, at, now, &mut batch).await?,
                    Found::Special(_) => self.total.statistics.special_skipped += 1,
                    Found::Vanished(at) if at == root => {
                        let gone = std::io::ErrorKind::NotFound.into();
                        return Err(Error::from_io(format!("source {}", at.display()), gone));
                    }
                    Found::Vanished(at) => self.vanished(&at),
                    Found::Unreadable(at, error) if at == root => {
                        return Err(Error::from_io(format!("source {}", at.display()), error));
                    }
                    Found::Unreadable(at, error) => self.unreadable(&at, &error),
                }
            }
            (walk, found) = coming.await?;
        }
        self.flush(&mut batch).await
    }

    /// Decides what one entry of the walk needs: nothing, a place in a batch, or its own reading.
    async fn entry(
        &mut self,
        mut entry: Box<Entry>,
        at: PathBuf,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<()> {
        let known = match &mut self.base {
            Some(base) => base.seek(&entry.path).await?,
            None => None,
        };
        let known = known.filter(|known| unchanged(known, &entry));
        if entry
            .changed
            .is_some_and(|changed| may_hide_a_change(changed, now))
        {
            entry.changed = None;
        }
        if let Some(known) = known
            && self.refer_all(&known.content).await?
        {
            entry.content = known.content;
            entry.attributes = known.attributes;
            if entry.kind == EntryKind::File {
                self.total.statistics.files_unchanged += 1;
            }
            batch.items.push(Item::Known(entry));
        } else if entry.kind == EntryKind::File && entry.size > SMALL_BYTES_MAX {
            self.flush(batch).await?;
            return self.large_file(entry, at, Cut::Content).await;
        } else {
            batch.bytes += entry.size;
            batch.items.push(Item::Read(entry, at));
        }
        if batch.bytes >= BATCH_BYTES || batch.items.len() >= BATCH_ENTRIES {
            self.flush(batch).await?;
        }
        Ok(())
    }

    /// Refers to all blobs of an unchanged file; false, and nothing is referred to, when one is
    /// missing, so that the file is read again and what was lost is stored anew.
    async fn refer_all(&mut self, content: &[Extent]) -> Result<bool> {
        let mut blobs = Vec::with_capacity(content.len());
        for extent in content {
            match extent {
                Extent::Chunk(_, id) => blobs.push((Kind::Data, *id)),
                Extent::Hole(_) => {}
                Extent::List(_, id) => {
                    blobs.push((Kind::Extents, *id));
                    let Some(chunks) = self.listed(extent, id).await? else {
                        return Ok(false);
                    };
                    blobs.extend(chunks);
                }
            }
        }
        if !blobs
            .iter()
            .all(|(_, id)| self.session.scope.find(id).is_some())
        {
            return Ok(false);
        }
        let mut tally = Tally::default();
        for (kind, id) in &blobs {
            tally.statistics.blocks_referenced += u64::from(*kind == Kind::Data);
            self.session.refer(*kind, id, &mut tally);
        }
        self.add(tally).await?;
        Ok(true)
    }

    /// The chunks that a list of extents of the base names; `None` where the list is missing.
    async fn listed(&self, list: &Extent, id: &BlobId) -> Result<Option<Vec<(Kind, BlobId)>>> {
        let Some(base) = &self.base else {
            return Ok(None);
        };
        if self.session.scope.find(id).is_none() {
            return Ok(None);
        }
        let extents = base.reader.extents(std::slice::from_ref(list)).await?;
        let chunks = extents.into_iter().filter_map(|extent| match extent {
            Extent::Chunk(_, id) => Some((Kind::Data, id)),
            _ => None,
        });
        Ok(Some(chunks.collect()))
    }

    /// Sends a batch to be read.
    async fn flush(&mut self, batch: &mut Batch) -> Result<()> {
        if batch.items.is_empty() {
            return Ok(());
        }
        let (session, items) = (Arc::clone(&self.session), std::mem::take(batch).items);
        let work = compute(&*self.vault.world().workers, move || {
            read_batch(&session, items)
        });
        self.push(Pending::Batch(Box::pin(work))).await
    }

    /// Reads a large file or disk, its chunks sealed on other cores meanwhile.
    async fn large_file(&mut self, mut entry: Box<Entry>, at: PathBuf, cut: Cut) -> Result<()> {
        let disk = entry.kind == EntryKind::Disk;
        let Some((file, sparse)) = self.open_large(&mut entry, &at)? else {
            return Ok(());
        };
        let reader = FileReader::new(file, cut, entry.size, sparse);
        let world = self.vault.world().clone();
        let session = Arc::clone(&self.session);
        let next = |mut reader: FileReader| {
            let session = Arc::clone(&session);
            compute(&*world.workers, move || {
                let piece = reader.next_piece(session.keys.chunker_table());
                (reader, piece)
            })
        };
        let mut coming = next(reader);
        let reader = loop {
            let (reader, piece) = coming.await?;
            let piece = match piece {
                Ok(Piece::End) => break reader,
                Ok(piece) => piece,
                Err(error) if disk => {
                    return Err(Error::from_io(format!("source {}", at.display()), error));
                }
                Err(error) => {
                    // What was read of it is left out; its packs are in the vault for next time.
                    self.drain(0).await?;
                    self.extents = Extents::default();
                    self.unreadable(&at, &error);
                    return Ok(());
                }
            };
            // The next piece is read while this one waits for a place.
            coming = next(reader);
            match piece {
                Piece::Hole(bytes) => self.push(Pending::Hole(bytes)).await?,
                Piece::Data(bytes, cuts) => {
                    let session = Arc::clone(&self.session);
                    let work = compute(&*world.workers, move || {
                        let mut tally = Tally::default();
                        let extents = store_chunks(&session, cut, &bytes, Some(&cuts), &mut tally);
                        (extents, tally)
                    });
                    self.push(Pending::Segment(Box::pin(work))).await?;
                }
                Piece::End => {}
            }
        };
        self.total.statistics.read_bytes += reader.read_bytes();
        let steady = disk
            || reader
                .file()
                .metadata()
                .is_ok_and(|after| refresh(&mut entry, &after));
        self.push(Pending::FileEnd(entry, at, steady)).await
    }

    /// Opens a large file or disk and brings its entry up to date; `None` when it is left out.
    fn open_large(&mut self, entry: &mut Entry, at: &Path) -> Result<Option<(File, bool)>> {
        use std::os::unix::fs::MetadataExt;
        let disk = entry.kind == EntryKind::Disk;
        let opened = open_file(at, disk).and_then(|file| {
            if !disk {
                entry.attributes = crate::source::file_attributes(&file)?;
            }
            let metadata = file.metadata()?;
            Ok((file, metadata))
        });
        match opened {
            Ok((file, _)) if disk => Ok(Some((file, true))),
            Ok((file, metadata)) => {
                refresh(entry, &metadata);
                Ok(Some((file, metadata.blocks() * 512 < metadata.size())))
            }
            Err(error) if disk => Err(Error::from_io(format!("source {}", at.display()), error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.vanished(at);
                Ok(None)
            }
            Err(error) => {
                self.unreadable(at, &error);
                Ok(None)
            }
        }
    }

    /// Backs up a disk as the entry `name`.
    async fn disk(&mut self, at: PathBuf, name: Vec<u8>, block: usize) -> Result<()> {
        let io = |error| Error::from_io(format!("source {}", at.display()), error);
        let mut file: File = open_file(&at, true).map_err(io)?;
        let size = std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(io)?;
        let entry = Entry {
            path: name,
            kind: EntryKind::Disk,
            mode: 0,
            uid: 0,
            gid: 0,
            modified: Timestamp::default(),
            size,
            content: Vec::new(),
            attributes: Vec::new(),
            target: None,
            changed: None,
            inode: 0,
            link_group: None,
        };
        self.large_file(Box::new(entry), at, Cut::Fixed(block))
            .await
    }

    async fn push(&mut self, pending: Pending) -> Result<()> {
        self.pending.push_back(pending);
        let most = self.vault.world().workers.cores() + COMPUTATIONS_WAITING;
        self.drain(most).await
    }

    /// Takes results in order until at most `left` are under way.
    async fn drain(&mut self, left: usize) -> Result<()> {
        while self.pending.len() > left {
            match self.pending.pop_front() {
                None => {}
                Some(Pending::Hole(bytes)) => {
                    let mut tally = Tally::default();
                    let hole = Extent::Hole(bytes);
                    self.extents.push(&self.session, hole, &mut tally);
                    self.progress.advance(bytes, 0);
                    self.add(tally).await?;
                }
                Some(Pending::Segment(work)) => {
                    let (extents, mut tally) = work.await?;
                    self.progress
                        .advance(extents.iter().map(Extent::bytes).sum(), 0);
                    for extent in extents {
                        self.extents.push(&self.session, extent, &mut tally);
                    }
                    self.add(tally).await?;
                }
                Some(Pending::FileEnd(mut entry, at, steady)) => {
                    let mut tally = Tally::default();
                    let size = entry.size;
                    let extents = std::mem::take(&mut self.extents);
                    extents.finish(&self.session, &mut entry, &mut tally);
                    self.add(tally).await?;
                    if !steady || entry.size != size {
                        entry.changed = None;
                        self.changed(&at);
                    }
                    self.progress.advance(0, 1);
                    self.list(&entry).await?;
                }
                Some(Pending::Batch(work)) => {
                    let (done, tally) = work.await?;
                    self.add(tally).await?;
                    for done in done {
                        self.done(done).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn done(&mut self, done: Done) -> Result<()> {
        let entry = match done {
            Done::Entry(entry) => entry,
            Done::Changed(entry, at) => {
                self.changed(&at);
                entry
            }
            Done::Vanished(at) => {
                self.vanished(&at);
                return Ok(());
            }
            Done::Unreadable(at, error) => {
                self.unreadable(&at, &error);
                return Ok(());
            }
        };
        self.progress
            .advance(entry.size, u64::from(entry.kind == EntryKind::File));
        self.list(&entry).await
    }

    async fn list(&mut self, entry: &Entry) -> Result<()> {
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

    fn vanished(&mut self, at: &Path) {
        self.total.statistics.vanished += 1;
        self.progress
            .problem(at, "vanished before it was read; left out");
    }

    fn changed(&mut self, at: &Path) {
        self.total.statistics.changed_while_read += 1;
        self.progress
            .problem(at, "changed while it was read; kept as read");
    }

    fn unreadable(&mut self, at: &Path, error: &std::io::Error) {
        self.total.statistics.unreadable += 1;
        self.progress.problem(at, &format!("{error}; left out"));
    }

    /// Adds what a computation did, and puts the packs that it filled.
    pub(super) async fn add(&mut self, tally: Tally) -> Result<()> {
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
}

/// Entries waiting to be read together.
#[derive(Default)]
struct Batch {
    items: Vec<Item>,
    bytes: u64,
}
