//! The order of a copy: point by point, the oldest first, each landed before the next is begun.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::backup::{
    self, Landing, Outcome as Landed, Progress, Request, Scope, commit, load_scope,
};
use crate::error::{Error, ErrorKind, Result};
use crate::format::index::PackRecord;
use crate::format::lease::Purpose;
use crate::format::point::{Manifest, Method, Origin, Statistics};
use crate::ids::PointId;
use crate::retention::{LimitState, POINTS_MAX, limit_state};
use crate::vault::{BlobReader, Catalog, ChunkIndex, Lease, Point, Vault, each_record};

use super::content::{Attempt, Copier, Stop};
use super::known::Known;
use super::select::{Selection, select};

/// A point that was copied.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The point in the source.
    pub from: PointId,
    /// Bytes of packs read for it.
    pub fetched_bytes: u64,
    /// Its copy.
    pub landed: Landed,
}

/// What a copy did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The points that were copied, oldest first.
    pub copied: Vec<Copied>,
    /// How many of those asked for were there already.
    pub already: u64,
    /// Points that were passed over, and why: damaged in the source, or one too many for the destination.
    pub skipped: Vec<(PointId, Error)>,
}

/// Copies `points`, or all, from one vault into another, but for those that are there already. One that is
/// damaged is told and passed over.
///
/// # Errors
/// `Invalid` when both are one vault; `NotFound` for a point that is not there; store errors of either
/// vault. Points that were copied until then stay; packs of an unfinished one are taken over by the next
/// copy or backup.
pub async fn run(
    from: &Vault,
    to: &Vault,
    points: &[PointId],
    holder: &str,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let catalog = Catalog::load(from).await?;
    for error in catalog.damaged() {
        progress.problem("the source".as_ref(), &error.to_string());
    }
    let mut round = Round::begin(to, holder).await?;
    let copied = copy_all((from, &catalog), to, points, &mut round, holder, progress).await;
    // One that can't be given back lapses.
    let _ = round.lease.release().await.is_ok();
    copied
}

async fn copy_all(
    (from, catalog): (&Vault, &Catalog),
    to: &Vault,
    points: &[PointId],
    round: &mut Round,
    holder: &str,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let source = (from.header().vault, catalog);
    let mut selection = select(source, (to.header().vault, &round.catalog), points)?;
    let mut outcome = Outcome {
        already: selection.already,
        ..Outcome::default()
    };
    if selection.missing.is_empty() {
        return Ok(outcome);
    }
    for error in round.catalog.damaged() {
        progress.problem("the destination".as_ref(), &error.to_string());
    }
    let index = Arc::new(catalog.index_of(from, &selection.closure()).await?);
    let reader = BlobReader::new(from.clone(), index);
    let mut known = learn(&reader, to, round, &selection).await?;
    for point in std::mem::take(&mut selection.missing) {
        if round.is_over(to) {
            round.renew(to, holder).await?;
        }
        let (copies, known) = (&mut selection.copies, &mut known);
        match copy_point((&reader, point), to, round, (copies, known), progress).await {
            Ok(copied) => outcome.copied.push(copied),
            Err(Stop::Skipped(error)) => {
                let name = PathBuf::from(format!("recovery point {}", point.id.short()));
                progress.problem(&name, &format!("{error}; not copied"));
                // What it has put so far is there for the next to take over.
                round.is_stale |= error.is_damage();
                outcome.skipped.push((point.id, error));
            }
            Err(Stop::Failed(error)) => return Err(error),
        }
    }
    Ok(outcome)
}

/// What can be known of chunks before any is read.
async fn learn(
    reader: &BlobReader,
    to: &Vault,
    round: &Round,
    selection: &Selection<'_>,
) -> Result<Known> {
    let mut known = Known::default();
    let there = BlobReader::new(to.clone(), Arc::clone(&round.scope));
    for point in selection.alike.values() {
        if let Some(copy) = selection.copies.get(&point.id) {
            known.learn((reader, point), (&there, copy)).await?;
        }
    }
    Ok(known)
}

