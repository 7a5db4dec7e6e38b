//! A recovery point's manifest: the last object that a backup writes.

use minicbor::{Decode, Encode};

use crate::error::Result;
use crate::ids::{BlobId, ObjectId, PointId, VaultId};
use crate::units::Timestamp;

/// Which existing chunks a new point may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Method {
    /// None but its own.
    #[n(0)]
    Full,
    /// Those of its full.
    #[n(1)]
    Differential,
    /// Those of the point before it, back to its full.
    #[n(2)]
    Incremental,
    /// None but its own, copied inside the vault wherever the chain has them already.
    #[n(3)]
    SyntheticFull,
    /// All in the vault.
    #[n(4)]
    Forever,
}

impl Method {
    /// All methods, in the order in which reports show them.
    pub const ALL: [Self; 5] = [
        Self::Full,
        Self::Differential,
        Self::Incremental,
        Self::SyntheticFull,
        Self::Forever,
    ];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Differential => "differential",
            Self::Incremental => "incremental",
            Self::SyntheticFull => "synthetic-full",
            Self::Forever => "forever",
        }
    }

    /// Whether a point of this method begins a chain.
    pub fn begins_chain(self) -> bool {
        matches!(self, Self::Full | Self::SyntheticFull)
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|method| method.name()).collect();
                format!(
                    "unknown method '{text}': choose one of {}",
                    names.join(", ")
                )
            })
    }
}

/// Whether a point holds folders of files or disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SourceKind {
    /// Folders, cut by content.
    #[n(0)]
    Tree,
    /// A disk image or block device, cut into fixed blocks.
    #[n(1)]
    Disk,
}

/// One of the sources of a point.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Source {
    /// Where it was.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub path: Vec<u8>,
    /// What it is.
    #[n(1)]
    pub kind: SourceKind,
    /// Its name below the point's root; empty when it is the only source and a tree.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub name: Vec<u8>,
}

/// What a backup read, sent and stored; bytes and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Statistics {
    /// Regular files (hard links counted by name) and disks.
    #[n(0)]
    pub files: u64,
    /// Folders.
    #[n(1)]
    pub folders: u64,
    /// Sum of file and disk sizes.
    #[n(2)]
    pub logical_bytes: u64,
    /// Bytes read from the source.
    #[n(3)]
    pub read_bytes: u64,
    /// Bytes put to the store from this machine's data, metadata and padding included; the
    /// manifest itself is not counted.
    #[n(4)]
    pub sent_bytes: u64,
    /// Bytes of blobs copied inside the vault (synthetic full).
    #[n(5)]
    pub copied_bytes: u64,
    /// Bytes of packs that an interrupted backup had left and this one took over.
    #[n(6)]
    pub adopted_bytes: u64,
    /// Data chunks stored in this point's own packs.
    #[n(7)]
    pub blocks_stored: u64,
    /// Data chunks that the point refers to.
    #[n(8)]
    pub blocks_referenced: u64,
    /// Files taken from the base's listing without being read.
    #[n(9)]
    pub files_unchanged: u64,
    /// Sockets, pipes and devices passed over.
    #[n(10)]
    pub special_skipped: u64,
    /// Files that vanished between being listed and being read.
    #[n(11)]
    pub vanished: u64,
    /// Files and folders that could not be read.
    #[n(12)]
    pub unreadable: u64,
    /// Files that kept changing while they were read.
    #[n(13)]
    pub changed_while_read: u64,
}

/// What a point's content can be relied on to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Consistency {
    /// As after a power cut: each file as it was read, applications not asked.
    #[n(0)]
    Crash,
    /// Applications held still, by hooks that all succeeded, while it was read.
    #[n(1)]
    Application,
}

impl Consistency {
    /// The name in tables and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Application => "application",
        }
    }
}

/// A point of another vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Origin {
    /// The vault.
    #[n(0)]
    pub vault: VaultId,
    /// The point.
    #[n(1)]
    pub point: PointId,
}

/// The instant of a group of replicated disks that a point is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Instant {
    /// The group.
    #[n(0)]
    pub group: ObjectId,
    /// The generation in which it was.
    #[n(1)]
    pub generation: u64,
    /// The batch at whose end it was, where a replica was read.
    #[n(2)]
    pub batch: Option<u64>,
    /// The name that the site which was written has for it, where that was read: drawn.
    #[n(3)]
    pub mark: Option<ObjectId>,
    /// When the batch ended, by the clock of the site that was written.
    #[n(4)]
    pub ended: Option<Timestamp>,
}

/// A recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Manifest {
    /// Host and sources: what the point is a point of.
    #[n(0)]
    pub instance: String,
    /// How it was made.
    #[n(1)]
    pub method: Method,
    /// The instant that the point vouches for: when reading began, by the store's clock, or when a replica's
    /// point was captured, by the clock of the site that was written, set back by as much as that was ahead.
    #[n(2)]
    pub captured: Timestamp,
    /// When the manifest was written, by the store's clock.
    #[n(3)]
    pub finished: Timestamp,
    /// The point that it was compared with; `None` for the first.
    #[n(4)]
    pub base: Option<PointId>,
    /// Points from its full up to it, both included.
    #[n(5)]
    pub chain_length: u32,
    /// Other points whose packs it refers to, in id order.
    #[n(6)]
    pub depends_on: Vec<PointId>,
    /// `Listing` blobs in order.
    #[n(7)]
    pub listing: Vec<BlobId>,
    /// Index segments that tell its own packs.
    #[n(8)]
    pub segments: Vec<ObjectId>,
    /// Its own packs.
    #[n(9)]
    pub packs: Vec<ObjectId>,
    /// What it was made from.
    #[n(10)]
    pub sources: Vec<Source>,
    /// Block size of disks in bytes.
    #[n(11)]
    pub block_bytes: Option<u64>,
    /// What the backup did.
    #[n(12)]
    pub statistics: Statistics,
    /// The program that wrote it.
    #[n(13)]
    pub program: String,
    /// Words by which people keep it.
    #[cbor(n(14), default, skip_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The machine whose data it is.
    #[n(15)]
    pub host: Option<String>,
    /// What its content can be relied on to be.
    #[n(16)]
    pub consistency: Option<Consistency>,
    /// The point of another vault that it was copied from.
    #[n(17)]
    pub origin: Option<Origin>,
    /// 1 when it refers to packs that no point owned: to find its blobs takes every index segment.
    #[n(18)]
    pub at_large: Option<u8>,
    /// The instant of replicated disks that it is of.
    #[n(19)]
    pub instant: Option<Instant>,
}

impl Manifest {
    /// Whether it refers to packs that no point owned when it was written.
    pub fn is_at_large(&self) -> bool {
        self.at_large.is_some_and(|flag| flag != 0)
    }

    /// What its content can be relied on to be.
    pub fn consistency(&self) -> Consistency {
        self.consistency.unwrap_or(Consistency::Crash)
    }
}

/// The manifest's bytes.
pub fn write(manifest: &Manifest) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode(manifest, &mut out);
    out
}

/// Reads a manifest.
///
/// # Errors
/// `Corrupt` naming `object`.
pub fn read(object: &str, bytes: &[u8]) -> Result<Manifest> {
    super::decode(object, bytes)
}
