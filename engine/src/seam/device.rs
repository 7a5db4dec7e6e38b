//! A disk that is read and written by place: the seam, and its real form, an image file or a block
//! device of this machine.
//!
//! What the page cache holds is read, and what it takes is written, without leaving the caller's thread;
//! what waits for the disk runs where it holds up nobody else: on another thread, or on the caller's own where
//! that says that it may wait (`waiting`).

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IoSliceMut, Seek, SeekFrom};
use std::num::NonZero;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::error::{Error, ErrorKind, Result};

use super::waiting::{Waiting, until_here, waiting};

/// A disk. Ranges are in bytes and need no alignment; one that reaches past the end is `Invalid`.
/// Calls may run beside each other. What two of them leave where they overlap is either's.
#[async_trait]
pub trait BlockDevice: Send + Sync + fmt::Debug {
    /// How many bytes it has; they are always the same.
    fn size(&self) -> u64;
    /// Reads `length` bytes from `offset`.
    ///
    /// # Errors
    /// `Invalid` past the end, `Corrupt` where the disk can't read them, `Unavailable` otherwise.
    async fn read(&self, offset: u64, length: usize) -> Result<Bytes>;
    /// Reads what is passed over once, as a comparison or a backup does: those who write the disk meanwhile feel as
    /// little of it as can be.
    ///
    /// # Errors
    /// As `read`.
    async fn read_once(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.read(offset, length).await
    }
    /// Writes `data` at `offset`. Later reads see it; it is durable after the next `flush`. What does not say how to is
    /// read only.
    ///
    /// # Errors
    /// As `read`; `Denied` where it is open for reading only, `Unavailable` and full (`Error::is_full`) where no space is left.
    async fn write(&self, _offset: u64, _data: Bytes) -> Result<()> {
        Err(read_only())
    }
    /// Makes `length` bytes from `offset` read as zeros. With `punch` they may become a hole;
    /// without, their space stays theirs, where the disk can keep it.
    ///
    /// # Errors
    /// As `write`.
    async fn zero(&self, _offset: u64, _length: u64, _punch: bool) -> Result<()> {
        Err(read_only())
    }
    /// Makes durable whatever was written before it was called.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable` where the disk did not take it: nothing is known to be durable then.
    async fn flush(&self) -> Result<()>;
    /// Where the range has data and where holes, in order: together exactly the range, no two
    /// neighbours alike. Data may be zeros; a hole reads as zeros.
    ///
    /// # Errors
    /// As `read`.
    async fn runs(&self, offset: u64, length: u64) -> Result<Vec<Run>>;
}

fn read_only() -> Error {
    Error::new(ErrorKind::Denied, "it is read only, and is not written to")
}

/// A stretch of a disk that is all data or all hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its length in bytes.
    pub length: u64,
    /// Whether nothing is stored there, so that it reads as zeros.
    pub hole: bool,
}

/// What is written at once where zeros must be written out, in bytes: long enough that calls cost
/// nothing, short enough to be at hand.
const ZEROS_BYTES: usize = 1 << 20;

/// So much is asked for before it is read, where a disk is passed over: without it each read of 64 KiB waits for the
/// disk once.
const AHEAD_BYTES: u64 = 2 << 20;

/// An image file or a block device of this machine.
#[derive(Clone)]
pub struct FileDevice {
    shared: Arc<Shared>,
}

struct Shared {
    file: File,
    /// The same for `read_once`: read without reading ahead, which would leave the disk in the page cache in large
    /// folios. Those make later writes of 4 KiB slow: measured on ext4 of Linux 6.18, a sixth of the rate, for any
    /// NBD server.
    passing: File,
    /// Where the last such read ended.
    passed: AtomicU64,
    path: PathBuf,
    size: u64,
    writable: bool,
    /// Whether its file system can tell what a read would have to wait for.
    tells_cached: AtomicBool,
}

impl fmt::Debug for FileDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDevice")
            .field("path", &self.shared.path)
            .field("size", &self.shared.size)
            .finish_non_exhaustive()
    }
}

