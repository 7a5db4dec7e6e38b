//! An index segment, opened.
#![no_main]

use engine::format::index::{read_records, write_record};
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(
        data,
        |bytes| read_records("segment", bytes),
        |records| {
            let mut out = Vec::new();
            records
                .iter()
                .for_each(|record| write_record(record, &mut out));
            out
        },
    );
});
