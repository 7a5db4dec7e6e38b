//! What a restore tells of itself: what it was waiting for, and which blobs it opened.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{BlobId, ObjectId};
use crate::units::Timestamp;
use crate::vault::ChunkIndex;

use super::window::Written;

/// What a restore did. Requests, opening and writing overlap: each microsecond is told of that which
/// the restore was waiting for, so that the parts add up to the whole.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Reading the listing and planning.
    pub listing_micros: u64,
    /// Waiting for content from the store.
    pub fetch_micros: u64,
    /// Waiting for content to be opened and verified.
    pub open_micros: u64,
    /// Waiting for files to be made and written.
    pub write_micros: u64,
    /// Entries of the listing.
    pub entries: u64,
    /// Requests for content.
    pub requests: u64,
    /// Bytes that those fetched.
    pub fetched_bytes: u64,
    /// Bytes of files that were opened, or (planned only) would be: without holes, names of the same
    /// file once.
    pub content_bytes: u64,
    /// The blobs that opened: in each pack the bytes at which they begin, in no order, some twice.
    pub opened: BTreeMap<ObjectId, Vec<u32>>,
    /// Packs that are damaged or gone, where what was needed of them lies.
    pub damaged: BTreeSet<ObjectId>,
    /// A note is taken in [`Self::part`] once so many bytes are opened; 0 for never.
    pub part_after_bytes: u64,
    /// What was done by then.
    pub part: Option<Part>,
}

/// The beginning of a restore's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Waiting for content from the store.
    pub fetch_micros: u64,
    /// Waiting for content to be opened, verified and written.
    pub work_micros: u64,
    /// Requests for content.
    pub requests: u64,
    /// Bytes that those fetched.
    pub fetched_bytes: u64,
    /// Bytes of files that were opened.
    pub content_bytes: u64,
}

impl Trace {
    /// Time that went to content.
    pub(super) fn content_micros(&self) -> u64 {
        self.fetch_micros + self.open_micros + self.write_micros
    }

    /// Notes a blob that was read by itself.
    pub(super) fn opened_blob(&mut self, index: &ChunkIndex, id: &BlobId) {
        if let Some(located) = index.find(id) {
            let pack = self.opened.entry(index.pack(located.pack)).or_default();
            pack.push(located.offset);
        }
    }

    /// Notes a request that was answered.
    pub(super) fn fetched(&mut self, bytes: u64) {
        self.requests += 1;
        self.fetched_bytes += bytes;
    }

    /// Notes a computation that was waited for.
    pub(super) fn settled(&mut self, waited_micros: u64, written: &Written) {
        let all = u128::from(written.micros.max(1));
        let open = u128::from(waited_micros) * u128::from(written.open_micros) / all;
        let open = u64::try_from(open).unwrap_or(u64::MAX).min(waited_micros);
        self.open_micros += open;
        self.write_micros += waited_micros - open;
        self.content_bytes += written.bytes;
        let pack = self.opened.entry(written.pack).or_default();
        pack.extend_from_slice(&written.opened);
        self.damaged
            .extend(written.is_damaged.then_some(written.pack));
        let due = self.part_after_bytes > 0 && self.content_bytes >= self.part_after_bytes;
        if due && self.part.is_none() {
            self.part = Some(Part {
                fetch_micros: self.fetch_micros,
                work_micros: self.open_micros + self.write_micros,
                requests: self.requests,
                fetched_bytes: self.fetched_bytes,
                content_bytes: self.content_bytes,
            });
        }
    }
}

/// Microseconds from one instant to a later one; 0 where the clock went back.
pub(crate) fn micros_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from((to.nanoseconds() - from.nanoseconds()) / 1000).unwrap_or(0)
}
