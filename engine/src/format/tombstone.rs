//! A tombstone: packs and index segments that nobody may build on any more, and points that are gone.

use minicbor::{Decode, Encode};

use crate::error::Result;
use crate::ids::{ObjectId, PointId};

/// What one prune condemned, or, with `swept`, removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Tombstone {
    /// Packs.
    #[n(0)]
    pub packs: Vec<ObjectId>,
    /// Index segments.
    #[n(1)]
    pub segments: Vec<ObjectId>,
    /// 0: condemned, and readable until they are removed. 1: removed.
    #[n(2)]
    pub swept: u8,
    /// Points that were removed because their time was over: nobody misses them.
    #[cbor(n(3), default, skip_if = "Vec::is_empty")]
    pub points: Vec<PointId>,
}

/// The tombstone's bytes.
pub fn write(tombstone: &Tombstone) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode(tombstone, &mut out);
    out
}

/// Reads a tombstone.
///
/// # Errors
/// `Corrupt` naming `object`.
pub fn read(object: &str, bytes: &[u8]) -> Result<Tombstone> {
    super::decode(object, bytes)
}
