//! Blobs that are read together: neighbours in a pack come in one request, small gaps read over.

use super::Located;

/// A gap of unneeded bytes up to this is cheaper to read than a further request.
pub const GAP_BYTES: u64 = 128 << 10;
/// A fetch of this many bytes is not made longer: four to a pack, so that some overlap in little memory.
pub const FETCH_BYTES: u64 = 4 << 20;

/// Bytes of a pack that are read in one request.
#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    /// Number of the pack.
    pub(crate) pack: u32,
    /// First byte.
    pub(crate) start: u64,
    /// Byte after the last.
    pub(crate) end: u64,
    /// Which of the blobs given lie there.
    pub(crate) blobs: std::ops::Range<usize>,
}

/// Groups blobs, in the order of their packs and places, into fetches.
pub(crate) fn fetches(blobs: impl Iterator<Item = Located>) -> Vec<Fetch> {
    let mut fetches: Vec<Fetch> = Vec::new();
    for (number, located) in blobs.enumerate() {
        let start = u64::from(located.offset);
        let end = start + u64::from(located.stored_bytes);
        match fetches.last_mut() {
            Some(last)
                if last.pack == located.pack
                    && start <= last.end + GAP_BYTES
                    && (start < last.end || end - last.start <= FETCH_BYTES) =>
            {
                last.end = last.end.max(end);
                last.blobs.end = number + 1;
            }
            _ => fetches.push(Fetch {
                pack: located.pack,
                start,
                end,
                blobs: number..number + 1,
            }),
        }
    }
    fetches
}
