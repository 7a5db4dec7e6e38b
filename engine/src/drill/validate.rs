//! Holding a restored tree or disk against the point's listing, as its source is gone: names, kinds, sizes,
//! permission bits, times, link targets, attributes, and every byte of content by its keyed hash.
//!
//! Not held: owners where this user may not set them, and access and change times. What is read may
//! come from the system's memory and not from the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::backup::Progress;
use crate::error::Result;
use crate::format::layout::Kind;
use crate::format::listing::{Entry, EntryKind, Extent};
use crate::restore::linked_file;
use crate::seal::Keyring;
use crate::seam::compute;
use crate::vault::{BlobReader, Point};

/// Lists of extents that are held against the target at once.
const LISTS_AT_ONCE: usize = 4;
/// Differences told; a wholly wrong target still answers in a screenful.
const DIFFERENCES_MAX: usize = 100;
/// Bytes of a hole that are read at once.
const HOLE_BYTES: u64 = 1 << 20;

/// One thing that is not as the point says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, below the point's root; empty for the root.
    pub path: Vec<u8>,
    /// What, in words.
    pub what: String,
}

/// What was held against the listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validated {
    /// Files, folders, links and disks.
    pub entries: u64,
    /// Bytes read again and hashed, holes included.
    pub bytes: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
}

impl Validated {
    fn differ(&mut self, path: &[u8], what: Option<String>) {
        let room = self.differences.len() < DIFFERENCES_MAX;
        let path = path.to_vec();
        let what = what.filter(|_| room);
        self.differences
            .extend(what.map(|what| Difference { path, what }));
    }
}

/// Holds what was restored to `target` against the listing of `point`; paths in `left_out` are known to
/// be damaged and passed over, attributes where the restore could not give all back.
///
/// # Errors
/// Damage to the listing, store errors; what can't be read of the target is a difference.
pub async fn validate(
    reader: &BlobReader,
    point: &Point,
    target: &Path,
    left_out: &BTreeSet<Vec<u8>>,
    attributes: bool,
    progress: &dyn Progress,
) -> Result<Validated> {
    let mut validated = Validated::default();
    let mut links: BTreeMap<[u8; 32], (u64, u64)> = BTreeMap::new();
    let (mut names, mut disk) = (0, false);
    let mut listing = reader.listing(point.manifest.listing.clone()).boxed();
    while let Some(entries) = listing.try_next().await? {
        for entry in entries {
            disk |= entry.kind == EntryKind::Disk && !target.is_dir();
            if left_out.contains(&entry.path) {
                continue;
            }
            validated.entries += 1;
            names += u64::from(!entry.path.is_empty());
            let at = place(target, &entry, disk);
            let metadata = match std::fs::symlink_metadata(&at) {
                Ok(metadata) => metadata,
                Err(error) => {
                    validated.differ(&entry.path, Some(format!("it is not there: {error}")));
                    continue;
                }
            };
            validated.differ(
                &entry.path,
                metadata_differs(&at, &entry, &metadata, attributes),
            );
            if entry.link_group.is_some() {
                let inode = (metadata.dev(), metadata.ino());
                let first = *links.entry(linked_file(&entry)).or_insert(inode);
                if first != inode {
                    let what = "it is no longer another name of the same file".to_owned();
                    validated.differ(&entry.path, Some(what));
                }
            }
            if matches!(entry.kind, EntryKind::File | EntryKind::Disk) {
                let what = content_differs(reader, &at, &entry).await?;
                validated.differ(&entry.path, what);
                validated.bytes += entry.size;
                progress.advance(entry.size, 1);
            }
        }
    }
    if !disk {
        let there = count(target);
        if there > names {
            let what = format!("{} names more than the point has", there - names);
            validated.differ(b"", Some(what));
        }
    }
    Ok(validated)
}

fn place(target: &Path, entry: &Entry, disk: bool) -> PathBuf {
    if disk || entry.path.is_empty() {
        return target.to_owned();
    }
    target.join(std::ffi::OsStr::from_bytes(&entry.path))
}

