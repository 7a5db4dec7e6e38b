//! What the destination calls the chunks of the source.

use futures::{Stream, StreamExt, TryStreamExt, stream};
use hashbrown::HashTable;

use crate::error::Result;
use crate::format::listing::{Entry, Extent};
use crate::ids::BlobId;
use crate::vault::{BlobReader, Point, Prefix, REQUESTS_MAX, hash, prefix};

/// Most chunks that are remembered: seven eighths of 2^22 places of 49 bytes, 196 MiB, and half as much
/// more while the table grows for the last time. They stand for 1.75 TiB of files, 224 GiB of disks in
/// blocks of 64 KiB. What is beyond is read again, and found to be there.
const CHUNKS_MAX: usize = (1 << 22) / 8 * 7;

/// Names of chunks in the destination by the first half of those in the source.
#[derive(Debug, Default)]
pub(super) struct Known {
    table: HashTable<(Prefix, BlobId)>,
}

impl Known {
    /// What the destination calls the source's chunk `id`.
    pub(super) fn get(&self, id: &BlobId) -> Option<BlobId> {
        let half = prefix(id);
        let found = self.table.find(hash(&half), |(other, _)| *other == half);
        found.map(|(_, name)| *name)
    }

    /// Remembers a chunk, if there is room.
    pub(super) fn insert(&mut self, id: &BlobId, name: BlobId) {
        if self.is_full() {
            return;
        }
        let half = prefix(id);
        let entry = self.table.entry(
            hash(&half),
            |(other, _)| *other == half,
            |(other, _)| hash(other),
        );
        entry.insert((half, name));
    }

    fn is_full(&self) -> bool {
        self.table.len() >= CHUNKS_MAX
    }

    /// Learns from a point and its copy, whose listings have the same entries in the same order. Where they
    /// do not, or one is damaged, it ends: what was not learnt is read.
    ///
    /// # Errors
    /// When a store does not serve.
    pub(super) async fn learn(
        &mut self,
        (from, point): (&BlobReader, &Point),
        (to, copy): (&BlobReader, &Point),
    ) -> Result<()> {
        let (left, right) = (entries(from, point), entries(to, copy));
        let mut pairs = std::pin::pin!(left.zip(right));
        while let Some((left, right)) = pairs.next().await {
            let learnt = async {
                let (left, right) = (left?, right?);
                let alike =
                    left.path == right.path && left.kind == right.kind && left.size == right.size;
                Ok(alike && self.learn_entry((from, left), (to, right)).await?)
            };
            match learnt.await {
                Ok(true) if !self.is_full() => {}
                Ok(_) => break,
                Err(error) if crate::Error::is_damage(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Learns from an entry and its copy; false where their chunks are not alike.
    async fn learn_entry(
        &mut self,
        (from, left): (&BlobReader, Entry),
        (to, right): (&BlobReader, Entry),
    ) -> Result<bool> {
        let pairs = left.content.into_iter().zip(right.content);
        let mut pairs = stream::iter(pairs)
            .map(|(left, right)| async move {
                let (left, right) = ([left], [right]);
                futures::try_join!(from.extents(&left), to.extents(&right))
            })
            .buffered(REQUESTS_MAX);
        while let Some(pair) = pairs.next().await {
            let (left, right) = pair?;
            for pair in left.iter().zip(&right) {
                match pair {
                    (Extent::Chunk(bytes, id), Extent::Chunk(same, name)) if bytes == same => {
                        self.insert(id, *name);
                    }
                    (Extent::Hole(bytes), Extent::Hole(same)) if bytes == same => {}
                    _ => return Ok(false),
                }
            }
        }
        Ok(true)
    }
}

/// The entries of a point, one by one.
fn entries(reader: &BlobReader, point: &Point) -> impl Stream<Item = Result<Entry>> + use<> {
    let listing = reader.listing(point.manifest.listing.clone());
    listing
        .map_ok(|entries| stream::iter(entries.into_iter().map(Ok)))
        .try_flatten()
}
