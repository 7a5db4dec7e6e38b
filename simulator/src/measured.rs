//! The measured trial: every method over the user's real generations, through real vaults.

mod machine;
mod warm;
mod work;

use std::collections::BTreeSet;
use std::path::PathBuf;

use engine::backup::{self, Backup, Quiet, Request, method_at};
use engine::format::keyslot::{KdfCost, Terms};
use engine::format::point::{Method, SourceKind as EngineKind};
use engine::ids::PointId;
use engine::inventory::Inventory;
use engine::seam::{AsItIs, Entropy, SystemEntropy};
use engine::source::Source;
use engine::vault::{Catalog, Vault};
use engine::{Error, ErrorKind, Result, restore};
use tempfile::TempDir;

use crate::outcome::{
    Comparison, Fidelity, Generation, MethodOutcome, PointOutcome, RestoreOutcome, Series,
    SourceKind,
};
use crate::verify;

pub(crate) use self::machine::machine;
use self::machine::{Stopwatch, peak_memory, reset_peak_memory};
use self::work::Work;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What a person would call the data.
    pub label: String,
    /// Its successive states, oldest first.
    pub generations: Vec<PathBuf>,
    /// The methods, in the order of the report.
    pub methods: Vec<Method>,
    /// A new full every so many points.
    pub full_every: u32,
    /// Block size of disks in bytes.
    pub block_bytes: u64,
    /// An existing folder for vaults and restores; what is made in it is removed again.
    pub work: PathBuf,
    /// Seed of a generated series.
    pub seed: Option<u64>,
    /// The command that makes this comparison again.
    pub command: String,
    /// The program's version.
    pub program_version: String,
    /// When it starts, RFC 3339.
    pub started_at: String,
}

/// Hears how far a trial is.
pub trait Watcher: Send + Sync {
    /// Step `number` of `of` begins.
    fn step(&self, number: u64, of: u64, what: &str);
}

/// Runs every method over every generation, restores and verifies.
///
/// # Errors
/// `Invalid` for fewer than one generation or a mix of folders and disks; whatever the engine
/// meets.
pub async fn run(trial: &Trial, watcher: &dyn Watcher) -> Result<Comparison> {
    let sources = detect(&trial.generations)?;
    let disk = sources[0].kind == EngineKind::Disk;
    let restored = picked(sources.len());
    let steps = 1 + trial.methods.len() * (sources.len() + restored.len());
    let mut progress = Steps {
        watcher,
        at: 0,
        of: steps as u64,
    };
    progress.next("reading everything once");
    let warmed = warm::read_once(&sources)?;
    let mut work = Work::new(&trial.work);
    let mut methods = Vec::new();
    let mut generations = Vec::new();
    for &method in &trial.methods {
        let outcome =
            one_method(trial, method, &sources, &restored, &mut work, &mut progress).await?;
        if generations.is_empty() {
            generations = outcome.1;
        }
        methods.push(outcome.0);
    }
    work.clear()?;
    Ok(Comparison {
        fidelity: Fidelity::Measured,
        program_version: trial.program_version.clone(),
        command: trial.command.clone(),
        seed: trial.seed,
        started_at: trial.started_at.clone(),
        machine: machine(),
        warmed,
        series: Series {
            label: trial.label.clone(),
            kind: if disk {
                SourceKind::Disk
            } else {
                SourceKind::Tree
            },
            block_bytes: disk.then_some(trial.block_bytes),
            chunk_bytes_mean: (!disk).then_some(engine::chunk::CHUNK_BYTES_MEAN as u64),
            generations,
        },
        full_every: trial.full_every,
        methods,
    })
}

/// The generations that are restored: oldest, middle, newest.
fn picked(generations: usize) -> BTreeSet<usize> {
    [0, generations / 2, generations - 1].into_iter().collect()
}

struct Steps<'a> {
    watcher: &'a dyn Watcher,
    at: u64,
    of: u64,
}

impl Steps<'_> {
    fn next(&mut self, what: &str) {
        self.at += 1;
        self.watcher.step(self.at, self.of, what);
    }
}

fn detect(generations: &[PathBuf]) -> Result<Vec<Source>> {
    let sources: Result<Vec<_>> = generations
        .iter()
        .map(|path| Source::detect(path))
        .collect();
    let sources = sources?;
    let Some(first) = sources.first() else {
        return Err(Error::new(
            ErrorKind::Invalid,
            "no generation given: name at least one",
        ));
    };
    match sources.iter().find(|source| source.kind != first.kind) {
        None => Ok(sources),
        Some(other) => Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "generations of different kinds: {} is a {} and {} is a {}; give folders only, \
                 or images and devices only",
                first.path.display(),
                kind_name(first.kind),
                other.path.display(),
                kind_name(other.kind),
            ),
        )),
    }
}

fn kind_name(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::Tree => "folder",
        EngineKind::Disk => "disk",
    }
}

