//! Which bytes a set of points makes a vault keep.
//!
//! `forever` points share every chunk: one born with point `b` and last needed by point `d` is kept if
//! any point from `b` to `d` exists. So the sum over all `b` of what the next existing point at or after
//! `b` still needs of it is exact. Points of chains keep packs of their own: a full all that it needs,
//! a differential what its full lacks, an incremental what is new.

use std::collections::BTreeMap;

use engine::format::point::Method;

use super::data::Data;
use super::share::{Share, total};

/// How a point lies in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Shares chunks with every point.
    Forever,
    /// Everything, by itself.
    Full,
    /// What the full with this number lacks.
    Differential(usize),
    /// What is new.
    Incremental,
}

impl Kind {
    /// Of a method, on top of the full with the number `full`.
    pub(super) fn of(method: Method, full: usize) -> Self {
        match method {
            Method::Full | Method::SyntheticFull => Self::Full,
            Method::Differential => Self::Differential(full),
            Method::Incremental => Self::Incremental,
            Method::Forever => Self::Forever,
        }
    }

    /// The oldest point whose bytes a point of a chain stores itself.
    fn from(self, point: usize) -> usize {
        match self {
            Self::Full => 0,
            Self::Differential(full) => full + 1,
            Self::Incremental | Self::Forever => point,
        }
    }
}

/// Bytes of its own packs that a point of a chain keeps; a forever point's are shared.
pub(super) fn own(data: &Data, kind: Kind, point: usize) -> u64 {
    if kind == Kind::Forever {
        return 0;
    }
    let born = kind.from(point)..=point;
    total(born.map(|born| data.alive(born, point)))
}

/// Sums over runs of points that share the next existing one: they change only where a point goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(BTreeMap<(usize, usize), u64>);

/// Runs remembered at most, 48 bytes each; then all are forgotten.
const RUNS_MAX: usize = 100_000;

impl Runs {
    fn sum(&mut self, data: &Data, from: usize, point: usize) -> u64 {
        let sum = || total((from..=point).map(|born| data.alive(born, point)));
        if from == point {
            return sum();
        }
        if self.0.len() >= RUNS_MAX {
            self.0.clear();
        }
        *self.0.entry((from, point)).or_insert_with(sum)
    }
}

/// Bytes that existing points keep. `existing` rises; `own` holds [`own`] of every point.
pub(super) fn kept(
    data: &Data,
    kinds: &[Kind],
    own: &[u64],
    existing: &[usize],
    runs: &mut Runs,
) -> u64 {
    let (mut sum, mut born) = (0_u64, 0);
    for point in existing {
        if kinds[*point] == Kind::Forever {
            sum = runs.sum(data, born, *point).saturating_add(sum);
            born = point + 1;
        } else {
            sum = own[*point].saturating_add(sum);
        }
    }
    sum
}

/// How often and how much of what each point to come stores first is kept, for bytes of a class: the
/// factor of its births in [`kept`].
pub(super) fn factors(data: &Data, kinds: &[Kind], class: usize, existing: &[usize]) -> Vec<Share> {
    let first = data.known.len();
    let mut factors = vec![Share::ZERO; data.births.len()];
    let mut next = 0;
    for point in existing {
        let from = match kinds[*point] {
            Kind::Forever => std::mem::replace(&mut next, point + 1),
            kind => kind.from(*point),
        };
        for born in from.max(first)..=*point {
            let factor = &mut factors[born - first];
            *factor = factor.plus(data.share(class, born, *point));
        }
    }
    factors
}

#[cfg(test)]
mod tests;
