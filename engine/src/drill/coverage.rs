//! What share of the vault was ever read back. Counted in the sealed bytes of blobs, each where it lies
//! now: what a prune moved counts as unread until it is read in its new place.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::format::index::PackRecord;
use crate::ids::{ObjectId, PointId};
use crate::units::Timestamp;
use crate::vault::{Catalog, Holdings, Vault, each_record, located};

use super::ledger::{Ledgers, Read};

/// What one drill opened, and what did not open.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// In each pack the bytes at which the blobs begin; `None` for the whole pack.
    pub packs: BTreeMap<ObjectId, Option<Vec<u32>>>,
    /// Packs in which something is damaged: what was read of them earlier no longer counts.
    pub damaged: BTreeSet<ObjectId>,
}

/// Bytes, and how many of them were read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// All.
    pub bytes: u64,
    /// Those that were ever read back and verified.
    pub read_bytes: u64,
}

/// How much of a vault was ever read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Content of all packs that are there and not condemned.
    pub content: Share,
    /// Those packs.
    pub packs: u64,
    /// Those of them that were read back wholly.
    pub whole_packs: u64,
    /// When the oldest pack that was not read wholly was written, by the store's clock.
    pub oldest_unread: Option<Timestamp>,
    /// The longest ago that anything which counts as read was read.
    pub oldest_read: Option<Timestamp>,
    /// What each existing point added.
    pub points: BTreeMap<PointId, Share>,
}

/// Adds what a drill opened to what is known, forgets packs and points that are gone, and counts.
///
/// # Errors
/// When the store does not serve.
pub async fn survey(
    vault: &Vault,
    catalog: &Catalog,
    ledgers: &mut Ledgers,
    opened: &Opened,
    now: Timestamp,
) -> Result<Coverage> {
    let holdings = Holdings::load(vault).await?;
    let ids: Vec<PointId> = catalog.existing().map(|point| point.id).collect();
    let named = catalog.named_segments();
    let nobody = ids.len() as u32;
    let mut segments = catalog.segments_of(&ids);
    segments.extend(holdings.unnamed(&named).map(|segment| (nobody, segment)));
    let mut coverage = Coverage::default();
    let (mut told, mut known) = (BTreeSet::new(), BTreeMap::new());
    each_record(vault, segments, |owner, record| {
        let Some(held) = holdings.packs.get(&record.pack) else {
            return;
        };
        let sound = holdings.is_sound(record.pack, record.pack_bytes);
        if !sound || !told.insert(record.pack) {
            return;
        }
        let read = read_now(record, opened.packs.get(&record.pack), now);
        let before = ledgers.packs.get(&record.pack);
        let before = before.filter(|_| !opened.damaged.contains(&record.pack));
        let read = match (before, read) {
            (Some(before), Some(read)) => Some(add(record, before, &read)),
            (before, read) => read.or_else(|| before.cloned()),
        };
        let share = share(record, read.as_ref());
        coverage.count(share, read.as_ref().map(|read| read.at), held.written);
        if let Some(id) = ids.get(owner as usize) {
            let point = coverage.points.entry(*id).or_default();
            point.bytes += share.bytes;
            point.read_bytes += share.read_bytes;
        }
        known.extend(read.map(|read| (record.pack, read)));
    })
    .await?;
    ledgers.packs = known;
    ledgers.points.retain(|id, _| catalog.get(*id).is_some());
    Ok(coverage)
}

impl Coverage {
    fn count(&mut self, share: Share, read: Option<Timestamp>, written: Timestamp) {
        self.packs += 1;
        self.content.bytes += share.bytes;
        self.content.read_bytes += share.read_bytes;
        if share.read_bytes == share.bytes {
            self.whole_packs += 1;
        } else {
            let oldest = self.oldest_unread.get_or_insert(written);
            *oldest = written.min(*oldest);
        }
        if let Some(read) = read {
            let oldest = self.oldest_read.get_or_insert(read);
            *oldest = read.min(*oldest);
        }
    }
}

/// What was read of a pack now, if anything.
fn read_now(record: &PackRecord, opened: Option<&Option<Vec<u32>>>, at: Timestamp) -> Option<Read> {
    let Some(offsets) = opened? else {
        let blobs = Vec::new();
        return Some(Read { at, blobs });
    };
    let offsets: BTreeSet<u32> = offsets.iter().copied().collect();
    let mut blobs = vec![0; record.entries.len().div_ceil(8)];
    let mut all = true;
    for (number, (located, _)) in located(record).enumerate() {
        if offsets.contains(&located.offset) {
            blobs[number / 8] |= 1 << (number % 8);
        } else {
            all = false;
        }
    }
    if all {
        blobs.clear();
    }
    let any = all || blobs.iter().any(|bits| *bits != 0);
    any.then_some(Read { at, blobs })
}

