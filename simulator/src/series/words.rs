//! Generated text: prose, log lines and source, as cheap to make as they are to compress.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::stream;

/// A vocabulary whose words come up as in natural language: the second half as often as the
/// first, the third a third (Zipf). That is what makes generated text compress like text.
pub(super) struct Words {
    vocabulary: Vec<Vec<u8>>,
    /// Each word's number as often as its share of 65,536: one 16-bit draw finds a word.
    table: Vec<u16>,
}

impl Words {
    const COUNT: u16 = 2048;
    const TABLE: usize = 1 << 16;
    /// Columns after which a line of text ends.
    const LINE: usize = 72;

    pub(super) fn new(seed: u64) -> Self {
        const LETTERS: &[u8; 32] = b"eeeeetttaaaooiinnsshhrrdlcumpgbw";
        let mut rng = stream(seed, "words", "vocabulary", 0);
        let mut word = || -> Vec<u8> {
            let length = rng.random_range(2..=10_u32);
            (0..length)
                .map(|_| LETTERS[rng.random_range(0..32_u32) as usize])
                .collect()
        };
        let vocabulary = (0..Self::COUNT).map(|_| word()).collect();
        let mut table = Vec::with_capacity(Self::TABLE);
        for rank in 0..Self::COUNT {
            // 8.2 is the sum of 1/rank over the vocabulary, so the shares fill the table.
            let share = Self::TABLE * 10 / (82 * (usize::from(rank) + 1));
            table.extend(std::iter::repeat_n(rank, share.max(1)));
        }
        // Rounding leaves the table a little off: the first word makes up for it.
        table.resize(Self::TABLE, 0);
        Self { vocabulary, table }
    }

    /// Four words from one draw.
    fn four(&self, rng: &mut ChaCha8Rng) -> [&[u8]; 4] {
        let draw = rng.next_u64();
        [0, 16, 32, 48].map(|shift| {
            let word = self.table[(draw >> shift) as usize % Self::TABLE];
            self.vocabulary[usize::from(word)].as_slice()
        })
    }

    /// Exactly `bytes` of lines of words.
    pub(super) fn prose(&self, rng: &mut ChaCha8Rng, bytes: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes + 64);
        let mut line_start = 0;
        while text.len() < bytes {
            for word in self.four(rng) {
                text.extend_from_slice(word);
                text.push(b' ');
            }
            if text.len() - line_start > Self::LINE {
                text.push(b'\n');
                line_start = text.len();
            }
        }
        text.truncate(bytes);
        text
    }

    /// At least `bytes` of whole log lines, the times of one working day apart.
    pub(super) fn log(&self, rng: &mut ChaCha8Rng, day: u32, bytes: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes + 128);
        let mut second = 0;
        while text.len() < bytes {
            let draw = rng.next_u32();
            second += draw % 16;
            let (hour, minute) = (8 + second / 3600 % 16, second / 60 % 60);
            let level = if draw.is_multiple_of(50) {
                "warn"
            } else {
                "info"
            };
            let stamp = format!(
                "2026-01-{day:02}T{hour:02}:{minute:02}:{:02}Z {level} request={:08x}",
                second % 60,
                draw.swap_bytes()
            );
            text.extend_from_slice(stamp.as_bytes());
            for word in self.four(rng) {
                text.push(b' ');
                text.extend_from_slice(word);
            }
            text.push(b'\n');
        }
        text
    }

    /// At least `bytes` of something with the shape of source text.
    pub(super) fn code(&self, rng: &mut ChaCha8Rng, bytes: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes + 256);
        while text.len() < bytes {
            let [a, b, c, d] = self.four(rng);
            let parts: [&[u8]; 13] = [
                b"fn ",
                a,
                b"_",
                b,
                b"(",
                c,
                b": u64) -> u64 {\n    let ",
                d,
                b" = ",
                c,
                b" + 1;\n    ",
                d,
                b"\n}\n\n",
            ];
            text.extend(parts.concat());
        }
        text
    }
}
