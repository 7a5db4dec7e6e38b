//! Names of things in a vault: 16 random bytes for objects, 32 bytes of keyed hash for blobs.

use std::fmt;
use std::str::FromStr;

use crate::seam::Entropy;

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: expected hexadecimal digits of the right length")
    }
}

impl std::error::Error for NotAnId {}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = text.as_bytes();
                if digits.len() != $len * 2 {
                    return Err(NotAnId);
                }
                let mut bytes = [0; $len];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
                }
                Ok(Self(bytes))
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                d.bytes()?.try_into().map(Self).map_err(|_| {
                    minicbor::decode::Error::message("id of the wrong length")
                })
            }
        }
    };
}

/// Lowercase only: one thing has one name.
fn nibble(digit: u8) -> Result<u8, NotAnId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotAnId),
    }
}

id_type!(
    /// Name of a vault, drawn when it is made; bound into everything sealed in it.
    VaultId,
    16
);
id_type!(
    /// Name of an object of the vault: a pack, an index segment, a recovery point or a key slot.
    ObjectId,
    16
);
id_type!(
    /// Name of a blob: a keyed BLAKE3 hash of its plaintext, with one key per kind.
    BlobId,
    32
);

/// A recovery point's name: that of its manifest object.
pub type PointId = ObjectId;

impl ObjectId {
    /// Draws a fresh name.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// The first eight digits, as people see it.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }

    /// The 32-byte form used in key derivation and associated data: the id, then zeros.
    pub fn widened(&self) -> BlobId {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.0);
        BlobId(bytes)
    }
}
