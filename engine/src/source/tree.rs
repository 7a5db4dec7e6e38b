//! Walking a folder in path order, one batch at a time.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::format::listing::{Attribute, Entry, EntryKind};
use crate::units::Timestamp;

/// One thing that the walk met.
#[derive(Debug)]
pub enum Found {
    /// A file, folder or link, with no content or attributes yet.
    Entry(Box<Entry>, PathBuf),
    /// A socket, pipe or device.
    Special(PathBuf),
    /// It was listed and then was not there.
    Vanished(PathBuf),
    /// It could not be looked at.
    Unreadable(PathBuf, std::io::Error),
}

/// A walk over a folder: depth first, names in byte order, so that paths come in
/// [`path_order`]. Memory: the names of the folders on the way down.
#[derive(Debug)]
pub struct Walk {
    stack: Vec<Level>,
    start: Option<(PathBuf, Vec<u8>)>,
    /// Met and not yet handed over.
    ready: VecDeque<Found>,
}

#[derive(Debug)]
struct Level {
    folder: PathBuf,
    path: Vec<u8>,
    names: std::vec::IntoIter<OsString>,
}

/// The order in which a walk meets paths: by component, a folder before what is in it.
pub fn path_order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    a.iter().map(key).cmp(b.iter().map(key))
}

impl Walk {
    /// A walk of `root`, whose paths begin with `name` (empty: they are relative to `root`).
    pub fn new(root: PathBuf, name: Vec<u8>) -> Self {
        Self {
            stack: Vec::new(),
            start: Some((root, name)),
            ready: VecDeque::new(),
        }
    }

    /// Up to `most` more things; none when the walk is over.
    pub fn next_batch(&mut self, most: usize) -> Vec<Found> {
        self.take(most).collect()
    }

    /// One step: at most two things, as a folder may show itself and then fail to be listed.
    fn step(&mut self) -> Option<Vec<Found>> {
        let start = self.start.take();
        let root = start.is_some();
        let (at, path) = match start {
            Some(start) => start,
            None => loop {
                let level = self.stack.last_mut()?;
                if let Some(name) = level.names.next() {
                    let mut path = level.path.clone();
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(name.as_bytes());
                    break (level.folder.join(name), path);
                }
                self.stack.pop();
            },
        };
        // The root itself may be named through a link; nothing below it is followed.
        let metadata = if root {
            std::fs::metadata(&at)
        } else {
            std::fs::symlink_metadata(&at)
        };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Some(vec![Found::Vanished(at)]);
            }
            Err(error) => return Some(vec![Found::Unreadable(at, error)]),
        };
        let Some(entry) = entry_of(&path, &at, &metadata) else {
            return Some(vec![Found::Special(at)]);
        };
        let mut out = Vec::new();
        if entry.kind == EntryKind::Folder {
            match names(&at) {
                Ok(names) => self.stack.push(Level {
                    folder: at.clone(),
                    path,
                    names,
                }),
                Err(error) => out.push(Found::Unreadable(at.clone(), error)),
            }
        }
        out.insert(0, Found::Entry(Box::new(entry), at));
        Some(out)
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.ready.is_empty() {
            self.ready = self.step()?.into();
        }
        self.ready.pop_front()
    }
}

fn names(folder: &Path) -> std::io::Result<std::vec::IntoIter<OsString>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    names.sort_unstable();
    Ok(names.into_iter())
}

/// The entry of a file, folder or link; `None` for special files.
fn entry_of(path: &[u8], at: &Path, metadata: &Metadata) -> Option<Entry> {
    let kind = metadata.file_type();
    let (kind, target) = if kind.is_file() {
        (EntryKind::File, None)
    } else if kind.is_dir() {
        (EntryKind::Folder, None)
    } else if kind.is_symlink() {
        let target = std::fs::read_link(at).ok()?;
        (EntryKind::Symlink, Some(target.into_os_string().into_vec()))
    } else {
        return None;
    };
    let links = kind == EntryKind::File && metadata.nlink() > 1;
    Some(Entry {
        path: path.to_vec(),
        kind,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        modified: instant(metadata.mtime(), metadata.mtime_nsec()),
        size: if kind == EntryKind::File {
            metadata.size()
        } else {
            0
        },
        content: Vec::new(),
        attributes: Vec::new(),
        target,
        changed: Some(instant(metadata.ctime(), metadata.ctime_nsec())),
        inode: metadata.ino(),
        link_group: links.then(|| metadata.ino()),
    })
}

/// An instant from the system's seconds and nanoseconds.
pub(crate) fn instant(seconds: i64, nanos: i64) -> Timestamp {
    Timestamp {
        seconds,
        nanos: u32::try_from(nanos).unwrap_or(0),
    }
}

/// The extended attributes of a path, in name order; none where the file system has none.
///
/// # Errors
/// As the system gives them.
pub fn attributes(at: &Path) -> std::io::Result<Vec<Attribute>> {
    use rustix::fs::{lgetxattr, llistxattr};
    collect(
        |names| llistxattr(at, names),
        |name, value| lgetxattr(at, name, value),
    )
}

/// The extended attributes of an open file, as [`attributes`] gives them.
///
/// # Errors
/// As the system gives them.
pub fn file_attributes(file: &File) -> std::io::Result<Vec<Attribute>> {
    use rustix::fs::{fgetxattr, flistxattr};
    collect(
        |names| flistxattr(file, names),
        |name, value| fgetxattr(file, name, value),
    )
}

fn collect(
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&[u8], &mut [u8]) -> rustix::io::Result<usize>,
) -> std::io::Result<Vec<Attribute>> {
    let mut names = vec![0_u8; 1024];
    loop {
        match list(&mut names) {
            Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Ok(size) => {
                names.truncate(size);
                break;
            }
            // The kernel's limit on the list of names is 64 KiB.
            Err(Errno::RANGE) if names.len() < 128 * 1024 => names.resize(names.len() * 2, 0),
            Err(error) => return Err(error.into()),
        }
    }
    let mut found = Vec::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let mut value = vec![0_u8; 64 * 1024];
        match get(name, &mut value) {
            Ok(size) => {
                value.truncate(size);
                found.push(Attribute {
                    name: name.to_vec(),
                    value,
                });
            }
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
