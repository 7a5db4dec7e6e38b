//! Parts sealed and opened: compressed, then AES-256-GCM under a key of the part's own.

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroize;

use crate::error::{Error, Result};
use crate::format::layout::NONCE_BYTES;
use crate::format::part::{
    Extent, FRAME_BYTES, Frame, HEADER_BYTES, Header, Index, PART_BYTES_MAX, SEAL_BYTES,
};
use crate::seal::{compress_into, decompress_into, open_in_place, seal_in_place};
use crate::seam::Entropy;

use super::extents::{Payload, Spot};

/// What the frames of an index are numbered after.
const INDEX: u32 = u32::MAX;
const CONTEXT: &str = "firedrill 2026-11-28 key of a part of a replicated batch";

/// The key of a group, which both sites hold.
#[derive(Clone, Zeroize)]
#[zeroize(drop)]
pub struct GroupKey([u8; 32]);

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupKey(..)")
    }
}

impl GroupKey {
    /// A new one.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Self(key)
    }

    /// The one with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for the file that carries it to the other site.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of one part. A part that is made again has the same: its nonces are drawn anew.
    fn of(&self, header: &[u8; HEADER_BYTES]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&self.0).update(header);
        *hasher.finalize().as_bytes()
    }
}

fn associated(header: &[u8; HEADER_BYTES], number: u32) -> [u8; HEADER_BYTES + 4] {
    let mut out = [0; HEADER_BYTES + 4];
    out[..HEADER_BYTES].copy_from_slice(header);
    out[HEADER_BYTES..].copy_from_slice(&number.to_le_bytes());
    out
}

/// Seals a part: extents by disk and offset, without overlaps. The header's sizes follow from them.
///
/// # Panics
/// Where its own index is not as long as its entries: a fault of ours.
pub fn seal(
    key: &GroupKey,
    entropy: &dyn Entropy,
    mut header: Header,
    extents: &[(Spot, Payload)],
) -> Bytes {
    let content: u64 = extents
        .iter()
        .map(|(_, payload)| data(payload).len() as u64)
        .sum();
    let frames = content.div_ceil(FRAME_BYTES);
    let index_bytes = 4 + extents.len() * 20 + frames as usize * 9;
    header.index_bytes = (index_bytes as u64 + SEAL_BYTES) as u32;
    header.frames = frames as u32;
    let head = header.write();
    let key = key.of(&head);
    // The index says how long the frames are, which are not known yet: its place is kept.
    let start = HEADER_BYTES + header.index_bytes as usize;
    let mut out = Vec::with_capacity(start + content as usize + (frames * SEAL_BYTES) as usize);
    out.extend_from_slice(&head);
    out.resize(start, 0);
    let mut index = Index {
        extents: extents.iter().map(as_extent).collect(),
        frames: Vec::with_capacity(frames as usize),
    };
    let mut frame = Vec::with_capacity(FRAME_BYTES as usize);
    for (_, payload) in extents {
        let mut rest = data(payload);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(FRAME_BYTES as usize - frame.len()));
            frame.extend_from_slice(now);
            rest = later;
            if frame.len() as u64 == FRAME_BYTES {
                close(&mut frame, &mut index, &key, &head, entropy, &mut out);
            }
        }
    }
    if !frame.is_empty() {
        close(&mut frame, &mut index, &key, &head, entropy, &mut out);
    }
    let mut sealed = Vec::with_capacity(header.index_bytes as usize);
    let body = index.write();
    assert_eq!(
        body.len(),
        index_bytes,
        "an index is as long as its entries"
    );
    append(&key, &head, INDEX, entropy, &mut sealed, |out| {
        out.extend_from_slice(&body);
    });
    out[HEADER_BYTES..start].copy_from_slice(&sealed);
    Bytes::from(out)
}

fn data(payload: &Payload) -> &[u8] {
    match payload {
        Payload::Data(data) => data,
        Payload::Zeros(_) => &[],
    }
}

fn as_extent(((disk, offset), payload): &(Spot, Payload)) -> Extent {
    let (length, zeros) = match payload {
        Payload::Data(data) => (data.len() as u64, false),
        Payload::Zeros(length) => (*length, true),
    };
    Extent {
        disk: *disk,
        offset: *offset,
        length,
        zeros,
    }
}

