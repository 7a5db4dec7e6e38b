//! A part of a replicated batch: its header, and what is behind the seal of its index.
#![no_main]

use engine::format::part::{HEADER_BYTES, Header, Index};
use fuzz::{bounded, round_trip};
use libfuzzer_sys::fuzz_target;

/// The group's disks: a large one and a small one.
const DISKS: [u64; 2] = [1 << 40, 4096];

fuzz_target!(|data: &[u8]| {
    let Ok(header) = bounded(data, 0, |bytes| Header::read("object", bytes)) else {
        return;
    };
    let again = Header::read("object", &header.write());
    assert_eq!(again.expect("what was written is read"), header);
    let read = |bytes: &[u8]| Index::read("object", &header, bytes, &DISKS);
    round_trip(&data[HEADER_BYTES..], read, Index::write);
});
