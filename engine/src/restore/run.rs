//! The order of a restore: folders first, then packs as they come, links and folder times last.
//!
//! Long because the one owner of a restore's state plans, fetches and finishes; what is done to a
//! file, a disk or the target is in the rooms beside it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::backup::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::format::layout::path;
use crate::format::listing::{Entry, EntryKind, Extent, write_entry};
use crate::format::point::SourceKind;
use crate::ids::ObjectId;
use crate::seam::compute;
use crate::units::Timestamp;
use crate::vault::{BlobReader, Catalog, Fetch, Point, Vault, get_range};

use super::disk::{open_disk, write_zeros};
use super::target::{Lacking, Target, split};
use super::trace::{Trace, micros_between};
use super::window::{Chunk, Fetched, FileTask, Place, Window, Written};

/// Chunks of a window: its plan takes about 10 MiB. A restore of more than this reads a pack once
/// per window.
const WINDOW_CHUNKS: usize = 120_000;
/// Files of a window, and folders that wait for their times.
const WINDOW_FILES: usize = 60_000;
/// Lists of extents read ahead; each opened is 48 kB.
const LISTS_AT_ONCE: usize = 8;
/// Fetches under way or waiting to be opened; each holds about 4 MiB.
pub const FETCHES_MAX: usize = 4;
/// Sealed bytes opened by one computation.
const COMPUTATION_BYTES: u64 = 2 << 20;

/// What to restore, and where.
#[derive(Clone, Debug)]
pub struct Request {
    /// A folder (made if need be), or for a point of a single disk the image file or device.
    pub target: PathBuf,
    /// Only these paths and what is below them; empty for all.
    pub paths: Vec<Vec<u8>>,
    /// Whether what stands in the way gives way.
    pub overwrite: bool,
    /// Only look: count what would be written and replaced.
    pub dry_run: bool,
}

/// A finished restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Files and disks written.
    pub files: u64,
    /// Folders made or brought back.
    pub folders: u64,
    /// Bytes of files and disks, holes included.
    pub bytes: u64,
    /// Bytes fetched from the vault for their content.
    pub fetched_bytes: u64,
    /// Packs that content was fetched from (again in each window).
    pub packs_read: u64,
    /// Things in the target that gave way, or would.
    pub replaced: u64,
    /// Owners that could not be given back without privilege.
    pub owners_lacking: u64,
    /// Extended attributes that could not be given back.
    pub attributes_lacking: u64,
    /// Files left out, and disks with zeros in places, because what they need of the vault is
    /// damaged. Each was told to the caller's [`Progress`].
    pub damaged: u64,
}

/// Where restored bytes go.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    /// To a target.
    Place(&'a Request),
    /// Nowhere: every byte is fetched, opened and verified. Where packs are given, only what lies in
    /// those.
    Nowhere(Option<&'a BTreeSet<ObjectId>>),
    /// Not even out of the vault: what a restore would have to do is counted.
    Plan,
}

/// The request behind what is written nowhere.
static NOWHERE: Request = Request {
    target: PathBuf::new(),
    paths: Vec::new(),
    overwrite: false,
    dry_run: false,
};

/// Restores a point.
///
/// # Errors
/// `Invalid` for a target that is not empty, `NotFound` for a path that the point lacks, `Corrupt`
/// where the point's listing is damaged; I/O errors naming the file. Damage to files' contents is
/// no error: the others are restored, and the outcome counts those left out.
pub async fn run(
    vault: &Vault,
    catalog: &Catalog,
    point: &Point,
    request: &Request,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let index = Arc::new(catalog.index_of(vault, &Catalog::closure(point)).await?);
    let reader = BlobReader::new(vault.clone(), index);
    let mut trace = Trace::default();
    traced(&reader, point, To::Place(request), progress, &mut trace).await
}

/// Restores a point as [`run`] does, or does all of it but the writing, and tells what it did in `trace`,
/// also where it ends with an error.
///
/// # Errors
/// As [`run`].
pub async fn traced(
    reader: &BlobReader,
    point: &Point,
    to: To<'_>,
    progress: &dyn Progress,
    trace: &mut Trace,
) -> Result<Outcome> {
    let sources = &point.manifest.sources;
    let disk = matches!(&sources[..], [only] if only.kind == SourceKind::Disk);
    let request = match to {
        To::Place(request) => request,
        To::Nowhere(_) | To::Plan => &NOWHERE,
    };
    let target = match to {
        To::Place(request) if !disk && (!request.dry_run || request.target.exists()) => {
            let overwrite = request.overwrite || request.dry_run;
            Some(Arc::new(Target::open(&request.target, overwrite)?))
        }
        _ => None,
    };
    let began = reader.vault().world().clock.now();
    let mut restore = Restore {
        vault: reader.vault(),
        request,
        to,
        progress,
        trace,
        reader: reader.clone(),
        target,
        disk,
        window: Window::default(),
        folders: Vec::new(),
        firsts: BTreeMap::new(),
        links: Vec::new(),
        lost_firsts: BTreeSet::new(),
        found: vec![false; request.paths.len()],
        outcome: Outcome::default(),
        lacking: Lacking::default(),
    };
    let mut listing = reader.listing(point.manifest.listing.clone()).boxed();
    for id in &point.manifest.listing {
        let Some(entries) = listing.try_next().await? else {
            break;
        };
        restore.trace.entries += entries.len() as u64;
        restore.trace.opened_blob(reader.index(), id);
        for entry in entries {
            restore.entry(entry).await?;
        }
    }
    let content = restore.trace.content_micros();
    restore.trace.listing_micros += restore.micros_since(began).saturating_sub(content);
    restore.finish().await
}

struct Restore<'a> {
    vault: &'a Vault,
    request: &'a Request,
    to: To<'a>,
    progress: &'a dyn Progress,
    trace: &'a mut Trace,
    reader: BlobReader,
    target: Option<Arc<Target>>,
    disk: bool,
    window: Window,
    /// Folders whose times are still to be set, in path order.
    folders: Vec<Entry>,
    /// First path of each file with several names.
    firsts: BTreeMap<[u8; 32], Vec<u8>>,
    links: Vec<(Vec<u8>, Vec<u8>)>,
    /// Those of `firsts` that are damaged.
    lost_firsts: BTreeSet<Vec<u8>>,
    found: Vec<bool>,
    outcome: Outcome,
    lacking: Lacking,
}

