//! A storage account as its redundancy keeps it: which copies hold an entry, what the second region has,
//! and what a failover leaves.
//!
//! The rules are Azure Storage's ("Azure Storage redundancy", 2023-07-17; "How customer-managed
//! (unplanned) failover works", 2024-04-29): a write is acknowledged when every copy of the first region that
//! is up has it; the second region gets it later, in order, up to the last-sync time; an unplanned
//! failover keeps what was written before that time, loses the rest, and leaves LRS in the second region.
//! The account knows no network and no waiting: whoever asks has come so far.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::{Bound, Range};

use bytes::Bytes;

use crate::scenario::Redundancy;

use super::geo::Geo;

/// Copies in the first region.
pub const COPIES: u8 = 3;
const ALL: u8 = 0b111;

/// Which region is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// The first region.
    Primary,
    /// The second, as far as it has been told.
    Secondary,
}

/// What an account stores, and what it is stored under.
pub trait Stored: Debug + Send + 'static {
    /// Names, in their order.
    type Name: Clone + Ord + Debug + Send + Sync;
}

/// Bytes, under the names that the engine gives them.
impl Stored for Bytes {
    type Name = String;
}

/// Nothing but a size, under a number.
impl Stored for () {
    type Name = u64;
}

/// Something stored.
#[derive(Clone, Debug)]
struct Entry<V> {
    value: V,
    bytes: u64,
    written: u64,
    /// When it was deleted; it stays until the second region has been told.
    deleted: Option<u64>,
    /// Which copies of the first region hold it.
    copies: u8,
    /// Which would hold it if nothing were wrong with the account.
    promised: u8,
    /// Whether no copy will ever hold it again.
    lost: bool,
}

impl<V> Entry<V> {
    fn is_here(&self) -> bool {
        self.deleted.is_none() && !self.lost
    }

    fn is_there(&self, last_sync: u64) -> bool {
        self.written <= last_sync && self.deleted.is_none_or(|deleted| deleted > last_sync)
    }
}

/// What an entry looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<'a, V> {
    /// What is stored.
    pub value: &'a V,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written.
    pub written: u64,
}

/// What a planted bug makes the account do wrong; a sound one does nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// None.
    #[default]
    None,
    /// Acknowledges when one copy has a write; the others get it so many microseconds later.
    EarlyAcknowledgement(u64),
    /// Disks of a replica lose a write now and then: accounts are right.
    ForgetfulReplica,
}

/// A storage account.
#[derive(Clone, Debug)]
pub struct Account<V: Stored> {
    redundancy: Redundancy,
    geo: Option<Geo>,
    entries: BTreeMap<V::Name, Entry<V>>,
    /// Copies that serve now.
    up: u8,
    bytes: u64,
    peak: u64,
    /// Byte-microseconds up to `since`, not yet taken.
    integral: u128,
    since: u64,
    /// When the second region became the only one.
    failed_over: Option<u64>,
    /// Entries that were lost as they may be: more failed than the redundancy withstands.
    rightly_lost: BTreeSet<V::Name>,
    /// How often entries were lost.
    losses: u32,
    flaw: Flaw,
}

impl<V: Stored> Account<V> {
    /// An empty account; `geo` tells what the second region has, where there is one (or a courier's store).
    pub fn new(redundancy: Redundancy, geo: Option<Geo>) -> Self {
        Self {
            redundancy,
            geo,
            entries: BTreeMap::new(),
            up: if redundancy == Redundancy::Single {
                1
            } else {
                ALL
            },
            bytes: 0,
            peak: 0,
            integral: 0,
            since: 0,
            failed_over: None,
            rightly_lost: BTreeSet::new(),
            losses: 0,
            flaw: Flaw::None,
        }
    }

    /// The same with a planted bug.
    #[must_use]
    pub fn flawed(mut self, flaw: Flaw) -> Self {
        self.flaw = flaw;
        self
    }

    /// How it keeps things now: a failover leaves LRS.
    pub fn redundancy(&self) -> Redundancy {
        self.redundancy
    }

    /// Whether the second region has become the only one.
    pub fn has_failed_over(&self) -> bool {
        self.failed_over.is_some()
    }

    /// When it became that.
    pub fn failed_over_at(&self) -> Option<u64> {
        self.failed_over
    }

