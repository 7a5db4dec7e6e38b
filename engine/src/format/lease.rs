//! A lease: somebody is at work in the vault. The one object that is written again, to renew it.

use minicbor::{Decode, Encode};

use crate::error::Result;
use crate::units::Timestamp;

/// What the holder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// Puts packs that no point names yet: backup or copy.
    #[n(0)]
    Write,
    /// Removes what nothing needs.
    #[n(1)]
    Prune,
    /// Marks points deleted, or brings them back.
    #[n(2)]
    Mark,
}

/// What a lease says. How old it is, its object's time in the store says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Lease {
    /// What the holder does.
    #[n(0)]
    pub purpose: Purpose,
    /// Host and process, for people.
    #[n(1)]
    pub holder: String,
    /// When the work began, by the store's clock.
    #[n(2)]
    pub since: Timestamp,
}

/// The lease's bytes.
pub fn write(lease: &Lease) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode(lease, &mut out);
    out
}

/// Reads a lease.
///
/// # Errors
/// `Corrupt` naming `object`.
pub fn read(object: &str, bytes: &[u8]) -> Result<Lease> {
    super::decode(object, bytes)
}
