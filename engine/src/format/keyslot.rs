//! The two plaintext objects: the vault header and the key slots, each with a checksum against rot.

use minicbor::{Decode, Encode};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::VaultId;
use crate::units::Timestamp;

use super::{VAULT_VERSION, VERSION, layout};

/// The plaintext that says what a folder or bucket is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct VaultHeader {
    /// Always `firedrill vault`.
    #[n(0)]
    pub magic: String,
    /// Format version of the vault.
    #[n(1)]
    pub version: u16,
    /// The vault's name.
    #[n(2)]
    pub vault: VaultId,
    /// When it was made.
    #[n(3)]
    pub created: Timestamp,
}

/// The value of [`VaultHeader::magic`].
pub const VAULT_MAGIC: &str = "firedrill vault";

/// Argon2id's cost (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KdfCost {
    /// Memory in KiB.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over it.
    #[n(1)]
    pub passes: u32,
    /// Lanes.
    #[n(2)]
    pub lanes: u32,
}

impl KdfCost {
    /// RFC 9106, section 4, second recommended option: 64 MiB, 3 passes, 4 lanes. Chosen over the
    /// first (2 GiB) so that every operation stays below 256 MiB of memory.
    pub const DEFAULT: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };
    /// What a slot may ask of a reader at most: a hostile slot must not take the machine's memory.
    pub const MAX: Self = Self {
        memory_kib: 4 * 1024 * 1024,
        passes: 64,
        lanes: 64,
    };
}

/// A passphrase's way to the keyring.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeySlot {
    /// Format version.
    #[n(0)]
    pub version: u16,
    /// Cost of Argon2id.
    #[n(1)]
    pub cost: KdfCost,
    /// Salt, drawn for the slot.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// What a right passphrase must give before anything is decrypted: AES-GCM alone does not
    /// commit to its key (Len, Grubbs, Ristenpart, USENIX Security 2021).
    #[cbor(n(3), with = "minicbor::bytes")]
    pub commitment: [u8; 32],
    /// Nonce of the wrap.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub nonce: [u8; 12],
    /// The sealed keyring, its tag last.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub wrapped: Vec<u8>,
    /// When the slot was made.
    #[n(6)]
    pub created: Timestamp,
}

/// The secrets of a vault, as a key slot wraps them.
#[derive(Encode, Decode, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
#[cbor(map)]
pub struct KeyringSecrets {
    /// Names blobs and seeds the chunker; the same for the vault's life.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub identity: [u8; 32],
    /// Seals; the last epoch seals what is new.
    #[n(1)]
    pub epochs: Vec<EpochSecret>,
    /// How long what is deleted stays; absent in vaults of version 1, from which nothing is deleted.
    #[n(2)]
    pub terms: Option<Terms>,
}

/// How long what is deleted stays. Wrapped with the keys, so that whoever writes to the store can't
/// shorten it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, zeroize::Zeroize)]
#[cbor(map)]
pub struct Terms {
    /// Seconds for which a deleted point can be brought back.
    #[n(0)]
    pub soft_delete_seconds: u64,
    /// Seconds between a pack's being condemned and its removal, at least.
    #[n(1)]
    pub grace_seconds: u64,
}

impl Terms {
    /// 14 days, as Azure's vaults have it by default (learn.microsoft.com, "Soft delete for Azure
    /// Backup"), and a day of grace.
    pub const DEFAULT: Self = Self {
        soft_delete_seconds: 14 * DAY_SECONDS,
        grace_seconds: DAY_SECONDS,
    };
    /// What a rehearsal of deleting can be waited for: never for data that somebody needs.
    pub const REHEARSAL: Self = Self {
        soft_delete_seconds: 40,
        grace_seconds: 20,
    };
    /// Fewest and most seconds of soft delete outside a rehearsal: 14 and 180 days, as Azure has it.
    pub const SOFT_DELETE: std::ops::RangeInclusive<u64> = 14 * DAY_SECONDS..=180 * DAY_SECONDS;

    /// Whether the vault is one to rehearse on.
    pub fn is_rehearsal(&self) -> bool {
        !Self::SOFT_DELETE.contains(&self.soft_delete_seconds)
    }
}

/// Seconds in a day.
pub const DAY_SECONDS: u64 = 24 * 60 * 60;

/// One epoch's sealing key.
#[derive(Encode, Decode, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
#[cbor(map)]
pub struct EpochSecret {
    /// The epoch's number.
    #[n(0)]
    pub epoch: u32,
    /// Its key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key: [u8; 32],
}

impl std::fmt::Debug for KeyringSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyringSecrets(hidden)")
    }
}

impl std::fmt::Debug for EpochSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EpochSecret(hidden)")
    }
}

/// Appends the checksum: the first 16 bytes of the plain BLAKE3 hash of what is before it.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(&hash.as_bytes()[..16]);
    bytes
}

fn without_checksum<'a>(object: &str, bytes: &'a [u8]) -> Result<&'a [u8]> {
    let (body, sum) = bytes
        .split_last_chunk::<16>()
        .ok_or_else(|| Error::corrupt(object, "it is too short"))?;
    if blake3::hash(body).as_bytes()[..16] != sum[..] {
        return Err(Error::corrupt(object, "its checksum does not match"));
    }
    Ok(body)
}

/// The vault header's bytes.
pub fn write_vault(header: &VaultHeader) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode(header, &mut out);
    with_checksum(out)
}

/// Reads a vault header.
///
/// # Errors
/// `Corrupt`, or `Unsupported` when a newer version wrote it.
pub fn read_vault(object: &str, bytes: &[u8]) -> Result<VaultHeader> {
    let body = without_checksum(object, bytes)?;
    let header: VaultHeader =
        minicbor::decode(body).map_err(|error| Error::corrupt(object, error))?;
    if header.magic != VAULT_MAGIC {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("{object} is not a firedrill vault"),
        ));
    }
    if header.version == 0 || header.version > VAULT_VERSION {
        return Err(layout::newer(object, header.version));
    }
    Ok(header)
}

/// A key slot's bytes.
pub fn write_slot(slot: &KeySlot) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode(slot, &mut out);
    with_checksum(out)
}

/// Reads a key slot.
///
/// # Errors
/// `Corrupt`, or `Unsupported` when its version or cost is beyond this build.
pub fn read_slot(object: &str, bytes: &[u8]) -> Result<KeySlot> {
    let body = without_checksum(object, bytes)?;
    let slot: KeySlot = minicbor::decode(body).map_err(|error| Error::corrupt(object, error))?;
    if slot.version != VERSION {
        return Err(layout::newer(object, slot.version));
    }
    let (cost, max) = (slot.cost, KdfCost::MAX);
    if cost.memory_kib > max.memory_kib || cost.passes > max.passes || cost.lanes > max.lanes {
        return Err(Error::corrupt(
            object,
            "it asks for an unreasonable amount of memory or time",
        ));
    }
    Ok(slot)
}