async fn one_method(
    trial: &Trial,
    method: Method,
    sources: &[Source],
    restored: &BTreeSet<usize>,
    work: &mut Work<'_>,
    progress: &mut Steps<'_>,
) -> Result<(MethodOutcome, Vec<Generation>)> {
    let (made, vault) = Made::new(work).await?;
    let (mut points, mut ids, mut generations) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak_memory_bytes = None;
    for (number, source) in sources.iter().enumerate() {
        progress.next(&format!("{method}: backup of generation {}", number + 1));
        let (row, id, files) = back_up(trial, &vault, method, number as u32, source).await?;
        generations.push(Generation {
            generation: row.generation,
            path: source.path.display().to_string(),
            logical_bytes: row.logical_bytes,
            files,
        });
        peak_memory_bytes = peak_memory_bytes.max(peak_memory());
        ids.push(id);
        points.push(row);
    }
    let mut restores = Vec::new();
    for &number in restored {
        progress.next(&format!("{method}: restore of generation {}", number + 1));
        let row = restore_one(work, &made, ids[number], number, &sources[number]).await?;
        restores.push(row);
        peak_memory_bytes = peak_memory_bytes.max(peak_memory());
    }
    let total = Inventory::take(&vault).await?.total();
    work::remove(made.folder)?;
    let outcome = MethodOutcome {
        method: method.to_string(),
        backup_wall_micros: points.iter().map(|point| point.wall_micros).sum(),
        backup_cpu_micros: points.iter().map(|point| point.cpu_micros).sum(),
        points,
        restores,
        vault_bytes: total.bytes,
        vault_objects: total.objects,
        peak_memory_bytes,
    };
    Ok((outcome, generations))
}

/// A vault of a trial, gone with it.
struct Made {
    folder: TempDir,
    passphrase: [u8; 32],
}

impl Made {
    async fn new(work: &Work<'_>) -> Result<(Self, Vault)> {
        let folder = work.folder("vault-")?;
        let mut passphrase = [0; 32];
        SystemEntropy.fill(&mut passphrase);
        let vault = Vault::create(
            work.world(&folder)?,
            &passphrase,
            KdfCost::DEFAULT,
            Terms::DEFAULT,
        )
        .await?;
        Ok((Self { folder, passphrase }, vault))
    }

    async fn open(&self, work: &Work<'_>) -> Result<Vault> {
        Vault::open(work.world(&self.folder)?, &self.passphrase).await
    }
}

async fn back_up(
    trial: &Trial,
    vault: &Vault,
    method: Method,
    number: u32,
    source: &Source,
) -> Result<(PointOutcome, PointId, u64)> {
    let backup = Backup {
        sources: vec![source.clone()],
        request: Request {
            method: method_at(method, number, trial.full_every),
            instance: trial.label.clone(),
        },
        block_bytes: trial.block_bytes,
        by: "a measured trial".to_owned(),
        program: format!("firedrill {}", trial.program_version),
        host: None,
        tags: Vec::new(),
    };
    reset_peak_memory();
    let watch = Stopwatch::start();
    let outcome = backup::run(vault, &backup, &AsItIs, &Quiet).await?;
    let (wall_micros, cpu_micros) = watch.read();
    let did = outcome.manifest.statistics;
    let row = PointOutcome {
        generation: number + 1,
        kind: outcome.manifest.method.to_string(),
        logical_bytes: did.logical_bytes,
        read_bytes: did.read_bytes,
        sent_bytes: outcome.sent_bytes,
        copied_bytes: did.copied_bytes,
        stored_bytes: outcome.stored_bytes,
        blocks_stored: did.blocks_stored,
        blocks_referenced: did.blocks_referenced,
        chain_length: outcome.manifest.chain_length,
        wall_micros,
        cpu_micros,
        problems: did.vanished + did.unreadable + did.changed_while_read,
    };
    Ok((row, outcome.point, did.files))
}

async fn restore_one(
    work: &mut Work<'_>,
    made: &Made,
    id: PointId,
    number: usize,
    source: &Source,
) -> Result<RestoreOutcome> {
    let folder = work.folder("restore-")?;
    let target = folder.path().join("restored");
    let request = restore::Request {
        target: target.clone(),
        paths: Vec::new(),
        overwrite: false,
        dry_run: false,
    };
    reset_peak_memory();
    let watch = Stopwatch::start();
    // As a person would: from the passphrase on.
    let vault = &made.open(work).await?;
    let catalog = Catalog::load(vault).await?;
    let point = catalog
        .get(id)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "a point just made is missing"))?;
    let outcome = restore::run(vault, &catalog, point, &request, &Quiet).await?;
    let (wall_micros, cpu_micros) = watch.read();
    let differences = match source.kind {
        EngineKind::Tree => verify::trees(&source.path, &target),
        EngineKind::Disk => verify::files(&source.path, &target),
    };
    let differences = differences.map_err(|error| Error::from_io("verifying", error))?;
    work.leave(folder, outcome.bytes)?;
    Ok(RestoreOutcome {
        generation: number as u32 + 1,
        verified: differences.is_empty(),
        differences: differences
            .iter()
            .take(10)
            .map(ToString::to_string)
            .collect(),
        bytes: outcome.bytes,
        fetched_bytes: outcome.fetched_bytes,
        packs_read: outcome.packs_read,
        chain_length: point.manifest.chain_length,
        wall_micros,
        cpu_micros,
    })
}