/// Copies one point and lands it.
async fn copy_point(
    (reader, point): (&BlobReader, &Point),
    to: &Vault,
    round: &mut Round,
    (copies, known): (&mut BTreeMap<PointId, Point>, &mut Known),
    progress: &dyn Progress,
) -> Attempt<Copied> {
    round.refuse_one_too_many(point)?;
    let (scope, leftovers) = (Arc::clone(&round.scope), Arc::clone(&round.leftovers));
    let landing = Landing::new(to, &mut round.lease, scope, leftovers, false);
    let mut copier = Copier::new(reader, landing, known, progress);
    copier.copy(point).await?;
    let fetched_bytes = copier.fetched_bytes;
    let finished = copier.landing.finish(&round.points).await?;
    let origin = Origin {
        vault: reader.vault().header().vault,
        point: point.id,
    };
    let base = point.manifest.base.and_then(|base| copies.get(&base));
    let (did, original) = (finished.statistics, &point.manifest);
    let manifest = Manifest {
        base: base.map(|base| base.id),
        chain_length: match base {
            Some(base) if !original.method.begins_chain() => base.manifest.chain_length + 1,
            _ => 1,
        },
        depends_on: finished.depends_on,
        listing: finished.listing,
        segments: Vec::new(),
        packs: Vec::new(),
        statistics: Statistics {
            sent_bytes: did.sent_bytes,
            copied_bytes: did.copied_bytes,
            adopted_bytes: did.adopted_bytes,
            blocks_stored: did.blocks_stored,
            blocks_referenced: did.blocks_referenced,
            ..original.statistics
        },
        origin: Some(origin),
        at_large: finished.at_large.then_some(1),
        ..original.clone()
    };
    let landed = commit(to, &mut round.lease, manifest, finished.reliance).await?;
    round.land(to, &landed).await?;
    let copy = Point {
        id: landed.point,
        manifest: landed.manifest.clone(),
        manifest_bytes: 0,
        written: landed.manifest.finished,
    };
    copies.insert(point.id, copy);
    Ok(Copied {
        from: point.id,
        fetched_bytes,
        landed,
    })
}

/// What is known of the destination, and the lease under which it was looked at: good for a quarter of
/// the grace, so that no pack that this builds on is removed before it is looked at again.
struct Round {
    lease: Lease,
    catalog: Catalog,
    /// Points by the numbers of their packs' owners in `scope`.
    points: Vec<PointId>,
    scope: Arc<ChunkIndex>,
    leftovers: Arc<Vec<PackRecord>>,
    /// Points of each instance.
    counts: BTreeMap<String, u64>,
    is_stale: bool,
}

impl Round {
    async fn begin(to: &Vault, holder: &str) -> Result<Self> {
        let lease = Lease::take(to, Purpose::Write, holder).await?;
        let catalog = Catalog::load(to).await?;
        // Whatever the method of a point was: what the destination has is not sent again.
        let request = Request {
            method: Method::Forever,
            instance: String::new(),
        };
        let plan = backup::plan(&request, &catalog);
        let Scope { index, leftovers } = load_scope(to, &catalog, &plan, &request).await?;
        let mut counts = BTreeMap::new();
        for point in catalog.points() {
            *counts.entry(point.manifest.instance.clone()).or_default() += 1;
        }
        Ok(Self {
            lease,
            points: plan.scope,
            scope: Arc::new(index),
            leftovers: Arc::new(leftovers),
            catalog,
            counts,
            is_stale: false,
        })
    }

    async fn renew(&mut self, to: &Vault, holder: &str) -> Result<()> {
        let before = std::mem::replace(self, Self::begin(to, holder).await?);
        before.lease.release().await
    }

    fn is_over(&self, to: &Vault) -> bool {
        let passed = self.lease.now().seconds_since(self.lease.since());
        let terms = to.keys().terms();
        self.is_stale || terms.is_some_and(|terms| passed > terms.grace_seconds / 4)
    }

    fn refuse_one_too_many(&self, point: &Point) -> Attempt<()> {
        let name = &point.manifest.instance;
        let count = self.counts.get(name).copied().unwrap_or_default();
        if !matches!(limit_state(count), LimitState::Reached) {
            return Ok(());
        }
        let what = format!(
            "'{name}' has {count} recovery points in the destination, and {POINTS_MAX} is the most: \
             `firedrill forget` thins them by a policy"
        );
        Err(Stop::Skipped(Error::new(ErrorKind::Invalid, what)))
    }

    /// Makes what a point brought known to the next.
    async fn land(&mut self, to: &Vault, landed: &Landed) -> Result<()> {
        let manifest = &landed.manifest;
        *self.counts.entry(manifest.instance.clone()).or_default() += 1;
        let owner = self.points.len() as u32;
        self.points.push(landed.point);
        // What had to be put again lies elsewhere than the index says.
        let rescued = manifest.statistics.copied_bytes > 0;
        let Some(scope) = Arc::get_mut(&mut self.scope).filter(|_| !rescued) else {
            self.is_stale = true;
            return Ok(());
        };
        let own = manifest.segments.iter().map(|segment| (owner, *segment));
        each_record(to, own.collect(), |owner, record| scope.add(record, owner)).await?;
        let taken = |record: &PackRecord| manifest.packs.contains(&record.pack);
        if self.leftovers.iter().any(taken) {
            let left = self.leftovers.iter().filter(|record| !taken(record));
            self.leftovers = Arc::new(left.cloned().collect());
        }
        Ok(())
    }
}
