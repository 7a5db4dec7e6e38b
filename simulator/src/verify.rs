//! Compares a restored state with its source, byte for byte.
//!
//! Compared: names (raw bytes), types, contents, permission bits, owners, modification times to
//! the nanosecond, symlink targets, the grouping of hard links, and the extended attributes that
//! a restore must bring back. The two roots themselves are compared too. Not compared: sparse
//! layout, which a restore may choose, and access and change times, which reading disturbs.

mod difference;

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

pub use self::difference::{Difference, Kind, What};

/// Differences reported before a comparison stops: enough to see the pattern, and a wholly wrong
/// restore of a million files still answers in a screenful.
pub const DIFFERENCES_MAX: usize = 100;

/// Bytes read from each side at a time: large enough that the reads are sequential on a disk.
const BUFFER_BYTES: usize = 1 << 20;

/// First size of the attribute buffers, in bytes: the kernel's limit for one list or value on
/// Linux; other systems may need more, and the buffer then grows.
const ATTRIBUTE_BYTES: usize = 1 << 16;

/// Every bit that `chmod` sets: permissions, set-user-id, set-group-id and sticky.
const MODE_BITS: u32 = 0o7777;

/// Compares two folder trees, in sorted order of names, and reports at most
/// [`DIFFERENCES_MAX`] differences; none means that the restored tree is its source.
///
/// Special files in the source are expected to be absent from the restored tree. Paths longer
/// than the system's limit for one path (4096 bytes on Linux) are an error.
///
/// # Errors
///
/// When either root does not exist, or anything in either tree cannot be read; the message names
/// the path.
pub fn trees(source: &Path, restored: &Path) -> io::Result<Vec<Difference>> {
    let mut comparison = Comparison::new();
    // A stack of paths still to compare instead of recursion: depth costs heap, not stack.
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        if comparison.is_full() {
            break;
        }
        let pair = Pair::new(source, restored, relative);
        if comparison.entry(&pair)? {
            let mut names = names_in(&pair.source)?;
            names.append(&mut names_in(&pair.restored)?);
            pending.extend(names.iter().rev().map(|name| pair.relative.join(name)));
        }
    }
    Ok(comparison.finish())
}

/// Compares two disk images or devices: length and contents only, so at most two differences.
///
/// # Errors
///
/// When either cannot be opened or read; the message names the path.
pub fn files(source: &Path, restored: &Path) -> io::Result<Vec<Difference>> {
    let mut comparison = Comparison::new();
    let relative = source.file_name().map(PathBuf::from).unwrap_or_default();
    comparison.contents(&Pair {
        relative,
        source: source.to_path_buf(),
        restored: restored.to_path_buf(),
    })?;
    Ok(comparison.finish())
}

/// One name on both sides.
struct Pair {
    relative: PathBuf,
    source: PathBuf,
    restored: PathBuf,
}

impl Pair {
    fn new(source: &Path, restored: &Path, relative: PathBuf) -> Self {
        // Joining an empty path would add a trailing slash, which turns a root that is a file
        // into an error.
        let join = |root: &Path| {
            if relative.as_os_str().is_empty() {
                root.to_path_buf()
            } else {
                root.join(&relative)
            }
        };
        Self {
            source: join(source),
            restored: join(restored),
            relative,
        }
    }

    /// What each side has; `None` where the name does not exist.
    fn metadata(&self) -> io::Result<(Option<Metadata>, Option<Metadata>)> {
        if self.relative.as_os_str().is_empty() {
            // A root may be given through a symlink, and must exist.
            let follow = |path: &Path| fs::metadata(path).map_err(|e| failed("stat", path, &e));
            return Ok((Some(follow(&self.source)?), Some(follow(&self.restored)?)));
        }
        let stat = |path: &Path| match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed("stat", path, &e)),
        };
        Ok((stat(&self.source)?, stat(&self.restored)?))
    }
}

/// Device and inode number: what the names of one file share.
type Inode = (u64, u64);

/// The differences so far, and what is kept between entries.
struct Comparison {
    differences: Vec<Difference>,
    /// The first compared name of each file that has several, per side. Two trees group their
    /// names alike exactly when every name has the same first name on both sides.
    source_names: HashMap<Inode, PathBuf>,
    restored_names: HashMap<Inode, PathBuf>,
    source_buffer: Vec<u8>,
    restored_buffer: Vec<u8>,
    attributes: Vec<u8>,
}

