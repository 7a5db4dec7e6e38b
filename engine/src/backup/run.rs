//! The order of a backup: hold the source still, read it, let go; packs meanwhile, the manifest last.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::format::lease::Purpose;
use crate::format::pack::BLOB_BYTES_MAX;
use crate::format::point::Manifest;
use crate::ids::PointId;
use crate::retention::{LimitState, POINTS_MAX, limit_state};
use crate::seam::Quiesce;
use crate::source::{Source, path_order};
use crate::vault::{Catalog, Lease, Vault};

use super::Progress;
use super::instant::{self, HoldDisks, Reading, Taken};
use super::landing::commit;
use super::plan::{Request, plan};
use super::runner::Runner;

/// What to back up, and how.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The sources.
    pub sources: Vec<Source>,
    /// Method and instance.
    pub request: Request,
    /// Block size of disks in bytes: a multiple of 512 up to 16 MiB.
    pub block_bytes: u64,
    /// Host and process at work, for people who see the lease.
    pub by: String,
    /// The program, for the manifest.
    pub program: String,
    /// The machine whose data it is.
    pub host: Option<String>,
    /// Words by which people keep the point.
    pub tags: Vec<String>,
}

/// A finished backup.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The new point.
    pub point: PointId,
    /// Its manifest.
    pub manifest: Manifest,
    /// Bytes by which the vault grew, manifest included.
    pub stored_bytes: u64,
    /// Bytes of those that came from this machine's data.
    pub sent_bytes: u64,
}

/// Makes a recovery point of sources that `quiesce` holds still while they are read.
///
/// # Errors
/// `Invalid` for sources or a block size that can't be used; store errors; errors of `quiesce`;
/// `Corrupt` when the points that the method builds on are damaged. Whatever had been put stays and
/// is taken over by the next backup.
pub async fn run(
    vault: &Vault,
    backup: &Backup,
    quiesce: &dyn Quiesce,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let (outcome, _) = begin(vault, backup, None, quiesce, progress).await?;
    Ok(outcome)
}

/// Makes a recovery point of disks that are written meanwhile, as they are at the instant that `disks` holds, and
/// reads only what may have changed since the point before where that is known. `quiesce` is let go as soon as the
/// instant is held. The sources name the disks, by the last part of what they are called.
///
/// # Errors
/// As [`run`] gives them; those of `disks`.
pub async fn run_held(
    vault: &Vault,
    backup: &Backup,
    disks: &dyn HoldDisks,
    quiesce: &dyn Quiesce,
    progress: &dyn Progress,
) -> Result<(Outcome, Vec<Reading>)> {
    begin(vault, backup, Some(disks), quiesce, progress).await
}

async fn begin(
    vault: &Vault,
    backup: &Backup,
    disks: Option<&dyn HoldDisks>,
    quiesce: &dyn Quiesce,
    progress: &dyn Progress,
) -> Result<(Outcome, Vec<Reading>)> {
    let block = backup.block_bytes;
    if block == 0 || !block.is_multiple_of(512) || block > u64::from(BLOB_BYTES_MAX) {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("block size {block}: choose a multiple of 512 bytes up to 16 MiB"),
        ));
    }
    let mut lease = Lease::take(vault, Purpose::Write, &backup.by).await?;
    let made = make(vault, backup, &mut lease, (disks, quiesce), progress).await;
    // One that can't be given back lapses.
    let _ = lease.release().await.is_ok();
    made
}