fn close(
    frame: &mut Vec<u8>,
    index: &mut Index,
    key: &[u8; 32],
    head: &[u8; HEADER_BYTES],
    entropy: &dyn Entropy,
    out: &mut Vec<u8>,
) {
    let (start, number) = (out.len(), index.frames.len() as u32);
    let mut codec = crate::format::layout::Codec::Raw;
    append(key, head, number, entropy, out, |out| {
        codec = compress_into(frame, out);
    });
    index.frames.push(Frame {
        codec,
        raw: frame.len() as u32,
        sealed: (out.len() - start) as u32,
    });
    frame.clear();
}

fn append(
    key: &[u8; 32],
    head: &[u8; HEADER_BYTES],
    number: u32,
    entropy: &dyn Entropy,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let mut nonce = [0; NONCE_BYTES];
    entropy.fill(&mut nonce);
    out.extend_from_slice(&nonce);
    let start = out.len();
    fill(out);
    let tag = seal_in_place(key, &nonce, &associated(head, number), &mut out[start..]);
    out.extend_from_slice(&tag);
}

/// A part whose index is open.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// What it says of itself.
    pub(crate) header: Header,
    /// What was written.
    pub(crate) extents: Vec<Extent>,
    frames: Vec<(Frame, u64)>,
    head: [u8; HEADER_BYTES],
    bytes: u64,
}

impl Opened {
    /// Bytes at the beginning of a part that [`Opened::open`] needs, once its header is read.
    pub(crate) fn index_end(header: &Header) -> u64 {
        HEADER_BYTES as u64 + u64::from(header.index_bytes)
    }

    /// Opens the index of `object`, which begins with `bytes`, of a group whose disks have these sizes.
    ///
    /// # Errors
    /// `Corrupt` for what is not what was sealed.
    pub(crate) fn open(key: &GroupKey, object: &str, bytes: &[u8], disks: &[u64]) -> Result<Self> {
        let header = Header::read(object, bytes)?;
        let end = Self::index_end(&header) as usize;
        let sealed = bytes.get(HEADER_BYTES..end);
        let sealed = sealed.ok_or_else(|| Error::corrupt(object, "it ends within its index"))?;
        let head = header.write();
        let mut sealed = sealed.to_vec();
        let index = open_in_place(&key.of(&head), &associated(&head, INDEX), &mut sealed)
            .ok_or_else(|| Error::corrupt(object, "its index is not what was sealed"))?;
        let index = Index::read(object, &header, index, disks)?;
        let mut at = end as u64;
        let frames = index.frames.into_iter().map(|frame| {
            let begins = at;
            at += u64::from(frame.sealed);
            (frame, begins)
        });
        Ok(Self {
            frames: frames.collect(),
            header,
            extents: index.extents,
            head,
            bytes: at,
        })
    }

    /// Bytes of the whole part.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where a frame lies in the part: the one that holds the content's byte `position`.
    pub(crate) fn frame_at(&self, position: u64) -> Option<(usize, std::ops::Range<u64>)> {
        let number = (position / FRAME_BYTES) as usize;
        let (frame, begins) = self.frames.get(number)?;
        Some((number, *begins..*begins + u64::from(frame.sealed)))
    }

    /// Opens frame `number`, whose sealed bytes these are.
    ///
    /// # Errors
    /// `Corrupt` for what is not what was sealed.
    pub(crate) fn content(
        &self,
        key: &GroupKey,
        object: &str,
        number: usize,
        sealed: &[u8],
    ) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let opener = Opener::new(self, key, object);
        opener.open(number, sealed, &mut Vec::new(), &mut content)?;
        Ok(content)
    }

    /// Whether all of a part that is in memory is what was sealed, and comes back.
    ///
    /// # Errors
    /// `Corrupt` where it does not.
    pub(crate) fn check(&self, key: &GroupKey, object: &str, bytes: &[u8]) -> Result<()> {
        let mut content = Vec::new();
        self.each_frame(key, object, bytes, &mut content, Vec::clear)
    }

    fn each_frame(
        &self,
        key: &GroupKey,
        object: &str,
        bytes: &[u8],
        content: &mut Vec<u8>,
        done: impl Fn(&mut Vec<u8>),
    ) -> Result<()> {
        if bytes.len() as u64 != self.bytes {
            return Err(Error::corrupt(
                object,
                "it is not as long as its index says",
            ));
        }
        let (opener, mut room) = (Opener::new(self, key, object), Vec::new());
        for (number, (frame, begins)) in self.frames.iter().enumerate() {
            let range = *begins as usize..(*begins + u64::from(frame.sealed)) as usize;
            opener.open(number, &bytes[range], &mut room, content)?;
            done(content);
        }
        Ok(())
    }

    /// Opens all of a part that is in memory: what was written, in order.
    ///
    /// # Errors
    /// `Corrupt` for what is not what was sealed.
    pub(crate) fn payloads(
        &self,
        key: &GroupKey,
        object: &str,
        bytes: &[u8],
    ) -> Result<Vec<(Spot, Payload)>> {
        let mut content = Vec::with_capacity(self.frames.len() * FRAME_BYTES as usize);
        self.each_frame(key, object, bytes, &mut content, |_| ())?;
        let mut content = Bytes::from(content);
        let payloads = self.extents.iter().map(|extent| {
            let payload = if extent.zeros {
                Payload::Zeros(extent.length)
            } else {
                Payload::Data(content.split_to(extent.length as usize))
            };
            ((extent.disk, extent.offset), payload)
        });
        Ok(payloads.collect())
    }
}

