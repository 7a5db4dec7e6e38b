//! A deletion, opened.
#![no_main]

use engine::format::deletion;
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(
        data,
        |bytes| deletion::read("object", bytes),
        deletion::write,
    );
});
