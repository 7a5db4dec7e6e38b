//! A window of the listing being restored: its pieces in pack order, its files as they complete.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::format::layout::{Kind, path};
use crate::format::listing::Entry;
use crate::ids::{BlobId, ObjectId};
use crate::seal::Keyring;
use crate::seam::Clock;
use crate::vault::{Fetch, Located, blob_of, fetches};

use super::target::{Lacking, Target, split};
use super::trace::micros_between;

/// Where the bytes of a file go.
#[derive(Debug)]
pub(super) enum Place {
    /// A file made when its only chunk comes.
    New,
    /// A file of several chunks, made and sized when it was planned.
    Made,
    /// Nowhere: it is only read.
    Nowhere,
    /// An image or device, kept open. What a device held would show through holes.
    Disk { file: File, device: bool },
}

/// A file of the window.
#[derive(Debug)]
pub(super) struct FileTask {
    pub(super) entry: Entry,
    pub(super) place: Place,
    /// Held while a chunk is written: the kernel lets one writer into a file at a time, and the
    /// others would burn a core waiting for it.
    pub(super) writing: Mutex<()>,
    /// Chunks still to come, and one more while it is being planned.
    pub(super) left: AtomicU32,
    /// Why its content is damaged in the vault, if it is, for people.
    lost: Mutex<Option<String>>,
}

impl FileTask {
    /// A file that is being planned.
    pub(super) fn new(entry: Entry, place: Place) -> Self {
        Self {
            entry,
            place,
            writing: Mutex::default(),
            left: AtomicU32::new(1),
            lost: Mutex::default(),
        }
    }

    /// Notes that some of its content is damaged.
    pub(super) fn lose(&self, error: &Error) {
        let left = match self.place {
            Place::Disk { .. } => "zeros stand in its place",
            Place::Nowhere => "it can't be restored",
            Place::New | Place::Made => "left out",
        };
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert_with(|| format!("{error}; {left}"));
    }

    /// Why it is lost, if it is.
    pub(super) fn lost(&self) -> Option<String> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.clone()
    }
}

/// A chunk and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) located: Located,
    pub(super) id: BlobId,
    pub(super) file: u32,
    pub(super) at: u64,
}

/// A window of the listing.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) files: Vec<FileTask>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) lacking: Mutex<Lacking>,
}

/// Bytes of a pack from `start` on.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) pack: ObjectId,
    pub(super) start: u64,
    pub(super) bytes: Bytes,
}

/// What a computation did.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The pack that it opened blobs of.
    pub(super) pack: ObjectId,
    /// Where the blobs lie that opened.
    pub(super) opened: Vec<u32>,
    /// Whether others did not.
    pub(super) is_damaged: bool,
    /// Bytes of files.
    pub(super) bytes: u64,
    /// Time spent opening and verifying.
    pub(super) open_micros: u64,
    /// All of its time.
    pub(super) micros: u64,
}

impl Window {
    /// Sorts the chunks by pack and place, and groups them into fetches.
    pub(super) fn fetches(&mut self) -> Vec<Fetch> {
        self.chunks
            .sort_unstable_by_key(|chunk| (chunk.located.pack, chunk.located.offset));
        fetches(self.chunks.iter().map(|chunk| chunk.located))
    }

    /// Bytes of files that the chunks are.
    pub(super) fn bytes(&self) -> u64 {
        let chunks = self.chunks.iter();
        chunks.map(|chunk| u64::from(chunk.located.raw_bytes)).sum()
    }

