//! A pack: header, sealed blobs, sealed padding, sealed trailer, sealed footer.

use crate::error::{Error, Result};
use crate::ids::BlobId;

use super::layout::{Codec, Kind, SEAL_BYTES};

/// The size at which a pack is closed. Big enough that a request's latency is small beside its
/// transfer (16 MiB takes 130 ms at 1 Gbit/s), small enough that several fit in memory.
pub const PACK_BYTES: usize = 16 << 20;
/// Longest blob plaintext that a reader must accept.
pub const BLOB_BYTES_MAX: u32 = 16 << 20;
/// Bytes of one trailer entry.
pub const ENTRY_BYTES: usize = 42;
/// Bytes of the footer's plaintext.
pub const FOOTER_BYTES: usize = 16;
/// Bytes of the footer as sealed: the last bytes of every pack.
pub const FOOTER_SEALED_BYTES: usize = FOOTER_BYTES + SEAL_BYTES;

/// One blob as a pack's trailer and the index tell it. Its place follows from the lengths before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobEntry {
    /// The blob's name.
    pub id: BlobId,
    /// What it is.
    pub kind: Kind,
    /// How its body is packed.
    pub codec: Codec,
    /// Bytes in the pack, nonce and tag included.
    pub stored_bytes: u32,
    /// Bytes of the plaintext.
    pub raw_bytes: u32,
}

impl BlobEntry {
    /// Appends the entry's 42 bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0);
        out.push(self.kind as u8);
        out.push(self.codec as u8);
        out.extend_from_slice(&self.stored_bytes.to_le_bytes());
        out.extend_from_slice(&self.raw_bytes.to_le_bytes());
    }

    /// Reads an entry; `None` when a field is out of its bounds.
    pub fn read(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<32>()?;
        let number = |at: usize| Some(u32::from_le_bytes(*rest[at..].first_chunk()?));
        let entry = Self {
            id: BlobId(*id),
            kind: Kind::blob(rest[0])?,
            codec: Codec::from_number(rest[1])?,
            stored_bytes: number(2)?,
            raw_bytes: number(6)?,
        };
        let sane = entry.raw_bytes <= BLOB_BYTES_MAX
            && entry.stored_bytes as usize >= SEAL_BYTES
            && entry.stored_bytes as usize <= BLOB_BYTES_MAX as usize + SEAL_BYTES;
        sane.then_some(entry)
    }
}

/// Writes a table of entries.
pub fn write_entries(entries: &[BlobEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        entry.write(&mut out);
    }
    out
}

/// Reads a table of entries.
///
/// # Errors
/// `Corrupt` naming `object` when the table is not whole entries within bounds.
pub fn read_entries(object: &str, bytes: &[u8]) -> Result<Vec<BlobEntry>> {
    let (chunks, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    let entries: Option<Vec<_>> = chunks.iter().map(BlobEntry::read).collect();
    match entries {
        Some(entries) if rest.is_empty() => Ok(entries),
        _ => Err(Error::corrupt(object, "its table of blobs does not parse")),
    }
}

/// Where a pack's trailer lies; the plaintext of its footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// First byte of the sealed trailer.
    pub trailer_offset: u64,
    /// Bytes of the sealed trailer.
    pub trailer_bytes: u32,
    /// Bytes of the sealed padding before the trailer; 0 for none.
    pub padding_bytes: u32,
}

impl Footer {
    /// The footer's 16 bytes.
    pub fn write(&self) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        bytes[..8].copy_from_slice(&self.trailer_offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.trailer_bytes.to_le_bytes());
        bytes[12..].copy_from_slice(&self.padding_bytes.to_le_bytes());
        bytes
    }

    /// Reads a footer of a pack of `pack_bytes`.
    ///
    /// # Errors
    /// `Corrupt` when it points outside the pack.
    pub fn read(object: &str, bytes: &[u8], pack_bytes: u64) -> Result<Self> {
        let outside = || Error::corrupt(object, "its footer points outside it");
        let bytes: &[u8; FOOTER_BYTES] = bytes.try_into().map_err(|_| outside())?;
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let footer = Self {
            trailer_offset: u64::from(number(0)) | (u64::from(number(4)) << 32),
            trailer_bytes: number(8),
            padding_bytes: number(12),
        };
        let behind = u64::from(footer.trailer_bytes) + FOOTER_SEALED_BYTES as u64;
        if footer.trailer_offset.checked_add(behind) == Some(pack_bytes) {
            Ok(footer)
        } else {
            Err(outside())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Footer;

    #[test]
    fn a_footer_whose_sum_wraps_points_outside() {
        let footer = Footer {
            trailer_offset: u64::MAX,
            trailer_bytes: 0,
            padding_bytes: 0,
        };
        for pack_bytes in [43, u64::MAX] {
            assert!(Footer::read("packs/x", &footer.write(), pack_bytes).is_err());
        }
    }
}
