//! What one site says to the other.
#![no_main]

use engine::format::member::Message;
use fuzz::round_trip;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(data, Message::read, Message::write);
});
