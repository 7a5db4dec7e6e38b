//! The state of a series on one day: kept in memory, changed by name, written as a folder tree.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::words::Words;
use super::{DAY, DAY_ONE, NANOSECONDS, WORKING_HOURS, failed, stream};

/// The state of the data on one day, in memory: 24 MiB are cheaper to keep than to read back.
pub(super) struct Tree {
    pub(super) seed: u64,
    pub(super) generation: u32,
    pub(super) words: Words,
    /// By relative path; folders come before what they hold.
    pub(super) folders: BTreeMap<PathBuf, Folder>,
    pub(super) files: BTreeMap<PathBuf, Entry>,
}

pub(super) struct Folder {
    pub(super) mode: u32,
    /// Nanoseconds since 1970.
    pub(super) modified: u64,
}

pub(super) struct Entry {
    pub(super) body: Body,
    pub(super) mode: u32,
    /// Nanoseconds since 1970.
    pub(super) modified: u64,
}

pub(super) enum Body {
    Bytes(Vec<u8>),
    Link(PathBuf),
}

impl Tree {
    pub(super) fn new(seed: u64) -> Self {
        let (folders, files) = (BTreeMap::new(), BTreeMap::new());
        Self {
            seed,
            generation: 1,
            words: Words::new(seed),
            folders,
            files,
        }
    }

    /// The stream of one entity and purpose on this day.
    pub(super) fn stream(&self, entity: &str, purpose: &str) -> ChaCha8Rng {
        stream(self.seed, entity, purpose, self.generation)
    }

    /// When the entity changes on this day, in nanoseconds since 1970.
    fn moment(&self, entity: &Path) -> u64 {
        let entity = entity.to_string_lossy();
        let within = self
            .stream(&entity, "moment")
            .random_range(0..WORKING_HOURS);
        DAY_ONE + u64::from(self.generation - 1) * DAY + within
    }

    pub(super) fn put(&mut self, path: impl Into<PathBuf>, body: Body, mode: u32) {
        let path = path.into();
        let modified = self.moment(&path);
        self.touch_parent(&path, modified);
        self.files.insert(
            path,
            Entry {
                body,
                mode,
                modified,
            },
        );
    }

    /// Changes a file's bytes in place, beginning it if there is none.
    pub(super) fn edit(&mut self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if !self.files.contains_key(Path::new(path)) {
            self.put(path, Body::Bytes(Vec::new()), 0o644);
        }
        let modified = self.moment(Path::new(path));
        if let Some(entry) = self.files.get_mut(Path::new(path)) {
            if let Body::Bytes(bytes) = &mut entry.body {
                change(bytes);
            }
            entry.modified = modified;
        }
    }

    pub(super) fn bytes(&self, path: &Path) -> &[u8] {
        match self.files.get(path) {
            Some(Entry {
                body: Body::Bytes(bytes),
                ..
            }) => bytes,
            _ => &[],
        }
    }

    /// A renamed file keeps its time; both folders' times change.
    pub(super) fn rename(&mut self, from: &Path, to: PathBuf) {
        if let Some(entry) = self.remove(from) {
            self.touch_parent(&to, self.moment(from));
            self.files.insert(to, entry);
        }
    }

    pub(super) fn remove(&mut self, path: &Path) -> Option<Entry> {
        self.touch_parent(path, self.moment(path));
        self.files.remove(path)
    }

    fn touch_parent(&mut self, path: &Path, moment: u64) {
        let parent = path.parent().unwrap_or(Path::new(""));
        self.folder(parent);
        if let Some(folder) = self.folders.get_mut(parent) {
            folder.modified = folder.modified.max(moment);
        }
    }

    /// Makes the folder and all above it, where missing.
    pub(super) fn folder(&mut self, path: &Path) {
        if self.folders.contains_key(path) {
            return;
        }
        let modified = self.moment(path);
        self.folders.insert(
            path.to_path_buf(),
            Folder {
                mode: 0o755,
                modified,
            },
        );
        if !path.as_os_str().is_empty() {
            self.touch_parent(path, modified);
        }
    }

    /// The files whose path, as text, begins with `prefix`, sorted.
    pub(super) fn below(&self, prefix: &str) -> Vec<PathBuf> {
        let begins = |path: &&PathBuf| path.as_os_str().as_bytes().starts_with(prefix.as_bytes());
        let start = Path::new(prefix).parent().unwrap_or(Path::new(""));
        let later = self
            .files
            .range::<Path, _>((Bound::Included(start), Bound::Unbounded));
        later
            .map(|(path, _)| path)
            .filter(begins)
            .cloned()
            .collect()
    }

    pub(super) fn pick(&self, below: &str, purpose: &str) -> Option<PathBuf> {
        let mut files = self.below(below);
        let chosen = self.stream(below, purpose).next_u64() % files.len().max(1) as u64;
        (!files.is_empty()).then(|| files.swap_remove(chosen as usize))
    }

    pub(super) fn write(&self, root: &Path) -> io::Result<()> {
        let at = |path: &Path| {
            if path == "" {
                root.to_path_buf()
            } else {
                root.join(path)
            }
        };
        for path in self.folders.keys().map(|path| at(path)) {
            fs::create_dir(&path).map_err(|e| failed("create", &path, &e))?;
        }
        for (path, entry) in &self.files {
            let path = at(path);
            entry.write(&path).map_err(|e| failed("write", &path, &e))?;
        }
        // Last, because every name written into a folder changes its time.
        for (path, folder) in self.folders.iter().rev() {
            let path = at(path);
            fs::set_permissions(&path, fs::Permissions::from_mode(folder.mode))
                .and_then(|()| set_time(&path, folder.modified))
                .map_err(|e| failed("finish", &path, &e))?;
        }
        Ok(())
    }
}

impl Entry {
    fn write(&self, path: &Path) -> io::Result<()> {
        match &self.body {
            Body::Bytes(bytes) => {
                fs::write(path, bytes)?;
                // Set apart from creation, which the caller's umask would narrow.
                fs::set_permissions(path, fs::Permissions::from_mode(self.mode))?;
            }
            Body::Link(target) => symlink(target, path)?,
        }
        set_time(path, self.modified)
    }
}

/// Sets the access and modification times, of a symlink itself rather than its target.
fn set_time(path: &Path, nanoseconds: u64) -> io::Result<()> {
    let time = Timespec {
        tv_sec: (nanoseconds / NANOSECONDS).cast_signed(),
        tv_nsec: (nanoseconds % NANOSECONDS).cast_signed(),
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::utimensat(
        CWD,
        path,
        &times,
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}
