//! Which pieces of a disk may differ from what they were at an earlier instant: says too much, never too little.

use crate::error::{Error, Result};

/// Bytes of a piece: what one bit stands for. A disk of 10 TiB has 160 million, in 20 MiB.
pub const CHANGED_PIECE_BYTES: u64 = 64 << 10;

/// One bit for each piece of a disk, lowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedBlocks {
    size: u64,
    bits: Vec<u8>,
}

impl ChangedBlocks {
    /// None of a disk of `size` bytes.
    pub fn of(size: u64) -> Self {
        let pieces = size.div_ceil(CHANGED_PIECE_BYTES) as usize;
        Self {
            size,
            bits: vec![0; pieces.div_ceil(8)],
        }
    }

    /// Of a disk of `size` bytes, from its bits.
    ///
    /// # Errors
    /// `Corrupt` where these are not as many as the disk has pieces.
    pub fn from_bits(size: u64, bits: Vec<u8>) -> Result<Self> {
        let expected = Self::of(size).bits.len();
        if bits.len() != expected {
            let what = format!("it has {} bytes where {expected} are expected", bits.len());
            return Err(Error::corrupt("a map of changed pieces", what));
        }
        Ok(Self { size, bits })
    }

    /// The bits.
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The pieces that a stretch touches; none beyond the disk's end.
    pub fn pieces(&self, offset: u64, length: u64) -> std::ops::Range<u64> {
        let end = offset.saturating_add(length).min(self.size);
        if offset >= end {
            return 0..0;
        }
        offset / CHANGED_PIECE_BYTES..end.div_ceil(CHANGED_PIECE_BYTES)
    }

    /// Where a piece lies: its offset and its length, shorter at the disk's end.
    pub fn span(&self, piece: u64) -> (u64, u64) {
        let offset = piece * CHANGED_PIECE_BYTES;
        (
            offset,
            CHANGED_PIECE_BYTES.min(self.size.saturating_sub(offset)),
        )
    }

    /// Marks the pieces that a stretch touches.
    pub fn mark(&mut self, offset: u64, length: u64) {
        for piece in self.pieces(offset, length) {
            self.bits[piece as usize / 8] |= 1 << (piece % 8);
        }
    }

    /// Whether a piece is marked.
    pub fn has(&self, piece: u64) -> bool {
        let byte = self.bits.get(piece as usize / 8);
        byte.is_some_and(|byte| byte & (1 << (piece % 8)) != 0)
    }

    /// Whether any piece that a stretch touches is marked.
    pub fn touches(&self, offset: u64, length: u64) -> bool {
        self.pieces(offset, length).any(|piece| self.has(piece))
    }

    /// Marks what another of the same disk has marked.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.bits.iter_mut().zip(&other.bits) {
            *mine |= theirs;
        }
    }

    /// Bytes of disk in marked pieces.
    pub fn bytes(&self) -> u64 {
        let pieces = self.bits.len() as u64 * 8;
        let marked = (0..pieces).filter(|piece| self.has(*piece));
        marked.map(|piece| self.span(piece).1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{CHANGED_PIECE_BYTES as PIECE, ChangedBlocks};

    #[test]
    fn a_stretch_marks_every_piece_that_it_touches() {
        let mut changed = ChangedBlocks::of(20 * PIECE + 7);
        changed.mark(PIECE - 1, 2);
        changed.mark(20 * PIECE + 6, 100);
        changed.mark(5 * PIECE, 0);
        let marked: Vec<u64> = (0..24).filter(|piece| changed.has(*piece)).collect();
        assert_eq!(marked, [0, 1, 20]);
        assert_eq!(changed.bytes(), 2 * PIECE + 7);
        assert!(changed.touches(2 * PIECE - 1, 9) && !changed.touches(2 * PIECE, 9 * PIECE));
        let bits = changed.bits().to_vec();
        let mut other = ChangedBlocks::of(20 * PIECE + 7);
        other.add(&ChangedBlocks::from_bits(20 * PIECE + 7, bits.clone()).unwrap());
        assert_eq!(other, changed);
        ChangedBlocks::from_bits(25 * PIECE, bits).unwrap_err();
    }
}
