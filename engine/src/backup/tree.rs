//! A folder as a source: the walk, and what each entry of it needs: nothing, a place in a batch, or
//! its own reading.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::chunk::Cut;
use crate::error::{Error, Result};
use crate::format::layout::Kind;
use crate::format::listing::{Entry, EntryKind, Extent};
use crate::ids::BlobId;
use crate::seam::compute;
use crate::source::{Found, Walk};
use crate::units::Timestamp;

use super::base::{may_hide_a_change, unchanged};
use super::files::{Item, SMALL_BYTES_MAX, read_batch};
use super::runner::{Pending, Runner};
use super::session::Tally;

/// Entries that the walk hands over at a time, and a batch's most.
const BATCH_ENTRIES: usize = 512;
/// Bytes of small files in one batch.
const BATCH_BYTES: u64 = 2 << 20;

/// Entries waiting to be read together.
#[derive(Default)]
struct Batch {
    items: Vec<Item>,
    bytes: u64,
}

impl Runner<'_> {
    /// Backs up a folder below `name`.
    pub(super) async fn tree(&mut self, root: PathBuf, name: Vec<u8>) -> Result<()> {
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
                    Found::Special(_) => self.landing.total.statistics.special_skipped += 1,
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
            Some(base) => base.seek(&entry.path).await,
            None => Ok(None),
        };
        let known = match known {
            Err(error) if error.is_damage() => {
                // What its listing would have spared is read again.
                self.progress
                    .problem(Path::new("the vault"), &error.to_string());
                self.base = None;
                None
            }
            known => known?,
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
                self.landing.total.statistics.files_unchanged += 1;
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
        self.landing.add(tally).await?;
        Ok(true)
    }

    /// The chunks that a list of extents of the base names; `None` where the list is missing.
    async fn listed(&mut self, list: &Extent, id: &BlobId) -> Result<Option<Vec<(Kind, BlobId)>>> {
        let Some(base) = &self.base else {
            return Ok(None);
        };
        if self.session.scope.find(id).is_none() {
            return Ok(None);
        }
        let extents = match base.reader.extents(std::slice::from_ref(list)).await {
            Err(error) if error.is_damage() => return Ok(None),
            extents => extents?,
        };
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
}
