//! Which points a policy keeps: `engine::retention`'s own answer, remembered.
//!
//! Instances that are backed up at the same instants get the same answer: of a fleet one is decided, and the
//! others are looked up. So are the same days of another seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use engine::error::Result;
use engine::format::point::Method;
use engine::ids::PointId;
use engine::retention::{Policy, Subject, decide};
use engine::units::Timestamp;

use crate::trial::ground::lock;

use super::chain::Point;

/// Answers remembered at most; then all are forgotten.
const REMEMBERED_MAX: usize = 20_000;

/// Now and all points, as far as retention asks, in 32 bytes: a question has thousands of points, and its answer few.
type Key = [u8; 32];

/// The answers of one policy.
#[derive(Debug)]
pub(super) struct Verdicts {
    policy: Policy,
    start_seconds: i64,
    known: Mutex<BTreeMap<Key, Vec<u16>>>,
}

impl Verdicts {
    pub(super) fn new(policy: Policy, start_seconds: i64) -> Self {
        Self {
            policy,
            start_seconds,
            known: Mutex::default(),
        }
    }

    /// Positions, among `points`, of those that go now.
    pub(super) fn expired(&self, points: &[&Point], now: u64) -> Result<Vec<u16>> {
        let positions: BTreeMap<u32, usize> = points
            .iter()
            .enumerate()
            .map(|(at, point)| (point.number, at))
            .collect();
        let needs = |point: &Point| -> Vec<PointId> {
            let needs = (point.method != Method::Forever).then_some(&point.needs);
            let there = needs.into_iter().flatten();
            let there = there.filter_map(|number| positions.get(number));
            there.map(|at| id(*at)).collect()
        };
        let subjects: Vec<Subject> = points
            .iter()
            .enumerate()
            .map(|(at, point)| Subject {
                id: id(at),
                captured: self.instant(point.captured),
                method: point.method,
                tags: Vec::new(),
                needs: needs(point),
                protected: false,
            })
            .collect();
        let now = self.instant(now);
        let key = key(&subjects, now);
        if let Some(known) = lock(&self.known).get(&key) {
            return Ok(known.clone());
        }
        let verdicts = decide(&self.policy, &subjects, now)?;
        let goes = verdicts.iter().filter(|verdict| !verdict.keep);
        let goes: BTreeSet<PointId> = goes.map(|verdict| verdict.id).collect();
        let goes: Vec<u16> = (0..points.len())
            .filter(|at| goes.contains(&id(*at)))
            .map(|at| at as u16)
            .collect();
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, goes.clone());
        Ok(goes)
    }

    /// Whole seconds: in them instances that are backed up one after another have the same answer.
    fn instant(&self, micros: u64) -> Timestamp {
        Timestamp {
            seconds: self.start_seconds + (micros / 1_000_000).cast_signed(),
            nanos: 0,
        }
    }
}

fn key(subjects: &[Subject], now: Timestamp) -> Key {
    let mut row = Vec::new();
    row.extend(now.seconds.to_le_bytes());
    for subject in subjects {
        row.extend(subject.captured.seconds.to_le_bytes());
        row.push(subject.method as u8);
        row.extend((subject.needs.len() as u64).to_le_bytes());
        row.extend(subject.needs.iter().flat_map(|need| need.0));
    }
    blake3::hash(&row).into()
}

/// A name for a position; names order as positions do.
fn id(at: usize) -> PointId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&(at as u64).to_be_bytes());
    engine::ids::ObjectId(bytes)
}
