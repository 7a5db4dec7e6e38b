//! Which pieces of a disk the other site lacks, and which regions it may lack after a crash.

use std::ops::Range;

/// Bytes of a piece: what is read, compared and sent at once when the sites are brought together.
pub const PIECE_BYTES: u64 = 64 << 10;
/// Bytes of a region: what a bit of the intent map stands for. A disk of 10 TiB has ten million, in 80 MiB.
pub const REGION_BYTES: u64 = 1 << 20;

/// What is known of a piece that may have to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It was written, and what was written is not kept.
    Written,
    /// It may be the same over there: it is compared first.
    Suspect,
}

/// Two bits for each piece of a disk.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    words: Vec<[u64; 2]>,
    size: u64,
    count: u64,
    cursor: usize,
}

impl Pieces {
    /// None of a disk of `size` bytes.
    pub fn of(size: u64) -> Self {
        let pieces = size.div_ceil(PIECE_BYTES) as usize;
        Self {
            words: vec![[0; 2]; pieces.div_ceil(64)],
            size,
            ..Self::default()
        }
    }

    /// Marks the pieces that a stretch touches; a piece that was written is not merely suspect.
    pub fn mark(&mut self, offset: u64, length: u64, doubt: Doubt) {
        let end = offset.saturating_add(length).min(self.size);
        if offset >= end {
            return;
        }
        for piece in offset / PIECE_BYTES..=(end - 1) / PIECE_BYTES {
            let (word, bit) = (&mut self.words[piece as usize / 64], 1 << (piece % 64));
            if (word[0] | word[1]) & bit == 0 {
                self.count += 1;
            }
            match doubt {
                Doubt::Written => *word = [word[0] | bit, word[1] & !bit],
                Doubt::Suspect if word[0] & bit == 0 => word[1] |= bit,
                Doubt::Suspect => {}
            }
        }
    }

    /// Whether every piece that a stretch touches is marked.
    pub fn covers(&self, offset: u64, length: u64) -> bool {
        let last = (offset + length.max(1) - 1) / PIECE_BYTES;
        self.count > 0
            && (offset / PIECE_BYTES..=last).all(|piece| {
                let word = self.words.get(piece as usize / 64);
                word.is_some_and(|word| (word[0] | word[1]) & (1 << (piece % 64)) != 0)
            })
    }

    /// How many are marked.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The next marked piece after the one that was given last, around the disk's end.
    pub fn next_marked(&mut self) -> Option<(u64, Doubt)> {
        if self.count == 0 {
            return None;
        }
        let words = self.words.len();
        // The word of the last piece once more: its later bits come now, its earlier ones at the end.
        for turn in 0..=words {
            let at = (self.cursor / 64 + turn) % words;
            let mask = if turn == 0 {
                u64::MAX << (self.cursor % 64)
            } else {
                u64::MAX
            };
            let marked = (self.words[at][0] | self.words[at][1]) & mask;
            if marked != 0 {
                let piece = at * 64 + marked.trailing_zeros() as usize;
                self.cursor = piece;
                let bit = 1 << (piece % 64);
                let doubt = if self.words[at][0] & bit != 0 {
                    Doubt::Written
                } else {
                    Doubt::Suspect
                };
                return Some((piece as u64, doubt));
            }
        }
        None
    }

    /// Takes a piece's mark away.
    pub fn clear(&mut self, piece: u64) {
        let (word, bit) = (&mut self.words[piece as usize / 64], 1 << (piece % 64));
        if (word[0] | word[1]) & bit != 0 {
            self.count -= 1;
            *word = [word[0] & !bit, word[1] & !bit];
        }
    }

    /// Where a piece lies: its offset and its length, shorter at the disk's end.
    pub fn span(&self, piece: u64) -> (u64, u64) {
        let offset = piece * PIECE_BYTES;
        (offset, PIECE_BYTES.min(self.size.saturating_sub(offset)))
    }
}

/// In which batch each region was written last, as long as the other site has not confirmed it. One bit of
/// each is kept on disk: after a crash the marked regions are compared.
#[derive(Clone, Debug, Default)]
pub struct Intents {
    batches: Vec<u64>,
    bits: Vec<u8>,
    /// What is surely kept.
    kept: Vec<u8>,
    marked: u64,
}

impl Intents {
    /// None of a disk of `size` bytes.
    pub fn of(size: u64) -> Self {
        let regions = size.div_ceil(REGION_BYTES) as usize;
        Self {
            batches: vec![0; regions],
            bits: vec![0; regions.div_ceil(8)],
            kept: vec![0; regions.div_ceil(8)],
            marked: 0,
        }
    }

    /// A write in `batch`. Gives which bytes of the map are to be kept before the disk is written, if any are.
    pub fn mark(&mut self, offset: u64, length: u64, batch: u64) -> Option<Range<usize>> {
        let (first, last) = (
            (offset / REGION_BYTES) as usize,
            ((offset + length.max(1) - 1) / REGION_BYTES) as usize,
        );
        let mut new = false;
        for region in first..=last.min(self.batches.len().saturating_sub(1)) {
            let bit = 1 << (region % 8);
            self.marked += u64::from(self.bits[region / 8] & bit == 0);
            self.bits[region / 8] |= bit;
            new |= self.kept[region / 8] & bit == 0;
            self.batches[region] = self.batches[region].max(batch);
        }
        new.then_some(first / 8..last / 8 + 1)
    }

