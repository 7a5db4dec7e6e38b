//! The folder that a restore writes below: every path is walked name by name, never through a
//! link, so that nothing in the point or in the target leads outside.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::format::listing::{Attribute, Entry, EntryKind};
use crate::units::Timestamp;

/// Attributes that could not be given back, because only a privileged user may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lacking {
    pub(super) owners: u64,
    pub(super) attributes: u64,
}

impl std::ops::AddAssign for Lacking {
    fn add_assign(&mut self, more: Self) {
        self.owners += more.owners;
        self.attributes += more.attributes;
    }
}

/// An open target folder.
#[derive(Debug)]
pub(super) struct Target {
    root: OwnedFd,
    shown: PathBuf,
    overwrite: bool,
}

/// Splits a point's path into folder and name.
///
/// # Errors
/// `Corrupt` for a path that no walk gives: such a point was not made by a backup.
pub(super) fn split(path: &[u8]) -> Result<(&[u8], &OsStr)> {
    let sound = !path.is_empty()
        && path
            .split(|byte| *byte == b'/')
            .all(|name| !name.is_empty() && name != b"." && name != b".." && !name.contains(&0));
    if !sound {
        let shown = String::from_utf8_lossy(path).into_owned();
        return Err(Error::corrupt(
            "the listing",
            format!("it holds the path '{shown}'"),
        ));
    }
    let cut = path.iter().rposition(|byte| *byte == b'/');
    let (folder, name) = cut.map_or((&path[..0], path), |at| (&path[..at], &path[at + 1..]));
    Ok((folder, OsStr::from_bytes(name)))
}

impl Target {
    /// Opens the target, made if it is not there; empty unless `overwrite`.
    pub(super) fn open(at: &Path, overwrite: bool) -> Result<Self> {
        let io = |error| Error::from_io(format!("target {}", at.display()), error);
        std::fs::create_dir_all(at).map_err(io)?;
        let used = std::fs::read_dir(at).map_err(io)?.next().is_some();
        if used && !overwrite {
            return Err(not_empty(at));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(at, flags, Mode::empty()).map_err(|error| io(error.into()))?;
        Ok(Self {
            root,
            shown: at.to_owned(),
            overwrite,
        })
    }

    /// The path as a person would write it.
    fn show(&self, path: &[u8]) -> String {
        self.shown
            .join(OsStr::from_bytes(path))
            .display()
            .to_string()
    }

    pub(super) fn error(&self, path: &[u8], error: Errno) -> Error {
        let hint = match error {
            Errno::LOOP | Errno::NOTDIR => {
                ": something that is not a folder stands where the point has one; move it away"
            }
            Errno::ISDIR => ": a folder stands where the point has a file; move it away",
            _ => "",
        };
        Error::from_io(format!("target {}{hint}", self.show(path)), error.into())
    }

    /// Opens a folder below the target.
    pub(super) fn folder(&self, path: &[u8]) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let start = rustix::fs::openat(&self.root, ".", flags, Mode::empty());
        let mut at = start.map_err(|error| self.error(path, error))?;
        for name in path
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
        {
            at = rustix::fs::openat(&at, OsStr::from_bytes(name), flags, Mode::empty())
                .map_err(|error| self.error(path, error))?;
        }
        Ok(at)
    }

