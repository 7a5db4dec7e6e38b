//! Restoring one point for proof, and what is told of it.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine::backup::Progress;
use engine::drill::{self, Opened, Predicted, Scratch};
use engine::format::drill::Measured;
use engine::restore::{self, To, Trace};
use engine::seam::Clock;
use engine::units::Timestamp;
use engine::vault::{BlobReader, Catalog, Point, Vault};
use engine::{Error, Result};

use super::rows::{Failure, PointDrill, Stages};

/// A part of the first point's content by which the rest is predicted where no earlier drill can be
/// asked: one fifth.
const PART: u64 = 5;

/// What stays the same for all points of a drill.
pub(super) struct Ground<'a> {
    pub(super) vault: &'a Vault,
    pub(super) catalog: &'a Catalog,
    pub(super) scratch: Option<&'a Scratch>,
    /// What opening the vault and reading the catalog took.
    pub(super) begun: Measured,
}

/// A point that was restored.
pub(super) struct Restored {
    pub(super) row: PointDrill,
    pub(super) measured: Measured,
    /// By what the rest could be predicted once a part was read.
    pub(super) part: Option<Measured>,
    pub(super) failures: Vec<Failure>,
}

/// Restores a point and verifies it; damage is told, not an error.
///
/// # Errors
/// When the store does not serve, or the scratch folder.
pub(super) async fn restore(
    ground: &Ground<'_>,
    point: &Point,
    opened: &mut Opened,
    progress: &dyn Progress,
) -> Result<Restored> {
    let heard = Heard::new(progress);
    let mut trace = Trace {
        part_after_bytes: (point.manifest.statistics.logical_bytes / PART).max(1),
        ..Trace::default()
    };
    let mut measured = ground.begun;
    let mut row = row(point);
    let mut failures = Vec::new();
    let done = work(ground, point, &heard, &mut trace, &mut measured, &mut row).await;
    if let Some(scratch) = ground.scratch {
        scratch.empty()?;
    }
    let heard = heard.problems();
    failures.extend(
        heard
            .iter()
            .map(|(path, why)| failure(point, Some(path), why)),
    );
    row.damaged_files = heard.len() as u64;
    match done {
        Ok(differences) => {
            row.damaged_files += differences.len() as u64;
            failures.extend(differences);
        }
        Err(error) if error.is_damage() => failures.push(failure(point, None, &error.to_string())),
        Err(error) => return Err(error),
    }
    row.verified = failures.is_empty();
    add_opened(opened, &trace);
    fill(&mut measured, &trace);
    row.stages = stages(&measured);
    row.content_bytes = trace.content_bytes;
    row.requests = trace.requests;
    let part = trace
        .part
        .filter(|part| part.content_bytes < trace.content_bytes);
    Ok(Restored {
        part: part.map(|part| drill::from_part(&measured, &part)),
        row,
        measured,
        failures,
    })
}

/// Restores, and holds what lies in scratch against the listing; gives the differences.
async fn work(
    ground: &Ground<'_>,
    point: &Point,
    heard: &Heard<'_>,
    trace: &mut Trace,
    measured: &mut Measured,
    row: &mut PointDrill,
) -> Result<Vec<Failure>> {
    let clock = &*ground.vault.world().clock;
    let began = clock.now();
    let reader = reader(ground.vault, ground.catalog, point).await?;
    measured.index_micros = micros_since(clock, began);
    measured.blobs = reader.index().len() as u64;
    let request = ground.scratch.map(|scratch| restore::Request {
        target: scratch.place(),
        paths: Vec::new(),
        overwrite: false,
        dry_run: false,
    });
    let to = request.as_ref().map_or(To::Nowhere(None), To::Place);
    let outcome = restore::traced(&reader, point, to, heard, trace).await?;
    row.files = outcome.files;
    row.folders = outcome.folders;
    row.bytes = outcome.bytes;
    row.fetched_bytes = outcome.fetched_bytes;
    row.packs_read = outcome.packs_read;
    let Some(request) = request else {
        return Ok(Vec::new());
    };
    let began = clock.now();
    let left_out: BTreeSet<Vec<u8>> = heard.paths();
    let attributes = outcome.attributes_lacking == 0;
    let quiet = engine::backup::Quiet;
    let validated = drill::validate(
        &reader,
        point,
        &request.target,
        &left_out,
        attributes,
        &quiet,
    )
    .await?;
    measured.validate_micros = micros_since(clock, began);
    row.validated_entries = Some(validated.entries);
    let differences = validated.differences.iter();
    Ok(differences
        .map(|difference| {
            let path = String::from_utf8_lossy(&difference.path).into_owned();
            failure(point, Some(&path), &difference.what)
        })
        .collect())
}

