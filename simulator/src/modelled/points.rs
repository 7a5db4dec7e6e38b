//! All points of one copy that exist, and what is asked of them so often that it is kept beside them.

use std::ops::Deref;

use crate::scenario::SECOND;

use super::chain::Point;

/// Points that exist, deleted ones included, oldest first.
#[derive(Debug, Default)]
pub(super) struct Points {
    all: Vec<Point>,
    deleted: usize,
    written: u32,
    print: u128,
}

impl Deref for Points {
    type Target = [Point];

    fn deref(&self) -> &[Point] {
        &self.all
    }
}

impl Points {
    /// Those that are not deleted.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Point> {
        self.all.iter().filter(|point| point.deleted.is_none())
    }

    /// The newest that is not deleted.
    pub(super) fn latest(&self) -> Option<&Point> {
        self.all.iter().rev().find(|point| point.deleted.is_none())
    }

    /// One, by its number.
    pub(super) fn get(&self, number: u32) -> Option<&Point> {
        let at = self.all.binary_search_by_key(&number, |point| point.number);
        at.ok().map(|at| &self.all[at])
    }

    /// How many are deleted.
    pub(super) fn deleted(&self) -> usize {
        self.deleted
    }

    /// The last write that any point ever knew of: a block that was written later is in none.
    pub(super) fn written(&self) -> u32 {
        self.written
    }

    /// A number for the instants, in whole seconds, of the points that are not deleted: other instants, another number.
    pub(super) fn print(&self) -> u128 {
        self.print
    }

    /// Adds a new one.
    pub(super) fn push(&mut self, point: Point) {
        self.written = self
            .written
            .max(point.content.iter().copied().max().unwrap_or(0));
        self.print = self.print.wrapping_add(print(&point));
        self.all.push(point);
    }

    /// Deletes some of them.
    pub(super) fn delete(&mut self, numbers: &[u32], now: u64) {
        for number in numbers {
            let at = self.all.binary_search_by_key(number, |point| point.number);
            let point = at.ok().map(|at| &mut self.all[at]);
            if let Some(point) = point.filter(|point| point.deleted.is_none()) {
                point.deleted = Some(now);
                self.deleted += 1;
                self.print = self.print.wrapping_sub(print(point));
            }
        }
    }

    /// Brings back those that were deleted after an instant; gives their numbers.
    pub(super) fn undelete(&mut self, after: impl Fn(u64) -> bool) -> Vec<u32> {
        let deleted = self.all.iter_mut();
        let deleted = deleted.filter(|point| point.deleted.is_some_and(&after));
        let back = deleted.map(|point| {
            point.deleted = None;
            self.deleted -= 1;
            self.print = self.print.wrapping_add(print(point));
            point.number
        });
        back.collect()
    }

    /// Takes out those of which that holds.
    pub(super) fn extract(&mut self, goes: impl Fn(&Point) -> bool) -> Vec<Point> {
        let gone: Vec<Point> = self.all.extract_if(.., |point| goes(point)).collect();
        for point in &gone {
            match point.deleted {
                Some(_) => self.deleted -= 1,
                None => self.print = self.print.wrapping_sub(print(point)),
            }
        }
        gone
    }

    /// The newest one's own data is damaged.
    pub(super) fn damage_newest(&mut self) {
        if let Some(point) = self.all.last_mut() {
            point.damaged = true;
        }
    }
}

/// One point's part of the number: two rounds of `SplitMix64` (Steele, Lea and Flood, 2014) over its second.
fn print(point: &Point) -> u128 {
    let round = |seed: u64| {
        let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let first = round(point.captured / SECOND);
    u128::from(first) << 64 | u128::from(round(first))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::format::point::Method;

    use super::super::chain::{Point, draw};
    use super::Points;
    use crate::scenario::DAY;

    fn points() -> Points {
        let mut points = Points::default();
        for day in 0..5 {
            let content = Arc::from([1, day + 2, 0]);
            let drawn = draw(&points, &content, Method::Incremental, day);
            points.push(Point::new(day, u64::from(day) * DAY, content, drawn));
        }
        points
    }

    #[test]
    fn the_number_tells_what_is_not_deleted() {
        let (mut points, whole) = (points(), points().print());
        points.delete(&[1, 3], 7);
        points.delete(&[3], 8);
        let without = points.print();
        assert_ne!(without, whole);
        assert_eq!((points.deleted(), points.kept().count()), (2, 3));
        assert!(points.undelete(|deleted| deleted > 7).is_empty());
        assert_eq!(points.undelete(|deleted| deleted == 7), [1, 3]);
        assert_eq!(points.print(), whole);
        points.delete(&[1, 3], 9);
        let gone = points.extract(|point| point.deleted.is_some());
        assert_eq!((gone.len(), points.deleted()), (2, 0));
        assert_eq!(points.print(), without);
    }

    #[test]
    fn each_needs_those_that_stored_some_of_it() {
        let points = points();
        let stored: Vec<u64> = points.iter().map(|point| point.stored).collect();
        assert_eq!(stored, [2, 1, 1, 1, 1]);
        assert_eq!(points.written(), 6);
        assert_eq!(points.latest().map(Point::chain), Some(&[0][..]));
    }
}
