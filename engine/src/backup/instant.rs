//! Disks that are written while they are backed up: read as they were at one instant, and only where they may have
//! changed since the point before.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, future, stream};

use crate::chunk::Cut;
use crate::error::{Error, Result};
use crate::format::layout::Kind;
use crate::format::listing::{Entry, EntryKind, Extent};
use crate::format::point::{Consistency, Instant};
use crate::seam::{BlockDevice, Quiesce, Run, compute};
use crate::source::{ChangedBlocks, Source};
use crate::units::{MIB, Timestamp};
use crate::vault::{BlobReader, Point, REQUESTS_MAX};

use super::files::store_chunks;
use super::large::disk_entry;
use super::runner::{Pending, Runner};
use super::session::Tally;

/// Bytes read at a time, rounded down to whole blocks: as much as of a file.
const SEGMENT_BYTES: u64 = 4 * MIB as u64;
/// Bytes of which holes are asked for at a time.
const WINDOW_BYTES: u64 = 64 * MIB as u64;
/// Blocks of the base that are referred to in one step.
const REFERRED_AT_ONCE: usize = 1024;

/// What is known of the changes to a disk.
#[derive(Clone, Debug)]
pub enum Changed {
    /// Everything else is as it was at the instant that was asked about.
    Only(ChangedBlocks),
    /// Nothing is known, and why: for people.
    Unknown(String),
}

/// One disk at the instant that is held. It is read forwards: what lies before the last read may be gone.
#[derive(Clone, Debug)]
pub struct HeldDisk {
    /// Its name in the group.
    pub name: String,
    /// The disk at that instant.
    pub device: Arc<dyn BlockDevice>,
    /// What changed since the instant that was asked about.
    pub changed: Changed,
}

/// A group's disks at one instant, for as long as this is not dropped.
#[derive(Clone, Debug)]
pub struct HeldDisks {
    /// Which instant it is.
    pub instant: Instant,
    /// As of when, and what was held still then; `None` where it was taken when it was asked for.
    pub captured: Option<(Timestamp, Consistency)>,
    /// The disks.
    pub disks: Vec<HeldDisk>,
}

/// What can hold an instant of disks while a backup reads it.
#[async_trait]
pub trait HoldDisks: Send + Sync {
    /// Holds an instant. `since` is that of the point that is built on.
    ///
    /// # Errors
    /// Whatever keeps the instant from being had.
    async fn hold(&self, since: Option<Instant>) -> Result<HeldDisks>;
}

/// How a disk was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its name.
    pub name: String,
    /// Bytes that it has.
    pub disk_bytes: u64,
    /// Bytes of it that were read.
    pub read_bytes: u64,
    /// Bytes in pieces that may have changed since the point before; `None` where all was read.
    pub changed_bytes: Option<u64>,
    /// Why all of it was read, where it was.
    pub scanned: Option<String>,
}

/// What was read, and as of when.
pub(super) struct Taken {
    pub(super) captured: Timestamp,
    pub(super) consistency: Consistency,
    pub(super) instant: Option<Instant>,
    pub(super) readings: Vec<Reading>,
}

/// Reads disks at an instant that is held; `quiesce` is let go as soon as it is.
pub(super) async fn read(
    runner: &mut Runner<'_>,
    sources: &[(Source, Vec<u8>)],
    (block, base): (usize, Option<&Point>),
    (disks, quiesce): (&dyn HoldDisks, &dyn Quiesce),
) -> Result<Taken> {
    let since = since(base, block);
    let asked = since.as_ref().ok().copied();
    let held = match quiesce.freeze().await {
        Ok(()) => {
            // Before it is held: the point never claims to be newer than it is.
            let asked_at = runner.landing.lease.now();
            let held = disks.hold(asked).await;
            held.map(|held| (held, asked_at))
        }
        Err(error) => Err(error),
    };
    let thawed = quiesce.thaw().await;
    let ((held, asked_at), thawed) = (held?, thawed?);
    let (captured, consistency) = held.captured.unwrap_or((asked_at, thawed));
    let mut readings = Vec::new();
    for (source, name) in sources {
        let called = source.called.file_name().unwrap_or_default();
        let found = held.disks.iter().find(|disk| called == disk.name.as_str());
        let Some(disk) = found else {
            let what = format!("no disk is called '{}'", called.to_string_lossy());
            return Err(Error::internal(what));
        };
        let changed = match (&since, &disk.changed) {
            (Err(why), _) | (_, Changed::Unknown(why)) => Changed::Unknown(why.clone()),
            (Ok(_), known) => known.clone(),
        };
        readings.push(runner.held_disk(name, disk, block, changed).await?);
    }
    runner.drain(0).await?;
    Ok(Taken {
        captured,
        consistency,
        instant: Some(held.instant),
        readings,
    })
}

