//! Every byte layout at rest; `engine/FORMAT.md` describes the same for a stranger.
//!
//! Nothing outside this folder writes or parses bytes of the vault.

use crate::error::{Error, Result};

pub mod deletion;
pub mod drill;
pub mod index;
pub mod keyslot;
pub mod layout;
pub mod lease;
pub mod listing;
pub mod marks;
pub mod member;
pub mod pack;
pub mod part;
pub mod point;
pub mod tombstone;

/// The version of how things are sealed and packed, written in each object's header.
///
/// Version history:
/// 1. The first (November 2026).
pub const VERSION: u16 = 1;

/// The version of the vault, written in its header: which kinds of objects there may be, and what a
/// writer must do beside others.
///
/// Version history:
/// 1. The first (November 2026): nothing is ever deleted.
/// 2. Leases, tombstones, deletions; a writer looks for tombstones before its point counts.
pub const VAULT_VERSION: u16 = 2;

/// The eight bytes that open every object but the key slots' and vault header's CBOR.
pub const MAGIC: [u8; 8] = *b"FIREDRIL";

/// Reads the CBOR of one of the small objects.
fn decode<'b, T: minicbor::Decode<'b, ()>>(object: &str, bytes: &'b [u8]) -> Result<T> {
    minicbor::decode(bytes)
        .map_err(|error| Error::corrupt(object, format!("it does not parse: {error}")))
}

/// Appends the CBOR of `value`.
fn encode<T: minicbor::Encode<()>>(value: &T, out: &mut Vec<u8>) {
    minicbor::encode(value, out).expect("writing to memory can't fail");
}

/// Bytes of the hash after a record.
const CHECK_BYTES: usize = 32;

/// A record that is kept by itself: its CBOR, and a hash that finds damage.
fn write_checked<T: minicbor::Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, &mut out);
    let check = blake3::hash(&out);
    out.extend_from_slice(check.as_bytes());
    out
}

/// Reads what [`write_checked`] wrote into `object`.
///
/// # Errors
/// `Corrupt` where the hash is not the content's, or that does not parse.
fn read_checked<'b, T: minicbor::Decode<'b, ()>>(object: &str, bytes: &'b [u8]) -> Result<T> {
    let split = bytes.len().checked_sub(CHECK_BYTES);
    let (body, _) = split
        .map(|at| bytes.split_at(at))
        .filter(|(body, check)| blake3::hash(body).as_bytes() == check)
        .ok_or_else(|| Error::corrupt(object, "its checksum is not that of its content"))?;
    decode(object, body)
}

/// The CBOR of a keyring, wiped when dropped.
pub(crate) fn encode_secrets(secrets: &keyslot::KeyringSecrets) -> zeroize::Zeroizing<Vec<u8>> {
    // Room for every epoch, so that no reallocation leaves a copy behind.
    let mut out = Vec::with_capacity(128 + 64 * secrets.epochs.len());
    encode(secrets, &mut out);
    zeroize::Zeroizing::new(out)
}
