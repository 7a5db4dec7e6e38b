//! Packs of a vault whose points share them: what is needed of each, and what a prune makes of them.

use std::collections::BTreeMap;
use std::ops::Range;

use engine::format::keyslot::Terms;
use engine::ids::ObjectId;
use engine::prune::{self, Limits, PackFact};
use engine::units::Timestamp;

use crate::workload::Content;

use super::fit::{Index, pack_order};

/// A block's content: which block, which write.
type Blob = (u32, u32);

#[derive(Clone, Debug)]
struct Pack {
    written: u64,
    /// Whether it is the own one of a point that exists.
    owned: bool,
    blobs: Vec<Blob>,
    needed: u64,
    /// Real bytes of a listing that lies in it too, needed as long as its owner is there.
    listing: u64,
    condemned: Option<u64>,
}

/// Where a blob lies, and how many points refer to it.
#[derive(Clone, Copy, Debug)]
struct Place {
    refs: u32,
    pack: u32,
}

/// Blobs of each block, by ascending write: a disk has few of each.
#[derive(Clone, Debug, Default)]
struct Places(Vec<Vec<(u32, Place)>>);

impl Places {
    fn find(&self, (block, version): Blob) -> Option<usize> {
        let known = self.0.get(block as usize)?;
        match known.last() {
            Some((last, _)) if *last == version => Some(known.len() - 1),
            _ => known.binary_search_by_key(&version, |known| known.0).ok(),
        }
    }

    fn get(&self, blob: Blob) -> Option<Place> {
        let at = self.find(blob)?;
        Some(self.0[blob.0 as usize][at].1)
    }

    fn get_mut(&mut self, blob: Blob) -> Option<&mut Place> {
        let at = self.find(blob)?;
        Some(&mut self.0[blob.0 as usize][at].1)
    }

    fn insert(&mut self, (block, version): Blob, place: Place) {
        let block = block as usize;
        if self.0.len() <= block {
            self.0.resize(block + 1, Vec::new());
        }
        let known = &mut self.0[block];
        match known.binary_search_by_key(&version, |known| known.0) {
            Ok(at) => known[at].1 = place,
            Err(at) => known.insert(at, (version, place)),
        }
    }

    fn remove(&mut self, blob: Blob) {
        if let Some(at) = self.find(blob) {
            self.0[blob.0 as usize].remove(at);
        }
    }
}

/// The packs.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    packs: BTreeMap<u32, Pack>,
    places: Places,
    /// Packs of the points that exist.
    own: BTreeMap<u32, Range<u32>>,
    next: u32,
    /// Real bytes of a sealed block, and of a point's listing.
    block: u64,
    listing: u64,
}

/// A pack that was written: its name, how many blobs, whether a point's lists lie in it.
pub(super) type Written = (u32, u64, bool);

/// What a prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    /// Packs removed.
    pub(super) swept: Vec<u32>,
    /// Packs written, each with its blobs.
    pub(super) written: Vec<Written>,
}

impl Pool {
    /// An empty one, for blocks and listings of so many sealed bytes.
    pub(super) fn new(block: u64, listing: u64) -> Self {
        Self {
            block,
            listing,
            ..Self::default()
        }
    }

    /// A point lands: its own blobs go to new packs, and all that it refers to is needed once more. Gives the
    /// packs, of `most` blobs at most, with the number of their blobs and whether the point's lists lie there too: in
    /// the last, which may hold nothing else.
    pub(super) fn add(
        &mut self,
        number: u32,
        content: &Content,
        owners: &[u32],
        now: u64,
        most: usize,
    ) -> Vec<Written> {
        let blobs = (0..)
            .zip(content.iter().copied())
            .filter(|(_, version)| *version != 0);
        let mut new: Vec<Blob> = Vec::new();
        for blob in blobs {
            // What was removed of an owner that is gone was rewritten elsewhere: it is found where it lies.
            let known = self.places.get_mut(blob).filter(|place| place.refs > 0);
            match known {
                Some(place) if owners[blob.0 as usize] != number => place.refs += 1,
                _ => new.push(blob),
            }
        }
        let new = pack_order(new, |blob| blob.0, number);
        let mut packs: Vec<Vec<Blob>> = new.chunks(most.max(1)).map(<[Blob]>::to_vec).collect();
        if packs.is_empty() {
            packs.push(Vec::new());
        }
        let last = packs.len() - 1;
        self.own
            .insert(number, self.next..self.next + packs.len() as u32);
        let written = packs
            .into_iter()
            .enumerate()
            .map(|(turn, blobs)| self.pack(blobs, (true, turn == last), now));
        written.collect()
    }

