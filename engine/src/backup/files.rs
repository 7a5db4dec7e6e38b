//! Reading many small files in one computation, and what large files are cut into.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::chunk::Cut;
use crate::format::layout::Kind;
use crate::format::listing::{
    EXTENTS_PER_BLOB, Entry, EntryKind, Extent, INLINE_EXTENTS_MAX, write_extents,
};
use crate::source::{FileReader, Piece, attributes, file_attributes, is_zero, open_file};

use super::session::{Session, Tally};

/// Files up to this are read whole, many to a computation.
pub(super) const SMALL_BYTES_MAX: u64 = 1 << 20;
/// A file that was small and has grown is read to this: its packs are held until its batch is done.
const GROWN_BYTES_MAX: u64 = 64 << 20;
/// Times that a file which changes under the reader is read again.
const ATTEMPTS: usize = 3;

/// One thing of a batch, in listing order.
#[derive(Debug)]
pub(super) enum Item {
    /// Nothing to read: it is as its base has it.
    Known(Box<Entry>),
    /// Attributes, and for a file its content, are to be read.
    Read(Box<Entry>, PathBuf),
}

/// What became of an item.
#[derive(Debug)]
pub(super) enum Done {
    /// Here it is.
    Entry(Box<Entry>),
    /// It was kept although it changed while it was read.
    Changed(Box<Entry>, PathBuf),
    /// It is gone.
    Vanished(PathBuf),
    /// It can't be read.
    Unreadable(PathBuf, std::io::Error),
}

/// Reads a batch.
pub(super) fn read_batch(session: &Session, items: Vec<Item>) -> (Vec<Done>, Tally) {
    let mut tally = Tally::default();
    let mut buffer = Vec::new();
    let done = items.into_iter().map(|item| match item {
        Item::Known(entry) => Done::Entry(entry),
        Item::Read(entry, at) => read_one(session, entry, at, &mut buffer, &mut tally),
    });
    (done.collect(), tally)
}

fn read_one(
    session: &Session,
    mut entry: Box<Entry>,
    at: PathBuf,
    buffer: &mut Vec<u8>,
    tally: &mut Tally,
) -> Done {
    let result = if entry.kind == EntryKind::File {
        read_file(session, &at, &mut entry, buffer, tally)
    } else {
        attributes(&at).map(|attributes| {
            entry.attributes = attributes;
            true
        })
    };
    match result {
        Ok(true) => Done::Entry(entry),
        Ok(false) => Done::Changed(entry, at),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Done::Vanished(at),
        Err(error) => Done::Unreadable(at, error),
    }
}

/// Reads and stores a file that was small when the walk saw it; tells whether it held still.
fn read_file(
    session: &Session,
    at: &Path,
    entry: &mut Entry,
    buffer: &mut Vec<u8>,
    tally: &mut Tally,
) -> std::io::Result<bool> {
    let steady = read_small(at, entry, buffer, tally)?;
    let (steady, extents) = if entry.size > SMALL_BYTES_MAX {
        read_grown(session, at, entry, tally)?
    } else {
        let extents = store_chunks(session, Cut::Content, buffer, None, tally);
        (steady, extents)
    };
    let mut gathered = Extents::default();
    for extent in extents {
        gathered.push(session, extent, tally);
    }
    gathered.finish(session, entry, tally);
    if !steady {
        entry.changed = None;
    }
    Ok(steady)
}

/// Reads a small file into `buffer`, and its attributes; tells whether it held still.
fn read_small(
    at: &Path,
    entry: &mut Entry,
    buffer: &mut Vec<u8>,
    tally: &mut Tally,
) -> std::io::Result<bool> {
    for _ in 0..ATTEMPTS {
        let file = open_file(at, false)?;
        read_whole(&file, entry.size, buffer)?;
        tally.statistics.read_bytes += buffer.len() as u64;
        entry.attributes = file_attributes(&file)?;
        let now = file.metadata()?;
        if !now.is_file() {
            return Err(std::io::Error::other("it is not a file any more"));
        }
        // The same as the walk saw before it was opened: nothing touched it meanwhile.
        if refresh(entry, &now) && buffer.len() as u64 == entry.size {
            return Ok(true);
        }
        if entry.size > SMALL_BYTES_MAX {
            break;
        }
    }
    Ok(false)
}

