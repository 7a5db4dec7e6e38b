use super::{Limits, PackFact, Plan, plan};
use crate::format::keyslot::Terms;
use crate::ids::ObjectId;
use crate::units::Timestamp;

const TERMS: Terms = Terms {
    soft_delete_seconds: 1000,
    grace_seconds: 100,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn pack(id: u8, written: i64, needed_bytes: u64) -> PackFact {
    PackFact {
        id: ObjectId([id; 16]),
        bytes: 1000,
        written: at(written),
        owned: false,
        condemned: None,
        blob_bytes: 1000,
        needed_bytes,
    }
}

fn ids(packs: &[PackFact]) -> Vec<u8> {
    packs.iter().map(|pack| pack.id.0[0]).collect()
}

fn planned(packs: &[PackFact], limits: Limits, writing_since: Option<i64>) -> Plan {
    plan(packs, TERMS, limits, writing_since.map(at), at(1000))
}

#[test]
fn each_pack_meets_its_fate() {
    let condemned = |id, since, needed| PackFact {
        condemned: Some(at(since)),
        ..pack(id, 0, needed)
    };
    let owned = PackFact {
        owned: true,
        ..pack(1, 0, 0)
    };
    let packs = [
        owned,
        pack(2, 0, 0),
        pack(3, 901, 0),
        pack(4, 0, 1000),
        condemned(5, 900, 0),
        condemned(6, 901, 0),
        condemned(7, 900, 10),
    ];
    let found = planned(&packs, Limits::default(), None);
    assert_eq!(ids(&found.condemn), [2]);
    assert_eq!(found.spared, 1);
    assert_eq!(ids(&found.sweep), [5, 7]);
    assert_eq!(ids(&found.rescue), [7]);
    assert_eq!(ids(&found.waiting), [6]);
    assert!(found.repack.is_empty());
    // What was put since the longest running backup began may be its own.
    let found = planned(&packs, Limits::default(), Some(0));
    assert!(found.condemn.is_empty());
}

#[test]
fn the_most_wasteful_are_repacked_until_the_rest_is_allowed() {
    let packs: Vec<_> = (1..=10)
        .map(|id| pack(id, 0, 1000 - u64::from(id) * 10))
        .collect();
    // 10,000 bytes, 550 of them wasted; 5 % are allowed.
    let found = planned(&packs, Limits::default(), None);
    assert_eq!(ids(&found.repack), [10]);
    assert_eq!(found.wasted_bytes, 450);
    let none = Limits {
        waste_percent: 0,
        repack_bytes: 2000,
    };
    assert_eq!(ids(&planned(&packs, none, None).repack), [10, 9]);
}
