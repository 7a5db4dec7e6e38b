//! A stated scenario of a forecast.
#![no_main]

use fuzz::bounded;
use libfuzzer_sys::fuzz_target;

/// What the reader of TOML allocates beside: its tables of a document's parts.
const TOML_BYTES: usize = 1 << 20;

fuzz_target!(|text: &str| {
    let read = bounded(text.as_bytes(), TOML_BYTES, |_| {
        simulator::forecast::Scenario::parse("scenario", text)
    });
    drop(read);
});
