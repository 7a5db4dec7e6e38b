//! What a comparison reports, and how it reads.

use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::path::PathBuf;

/// One way in which the restored state is not its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Relative to the compared roots; empty for the roots themselves. For [`files`](super::files), the
    /// source's file name.
    pub path: PathBuf,
    /// What differs there.
    pub what: What,
}

/// What differs at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// In the source, not restored. Nothing below a missing folder is reported again.
    Missing,
    /// Restored, not in the source (or a special file there, which no restore makes).
    Extra,
    /// Another type of file; nothing else is compared.
    Kind {
        /// The source's type.
        source: Kind,
        /// The restored type.
        restored: Kind,
    },
    /// Another length, in bytes.
    Size {
        /// The source's length.
        source: u64,
        /// The restored length.
        restored: u64,
    },
    /// Other bytes within the length that both have.
    Content {
        /// The first byte that differs, counted from zero.
        offset: u64,
    },
    /// Other permission bits (`0o7777`, so with set-user-id, set-group-id and sticky).
    Mode {
        /// The source's bits.
        source: u32,
        /// The restored bits.
        restored: u32,
    },
    /// Another owner or group, as (user id, group id).
    Owner {
        /// The source's ids.
        source: (u32, u32),
        /// The restored ids.
        restored: (u32, u32),
    },
    /// Another modification time, in nanoseconds since 1970-01-01T00:00Z.
    ModifiedTime {
        /// The source's time.
        source: i128,
        /// The restored time.
        restored: i128,
    },
    /// The symlink points elsewhere.
    LinkTarget,
    /// Names that share a file in one tree do not in the other.
    HardLinks,
    /// An extended attribute is missing, extra or has another value.
    ExtendedAttributes {
        /// The attribute's full name, as in `user.origin`.
        name: OsString,
    },
}

/// The type of a file, as far as a restore tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A fifo, socket or device: never restored.
    Special,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.as_os_str().is_empty() {
            f.write_str("the root: ")?;
        } else {
            write!(f, "{}: ", self.path.display())?;
        }
        self.what.fmt(f)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing from the restored state"),
            Self::Extra => f.write_str("restored but not expected from the source"),
            Self::Kind { source, restored } => write!(f, "{restored} instead of {source}"),
            Self::Size { source, restored } => write!(f, "{restored} bytes instead of {source}"),
            Self::Content { offset } => write!(f, "content differs from byte {offset}"),
            Self::Mode { source, restored } => {
                write!(f, "mode {restored:04o} instead of {source:04o}")
            }
            Self::Owner { source, restored } => {
                let ((user, group), (was_user, was_group)) = (restored, source);
                write!(f, "owner {user}:{group} instead of {was_user}:{was_group}")
            }
            Self::ModifiedTime { source, restored } => {
                write!(f, "modified at {restored} ns instead of {source} ns")
            }
            Self::LinkTarget => f.write_str("symlink points elsewhere"),
            Self::HardLinks => f.write_str("hard links are grouped differently"),
            Self::ExtendedAttributes { name } => {
                write!(f, "extended attribute {} differs", name.display())
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Symlink => "symlink",
            Self::Special => "special file",
        })
    }
}

impl Kind {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let file_type = metadata.file_type();
        if file_type.is_file() {
            Self::File
        } else if file_type.is_dir() {
            Self::Folder
        } else if file_type.is_symlink() {
            Self::Symlink
        } else {
            Self::Special
        }
    }
}