impl Comparison {
    fn new() -> Self {
        Self {
            differences: Vec::new(),
            source_names: HashMap::new(),
            restored_names: HashMap::new(),
            source_buffer: vec![0; BUFFER_BYTES],
            restored_buffer: vec![0; BUFFER_BYTES],
            attributes: vec![0; ATTRIBUTE_BYTES],
        }
    }

    fn is_full(&self) -> bool {
        self.differences.len() >= DIFFERENCES_MAX
    }

    fn finish(mut self) -> Vec<Difference> {
        self.differences.truncate(DIFFERENCES_MAX);
        self.differences
    }

    fn report(&mut self, pair: &Pair, what: What) {
        self.differences.push(Difference {
            path: pair.relative.clone(),
            what,
        });
    }

    /// Compares one name; true when both sides are folders, whose names are then compared.
    fn entry(&mut self, pair: &Pair) -> io::Result<bool> {
        let (source, restored) = match pair.metadata()? {
            (Some(source), Some(restored)) => (source, restored),
            (Some(source), None) => {
                if Kind::of(&source) != Kind::Special {
                    self.report(pair, What::Missing);
                }
                return Ok(false);
            }
            (None, Some(_)) => {
                self.report(pair, What::Extra);
                return Ok(false);
            }
            // Both vanished since the folder was listed: nothing to restore, nothing restored.
            (None, None) => return Ok(false),
        };
        let (kind, restored_kind) = (Kind::of(&source), Kind::of(&restored));
        if kind == Kind::Special {
            self.report(pair, What::Extra);
            return Ok(false);
        }
        if kind != restored_kind {
            self.report(
                pair,
                What::Kind {
                    source: kind,
                    restored: restored_kind,
                },
            );
            return Ok(false);
        }
        match kind {
            Kind::File => self.contents(pair)?,
            Kind::Symlink => self.target(pair)?,
            Kind::Folder | Kind::Special => {}
        }
        self.metadata(pair, kind, &source, &restored);
        self.extended_attributes(pair)?;
        if kind != Kind::Folder {
            self.hard_links(pair, &source, &restored);
        }
        Ok(kind == Kind::Folder)
    }

    fn contents(&mut self, pair: &Pair) -> io::Result<()> {
        let (mut source, source_bytes) = open(&pair.source)?;
        let (mut restored, restored_bytes) = open(&pair.restored)?;
        if source_bytes != restored_bytes {
            self.report(
                pair,
                What::Size {
                    source: source_bytes,
                    restored: restored_bytes,
                },
            );
        }
        let common = source_bytes.min(restored_bytes);
        let mut offset = 0;
        while offset < common {
            let wanted = (common - offset).min(BUFFER_BYTES as u64) as usize;
            let left = &mut self.source_buffer[..wanted];
            let right = &mut self.restored_buffer[..wanted];
            source
                .read_exact(left)
                .map_err(|e| failed("read", &pair.source, &e))?;
            restored
                .read_exact(right)
                .map_err(|e| failed("read", &pair.restored, &e))?;
            // The whole buffers first: that comparison runs at memory speed.
            if left != right {
                let same = left
                    .iter()
                    .zip(right.iter())
                    .take_while(|(l, r)| l == r)
                    .count();
                self.report(
                    pair,
                    What::Content {
                        offset: offset + same as u64,
                    },
                );
                break;
            }
            offset += wanted as u64;
        }
        Ok(())
    }

    fn target(&mut self, pair: &Pair) -> io::Result<()> {
        let read = |path: &Path| fs::read_link(path).map_err(|e| failed("read link", path, &e));
        // By raw bytes: paths that compare equal may still be spelled differently (`a//b`).
        if read(&pair.source)?.as_os_str() != read(&pair.restored)?.as_os_str() {
            self.report(pair, What::LinkTarget);
        }
        Ok(())
    }