impl FileDevice {
    /// Opens the raw image or block device at `path`. One that is `writable` is held by an
    /// exclusive lock (`flock`) until it is dropped; reading takes none.
    ///
    /// # Errors
    /// `Conflict` when someone else holds it, `Invalid` when it is neither a regular file nor a block
    /// device, `NotFound` and `Denied` as the system says.
    pub fn open(path: &Path, writable: bool) -> Result<Self> {
        let name = path.display();
        let failed = |error| Error::from_io(format!("failed to open {name}"), error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(writable)
            .open(path)
            .map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let kind = metadata.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            let what = format!("{name} is neither a disk image nor a block device");
            return Err(Error::new(ErrorKind::Invalid, what));
        }
        if writable {
            lock(&file, path, metadata.ino())?;
        }
        let size = file.seek(SeekFrom::End(0)).map_err(failed)?;
        // The same file even where another was given its name.
        let passing = match File::open(format!("/proc/self/fd/{}", file.as_raw_fd())) {
            Ok(passing) => {
                // Advice: whoever can't take it reads as ever.
                let _taken = fadvise(&passing, 0, None, Advice::Random).is_ok();
                passing
            }
            // Without /proc what is read once is read as everything else is.
            Err(_) => file.try_clone().map_err(failed)?,
        };
        let shared = Shared {
            file,
            passing,
            passed: AtomicU64::new(0),
            path: path.to_owned(),
            size,
            writable,
            tells_cached: AtomicBool::new(true),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Runs `job` where it may wait for the disk.
    async fn wait<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl FnOnce(&Shared) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        if waiting() != Waiting::Elsewhere {
            until_here().await;
            return job(&self.shared).map_err(|error| self.failed(what, error));
        }
        let shared = Arc::clone(&self.shared);
        #[expect(clippy::disallowed_methods, reason = "the seam's one real disk")]
        let done = tokio::task::spawn_blocking(move || job(&shared)).await;
        match done {
            Ok(done) => done.map_err(|error| self.failed(what, error)),
            Err(_) => Err(Error::internal("a disk's call panicked; please report it")),
        }
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        Error::from_io(
            format!("failed to {what} {}", self.shared.path.display()),
            error,
        )
    }

    fn check(&self, offset: u64, length: u64) -> Result<()> {
        let size = self.shared.size;
        if offset.checked_add(length).is_some_and(|end| end <= size) {
            return Ok(());
        }
        let path = self.shared.path.display();
        let what = format!("{length} bytes at {offset} reach past the {size} bytes of {path}");
        Err(Error::new(ErrorKind::Invalid, what))
    }

    fn check_change(&self, offset: u64, length: u64) -> Result<()> {
        if !self.shared.writable {
            let what = format!("{} is open for reading only", self.shared.path.display());
            return Err(Error::new(ErrorKind::Denied, what));
        }
        self.check(offset, length)
    }
}

/// Locks `file`, or tells who holds it.
fn lock(file: &File, path: &Path, inode: u64) -> Result<()> {
    let error = match file.try_lock() {
        Ok(()) => return Ok(()),
        Err(TryLockError::Error(error)) => {
            return Err(Error::from_io(
                format!("failed to lock {}", path.display()),
                error,
            ));
        }
        Err(TryLockError::WouldBlock) => ErrorKind::Conflict,
    };
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let path = path.display();
    let holder = match holder(&locks, inode) {
        Some(process) => format!("process {process} (`ps -p {process}` names it)"),
        None => format!("another process (`fuser -v {path}` names it)"),
    };
    let what = format!("{path} is held for writing by {holder}: end that first");
    Err(Error::new(error, what))
}

/// The process that holds a lock of a whole file on `inode`, from the text of `/proc/locks`.
fn holder(locks: &str, inode: u64) -> Option<u32> {
    let inode = format!(":{inode}");
    let mut lines = locks.lines().filter(|line| line.contains(" FLOCK "));
    let line = lines.find(|line| line.split(' ').any(|word| word.ends_with(&inode)))?;
    let mut words = line
        .split_whitespace()
        .skip_while(|word| !word.starts_with("WRITE"));
    words.nth(1)?.parse().ok()
}

impl Shared {
    /// Reads what is at hand without waiting for the disk, and tells how much that was.
    fn read_cached(&self, offset: u64, into: &mut [u8]) -> usize {
        let mut at = 0;
        while at < into.len() && self.tells_cached.load(Ordering::Relaxed) {
            let rest = &mut [IoSliceMut::new(&mut into[at..])];
            match preadv2(&self.file, rest, offset + at as u64, ReadWriteFlags::NOWAIT) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(read) => at += read,
                Err(Errno::INTR) => {}
                // Not every file system tells; an error of the disk comes again where it is waited for.
                Err(Errno::OPNOTSUPP) => self.tells_cached.store(false, Ordering::Relaxed),
                Err(_) => break,
            }
        }
        at
    }

