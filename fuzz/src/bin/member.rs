//! What a site keeps of itself and of what was written since earlier instants: as they are, or with the hash that
//! finds damage made here, so that what is behind it is reached. The first byte says which.
#![no_main]

use engine::format::marks::Marks;
use engine::format::member::Member;
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let mut kept = rest.to_vec();
    if mode & 1 == 1 {
        kept.extend_from_slice(blake3::hash(rest).as_bytes());
    }
    if mode & 2 == 0 {
        round_trip(&kept, |bytes| Member::read("object", bytes), Member::write);
    } else {
        round_trip(&kept, |bytes| Marks::read("object", bytes), Marks::write);
    }
});