    /// Opens the chunks of `range`, which lie in `fetched`, and writes them.
    pub(super) fn write(
        &self,
        keys: &Keyring,
        clock: &dyn Clock,
        target: Option<&Target>,
        fetched: &Fetched,
        range: std::ops::Range<usize>,
    ) -> Result<Written> {
        let began = clock.now();
        let mut parent: Option<(Vec<u8>, OwnedFd)> = None;
        let mut scratch = Vec::new();
        let mut written = Written {
            pack: fetched.pack,
            opened: Vec::new(),
            is_damaged: false,
            bytes: 0,
            open_micros: 0,
            micros: 0,
        };
        let (mut raw, mut open_at, mut opening) = (Vec::new(), None, 0);
        for chunk in &self.chunks[range] {
            let offset = chunk.located.offset;
            if open_at != Some(offset) {
                open_at = None;
                let before = clock.now();
                let opened = open(keys, chunk, fetched, &mut scratch);
                opening += clock.now().nanoseconds() - before.nanoseconds();
                match opened {
                    Ok(opened) => raw = opened,
                    Err(error) if error.is_damage() => {
                        written.is_damaged = true;
                        self.files[chunk.file as usize].lose(&error);
                        self.count(target, chunk.file, None)?;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
                open_at = Some(offset);
                written.opened.push(offset);
            }
            self.write_chunk(target, &mut parent, chunk, &raw)?;
            written.bytes += raw.len() as u64;
        }
        written.micros = micros_between(began, clock.now());
        written.open_micros = u64::try_from(opening / 1000).unwrap_or(0);
        Ok(written)
    }

    fn write_chunk(
        &self,
        target: Option<&Target>,
        parent: &mut Option<(Vec<u8>, OwnedFd)>,
        chunk: &Chunk,
        raw: &[u8],
    ) -> Result<()> {
        let task = &self.files[chunk.file as usize];
        let path = &task.entry.path;
        let failed = |error| {
            let shown = String::from_utf8_lossy(path);
            Error::from_io(format!("writing '{shown}' in the target"), error)
        };
        let _one_at_a_time = task.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Place::Nowhere = task.place {
            return self.count(None, chunk.file, None);
        }
        if let Place::Disk { file, .. } = &task.place {
            file.write_all_at(raw, chunk.at).map_err(failed)?;
            return self.count(target, chunk.file, None);
        }
        let target = target.ok_or_else(|| Error::internal("a file without a target folder"))?;
        let (folder, _) = split(path)?;
        if parent.as_ref().is_none_or(|(open, _)| open != folder) {
            *parent = Some((folder.to_vec(), target.folder(folder)?));
        }
        let Some((_, fd)) = parent else {
            return Err(Error::internal("no parent folder"));
        };
        let file = match task.place {
            Place::New => target.make_file(fd.as_fd(), path)?,
            _ => target.reopen(fd.as_fd(), path)?,
        };
        file.write_all_at(raw, chunk.at).map_err(failed)?;
        self.count(Some(target), chunk.file, Some(&file))
    }

    /// Counts all chunks of a fetch as damaged.
    pub(super) fn lose(&self, target: Option<&Target>, fetch: &Fetch, error: &Error) -> Result<()> {
        for chunk in &self.chunks[fetch.blobs.clone()] {
            self.files[chunk.file as usize].lose(error);
            self.count(target, chunk.file, None)?;
        }
        Ok(())
    }

    /// Counts one of what a file waits for as done. After the last it is finished, or taken away if it
    /// is damaged: half a file would be trusted.
    pub(super) fn count(
        &self,
        target: Option<&Target>,
        number: u32,
        open: Option<&File>,
    ) -> Result<()> {
        let task = &self.files[number as usize];
        let last = task.left.fetch_sub(1, Ordering::AcqRel) == 1;
        let (true, Some(target)) = (last, target) else {
            return Ok(());
        };
        let path = &task.entry.path;
        let lacking = match (&task.place, task.lost()) {
            (Place::Disk { .. } | Place::Nowhere, _) | (Place::New, Some(_)) => return Ok(()),
            (Place::Made, Some(_)) => return target.remove_file(path),
            (Place::New | Place::Made, None) => match open {
                Some(file) => target.finish(file, &task.entry)?,
                None => target.finish(target.reopen_at(path)?, &task.entry)?,
            },
        };
        *self.lacking.lock().unwrap_or_else(PoisonError::into_inner) += lacking;
        Ok(())
    }
}

/// Opens the blob of a chunk, which lies in `fetched`.
fn open(
    keys: &Keyring,
    chunk: &Chunk,
    fetched: &Fetched,
    scratch: &mut Vec<u8>,
) -> Result<Vec<u8>> {
    let pack = fetched.pack;
    let from = (u64::from(chunk.located.offset) - fetched.start) as usize;
    let sealed = fetched
        .bytes
        .get(from..from + chunk.located.stored_bytes as usize)
        .ok_or_else(|| Error::corrupt(path::pack(pack), "it is shorter than the index says"))?;
    scratch.clear();
    scratch.extend_from_slice(sealed);
    let (epoch, id) = (keys.epoch(), &chunk.id);
    blob_of(keys, pack, epoch, Kind::Data, id, chunk.located, scratch)
}
