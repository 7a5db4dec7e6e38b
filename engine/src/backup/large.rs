//! A disk, or a large file, as a source: read piece by piece, its chunks sealed on other cores
//! meanwhile.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::chunk::Cut;
use crate::error::{Error, Result};
use crate::format::listing::{Entry, EntryKind};
use crate::seam::compute;
use crate::source::{FileReader, Piece, open_file};
use crate::units::Timestamp;

use super::files::{Extents, refresh, store_chunks};
use super::runner::{Pending, Runner};
use super::session::Tally;

impl Runner<'_> {
    /// Reads a large file or disk, its chunks sealed on other cores meanwhile.
    pub(super) async fn large_file(
        &mut self,
        mut entry: Box<Entry>,
        at: PathBuf,
        cut: Cut,
    ) -> Result<()> {
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
        self.landing.total.statistics.read_bytes += reader.read_bytes();
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
    pub(super) async fn disk(&mut self, at: PathBuf, name: Vec<u8>, block: usize) -> Result<()> {
        let io = |error| Error::from_io(format!("source {}", at.display()), error);
        let mut file: File = open_file(&at, true).map_err(io)?;
        let size = std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(io)?;
        let entry = disk_entry(name, size);
        self.large_file(Box::new(entry), at, Cut::Fixed(block))
            .await
    }
}

/// A disk's entry, before its content is known.
pub(super) fn disk_entry(name: Vec<u8>, size: u64) -> Entry {
    Entry {
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
    }
}
