//! A scenario of trials: every error has its line, and what is read can be told in words.
#![no_main]

use fuzz::bounded;
use libfuzzer_sys::fuzz_target;
use simulator::scenario::Scenario;

/// What the reader of TOML allocates beside, its tables of a document's parts; and the profiles of components, which
/// are read once.
const TOML_BYTES: usize = 4 << 20;

fuzz_target!(|text: &str| {
    let read = bounded(text.as_bytes(), TOML_BYTES, |_| {
        Scenario::parse("scenario", text)
    });
    match read {
        Ok(scenario) => assert!(!scenario.meaning().is_empty()),
        Err(error) => assert!(error.to_string().starts_with("scenario scenario: line ")),
    }
});
