//! A tombstone, opened.
#![no_main]

use engine::format::tombstone;
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(
        data,
        |bytes| tombstone::read("object", bytes),
        tombstone::write,
    );
});
