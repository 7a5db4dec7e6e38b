//! A deletion: the mark, under a point's own id, that hides the point until it is brought back.

use minicbor::{Decode, Encode};

use crate::error::Result;
use crate::units::Timestamp;

/// What a deletion says. When it was made, its object's time in the store says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Deletion {
    /// When it was made, by the store's clock as its maker knew it; for people.
    #[n(0)]
    pub at: Timestamp,
    /// Seconds for which the point can be brought back: no less than the vault's own.
    #[n(1)]
    pub soft_delete_seconds: u64,
    /// Host and process, for people.
    #[n(2)]
    pub by: String,
    /// Why, for people.
    #[n(3)]
    pub reason: String,
}

/// The deletion's bytes.
pub fn write(deletion: &Deletion) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode(deletion, &mut out);
    out
}

/// Reads a deletion.
///
/// # Errors
/// `Corrupt` naming `object`.
pub fn read(object: &str, bytes: &[u8]) -> Result<Deletion> {
    super::decode(object, bytes)
}
