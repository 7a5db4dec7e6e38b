//! What points hold: bytes by the point that stored them first, and how long those stay in use.

use super::share::{Share, total};
use super::survival::Curve;

/// What one point of a history stored first.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The last point that needs so many bytes, and all that is needed up to it; by rising points.
    needed_to: Vec<(u32, u64)>,
    class: usize,
    /// Ages are counted from here: older points are thinned out and tell no rhythm.
    anchor: usize,
}

impl Known {
    /// From the bytes that each last point needs, by rising points.
    pub(super) fn new(lives: &[(u32, u64)], class: usize, anchor: usize) -> Self {
        let mut needed_to = lives.to_vec();
        let mut sum = 0;
        for (_, bytes) in needed_to.iter_mut().rev() {
            sum = bytes.saturating_add(sum);
            *bytes = sum;
        }
        Self {
            needed_to,
            class,
            anchor,
        }
    }

    fn alive(&self, at: usize) -> u64 {
        let from = self
            .needed_to
            .partition_point(|(last, _)| (*last as usize) < at);
        self.needed_to.get(from).map_or(0, |(_, bytes)| *bytes)
    }
}

/// The bytes of all points, known and to come. Bytes belong to a class, and each class has its own
/// survival: what was there from the beginning is mostly cold, what is written later mostly hot.
#[derive(Clone, Debug)]
pub(super) struct Data {
    /// Points of a history, exactly.
    pub(super) known: Vec<Known>,
    /// A curve for each class.
    pub(super) curves: Vec<Curve>,
    /// What of everything stays so many points into the time to come, beside the curves.
    pub(super) fade: Option<Curve>,
    /// What each point to come stores first, by class.
    pub(super) births: Vec<Vec<u64>>,
    /// Size of the source at each point to come, and at the last known one before them.
    pub(super) logical: Vec<u64>,
}

impl Data {
    /// Points in all.
    pub(super) fn points(&self) -> usize {
        self.known.len() + self.births.len()
    }

    /// Bytes that the point `born` stored first and the point `at` needs.
    pub(super) fn alive(&self, born: usize, at: usize) -> u64 {
        let Some(known) = self.known.get(born) else {
            return self.alive_to_come(born, at);
        };
        let last = self.known.len() - 1;
        if at <= last {
            return known.alive(at);
        }
        let curve = &self.curves[known.class];
        let (then, now) = (curve.at(at - known.anchor), curve.at(last - known.anchor));
        let stays = then.over(now).times(self.faded(at - last));
        stays.of(known.alive(last))
    }

    fn faded(&self, points: usize) -> Share {
        self.fade
            .as_ref()
            .map_or(Share::ONE, |fade| fade.at(points))
    }

    fn alive_to_come(&self, born: usize, at: usize) -> u64 {
        let births = self.births[born - self.known.len()].iter();
        let classes = births.zip(&self.curves);
        let faded = self.faded(at - born);
        total(classes.map(|(bytes, curve)| curve.at(at - born).times(faded).of(*bytes)))
    }

    /// The share of what a point to come stores first of class `class` that is alive at `at`.
    pub(super) fn share(&self, class: usize, born: usize, at: usize) -> Share {
        self.curves[class]
            .at(at - born)
            .times(self.faded(at - born))
    }

    /// Bytes that the point `at` needs.
    pub(super) fn needed_by(&self, at: usize) -> u64 {
        total((0..=at).map(|born| self.alive(born, at)))
    }

    /// Size of the source at a point to come.
    pub(super) fn logical_at(&self, point: usize) -> u64 {
        let number = point.saturating_sub(self.known.len().saturating_sub(1));
        let last = self.logical.last().copied().unwrap_or(0);
        self.logical.get(number).copied().unwrap_or(last)
    }
}
