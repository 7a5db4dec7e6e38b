//! Making recovery points: what a method may refer to, then reading, sealing and packing.

mod base;
mod files;
mod instant;
mod landing;
mod large;
mod listing_writer;
mod packs;
mod plan;
mod run;
mod runner;
mod scope;
mod session;
mod settle;
mod tree;

pub(crate) use files::Extents;
pub use instant::{Changed, HeldDisk, HeldDisks, HoldDisks, Reading};
pub(crate) use landing::{Landing, commit};
pub use plan::{BackupPlan, Request, method_at, plan};
pub use run::{Backup, Outcome, run, run_held};
pub(crate) use scope::{Scope, load as load_scope};
pub(crate) use session::{Session, Tally};

use std::path::Path;

/// What a backup tells while it runs.
pub trait Progress: Send + Sync {
    /// So many more bytes and files of the source are done.
    fn advance(&self, bytes: u64, files: u64);
    /// A file is left out, or kept although it changed while it was read, or something of the vault
    /// is damaged that this does not need; `why` is for people.
    fn problem(&self, path: &Path, why: &str);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Quiet;

impl Progress for Quiet {
    fn advance(&self, _: u64, _: u64) {}
    fn problem(&self, _: &Path, _: &str) {}
}
