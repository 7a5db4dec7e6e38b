//! A list of extents, opened; the first eight bytes are what it is to cover.
#![no_main]

use engine::format::listing::{read_extents, write_extents};
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((covers, data)) = data.split_first_chunk::<8>() else {
        return;
    };
    let covers = u64::from_le_bytes(*covers);
    let read = |bytes: &[u8]| read_extents("extents", bytes, covers);
    round_trip(data, read, |extents| write_extents(extents));
});
