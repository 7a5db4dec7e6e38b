//! A ledger of drills: what was ever read back, and how the last drills went.

use minicbor::{Decode, Encode};

use crate::error::Result;
use crate::ids::{ObjectId, PointId};
use crate::units::Timestamp;

/// Drills that a ledger tells of; older ones are forgotten, what they read is not.
pub const RUNS_MAX: usize = 100;

/// What a drill was asked to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Scope {
    /// The newest point of each instance.
    #[n(0)]
    Newest,
    /// A share of all packs, those first that were never read back or longest ago.
    #[n(1)]
    Sample,
    /// Every point.
    #[n(2)]
    All,
    /// One point.
    #[n(3)]
    Point,
}

impl Scope {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Sample => "sample",
            Self::All => "all",
            Self::Point => "point",
        }
    }
}

/// Work that takes time, and the time that it took in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Measured {
    /// Points restored.
    #[n(0)]
    pub points: u64,
    /// Opening the vault: the passphrase.
    #[n(1)]
    pub vault_micros: u64,
    /// Manifests in the vault.
    #[n(2)]
    pub manifests: u64,
    /// Reading them.
    #[n(3)]
    pub catalog_micros: u64,
    /// Blobs in the indexes read.
    #[n(4)]
    pub blobs: u64,
    /// Reading those.
    #[n(5)]
    pub index_micros: u64,
    /// Entries of the listings read.
    #[n(6)]
    pub entries: u64,
    /// Reading those.
    #[n(7)]
    pub listing_micros: u64,
    /// One small request to the store.
    #[n(8)]
    pub request_micros: u64,
    /// Requests for content.
    #[n(9)]
    pub requests: u64,
    /// Bytes that those fetched.
    #[n(10)]
    pub fetched_bytes: u64,
    /// Waiting for them.
    #[n(11)]
    pub fetch_micros: u64,
    /// Bytes of files that they were opened to.
    #[n(12)]
    pub content_bytes: u64,
    /// Waiting for that.
    #[n(13)]
    pub open_micros: u64,
    /// Waiting for the files to be written.
    #[n(14)]
    pub write_micros: u64,
    /// Reading them again, and holding them against the listing.
    #[n(15)]
    pub validate_micros: u64,
}

/// One drill.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Run {
    /// When it began, by the clock of the machine that ran it.
    #[n(0)]
    pub at: Timestamp,
    /// Host and process, for people.
    #[n(1)]
    pub by: String,
    /// What it was asked to read.
    #[n(2)]
    pub scope: Scope,
    /// Whether files were written to scratch; else they were only read.
    #[n(3)]
    pub scratch: bool,
    /// Whether all that it read was whole.
    #[n(4)]
    pub good: bool,
    /// Bytes read back and verified.
    #[n(5)]
    pub bytes: u64,
    /// From the command's start to its end.
    #[n(6)]
    pub micros: u64,
    /// Points that were restored whole.
    #[n(7)]
    pub points: Vec<PointId>,
    /// Where its time went.
    #[n(8)]
    pub measured: Measured,
}

/// What was read back of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PackRead {
    /// The pack.
    #[n(0)]
    pub pack: ObjectId,
    /// When; the oldest where several drills each read a part.
    #[n(1)]
    pub at: Timestamp,
    /// One bit per blob in the order in which they lie, low bits first; empty for all of them.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub blobs: Vec<u8>,
}

/// What is known of reading back. A later ledger takes in those before it, which are then removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ledger {
    /// The last drills, oldest first.
    #[n(0)]
    pub runs: Vec<Run>,
    /// What was read back of each pack that there was.
    #[n(1)]
    pub packs: Vec<PackRead>,
    /// When each point was last restored whole.
    #[n(2)]
    pub points: Vec<PointRead>,
}

/// A point that was restored whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PointRead {
    /// The point.
    #[n(0)]
    pub point: PointId,
    /// When, by the clock of the machine that did.
    #[n(1)]
    pub at: Timestamp,
}

/// The ledger's bytes.
pub fn write(ledger: &Ledger) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode(ledger, &mut out);
    out
}

/// Reads a ledger.
///
/// # Errors
/// `Corrupt` naming `object`.
pub fn read(object: &str, bytes: &[u8]) -> Result<Ledger> {
    super::decode(object, bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Ledger, Measured, PackRead, PointRead, Run, Scope, read, write};
    use crate::ids::ObjectId;
    use crate::units::Timestamp;

    fn ledger() -> Ledger {
        let at = Timestamp {
            seconds: 1_795_500_000,
            nanos: 0,
        };
        Ledger {
            runs: vec![Run {
                at,
                by: "host (7)".to_owned(),
                scope: Scope::Sample,
                scratch: false,
                good: true,
                bytes: 300,
                micros: 400,
                points: vec![ObjectId([3; 16])],
                measured: Measured {
                    points: 1,
                    ..Measured::default()
                },
            }],
            packs: vec![PackRead {
                pack: ObjectId([1; 16]),
                at,
                blobs: vec![0b101],
            }],
            points: vec![PointRead {
                point: ObjectId([3; 16]),
                at,
            }],
        }
    }

    #[test]
    fn bytes_at_rest_stay_as_they_are() {
        let bytes = write(&ledger());
        assert_eq!(read("drills/x", &bytes).expect("it reads"), ledger());
        let hash = blake3::hash(&bytes).to_string();
        assert_eq!((bytes.len(), &hash[..16]), (150, "04f52f3cccd87a2a"));
    }

    proptest! {
        #[test]
        fn other_bytes_are_an_error_and_no_panic(
            at in any::<prop::sample::Index>(), flip in 1_u8.., cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = write(&ledger());
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let _ = read("drills/x", &bytes).is_ok();
            let cut = cut.index(bytes.len());
            prop_assert!(read("drills/x", &write(&ledger())[..cut]).is_err());
        }
    }
}
