//! Packs of a vault whose points share them: what is needed of each, and what a prune makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use engine::format::keyslot::Terms;
use engine::ids::ObjectId;
use engine::prune::{self, Limits, PackFact, SMALL_SEGMENTS_MAX};
use engine::units::Timestamp;
use engine::vault::SEGMENT_ENTRIES;

use crate::scenario::SECOND;
use crate::workload::Content;

use super::fit::{Index, pack_order, span};

/// A block's content: which block, which write.
type Blob = (u32, u32);

#[derive(Clone, Debug)]
struct Pack {
    written: u64,
    /// Whether it is the own one of a point that exists.
    owned: bool,
    blobs: Vec<Blob>,
    needed: u64,
    /// Whose listings lie in it too.
    listings: Vec<u32>,
    condemned: Option<u64>,
}

/// An index segment: what tells which packs hold what.
#[derive(Clone, Debug)]
struct Segment {
    packs: Vec<u32>,
    tells: Index,
    written: u64,
    /// The point that names it.
    named: Option<u32>,
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
    segments: Vec<Segment>,
    places: Places,
    /// Packs of the points that exist.
    own: BTreeMap<u32, Range<u32>>,
    /// How many points have a listing, by whose it was first.
    listings: BTreeMap<u32, u32>,
    next: u32,
    /// Real bytes of a sealed block, and of a point's listing.
    block: u64,
    listing: u64,
}

/// A pack that was written: its name, how many blobs, how many listings lie in it too.
pub(super) type Written = (u32, u64, u64);