    fn pack(&mut self, blobs: Vec<Blob>, (owned, lists): (bool, bool), now: u64) -> Written {
        let name = self.next;
        self.next += 1;
        let count = blobs.len() as u64;
        for blob in &blobs {
            match self.places.get_mut(*blob) {
                Some(place) if !owned => place.pack = name,
                _ => self.places.insert(
                    *blob,
                    Place {
                        refs: 1,
                        pack: name,
                    },
                ),
            }
        }
        let pack = Pack {
            written: now,
            owned,
            blobs,
            needed: count,
            listing: if lists { self.listing } else { 0 },
            condemned: None,
        };
        self.packs.insert(name, pack);
        (name, count, lists)
    }

    /// What its index tells: of every pack that holds blocks, a prune's too.
    pub(super) fn index(&self) -> Index {
        Index::of(self.packs.values().map(|pack| pack.blobs.len() as u64))
    }

    /// Whether each block that lies in a pack is one of `content`, pack by pack.
    pub(super) fn needed_of<'a>(
        &'a self,
        content: &'a Content,
    ) -> impl Iterator<Item = impl Iterator<Item = bool> + 'a> + 'a {
        self.packs.iter().map(move |(name, pack)| {
            pack.blobs.iter().map(move |blob| {
                let place = self.places.get(*blob);
                place.is_some_and(|place| place.pack == *name)
                    && content.get(blob.0 as usize) == Some(&blob.1)
            })
        })
    }

    /// A point is removed for good.
    pub(super) fn remove(&mut self, number: u32, content: &Content) {
        let blobs = (0..)
            .zip(content.iter().copied())
            .filter(|(_, version)| *version != 0);
        for blob in blobs {
            let Some(place) = self.places.get_mut(blob) else {
                continue;
            };
            place.refs = place.refs.saturating_sub(1);
            if place.refs == 0 {
                let pack = place.pack;
                if let Some(pack) = self.packs.get_mut(&pack) {
                    pack.needed = pack.needed.saturating_sub(1);
                }
            }
        }
        for name in self.own.remove(&number).into_iter().flatten() {
            if let Some(pack) = self.packs.get_mut(&name) {
                pack.owned = false;
            }
        }
    }

    /// A prune by the engine's own plan. `bytes` is what a pack of so many blobs weighs, with a point's lists or
    /// without.
    pub(super) fn prune(
        &mut self,
        terms: Terms,
        now: u64,
        bytes: impl Fn(u64, bool) -> u64,
    ) -> Pruned {
        let instant = |micros: u64| Timestamp::from_nanoseconds(i128::from(micros) * 1000);
        let facts = self.packs.iter().map(|(name, pack)| PackFact {
            id: id(*name),
            bytes: bytes(pack.blobs.len() as u64, pack.listing > 0),
            written: instant(pack.written),
            owned: pack.owned,
            condemned: pack.condemned.map(instant),
            blob_bytes: self.block * pack.blobs.len() as u64 + pack.listing,
            needed_bytes: if pack.condemned.is_some() {
                0
            } else {
                self.block * pack.needed
            },
        });
        let facts: Vec<PackFact> = facts.collect();
        let plan = prune::plan(&facts, terms, Limits::default(), None, instant(now));
        let mut pruned = Pruned::default();
        for fact in &plan.condemn {
            self.condemn(number(fact.id), now);
        }
        let mut moved = Vec::new();
        for fact in &plan.repack {
            let name = number(fact.id);
            let blobs = self
                .packs
                .get(&name)
                .map(|pack| pack.blobs.clone())
                .unwrap_or_default();
            let there = |blob: &Blob| {
                let place = self.places.get(*blob);
                place.is_some_and(|place| place.refs > 0 && place.pack == name)
            };
            moved.extend(blobs.into_iter().filter(there));
            self.condemn(name, now);
        }
        if !moved.is_empty() {
            let written = self.pack(moved, (false, false), now);
            pruned.written.push(written);
        }
        for fact in &plan.sweep {
            let name = number(fact.id);
            if let Some(pack) = self.packs.remove(&name) {
                for blob in pack.blobs {
                    let place = self.places.get(blob);
                    if place.is_some_and(|place| place.pack == name) {
                        self.places.remove(blob);
                    }
                }
                pruned.swept.push(name);
            }
        }
        pruned
    }

    /// The prune that decided at `began` is through: what it wrote and condemned is as old as that.
    pub(super) fn came_through(&mut self, began: u64, now: u64) {
        for pack in self.packs.values_mut() {
            if pack.condemned == Some(began) {
                pack.condemned = Some(now);
            }
            if pack.written == began {
                pack.written = now;
            }
        }
    }

    fn condemn(&mut self, name: u32, now: u64) {
        if let Some(pack) = self.packs.get_mut(&name) {
            pack.condemned = Some(now);
        }
    }
}

fn id(name: u32) -> ObjectId {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&name.to_be_bytes());
    ObjectId(bytes)
}

fn number(id: ObjectId) -> u32 {
    let [.., a, b, c, d] = id.0;
    u32::from_be_bytes([a, b, c, d])
}
