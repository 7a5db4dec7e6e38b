//! What the trial itself knows of every point that was acknowledged: the truth that hands are held against.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::workload::Content;

/// A point that was acknowledged.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it fell due; captured later where attempts before it failed.
    pub due: u64,
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
}

/// The acknowledged points of one copy of one instance that are not removed for good.
#[derive(Clone, Debug, Default)]
pub struct Records {
    points: BTreeMap<u32, Record>,
    /// Bytes of those that are deleted.
    deleted_bytes: u64,
    /// Points ever made.
    pub made: u32,
    /// The last thinning that went through: as of when, and when it was done. None that an undelete came after.
    pub thinned: Option<(u64, u64)>,
    /// When somebody last deleted all points.
    pub intruded: Option<u64>,
    /// When deleted points were last brought back.
    pub undeleted: Option<u64>,
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
            if let Some(record) = self.points.get_mut(number)
                && record.deleted.is_none()
            {
                record.deleted = Some(now);
                self.deleted_bytes += record.stored_bytes;
            }
        }
    }

    /// Points that were deleted are there again.
    pub fn undelete(&mut self, numbers: &[u32], now: u64) {
        for number in numbers {
            if let Some(record) = self.points.get_mut(number)
                && record.deleted.take().is_some()
            {
                self.deleted_bytes -= record.stored_bytes;
            }
        }
        (self.thinned, self.undeleted) = (None, Some(now));
    }

    /// Points are removed for good.
    pub fn remove(&mut self, numbers: &[u32]) {
        for number in numbers {
            if let Some(record) = self.points.remove(number).filter(|it| it.deleted.is_some()) {
                self.deleted_bytes -= record.stored_bytes;
            }
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

    /// Bytes of points that are deleted.
    pub fn deleted_bytes(&self) -> u64 {
        self.deleted_bytes
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