/// Counts what restoring a point would have to do.
///
/// # Errors
/// Damage to the point's listing or index; store errors.
pub(super) async fn plan(ground: &Ground<'_>, point: &Point) -> Result<Measured> {
    let clock = &*ground.vault.world().clock;
    let mut measured = ground.begun;
    let began = clock.now();
    let reader = reader(ground.vault, ground.catalog, point).await?;
    measured.index_micros = micros_since(clock, began);
    measured.blobs = reader.index().len() as u64;
    let mut trace = Trace::default();
    let quiet = engine::backup::Quiet;
    let outcome = restore::traced(&reader, point, To::Plan, &quiet, &mut trace).await?;
    fill(&mut measured, &trace);
    measured.fetched_bytes = outcome.fetched_bytes;
    Ok(measured)
}

/// Names the files of a point that need what is damaged in `packs`.
///
/// # Errors
/// When the store does not serve.
pub(super) async fn blame(
    ground: &Ground<'_>,
    point: &Point,
    packs: &BTreeSet<engine::ids::ObjectId>,
) -> Result<Vec<Failure>> {
    let quiet = engine::backup::Quiet;
    let heard = Heard::new(&quiet);
    let mut trace = Trace::default();
    let read = async {
        let reader = reader(ground.vault, ground.catalog, point).await?;
        restore::traced(&reader, point, To::Nowhere(Some(packs)), &heard, &mut trace).await
    };
    let read = read.await;
    let heard = heard.problems();
    let mut failures: Vec<Failure> = heard
        .iter()
        .map(|(path, why)| failure(point, Some(path), why))
        .collect();
    match read {
        Ok(_) => {}
        Err(error) if error.is_damage() => failures.push(failure(point, None, &error.to_string())),
        Err(error) => return Err(error),
    }
    Ok(failures)
}

async fn reader(vault: &Vault, catalog: &Catalog, point: &Point) -> Result<BlobReader> {
    let index = catalog.index_of(vault, &Catalog::closure(point)).await?;
    Ok(BlobReader::new(vault.clone(), Arc::new(index)))
}

fn add_opened(opened: &mut Opened, trace: &Trace) {
    opened.damaged.extend(&trace.damaged);
    for (pack, offsets) in &trace.opened {
        let known = opened
            .packs
            .entry(*pack)
            .or_insert_with(|| Some(Vec::new()));
        if let Some(known) = known {
            known.extend_from_slice(offsets);
            known.sort_unstable();
            known.dedup();
        }
    }
}

fn fill(measured: &mut Measured, trace: &Trace) {
    measured.points = 1;
    measured.entries = trace.entries;
    measured.listing_micros = trace.listing_micros;
    measured.requests = trace.requests;
    measured.fetched_bytes = trace.fetched_bytes;
    measured.fetch_micros = trace.fetch_micros;
    measured.content_bytes = trace.content_bytes;
    measured.open_micros = trace.open_micros;
    measured.write_micros = trace.write_micros;
}

/// The times of what was measured.
pub(super) fn stages(measured: &Measured) -> Stages {
    Stages {
        vault_micros: measured.vault_micros,
        catalog_micros: measured.catalog_micros,
        index_micros: measured.index_micros,
        listing_micros: measured.listing_micros,
        fetch_micros: measured.fetch_micros,
        open_micros: measured.open_micros,
        write_micros: measured.write_micros,
        validate_micros: measured.validate_micros,
    }
}

