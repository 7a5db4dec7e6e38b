//! The points of one copy as a model knows them: which blocks each refers to, and whose they are.

use std::borrow::Cow;
use std::sync::Arc;

use engine::format::point::Method;

use crate::workload::Content;

use super::fit::Index;
use super::points::Points;

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
    /// Blocks that are in use.
    pub(super) used: u64,
    pub(super) content: Content,
    /// For each block, the point that stored it.
    pub(super) owners: Arc<[u32]>,
    /// The point whose listing it has: that of the latest, where nothing changed since.
    pub(super) listing: u32,
    /// Points other than itself that stored some of it, ascending; not kept for `forever`, where no chain hangs on it.
    needs: Vec<u32>,
    pub(super) deleted: Option<u64>,
    /// Its own data was damaged.
    pub(super) damaged: bool,
}

impl Point {
    /// What was drawn, of a snapshot that was taken at an instant.
    pub(super) fn new(number: u32, captured: u64, content: Content, drawn: Drawn) -> Self {
        let needs = match drawn.method {
            Method::Forever => Vec::new(),
            _ => needs(number, &content, &drawn.owners),
        };
        Self {
            number,
            captured,
            method: drawn.method,
            base: drawn.base,
            chain_length: drawn.chain_length,
            stored: drawn.stored,
            used: used(&content),
            content,
            owners: drawn.owners,
            listing: drawn.listing.unwrap_or(number),
            needs,
            deleted: None,
            damaged: false,
        }
    }

    /// Points without which this one can't be restored, as retention sees it: none for `forever`.
    pub(super) fn chain(&self) -> &[u32] {
        &self.needs
    }

    /// Points other than itself that stored some of it.
    pub(super) fn needs(&self) -> Cow<'_, [u32]> {
        match self.method {
            Method::Forever => Cow::Owned(needs(self.number, &self.content, &self.owners)),
            _ => Cow::Borrowed(&self.needs),
        }
    }
}

/// Blocks of a disk that were ever written.
pub(super) fn used(content: &Content) -> u64 {
    content.iter().filter(|version| **version != 0).count() as u64
}

/// Owners of blocks other than a point itself, ascending.
fn needs(number: u32, content: &Content, owners: &[u32]) -> Vec<u32> {
    // A bit for each of the points before it, as far as there are bits.
    let (mut near, mut needs) = (0_u64, Vec::new());
    let owners = owners.iter().zip(content.iter());
    let owners = owners.filter(|(owner, version)| **version != 0 && **owner != number);
    for (owner, _) in owners {
        let before = number - owner - 1;
        if before < u64::BITS {
            near |= 1 << before;
        } else if let Err(at) = needs.binary_search(owner) {
            needs.insert(at, *owner);
        }
    }
    while near != 0 {
        let before = near.ilog2();
        near ^= 1 << before;
        needs.push(number - before - 1);
    }
    needs
}

/// What a new point will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) method: Method,
    pub(super) base: Option<u32>,
    pub(super) chain_length: u32,
    pub(super) owners: Arc<[u32]>,
    /// The listing that it has in common with the latest point.
    pub(super) listing: Option<u32>,
    /// Blocks that it stores, and of those the ones that are copied from its chain.
    pub(super) stored: u64,
    pub(super) copied: u64,
    /// What the points store which it builds on.
    pub(super) index: Index,
}

/// Blocks that are held against the latest point's at once.
const CHUNK: usize = 8;

/// Whether a point begins a chain.
fn begins(method: Method) -> bool {
    matches!(method, Method::Full | Method::SyntheticFull)
}

/// What a point of `content` is under `method`: the decisions of `engine::backup::plan`, over blocks.
pub(super) fn draw(points: &Points, content: &Content, method: Method, number: u32) -> Drawn {
    let latest = points.latest();
    let full = Drawn {
        method: Method::Full,
        base: None,
        chain_length: 1,
        owners: Arc::new([]),
        listing: None,
        stored: 0,
        copied: 0,
        index: Index::default(),
    };
    let (mut drawn, scope): (Drawn, Vec<&Point>) = match (method, latest) {
        (Method::Forever, latest) => {
            let drawn = Drawn {
                method,
                base: latest.map(|point| point.number),
                chain_length: latest.map_or(1, |point| point.chain_length + 1),
                ..full
            };
            (drawn, latest.into_iter().collect())
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
    // After the latest, `forever` refers to whatever there is, the newest first.
    let others: &[Point] = match drawn.method {
        Method::Forever => points,
        _ => &[],
    };
    drawn.index = Index::of(scope.iter().map(|point| point.stored));
    let find = |block: usize, version: u32| {
        // What was written after all points is in none.
        let known = version <= points.written();
        let mut all = scope.iter().copied().chain(others.iter().rev());
        let holds = |point: &&Point| point.content.get(block) == Some(&version);
        let found = known.then(|| all.find(holds)).flatten();
        found.map(|point| point.owners[block])
    };
    own(&mut drawn, content, number, scope.first().copied(), find);
    if drawn.stored == 0 {
        let same = latest.filter(|latest| latest.content == *content);
        drawn.listing = same.map(|latest| latest.listing);
    }
    drawn
}

/// Decides of each block who stored it; `find` looks for one that is not as in the first point of the scope.
fn own(
    drawn: &mut Drawn,
    content: &Content,
    number: u32,
    first: Option<&Point>,
    find: impl Fn(usize, u32) -> Option<u32>,
) {
    let copies = drawn.method == Method::SyntheticFull;
    let first = first.map(|point| (&point.content[..], &point.owners[..]));
    let (versions, owned) = first.unwrap_or_default();
    let mut owner = |block: usize, version: u32| {
        if version == 0 {
            return number;
        }
        let same = versions.get(block) == Some(&version);
        let owner = same.then(|| owned[block]).or_else(|| find(block, version));
        drawn.copied += u64::from(copies && owner.is_some());
        drawn.stored += u64::from(copies || owner.is_none());
        owner.filter(|_| !copies).unwrap_or(number)
    };
    let mut owners: Vec<u32> = Vec::with_capacity(content.len());
    for chunk in content.chunks(CHUNK) {
        let at = owners.len();
        // Most of a disk is as it was.
        let same = !copies && versions.get(at..at + CHUNK) == Some(chunk);
        if same && chunk.iter().all(|version| *version != 0) {
            owners.extend_from_slice(&owned[at..at + CHUNK]);
        } else {
            let blocks = (at..).zip(chunk);
            owners.extend(blocks.map(|(block, version)| owner(block, *version)));
        }
    }
    drawn.owners = owners.into();
}

/// The points from `point` back to the full that its chain began with.
fn chain<'a>(points: &'a Points, point: &'a Point) -> Vec<&'a Point> {
    let by_number = |number: u32| points.get(number);
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