/// Opens the frames of a part.
struct Opener<'a> {
    part: &'a Opened,
    object: &'a str,
    key: [u8; 32],
}

impl<'a> Opener<'a> {
    fn new(part: &'a Opened, key: &GroupKey, object: &'a str) -> Self {
        let key = key.of(&part.head);
        Self { part, object, key }
    }

    /// Opens frame `number`, whose sealed bytes these are, in `room`, and appends what it held to `out`.
    fn open(
        &self,
        number: usize,
        sealed: &[u8],
        room: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let what = || format!("its frame {number} is not what was sealed");
        let damaged = || Error::corrupt(self.object, what());
        let (frame, _) = self.part.frames.get(number).ok_or_else(damaged)?;
        room.clear();
        room.extend_from_slice(sealed);
        let aad = associated(&self.part.head, number as u32);
        let packed = open_in_place(&self.key, &aad, room).ok_or_else(damaged)?;
        decompress_into(frame.codec, packed, frame.raw as usize, out).ok_or_else(damaged)
    }
}

/// Refuses a part that is longer than any that is made.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn hold_size(object: &str, bytes: u64) -> Result<()> {
    if bytes > PART_BYTES_MAX {
        return Err(Error::corrupt(object, format!("it has {bytes} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{GroupKey, Opened, seal};
    use crate::format::part::Header;
    use crate::format::point::Consistency;
    use crate::ids::ObjectId;
    use crate::replication::extents::Payload;
    use crate::seam::SystemEntropy;
    use crate::units::Timestamp;

    fn header() -> Header {
        Header {
            group: ObjectId([7; 16]),
            generation: 3,
            first: 9,
            batch: 9,
            part: 2,
            end: Some((Timestamp::default(), Consistency::Application)),
            index_bytes: 0,
            frames: 0,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// What was sealed comes back; a byte changed anywhere is found; nothing is there to be read.
        #[test]
        fn parts_come_back_or_are_damaged(lengths in prop::collection::vec((1_usize..200_000, any::<bool>()), 0..5), flip in any::<prop::sample::Index>()) {
            let key = GroupKey::draw(&SystemEntropy);
            let mut at = 0_u64;
            let extents: Vec<_> = lengths.iter().enumerate().map(|(number, (length, zeros))| {
                let spot = (0_u16, at);
                at += *length as u64 + 10;
                let text = format!("plain text {number} ").repeat(length / 13 + 1);
                let payload = if *zeros { Payload::Zeros(*length as u64) } else { Payload::Data(Bytes::from(text.into_bytes()).slice(..*length)) };
                (spot, payload)
            }).collect();
            let sealed = seal(&key, &SystemEntropy, header(), &extents);
            prop_assert!(!sealed.windows(10).any(|window| window == b"plain text"));
            let opened = Opened::open(&key, "a part", &sealed, &[at]).unwrap();
            prop_assert_eq!(opened.bytes(), sealed.len() as u64);
            prop_assert_eq!(&opened.payloads(&key, "a part", &sealed).unwrap(), &extents);
            let mut damaged = sealed.to_vec();
            let flip = flip.index(damaged.len());
            damaged[flip] ^= 1;
            let found = Opened::open(&key, "a part", &damaged, &[at]).and_then(|opened| opened.payloads(&key, "a part", &damaged));
            prop_assert!(found.is_err(), "byte {}", flip);
        }
    }
}
