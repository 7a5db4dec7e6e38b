//! A part of a batch of writes: what travels from site to site, and lies in a source's journal and a
//! replica's history, in the same sealed bytes.
//!
//! Version history:
//! 1. The first (November 2026).

use crate::error::{Error, Result};
use crate::format::layout::{Codec, NONCE_BYTES, TAG_BYTES};
use crate::format::point::Consistency;
use crate::ids::ObjectId;
use crate::units::Timestamp;

/// Opens every part.
pub const MAGIC: [u8; 4] = *b"FDPT";
/// The version that this program writes.
pub const VERSION: u16 = 1;
/// Bytes of a part's header.
pub const HEADER_BYTES: usize = 72;
/// Bytes of content in a frame before it is packed, but for a part's last: so much is opened to read one
/// block.
pub const FRAME_BYTES: u64 = 64 << 10;
/// What sealing adds to a frame or an index.
pub const SEAL_BYTES: u64 = (NONCE_BYTES + TAG_BYTES) as u64;
/// The longest part that a reader takes: 8 MiB of content, and room for an index of many small writes.
pub const PART_BYTES_MAX: u64 = 64 << 20;

/// The most content of a part: twice what is made.
const CONTENT_BYTES_MAX: u64 = 16 << 20;

const LAST: u16 = 1;
const APPLICATION: u16 = 2;
const EXTENT_BYTES: usize = 20;
const FRAME_ENTRY_BYTES: usize = 9;

/// What a part says of itself before it is opened; all that is sealed in it is bound to this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The group of disks.
    pub group: ObjectId,
    /// The generation that wrote it.
    pub generation: u64,
    /// The first batch that is in it: earlier than `batch` in what was merged.
    pub first: u64,
    /// The batch whose end the disks are at once all its parts are applied.
    pub batch: u64,
    /// Its number in the batch, from 0; later parts lie on top.
    pub part: u32,
    /// In the batch's last part: the instant that the disks are as of, and what was held still then.
    pub end: Option<(Timestamp, Consistency)>,
    /// Bytes of the sealed index.
    pub index_bytes: u32,
    /// How many frames follow.
    pub frames: u32,
}

impl Header {
    /// Its bytes.
    pub fn write(&self) -> [u8; HEADER_BYTES] {
        let flags = match self.end {
            None => 0,
            Some((_, Consistency::Crash)) => LAST,
            Some((_, Consistency::Application)) => LAST | APPLICATION,
        };
        let captured = self
            .end
            .map_or(Timestamp::default(), |(captured, _)| captured);
        let mut out = [0; HEADER_BYTES];
        out[..4].copy_from_slice(&MAGIC);
        out[4..6].copy_from_slice(&VERSION.to_le_bytes());
        out[6..8].copy_from_slice(&flags.to_le_bytes());
        out[8..24].copy_from_slice(&self.group.0);
        out[24..32].copy_from_slice(&self.generation.to_le_bytes());
        out[32..40].copy_from_slice(&self.first.to_le_bytes());
        out[40..48].copy_from_slice(&self.batch.to_le_bytes());
        out[48..52].copy_from_slice(&self.part.to_le_bytes());
        out[52..56].copy_from_slice(&self.index_bytes.to_le_bytes());
        out[56..64].copy_from_slice(&captured.seconds.to_le_bytes());
        out[64..68].copy_from_slice(&captured.nanos.to_le_bytes());
        out[68..].copy_from_slice(&self.frames.to_le_bytes());
        out
    }

    /// Reads the header of `object`.
    ///
    /// # Errors
    /// `Corrupt` for what is none, `Unsupported` for a newer version.
    pub fn read(object: &str, bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes
            .first_chunk()
            .filter(|bytes| bytes[..4] == MAGIC)
            .ok_or_else(|| Error::corrupt(object, "it does not begin as a part does"))?;
        let version = u16::from_le_bytes([bytes[4], bytes[5]]);
        if version != VERSION {
            let what = format!("{object} has version {version} of parts: use a newer firedrill");
            return Err(Error::new(crate::ErrorKind::Unsupported, what));
        }
        let flags = u16::from_le_bytes([bytes[6], bytes[7]]);
        let captured = Timestamp {
            seconds: i64::from_le_bytes(array(bytes, 56)),
            nanos: u32::from_le_bytes(array(bytes, 64)),
        };
        let end = match flags {
            0 => None,
            LAST => Some((captured, Consistency::Crash)),
            flags if flags == LAST | APPLICATION => Some((captured, Consistency::Application)),
            _ => return Err(Error::corrupt(object, "its flags are none that there are")),
        };
        let header = Self {
            group: ObjectId(array(bytes, 8)),
            generation: u64::from_le_bytes(array(bytes, 24)),
            first: u64::from_le_bytes(array(bytes, 32)),
            batch: u64::from_le_bytes(array(bytes, 40)),
            part: u32::from_le_bytes(array(bytes, 48)),
            end,
            index_bytes: u32::from_le_bytes(array(bytes, 52)),
            frames: u32::from_le_bytes(array(bytes, 68)),
        };
        if header.first > header.batch || captured.nanos >= 1_000_000_000 {
            return Err(Error::corrupt(object, "its header contradicts itself"));
        }
        Ok(header)
    }
}

