//! Where a source is cut: by content for files, at fixed steps for disks.

use crate::units::KIB;

/// Shortest chunk of a file, but for the last.
pub const CHUNK_BYTES_MIN: usize = 128 * KIB;
/// Where the cut rule turns from strict to lenient: chunks gather around it. Half of it sends a fifth
/// less of a disk's scattered changes and packs a hundredth worse (benches/README.md).
pub const CHUNK_BYTES_MEAN: usize = 512 * KIB;
/// Longest chunk of a file.
pub const CHUNK_BYTES_MAX: usize = 1024 * KIB;
/// Default block of a disk. Changed blocks of real disks come in runs of this order; smaller
/// blocks send less and cost more per byte to keep (benches/README.md).
pub const BLOCK_BYTES_DEFAULT: u64 = 64 * 1024;

/// Bytes that the gear hash remembers: one for each bit of its word.
const WINDOW_BYTES: usize = 64;

/// How a source is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// By content: an insertion moves the cuts with it, so that what follows is found again.
    Content,
    /// Every so many bytes: for disks, whose blocks stay in place.
    Fixed(usize),
}

impl Cut {
    /// Bytes that must be at hand to find the next cut, unless the source ends before.
    pub fn lookahead_bytes(self) -> usize {
        match self {
            Self::Content => CHUNK_BYTES_MAX,
            Self::Fixed(block) => block,
        }
    }

    /// Length of the first chunk of `bytes`, which holds [`Self::lookahead_bytes`] or ends with
    /// the source.
    pub fn first(self, table: &[u64; 256], bytes: &[u8]) -> usize {
        match self {
            Self::Content => first_by_content(table, bytes),
            Self::Fixed(block) => block.min(bytes.len()),
        }
    }
}

/// By how many bits the rule is stricter before the mean and more lenient after it: lengths that
/// differ little make a change cost little.
const NORMALISED_BITS: u32 = 2;

/// `FastCDC`'s normalised rule (Xia et al., USENIX ATC 2016) on a gear hash, in the hash's high bits,
/// which depend on the whole window.
fn first_by_content(table: &[u64; 256], bytes: &[u8]) -> usize {
    let end = bytes.len().min(CHUNK_BYTES_MAX);
    if end <= CHUNK_BYTES_MIN {
        return end;
    }
    let bits = CHUNK_BYTES_MEAN.ilog2();
    let mask = |bits: u32| u64::MAX << (64 - bits);
    let mut hasher = gearhash::Hasher::new(table);
    hasher.update(&bytes[CHUNK_BYTES_MIN - WINDOW_BYTES..CHUNK_BYTES_MIN]);
    let normal = end.min(CHUNK_BYTES_MEAN);
    if let Some(at) = hasher.next_match(
        &bytes[CHUNK_BYTES_MIN..normal],
        mask(bits + NORMALISED_BITS),
    ) {
        return CHUNK_BYTES_MIN + at;
    }
    match hasher.next_match(&bytes[normal..end], mask(bits - NORMALISED_BITS)) {
        Some(at) => normal + at,
        None => end,
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, Cut};
    use proptest::prelude::*;

    fn table() -> [u64; 256] {
        let mut stream = [0; 2048];
        blake3::Hasher::new()
            .update(b"table")
            .finalize_xof()
            .fill(&mut stream);
        let words = stream.as_chunks::<8>().0;
        std::array::from_fn(|index| u64::from_le_bytes(words[index]))
    }

    fn noise(seed: u64, bytes: usize) -> Vec<u8> {
        let mut out = vec![0; bytes];
        blake3::Hasher::new()
            .update(&seed.to_le_bytes())
            .finalize_xof()
            .fill(&mut out);
        out
    }

    fn lengths(table: &[u64; 256], mut bytes: &[u8]) -> Vec<usize> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let length = Cut::Content.first(table, bytes);
            out.push(length);
            bytes = &bytes[length..];
        }
        out
    }

    /// The rule as `engine/FORMAT.md` tells it, byte by byte.
    fn first_by_the_book(table: &[u64; 256], bytes: &[u8]) -> usize {
        if bytes.len() <= 131_072 {
            return bytes.len();
        }
        let roll = |h: u64, byte: &u8| (h << 1).wrapping_add(table[usize::from(*byte)]);
        let mut h = bytes[131_008..131_072].iter().fold(0, roll);
        for (at, byte) in bytes.iter().enumerate().take(1_048_576).skip(131_072) {
            h = roll(h, byte);
            let mask = if at < 524_288 {
                0xffff_f800_0000_0000
            } else {
                0xffff_8000_0000_0000
            };
            if h & mask == 0 {
                return at + 1;
            }
        }
        bytes.len().min(1_048_576)
    }

    /// Boundaries are part of the format: if they moved, nothing would be found again.
    #[test]
    fn the_cuts_are_those_of_the_book_and_stay() {
        let (table, bytes) = (table(), noise(7, 6 << 20));
        let mut at = 0;
        for length in lengths(&table, &bytes) {
            assert_eq!(length, first_by_the_book(&table, &bytes[at..]), "at {at}");
            at += length;
        }
        assert_eq!(
            lengths(&table, &bytes)[..4],
            [625_909, 530_537, 933_133, 534_314]
        );
    }

    /// Chunks that are not found again when a source has had so many bytes put before it.
    fn changed(seed: u64, bytes: usize, insert: usize) -> usize {
        let table = table();
        let old = noise(seed, bytes);
        let mut new = noise(seed ^ 1, insert);
        new.extend_from_slice(&old);
        let (old, new) = (lengths(&table, &old), lengths(&table, &new));
        let same = old.iter().rev().zip(new.iter().rev());
        old.len() - same.take_while(|(old, new)| old == new).count()
    }

    /// An insertion at the start changes one chunk, and now and then a few: in how many the cuts fall into step again is
    /// a matter of chance, so that no number of them holds for every source.
    #[test]
    fn an_insertion_moves_the_cuts_with_it() {
        let sources = 100;
        let all = (0..sources).map(|seed| changed(seed, 8 << 20, 1 + seed as usize * 49));
        let all: usize = all.sum();
        assert!(all <= 110, "{all} chunks of {sources} sources changed");
        // One that takes long, and comes back.
        assert_eq!(changed(6_467_959_888_277_849_891, 24 << 20, 2782), 11);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// Every chunk but the last keeps the bounds.
        #[test]
        fn chunks_keep_their_bounds(seed: u64, bytes in 0_usize..4_000_000) {
            let lengths = lengths(&table(), &noise(seed, bytes));
            prop_assert_eq!(lengths.iter().sum::<usize>(), bytes);
            for length in &lengths[..lengths.len().saturating_sub(1)] {
                prop_assert!((CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(length));
            }
        }
    }
}
