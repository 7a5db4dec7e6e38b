//! A key slot, as it is and with a checksum that is right; a cheap one is tried with a passphrase.
#![no_main]

use engine::format::keyslot::{read_slot, write_slot};
use engine::seal::unwrap_keyring;
use fuzz::{PASSPHRASE, keys, round_trip, with_checksum};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for bytes in [data, &with_checksum(data)] {
        round_trip(bytes, |bytes| read_slot("slot", bytes), write_slot);
        if let Ok(slot) = read_slot("slot", bytes)
            && slot.cost.memory_kib <= 256
            && slot.cost.passes <= 2
        {
            let _ = unwrap_keyring(keys().vault(), "slot", &slot, PASSPHRASE).is_ok();
        }
    }
});
