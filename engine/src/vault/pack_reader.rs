//! Opening packs: a blob of one, its table, or every byte of it.

use crate::error::{Error, Result};
use crate::format::index::PackRecord;
use crate::format::layout::{self, HEADER_BYTES, Kind, SEAL_BYTES, path};
use crate::format::pack::{BlobEntry, FOOTER_SEALED_BYTES, Footer, read_entries};
use crate::ids::{BlobId, ObjectId};
use crate::seal::{Keyring, decompress, open_part, unpack_body};

use super::{Located, Vault, get_range};

/// Opens one sealed blob and verifies that it is the blob `id`.
///
/// # Errors
/// `Corrupt` naming the pack and the blob.
pub fn blob_of(
    keys: &Keyring,
    pack: ObjectId,
    epoch: u32,
    kind: Kind,
    id: &BlobId,
    located: Located,
    sealed: &mut [u8],
) -> Result<Vec<u8>> {
    let raw_bytes = located.raw_bytes;
    keys.open(kind, located.codec, epoch, id, u64::from(raw_bytes), sealed)
        .and_then(|body| decompress(located.codec, body, raw_bytes as usize))
        .filter(|raw| keys.blob_id(kind, raw) == *id)
        .ok_or_else(|| {
            let at = located.offset;
            Error::corrupt(
                path::pack(pack),
                format!("blob {id} at byte {at} fails authentication"),
            )
        })
}

/// Reads the table of blobs of a pack from its trailer, without its blobs.
///
/// # Errors
/// `Corrupt` when header, footer or trailer fail; store errors.
pub async fn read_table(vault: &Vault, id: ObjectId, pack_bytes: u64) -> Result<PackRecord> {
    let at = path::pack(id);
    let get = |range: std::ops::Range<u64>| get_range(&vault.world, &at, range);
    let least = (HEADER_BYTES + FOOTER_SEALED_BYTES + SEAL_BYTES) as u64;
    if pack_bytes < least {
        return Err(Error::corrupt(&at, "it is shorter than an empty pack"));
    }
    let epoch = layout::parse_header(at.as_ref(), Kind::Pack, &get(0..HEADER_BYTES as u64).await?)?;
    let mut footer = get(pack_bytes - FOOTER_SEALED_BYTES as u64..pack_bytes)
        .await?
        .to_vec();
    let footer = open_footer(&vault.keys, epoch, id, &mut footer, pack_bytes)?;
    let end = footer.trailer_offset + u64::from(footer.trailer_bytes);
    let mut trailer = get(footer.trailer_offset..end).await?.to_vec();
    let entries = open_trailer(&vault.keys, epoch, id, &mut trailer)?;
    check_lengths(id, &entries, &footer)?;
    Ok(PackRecord {
        pack: id,
        pack_bytes,
        entries,
    })
}

fn open_footer(
    keys: &Keyring,
    epoch: u32,
    id: ObjectId,
    sealed: &mut [u8],
    pack_bytes: u64,
) -> Result<Footer> {
    let name = path::pack(id);
    let body = open_part(keys, Kind::Footer, epoch, id, name.as_ref(), sealed)
        .map_err(|error| error.context("footer"))?;
    Footer::read(name.as_ref(), body, pack_bytes)
}

fn open_trailer(
    keys: &Keyring,
    epoch: u32,
    id: ObjectId,
    sealed: &mut [u8],
) -> Result<Vec<BlobEntry>> {
    let name = path::pack(id);
    let body = open_part(keys, Kind::Trailer, epoch, id, name.as_ref(), sealed)
        .map_err(|error| error.context("trailer"))?;
    let table =
        unpack_body(body).ok_or_else(|| Error::corrupt(&name, "its trailer does not unpack"))?;
    read_entries(name.as_ref(), &table)
}

fn check_lengths(id: ObjectId, entries: &[BlobEntry], footer: &Footer) -> Result<()> {
    let blobs: u64 = entries
        .iter()
        .map(|entry| u64::from(entry.stored_bytes))
        .sum();
    let end = HEADER_BYTES as u64 + blobs + u64::from(footer.padding_bytes);
    if end != footer.trailer_offset {
        return Err(Error::corrupt(
            path::pack(id),
            "its blobs and padding do not fill it",
        ));
    }
    Ok(())
}

/// What a whole pack holds.
#[derive(Debug)]
pub struct PackContents {
    /// Its table.
    pub record: PackRecord,
    /// Bytes of plaintext opened and verified.
    pub raw_bytes: u64,
}

/// Opens and verifies every byte of a pack: header, blobs, padding, trailer, footer.
///
/// # Errors
/// `Corrupt` for the first part that fails.
pub fn verify_pack(keys: &Keyring, id: ObjectId, bytes: &mut [u8]) -> Result<PackContents> {
    let at = path::pack(id);
    let epoch = layout::parse_header(at.as_ref(), Kind::Pack, bytes)?;
    let pack_bytes = bytes.len() as u64;
    if bytes.len() < HEADER_BYTES + FOOTER_SEALED_BYTES {
        return Err(Error::corrupt(&at, "it is shorter than an empty pack"));
    }
    let (rest, footer) = bytes.split_at_mut(bytes.len() - FOOTER_SEALED_BYTES);
    let footer = open_footer(keys, epoch, id, footer, pack_bytes)?;
    let (rest, trailer) = rest.split_at_mut(footer.trailer_offset as usize);
    let entries = open_trailer(keys, epoch, id, trailer)?;
    check_lengths(id, &entries, &footer)?;
    let (mut offset, mut raw_bytes) = (HEADER_BYTES, 0);
    for entry in &entries {
        let end = offset + entry.stored_bytes as usize;
        let located = Located {
            pack: 0,
            offset: offset as u32,
            stored_bytes: entry.stored_bytes,
            raw_bytes: entry.raw_bytes,
            codec: entry.codec,
        };
        blob_of(
            keys,
            id,
            epoch,
            entry.kind,
            &entry.id,
            located,
            &mut rest[offset..end],
        )?;
        raw_bytes += u64::from(entry.raw_bytes);
        offset = end;
    }
    if footer.padding_bytes > 0 {
        let zeros = open_part(
            keys,
            Kind::Padding,
            epoch,
            id,
            at.as_ref(),
            &mut rest[offset..],
        )
        .map_err(|error| error.context("padding"))?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(Error::corrupt(&at, "its padding is not zeros"));
        }
    }
    Ok(PackContents {
        record: PackRecord {
            pack: id,
            pack_bytes,
            entries,
        },
        raw_bytes,
    })
}