fn array<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// A stretch that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The disk's number in its group.
    pub disk: u16,
    /// Where, in bytes.
    pub offset: u64,
    /// How long, in bytes.
    pub length: u64,
    /// Whether it is zeros, of which no content is kept.
    pub zeros: bool,
}

/// A frame: content packed and sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// How it is packed.
    pub codec: Codec,
    /// Bytes of content: [`FRAME_BYTES`], but for the last.
    pub raw: u32,
    /// Bytes with its seal.
    pub sealed: u32,
}

/// What a part holds: extents by disk and offset, without overlaps; their content lies one after the
/// other, cut into frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// What was written.
    pub extents: Vec<Extent>,
    /// Where its content is.
    pub frames: Vec<Frame>,
}

impl Index {
    /// Its bytes.
    pub fn write(&self) -> Vec<u8> {
        let bytes = self.extents.len() * EXTENT_BYTES + self.frames.len() * FRAME_ENTRY_BYTES;
        let mut out = Vec::with_capacity(4 + bytes);
        out.extend_from_slice(&(self.extents.len() as u32).to_le_bytes());
        for extent in &self.extents {
            out.extend_from_slice(&extent.disk.to_le_bytes());
            out.extend_from_slice(&[u8::from(extent.zeros), 0]);
            out.extend_from_slice(&extent.offset.to_le_bytes());
            out.extend_from_slice(&extent.length.to_le_bytes());
        }
        for frame in &self.frames {
            out.push(frame.codec as u8);
            out.extend_from_slice(&frame.raw.to_le_bytes());
            out.extend_from_slice(&frame.sealed.to_le_bytes());
        }
        out
    }

    /// Reads the index of `object`, and holds it against its header and against disks of these sizes.
    ///
    /// # Errors
    /// `Corrupt` for what does not parse, overlaps, or does not fit.
    pub fn read(object: &str, header: &Header, bytes: &[u8], disks: &[u64]) -> Result<Self> {
        Self::parse(bytes, header.frames as usize)
            .filter(|index| index.is_sound(disks))
            .ok_or_else(|| Error::corrupt(object, "its index contradicts itself or its disks"))
    }

    fn parse(bytes: &[u8], frames: usize) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (extents, rest) = rest.split_at_checked(count.checked_mul(EXTENT_BYTES)?)?;
        if rest.len() != frames.checked_mul(FRAME_ENTRY_BYTES)? {
            return None;
        }
        let extents = extents.chunks_exact(EXTENT_BYTES).map(|bytes| {
            let zeros = [false, true].get(usize::from(bytes[2])).copied()?;
            Some(Extent {
                disk: u16::from_le_bytes([bytes[0], bytes[1]]),
                offset: u64::from_le_bytes(*bytes[4..].first_chunk()?),
                length: u64::from_le_bytes(*bytes[12..].first_chunk()?),
                zeros,
            })
        });
        let frames = rest.chunks_exact(FRAME_ENTRY_BYTES).map(|bytes| {
            Some(Frame {
                codec: Codec::from_number(bytes[0])?,
                raw: u32::from_le_bytes(*bytes[1..].first_chunk()?),
                sealed: u32::from_le_bytes(*bytes[5..].first_chunk()?),
            })
        });
        Some(Self {
            extents: extents.collect::<Option<_>>()?,
            frames: frames.collect::<Option<_>>()?,
        })
    }

    fn is_sound(&self, disks: &[u64]) -> bool {
        let (mut end, mut content) = ((0, 0), 0_u64);
        for extent in &self.extents {
            let Some(stop) = extent.offset.checked_add(extent.length) else {
                return false;
            };
            let size = disks.get(usize::from(extent.disk)).copied().unwrap_or(0);
            if extent.length == 0 || stop > size || (extent.disk, extent.offset) < end {
                return false;
            }
            end = (extent.disk, stop);
            content = content.saturating_add(if extent.zeros { 0 } else { extent.length });
        }
        let mut left = content;
        for frame in &self.frames {
            let raw = u64::from(frame.raw);
            let sealed = SEAL_BYTES..=raw + SEAL_BYTES;
            if raw == 0 || raw != left.min(FRAME_BYTES) || !sealed.contains(&frame.sealed.into()) {
                return false;
            }
            left -= raw;
        }
        left == 0 && content <= CONTENT_BYTES_MAX
    }
}
