//! A listing blob, opened.
#![no_main]

use engine::format::listing::{read_entries, write_entry};
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(
        data,
        |bytes| read_entries("listing", bytes),
        |entries| {
            let mut out = Vec::new();
            entries
                .iter()
                .for_each(|entry| write_entry(entry, &mut out));
            out
        },
    );
});
