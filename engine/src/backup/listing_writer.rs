//! Listing entries gather into blobs, cut where the path says, so that equal runs stay equal.

use crate::error::{Error, ErrorKind, Result};
use crate::format::layout::Kind;
use crate::format::listing::{Entry, write_entry};
use crate::ids::BlobId;

use super::session::{Session, Tally};

/// A cut follows about every 1,024th path: 60 kB to 150 kB of entries, a few kB compressed.
const CUT_MASK: u32 = 1023;
/// A listing blob is closed at this, whatever the paths say.
const BLOB_BYTES_MAX: usize = 1 << 20;
/// Longest entry: with the rest of its blob it stays within what a reader accepts of a blob.
const ENTRY_BYTES_MAX: usize = 14 << 20;

/// Writes a listing.
#[derive(Debug, Default)]
pub(super) struct ListingWriter {
    pending: Vec<u8>,
    blobs: Vec<BlobId>,
}

impl ListingWriter {
    /// Adds an entry.
    ///
    /// # Errors
    /// `Invalid` for an entry that no reader would accept.
    pub(super) fn push(
        &mut self,
        session: &Session,
        entry: &Entry,
        tally: &mut Tally,
    ) -> Result<()> {
        let cut = session.keys.listing_cut(&entry.path) & CUT_MASK == 0;
        if cut || self.pending.len() >= BLOB_BYTES_MAX {
            self.flush(session, tally);
        }
        let before = self.pending.len();
        write_entry(entry, &mut self.pending);
        if self.pending.len() - before > ENTRY_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "'{}' is in too many blocks for one entry: choose a larger --block-size",
                    String::from_utf8_lossy(&entry.path)
                ),
            ));
        }
        Ok(())
    }

    fn flush(&mut self, session: &Session, tally: &mut Tally) {
        if !self.pending.is_empty() {
            self.blobs
                .push(session.store(Kind::Listing, &self.pending, tally));
            self.pending.clear();
        }
    }

    /// The blobs in order.
    pub(super) fn finish(mut self, session: &Session, tally: &mut Tally) -> Vec<BlobId> {
        self.flush(session, tally);
        self.blobs
    }
}
