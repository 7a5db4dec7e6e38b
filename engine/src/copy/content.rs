//! The content of one point: its listing read and written anew, its chunks named as the destination
//! names them, and those that it lacks read, verified and sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::backup::{Extents, Landing, Progress, Session, Tally};
use crate::error::{Error, Result};
use crate::format::layout::{Kind, path};
use crate::format::listing::{Entry, EntryKind, Extent};
use crate::ids::{BlobId, ObjectId};
use crate::seal::Keyring;
use crate::seam::compute;
use crate::vault::{BlobReader, Fetch, Located, Point, REQUESTS_MAX, blob_of, fetches, get_range};

use super::known::Known;

/// Extents and entries that are looked at together: enough that neighbours in a pack are read together,
/// about 10 MiB of memory.
const PIECES_MAX: usize = 1 << 16;
/// Fetches under way at once, each of 4 MiB and as much again opened.
const FETCHES_MAX: usize = 4;

/// What became of a point.
pub(super) type Attempt<T> = std::result::Result<T, Stop>;

/// Why a point could not be copied.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is damaged in the source, or there is no place for it; others may be copied.
    Skipped(Error),
    /// Nothing can be copied now.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Stop {
    /// An error of reading the source.
    fn reading(error: Error) -> Self {
        if error.is_damage() {
            Self::Skipped(error)
        } else {
            Self::Failed(error)
        }
    }
}

/// A part of the listing, in its order.
enum Piece {
    Extent(Extent),
    End(Box<Entry>),
}

/// Copies the content of one point.
pub(super) struct Copier<'a, 'l> {
    reader: &'a BlobReader,
    pub(super) landing: Landing<'l>,
    known: &'a mut Known,
    progress: &'a dyn Progress,
    pieces: Vec<Piece>,
    lacking: Vec<(Located, BlobId)>,
    extents: Extents,
    /// Bytes of packs read from the source.
    pub(super) fetched_bytes: u64,
}

