//! An index segment: which blobs lie in which packs, one record per pack.

use crate::error::{Error, Result};
use crate::ids::ObjectId;

use super::pack::{BlobEntry, ENTRY_BYTES, read_entries, write_entries};

/// One pack and its blobs in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackRecord {
    /// The pack's name.
    pub pack: ObjectId,
    /// The pack object's size in bytes.
    pub pack_bytes: u64,
    /// Its blobs in the order in which they lie.
    pub entries: Vec<BlobEntry>,
}

/// Appends a record: pack id, size (u64), number of entries (u32), the entries.
pub fn write_record(record: &PackRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(&record.pack.0);
    out.extend_from_slice(&record.pack_bytes.to_le_bytes());
    out.extend_from_slice(&(record.entries.len() as u32).to_le_bytes());
    out.extend_from_slice(&write_entries(&record.entries));
}

/// Reads all records of a segment.
///
/// # Errors
/// `Corrupt` naming `object`.
pub fn read_records(object: &str, mut bytes: &[u8]) -> Result<Vec<PackRecord>> {
    let broken = || Error::corrupt(object, "its records do not parse");
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (pack, rest) = bytes.split_first_chunk::<16>().ok_or_else(broken)?;
        let (pack_bytes, rest) = rest.split_first_chunk::<8>().ok_or_else(broken)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let table = u32::from_le_bytes(*count) as usize * ENTRY_BYTES;
        let (table, rest) = rest.split_at_checked(table).ok_or_else(broken)?;
        records.push(PackRecord {
            pack: ObjectId(*pack),
            pack_bytes: u64::from_le_bytes(*pack_bytes),
            entries: read_entries(object, table)?,
        });
        bytes = rest;
    }
    Ok(records)
}
