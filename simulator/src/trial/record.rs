//! What the trial itself knows of every point that was acknowledged: the truth that hands are held against.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::workload::Content;

/// A point that was acknowledged.
#[derive(Clone, Debug)]
pub struct Record {
    /// The instant that it vouches for: when its snapshot was taken.
    pub captured: u64,
    /// When it was acknowledged.
    pub landed: u64,
    /// What the disk held.
    pub content: Content,
    /// When each block of it had been written.
    pub written: Arc<[u64]>,
    /// Points needed to restore it, itself included.
    pub chain_length: u32,
    /// Bytes by which the store grew.
    pub stored_bytes: u64,
    /// Since when it is deleted.
    pub deleted: Option<u64>,
    /// It was deleted and brought back.
    pub brought_back: bool,
}

/// The acknowledged points of one copy of one instance that are not removed for good.
#[derive(Clone, Debug, Default)]
pub struct Records {
    points: BTreeMap<u32, Record>,
    /// Points ever made.
    pub made: u32,
}

impl Records {
    /// A point was acknowledged.
    pub fn add(&mut self, number: u32, record: Record) {
        self.points.insert(number, record);
        self.made += 1;
    }

    /// Points were deleted.
    pub fn delete(&mut self, numbers: &[u32], now: u64) {
        for number in numbers {
            if let Some(record) = self.points.get_mut(number) {
                record.deleted.get_or_insert(now);
            }
        }
    }

    /// All are deleted.
    pub fn delete_all(&mut self, now: u64) {
        for record in self.points.values_mut() {
            record.deleted.get_or_insert(now);
        }
    }

    /// Those deleted after `since` are there again.
    pub fn undelete(&mut self, since: u64) {
        for record in self.points.values_mut() {
            if record.deleted.is_some_and(|deleted| deleted >= since) {
                (record.deleted, record.brought_back) = (None, true);
            }
        }
    }

    /// Points are removed for good.
    pub fn remove(&mut self, numbers: &[u32]) {
        for number in numbers {
            self.points.remove(number);
        }
    }

    /// One point.
    pub fn get(&self, number: u32) -> Option<&Record> {
        self.points.get(&number)
    }

    /// All, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Record)> {
        self.points.iter().map(|(number, record)| (*number, record))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Points that are not deleted.
    pub fn kept(&self) -> usize {
        let kept = self
            .points
            .values()
            .filter(|record| record.deleted.is_none());
        kept.count()
    }
}