/// The instant that the base is of, or why it is of no use.
fn since(base: Option<&Point>, block: usize) -> std::result::Result<Instant, String> {
    let base = base.ok_or("there is no point before it to build on")?;
    if base.manifest.block_bytes != Some(block as u64) {
        return Err("the point before has blocks of another size".to_owned());
    }
    let instant = base.manifest.instant;
    instant.ok_or_else(|| "the point before was not made of a protected disk".to_owned())
}

/// What is done with a stretch.
enum Step {
    Read(u64, u64),
    Refer(Vec<Extent>),
    Hole(u64),
}

impl Runner<'_> {
    async fn held_disk(
        &mut self,
        name: &[u8],
        disk: &HeldDisk,
        block: usize,
        changed: Changed,
    ) -> Result<Reading> {
        let size = disk.device.size();
        let before = self.landing.total.statistics.read_bytes;
        let known = match changed {
            Changed::Unknown(why) => Err(why),
            Changed::Only(changed) => {
                let known = self.known_disk(name, size).await?;
                let why = "the point before has no such disk of that size, or its list is lost";
                known
                    .map(|known| (known, changed))
                    .ok_or_else(|| why.to_owned())
            }
        };
        let (changed_bytes, scanned) = match known {
            Ok(((reader, entry), changed)) => {
                let walk = Walk::new(changed, block as u64, size);
                let bytes = walk.changed.bytes();
                self.read_changed(&disk.device, &reader, entry, walk)
                    .await?;
                (Some(bytes), None)
            }
            Err(why) => (None, Some(why)),
        };
        if scanned.is_some() {
            self.read_all(&disk.device, block as u64).await?;
        }
        let entry = Box::new(disk_entry(name.to_vec(), size));
        let at = PathBuf::from(&disk.name);
        self.push(Pending::FileEnd(entry, at, true)).await?;
        Ok(Reading {
            name: disk.name.clone(),
            disk_bytes: size,
            read_bytes: self.landing.total.statistics.read_bytes - before,
            changed_bytes,
            scanned,
        })
    }

    /// The base's entry of a disk, if it is as large.
    async fn known_disk(&mut self, name: &[u8], size: u64) -> Result<Option<(BlobReader, Entry)>> {
        let Some(base) = &mut self.base else {
            return Ok(None);
        };
        let reader = base.reader.clone();
        let found = match base.seek(name).await {
            Err(error) if error.is_damage() => {
                self.progress
                    .problem("the vault".as_ref(), &error.to_string());
                self.base = None;
                None
            }
            found => found?,
        };
        let found = found.filter(|entry| entry.kind == EntryKind::Disk && entry.size == size);
        Ok(found.map(|entry| (reader, entry)))
    }

    /// Reads all but holes.
    async fn read_all(&mut self, device: &Arc<dyn BlockDevice>, block: u64) -> Result<()> {
        let (size, mut at) = (device.size(), 0);
        while at < size {
            let window = whole(WINDOW_BYTES, block).min(size - at);
            let runs = device.runs(at, window).await?;
            for step in blockwise(&runs, (at, window), block) {
                self.step(device, step, block).await?;
            }
            at += window;
        }
        Ok(())
    }

    /// Reads what changed, and refers to the base's blocks for the rest.
    async fn read_changed(
        &mut self,
        device: &Arc<dyn BlockDevice>,
        reader: &BlobReader,
        entry: Entry,
        mut walk: Walk,
    ) -> Result<()> {
        let reader = reader.clone();
        let mut lists = stream::iter(entry.content)
            .map(move |extent| {
                let reader = reader.clone();
                async move { (extent, reader.extents(&[extent]).await) }
            })
            .buffered(REQUESTS_MAX);
        let block = walk.block;
        while let Some((extent, known)) = lists.next().await {
            let known = match known {
                Err(error) if error.is_damage() => {
                    self.progress
                        .problem("the vault".as_ref(), &error.to_string());
                    // What it would have spared is read: a list within is not looked at.
                    vec![extent]
                }
                known => known?,
            };
            let session = Arc::clone(&self.session);
            let steps = walk.take(&known, |id| session.scope.find(id).is_some());
            for step in steps {
                self.step(device, step, block).await?;
            }
        }
        for step in walk.finish() {
            self.step(device, step, block).await?;
        }
        Ok(())
    }

    async fn step(&mut self, device: &Arc<dyn BlockDevice>, step: Step, block: u64) -> Result<()> {
        match step {
            Step::Hole(bytes) => self.push(Pending::Hole(bytes)).await,
            Step::Refer(extents) => {
                let mut tally = Tally::default();
                for extent in &extents {
                    if let Extent::Chunk(_, id) = extent {
                        tally.statistics.blocks_referenced += 1;
                        self.session.refer(Kind::Data, id, &mut tally);
                    }
                }
                let done = future::ready(Ok((extents, tally)));
                self.push(Pending::Segment(Box::pin(done))).await
            }
            Step::Read(from, length) => {
                let end = from + length;
                let mut at = from;
                while at < end {
                    let step = whole(SEGMENT_BYTES, block).min(end - at);
                    let bytes = device.read_once(at, step as usize).await?;
                    self.landing.total.statistics.read_bytes += step;
                    let (session, cut) = (Arc::clone(&self.session), Cut::Fixed(block as usize));
                    let work = compute(&*self.vault.world().workers, move || {
                        let mut tally = Tally::default();
                        let extents = store_chunks(&session, cut, &bytes, None, &mut tally);
                        (extents, tally)
                    });
                    self.push(Pending::Segment(Box::pin(work))).await?;
                    at += step;
                }
                Ok(())
            }
        }
    }
}

