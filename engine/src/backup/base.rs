//! The base's listing beside the walk, and whether a file is as the base has it.

use std::collections::VecDeque;
use std::pin::Pin;

use futures::{Stream, StreamExt};

use crate::error::Result;
use crate::format::listing::Entry;
use crate::source::path_order;
use crate::units::Timestamp;
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

/// How long a change may hide behind a change time. A program that writes through a memory map moves
/// the time with its first write to a page, and not again until the page has been written back:
/// Linux does that within 35 s (`dirty_expire_centisecs` and `dirty_writeback_centisecs` as the
/// kernel has them). This also covers the coarsest clock of a file system (2 s, FAT), and half a
/// minute by which a file server's clock may be behind.
const HIDING_NANOSECONDS: i128 = 60_000_000_000;

/// Whether a file that changed at `changed` and is looked at `now` may change again without its
/// change time telling.
pub(super) fn may_hide_a_change(changed: Timestamp, now: Timestamp) -> bool {
    changed.nanoseconds() + HIDING_NANOSECONDS > now.nanoseconds()
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

#[cfg(test)]
mod tests {
    use super::may_hide_a_change;
    use crate::units::Timestamp;

    #[test]
    fn a_fresh_change_time_is_not_trusted() {
        let at = |seconds, nanos| Timestamp { seconds, nanos };
        let cases = [
            (at(10, 5), at(10, 50_000_000), true),
            (at(10, 5), at(70, 4), true),
            (at(10, 5), at(70, 5), false),
            (at(10, 999_999_999), at(71, 0), false),
            // A date in the future says nothing.
            (at(200, 5), at(10, 0), true),
        ];
        for (changed, now, expected) in cases {
            assert_eq!(
                may_hide_a_change(changed, now),
                expected,
                "{changed:?} {now:?}"
            );
        }
    }
}