    /// The other site has all up to `batch`: regions not written since are clean, but those that `busy` tells
    /// of. Gives whether any is.
    pub fn confirm(&mut self, batch: u64, busy: impl Fn(u64, u64) -> bool) -> bool {
        let before = self.marked;
        for (at, bits) in self
            .bits
            .iter_mut()
            .enumerate()
            .filter(|(_, bits)| **bits != 0)
        {
            for bit in (0..8)
                .filter(|bit| *bits & (1 << bit) != 0)
                .collect::<Vec<_>>()
            {
                let region = at * 8 + bit;
                let offset = region as u64 * REGION_BYTES;
                if self.batches[region] <= batch && !busy(offset, REGION_BYTES) {
                    *bits &= !(1 << bit);
                    self.marked -= 1;
                }
            }
        }
        self.marked != before
    }

    /// Batches are counted anew: what is marked is not confirmed before `batch` is.
    pub fn defer(&mut self, batch: u64) {
        for (region, last) in self.batches.iter_mut().enumerate() {
            if self.bits[region / 8] & (1 << (region % 8)) != 0 {
                *last = (*last).max(batch);
            }
        }
    }

    /// The bits.
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// Some of the bits, which are about to be kept: what they lack is not surely kept from now on.
    pub fn keep(&mut self, bytes: Range<usize>) -> Vec<u8> {
        let bits = self.bits[bytes.clone()].to_vec();
        for (kept, bits) in self.kept[bytes].iter_mut().zip(&bits) {
            *kept &= bits;
        }
        bits
    }

    /// These bits are kept.
    pub fn is_kept(&mut self, from: usize, bits: &[u8]) {
        for (kept, bits) in self.kept[from..].iter_mut().zip(bits) {
            *kept |= bits;
        }
    }

    /// Bytes of disk in marked regions.
    pub fn marked_bytes(&self) -> u64 {
        self.marked * REGION_BYTES
    }

    /// Takes up what was kept: each marked region's offset.
    pub fn recover(&mut self, bits: &[u8]) -> Vec<u64> {
        let mut found = Vec::new();
        for region in 0..self.batches.len() {
            let byte = bits.get(region / 8).copied().unwrap_or(0);
            if byte & (1 << (region % 8)) != 0 {
                found.push(region as u64 * REGION_BYTES);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, Intents, PIECE_BYTES, Pieces, REGION_BYTES};

    #[test]
    fn pieces_come_round_and_go() {
        let mut pieces = Pieces::of(200 * PIECE_BYTES + 5);
        pieces.mark(PIECE_BYTES * 3 + 1, 1, Doubt::Suspect);
        pieces.mark(PIECE_BYTES * 199, PIECE_BYTES + 5, Doubt::Written);
        assert_eq!(pieces.count(), 3);
        assert_eq!(pieces.next_marked(), Some((3, Doubt::Suspect)));
        pieces.clear(3);
        assert_eq!(pieces.next_marked(), Some((199, Doubt::Written)));
        pieces.mark(0, 1, Doubt::Suspect);
        pieces.mark(0, 1, Doubt::Written);
        pieces.clear(199);
        assert_eq!(pieces.next_marked(), Some((200, Doubt::Written)));
        assert_eq!(pieces.span(200), (200 * PIECE_BYTES, 5));
        pieces.clear(200);
        assert_eq!(pieces.next_marked(), Some((0, Doubt::Written)));
        assert!(pieces.covers(5, 100) && !pieces.covers(5, PIECE_BYTES));
        pieces.clear(0);
        assert_eq!((pieces.next_marked(), pieces.count()), (None, 0));
    }

    #[test]
    fn a_region_stays_marked_until_what_was_written_last_is_confirmed() {
        let mut intents = Intents::of(20 * REGION_BYTES);
        let new = intents.mark(7 * REGION_BYTES, REGION_BYTES + 1, 1);
        assert_eq!(new, Some(0..2));
        // Another write must not go on before that is kept.
        assert_eq!(intents.mark(7 * REGION_BYTES, 1, 1), Some(0..1));
        let bits = intents.keep(0..2);
        assert_eq!(bits, [0x80, 0x01]);
        intents.is_kept(0, &bits);
        assert_eq!(intents.mark(7 * REGION_BYTES, 1, 2), None);
        assert!(intents.confirm(1, |_, _| false));
        assert_eq!(intents.bits()[..2], [0x80, 0]);
        assert!(!intents.confirm(2, |_, _| true));
        let kept = intents.bits().to_vec();
        assert!(intents.confirm(2, |_, _| false));
        assert_eq!(intents.marked_bytes(), 0);
        assert_eq!(intents.recover(&kept), [7 * REGION_BYTES]);
    }
}