/// What was read before and now: of now where that is as much, else of the older of both.
fn add(record: &PackRecord, before: &Read, now: &Read) -> Read {
    let mut both = union(before, now);
    if share(record, Some(&both)) == share(record, Some(now)) {
        both.at = now.at;
    }
    if share(record, Some(&both)).read_bytes == share(record, None).bytes {
        both.blobs.clear();
    }
    both
}

/// What two drills read, at the time of the older.
pub(super) fn union(one: &Read, other: &Read) -> Read {
    let at = one.at.min(other.at);
    if one.blobs.is_empty() || other.blobs.is_empty() {
        // One of them read all: the newer of those that did.
        let whole = [one, other]
            .into_iter()
            .filter(|read| read.blobs.is_empty());
        let at = whole.map(|read| read.at).max().unwrap_or(at);
        let blobs = Vec::new();
        return Read { at, blobs };
    }
    let mut blobs = vec![0; one.blobs.len().max(other.blobs.len())];
    for read in [one, other] {
        for (bits, more) in blobs.iter_mut().zip(&read.blobs) {
            *bits |= more;
        }
    }
    Read { at, blobs }
}

/// The content of a pack, and how much of it was read.
fn share(record: &PackRecord, read: Option<&Read>) -> Share {
    let mut share = Share::default();
    for (number, entry) in record.entries.iter().enumerate() {
        let bytes = u64::from(entry.stored_bytes);
        share.bytes += bytes;
        let is_read = read.is_some_and(|read| {
            let bits = read.blobs.get(number / 8).copied().unwrap_or(0);
            read.blobs.is_empty() || bits >> (number % 8) & 1 == 1
        });
        share.read_bytes += if is_read { bytes } else { 0 };
    }
    share
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Read, Share, add, read_now, share, union};
    use crate::format::index::PackRecord;
    use crate::format::layout::{Codec, HEADER_BYTES, Kind};
    use crate::format::pack::BlobEntry;
    use crate::ids::{BlobId, ObjectId};
    use crate::units::Timestamp;

    fn record(blobs: usize) -> PackRecord {
        let entry = |number: usize| BlobEntry {
            id: BlobId([number as u8; 32]),
            kind: Kind::Data,
            codec: Codec::Raw,
            stored_bytes: 100 + number as u32,
            raw_bytes: 72,
        };
        PackRecord {
            pack: ObjectId([1; 16]),
            pack_bytes: 1 << 20,
            entries: (0..blobs).map(entry).collect(),
        }
    }

    fn offsets(read: &[bool]) -> Vec<u32> {
        let mut at = HEADER_BYTES as u32;
        let mut offsets = Vec::new();
        for (number, read) in read.iter().enumerate() {
            offsets.extend(read.then_some(at));
            at += 100 + number as u32;
        }
        offsets
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    proptest! {
        #[test]
        fn two_drills_cover_what_either_read(
            reads in prop::collection::vec((any::<bool>(), any::<bool>()), 1..40),
        ) {
            let record = record(reads.len());
            let (one, other): (Vec<bool>, Vec<bool>) = reads.iter().copied().unzip();
            let either: Vec<bool> = reads.iter().map(|(one, other)| *one || *other).collect();
            let read = |which: &[bool], when| read_now(&record, Some(&Some(offsets(which))), at(when));
            let expected = share(&record, read(&either, 9).as_ref());
            let bytes: u64 = either.iter().enumerate()
                .map(|(number, read)| if *read { 100 + number as u64 } else { 0 }).sum();
            prop_assert_eq!(expected.read_bytes, bytes);
            if let (Some(one), Some(other)) = (read(&one, 1), read(&other, 2)) {
                let both = add(&record, &one, &other);
                prop_assert_eq!(share(&record, Some(&both)), expected);
                prop_assert_eq!(&union(&one, &other).blobs.is_empty(), &(one.blobs.is_empty() || other.blobs.is_empty()));
                prop_assert_eq!(both.blobs.is_empty(), expected.read_bytes == expected.bytes);
                let other_is_enough = share(&record, Some(&other)) == expected;
                prop_assert_eq!(both.at, at(if other_is_enough { 2 } else { 1 }));
            }
        }
    }

    #[test]
    fn nothing_read_is_nothing_covered() {
        let record = record(3);
        assert_eq!(read_now(&record, None, at(1)), None);
        assert_eq!(read_now(&record, Some(&Some(Vec::new())), at(1)), None);
        let all = share(&record, None);
        assert_eq!((all.bytes, all.read_bytes), (303, 0));
        let whole = read_now(&record, Some(&None), at(1)).expect("all of it");
        let read_bytes = 303;
        let bytes = 303;
        assert_eq!(share(&record, Some(&whole)), Share { bytes, read_bytes });
    }

    #[test]
    fn of_two_that_read_all_the_newer_counts() {
        let whole = |seconds| Read {
            at: at(seconds),
            blobs: Vec::new(),
        };
        assert_eq!(union(&whole(5), &whole(3)).at, at(5));
        let part = Read {
            at: at(9),
            blobs: vec![1],
        };
        assert_eq!(union(&part, &whole(3)), whole(3));
    }
}
