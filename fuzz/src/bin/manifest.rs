//! A point's manifest, opened.
#![no_main]

use engine::format::point;
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(data, |bytes| point::read("object", bytes), point::write);
});
