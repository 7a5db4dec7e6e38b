//! The base's listing beside the walk, and whether a file is as the base has it.

use std::collections::VecDeque;
use std::pin::Pin;

use futures::{Stream, StreamExt};

use crate::error::Result;
use crate::format::listing::Entry;
use crate::source::path_order;
use crate::vault::{BlobReader, Point};

/// Whether an entry is as its base has it: same kind, size, times, inode. A change of content
/// always moves the change time, which no program can set back; where it can't be trusted the
/// base has none.
pub(super) fn unchanged(known: &Entry, now: &Entry) -> bool {
    known.changed.is_some()
        && known.changed == now.changed
        && known.kind == now.kind
        && known.size == now.size
        && known.modified == now.modified
        && known.inode == now.inode
        && known.target == now.target
}

/// Reads the base's listing beside the walk, both in path order.
pub(super) struct BaseCursor {
    stream: Pin<Box<dyn Stream<Item = Result<Vec<Entry>>> + Send>>,
    entries: VecDeque<Entry>,
    pub(super) reader: BlobReader,
}

impl BaseCursor {
    /// At the beginning of the listing of `point`.
    pub(super) fn new(point: &Point, reader: BlobReader) -> Self {
        let stream = reader.listing(point.manifest.listing.clone()).boxed();
        Self {
            stream,
            entries: VecDeque::new(),
            reader,
        }
    }

    /// The base's entry for `path`, if it has one; earlier ones are passed over.
    pub(super) async fn seek(&mut self, path: &[u8]) -> Result<Option<Entry>> {
        loop {
            while let Some(entry) = self.entries.front() {
                match path_order(&entry.path, path) {
                    std::cmp::Ordering::Less => {
                        self.entries.pop_front();
                    }
                    std::cmp::Ordering::Equal => return Ok(self.entries.pop_front()),
                    std::cmp::Ordering::Greater => return Ok(None),
                }
            }
            match self.stream.next().await {
                Some(entries) => self.entries = entries?.into(),
                None => return Ok(None),
            }
        }
    }
}
