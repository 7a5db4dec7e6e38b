//! What the fuzz targets share: the allocator that counts, keys, and the properties that they hold
//! parsers to.
//!
//! A parser must not panic, whatever it reads; what it takes, written again, must be read as the same;
//! and it must not allocate out of proportion to what it was given.

use std::alloc::System;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use engine::format::keyslot;
use engine::ids::ObjectId;
use engine::seal::{Keyring, unwrap_keyring};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

// The room of reports needs polars, which takes minutes to build; its parsers of text do not.
#[allow(dead_code, reason = "the targets only parse")]
#[path = "../../reports/src"]
mod reports {
    pub mod error;
    pub mod price;
    pub mod redundancy;
    pub mod drill {
        pub mod objectives;
    }
}

pub use reports::drill::objectives;
pub use reports::error::ReportError;
pub use reports::price;
pub use reports::redundancy::Redundancy;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that a parser may allocate in all, for errors and the like, whatever it reads.
const ALLOWED_BYTES: usize = 64 << 10;
/// Bytes that it may allocate in all for each that it reads: a list of 48-byte items that are written
/// in four bytes each, growing by doubling, comes to 36.
const ALLOWED_PER_BYTE: usize = 64;

/// What opens the vaults that are committed as fixtures.
pub const PASSPHRASE: &[u8] = b"a passphrase for everyone to read";

/// The committed vault whose objects the targets begin with.
pub fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/vault-v2")
}

/// The keys of the committed vault.
pub fn keys() -> &'static Keyring {
    static KEYS: OnceLock<Keyring> = OnceLock::new();
    KEYS.get_or_init(|| {
        let header = std::fs::read(fixture().join("vault")).expect("the fixture's header");
        let header = keyslot::read_vault("vault", &header).expect("a header");
        let slots = std::fs::read_dir(fixture().join("keys")).expect("the fixture's key slots");
        let slot = slots.flatten().next().expect("a key slot").path();
        let slot = std::fs::read(slot).expect("a key slot");
        let slot = keyslot::read_slot("slot", &slot).expect("a key slot");
        let keys = unwrap_keyring(header.vault, "slot", &slot, PASSPHRASE);
        keys.expect("the keyring").expect("the passphrase is right")
    })
}

/// Takes an id off the beginning of `data`.
pub fn split_id(data: &[u8]) -> Option<(ObjectId, &[u8])> {
    let (id, rest) = data.split_first_chunk::<16>()?;
    Some((ObjectId(*id), rest))
}

/// Runs a parser of `data` and holds it to its bound, and `beside` bytes.
///
/// # Panics
/// When it allocates more.
pub fn bounded<T>(data: &[u8], beside: usize, parse: impl FnOnce(&[u8]) -> T) -> T {
    let region = Region::new(ALLOCATOR);
    let parsed = parse(data);
    let allocated = region.change().bytes_allocated;
    let allowed = ALLOWED_BYTES + ALLOWED_PER_BYTE * data.len() + beside;
    assert!(
        allocated <= allowed,
        "{allocated} bytes allocated for {} read",
        data.len()
    );
    parsed
}

/// What is read is bounded, and written again it reads as the same.
///
/// # Panics
/// When that is not so.
pub fn round_trip<T: PartialEq + Debug>(
    data: &[u8],
    read: impl Fn(&[u8]) -> engine::Result<T>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(value) = bounded(data, 0, &read) else {
        return;
    };
    let again = read(&write(&value)).expect("what was written is read");
    assert_eq!(again, value);
}

/// `data` with the checksum of the two plaintext objects.
pub fn with_checksum(data: &[u8]) -> Vec<u8> {
    let sum = blake3::hash(data);
    [data, &sum.as_bytes()[..16]].concat()
}
