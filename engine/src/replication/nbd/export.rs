//! What is served: the trait, a plain disk as its ready form, and the list of names that clients see.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::wire::NAME_BYTES_MAX;
use crate::error::{Error, ErrorKind, Result};
use crate::seam::{BlockDevice, Run};

/// The context of block status that tells which blocks are not yet at the other site: flag 1 is set
/// where they are not.
pub const DIRTY_CONTEXT: &str = "firedrill:dirty";

/// What clients read and write. The server asks only for ranges within `size`, writes only where
/// `is_read_only` is false, and brings each call that it began to its end, but when it is cut off.
#[async_trait]
pub trait Export: Send + Sync {
    /// How many bytes it has; they stay the same while it is served.
    fn size(&self) -> u64;
    /// Whether clients may only read.
    fn is_read_only(&self) -> bool;
    /// Whether a flush on one connection covers what was acknowledged on others.
    fn is_multi_conn_safe(&self) -> bool;
    /// Reads `length` bytes (32 MiB at most) from `offset`.
    ///
    /// # Errors
    /// Whatever the disk says. Clients are told `EINVAL` of what is `Invalid`, `EPERM` of `Denied`,
    /// `ENOTSUP` of `Unsupported`, `ENOSPC` of what is full (`Error::is_full`) and `EIO` of the rest.
    async fn read(&self, offset: u64, length: u32) -> Result<Bytes>;
    /// Writes `data`; with `fua` it is durable when the call ends. `data` is a part of a bigger piece
    /// of memory: who keeps it for long copies it.
    ///
    /// # Errors
    /// As `read`.
    async fn write(&self, offset: u64, data: Bytes, fua: bool) -> Result<()>;
    /// Makes the range read as zeros; with `punch` it may become a hole.
    ///
    /// # Errors
    /// As `read`.
    async fn zero(&self, offset: u64, length: u64, punch: bool, fua: bool) -> Result<()>;
    /// Is told that the range's content is no longer needed.
    ///
    /// # Errors
    /// As `read`.
    async fn trim(&self, offset: u64, length: u64, fua: bool) -> Result<()>;
    /// Makes durable what was acknowledged before.
    ///
    /// # Errors
    /// As `read`.
    async fn flush(&self) -> Result<()>;
    /// Where the range has data and where holes, in order and together exactly the range.
    ///
    /// # Errors
    /// As `read`.
    async fn allocation(&self, offset: u64, length: u64) -> Result<Vec<Run>>;
    /// Which of the range is not yet at the other site, in order and together exactly the range.
    /// `None` where nothing is known of another site; a range of no length asks only that.
    ///
    /// # Errors
    /// As `read`.
    async fn dirty(&self, offset: u64, length: u64) -> Result<Option<Vec<DirtyRun>>>;
}

/// A stretch that is all at the other site, or all not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirtyRun {
    /// Its length in bytes.
    pub length: u64,
    /// Whether it is not yet at the other site.
    pub dirty: bool,
}

/// A plain disk: what is written goes there and nowhere else.
#[derive(Clone, Debug)]
pub struct DeviceExport {
    device: Arc<dyn BlockDevice>,
    read_only: bool,
}

impl DeviceExport {
    /// `device`, for reading only or for writing too.
    pub fn new(device: Arc<dyn BlockDevice>, read_only: bool) -> Self {
        Self { device, read_only }
    }

    async fn flush_if(&self, fua: bool) -> Result<()> {
        if fua {
            self.device.flush().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Export for DeviceExport {
    fn size(&self) -> u64 {
        self.device.size()
    }

    fn is_read_only(&self) -> bool {
        self.read_only
    }

    fn is_multi_conn_safe(&self) -> bool {
        // There is one device below all connections, and its flush covers it all.
        true
    }

    async fn read(&self, offset: u64, length: u32) -> Result<Bytes> {
        self.device.read(offset, length as usize).await
    }

    async fn write(&self, offset: u64, data: Bytes, fua: bool) -> Result<()> {
        self.device.write(offset, data).await?;
        self.flush_if(fua).await
    }

    async fn zero(&self, offset: u64, length: u64, punch: bool, fua: bool) -> Result<()> {
        self.device.zero(offset, length, punch).await?;
        self.flush_if(fua).await
    }

    async fn trim(&self, offset: u64, length: u64, fua: bool) -> Result<()> {
        self.zero(offset, length, true, fua).await
    }

    async fn flush(&self) -> Result<()> {
        self.device.flush().await
    }

    async fn allocation(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        self.device.runs(offset, length).await
    }

    async fn dirty(&self, _offset: u64, _length: u64) -> Result<Option<Vec<DirtyRun>>> {
        Ok(None)
    }
}

/// An export under the name that clients ask for.
#[derive(Clone)]
pub struct Named {
    /// The name, at most 4096 bytes.
    pub name: String,
    /// What it is, for people; at most 4096 bytes.
    pub description: String,
    /// The thing itself.
    pub export: Arc<dyn Export>,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named")
            .field("name", &self.name)
            .field("size", &self.export.size())
            .finish_non_exhaustive()
    }
}

/// All that one server serves: at least one export, each under a name of its own. The empty name
/// is the first one's too.
#[derive(Clone, Debug)]
pub struct Exports {
    list: Vec<Named>,
}

impl Exports {
    /// These exports, in this order.
    ///
    /// # Errors
    /// `Invalid` when there is none, when two have one name, or when a name or description is longer
    /// than 4096 bytes.
    pub fn new(list: Vec<Named>) -> Result<Self> {
        let refuse = |what: String| Err(Error::new(ErrorKind::Invalid, what));
        if list.is_empty() {
            return refuse("there is no disk to serve".to_owned());
        }
        for (index, named) in list.iter().enumerate() {
            let name = &named.name;
            if name.len().max(named.description.len()) > NAME_BYTES_MAX {
                return refuse(format!(
                    "a name or description of an export is longer than {NAME_BYTES_MAX} bytes"
                ));
            }
            if list[..index].iter().any(|other| other.name == *name) {
                return refuse(format!("two exports are named {name:?}"));
            }
        }
        Ok(Self { list })
    }

    /// In the order in which they were given.
    pub fn list(&self) -> &[Named] {
        &self.list
    }

    /// The one of that name.
    pub fn get(&self, name: &str) -> Option<&Named> {
        let first = self.list.first().filter(|_| name.is_empty());
        let mut named = self.list.iter();
        named.find(|export| export.name == name).or(first)
    }
}