/// A prediction as a row.
pub(super) fn predicted(predicted: &Predicted) -> Stages {
    Stages {
        vault_micros: predicted.vault_micros,
        catalog_micros: predicted.catalog_micros,
        index_micros: predicted.index_micros,
        listing_micros: predicted.listing_micros,
        fetch_micros: predicted.fetch_micros,
        open_micros: predicted.open_micros,
        write_micros: predicted.write_micros,
        validate_micros: predicted.validate_micros,
    }
}

/// The parts add up, but for the vault and the catalog, which are read once.
pub(super) fn add(sum: &mut Measured, more: &Measured) {
    let before = *sum;
    *sum = Measured {
        points: before.points + more.points,
        blobs: before.blobs + more.blobs,
        index_micros: before.index_micros + more.index_micros,
        entries: before.entries + more.entries,
        listing_micros: before.listing_micros + more.listing_micros,
        requests: before.requests + more.requests,
        fetched_bytes: before.fetched_bytes + more.fetched_bytes,
        fetch_micros: before.fetch_micros + more.fetch_micros,
        content_bytes: before.content_bytes + more.content_bytes,
        open_micros: before.open_micros + more.open_micros,
        write_micros: before.write_micros + more.write_micros,
        validate_micros: before.validate_micros + more.validate_micros,
        ..*more
    };
}

pub(super) fn micros_since(clock: &dyn Clock, began: Timestamp) -> u64 {
    let nanoseconds = clock.now().nanoseconds() - began.nanoseconds();
    u64::try_from(nanoseconds / 1000).unwrap_or(0)
}

pub(super) fn failure(point: &Point, path: Option<&str>, why: &str) -> Failure {
    Failure {
        point: Some(point.id.to_string()),
        instance: Some(point.manifest.instance.clone()),
        path: path.map(str::to_owned),
        why: why.to_owned(),
    }
}

/// A failure that no point is known for.
pub(super) fn unowned(error: &Error) -> Failure {
    Failure {
        point: None,
        instance: None,
        path: None,
        why: error.to_string(),
    }
}

fn row(point: &Point) -> PointDrill {
    let manifest = &point.manifest;
    let did = manifest.statistics;
    PointDrill {
        point: point.id.to_string(),
        instance: manifest.instance.clone(),
        captured_seconds: manifest.captured.seconds,
        method: manifest.method.name().to_owned(),
        consistency: manifest.consistency().name().to_owned(),
        points_needed: Catalog::closure(point).len() as u64,
        left_out_files: did.unreadable + did.changed_while_read,
        verified: false,
        damaged_files: 0,
        files: 0,
        folders: 0,
        bytes: 0,
        content_bytes: 0,
        fetched_bytes: 0,
        requests: 0,
        packs_read: 0,
        validated_entries: None,
        stages: Stages::default(),
        predicted: None,
    }
}

/// Progress that remembers what was damaged.
struct Heard<'a> {
    progress: &'a dyn Progress,
    problems: Mutex<Vec<(Vec<u8>, String)>>,
}

impl<'a> Heard<'a> {
    fn new(progress: &'a dyn Progress) -> Self {
        let problems = Mutex::default();
        Self { progress, problems }
    }

    fn paths(&self) -> BTreeSet<Vec<u8>> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.iter().map(|(path, _)| path.clone()).collect()
    }

    fn problems(self) -> Vec<(String, String)> {
        let problems = self
            .problems
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let shown =
            |(path, why): (Vec<u8>, String)| (String::from_utf8_lossy(&path).into_owned(), why);
        problems.into_iter().map(shown).collect()
    }
}

impl Progress for Heard<'_> {
    fn advance(&self, bytes: u64, files: u64) {
        self.progress.advance(bytes, files);
    }

    fn problem(&self, path: &Path, why: &str) {
        let path = path.as_os_str().as_bytes().to_vec();
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.push((path, why.to_owned()));
    }
}
