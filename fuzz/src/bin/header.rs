//! The vault header, as it is and with a checksum that is right.
#![no_main]

use engine::format::keyslot::{read_vault, write_vault};
use fuzz::{round_trip, with_checksum};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for bytes in [data, &with_checksum(data)] {
        round_trip(bytes, |bytes| read_vault("vault", bytes), write_vault);
    }
});
