//! A listing: every file, folder, link and disk of a point, as CBOR maps in path order.

use minicbor::{Decode, Encode};

use crate::error::{Error, Result};
use crate::ids::BlobId;
use crate::units::Timestamp;

/// A file with more extents than this keeps them in `Extents` blobs, so that an entry stays small.
pub const INLINE_EXTENTS_MAX: usize = 64;
/// Extents per `Extents` blob.
pub const EXTENTS_PER_BLOB: usize = 1024;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EntryKind {
    /// A regular file.
    #[n(0)]
    File,
    /// A folder.
    #[n(1)]
    Folder,
    /// A symbolic link.
    #[n(2)]
    Symlink,
    /// A disk image or block device, kept as one entry without attributes.
    #[n(3)]
    Disk,
}

/// A run of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Extent {
    /// The bytes of a `Data` blob.
    #[n(0)]
    Chunk(#[n(0)] u64, #[n(1)] BlobId),
    /// Zeros that take no space.
    #[n(1)]
    Hole(#[n(0)] u64),
    /// The extents in an `Extents` blob, covering so many bytes.
    #[n(2)]
    List(#[n(0)] u64, #[n(1)] BlobId),
}

impl Extent {
    /// Bytes of the file that the extent covers.
    pub fn bytes(&self) -> u64 {
        match *self {
            Self::Chunk(bytes, _) | Self::Hole(bytes) | Self::List(bytes, _) => bytes,
        }
    }
}

/// One extended attribute.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Attribute {
    /// The name, as the system gives it.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub name: Vec<u8>,
    /// The value.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub value: Vec<u8>,
}

/// One thing in a point.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    /// Path below the point's root: raw bytes, `/` between names, empty for the root itself.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub path: Vec<u8>,
    /// What it is.
    #[n(1)]
    pub kind: EntryKind,
    /// Permission bits, setuid, setgid and sticky included.
    #[n(2)]
    pub mode: u32,
    /// Owner's number.
    #[n(3)]
    pub uid: u32,
    /// Group's number.
    #[n(4)]
    pub gid: u32,
    /// When the content last changed.
    #[n(5)]
    pub modified: Timestamp,
    /// Bytes of a file or disk; 0 otherwise.
    #[n(6)]
    pub size: u64,
    /// The file's bytes in order; lengths add up to `size`.
    #[n(7)]
    pub content: Vec<Extent>,
    /// Extended attributes in name order.
    #[n(8)]
    pub attributes: Vec<Attribute>,
    /// A symbolic link's target.
    #[cbor(n(9), with = "minicbor::bytes")]
    pub target: Option<Vec<u8>>,
    /// When the inode last changed; `None` where a later change could hide behind it, so that the
    /// next backup reads the file again.
    #[n(10)]
    pub changed: Option<Timestamp>,
    /// Inode number, to tell whether a path is still the same file.
    #[n(11)]
    pub inode: u64,
    /// Names with the same number share one inode (hard links); each carries the whole content.
    #[n(12)]
    pub link_group: Option<u64>,
}

/// Appends an entry.
pub fn write_entry(entry: &Entry, out: &mut Vec<u8>) {
    super::encode(entry, out);
}

/// Reads all entries of a `Listing` blob.
///
/// # Errors
/// `Corrupt` when an entry does not parse or its extents do not add up to its size.
pub fn read_entries(object: &str, bytes: &[u8]) -> Result<Vec<Entry>> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut entries = Vec::new();
    while decoder.position() < bytes.len() {
        let entry: Entry = decoder
            .decode()
            .map_err(|error| Error::corrupt(object, format!("a listing entry: {error}")))?;
        let mut covered = Some(0_u64);
        for extent in &entry.content {
            covered = covered.and_then(|sum| sum.checked_add(extent.bytes()));
        }
        if covered != Some(entry.size) {
            return Err(Error::corrupt(
                object,
                "a listing entry's extents do not add up",
            ));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The bytes of an `Extents` blob: a CBOR array of extents.
pub fn write_extents(extents: &[Extent]) -> Vec<u8> {
    let mut out = Vec::with_capacity(extents.len() * 42);
    super::encode(&extents, &mut out);
    out
}

/// Reads an `Extents` blob that must cover `bytes_covered`, and holds no further lists.
///
/// # Errors
/// `Corrupt` when it does not.
pub fn read_extents(object: &str, bytes: &[u8], bytes_covered: u64) -> Result<Vec<Extent>> {
    let extents: Vec<Extent> = minicbor::decode(bytes)
        .map_err(|error| Error::corrupt(object, format!("a list of extents: {error}")))?;
    let mut covered = Some(0_u64);
    for extent in &extents {
        covered = covered.and_then(|sum| sum.checked_add(extent.bytes()));
    }
    let nested = extents
        .iter()
        .any(|extent| matches!(extent, Extent::List(..)));
    if covered != Some(bytes_covered) || nested {
        return Err(Error::corrupt(object, "a list of extents does not add up"));
    }
    Ok(extents)
}
