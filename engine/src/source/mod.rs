//! What is backed up: folders of files, disk images and block devices.

mod changed;
mod file;
mod tree;

pub use changed::{CHANGED_PIECE_BYTES, ChangedBlocks};
pub use file::{FileReader, Piece, is_zero};
pub(crate) use tree::instant;
pub use tree::{Found, Walk, attributes, file_attributes, path_order};

use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::format::point::SourceKind;

/// Something to back up.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What manifests call it: where it is, unless its owner knows it by another name.
    pub called: PathBuf,
    /// Folder, or image or device.
    pub kind: SourceKind,
}

impl Source {
    /// Looks at what lies at `path`: a folder is a tree; a file or block device is a disk.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, or `Invalid` for a pipe, socket or character device.
    pub fn detect(path: &Path) -> Result<Self> {
        let io = |error| Error::from_io(format!("source {}", path.display()), error);
        let kind = std::fs::metadata(path).map_err(io)?.file_type();
        let kind = if kind.is_dir() {
            SourceKind::Tree
        } else if kind.is_file() || kind.is_block_device() {
            SourceKind::Disk
        } else {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "source {}: not a folder, a disk image or a block device",
                    path.display()
                ),
            ));
        };
        // A path through `..` is resolved, so that its last part is a name; any other stays as it
        // was given, so that a link that is turned to a new place stays the same source.
        let path = if path.components().any(|part| part == Component::ParentDir) {
            path.canonicalize()
        } else {
            std::path::absolute(path)
        };
        let path = path.map_err(io)?;
        Ok(Self {
            called: path.clone(),
            path,
            kind,
        })
    }

    /// The same under another name: a snapshot is mounted anywhere, and is still what was snapped.
    #[must_use]
    pub fn called(mut self, name: &Path) -> Self {
        name.clone_into(&mut self.called);
        self
    }
}

/// Opens a file for reading, never through a link and never waiting for a pipe's writer.
pub(crate) fn open_file(path: &Path, follow: bool) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let mut flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    Ok(File::from(open(path, flags, Mode::empty())?))
}
