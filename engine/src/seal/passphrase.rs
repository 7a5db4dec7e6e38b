//! A passphrase's way to the keyring: Argon2id, a commitment, AES-256-GCM.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, ErrorKind, Result};
use crate::format::VERSION;
use crate::format::keyslot::{KdfCost, KeySlot, KeyringSecrets};
use crate::format::layout::TAG_BYTES;
use crate::ids::VaultId;
use crate::seam::Entropy;
use crate::units::Timestamp;

use super::{Keyring, open_in_place, seal_in_place};

const COMMITMENT: &str = "firedrill 2026-11-24 v1 key slot commitment";
const WRAPPING: &str = "firedrill 2026-11-24 v1 key slot wrapping key";

/// Wraps the keyring for `passphrase`.
///
/// # Errors
/// `Unavailable` when the memory that Argon2id needs is not to be had.
pub fn wrap_keyring(
    keys: &Keyring,
    entropy: &dyn Entropy,
    passphrase: &[u8],
    cost: KdfCost,
    now: Timestamp,
) -> Result<KeySlot> {
    let (mut salt, mut nonce) = ([0; 16], [0; 12]);
    entropy.fill(&mut salt);
    entropy.fill(&mut nonce);
    let stretched = stretch(passphrase, &salt, cost)?;
    let mut wrapping = blake3::derive_key(WRAPPING, &*stretched);
    let mut secrets = crate::format::encode_secrets(keys.secrets());
    let tag = seal_in_place(&wrapping, &nonce, &keys.vault().0, &mut secrets);
    wrapping.zeroize();
    let wrapped = [&secrets[..], &tag].concat();
    let commitment = blake3::derive_key(COMMITMENT, &*stretched);
    Ok(KeySlot {
        version: VERSION,
        cost,
        salt,
        commitment,
        nonce,
        wrapped,
        created: now,
    })
}

/// Opens a slot with `passphrase`; `None` when the passphrase is not this slot's.
///
/// # Errors
/// `Corrupt` when the passphrase is right and yet the keyring does not open.
pub fn unwrap_keyring(
    vault: VaultId,
    name: &str,
    slot: &KeySlot,
    passphrase: &[u8],
) -> Result<Option<Keyring>> {
    let stretched = stretch(passphrase, &slot.salt, slot.cost)?;
    if blake3::Hash::from_bytes(blake3::derive_key(COMMITMENT, &*stretched))
        != blake3::Hash::from_bytes(slot.commitment)
    {
        return Ok(None);
    }
    if slot.wrapped.len() < TAG_BYTES {
        return Err(Error::corrupt(name, "its keyring is too short"));
    }
    let mut wrapping = blake3::derive_key(WRAPPING, &*stretched);
    let mut sealed = Zeroizing::new([&slot.nonce[..], &slot.wrapped].concat());
    let opened = open_in_place(&wrapping, &vault.0, &mut sealed);
    wrapping.zeroize();
    let secrets: KeyringSecrets = opened
        .and_then(|body| minicbor::decode(body).ok())
        .ok_or_else(|| Error::corrupt(name, "its keyring fails authentication"))?;
    if secrets.epochs.is_empty() {
        return Err(Error::corrupt(name, "its keyring holds no key"));
    }
    Ok(Some(Keyring::new(vault, secrets)))
}

fn stretch(passphrase: &[u8], salt: &[u8; 16], cost: KdfCost) -> Result<Zeroizing<[u8; 32]>> {
    let bad = |error: argon2::Error| {
        Error::new(
            ErrorKind::Invalid,
            format!("the key slot's Argon2id cost is unusable: {error}"),
        )
    };
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(bad)?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, &mut *out)
        .map_err(bad)?;
    Ok(out)
}