/// Of `bytes` as many as are whole blocks, and at least one.
fn whole(bytes: u64, block: u64) -> u64 {
    (bytes / block).max(1) * block
}

/// Steps that read a window but for blocks that are wholly in holes.
fn blockwise(runs: &[Run], (start, window): (u64, u64), block: u64) -> Vec<Step> {
    let end = start + window;
    let (mut at, mut done, mut steps) = (start, start, Vec::new());
    let mut data: Option<(u64, u64)> = None;
    let mut flush = |data: &mut Option<(u64, u64)>| {
        let Some((from, until)) = data.take() else {
            return;
        };
        if from > done {
            steps.push(Step::Hole(from - done));
        }
        steps.push(Step::Read(from, until - from));
        done = until;
    };
    for run in runs {
        let (from, until) = (at, at + run.length);
        at = until;
        if run.hole {
            continue;
        }
        // The window begins with a block.
        let from = start + (from - start) / block * block;
        let until = (start + (until - start).div_ceil(block) * block).min(end);
        match &mut data {
            Some((_, known)) if from <= *known => *known = until.max(*known),
            _ => {
                flush(&mut data);
                data = Some((from, until));
            }
        }
    }
    flush(&mut data);
    if done < end {
        steps.push(Step::Hole(end - done));
    }
    steps
}

/// Goes through a disk's blocks as the base has them, and decides what becomes of each.
struct Walk {
    changed: ChangedBlocks,
    block: u64,
    size: u64,
    at: u64,
    steps: Vec<Step>,
}

impl Walk {
    fn new(changed: ChangedBlocks, block: u64, size: u64) -> Self {
        Self {
            changed,
            block,
            size,
            at: 0,
            steps: Vec::new(),
        }
    }

    /// Takes up some of the base's extents; `has` tells whether a block may be referred to. Gives all steps but
    /// the last, which may go on.
    fn take(&mut self, known: &[Extent], has: impl Fn(&crate::ids::BlobId) -> bool) -> Vec<Step> {
        for extent in known {
            match extent {
                Extent::Chunk(bytes, id) => {
                    let same = !self.changed.touches(self.at, *bytes) && has(id);
                    self.go(*bytes, same.then_some(*extent));
                }
                Extent::Hole(bytes) => {
                    let end = self.at + bytes;
                    while self.at < end {
                        let step = self.block.min(end - self.at);
                        let same = !self.changed.touches(self.at, step);
                        self.go(step, same.then_some(Extent::Hole(step)));
                    }
                }
                Extent::List(bytes, _) => self.go(*bytes, None),
            }
        }
        let last = self.steps.pop();
        std::mem::replace(&mut self.steps, last.into_iter().collect())
    }

    /// The next `bytes` are as `same` says, or read.
    fn go(&mut self, bytes: u64, same: Option<Extent>) {
        let at = self.at;
        self.at += bytes;
        match (same, self.steps.last_mut()) {
            (None, Some(Step::Read(_, length))) => *length += bytes,
            (None, _) => self.steps.push(Step::Read(at, bytes)),
            (Some(Extent::Hole(_)), Some(Step::Hole(length))) => *length += bytes,
            (Some(Extent::Hole(_)), _) => self.steps.push(Step::Hole(bytes)),
            (Some(extent), Some(Step::Refer(list))) if list.len() < REFERRED_AT_ONCE => {
                list.push(extent);
            }
            (Some(extent), _) => self.steps.push(Step::Refer(vec![extent])),
        }
    }

    /// The last step, and what the base does not tell of.
    fn finish(mut self) -> Vec<Step> {
        if self.at < self.size {
            self.go(self.size - self.at, None);
        }
        self.steps
    }
}
