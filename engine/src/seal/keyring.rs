//! The open keys of a vault, and what is derived from them.

use zeroize::Zeroize;

use crate::format::keyslot::{EpochSecret, KeyringSecrets, Terms};
use crate::format::layout::{self, Codec, Kind};
use crate::ids::{BlobId, VaultId};
use crate::seam::Entropy;

/// Derivation contexts (BLAKE3 `derive_key`): changing one is a new format version.
mod context {
    pub(super) const DATA: &str = "firedrill 2026-11-24 v1 blob id: data";
    pub(super) const LISTING: &str = "firedrill 2026-11-24 v1 blob id: listing";
    pub(super) const EXTENTS: &str = "firedrill 2026-11-24 v1 blob id: extents";
    pub(super) const CHUNKER: &str = "firedrill 2026-11-24 v1 chunker table";
    pub(super) const CUT: &str = "firedrill 2026-11-24 v1 listing cut";
}

/// The open keys of a vault. Wiped from memory when dropped.
pub struct Keyring {
    vault: VaultId,
    secrets: KeyringSecrets,
    data: [u8; 32],
    listing: [u8; 32],
    extents: [u8; 32],
    cut: [u8; 32],
    table: Box<[u64; 256]>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring(vault {}, hidden)", self.vault)
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.data.zeroize();
        self.listing.zeroize();
        self.extents.zeroize();
        self.cut.zeroize();
        self.table.zeroize();
    }
}

impl Keyring {
    /// Draws the secrets of a new vault.
    pub fn draw(vault: VaultId, terms: Terms, entropy: &dyn Entropy) -> Self {
        let (mut identity, mut key) = ([0; 32], [0; 32]);
        entropy.fill(&mut identity);
        entropy.fill(&mut key);
        Self::new(
            vault,
            KeyringSecrets {
                identity,
                epochs: vec![EpochSecret { epoch: 0, key }],
                terms: Some(terms),
            },
        )
    }

    /// Derives what the engine needs of `secrets`.
    pub fn new(vault: VaultId, secrets: KeyringSecrets) -> Self {
        let derive = |context| blake3::derive_key(context, &secrets.identity);
        let mut stream = [0; 2048];
        blake3::Hasher::new_derive_key(context::CHUNKER)
            .update(&secrets.identity)
            .finalize_xof()
            .fill(&mut stream);
        let mut table = Box::new([0; 256]);
        for (word, bytes) in table.iter_mut().zip(stream.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        stream.zeroize();
        Self {
            vault,
            data: derive(context::DATA),
            listing: derive(context::LISTING),
            extents: derive(context::EXTENTS),
            cut: derive(context::CUT),
            table,
            secrets,
        }
    }

    /// The vault that the keys belong to.
    pub fn vault(&self) -> VaultId {
        self.vault
    }

    /// How long what is deleted stays; `None` in a vault from which nothing may be deleted.
    pub fn terms(&self) -> Option<Terms> {
        self.secrets.terms
    }

    /// The secrets, to wrap them for a passphrase.
    pub(crate) fn secrets(&self) -> &KeyringSecrets {
        &self.secrets
    }

    /// The chunker's table of 256 words, secret to the vault.
    pub fn chunker_table(&self) -> &[u64; 256] {
        &self.table
    }

    /// The epoch under which new things are sealed.
    pub fn epoch(&self) -> u32 {
        self.secrets.epochs.last().map_or(0, |epoch| epoch.epoch)
    }

    /// The name of a blob: BLAKE3 keyed for its kind, so that equal bytes of two kinds stay apart.
    pub fn blob_id(&self, kind: Kind, raw: &[u8]) -> BlobId {
        let key = match kind {
            Kind::Listing => &self.listing,
            Kind::Extents => &self.extents,
            _ => &self.data,
        };
        BlobId(*blake3::keyed_hash(key, raw).as_bytes())
    }

    /// A number that says whether a listing is cut before `path`; tells nothing without the key.
    pub fn listing_cut(&self, path: &[u8]) -> u32 {
        let hash = blake3::keyed_hash(&self.cut, path);
        u32::from_le_bytes([
            hash.as_bytes()[0],
            hash.as_bytes()[1],
            hash.as_bytes()[2],
            hash.as_bytes()[3],
        ])
    }

    /// The key for one sealed thing: BLAKE3 of kind and id under the epoch's key; `None` for an
    /// epoch that the keyring lacks.
    pub fn sealing_key(&self, kind: Kind, epoch: u32, id: &BlobId) -> Option<[u8; 32]> {
        let secret = self
            .secrets
            .epochs
            .iter()
            .find(|secret| secret.epoch == epoch)?;
        let mut name = [0; 33];
        name[0] = kind as u8;
        name[1..].copy_from_slice(&id.0);
        Some(*blake3::keyed_hash(&secret.key, &name).as_bytes())
    }

    /// The associated data of a sealed thing in this vault.
    pub fn associated_data(
        &self,
        kind: Kind,
        codec: Codec,
        epoch: u32,
        id: &BlobId,
        length: u64,
    ) -> [u8; layout::AAD_BYTES] {
        layout::associated_data(self.vault, kind, codec, epoch, id, length)
    }

    /// Appends `body` sealed (nonce, ciphertext, tag), `body` being what `fill` appends to `out`.
    ///
    /// # Panics
    /// Never: the newest epoch is in the keyring.
    pub fn seal_with(
        &self,
        entropy: &dyn Entropy,
        kind: Kind,
        id: &BlobId,
        raw_bytes: u64,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Vec<u8>) -> Codec,
    ) -> Codec {
        let start = out.len();
        out.resize(start + layout::NONCE_BYTES, 0);
        let codec = fill(out);
        let epoch = self.epoch();
        let mut key = self
            .sealing_key(kind, epoch, id)
            .expect("the newest epoch is in the keyring");
        let (nonce, body) = out[start..]
            .split_first_chunk_mut::<{ layout::NONCE_BYTES }>()
            .expect("the nonce's place was made above");
        entropy.fill(nonce);
        let aad = self.associated_data(kind, codec, epoch, id, raw_bytes);
        let tag = super::seal_in_place(&key, nonce, &aad, body);
        key.zeroize();
        out.extend_from_slice(&tag);
        codec
    }

    /// Opens a sealed thing in place; `None` when it is not what was sealed.
    pub fn open<'a>(
        &self,
        kind: Kind,
        codec: Codec,
        epoch: u32,
        id: &BlobId,
        raw_bytes: u64,
        sealed: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        let mut key = self.sealing_key(kind, epoch, id)?;
        let aad = self.associated_data(kind, codec, epoch, id, raw_bytes);
        let body = super::open_in_place(&key, &aad, sealed);
        key.zeroize();
        body
    }
}
