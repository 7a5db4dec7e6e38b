//! What every sealed thing shares: kinds, codecs, the object header and the associated data.

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{BlobId, ObjectId, VaultId};

use super::{MAGIC, VERSION};

/// Bytes of an object header.
pub const HEADER_BYTES: usize = 16;
/// Bytes of a nonce (96 bits, drawn at random for each seal).
pub const NONCE_BYTES: usize = 12;
/// Bytes of an AES-GCM tag.
pub const TAG_BYTES: usize = 16;
/// What sealing adds to a body.
pub const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;
/// Bytes of the associated data.
pub const AAD_BYTES: usize = 72;

/// What a sealed thing is; a part of its key derivation and associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An index segment (object).
    Index = 1,
    /// A recovery point's manifest (object).
    Point = 2,
    /// A pack (object; its header only, as its parts are sealed one by one).
    Pack = 3,
    /// Somebody is at work (object).
    Lease = 4,
    /// Packs that nobody may build on (object).
    Tombstone = 5,
    /// A point that was deleted (object).
    Deletion = 6,
    /// What a drill read back (object).
    Drill = 7,
    /// A piece of a file or disk (blob).
    Data = 16,
    /// A run of listing entries (blob).
    Listing = 17,
    /// A run of a large file's extents (blob).
    Extents = 18,
    /// Zeros that round a pack's size up (in a pack).
    Padding = 32,
    /// A pack's table of blobs (in a pack).
    Trailer = 33,
    /// A pack's last bytes: where its trailer is (in a pack).
    Footer = 34,
}

impl Kind {
    /// The blob kind with this number.
    pub fn blob(number: u8) -> Option<Self> {
        [Self::Data, Self::Listing, Self::Extents]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// How a body is packed before sealing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// As it is.
    Raw = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl Codec {
    /// The codec with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Raw, Self::Zstd]
            .into_iter()
            .find(|codec| *codec as u8 == number)
    }
}

/// The first 16 bytes of a pack, index segment or manifest: magic, version, kind, zero, epoch.
pub fn header(kind: Kind, epoch: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[10] = kind as u8;
    bytes[12..].copy_from_slice(&epoch.to_le_bytes());
    bytes
}

/// Reads a header of `kind`; gives its key epoch.
///
/// # Errors
/// `Corrupt` when it is not such a header, `Unsupported` when a newer version wrote it.
pub fn parse_header(object: &str, kind: Kind, bytes: &[u8]) -> Result<u32> {
    let header = bytes
        .first_chunk::<HEADER_BYTES>()
        .ok_or_else(|| Error::corrupt(object, "it is shorter than a header"))?;
    if header[..8] != MAGIC {
        return Err(Error::corrupt(
            object,
            "it does not begin with a firedrill header",
        ));
    }
    let version = u16::from_le_bytes([header[8], header[9]]);
    if version != VERSION {
        return Err(newer(object, version));
    }
    let epoch = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    if header[10] != kind as u8 || header[11] != 0 {
        return Err(Error::corrupt(
            object,
            "its header names another kind of object",
        ));
    }
    Ok(epoch)
}

/// The error for a format version that this build does not know.
pub fn newer(object: &str, version: u16) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "{object} has format version {version}, this firedrill reads version {VERSION}: \
             use a newer firedrill, or check the object if none exists"
        ),
    )
}

/// The associated data of a sealed thing: nothing that it says can be swapped unnoticed.
pub fn associated_data(
    vault: VaultId,
    kind: Kind,
    codec: Codec,
    epoch: u32,
    id: &BlobId,
    length: u64,
) -> [u8; AAD_BYTES] {
    let mut bytes = [0; AAD_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes[10] = kind as u8;
    bytes[11] = codec as u8;
    bytes[12..16].copy_from_slice(&epoch.to_le_bytes());
    bytes[16..32].copy_from_slice(&vault.0);
    bytes[32..64].copy_from_slice(&id.0);
    bytes[64..72].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Where objects lie in the store.
pub mod path {
    use super::ObjectId;
    use object_store::path::Path;

    /// The vault header.
    pub fn vault() -> Path {
        Path::from("vault")
    }
    /// The folder of key slots.
    pub fn keys() -> Path {
        Path::from("keys")
    }
    /// A key slot.
    pub fn key(id: ObjectId) -> Path {
        Path::from(format!("keys/{id}"))
    }
    /// The folder of packs.
    pub fn packs() -> Path {
        Path::from("packs")
    }
    /// A pack.
    pub fn pack(id: ObjectId) -> Path {
        Path::from(format!("packs/{id}"))
    }
    /// The folder of index segments.
    pub fn indexes() -> Path {
        Path::from("index")
    }
    /// An index segment.
    pub fn index(id: ObjectId) -> Path {
        Path::from(format!("index/{id}"))
    }
    /// The folder of recovery points.
    pub fn points() -> Path {
        Path::from("points")
    }
    /// A recovery point's manifest.
    pub fn point(id: ObjectId) -> Path {
        Path::from(format!("points/{id}"))
    }
    /// The folder of leases.
    pub fn leases() -> Path {
        Path::from("leases")
    }
    /// A lease.
    pub fn lease(id: ObjectId) -> Path {
        Path::from(format!("leases/{id}"))
    }
    /// The folder of tombstones.
    pub fn tombstones() -> Path {
        Path::from("tombstones")
    }
    /// A tombstone.
    pub fn tombstone(id: ObjectId) -> Path {
        Path::from(format!("tombstones/{id}"))
    }
    /// The folder of deletions.
    pub fn deletions() -> Path {
        Path::from("deleted")
    }
    /// The deletion of the point `id`.
    pub fn deletion(id: ObjectId) -> Path {
        Path::from(format!("deleted/{id}"))
    }
    /// The folder of what drills read back.
    pub fn drills() -> Path {
        Path::from("drills")
    }
    /// What one drill read back.
    pub fn drill(id: ObjectId) -> Path {
        Path::from(format!("drills/{id}"))
    }
}
