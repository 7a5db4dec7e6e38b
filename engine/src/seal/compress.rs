//! zstd, with a test for incompressible bytes before effort is spent.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, Strategy};

use crate::format::layout::Codec;
use crate::units::KIB;

/// How zstd looks for matches: bits of its tables, and the shortest match that it takes. Its level 3
/// with matches of six bytes for chunks, and small tables that stay in the nearest cache for small
/// files: a seventh to a quarter less time, and from 1 % less bytes (logs, tables) to 3 % more
/// (programs) (benches/README.md).
struct Effort {
    hash_log: u32,
    chain_log: u32,
    min_match: u32,
}

const CHUNKS: Effort = Effort {
    hash_log: 16,
    chain_log: 15,
    min_match: 6,
};
const SMALL: Effort = Effort {
    hash_log: 13,
    chain_log: 13,
    min_match: 5,
};
/// Blobs up to this are small.
const SMALL_BYTES_MAX: usize = 32 * KIB;
/// The longest chunk of a file: matches reach back no further.
const WINDOW_LOG: u32 = 20;

/// Bytes of one sample, and of the step from one to the next. A chunk may hold photographs and pages
/// of text side by side, so that the samples are many and small; the step is prime, so that they do
/// not fall on the same spot of every page of a database.
const SAMPLE_BYTES: usize = 256;
const SAMPLE_STEP_BYTES: usize = 4093;
/// The step in small blobs, which may hold little of anything.
const SAMPLE_STEP_SMALL_BYTES: usize = 1021;
/// Blobs shorter than this are not sampled: to try them costs no more than to look.
const SAMPLED_FROM_BYTES: usize = 4 * KIB;
/// Of 256 random bytes, 162 differ in the mean, with a deviation of 5 (balls in 256 urns): below
/// 130 a sample is not random, but once in 10^10.
const DISTINCT_MIN: u32 = 130;
/// Disks and databases repeat themselves in steps of a sector.
const SECTOR_BYTES: usize = 512;
/// What compression must save to be kept, as a divisor of the whole.
const SAVING: usize = 32;

thread_local! {
    static COMPRESSORS: RefCell<[Option<Compressor<'static>>; 2]> = const { RefCell::new([None, None]) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Appends `raw` to `out`, compressed if that saves at least a thirty-second of it; tells which.
pub fn compress_into(raw: &[u8], out: &mut Vec<u8>) -> Codec {
    let start = out.len();
    if worth_trying(raw) {
        out.resize(start + zstd::zstd_safe::compress_bound(raw.len()), 0);
        if let Some(written) = compress(raw, &mut out[start..])
            && written < raw.len() - raw.len() / SAVING
        {
            out.truncate(start + written);
            return Codec::Zstd;
        }
        out.truncate(start);
    }
    out.extend_from_slice(raw);
    Codec::Raw
}

/// Whether compression may save enough: a sample has fewer distinct bytes than compressed or
/// encrypted data has, or sectors repeat. Random bytes that repeat out of step with sectors are
/// passed over.
fn worth_trying(raw: &[u8]) -> bool {
    if raw.len() < SAMPLED_FROM_BYTES {
        return !raw.is_empty();
    }
    let step = if raw.len() <= SMALL_BYTES_MAX {
        SAMPLE_STEP_SMALL_BYTES
    } else {
        SAMPLE_STEP_BYTES
    };
    let mut samples = raw.windows(SAMPLE_BYTES).step_by(step);
    samples.any(|sample| distinct(sample) < DISTINCT_MIN) || repeats(raw)
}

/// Whether enough sectors begin as an earlier one does.
fn repeats(raw: &[u8]) -> bool {
    let sectors = raw.chunks_exact(SECTOR_BYTES);
    let mut begins: Vec<u64> = sectors
        .filter_map(|sector| Some(u64::from_ne_bytes(*sector.first_chunk()?)))
        .collect();
    begins.sort_unstable();
    let again = begins.windows(2).filter(|pair| pair[0] == pair[1]).count();
    again >= begins.len() / SAVING
}

/// How many of the 256 byte values occur.
fn distinct(sample: &[u8]) -> u32 {
    let mut seen = [false; 256];
    for byte in sample {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().map(|seen| u32::from(*seen)).sum()
}

fn compress(raw: &[u8], out: &mut [u8]) -> Option<usize> {
    let small = raw.len() <= SMALL_BYTES_MAX;
    COMPRESSORS.with_borrow_mut(|slots| {
        let slot = &mut slots[usize::from(small)];
        if slot.is_none() {
            *slot = compressor(if small { &SMALL } else { &CHUNKS }).ok();
        }
        slot.as_mut()?.compress_to_buffer(raw, out).ok()
    })
}

fn compressor(effort: &Effort) -> std::io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL)?;
    for parameter in [
        CParameter::WindowLog(WINDOW_LOG),
        CParameter::Strategy(Strategy::ZSTD_dfast),
        CParameter::HashLog(effort.hash_log),
        CParameter::ChainLog(effort.chain_log),
        CParameter::MinMatch(effort.min_match),
    ] {
        compressor.set_parameter(parameter)?;
    }
    Ok(compressor)
}

/// Undoes [`compress_into`]: gives exactly `raw_bytes` bytes, or `None`.
pub fn decompress(codec: Codec, packed: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw_bytes);
    decompress_into(codec, packed, raw_bytes, &mut out)?;
    Some(out)
}

/// As [`decompress`], appended to `out`.
#[must_use]
pub fn decompress_into(
    codec: Codec,
    packed: &[u8],
    raw_bytes: usize,
    out: &mut Vec<u8>,
) -> Option<()> {
    match codec {
        Codec::Raw => {
            let is_whole = packed.len() == raw_bytes;
            is_whole.then(|| out.extend_from_slice(packed))
        }
        Codec::Zstd => DECOMPRESSOR.with_borrow_mut(|slot| {
            if slot.is_none() {
                *slot = Decompressor::new().ok();
            }
            let start = out.len();
            out.resize(start + raw_bytes, 0);
            let bytes = slot
                .as_mut()?
                .decompress_to_buffer(packed, &mut out[start..])
                .ok()?;
            (bytes == raw_bytes).then_some(())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{compress_into, decompress};
    use crate::format::layout::Codec;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut out = vec![0; bytes];
        blake3::Hasher::new().finalize_xof().fill(&mut out);
        out
    }

    #[test]
    fn noise_is_not_tried_but_text_and_repeats_in_it_are_found() {
        let text = b"a page of text stands here. ".repeat(1000);
        let mut mixed = noise(256 << 10);
        mixed[100_000..100_000 + text.len()].copy_from_slice(&text);
        let repeated = noise(12 << 10).repeat(20);
        let cases = [
            (noise(256 << 10), Codec::Raw),
            (mixed, Codec::Zstd),
            (repeated, Codec::Zstd),
            (text, Codec::Zstd),
            (Vec::new(), Codec::Raw),
        ];
        for (raw, expected) in cases {
            let mut packed = Vec::new();
            assert_eq!(compress_into(&raw, &mut packed), expected);
            assert_eq!(decompress(expected, &packed, raw.len()), Some(raw));
        }
    }
}