    fn zero(&self, offset: u64, length: u64, punch: bool) -> io::Result<()> {
        let flags = if punch {
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE
        } else {
            FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE
        };
        loop {
            match fallocate(&self.file, flags, offset, length) {
                Ok(()) => return Ok(()),
                Err(Errno::INTR) => {}
                // The file system has no such call, or a block device only for whole sectors.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let zeros = vec![0; ZEROS_BYTES.min(length as usize)];
        let mut at = 0;
        while at < length {
            let piece = (length - at).min(zeros.len() as u64);
            self.file
                .write_all_at(&zeros[..piece as usize], offset + at)?;
            at += piece;
        }
        Ok(())
    }

    /// Reads what is passed over once; where that goes on from what was read before, what comes next is asked for.
    fn read_passing(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let end = offset + into.len() as u64;
        let goes_on = self.passed.swap(end, Ordering::Relaxed) == offset;
        if goes_on && offset / AHEAD_BYTES < end / AHEAD_BYTES {
            // Advice, as above.
            let ahead = (end / AHEAD_BYTES + 1) * AHEAD_BYTES - end;
            let _taken = fadvise(&self.passing, end, NonZero::new(ahead), Advice::WillNeed).is_ok();
        }
        self.passing.read_exact_at(into, offset)
    }

    fn runs(&self, offset: u64, length: u64) -> io::Result<Vec<Run>> {
        use rustix::fs::{SeekFrom as At, seek};
        let end = offset + length;
        let (mut runs, mut at) = (Vec::new(), offset);
        while at < end {
            let data = match seek(&self.file, At::Data(at)) {
                Ok(data) => data.min(end),
                Err(Errno::NXIO) => end,
                // A block device does not tell: all of it counts as data.
                Err(Errno::INVAL | Errno::OPNOTSUPP) => at,
                Err(error) => return Err(error.into()),
            };
            if data > at {
                let length = data - at;
                runs.push(Run { length, hole: true });
            }
            if data == end {
                break;
            }
            at = match seek(&self.file, At::Hole(data)) {
                Ok(hole) => hole.min(end),
                Err(Errno::NXIO | Errno::INVAL | Errno::OPNOTSUPP) => end,
                Err(error) => return Err(error.into()),
            };
            let length = at - data;
            runs.push(Run {
                length,
                hole: false,
            });
        }
        Ok(runs)
    }
}

#[async_trait]
impl BlockDevice for FileDevice {
    fn size(&self) -> u64 {
        self.shared.size
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.check(offset, length as u64)?;
        let mut data = vec![0; length];
        let cached = self.shared.read_cached(offset, &mut data);
        if cached < length {
            let job = move |shared: &Shared| {
                shared
                    .file
                    .read_exact_at(&mut data[cached..], offset + cached as u64)?;
                Ok(data)
            };
            data = self.wait("read", job).await?;
        }
        Ok(data.into())
    }

    async fn read_once(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.check(offset, length as u64)?;
        let job = move |shared: &Shared| {
            let mut data = vec![0; length];
            shared.read_passing(offset, &mut data)?;
            Ok(data.into())
        };
        self.wait("read", job).await
    }

    async fn write(&self, offset: u64, data: Bytes) -> Result<()> {
        self.check_change(offset, data.len() as u64)?;
        let job = move |shared: &Shared| shared.file.write_all_at(&data, offset);
        // A write into the page cache takes less than handing it to another thread does. Where it waits
        // after all, the runtime goes on without this thread, if it has more than one.
        let done = if waiting() != Waiting::Elsewhere {
            job(&self.shared)
        } else if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return self.wait("write", job).await;
        } else {
            tokio::task::block_in_place(|| job(&self.shared))
        };
        done.map_err(|error| self.failed("write", error))
    }

    async fn zero(&self, offset: u64, length: u64, punch: bool) -> Result<()> {
        self.check_change(offset, length)?;
        if length == 0 {
            return Ok(());
        }
        self.wait("zero", move |shared| shared.zero(offset, length, punch))
            .await
    }

    async fn flush(&self) -> Result<()> {
        self.wait("flush", |shared| shared.file.sync_data()).await
    }

    async fn runs(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        self.check(offset, length)?;
        self.wait("map", move |shared| shared.runs(offset, length))
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use bytes::Bytes;
    use futures::FutureExt;
    use tempfile::TempDir;

    use super::{BlockDevice, FileDevice, Run, holder};
    use crate::ErrorKind;
    use crate::seam::waiting::{Waiting, set_waiting};

    const MIB: u64 = 1 << 20;

    fn image() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(4 * MIB).unwrap();
        (folder, path)
    }

    fn on_one_thread<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn reads_what_was_written_on_any_runtime() {
        let (_folder, path) = image();
        let device = FileDevice::open(&path, true).unwrap();
        assert_eq!(device.size(), 4 * MIB);
        let both = async |at: u64| {
            device
                .write(at, Bytes::from_static(b"drill"))
                .await
                .unwrap();
            device.flush().await.unwrap();
            assert_eq!(device.read(at, 5).await.unwrap(), "drill");
        };
        on_one_thread(both(1));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(both(4 * MIB - 5));
    }

    #[test]
    fn zeroes_and_tells_holes() {
        let (_folder, path) = image();
        let device = FileDevice::open(&path, true).unwrap();
        on_one_thread(async {
            let data = Bytes::from(vec![7; 2 << 20]);
            device.write(MIB, data).await.unwrap();
            device.zero(MIB + 1, MIB / 2, false).await.unwrap();
            device.zero(2 * MIB, 0, true).await.unwrap();
            assert_eq!(device.read(MIB, 3).await.unwrap(), &[7, 0, 0][..]);
            for (at, length) in [
                (0, 5),
                (MIB - 2, 5),
                (MIB, 3),
                (3 * MIB - 2, 5),
                (4 * MIB, 0),
            ] {
                let read = device.read(at, length).await.unwrap();
                assert_eq!(device.read_once(at, length).await.unwrap(), read);
            }
            assert!(device.read_once(4 * MIB - 4, 5).await.is_err());
            let run = |length, hole| Run { length, hole };
            let runs = device.runs(MIB / 2, 3 * MIB).await.unwrap();
            let expected = [run(MIB / 2, true), run(2 * MIB, false), run(MIB / 2, true)];
            assert_eq!(runs, expected);
            device.zero(MIB, 2 * MIB, true).await.unwrap();
            assert_eq!(device.read(3 * MIB - 1, 1).await.unwrap(), &[0][..]);
            assert_eq!(device.runs(0, 4 * MIB).await.unwrap(), [run(4 * MIB, true)]);
            assert_eq!(device.runs(4 * MIB, 0).await.unwrap(), []);
        });
    }

    #[test]
    fn what_may_take_long_waits_for_a_thread_that_may_wait() {
        let (_folder, path) = image();
        let device = FileDevice::open(&path, true).unwrap();
        set_waiting(Waiting::Later);
        let written = device.write(0, Bytes::from_static(b"drill"));
        written.now_or_never().unwrap().unwrap();
        let (mut zeroed, mut flushed) = (device.zero(0, 5, true), device.flush());
        assert!((&mut zeroed).now_or_never().is_none());
        assert!((&mut flushed).now_or_never().is_none());
        assert_eq!(std::fs::read(&path).unwrap()[..5], *b"drill");
        set_waiting(Waiting::Here);
        zeroed.now_or_never().unwrap().unwrap();
        flushed.now_or_never().unwrap().unwrap();
        assert_eq!(std::fs::read(&path).unwrap()[..5], [0; 5]);
        set_waiting(Waiting::Elsewhere);
    }

    #[test]
    fn refuses_what_reaches_past_the_end() {
        let (_folder, path) = image();
        let device = FileDevice::open(&path, true).unwrap();
        on_one_thread(async {
            for (offset, length) in [(4 * MIB, 1), (u64::MAX, 1), (4 * MIB - 1, 2)] {
                let data = Bytes::from(vec![1; length as usize]);
                let refused = [
                    device.read(offset, length as usize).await.map(drop),
                    device.write(offset, data).await,
                    device.zero(offset, length, true).await,
                    device.runs(offset, length).await.map(drop),
                ];
                for error in refused.map(Result::unwrap_err) {
                    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                    assert!(error.to_string().contains("disk.img"), "{error}");
                }
            }
        });
    }

    #[test]
    fn only_one_writes_and_others_are_told_who() {
        let (folder, path) = image();
        let held = FileDevice::open(&path, true).unwrap();
        let error = FileDevice::open(&path, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let own = format!("process {} ", std::process::id());
        assert!(error.to_string().contains(&own), "{error}");
        let reader = FileDevice::open(&path, false).unwrap();
        drop(held);
        FileDevice::open(&path, true).unwrap();
        on_one_thread(async {
            let error = reader.write(0, Bytes::from_static(b"x")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        });
        let error = FileDevice::open(folder.path(), false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }

    #[test]
    fn finds_who_holds_a_lock() {
        let locks = "1: POSIX  ADVISORY  WRITE 77 fe:00:1234 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 99 fe:00:11234 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 88 fe:00:1234 0 EOF\n";
        assert_eq!(holder(locks, 1234), Some(88));
        assert_eq!(holder(locks, 234), None);
        assert_eq!(holder("", 1234), None);
    }
}
