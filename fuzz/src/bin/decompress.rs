//! Undoing compression: the length told and the packed bytes; and the way there and back.
#![no_main]

use engine::format::layout::Codec;
use engine::format::pack::BLOB_BYTES_MAX;
use engine::seal::{compress_into, decompress};
use fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((told, data)) = data.split_first_chunk::<4>() else {
        return;
    };
    let raw_bytes = (u32::from_le_bytes(*told) % (BLOB_BYTES_MAX + 1)) as usize;
    for codec in [Codec::Raw, Codec::Zstd] {
        let raw = bounded(data, raw_bytes, |data| decompress(codec, data, raw_bytes));
        assert!(raw.is_none_or(|raw| raw.len() == raw_bytes));
    }
    let mut packed = Vec::new();
    let codec = compress_into(data, &mut packed);
    assert_eq!(
        decompress(codec, &packed, data.len()).as_deref(),
        Some(data)
    );
});