    /// Entries that were lost because more failed than the redundancy withstands, or that a failover left behind.
    pub fn rightly_lost(&self) -> &BTreeSet<V::Name> {
        &self.rightly_lost
    }

    /// How often entries were lost: whoever has looked since the last time need not look again.
    pub fn losses(&self) -> u32 {
        self.losses
    }

    /// Whether what is metered is what is stored.
    pub fn is_metered_right(&self) -> bool {
        let here = self.entries.values().filter(|entry| entry.is_here());
        here.map(|entry| entry.bytes).sum::<u64>() == self.bytes
    }

    /// Bytes stored, deleted entries not counted.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Time passes up to `now`: what is stored is stored for so long.
    pub fn elapse(&mut self, now: u64) {
        let passed = now.saturating_sub(self.since);
        self.integral += u128::from(self.bytes) * u128::from(passed);
        self.since = self.since.max(now);
    }

    /// Byte-microseconds stored since it was last asked.
    pub fn take_integral(&mut self, now: u64) -> u128 {
        self.elapse(now);
        std::mem::take(&mut self.integral)
    }

    /// Most bytes at any time.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// Entries, deleted and lost ones not counted.
    pub fn len(&self) -> usize {
        self.entries
            .values()
            .filter(|entry| entry.is_here())
            .count()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to when the second region has every write; `None` where there is no second region.
    pub fn last_sync(&mut self, now: u64) -> Option<u64> {
        self.geo.as_mut().map(|geo| geo.last_sync(now))
    }

    /// Writes. Gives false, and changes nothing, where `new` is asked for and the name is taken.
    pub fn put(&mut self, now: u64, key: V::Name, value: V, bytes: u64, new: bool) -> bool {
        self.elapse(now);
        let standing = self.entries.get(&key).filter(|entry| entry.is_here());
        if let Some(standing) = standing {
            if new {
                return false;
            }
            self.bytes -= standing.bytes;
        }
        let copies = match self.flaw {
            Flaw::None | Flaw::ForgetfulReplica => self.up,
            Flaw::EarlyAcknowledgement(_) => lowest(self.up),
        };
        let entry = Entry {
            value,
            bytes,
            written: now,
            deleted: None,
            copies,
            promised: self.up,
            lost: copies == 0,
        };
        self.entries.insert(key, entry);
        self.bytes += bytes;
        self.peak = self.peak.max(self.bytes);
        true
    }

    /// Reads one entry; `None` where there is none to be seen there.
    pub fn get<N>(&mut self, now: u64, at: Endpoint, key: &N) -> Option<Seen<'_, V>>
    where
        V::Name: Borrow<N>,
        N: Ord + ?Sized,
    {
        let last_sync = self.view(now, at)?;
        let entry = self.entries.get(key)?;
        entry.visible(last_sync).then(|| entry.seen())
    }

    /// Deletes all within a range of names.
    pub fn delete_all(&mut self, now: u64, names: Range<V::Name>) {
        let run = self.entries.range(names);
        let run = run.filter(|(_, entry)| entry.is_here());
        let names: Vec<V::Name> = run.map(|(key, _)| key.clone()).collect();
        for name in &names {
            self.delete(now, name);
        }
    }

    /// What can be seen at an endpoint: all (`None` inside) or what was written by an instant. `None` where
    /// there is no such endpoint.
    #[expect(clippy::option_option, reason = "no endpoint, or one without a limit")]
    fn view(&mut self, now: u64, at: Endpoint) -> Option<Option<u64>> {
        match at {
            Endpoint::Primary => Some(None),
            Endpoint::Secondary => self.last_sync(now).map(Some),
        }
    }

    /// Deletes; false where there was nothing.
    pub fn delete<N>(&mut self, now: u64, key: &N) -> bool
    where
        V::Name: Borrow<N>,
        N: Ord + ?Sized,
    {
        self.elapse(now);
        let geo = self.geo.is_some();
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.is_here()) else {
            return false;
        };
        self.bytes -= entry.bytes;
        entry.deleted = Some(now);
        if !geo {
            self.entries.remove(key);
        }
        true
    }

