//! Outcome rows: what a trial measured, as plain data that reports read and nothing else.
//!
//! Every fidelity writes the same rows. Bytes, blocks and times are integers (times in
//! microseconds): fractions first appear in reports.

use serde::{Deserialize, Serialize};

pub mod scenario;

/// How real the trial was (DESIGN: measured, emulated, modelled).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// Real bytes, a real store, the wall clock.
    Measured,
    /// Real bytes at a stated scale through the real engine, in a simulated world.
    Emulated,
    /// No bytes: what is stored and moved is counted.
    Modelled,
}

/// What kind of source the generations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// Folders of files, cut by content.
    Tree,
    /// Disk images or block devices, cut into fixed blocks.
    Disk,
}

/// One comparison of protection methods over one series of generations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// How real the numbers are.
    pub fidelity: Fidelity,
    /// The program's version that wrote these rows.
    pub program_version: String,
    /// The command line that makes this comparison again.
    pub command: String,
    /// Seed of a generated series; `None` for the user's own data.
    pub seed: Option<u64>,
    /// When the comparison started, RFC 3339 in UTC.
    pub started_at: String,
    /// The machine it ran on.
    pub machine: Machine,
    /// Whether all data had been read once before the first measure, so that no method found it
    /// colder than another.
    pub warmed: bool,
    /// The data it ran on.
    pub series: Series,
    /// A new full every this many points (methods that take periodic fulls).
    pub full_every: u32,
    /// One outcome per method, in the order asked for.
    pub methods: Vec<MethodOutcome>,
}

/// The machine that a measured trial ran on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Processor model as the system names it.
    pub processor: String,
    /// Cores used.
    pub cores: u32,
    /// Operating system and kernel release.
    pub system: String,
}

/// The successive states of the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// What a person would call it, for example `botocore-daily` or `generated, seed 7`.
    pub label: String,
    /// Trees or disks: never both in one series.
    pub kind: SourceKind,
    /// Block size of disks in bytes; `None` for trees, whose blocks are cut by content.
    pub block_bytes: Option<u64>,
    /// Average block size in bytes that the content-defined chunker aims at (trees).
    pub chunk_bytes_mean: Option<u64>,
    /// The generations, oldest first.
    pub generations: Vec<Generation>,
}

/// One state of the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// 1 for the oldest.
    pub generation: u32,
    /// Where it lies.
    pub path: String,
    /// Sum of file sizes, or the size of the disk.
    pub logical_bytes: u64,
    /// Regular files; 1 for a disk.
    pub files: u64,
}

/// What one method did with the whole series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodOutcome {
    /// `full`, `differential`, `incremental`, `synthetic-full` or `forever`.
    pub method: String,
    /// One row per generation, oldest first.
    pub points: Vec<PointOutcome>,
    /// One row per restored generation.
    pub restores: Vec<RestoreOutcome>,
    /// Bytes of every object in the vault at the end, keys and vault header included.
    pub vault_bytes: u64,
    /// Objects in the vault at the end.
    pub vault_objects: u64,
    /// Wall time of all backups together, microseconds.
    pub backup_wall_micros: u64,
    /// CPU time (user and system, all threads) of all backups together, microseconds.
    pub backup_cpu_micros: u64,
    /// Largest resident memory of the process in any backup or restore; `None` where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
}

/// One recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointOutcome {
    /// The generation it holds.
    pub generation: u32,
    /// What the point really is: a `differential` strategy starts with a `full`.
    pub kind: String,
    /// Sum of file sizes, or the size of the disk.
    pub logical_bytes: u64,
    /// Bytes read from the source.
    pub read_bytes: u64,
    /// Bytes sent to the vault from this machine's data (compressed, encrypted, with metadata).
    pub sent_bytes: u64,
    /// Bytes copied inside the vault to assemble a synthetic full (down and up again where the vault is remote).
    pub copied_bytes: u64,
    /// Bytes by which the vault grew.
    pub stored_bytes: u64,
    /// New data blocks (chunks) stored, copies inside the vault included.
    pub blocks_stored: u64,
    /// Data blocks that the point refers to in all, its own and older ones.
    pub blocks_referenced: u64,
    /// Points needed to restore this one, itself included.
    pub chain_length: u32,
    /// Wall time, microseconds.
    pub wall_micros: u64,
    /// CPU time of all threads, microseconds.
    pub cpu_micros: u64,
    /// Files that could not be read or vanished.
    pub problems: u64,
}

/// One restore, verified against its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreOutcome {
    /// The generation restored.
    pub generation: u32,
    /// Whether every byte, name and attribute equalled the source.
    pub verified: bool,
    /// The first differences found, in words; empty when verified.
    pub differences: Vec<String>,
    /// Bytes restored.
    pub bytes: u64,
    /// Bytes fetched from the vault.
    pub fetched_bytes: u64,
    /// Packs that had to be opened.
    pub packs_read: u64,
    /// Points that the restored one hangs on, itself included.
    pub chain_length: u32,
    /// Wall time, microseconds, verification not included.
    pub wall_micros: u64,
    /// CPU time of all threads, microseconds.
    pub cpu_micros: u64,
}
