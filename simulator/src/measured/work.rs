//! Where a trial works: vaults, and what is restored from them until it is taken away again.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use engine::format::listing::EntryKind;
use engine::seam::{SystemEntropy, Threads, Traffic, WallClock, Workers, World, open_local};
use engine::source::{Found, Walk};
use engine::{Error, Result};
use tempfile::TempDir;

/// What was restored stays while there is room for so many more of it.
const ROOM: u64 = 4;

/// The working folder of a trial.
pub(super) struct Work<'a> {
    at: &'a Path,
    workers: Arc<dyn Workers>,
    left: Vec<TempDir>,
}

impl<'a> Work<'a> {
    /// Works in an existing folder.
    pub(super) fn new(at: &'a Path) -> Self {
        Self {
            at,
            workers: Arc::new(Threads::per_core()),
            left: Vec::new(),
        }
    }

    /// Makes a folder in it.
    pub(super) fn folder(&self, prefix: &str) -> Result<TempDir> {
        let made = tempfile::Builder::new().prefix(prefix).tempdir_in(self.at);
        made.map_err(|error| Error::from_io(format!("working folder {}", self.at.display()), error))
    }

    /// The real world around a vault in `folder`, with the same workers for every vault.
    pub(super) fn world(&self, folder: &TempDir) -> Result<World> {
        let store = open_local(folder.path())?;
        let (clock, entropy) = (Arc::new(WallClock), Arc::new(SystemEntropy));
        let workers = Arc::clone(&self.workers);
        Ok(World::new(
            store,
            clock,
            entropy,
            workers,
            Traffic::default(),
        ))
    }

    /// Leaves what was restored until later, if there is room for more like it. To delete many files
    /// between measures would slow the next restore: ext4 goes over all inodes freed within
    /// the last minutes for each file that it makes (thirty times as long, where it was measured).
    pub(super) fn leave(&mut self, folder: TempDir, bytes: u64) -> Result<()> {
        self.left.push(folder);
        let room = rustix::fs::statvfs(self.at).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
        if room / ROOM < bytes {
            self.clear()?;
        }
        Ok(())
    }

    /// Takes away what was left.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.left.drain(..).try_for_each(remove)
    }
}

/// Takes a folder away: where that fails, restored plaintext would be left behind unseen.
pub(super) fn remove(folder: TempDir) -> Result<()> {
    let at = folder.path().to_owned();
    // Whoever is not root can't empty a folder that he may not write to.
    for found in Walk::new(at.clone(), Vec::new()) {
        if let Found::Entry(entry, at) = found
            && entry.kind == EntryKind::Folder
            && entry.mode & 0o700 != 0o700
        {
            let open = std::fs::Permissions::from_mode(0o700);
            // The removal tells what can't be removed.
            let _ = std::fs::set_permissions(at, open).is_ok();
        }
    }
    folder
        .close()
        .map_err(|error| Error::from_io(format!("removing {}", at.display()), error))
}