/// What a prune did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    /// Packs removed.
    pub(super) swept: Vec<u32>,
    /// Packs written, each with its blobs.
    pub(super) written: Vec<Written>,
    /// How many packs were condemned, those that were read for it among them.
    pub(super) condemned: u64,
    /// What index segments tell that were condemned.
    pub(super) dead: Index,
    /// How many segments were written, and how many removed.
    pub(super) segments: [u64; 2],
    /// Real bytes of each that was read: from the first blob that moves to the last.
    pub(super) read: Vec<u64>,
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
    /// packs, of `most` blobs at most, with the number of their blobs and of listings: in
    /// the last, if it has any blobs of its own.
    pub(super) fn add(
        &mut self,
        number: u32,
        (content, owners): (&Content, &[u32]),
        listing: u32,
        now: u64,
        most: usize,
    ) -> Vec<Written> {
        *self.listings.entry(listing).or_default() += 1;
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
        let packs: Vec<Vec<Blob>> = new.chunks(most.max(1)).map(<[Blob]>::to_vec).collect();
        let last = packs.len().saturating_sub(1);
        self.own
            .insert(number, self.next..self.next + packs.len() as u32);
        let written = packs.into_iter().enumerate().map(|(turn, blobs)| {
            self.pack(
                blobs,
                (true, (turn == last).then_some(number).into_iter().collect()),
                now,
            )
        });
        let written: Vec<Written> = written.collect();
        self.tell(
            written.iter().map(|pack| pack.0).collect(),
            Some(number),
            now,
        );
        written
    }

    /// A segment that tells of some packs, if there are any.
    fn tell(&mut self, packs: Vec<u32>, named: Option<u32>, now: u64) -> bool {
        let all = packs.iter().filter_map(|pack| self.packs.get(pack));
        let tells = all.fold(Index::default(), |tells, pack| Index {
            blocks: tells.blocks + pack.blobs.len() as u64,
            listings: tells.listings + pack.listings.len() as u64,
            packs: tells.packs + 1,
            segments: 1,
        });
        let segment = Segment {
            tells,
            packs,
            written: now,
            named,
            condemned: None,
        };
        let tells = !segment.packs.is_empty();
        self.segments.extend(tells.then_some(segment));
        tells
    }

    fn pack(&mut self, blobs: Vec<Blob>, (owned, listings): (bool, Vec<u32>), now: u64) -> Written {
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
            listings,
            condemned: None,
        };
        let lists = pack.listings.len() as u64;
        self.packs.insert(name, pack);
        (name, count, lists)
    }

    /// What its index tells: every segment that is there, a prune's too.
    pub(super) fn index(&self) -> Index {
        let all = self.segments.iter();
        all.fold(Index::default(), |all, segment| all.and(segment.tells))
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
    pub(super) fn remove(&mut self, number: u32, content: &Content, listing: u32) {
        if let Some(points) = self.listings.get_mut(&listing) {
            *points -= 1;
            if *points == 0 {
                self.listings.remove(&listing);
            }
        }
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
        for segment in &mut self.segments {
            segment.named = segment.named.filter(|point| *point != number);
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
        bytes: impl Fn(u64, u64) -> u64,
    ) -> Pruned {
        let instant = |micros: u64| Timestamp::from_nanoseconds(i128::from(micros) * 1000);
        let facts = self.packs.iter().map(|(name, pack)| {
            let lists = pack.listings.len() as u64;
            PackFact {
                id: id(*name),
                bytes: bytes(pack.blobs.len() as u64, lists),
                written: instant(pack.written),
                owned: pack.owned,
                condemned: pack.condemned.map(instant),
                blob_bytes: self.block * pack.blobs.len() as u64 + self.listing * lists,
                needed_bytes: if pack.condemned.is_some() {
                    0
                } else {
                    self.block * pack.needed
                        + self.listing * self.needed_listings(pack).count() as u64
                },
            }
        });
        let facts: Vec<PackFact> = facts.collect();
        let plan = prune::plan(&facts, terms, Limits::default(), None, instant(now));
        let mut pruned = Pruned {
            condemned: (plan.condemn.len() + plan.repack.len()) as u64,
            ..Pruned::default()
        };
        for fact in &plan.condemn {
            self.condemn(number(fact.id), now);
        }
        let (mut moved, mut listings) = (Vec::new(), Vec::new());
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
            pruned.read.push(span(blobs.iter().map(there)) * self.block);
            moved.extend(blobs.into_iter().filter(there));
            let pack = self.packs.get(&name).into_iter();
            listings.extend(pack.flat_map(|pack| self.needed_listings(pack)));
            self.condemn(name, now);
        }
        if !(moved.is_empty() && listings.is_empty()) {
            let written = self.pack(moved, (false, listings), now);
            pruned.written.push(written);
        }
        self.retell(terms.grace_seconds * SECOND, now, &mut pruned);
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

    /// Segments whose grace is over go. Those that no point names and that tell little of what stays are condemned, and
    /// what they tell of that is written anew, with the packs that were written: the rules of `engine::prune`.
    fn retell(&mut self, grace: u64, now: u64, pruned: &mut Pruned) {
        let before = self.segments.len();
        let over = |since: u64| since + grace <= now;
        self.segments
            .retain(|segment| !segment.condemned.is_some_and(over));
        pruned.segments[1] = (before - self.segments.len()) as u64;
        let live = |pack: &u32| {
            let pack = self.packs.get(pack);
            let pack = pack.filter(|pack| pack.condemned.is_none());
            pack.map(|pack| pack.blobs.len() as u64)
        };
        let (mut dead, mut small) = (Vec::new(), Vec::new());
        for (at, segment) in self.segments.iter().enumerate() {
            let stays = segment.named.is_some() || segment.condemned.is_some();
            if stays || !over(segment.written) {
                continue;
            }
            let (all, live) = (segment.tells.blocks, segment.packs.iter().filter_map(live));
            let live: u64 = live.sum();
            if live == 0 || live < all - all / 4 {
                dead.push(at);
            } else if all < SEGMENT_ENTRIES as u64 / 16 {
                small.push(at);
            }
        }
        if small.len() >= SMALL_SEGMENTS_MAX {
            dead.extend(small);
        }
        let told = dead.iter().map(|at| self.segments[*at].tells);
        pruned.dead = told.fold(Index::default(), Index::and);
        let written = pruned.written.iter().map(|pack| pack.0);
        let told = dead.iter().flat_map(|at| &self.segments[*at].packs);
        let told = told.copied().filter(|pack| live(pack).is_some());
        let told: BTreeSet<u32> = written.chain(told).collect();
        for at in dead {
            self.segments[at].condemned = Some(now);
        }
        pruned.segments[0] = u64::from(self.tell(told.into_iter().collect(), None, now));
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
        for segment in &mut self.segments {
            if segment.condemned == Some(began) {
                segment.condemned = Some(now);
            }
            if segment.written == began {
                segment.written = now;
            }
        }
    }

    /// Listings that lie in a pack and that points have.
    fn needed_listings(&self, pack: &Pack) -> impl Iterator<Item = u32> {
        let there = pack.listings.iter().copied();
        there.filter(|listing| self.listings.contains_key(listing))
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
