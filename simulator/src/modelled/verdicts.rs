//! Which points a policy keeps: `engine::retention`'s own answer, remembered.
//!
//! Instances that are backed up at the same instants get the same answer: of a fleet one is decided, and the
//! others are looked up. So are the same days of another seed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use engine::error::Result;
use engine::format::point::Method;
use engine::ids::PointId;
use engine::retention::{Policy, Subject, keep_needed_by, unkept};
use engine::units::Timestamp;

use crate::scenario::SECOND;
use crate::trial::ground::lock;

use super::chain::Point;
use super::points::Points;

/// Answers remembered at most; then all are forgotten.
const REMEMBERED_MAX: usize = 20_000;

/// Now, and a number for the instants of all points: what a policy asks, chains left out.
type Key = (u64, u128);

/// Positions, among the points that are not deleted, of those that no rule keeps, ascending.
type Answer = Arc<[u32]>;

/// The answers of one policy.
#[derive(Debug)]
pub(super) struct Verdicts {
    policy: Policy,
    start_seconds: i64,
    known: Mutex<BTreeMap<Key, Answer>>,
}

impl Verdicts {
    pub(super) fn new(policy: Policy, start_seconds: i64) -> Self {
        Self {
            policy,
            start_seconds,
            known: Mutex::default(),
        }
    }

    /// Numbers of those that go now: those that no rule keeps, and that none of what stays needs.
    pub(super) fn expired(&self, points: &Points, now: u64) -> Result<Vec<u32>> {
        let key = (now / SECOND, points.print());
        let known = lock(&self.known).get(&key).cloned();
        let goes = match known {
            Some(known) => known,
            None => self.remember(key, points, now)?,
        };
        let Some(last) = goes.last() else {
            return Ok(Vec::new());
        };
        if points
            .first()
            .is_some_and(|point| point.method == Method::Forever)
        {
            let there = points.kept().take(*last as usize + 1).enumerate();
            let there = there.filter(|(at, _)| goes.binary_search(&(*at as u32)).is_ok());
            return Ok(there.map(|(_, point)| point.number).collect());
        }
        let mut there: Vec<&Point> = Vec::with_capacity(points.len());
        there.extend(points.kept());
        let mut stays = vec![true; there.len()];
        for at in goes.iter() {
            stays[*at as usize] = false;
        }
        // What is younger than all of them stays in any case.
        let last = there[*last as usize].number;
        let position = |number: &u32| there.binary_search_by_key(number, |point| point.number);
        let needs = |at: usize| {
            let needs = there[at].chain().iter();
            let needs = needs.take_while(|number| **number <= last);
            needs.filter_map(|number| position(number).ok())
        };
        keep_needed_by(&mut stays, needs, |_, _| {});
        let goes = there.iter().zip(stays).filter(|(_, stays)| !stays);
        Ok(goes.map(|(point, _)| point.number).collect())
    }

    /// Asks the policy, and remembers what it says.
    fn remember(&self, key: Key, points: &Points, now: u64) -> Result<Answer> {
        let subjects = points.kept().enumerate().map(|(at, point)| Subject {
            id: id(at),
            captured: self.instant(point.captured),
            method: point.method,
            tags: Vec::new(),
            needs: Vec::new(),
            protected: false,
        });
        let mut all: Vec<Subject> = Vec::with_capacity(points.len());
        all.extend(subjects);
        let goes = unkept(&self.policy, &all, self.instant(now))?;
        let mut goes: Vec<u32> = goes.into_iter().map(position).collect();
        goes.sort_unstable();
        let goes = Answer::from(goes);
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, Answer::clone(&goes));
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

/// A name for a position; names order as positions do.
fn id(at: usize) -> PointId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&(at as u64).to_be_bytes());
    engine::ids::ObjectId(bytes)
}

fn position(id: PointId) -> u32 {
    let [.., a, b, c, d] = id.0;
    u32::from_be_bytes([a, b, c, d])
}