    fn metadata(&mut self, pair: &Pair, kind: Kind, source: &Metadata, restored: &Metadata) {
        let bits = |metadata: &Metadata| metadata.mode() & MODE_BITS;
        // A symlink's permission bits mean nothing, and cannot be set on Linux.
        if kind != Kind::Symlink && bits(source) != bits(restored) {
            self.report(
                pair,
                What::Mode {
                    source: bits(source),
                    restored: bits(restored),
                },
            );
        }
        let owner = |metadata: &Metadata| (metadata.uid(), metadata.gid());
        if owner(source) != owner(restored) {
            self.report(
                pair,
                What::Owner {
                    source: owner(source),
                    restored: owner(restored),
                },
            );
        }
        let (was, is) = (modified_ns(source), modified_ns(restored));
        if was != is {
            self.report(
                pair,
                What::ModifiedTime {
                    source: was,
                    restored: is,
                },
            );
        }
    }

    fn extended_attributes(&mut self, pair: &Pair) -> io::Result<()> {
        let mut names = attribute_names(&pair.source, &mut self.attributes)?;
        names.append(&mut attribute_names(&pair.restored, &mut self.attributes)?);
        for name in names {
            let source = attribute(&pair.source, &name, &mut self.attributes)?;
            if source != attribute(&pair.restored, &name, &mut self.attributes)? {
                self.report(pair, What::ExtendedAttributes { name });
            }
        }
        Ok(())
    }

    fn hard_links(&mut self, pair: &Pair, source: &Metadata, restored: &Metadata) {
        let was = first_name(&mut self.source_names, pair, source);
        let is = first_name(&mut self.restored_names, pair, restored);
        if was != is {
            self.report(pair, What::HardLinks);
        }
    }
}

/// The first compared name of the file that this name leads to.
fn first_name<'a>(
    names: &'a mut HashMap<Inode, PathBuf>,
    pair: &'a Pair,
    metadata: &Metadata,
) -> &'a Path {
    if metadata.nlink() == 1 {
        return &pair.relative;
    }
    let inode = (metadata.dev(), metadata.ino());
    names.entry(inode).or_insert_with(|| pair.relative.clone())
}

fn names_in(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .map_err(|e| failed("list", folder, &e))
}

/// Opens for reading and measures by seeking: a device's metadata says that it is empty.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let measured = || {
        let mut file = File::open(path)?;
        let bytes = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        Ok((file, bytes))
    };
    measured().map_err(|e: io::Error| failed("open", path, &e))
}

fn modified_ns(metadata: &Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

/// The names of the attributes that a restore must bring back; the others (`system.nfs4_acl`,
/// `security.selinux`, `trusted.*`) belong to the machine, not to the data.
fn attribute_names(path: &Path, buffer: &mut Vec<u8>) -> io::Result<BTreeSet<OsString>> {
    let filled = grown(buffer, |list| rustix::fs::llistxattr(path, list))
        .map_err(|e| failed("list extended attributes of", path, &e))?;
    let names = buffer[..filled.unwrap_or(0)].split(|&byte| byte == 0);
    Ok(names
        .filter(|name| is_kept(name))
        .map(|name| OsStr::from_bytes(name).into())
        .collect())
}

fn is_kept(name: &[u8]) -> bool {
    name.starts_with(b"user.")
        || name == b"security.capability"
        || name.starts_with(b"system.posix_acl_")
}

/// The value of one attribute; `None` where the file has none of that name.
fn attribute(path: &Path, name: &OsStr, buffer: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let filled = grown(buffer, |value| rustix::fs::lgetxattr(path, name, value))
        .map_err(|e| failed("read extended attributes of", path, &e))?;
    Ok(filled.map(|bytes| buffer[..bytes].to_vec()))
}

/// Runs an attribute call with a buffer that grows until the answer fits. `None` when the file
/// has no such attribute, or its file system has none at all.
fn grown(
    buffer: &mut Vec<u8>,
    call: impl Fn(&mut [u8]) -> Result<usize, Errno>,
) -> io::Result<Option<usize>> {
    loop {
        match call(buffer.as_mut_slice()) {
            Ok(filled) => return Ok(Some(filled)),
            Err(Errno::RANGE) => buffer.resize(buffer.len() * 2, 0),
            Err(Errno::NODATA | Errno::NOTSUP) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn failed(doing: &str, path: &Path, cause: &io::Error) -> io::Error {
    io::Error::new(
        cause.kind(),
        format!("failed to {doing} {}: {cause}", path.display()),
    )
}

#[cfg(test)]
mod tests;