    /// Changes what is stored under a name, silently.
    pub fn tamper<N>(&mut self, key: &N, change: impl FnOnce(&mut V))
    where
        V::Name: Borrow<N>,
        N: Ord + ?Sized,
    {
        if let Some(entry) = self.entries.get_mut(key) {
            change(&mut entry.value);
        }
    }

    /// Forgets deleted entries that the second region has forgotten too.
    pub fn settle(&mut self, now: u64) {
        if let Some(last_sync) = self.last_sync(now) {
            let told = |deleted: Option<u64>| deleted.is_some_and(|at| at <= last_sync);
            self.entries.retain(|_, entry| !told(entry.deleted));
        }
    }

    /// One copy serves nothing, or serves again with what the others have meanwhile.
    pub fn serve(&mut self, copy: u8, up: bool) {
        let bit = 1 << (copy % COPIES);
        if up {
            self.up |= bit;
            self.heal(copy);
        } else {
            self.up &= !bit;
        }
    }

    /// One copy of everything is lost; entries that no other copy holds are lost for good. Gives their names.
    pub fn lose_copy(&mut self, now: u64, copy: u8) -> Vec<V::Name> {
        self.elapse(now);
        let bit = 1 << (copy % COPIES);
        self.lose(bit)
    }

    /// The second region is lost: nothing is sent there any more.
    pub fn lose_second(&mut self) {
        self.geo = None;
    }

    /// Every copy of the first region is lost.
    pub fn destroy(&mut self, now: u64) -> Vec<V::Name> {
        self.elapse(now);
        self.up = 0;
        self.lose(ALL)
    }

    fn lose(&mut self, bits: u8) -> Vec<V::Name> {
        let mut names = Vec::new();
        for (key, entry) in &mut self.entries {
            let was = entry.copies;
            entry.copies &= !bits;
            entry.promised &= !bits;
            if was != 0 && entry.copies == 0 && !entry.lost {
                entry.lost = true;
                if entry.promised == 0 {
                    self.rightly_lost.insert(key.clone());
                }
                if entry.deleted.is_none() {
                    self.bytes -= entry.bytes;
                    names.push(key.clone());
                }
            }
        }
        self.losses += u32::from(!names.is_empty());
        names
    }

    /// One copy is made again from the others.
    pub fn heal(&mut self, copy: u8) {
        let bit = 1 << (copy % COPIES);
        if self.up & bit == 0 {
            return;
        }
        for entry in self.entries.values_mut().filter(|entry| entry.copies != 0) {
            entry.copies |= bit;
            entry.promised |= bit;
        }
    }

    /// What a late acknowledgement still owes is done: the flaw's second half.
    pub fn catch_up(&mut self, now: u64) {
        let Flaw::EarlyAcknowledgement(late) = self.flaw else {
            return;
        };
        let up = self.up;
        let due = |entry: &&mut Entry<V>| entry.written + late <= now && entry.copies != 0;
        for entry in self.entries.values_mut().filter(due) {
            entry.copies |= up;
        }
    }

    /// The second region becomes the only one, with LRS; what it had not been told is lost. Gives the names
    /// of what was lost; nothing happens where there is no second region.
    pub fn fail_over(&mut self, now: u64) -> Vec<V::Name> {
        let Some(last_sync) = self.last_sync(now) else {
            return Vec::new();
        };
        self.elapse(now);
        let mut lost = Vec::new();
        self.entries.retain(|key, entry| {
            let stays = entry.is_there(last_sync);
            if !stays && entry.deleted.is_none() {
                lost.push(key.clone());
            }
            stays
        });
        for entry in self.entries.values_mut() {
            (entry.deleted, entry.copies, entry.promised, entry.lost) = (None, ALL, ALL, false);
        }
        self.up = ALL;
        self.rightly_lost.extend(lost.iter().cloned());
        self.losses += 1;
        self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
        (self.geo, self.redundancy, self.failed_over) = (None, Redundancy::Lrs, Some(now));
        lost
    }
}

impl<V: Stored<Name = String>> Account<V> {
    /// Entries whose names begin with `prefix`, by name.
    pub fn list(&mut self, now: u64, at: Endpoint, prefix: &str) -> Vec<(&str, Seen<'_, V>)> {
        let Some(last_sync) = self.view(now, at) else {
            return Vec::new();
        };
        let from = Bound::Included(prefix);
        let run = self.entries.range::<str, _>((from, Bound::Unbounded));
        let run = run.take_while(|(key, _)| key.starts_with(prefix));
        let seen = run.filter(|(_, entry)| entry.visible(last_sync));
        seen.map(|(key, entry)| (key.as_str(), entry.seen()))
            .collect()
    }
}

