//! A ledger of drills, opened.
#![no_main]

use engine::format::drill;
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(data, |bytes| drill::read("object", bytes), drill::write);
});
