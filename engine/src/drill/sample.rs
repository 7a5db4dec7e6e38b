//! Which packs a sample reads: in rotation, so that repeated drills reach every one.

use crate::ids::ObjectId;
use crate::units::Timestamp;

/// A whole: shares are given in parts of it.
const MILLION: u128 = 1_000_000;

/// A pack that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The pack.
    pub pack: ObjectId,
    /// Its size.
    pub bytes: u64,
    /// When it was last read wholly; `None` for never.
    pub read: Option<Timestamp>,
}

/// Chooses packs until they are `share_ppm` parts in a million of all bytes: those first that were never
/// read wholly, then those whose reading is longest ago, and among equals by their names, which are
/// random. Drawing at random with replacement would leave some unread for ever.
pub fn choose(mut candidates: Vec<Candidate>, share_ppm: u32) -> Vec<Candidate> {
    candidates.sort_by_key(|candidate| (candidate.read, candidate.pack));
    let all: u128 = candidates.iter().map(|one| u128::from(one.bytes)).sum();
    let wanted = all * u128::from(share_ppm);
    let mut taken = 0_u128;
    candidates
        .into_iter()
        .take_while(|candidate| {
            let more = taken < wanted;
            taken += u128::from(candidate.bytes) * MILLION;
            more
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{Candidate, choose};
    use crate::ids::ObjectId;
    use crate::units::Timestamp;

    proptest! {
        #[test]
        fn so_many_samples_reach_every_pack(
            sizes in prop::collection::vec(1_u64..1000, 1..60),
            percent in 1_u32..=100,
        ) {
            let pack = |number: usize| ObjectId([number as u8; 16]);
            let mut candidates: Vec<Candidate> = sizes.iter().enumerate()
                .map(|(number, bytes)| Candidate { pack: pack(number), bytes: *bytes, read: None })
                .collect();
            let drills = 100_u32.div_ceil(percent);
            let mut read = BTreeSet::new();
            for drill in 0..drills {
                let chosen = choose(candidates.clone(), percent * 10_000);
                prop_assert!(!chosen.is_empty());
                for one in chosen {
                    read.insert(one.pack);
                    let now = Timestamp { seconds: i64::from(drill), nanos: 0 };
                    let known = candidates.iter_mut().find(|known| known.pack == one.pack);
                    known.expect("it is one of them").read = Some(now);
                }
            }
            prop_assert_eq!(read.len(), sizes.len());
        }
    }

    #[test]
    fn the_longest_unread_come_first() {
        let one = |number: u8, read: Option<i64>| Candidate {
            pack: ObjectId([number; 16]),
            bytes: 10,
            read: read.map(|seconds| Timestamp { seconds, nanos: 0 }),
        };
        let all = vec![one(1, Some(7)), one(2, None), one(3, Some(5)), one(4, None)];
        let chosen = |ppm| {
            choose(all.clone(), ppm)
                .iter()
                .map(|one| one.pack.0[0])
                .collect::<Vec<_>>()
        };
        assert_eq!(chosen(250_000), [2]);
        assert_eq!(chosen(250_001), [2, 4]);
        assert_eq!(chosen(750_000), [2, 4, 3]);
        assert_eq!(chosen(1_000_000), [2, 4, 3, 1]);
    }
}
