//! Which pieces of a group's disks were written since some instants, as a site that was written keeps it from one
//! run to the next.
//!
//! Version history:
//! 1. The first (November 2026).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::ObjectId;

/// The version of this record.
pub const VERSION: u16 = 1;

/// What was written since one instant, up to the next.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Mark {
    /// The instant's name.
    #[n(0)]
    pub id: ObjectId,
    /// One bit for each piece of 64 KiB of each disk, lowest first.
    #[n(1)]
    pub disks: Vec<ByteVec>,
}

/// What is kept at a proper end, and taken away before the disks are written again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Marks {
    /// The format's version.
    #[n(0)]
    pub version: u16,
    /// The group.
    #[n(1)]
    pub group: ObjectId,
    /// The generation in which the disks were written.
    #[n(2)]
    pub generation: u64,
    /// What told each disk from one that was touched since, at the end; empty where nothing can.
    #[n(3)]
    pub stamps: Vec<String>,
    /// The instants, oldest first.
    #[n(4)]
    pub marks: Vec<Mark>,
    /// Whether the disks may have been written since: then the rest counts for nothing.
    #[n(5)]
    pub in_use: bool,
}

impl Marks {
    /// Its bytes: CBOR, and a hash that finds damage.
    pub fn write(&self) -> Vec<u8> {
        super::write_checked(self)
    }

    /// Reads what `object` keeps.
    ///
    /// # Errors
    /// `Corrupt` for what does not parse, `Unsupported` for a newer version.
    pub fn read(object: &str, bytes: &[u8]) -> Result<Self> {
        let marks: Self = super::read_checked(object, bytes)?;
        if marks.version != VERSION {
            let what = format!(
                "{object} is of version {}, and this firedrill knows {VERSION}: use a newer one",
                marks.version
            );
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        Ok(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, Marks, VERSION};
    use crate::ErrorKind;
    use crate::ids::ObjectId;

    #[test]
    fn a_flip_is_found_and_nothing_panics() {
        let marks = Marks {
            version: VERSION,
            group: ObjectId([1; 16]),
            generation: 3,
            stamps: vec!["a".to_owned()],
            marks: vec![Mark {
                id: ObjectId([2; 16]),
                disks: vec![vec![1, 2].into()],
            }],
            in_use: false,
        };
        let bytes = marks.write();
        assert_eq!(Marks::read("marks", &bytes).unwrap(), marks);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let error = Marks::read("marks", &flipped).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            Marks::read("marks", &bytes[..at]).unwrap_err();
        }
    }
}