impl<V> Entry<V> {
    fn visible(&self, last_sync: Option<u64>) -> bool {
        last_sync.map_or_else(|| self.is_here(), |last_sync| self.is_there(last_sync))
    }

    fn seen(&self) -> Seen<'_, V> {
        Seen {
            value: &self.value,
            bytes: self.bytes,
            written: self.written,
        }
    }
}

/// The lowest bit that is set.
fn lowest(bits: u8) -> u8 {
    bits & bits.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::{Account, Endpoint, Flaw, Stored};
    use crate::scenario::{HOUR, MINUTE, Redundancy};
    use crate::world::geo::Geo;

    impl Stored for u8 {
        type Name = &'static str;
    }

    fn geo() -> Account<u8> {
        let geo = Geo::new(vec![(0, 15 * MINUTE)], vec![(HOUR, 2 * HOUR)]);
        Account::new(Redundancy::Grs, Some(geo))
    }

    #[test]
    fn a_failover_keeps_what_was_sent_and_what_was_deleted_since() {
        let mut account = geo();
        assert!(account.put(0, "old", 1, 10, true));
        assert!(account.put(10 * MINUTE, "gone", 2, 10, true));
        assert!(account.delete(50 * MINUTE, "gone"));
        assert!(account.put(50 * MINUTE, "new", 3, 10, true));
        assert_eq!(account.last_sync(HOUR), Some(45 * MINUTE));
        assert_eq!(account.get(HOUR, Endpoint::Primary, "gone"), None);
        assert!(account.get(HOUR, Endpoint::Secondary, "gone").is_some());
        assert!(account.get(HOUR, Endpoint::Secondary, "new").is_none());
        assert_eq!(account.fail_over(HOUR), ["new"]);
        assert_eq!((account.len(), account.bytes()), (2, 20));
        assert_eq!(account.redundancy(), Redundancy::Lrs);
        assert_eq!(account.last_sync(HOUR), None);
    }

    #[test]
    fn three_copies_go_one_by_one() {
        let mut account = Account::new(Redundancy::Lrs, None);
        account.put(0, "a", 0_u8, 1, true);
        assert!(account.lose_copy(9, 0).is_empty());
        // What is written later lies on what has taken the lost copy's place.
        account.put(1, "b", 0, 1, true);
        assert!(account.lose_copy(9, 1).is_empty());
        assert_eq!(account.lose_copy(9, 2), ["a"]);
        assert_eq!(account.len(), 1);
        account.heal(1);
        account.heal(2);
        assert!(account.lose_copy(9, 0).is_empty());
        account.heal(0);
        assert!(account.lose_copy(9, 1).is_empty() && account.lose_copy(9, 2).is_empty());
        assert_eq!(account.len(), 1);
    }

    #[test]
    fn a_zone_that_was_down_gets_what_it_missed() {
        let mut account = Account::new(Redundancy::Zrs, None);
        account.serve(1, false);
        account.put(0, "a", 0_u8, 1, true);
        account.serve(1, true);
        assert!(account.lose_copy(9, 0).is_empty() && account.lose_copy(9, 2).is_empty());
        assert_eq!(account.len(), 1);
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut account = Account::new(Redundancy::Lrs, None);
        assert!(account.put(0, "a", 1_u8, 5, true));
        assert!(!account.put(1, "a", 2, 7, true));
        assert!(account.put(2, "a", 3, 7, false));
        assert_eq!((account.bytes(), account.peak()), (7, 7));
    }

    #[test]
    fn an_early_acknowledgement_is_a_loss_in_waiting() {
        let mut account =
            Account::new(Redundancy::Lrs, None).flawed(Flaw::EarlyAcknowledgement(60));
        account.put(0, "a", 0_u8, 1, true);
        account.put(50, "b", 0, 1, true);
        account.catch_up(60);
        assert_eq!(account.lose_copy(9, 0), ["b"]);
    }
}