/// Makes the point while the lease is held.
async fn make(
    vault: &Vault,
    backup: &Backup,
    lease: &mut Lease,
    (disks, quiesce): (Option<&dyn HoldDisks>, &dyn Quiesce),
    progress: &dyn Progress,
) -> Result<(Outcome, Vec<Reading>)> {
    let sources = named(&backup.sources)?;
    let catalog = Catalog::load(vault).await?;
    tell_beforehand(lease, &catalog, &backup.request, progress)?;
    let plan = plan(&backup.request, &catalog);
    let (manifest, reliance, readings) = {
        // All that can be done before is done: an application is held for the reading alone.
        let mut runner =
            Runner::new(vault, &catalog, &plan, &backup.request, lease, progress).await?;
        let block = backup.block_bytes as usize;
        let base = plan.base.and_then(|id| catalog.get(id));
        let taken = match disks {
            Some(disks) => {
                instant::read(&mut runner, &sources, (block, base), (disks, quiesce)).await?
            }
            None => read_held(&mut runner, &sources, block, quiesce).await?,
        };
        let finished = runner.landing.finish(&plan.scope).await?;
        let (captured, consistency) = (taken.captured, taken.consistency);
        let (mut manifest, reliance) =
            finished.manifest(backup, &plan, captured, consistency, sources);
        manifest.instant = taken.instant;
        (manifest, reliance, taken.readings)
    };
    let outcome = commit(vault, lease, manifest, reliance).await?;
    Ok((outcome, readings))
}

/// Reads the sources while they are held still, and lets go whatever happens; gives the instant that
/// they were read as of, and what can be said of them.
async fn read_held(
    runner: &mut Runner<'_>,
    sources: &[(Source, Vec<u8>)],
    block: usize,
    quiesce: &dyn Quiesce,
) -> Result<Taken> {
    let read = match quiesce.freeze().await {
        Ok(()) => {
            let captured = runner.landing.lease.now();
            let read = runner.read(sources, block).await;
            read.map(|()| captured)
        }
        Err(error) => Err(error),
    };
    let thawed = quiesce.thaw().await;
    Ok(Taken {
        captured: read?,
        consistency: thawed?,
        instant: None,
        readings: Vec::new(),
    })
}

/// What people should know before the work: damage, clocks that disagree, a limit that is near.
///
/// # Errors
/// `Invalid` when the instance has as many points as it may have.
fn tell_beforehand(
    lease: &Lease,
    catalog: &Catalog,
    request: &Request,
    progress: &dyn Progress,
) -> Result<()> {
    for error in catalog.damaged() {
        progress.problem(Path::new("the vault"), &error.to_string());
    }
    let ahead = lease.store_ahead_seconds();
    if ahead != 0 {
        let (seconds, how) = (
            ahead.unsigned_abs(),
            if ahead > 0 { "behind" } else { "ahead of" },
        );
        let what = format!(
            "is {seconds} s {how} the store's: the point is dated by the store's; set this machine's"
        );
        progress.problem(Path::new("this machine's clock"), &what);
    }
    let points = catalog.points().iter();
    let points = points.filter(|point| point.manifest.instance == request.instance);
    let count = points.count();
    let name = &request.instance;
    match limit_state(count as u64) {
        LimitState::Fine => Ok(()),
        LimitState::Near => {
            let what =
                format!("has {count} recovery points of at most {POINTS_MAX}: thin them soon");
            progress.problem(Path::new(name), &what);
            Ok(())
        }
        LimitState::Reached => Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "'{name}' has {count} recovery points, and {POINTS_MAX} is the most: `firedrill \
                 forget` thins them by a policy"
            ),
        )),
    }
}

/// Names the sources below the point's root, in path order. A single source is the root itself.
fn named(sources: &[Source]) -> Result<Vec<(Source, Vec<u8>)>> {
    let [single] = sources else {
        let mut names = BTreeSet::new();
        let mut out = Vec::new();
        for source in sources {
            let Some(name) = source.called.file_name().map(OsStr::as_bytes) else {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "source {} has no name to stand beside others: back it up by itself",
                        source.called.display()
                    ),
                ));
            };
            if !names.insert(name.to_vec()) {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "two sources are called '{}': back them up one by one",
                        String::from_utf8_lossy(name)
                    ),
                ));
            }
            out.push((source.clone(), name.to_vec()));
        }
        if out.is_empty() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "no source given: name a folder or image",
            ));
        }
        out.sort_by(|a, b| path_order(&a.1, &b.1));
        return Ok(out);
    };
    Ok(vec![(single.clone(), Vec::new())])
}
