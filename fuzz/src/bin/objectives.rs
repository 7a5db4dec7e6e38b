//! Objectives of drills.
#![no_main]

use fuzz::bounded;
use libfuzzer_sys::fuzz_target;

/// What the reader of TOML allocates beside: its tables of a document's parts.
const TOML_BYTES: usize = 1 << 20;

fuzz_target!(|text: &str| {
    let read = bounded(text.as_bytes(), TOML_BYTES, |_| {
        fuzz::objectives::Objectives::parse("objectives", text)
    });
    if let Ok(objectives) = read {
        let _ = objectives.of("instance");
    }
});