/// Reads a file that has grown beyond small since the walk saw it, piece by piece.
fn read_grown(
    session: &Session,
    at: &Path,
    entry: &mut Entry,
    tally: &mut Tally,
) -> std::io::Result<(bool, Vec<Extent>)> {
    if entry.size > GROWN_BYTES_MAX {
        let what = "it grew by more than 64 MiB since it was looked at: back up again";
        return Err(std::io::Error::other(what));
    }
    let file = open_file(at, false)?;
    refresh(entry, &file.metadata()?);
    let mut reader = FileReader::new(file, Cut::Content, entry.size, false);
    let mut extents = Vec::new();
    loop {
        match reader.next_piece(session.keys.chunker_table())? {
            Piece::End => break,
            Piece::Hole(bytes) => push_hole(&mut extents, bytes),
            Piece::Data(bytes, cuts) => {
                let cut = Cut::Content;
                extents.extend(store_chunks(session, cut, &bytes, Some(&cuts), tally));
            }
        }
    }
    tally.statistics.read_bytes += reader.read_bytes();
    let steady = refresh(entry, &reader.file().metadata()?);
    let read: u64 = extents.iter().map(Extent::bytes).sum();
    Ok((steady && read == entry.size, extents))
}

/// Reads a file of about `size` bytes. Some of /proc say that they are empty and never end: what fits
/// is kept.
fn read_whole(mut file: &File, size: u64, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    let expected = size.min(SMALL_BYTES_MAX) as usize;
    // Room for one byte more, so that a file that is longer than expected shows itself.
    buffer.resize(expected + 1, 0);
    let mut length = 0;
    loop {
        let read = file.read(&mut buffer[length..])?;
        length += read;
        if read == 0 || length >= expected {
            break;
        }
    }
    buffer.truncate(length);
    if length > expected {
        file.take(2 * SMALL_BYTES_MAX).read_to_end(buffer)?;
    }
    Ok(())
}

/// Brings an entry up to date with its open file; tells whether it was.
pub(super) fn refresh(entry: &mut Entry, metadata: &std::fs::Metadata) -> bool {
    use crate::source::instant;
    let modified = instant(metadata.mtime(), metadata.mtime_nsec());
    let changed = instant(metadata.ctime(), metadata.ctime_nsec());
    let same = entry.modified == modified
        && entry.size == metadata.size()
        && entry.inode == metadata.ino()
        && entry.changed.is_none_or(|old| old == changed);
    entry.modified = modified;
    entry.size = metadata.size();
    entry.inode = metadata.ino();
    entry.mode = metadata.mode() & 0o7777;
    entry.uid = metadata.uid();
    entry.gid = metadata.gid();
    if !same {
        // What it changed to is too fresh to be trusted next time.
        entry.changed = None;
    }
    same
}

/// Stores the chunks of `bytes`, cut by `cut` or at the given lengths; gives their extents.
pub(super) fn store_chunks(
    session: &Session,
    cut: Cut,
    bytes: &[u8],
    cuts: Option<&[u32]>,
    tally: &mut Tally,
) -> Vec<Extent> {
    let mut extents = Vec::new();
    let mut rest = bytes;
    let mut cuts = cuts.map(|cuts| cuts.iter());
    while !rest.is_empty() {
        let length = match cuts.as_mut().and_then(Iterator::next) {
            Some(length) => *length as usize,
            None => cut.first(session.keys.chunker_table(), rest),
        };
        let (chunk, after) = rest.split_at(length);
        rest = after;
        let covered = chunk.len() as u64;
        if matches!(cut, Cut::Fixed(_)) && is_zero(chunk) {
            push_hole(&mut extents, covered);
            continue;
        }
        tally.statistics.blocks_referenced += 1;
        extents.push(Extent::Chunk(
            covered,
            session.store(Kind::Data, chunk, tally),
        ));
    }
    extents
}

/// Adds a hole, joined with one before it.
pub(super) fn push_hole(extents: &mut Vec<Extent>, bytes: u64) {
    if let Some(Extent::Hole(before)) = extents.last_mut() {
        *before += bytes;
    } else {
        extents.push(Extent::Hole(bytes));
    }
}

/// The extents of a file as they come, sealed into lists of their own where they are many: memory
/// holds one list, and 48 bytes for each sealed one.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    lists: Vec<Extent>,
    open: Vec<Extent>,
}

impl Extents {
    /// Adds an extent; a hole is joined with one before it.
    pub(crate) fn push(&mut self, session: &Session, extent: Extent, tally: &mut Tally) {
        if let (Extent::Hole(bytes), Some(Extent::Hole(before))) = (extent, self.open.last_mut()) {
            *before += bytes;
            return;
        }
        if self.open.len() == EXTENTS_PER_BLOB {
            self.seal(session, tally);
        }
        self.open.push(extent);
    }

    fn seal(&mut self, session: &Session, tally: &mut Tally) {
        let covered = self.open.iter().map(Extent::bytes).sum();
        let list = session.store(Kind::Extents, &write_extents(&self.open), tally);
        self.lists.push(Extent::List(covered, list));
        self.open.clear();
    }

    /// Gives an entry its content.
    pub(crate) fn finish(mut self, session: &Session, entry: &mut Entry, tally: &mut Tally) {
        if !self.lists.is_empty() || self.open.len() > INLINE_EXTENTS_MAX {
            self.seal(session, tally);
            self.open = self.lists;
        }
        entry.size = self.open.iter().map(Extent::bytes).sum();
        entry.content = self.open;
    }
}
