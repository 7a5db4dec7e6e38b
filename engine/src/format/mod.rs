//! Every byte layout at rest; `engine/FORMAT.md` describes the same for a stranger.
//!
//! Nothing outside this folder writes or parses bytes of the vault.

pub mod index;
pub mod keyslot;
pub mod layout;
pub mod listing;
pub mod pack;
pub mod point;

/// The version of every layout in this folder, written in each object's header.
///
/// Version history:
/// 1. The first (November 2026).
pub const VERSION: u16 = 1;

/// The eight bytes that open every object but the key slots' and vault header's CBOR.
pub const MAGIC: [u8; 8] = *b"FIREDRIL";

/// Appends the CBOR of `value`.
fn encode<T: minicbor::Encode<()>>(value: &T, out: &mut Vec<u8>) {
    minicbor::encode(value, out).expect("writing to memory can't fail");
}

/// The CBOR of a keyring, wiped when dropped.
pub(crate) fn encode_secrets(secrets: &keyslot::KeyringSecrets) -> zeroize::Zeroizing<Vec<u8>> {
    // Room for every epoch, so that no reallocation leaves a copy behind.
    let mut out = Vec::with_capacity(128 + 64 * secrets.epochs.len());
    encode(secrets, &mut out);
    zeroize::Zeroizing::new(out)
}
