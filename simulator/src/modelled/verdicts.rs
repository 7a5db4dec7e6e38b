//! Which points a policy keeps: `engine::retention`'s own answer, remembered.
//!
//! Instances that are backed up at the same instants get the same answer: of a fleet one is decided, and the
//! others are looked up. So are the same days of another seed.

use std::collections::BTreeMap;
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

/// A point as far as retention asks: captured (seconds), begins or not, the positions of what it needs.
type Key = (u64, Vec<(u64, u8, Vec<u16>)>);

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
        let position = |number: u32| points.iter().position(|point| point.number == number);
        let rows = points.iter().map(|point| {
            let needs = match point.method {
                Method::Forever => Vec::new(),
                _ => point
                    .needs
                    .iter()
                    .filter_map(|number| position(*number))
                    .collect(),
            };
            let needs = needs.into_iter().map(|position| position as u16).collect();
            (point.captured / 1_000_000, point.method as u8, needs)
        });
        let key: Key = (now / 1_000_000, rows.collect());
        if let Some(known) = lock(&self.known).get(&key) {
            return Ok(known.clone());
        }
        let subjects: Vec<Subject> = key
            .1
            .iter()
            .zip(points)
            .enumerate()
            .map(|(at, (row, point))| Subject {
                id: id(at),
                captured: self.instant(row.0),
                method: point.method,
                tags: Vec::new(),
                needs: row.2.iter().map(|at| id(usize::from(*at))).collect(),
                protected: false,
            })
            .collect();
        let verdicts = decide(&self.policy, &subjects, self.instant(key.0))?;
        let goes = |at: &usize| {
            verdicts
                .iter()
                .any(|verdict| verdict.id == id(*at) && !verdict.keep)
        };
        let goes: Vec<u16> = (0..points.len()).filter(goes).map(|at| at as u16).collect();
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, goes.clone());
        Ok(goes)
    }

    fn instant(&self, seconds: u64) -> Timestamp {
        Timestamp {
            seconds: self.start_seconds + seconds.cast_signed(),
            nanos: 0,
        }
    }
}

/// A name for a position; names order as positions do.
fn id(at: usize) -> PointId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&(at as u64).to_be_bytes());
    engine::ids::ObjectId(bytes)
}
