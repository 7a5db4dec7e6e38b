//! A sealed object: whole, under its id; or a body that is sealed here, so that what is behind the
//! seal is reached. The first bytes are the id and which of the two.
#![no_main]

use engine::format::layout::{Codec, Kind, header};
use engine::seal::{open_object, seal_object};
use engine::seam::SystemEntropy;
use fuzz::{bounded, keys, split_id};
use libfuzzer_sys::fuzz_target;

/// The longest body that an object may have, which its maker tells behind the seal.
const RAW_BYTES_MAX: usize = 1 << 30;

fuzz_target!(|data: &[u8]| {
    let Some((id, [mode, rest @ ..])) = split_id(data) else {
        return;
    };
    let kinds = [
        Kind::Index,
        Kind::Point,
        Kind::Lease,
        Kind::Tombstone,
        Kind::Deletion,
        Kind::Drill,
    ];
    let kind = kinds[usize::from(mode / 2) % kinds.len()];
    let mut object = rest.to_vec();
    if mode % 2 == 1 {
        object = header(kind, keys().epoch()).to_vec();
        let length = rest.len() as u64;
        keys().seal_with(
            &SystemEntropy,
            kind,
            &id.widened(),
            length,
            &mut object,
            |out| {
                out.extend_from_slice(rest);
                Codec::Raw
            },
        );
    }
    let open = |object: &[u8]| open_object(keys(), kind, id, "object", object);
    let beside = if mode % 2 == 1 {
        RAW_BYTES_MAX
    } else {
        64 * RAW_BYTES_MAX / 1024
    };
    if let Ok(raw) = bounded(&object, beside, open)
        && raw.len() < 1 << 20
    {
        let sealed = seal_object(keys(), &SystemEntropy, kind, id, &raw);
        assert_eq!(open(&sealed).expect("what was sealed opens"), raw);
    }
});