fn metadata_differs(
    at: &Path,
    entry: &Entry,
    metadata: &Metadata,
    attributes: bool,
) -> Option<String> {
    let kind = metadata.file_type();
    let is_kind = match entry.kind {
        EntryKind::File | EntryKind::Disk => kind.is_file(),
        EntryKind::Folder => kind.is_dir(),
        EntryKind::Symlink => kind.is_symlink(),
    };
    if !is_kind {
        return Some(format!("it is no {:?}", entry.kind).to_lowercase());
    }
    if matches!(entry.kind, EntryKind::File | EntryKind::Disk) && metadata.len() != entry.size {
        return Some(format!(
            "it has {} bytes and not {}",
            metadata.len(),
            entry.size
        ));
    }
    if entry.kind == EntryKind::Disk {
        return None;
    }
    if entry.kind == EntryKind::Symlink {
        let to = std::fs::read_link(at).unwrap_or_default();
        if Some(to.as_os_str().as_bytes()) != entry.target.as_deref() {
            return Some("it points elsewhere".to_owned());
        }
    } else {
        let own = (metadata.uid(), metadata.gid()) == (entry.uid, entry.gid);
        // Without the right owner, setuid and setgid are not given back.
        let mode = if own { entry.mode } else { entry.mode & 0o1777 };
        if metadata.mode() & 0o7777 != mode {
            let is = metadata.mode() & 0o7777;
            return Some(format!("its mode is {is:04o} and not {mode:04o}"));
        }
    }
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    if modified != (entry.modified.seconds, i64::from(entry.modified.nanos)) {
        return Some("it has another time of modification".to_owned());
    }
    let lacking = entry
        .attributes
        .iter()
        .filter(|_| attributes)
        .find(|attribute| {
            let mut value = vec![0; attribute.value.len() + 1];
            let read = rustix::fs::lgetxattr(at, &attribute.name[..], &mut value[..]);
            read.ok().map(|bytes| &value[..bytes]) != Some(&attribute.value)
        })?;
    let name = String::from_utf8_lossy(&lacking.name);
    Some(format!("its attribute {name} differs"))
}

/// The first difference of a file's content, by lists of extents side by side.
async fn content_differs(reader: &BlobReader, at: &Path, entry: &Entry) -> Result<Option<String>> {
    let file = match File::open(at) {
        Ok(file) => Arc::new(file),
        Err(error) => return Ok(Some(format!("it can't be read: {error}"))),
    };
    let inline = !entry
        .content
        .iter()
        .any(|extent| matches!(extent, Extent::List(..)));
    let step = if inline {
        entry.content.len().max(1)
    } else {
        1
    };
    let mut parts = Vec::new();
    let mut offset = 0;
    for part in entry.content.chunks(step) {
        parts.push((offset, part.to_vec()));
        offset += part.iter().map(Extent::bytes).sum::<u64>();
    }
    let mut held = stream::iter(parts)
        .map(|(offset, part)| {
            let (file, keys) = (Arc::clone(&file), Arc::clone(reader.vault().keys()));
            async move {
                let extents = reader.extents(&part).await?;
                let workers = &*reader.vault().world().workers;
                compute(workers, move || {
                    extents_differ(&keys, &file, offset, &extents)
                })
                .await
            }
        })
        .buffered(LISTS_AT_ONCE);
    while let Some(part) = held.next().await {
        if let Some(what) = part? {
            return Ok(Some(what));
        }
    }
    Ok(None)
}

fn extents_differ(
    keys: &Keyring,
    file: &File,
    mut offset: u64,
    extents: &[Extent],
) -> Option<String> {
    let mut buffer = Vec::new();
    for extent in extents {
        let differs = match *extent {
            Extent::Chunk(bytes, id) => {
                buffer.resize(bytes as usize, 0);
                let read = file.read_exact_at(&mut buffer, offset);
                read.is_err() || keys.blob_id(Kind::Data, &buffer) != id
            }
            Extent::Hole(bytes) | Extent::List(bytes, _) => {
                !is_zeros(file, offset, bytes, &mut buffer)
            }
        };
        if differs {
            return Some(format!("its content differs at or after byte {offset}"));
        }
        offset += extent.bytes();
    }
    None
}

/// Whether a range reads as zeros. What the file system keeps no data for is not read.
fn is_zeros(file: &File, offset: u64, bytes: u64, buffer: &mut Vec<u8>) -> bool {
    let (mut at, end) = (offset, offset + bytes);
    while at < end {
        at = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(Errno::NXIO) => end,
            // A file system that does not tell: all of it may be data.
            Err(_) => at,
        };
        let step = end.saturating_sub(at).min(HOLE_BYTES);
        buffer.resize(step as usize, 0);
        if file.read_exact_at(buffer, at).is_err() || buffer.iter().any(|byte| *byte != 0) {
            return false;
        }
        at += step;
    }
    true
}

/// Names below a folder.
fn count(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_owned()];
    let mut names = 0;
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            names += 1;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    names
}