impl Restore<'_> {
    /// Whether `path` is asked for: it is below a path asked for, or a folder above one.
    fn wanted(&mut self, entry: &Entry) -> bool {
        if self.request.paths.is_empty() {
            return true;
        }
        let mut wanted = false;
        for (asked, found) in self.request.paths.iter().zip(&mut self.found) {
            if is_below(&entry.path, asked) {
                *found = true;
                wanted = true;
            } else if entry.kind == EntryKind::Folder && is_below(asked, &entry.path) {
                wanted = true;
            }
        }
        wanted
    }

    async fn entry(&mut self, entry: Entry) -> Result<()> {
        if !self.wanted(&entry) {
            return Ok(());
        }
        self.count(&entry)?;
        if self.request.dry_run {
            return Ok(());
        }
        if !matches!(self.to, To::Place(_)) {
            return self.read_only(entry).await;
        }
        match (entry.kind, self.target.clone()) {
            (EntryKind::Folder, Some(target)) => {
                if !entry.path.is_empty() {
                    target.make_folder(&entry.path)?;
                }
                self.folders.push(entry);
                if self.folders.len() >= WINDOW_FILES {
                    self.execute().await?;
                }
                Ok(())
            }
            (EntryKind::Symlink, Some(target)) => {
                self.lacking += target.make_symlink(&entry)?;
                Ok(())
            }
            (EntryKind::File, Some(target)) => self.file(&target, entry).await,
            (EntryKind::Disk, target) => self.disk(target.as_deref(), entry).await,
            _ => Err(Error::corrupt(
                "the listing",
                "it holds files where a disk was backed up",
            )),
        }
    }

    fn count(&mut self, entry: &Entry) -> Result<()> {
        match entry.kind {
            EntryKind::Folder => self.outcome.folders += 1,
            EntryKind::File | EntryKind::Disk => self.outcome.files += 1,
            EntryKind::Symlink => {}
        }
        self.outcome.bytes += entry.size;
        if self.request.overwrite || self.request.dry_run {
            let replaced = match &self.target {
                Some(target) if entry.kind != EntryKind::Folder => {
                    target.would_replace(&entry.path)?
                }
                None if self.disk => self.request.target.exists(),
                _ => false,
            };
            self.outcome.replaced += u64::from(replaced);
        }
        Ok(())
    }

    /// Plans an entry whose bytes go nowhere.
    async fn read_only(&mut self, entry: Entry) -> Result<()> {
        if !entry.path.is_empty() {
            split(&entry.path)?;
        }
        let is_file = matches!(entry.kind, EntryKind::File | EntryKind::Disk);
        if !is_file || self.is_another_name(&entry).await? {
            return Ok(());
        }
        self.plan(entry, Place::Nowhere).await
    }

    /// Whether the file was planned by another of its names; then this one waits for it.
    async fn is_another_name(&mut self, entry: &Entry) -> Result<bool> {
        if entry.link_group.is_none() {
            return Ok(false);
        }
        let file = linked_file(entry);
        let Some(first) = self.firsts.get(&file) else {
            self.firsts.insert(file, entry.path.clone());
            return Ok(false);
        };
        self.links.push((first.clone(), entry.path.clone()));
        if self.links.len() >= WINDOW_FILES {
            self.execute().await?;
        }
        Ok(true)
    }

    async fn file(&mut self, target: &Arc<Target>, entry: Entry) -> Result<()> {
        if self.is_another_name(&entry).await? {
            return Ok(());
        }
        let place = match &entry.content[..] {
            [Extent::Chunk(..)] => Place::New,
            content => {
                let (folder, _) = split(&entry.path)?;
                let file = target.make_file(target.folder(folder)?.as_fd(), &entry.path)?;
                file.set_len(entry.size).map_err(|error| {
                    let shown = String::from_utf8_lossy(&entry.path);
                    Error::from_io(format!("sizing '{shown}' in the target"), error)
                })?;
                if content
                    .iter()
                    .all(|extent| matches!(extent, Extent::Hole(_)))
                {
                    self.lacking += target.finish(&file, &entry)?;
                    self.progress.advance(entry.size, 1);
                    return Ok(());
                }
                Place::Made
            }
        };
        self.plan(entry, place).await
    }

    async fn disk(&mut self, target: Option<&Target>, entry: Entry) -> Result<()> {
        let shown = self
            .request
            .target
            .join(std::ffi::OsStr::from_bytes(&entry.path));
        let failed = |error| Error::from_io(format!("target {}", shown.display()), error);
        let file = match target {
            Some(target) => {
                let (folder, _) = split(&entry.path)?;
                let file = target.make_file(target.folder(folder)?.as_fd(), &entry.path)?;
                file.set_len(entry.size).map_err(failed)?;
                file
            }
            None => open_disk(&self.request.target, entry.size, self.request.overwrite)?,
        };
        let metadata = file.metadata().map_err(failed)?;
        let device = metadata.file_type().is_block_device();
        self.plan(entry, Place::Disk { file, device }).await
    }

    /// Adds a file's chunks to the window, one list of extents after another, so that neither a
    /// large file nor its plan is ever in memory whole.
    async fn plan(&mut self, mut entry: Entry, place: Place) -> Result<()> {
        let content = std::mem::take(&mut entry.content);
        self.window.files.push(FileTask::new(entry, place));
        let reader = self.reader.clone();
        let mut lists = stream::iter(content)
            .map(|extent| {
                let reader = &reader;
                async move { (extent, reader.extents(&[extent]).await) }
            })
            .buffered(LISTS_AT_ONCE);
        let mut at = 0;
        while let Some((list, extents)) = lists.next().await {
            match extents {
                Ok(extents) => {
                    if let Extent::List(_, id) = &list {
                        self.trace.opened_blob(self.reader.index(), id);
                    }
                    for extent in extents {
                        self.plan_extent(extent, at).await?;
                        at += extent.bytes();
                    }
                }
                Err(error) if error.is_damage() => {
                    self.newest().lose(&error);
                    at += list.bytes();
                }
                Err(error) => return Err(error),
            }
        }
        let number = self.window.files.len() as u32 - 1;
        self.window.count(self.target.as_deref(), number, None)?;
        if self.window.chunks.len() >= WINDOW_CHUNKS || self.window.files.len() >= WINDOW_FILES {
            self.execute().await?;
        }
        Ok(())
    }

    /// The file being planned.
    fn newest(&self) -> &FileTask {
        self.window.files.last().expect("a file is being planned")
    }

    async fn plan_extent(&mut self, extent: Extent, at: u64) -> Result<()> {
        let task = self.newest();
        let (bytes, id) = match extent {
            Extent::Chunk(bytes, id) => (bytes, id),
            other => {
                if let Place::Disk { file, device: true } = &task.place {
                    write_zeros(file, at, other.bytes())
                        .map_err(|error| Error::from_io("the target device", error))?;
                }
                return Ok(());
            }
        };
        let located = match self.reader.locate(&id, bytes) {
            Ok(located) => located,
            Err(error) => {
                task.lose(&error);
                return Ok(());
            }
        };
        if let To::Nowhere(Some(only)) = self.to
            && !only.contains(&self.reader.index().pack(located.pack))
        {
            return Ok(());
        }
        task.left.fetch_add(1, Ordering::Relaxed);
        let file = self.window.files.len() as u32 - 1;
        self.window.chunks.push(Chunk {
            located,
            id,
            file,
            at,
        });
        if self.window.chunks.len() >= WINDOW_CHUNKS {
            // The file itself goes on in the next window.
            let task = self.execute().await?.pop();
            self.window.files.extend(task);
        }
        Ok(())
    }

    /// Fetches and writes the window; gives back its files.
    async fn execute(&mut self) -> Result<Vec<FileTask>> {
        let began = self.vault.world().clock.now();
        let (waited, files) = (self.trace.content_micros(), self.fetch_window().await?);
        if let Some(target) = self.target.clone() {
            self.finish_folders(&target)?;
        }
        // What was waited for is told apart; the rest goes to making files, or to opening them.
        let rest = self.trace.content_micros() - waited;
        let rest = self.micros_since(began).saturating_sub(rest);
        match self.to {
            To::Place(_) => self.trace.write_micros += rest,
            To::Nowhere(_) | To::Plan => {
                self.trace.open_micros += rest + std::mem::take(&mut self.trace.write_micros);
            }
        }
        Ok(files)
    }

    fn micros_since(&self, began: Timestamp) -> u64 {
        micros_between(began, self.vault.world().clock.now())
    }

    async fn fetch_window(&mut self) -> Result<Vec<FileTask>> {
        let mut window = std::mem::take(&mut self.window);
        let fetches = window.fetches();
        let packs: BTreeSet<u32> = fetches.iter().map(|fetch| fetch.pack).collect();
        self.outcome.packs_read += packs.len() as u64;
        self.outcome.fetched_bytes += fetches
            .iter()
            .map(|fetch| fetch.end - fetch.start)
            .sum::<u64>();
        if matches!(self.to, To::Plan) {
            self.trace.requests += fetches.len() as u64;
            self.trace.content_bytes += window.bytes();
            return Ok(window.files);
        }
        let window = Arc::new(window);
        let (vault, index) = (self.vault, Arc::clone(self.reader.index()));
        let mut fetched = stream::iter(fetches)
            .map(|fetch| {
                let at = path::pack(index.pack(fetch.pack));
                async move {
                    let range = fetch.start..fetch.end;
                    let bytes = get_range(vault.world(), &at, range).await;
                    (fetch, bytes)
                }
            })
            .buffered(FETCHES_MAX);
        let mut writing = VecDeque::new();
        let most = vault.world().workers.cores() * 3;
        loop {
            let began = vault.world().clock.now();
            let Some((fetch, bytes)) = fetched.next().await else {
                break;
            };
            self.trace.fetch_micros += self.micros_since(began);
            self.trace.fetched(fetch.end - fetch.start);
            let bytes = match bytes {
                Err(error) if error.is_damage() => {
                    let pack = self.reader.index().pack(fetch.pack);
                    self.trace.damaged.insert(pack);
                    window.lose(self.target.as_deref(), &fetch, &error)?;
                    continue;
                }
                bytes => bytes?,
            };
            for range in split_work(&window, &fetch) {
                writing.push_back(self.write(&window, &fetch, &bytes, range));
                if writing.len() > most
                    && let Some(oldest) = writing.pop_front()
                {
                    self.settle(oldest).await?;
                }
            }
        }
        for work in writing {
            self.settle(work).await?;
        }
        drop(fetched);
        let window = Arc::try_unwrap(window)
            .map_err(|_| Error::internal("a window is still being written"))?;
        self.close(window)
    }

    /// Tells what of a window is damaged, and makes the further names of its files.
    fn close(&mut self, window: Window) -> Result<Vec<FileTask>> {
        self.lacking += window.lacking.into_inner().unwrap_or_default();
        for task in &window.files {
            // One that goes on in the next window is told there.
            if task.left.load(Ordering::Relaxed) == 0
                && let Some(why) = task.lost()
            {
                self.damaged(&task.entry.path, &why);
                if task.entry.link_group.is_some() {
                    self.lost_firsts.insert(task.entry.path.clone());
                }
            }
        }
        for (first, path) in std::mem::take(&mut self.links) {
            if self.lost_firsts.contains(&first) {
                self.damaged(&path, "another name of a file that is damaged; left out");
            } else if let Some(target) = &self.target {
                target.make_link(&first, &path)?;
            }
        }
        Ok(window.files)
    }

    /// Waits for a computation, and notes what it did.
    async fn settle(&mut self, work: impl Future<Output = Result<Result<Written>>>) -> Result<()> {
        let began = self.vault.world().clock.now();
        let written = work.await??;
        let waited = self.micros_since(began);
        self.trace.settled(waited, &written);
        self.progress.advance(written.bytes, 0);
        Ok(())
    }

    fn damaged(&mut self, path: &[u8], why: &str) {
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        self.progress.problem(path, why);
        self.outcome.damaged += 1;
    }

    /// Finishes the folders that the listing has left behind: all but the newest and those above
    /// it. Children before parents, so that nothing touches a folder after its times are set.
    fn finish_folders(&mut self, target: &Target) -> Result<()> {
        let Some(newest) = self.folders.last().map(|entry| entry.path.clone()) else {
            return Ok(());
        };
        let (open, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.folders)
            .into_iter()
            .partition(|entry| is_below(&newest, &entry.path));
        self.folders = open;
        for entry in left.iter().rev() {
            self.lacking += target.finish_folder(entry)?;
        }
        Ok(())
    }

    fn write(
        &self,
        window: &Arc<Window>,
        fetch: &Fetch,
        bytes: &Bytes,
        range: std::ops::Range<usize>,
    ) -> impl Future<Output = Result<Result<Written>>> + Send + use<> {
        let (window, target) = (Arc::clone(window), self.target.clone());
        let (keys, bytes, start) = (Arc::clone(self.vault.keys()), bytes.clone(), fetch.start);
        let pack = self.reader.index().pack(fetch.pack);
        let clock = Arc::clone(&self.vault.world().clock);
        compute(&*self.vault.world().workers, move || {
            let fetched = Fetched { pack, start, bytes };
            let written = window.write(&keys, &*clock, target.as_deref(), &fetched, range);
            // Before the result is told, so that the window is free once all results are in.
            drop(window);
            written
        })
    }

    async fn finish(mut self) -> Result<Outcome> {
        for (asked, found) in self.request.paths.iter().zip(&self.found) {
            if !found {
                let shown = String::from_utf8_lossy(asked);
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("the point holds no path '{shown}': `firedrill ls` lists them"),
                ));
            }
        }
        if !self.request.dry_run {
            self.execute().await?;
        }
        if let Some(target) = &self.target {
            for entry in self.folders.iter().rev() {
                self.lacking += target.finish_folder(entry)?;
            }
        }
        self.outcome.owners_lacking = self.lacking.owners;
        self.outcome.attributes_lacking = self.lacking.attributes;
        Ok(self.outcome)
    }
}

