//! zstd, with a test for incompressible bytes before effort is spent.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use crate::format::layout::Codec;
use crate::units::KIB;

/// zstd's default: on these sizes the best ratio before cost rises steeply (benches/README.md).
const LEVEL: i32 = 3;
/// Blobs from this size on are sampled first: below it the sample costs as much as the thing.
const SAMPLED_FROM_BYTES: usize = 32 * KIB;
/// Bytes of one sample; two are taken, at a quarter and at three quarters.
const SAMPLE_BYTES: usize = 4 * KIB;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static SAMPLER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Appends `raw` to `out`, compressed if that saves at least a thirty-second of it; tells which.
pub fn compress_into(raw: &[u8], out: &mut Vec<u8>) -> Codec {
    let start = out.len();
    if worth_trying(raw) {
        out.resize(start + zstd::zstd_safe::compress_bound(raw.len()), 0);
        let written = with(&COMPRESSOR, LEVEL, |compressor| {
            compressor.compress_to_buffer(raw, &mut out[start..]).ok()
        });
        if let Some(written) = written
            && written < raw.len() - raw.len() / 32
        {
            out.truncate(start + written);
            return Codec::Zstd;
        }
        out.truncate(start);
    }
    out.extend_from_slice(raw);
    Codec::Raw
}

/// Whether two small samples shrink at the fastest setting.
fn worth_trying(raw: &[u8]) -> bool {
    if raw.len() < SAMPLED_FROM_BYTES {
        return !raw.is_empty();
    }
    let mut buffer = [0_u8; SAMPLE_BYTES + 512];
    [raw.len() / 4, raw.len() / 4 * 3].into_iter().any(|at| {
        let sample = &raw[at..at + SAMPLE_BYTES];
        let written = with(&SAMPLER, 1, |compressor| {
            compressor.compress_to_buffer(sample, &mut buffer[..]).ok()
        });
        written.is_some_and(|written| written < SAMPLE_BYTES - SAMPLE_BYTES / 32)
    })
}

fn with(
    cell: &'static std::thread::LocalKey<RefCell<Option<Compressor<'static>>>>,
    level: i32,
    job: impl FnOnce(&mut Compressor<'static>) -> Option<usize>,
) -> Option<usize> {
    cell.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Compressor::new(level).ok();
        }
        slot.as_mut().and_then(job)
    })
}

/// Undoes [`compress_into`]: gives exactly `raw_bytes` bytes, or `None`.
pub fn decompress(codec: Codec, packed: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
    match codec {
        Codec::Raw => (packed.len() == raw_bytes).then(|| packed.to_vec()),
        Codec::Zstd => DECOMPRESSOR.with_borrow_mut(|slot| {
            if slot.is_none() {
                *slot = Decompressor::new().ok();
            }
            let raw = slot.as_mut()?.decompress(packed, raw_bytes).ok()?;
            (raw.len() == raw_bytes).then_some(raw)
        }),
    }
}
