//! The folder that a drill restores into: made for it, private, and taken away again.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::format::listing::EntryKind;
use crate::source::{Found, Walk};

/// Times that an early end tries to remove what is still being written; at most a few computations are.
const REMOVALS_MAX: usize = 100;

/// A folder that holds restored plaintext until it is dropped.
#[derive(Debug)]
pub struct Scratch {
    at: PathBuf,
    /// Whether the folder was there before; then only what is in it is taken away.
    was_there: bool,
    taken_away: bool,
}

impl Scratch {
    /// Makes the folder, or takes an empty one.
    ///
    /// # Errors
    /// `Invalid` where something is in it; I/O errors.
    pub fn make(at: &Path) -> Result<Self> {
        let io = |error| Error::from_io(format!("scratch folder {}", at.display()), error);
        let was_there = at.exists();
        if was_there && std::fs::read_dir(at).map_err(io)?.next().is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "scratch folder {} is not empty, and what is in it would be taken away: name \
                     a new or empty one",
                    at.display()
                ),
            ));
        }
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(at).map_err(io)?;
        Ok(Self {
            at: at.to_owned(),
            was_there,
            taken_away: false,
        })
    }

    /// Where a restore may go: nothing is there yet.
    pub fn place(&self) -> PathBuf {
        self.at.join("restored")
    }

    /// Bytes that still fit.
    pub fn free_bytes(&self) -> u64 {
        rustix::fs::statvfs(&self.at).map_or(0, |disk| disk.f_bavail * disk.f_frsize)
    }

    /// Takes away what was restored, so that the next point has the place.
    ///
    /// # Errors
    /// I/O errors: plaintext may be left behind.
    pub fn empty(&self) -> Result<()> {
        let place = self.place();
        if place.symlink_metadata().is_err() {
            return Ok(());
        }
        if !place.is_dir() {
            return std::fs::remove_file(&place).map_err(|error| self.left(error));
        }
        // Whoever is not root can't empty a folder that he may not write to.
        for found in Walk::new(place.clone(), Vec::new()) {
            if let Found::Entry(entry, at) = found
                && entry.kind == EntryKind::Folder
                && entry.mode & 0o700 != 0o700
            {
                let open = std::fs::Permissions::from_mode(0o700);
                // The removal tells what can't be removed.
                let _ = std::fs::set_permissions(at, open).is_ok();
            }
        }
        std::fs::remove_dir_all(&place).map_err(|error| self.left(error))
    }

    /// Takes the folder away.
    ///
    /// # Errors
    /// I/O errors: plaintext may be left behind.
    pub fn remove(mut self) -> Result<()> {
        self.taken_away = true;
        self.empty()?;
        if self.was_there {
            return Ok(());
        }
        std::fs::remove_dir(&self.at).map_err(|error| self.left(error))
    }

    fn left(&self, error: std::io::Error) -> Error {
        let at = self.at.display();
        let what = format!("scratch folder {at} (restored plaintext may be left: remove it)");
        Error::from_io(what, error)
    }
}

impl Drop for Scratch {
    /// For a drill that ends early: an error or an interrupt.
    fn drop(&mut self) {
        // Files that are just being made come up while others are removed.
        let mut tries = 0..if self.taken_away { 0 } else { REMOVALS_MAX };
        if tries.any(|_| self.empty().is_ok()) && !self.was_there {
            let _ = std::fs::remove_dir(&self.at).is_ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::Scratch;

    #[test]
    fn what_was_there_stays_and_what_was_restored_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let used = folder.path().join("used");
        fs::create_dir(&used).expect("a folder");
        fs::write(used.join("precious"), "x").expect("a file");
        let refused = Scratch::make(&used).expect_err("refused").to_string();
        assert!(refused.contains("is not empty"), "{refused}");
        assert!(used.join("precious").exists());

        let fresh = folder.path().join("a/b");
        let scratch = Scratch::make(&fresh).expect("a scratch folder");
        let mode = fresh.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "for its owner's eyes");
        fs::create_dir_all(scratch.place().join("read-only")).expect("a folder");
        fs::write(scratch.place().join("read-only/file"), "x").expect("a file");
        let closed = fs::Permissions::from_mode(0o500);
        fs::set_permissions(scratch.place().join("read-only"), closed).expect("set");
        drop(scratch);
        assert!(!fresh.exists(), "an early end leaves nothing");

        let empty = folder.path().join("empty");
        fs::create_dir(&empty).expect("a folder");
        let scratch = Scratch::make(&empty).expect("a scratch folder");
        fs::write(scratch.place(), "a disk").expect("a file");
        scratch.remove().expect("removed");
        assert_eq!(fs::read_dir(&empty).expect("it stays").count(), 0);
    }
}
