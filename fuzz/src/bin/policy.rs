//! A retention policy.
#![no_main]

use fuzz::bounded;
use libfuzzer_sys::fuzz_target;

/// What the reader of TOML allocates beside: its tables of a document's parts.
const TOML_BYTES: usize = 1 << 20;

fuzz_target!(|text: &str| {
    let read = bounded(text.as_bytes(), TOML_BYTES, |_| {
        toml::from_str::<engine::retention::Policy>(text)
    });
    if let Ok(policy) = read {
        let written = toml::to_string(&policy).expect("a policy is written");
        let again = toml::from_str(&written).expect("what was written is read");
        assert_eq!(policy, again, "{written}");
        let _ = policy.check().is_ok();
    }
});
