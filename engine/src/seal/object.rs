//! Whole objects (index segments and manifests): header, then one sealed, padded body.

use crate::error::{Error, Result};
use crate::format::layout::{self, Codec, HEADER_BYTES, Kind, SEAL_BYTES};
use crate::ids::ObjectId;
use crate::seam::Entropy;
use crate::units::padme;

use super::{Keyring, compress_into, decompress};

/// Bytes before the packed body inside the seal: codec, packed length, raw length.
const PREFIX_BYTES: usize = 9;
/// Longest raw body that a reader accepts.
const RAW_BYTES_MAX: u32 = 1 << 30;

/// Packs `raw`: codec, packed length, raw length, packed bytes.
pub(crate) fn pack_body(raw: &[u8]) -> Vec<u8> {
    let mut body = vec![0; PREFIX_BYTES];
    let codec = compress_into(raw, &mut body);
    body[0] = codec as u8;
    let packed = (body.len() - PREFIX_BYTES) as u32;
    body[1..5].copy_from_slice(&packed.to_le_bytes());
    body[5..9].copy_from_slice(&(raw.len() as u32).to_le_bytes());
    body
}

/// Undoes [`pack_body`], whatever zeros follow.
pub(crate) fn unpack_body(body: &[u8]) -> Option<Vec<u8>> {
    let (prefix, rest) = body.split_first_chunk::<PREFIX_BYTES>()?;
    let codec = Codec::from_number(prefix[0])?;
    let packed = u32::from_le_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    let raw_bytes = u32::from_le_bytes([prefix[5], prefix[6], prefix[7], prefix[8]]);
    if raw_bytes > RAW_BYTES_MAX {
        return None;
    }
    decompress(codec, rest.get(..packed)?, raw_bytes as usize)
}

/// Appends `body` sealed as the part `kind` of the object `id`.
pub(crate) fn seal_part(
    keys: &Keyring,
    entropy: &dyn Entropy,
    kind: Kind,
    id: ObjectId,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    keys.seal_with(
        entropy,
        kind,
        &id.widened(),
        body.len() as u64,
        out,
        |out| {
            out.extend_from_slice(body);
            Codec::Raw
        },
    );
}

/// Opens the part `kind` of the object `id`, called `name` in errors.
pub(crate) fn open_part<'a>(
    keys: &Keyring,
    kind: Kind,
    epoch: u32,
    id: ObjectId,
    name: &str,
    sealed: &'a mut [u8],
) -> Result<&'a [u8]> {
    let length = sealed.len().saturating_sub(SEAL_BYTES) as u64;
    keys.open(kind, Codec::Raw, epoch, &id.widened(), length, sealed)
        .ok_or_else(|| Error::corrupt(name, "it fails authentication"))
}

/// Seals `raw` as the object `id`: its size is rounded up so that it tells little.
pub fn seal_object(
    keys: &Keyring,
    entropy: &dyn Entropy,
    kind: Kind,
    id: ObjectId,
    raw: &[u8],
) -> Vec<u8> {
    let mut body = pack_body(raw);
    let object_bytes = padme((HEADER_BYTES + SEAL_BYTES + body.len()) as u64) as usize;
    body.resize(object_bytes - HEADER_BYTES - SEAL_BYTES, 0);
    let mut out = layout::header(kind, keys.epoch()).to_vec();
    seal_part(keys, entropy, kind, id, &body, &mut out);
    out
}

/// Opens the object `id`.
///
/// # Errors
/// `Corrupt` naming `name` when it is not what was sealed; `Unsupported` for a newer format.
pub fn open_object(
    keys: &Keyring,
    kind: Kind,
    id: ObjectId,
    name: &str,
    object: &[u8],
) -> Result<Vec<u8>> {
    let epoch = layout::parse_header(name, kind, object)?;
    let mut sealed = object[HEADER_BYTES..].to_vec();
    let body = open_part(keys, kind, epoch, id, name, &mut sealed)?;
    unpack_body(body).ok_or_else(|| Error::corrupt(name, "its body does not unpack"))
}
