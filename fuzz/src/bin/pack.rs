//! A pack: whole, under its id; or with a trailer and footer that are sealed here, so that what is
//! behind the seals is reached. Also the plain tables. The first bytes are the id and which of the two.
#![no_main]

use engine::format::layout::{Codec, Kind, header};
use engine::format::pack::{BlobEntry, Footer, read_entries, write_entries};
use engine::ids::ObjectId;
use engine::seam::SystemEntropy;
use engine::vault::verify_pack;
use fuzz::{bounded, keys, round_trip, split_id};
use libfuzzer_sys::fuzz_target;

/// The longest trailer, which its maker tells behind the seal.
const RAW_BYTES_MAX: usize = 1 << 30;

fuzz_target!(|data: &[u8]| {
    let Some((id, [mode, rest @ ..])) = split_id(data) else {
        return;
    };
    round_trip(
        rest,
        |bytes| read_entries("pack", bytes),
        |entries: &Vec<BlobEntry>| write_entries(entries),
    );
    if let Ok(footer) = Footer::read("pack", rest, u64::from(*mode)) {
        let again = Footer::read("pack", &footer.write(), u64::from(*mode));
        assert_eq!(again.expect("what was written is read"), footer);
    }
    let mut pack = if mode % 2 == 1 {
        sealed(id, rest)
    } else {
        rest.to_vec()
    };
    let given = pack.clone();
    let verified = bounded(&given, RAW_BYTES_MAX, |_| {
        verify_pack(keys(), id, &mut pack)
    });
    if let Ok(contents) = verified {
        let stored = contents
            .record
            .entries
            .iter()
            .map(|entry| u64::from(entry.stored_bytes));
        assert!(stored.sum::<u64>() < contents.record.pack_bytes);
    }
});

/// A pack with the footer and trailer that `data` tells, the footer's place of the trailer being
/// right where it tells 0.
fn sealed(id: ObjectId, data: &[u8]) -> Vec<u8> {
    let Some((footer, rest)) = data.split_first_chunk::<16>() else {
        return data.to_vec();
    };
    let Some((blobs, rest)) = rest.split_first() else {
        return data.to_vec();
    };
    let (blobs, trailer) = rest.split_at(usize::from(*blobs).min(rest.len()));
    let mut pack = header(Kind::Pack, keys().epoch()).to_vec();
    pack.extend_from_slice(blobs);
    let offset = pack.len() as u64;
    seal(Kind::Trailer, id, trailer, &mut pack);
    let mut footer = *footer;
    if footer[..8] == [0; 8] {
        footer[..8].copy_from_slice(&offset.to_le_bytes());
        let bytes = (pack.len() as u64 - offset) as u32;
        footer[8..12].copy_from_slice(&bytes.to_le_bytes());
    }
    seal(Kind::Footer, id, &footer, &mut pack);
    pack
}

fn seal(kind: Kind, id: ObjectId, body: &[u8], out: &mut Vec<u8>) {
    let length = body.len() as u64;
    keys().seal_with(&SystemEntropy, kind, &id.widened(), length, out, |out| {
        out.extend_from_slice(body);
        Codec::Raw
    });
}