/// Whether `path` is `above` or lies below it.
fn is_below(path: &[u8], above: &[u8]) -> bool {
    above.is_empty()
        || path == above
        || (path.starts_with(above) && path.get(above.len()) == Some(&b'/'))
}

/// What tells a file with several names: all that its entry says but path and change time. The link group alone
/// would not do, as it is an inode's number, which files of two file systems may share.
pub(crate) fn linked_file(entry: &Entry) -> [u8; 32] {
    let mut nameless = Vec::new();
    let mut entry = entry.clone();
    entry.path.clear();
    // Left out of one of two names that were read within the clock's tick.
    entry.changed = None;
    write_entry(&entry, &mut nameless);
    *blake3::hash(&nameless).as_bytes()
}

/// Cuts a fetch into computations of about 2 MiB, never between pieces of the same blob.
fn split_work(window: &Window, fetch: &Fetch) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut bytes) = (fetch.blobs.start, 0);
    for number in fetch.blobs.clone() {
        let chunk = &window.chunks[number];
        let again =
            number > start && window.chunks[number - 1].located.offset == chunk.located.offset;
        if bytes >= COMPUTATION_BYTES && !again {
            ranges.push(start..number);
            (start, bytes) = (number, 0);
        }
        bytes += u64::from(chunk.located.stored_bytes.max(chunk.located.raw_bytes / 4));
    }
    ranges.push(start..fetch.blobs.end);
    ranges
}

#[cfg(test)]
mod tests {
    use super::linked_file;
    use crate::format::listing::{Entry, EntryKind, Extent};
    use crate::units::Timestamp;

    #[test]
    fn files_of_two_file_systems_with_one_inode_number_are_not_linked() {
        let entry = |path: &str, content: u64, mode| Entry {
            path: path.as_bytes().to_vec(),
            kind: EntryKind::File,
            mode,
            uid: 0,
            gid: 0,
            modified: Timestamp::default(),
            size: content,
            content: vec![Extent::Hole(content)],
            attributes: Vec::new(),
            target: None,
            changed: None,
            inode: 7,
            link_group: Some(7),
        };
        let one = linked_file(&entry("one", 5, 0o644));
        assert_eq!(one, linked_file(&entry("its other name", 5, 0o644)));
        assert_ne!(one, linked_file(&entry("another's content", 6, 0o644)));
        assert_ne!(one, linked_file(&entry("another's mode", 5, 0o600)));
    }
}
