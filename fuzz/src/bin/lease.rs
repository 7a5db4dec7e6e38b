//! A lease, opened.
#![no_main]

use engine::format::lease;
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(data, |bytes| lease::read("object", bytes), lease::write);
});