    /// Makes a folder, private until it is finished.
    pub(super) fn make_folder(&self, path: &[u8]) -> Result<()> {
        let (parent, name) = split(path)?;
        let parent = self.folder(parent)?;
        match rustix::fs::mkdirat(&parent, name, Mode::RWXU) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) if self.overwrite => self.folder(path).map(drop),
            Err(error) => Err(self.error(path, error)),
        }
    }

    /// Makes a file that did not exist; what stood there gives way only when overwriting.
    pub(super) fn make_file(&self, parent: BorrowedFd<'_>, path: &[u8]) -> Result<File> {
        let (_, name) = split(path)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = || rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR);
        let made = match make() {
            Err(Errno::EXIST) if self.overwrite => {
                self.unlink(parent, path, name)?;
                make()
            }
            made => made,
        };
        made.map(File::from)
            .map_err(|error| self.error(path, error))
    }

    /// Opens a file that this restore made.
    pub(super) fn reopen(&self, parent: BorrowedFd<'_>, path: &[u8]) -> Result<File> {
        let (_, name) = split(path)?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(parent, name, flags, Mode::empty())
            .map(File::from)
            .map_err(|error| self.error(path, error))
    }

    /// Opens a file that this restore made, by its whole path.
    pub(super) fn reopen_at(&self, path: &[u8]) -> Result<File> {
        let (folder, _) = split(path)?;
        self.reopen(self.folder(folder)?.as_fd(), path)
    }

    /// Takes away a file that this restore made.
    pub(super) fn remove_file(&self, path: &[u8]) -> Result<()> {
        let (folder, name) = split(path)?;
        self.unlink(self.folder(folder)?.as_fd(), path, name)
    }

    fn unlink(&self, parent: BorrowedFd<'_>, path: &[u8], name: &OsStr) -> Result<()> {
        match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.error(path, error)),
        }
    }

    /// Whether something other than a folder stands at `path`.
    pub(super) fn would_replace(&self, path: &[u8]) -> Result<bool> {
        let (parent, name) = split(path)?;
        let Ok(parent) = self.folder(parent) else {
            return Ok(false);
        };
        match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) != FileType::Directory),
            Err(_) => Ok(false),
        }
    }

    /// Makes a symbolic link with its attributes.
    pub(super) fn make_symlink(&self, entry: &Entry) -> Result<Lacking> {
        let (parent, name) = split(&entry.path)?;
        let parent = self.folder(parent)?;
        let to = OsStr::from_bytes(entry.target.as_deref().unwrap_or_default());
        let made = match rustix::fs::symlinkat(to, &parent, name) {
            Err(Errno::EXIST) if self.overwrite => {
                self.unlink(parent.as_fd(), &entry.path, name)?;
                rustix::fs::symlinkat(to, &parent, name)
            }
            made => made,
        };
        made.map_err(|error| self.error(&entry.path, error))?;
        let mut lacking = Lacking::default();
        let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        if rustix::fs::chownat(&parent, name, Some(uid), Some(gid), flags).is_err() {
            lacking.owners += 1;
        }
        // The link itself, through the folder that is held open: the system has no call by folder and name.
        let link = Path::new("/proc/self/fd")
            .join(parent.as_raw_fd().to_string())
            .join(name);
        for Attribute { name, value } in &entry.attributes {
            if rustix::fs::lsetxattr(&link, &name[..], value, XattrFlags::empty()).is_err() {
                lacking.attributes += 1;
            }
        }
        let times = timestamps(entry.modified);
        rustix::fs::utimensat(&parent, name, &times, flags)
            .map_err(|error| self.error(&entry.path, error))?;
        Ok(lacking)
    }

    /// Gives `path` a further name of the file at `first`.
    pub(super) fn make_link(&self, first: &[u8], path: &[u8]) -> Result<()> {
        let (from, from_name) = split(first)?;
        let (to, to_name) = split(path)?;
        let (from, to) = (self.folder(from)?, self.folder(to)?);
        let link = || rustix::fs::linkat(&from, from_name, &to, to_name, AtFlags::empty());
        let made = match link() {
            Err(Errno::EXIST) if self.overwrite => {
                self.unlink(to.as_fd(), path, to_name)?;
                link()
            }
            made => made,
        };
        made.map_err(|error| self.error(path, error))
    }

    /// Gives an open file or folder its owner, attributes, mode and times, in the order in which
    /// none undoes another.
    pub(super) fn finish(&self, file: impl AsFd, entry: &Entry) -> Result<Lacking> {
        let file = file.as_fd();
        let mut lacking = Lacking::default();
        let failed = |error| self.error(&entry.path, error);
        let stat = rustix::fs::fstat(file).map_err(failed)?;
        if (stat.st_uid, stat.st_gid) != (entry.uid, entry.gid) {
            let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
            if rustix::fs::fchown(file, Some(uid), Some(gid)).is_err() {
                lacking.owners += 1;
            }
        }
        for Attribute { name, value } in &entry.attributes {
            if rustix::fs::fsetxattr(file, &name[..], value, XattrFlags::empty()).is_err() {
                lacking.attributes += 1;
            }
        }
        // Without the right owner, setuid and setgid would give away another's rights.
        let mode = if lacking.owners > 0 {
            entry.mode & 0o1777
        } else {
            entry.mode
        };
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode)).map_err(failed)?;
        rustix::fs::futimens(file, &timestamps(entry.modified)).map_err(failed)?;
        Ok(lacking)
    }

    /// Finishes a folder, once all that is in it is written.
    pub(super) fn finish_folder(&self, entry: &Entry) -> Result<Lacking> {
        debug_assert_eq!(entry.kind, EntryKind::Folder);
        self.finish(self.folder(&entry.path)?, entry)
    }
}

/// The error for a target that holds something.
pub(super) fn not_empty(at: &Path) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "target {} is not empty: choose an empty or new one, or pass --overwrite to replace \
             what stands in the way (--dry-run shows what that is)",
            at.display()
        ),
    )
}

fn timestamps(modified: Timestamp) -> Timestamps {
    let time = Timespec {
        tv_sec: modified.seconds,
        tv_nsec: i64::from(modified.nanos),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