impl<'a, 'l> Copier<'a, 'l> {
    pub(super) fn new(
        reader: &'a BlobReader,
        landing: Landing<'l>,
        known: &'a mut Known,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            reader,
            landing,
            known,
            progress,
            pieces: Vec::new(),
            lacking: Vec::new(),
            extents: Extents::default(),
            fetched_bytes: 0,
        }
    }

    /// Copies all of a point but its manifest.
    pub(super) async fn copy(&mut self, point: &Point) -> Attempt<()> {
        let mut listing = Box::pin(self.reader.listing(point.manifest.listing.clone()));
        while let Some(entries) = listing.next().await {
            for mut entry in entries.map_err(Stop::reading)? {
                let content = std::mem::take(&mut entry.content);
                self.content(content).await?;
                self.piece(Piece::End(Box::new(entry))).await?;
            }
        }
        self.flush().await
    }

    async fn content(&mut self, content: Vec<Extent>) -> Attempt<()> {
        let reader = self.reader;
        let mut lists = stream::iter(content)
            .map(|extent| async move { reader.extents(&[extent]).await })
            .buffered(REQUESTS_MAX);
        while let Some(extents) = lists.next().await {
            for extent in extents.map_err(Stop::reading)? {
                if let Extent::Chunk(bytes, id) = extent {
                    self.look_up(bytes, id).await?;
                }
                self.piece(Piece::Extent(extent)).await?;
            }
        }
        Ok(())
    }

    /// Notes a chunk to be read, unless the point has it under the name that the destination gives it.
    async fn look_up(&mut self, bytes: u64, id: BlobId) -> Attempt<()> {
        if let Some(name) = self.known.get(&id) {
            let mut tally = Tally::default();
            if self.landing.session.has(Kind::Data, &name, &mut tally) {
                return Ok(self.landing.add(tally).await?);
            }
        }
        let located = self.reader.locate(&id, bytes).map_err(Stop::reading)?;
        self.lacking.push((located, id));
        Ok(())
    }

    async fn piece(&mut self, piece: Piece) -> Attempt<()> {
        self.pieces.push(piece);
        if self.pieces.len() >= PIECES_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// Reads what is lacking, and lists what was waiting for it.
    async fn flush(&mut self) -> Attempt<()> {
        let named = self.fetch().await?;
        let mut tally = Tally::default();
        for piece in std::mem::take(&mut self.pieces) {
            let mut entry = match piece {
                Piece::End(entry) => entry,
                Piece::Extent(extent) => {
                    self.progress.advance(extent.bytes(), 0);
                    let extent = self.rename(extent, &named, &mut tally)?;
                    let session = &self.landing.session;
                    self.extents.push(session, extent, &mut tally);
                    continue;
                }
            };
            let extents = std::mem::take(&mut self.extents);
            extents.finish(&self.landing.session, &mut entry, &mut tally);
            self.landing.add(std::mem::take(&mut tally)).await?;
            self.landing.list(&entry).await?;
            let is_file = entry.kind == EntryKind::File;
            self.progress.advance(0, u64::from(is_file));
        }
        Ok(self.landing.add(tally).await?)
    }

    fn rename(
        &self,
        extent: Extent,
        named: &BTreeMap<BlobId, BlobId>,
        tally: &mut Tally,
    ) -> Result<Extent> {
        let Extent::Chunk(bytes, id) = extent else {
            return Ok(extent);
        };
        tally.statistics.blocks_referenced += 1;
        let name = named.get(&id).copied().or_else(|| self.known.get(&id));
        let name = name.ok_or_else(|| Error::internal("a chunk was neither read nor known"))?;
        Ok(Extent::Chunk(bytes, name))
    }

    /// Reads the chunks that are lacking, each once, and stores them; gives their names.
    async fn fetch(&mut self) -> Attempt<BTreeMap<BlobId, BlobId>> {
        let mut lacking = std::mem::take(&mut self.lacking);
        lacking.sort_unstable_by_key(|(located, _)| (located.pack, located.offset));
        lacking.dedup_by_key(|(_, id)| *id);
        let (vault, index) = (self.reader.vault(), self.reader.index());
        let (session, lacking) = (&Arc::clone(&self.landing.session), &lacking);
        let fetches = fetches(lacking.iter().map(|(located, _)| *located));
        let mut read = stream::iter(fetches)
            .map(|fetch| async move {
                let pack = index.pack(fetch.pack);
                let range = fetch.start..fetch.end;
                let bytes = get_range(vault.world(), &path::pack(pack), range).await?;
                let (keys, session) = (Arc::clone(vault.keys()), Arc::clone(session));
                let blobs = lacking[fetch.blobs.clone()].to_vec();
                let size = fetch.end - fetch.start;
                let workers = &vault.world().workers;
                let work = compute(&**workers, move || {
                    store(&keys, &session, pack, &fetch, &bytes, &blobs)
                });
                Ok::<_, Error>((work.await??, size))
            })
            .buffered(FETCHES_MAX);
        let mut named = BTreeMap::new();
        while let Some(read) = read.next().await {
            let ((names, tally), size) = read.map_err(Stop::reading)?;
            self.fetched_bytes += size;
            for (id, name) in names {
                self.known.insert(&id, name);
                named.insert(id, name);
            }
            self.landing.add(tally).await?;
        }
        Ok(named)
    }
}

/// Opens and verifies blobs of the source, and stores them as the destination's; gives their names.
fn store(
    keys: &Keyring,
    session: &Session,
    pack: ObjectId,
    fetch: &Fetch,
    bytes: &Bytes,
    blobs: &[(Located, BlobId)],
) -> Result<(Vec<(BlobId, BlobId)>, Tally)> {
    let (mut tally, mut names) = (Tally::default(), Vec::with_capacity(blobs.len()));
    for (located, id) in blobs {
        let from = (u64::from(located.offset) - fetch.start) as usize;
        let sealed = bytes.get(from..from + located.stored_bytes as usize);
        let sealed = sealed
            .ok_or_else(|| Error::corrupt(path::pack(pack), "it is shorter than the index says"))?;
        let (kind, epoch) = (Kind::Data, keys.epoch());
        let raw = blob_of(keys, pack, epoch, kind, id, *located, &mut sealed.to_vec())?;
        names.push((*id, session.store(kind, &raw, &mut tally)));
    }
    Ok((names, tally))
}
