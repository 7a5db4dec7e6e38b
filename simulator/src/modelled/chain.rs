//! The points of one copy as a model knows them: which blocks each refers to, and whose they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::format::point::Method;

use crate::workload::Content;

/// A point.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) number: u32,
    /// When its backup began.
    pub(super) captured: u64,
    pub(super) method: Method,
    /// The point that it was compared with.
    pub(super) base: Option<u32>,
    pub(super) chain_length: u32,
    /// Blocks that it stored.
    pub(super) stored: u64,
    pub(super) content: Content,
    /// For each block, the point that stored it.
    pub(super) owners: Arc<[u32]>,
    /// Points other than itself that stored some of it.
    pub(super) needs: BTreeSet<u32>,
    pub(super) deleted: Option<u64>,
    /// Its own data was damaged.
    pub(super) damaged: bool,
}

/// What a new point will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) method: Method,
    pub(super) base: Option<u32>,
    pub(super) chain_length: u32,
    pub(super) owners: Vec<u32>,
    /// Blocks that it stores, and of those the ones that are copied from its chain.
    pub(super) stored: u64,
    pub(super) copied: u64,
    /// Blocks that the points store which it builds on.
    pub(super) index: u64,
}

/// Whether a point begins a chain.
fn begins(method: Method) -> bool {
    matches!(method, Method::Full | Method::SyntheticFull)
}

/// What a point of `content` is under `method`: the decisions of `engine::backup::plan`, over blocks.
/// `points` are all that exist, deleted ones included, oldest first.
pub(super) fn draw(points: &[Point], content: &Content, method: Method, number: u32) -> Drawn {
    let latest = points.iter().rev().find(|point| point.deleted.is_none());
    let full = Drawn {
        method: Method::Full,
        base: None,
        chain_length: 1,
        owners: Vec::new(),
        stored: 0,
        copied: 0,
        index: 0,
    };
    let (mut drawn, scope): (Drawn, Vec<&Point>) = match (method, latest) {
        (Method::Forever, latest) => {
            let first = latest.into_iter();
            let others = points
                .iter()
                .filter(|point| Some(point.number) != latest.map(|p| p.number));
            let drawn = Drawn {
                method,
                base: latest.map(|point| point.number),
                chain_length: latest.map_or(1, |point| point.chain_length + 1),
                ..full
            };
            (drawn, first.chain(others.rev()).collect())
        }
        (Method::Full, _) | (_, None) => (full, Vec::new()),
        (Method::Differential, Some(latest)) => match chain(points, latest).last() {
            Some(begin) if begins(begin.method) => {
                let drawn = Drawn {
                    method,
                    base: Some(begin.number),
                    chain_length: 2,
                    ..full
                };
                (drawn, vec![begin])
            }
            _ => (full, Vec::new()),
        },
        (method, Some(latest)) => {
            let copies = method == Method::SyntheticFull;
            let drawn = Drawn {
                method,
                base: Some(latest.number),
                chain_length: if copies { 1 } else { latest.chain_length + 1 },
                ..full
            };
            (drawn, chain(points, latest))
        }
    };
    drawn.index = scope.iter().map(|point| point.stored).sum();
    let copies = drawn.method == Method::SyntheticFull;
    let mut owners = Vec::with_capacity(content.len());
    for (block, version) in content.iter().enumerate() {
        let found = (*version != 0)
            .then(|| {
                scope
                    .iter()
                    .find(|point| point.content.get(block) == Some(version))
            })
            .flatten();
        owners.push(match found {
            Some(point) if !copies => point.owners[block],
            found => {
                drawn.stored += u64::from(*version != 0);
                drawn.copied += u64::from(found.is_some());
                number
            }
        });
    }
    drawn.owners = owners;
    drawn
}

/// The points from `point` back to the full that its chain began with.
fn chain<'a>(points: &'a [Point], point: &'a Point) -> Vec<&'a Point> {
    let by_number = |number: u32| points.iter().rev().find(|point| point.number == number);
    let (mut chain, mut at) = (vec![point], point);
    while !begins(at.method)
        && let Some(base) = at.base.and_then(by_number)
    {
        chain.push(base);
        at = base;
    }
    if !begins(at.method) {
        let mut needed = at.needs.iter().filter_map(|number| by_number(*number));
        chain.extend(needed.find(|point| begins(point.method)));
    }
    chain
}
