//! What the vault is told of a drill, and what it tells of earlier ones.

use std::collections::BTreeSet;

use engine::drill::{self, Coverage, Ledgers};
use engine::format::drill::{Measured, Run};
use engine::ids::PointId;
use engine::units::Timestamp;
use engine::vault::{Catalog, Point, Vault};

use super::rows::{Basis, CoverageRow, PastDrill, PointCoverage};

/// Drills by which the next is predicted: enough that one on a busy machine does not mislead, few enough
/// that a new machine or network soon shows.
const DRILLS_MAX: usize = 5;

/// What the last drills of the same sort tell of how long a restore takes.
pub(super) fn basis(ledgers: &Ledgers, scratch: bool) -> Option<(Basis, Measured)> {
    let runs = ledgers.runs.iter().rev();
    let told = runs.filter(|run| run.measured.points > 0 && run.scratch == scratch);
    let told: Vec<&Run> = told.take(DRILLS_MAX).collect();
    let known: Vec<Measured> = told.iter().map(|run| run.measured).collect();
    let basis = Basis::Earlier {
        drills: told.len() as u32,
        at_seconds: told.first()?.at.seconds,
    };
    Some((basis, drill::pooled(&known)))
}

/// Keeps what is known of reading back in the vault; gives the store's time, or why it was not kept.
pub(super) async fn record(
    vault: &Vault,
    ledgers: &Ledgers,
) -> (Option<Timestamp>, Option<String>) {
    let kept = async {
        // A vault of version 1 has no such objects.
        vault.terms()?;
        ledgers.keep(vault).await
    };
    match kept.await {
        Ok(now) => (Some(now), None),
        Err(error) => (None, Some(error.to_string())),
    }
}

/// An earlier drill as a row.
pub(super) fn past(run: &Run) -> PastDrill {
    PastDrill {
        at_seconds: run.at.seconds,
        by: run.by.clone(),
        scope: run.scope.name().to_owned(),
        scratch: run.scratch,
        good: run.good,
        bytes: run.bytes,
        wall_micros: run.micros,
    }
}

/// What share of the vault was ever read back, as rows.
pub(super) fn coverage(catalog: &Catalog, ledgers: &Ledgers, coverage: &Coverage) -> CoverageRow {
    let deleted: BTreeSet<PointId> = catalog.deleted().iter().map(|one| one.point.id).collect();
    let mut points: Vec<&Point> = catalog.existing().collect();
    points.sort_by_key(|point| (point.manifest.captured, point.id));
    let point = |point: &Point| {
        let share = coverage.points.get(&point.id).copied().unwrap_or_default();
        PointCoverage {
            point: point.id.to_string(),
            instance: point.manifest.instance.clone(),
            captured_seconds: point.manifest.captured.seconds,
            deleted: deleted.contains(&point.id),
            bytes: share.bytes,
            read_bytes: share.read_bytes,
            restored_seconds: ledgers.points.get(&point.id).map(|at| at.seconds),
        }
    };
    CoverageRow {
        bytes: coverage.content.bytes,
        read_bytes: coverage.content.read_bytes,
        packs: coverage.packs,
        whole_packs: coverage.whole_packs,
        oldest_unread_seconds: coverage.oldest_unread.map(|at| at.seconds),
        oldest_read_seconds: coverage.oldest_read.map(|at| at.seconds),
        points: points.into_iter().map(point).collect(),
    }
}
