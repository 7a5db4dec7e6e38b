//! An export in memory that tells what is dirty, and whose calls wait where a test wants them to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use engine::replication::nbd::{DirtyRun, Export};
use engine::seam::Run;
use engine::{Error, ErrorKind, Result};
use tokio::sync::Semaphore;

/// Reads from this offset on wait for a permit of `gate`.
pub(crate) const GATED: u64 = 512 << 10;
/// A read here fails as a full disk does.
pub(crate) const FULL: u64 = 4096;
/// A read here panics; here after it got a permit.
pub(crate) const PANICS: u64 = 8193;
pub(crate) const PANICS_LATE: u64 = GATED + 8193;

pub(crate) struct MemoryExport {
    bytes: Mutex<Vec<u8>>,
    dirty: Mutex<Vec<(u64, u64)>>,
    pub(crate) gate: Semaphore,
    pub(crate) waiting: AtomicUsize,
    /// Gets a permit for each call that begins to wait.
    pub(crate) arrived: Semaphore,
    /// How much has been asked of what is dirty.
    pub(crate) dirty_bytes: AtomicUsize,
}

impl MemoryExport {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: Mutex::new(vec![0; bytes]),
            dirty: Mutex::default(),
            gate: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
            arrived: Semaphore::new(0),
            dirty_bytes: AtomicUsize::new(0),
        })
    }

    /// Later stretches must be given later.
    pub(crate) fn set_dirty(&self, offset: u64, length: u64) {
        self.dirty
            .lock()
            .expect("nobody panicked")
            .push((offset, length));
    }
}

#[async_trait]
impl Export for MemoryExport {
    fn size(&self) -> u64 {
        self.bytes.lock().expect("nobody panicked").len() as u64
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn is_multi_conn_safe(&self) -> bool {
        false
    }

    async fn read(&self, offset: u64, length: u32) -> Result<Bytes> {
        if offset == FULL {
            let full = std::io::ErrorKind::StorageFull.into();
            return Err(Error::from_io("failed to read memory", full));
        }
        if offset >= GATED {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.arrived.add_permits(1);
            self.gate.acquire().await.expect("it stays open").forget();
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        assert!(![PANICS, PANICS_LATE].contains(&offset), "planted");
        let bytes = self.bytes.lock().expect("nobody panicked");
        let start = offset as usize;
        Ok(Bytes::copy_from_slice(
            &bytes[start..start + length as usize],
        ))
    }

    async fn write(&self, offset: u64, data: Bytes, _fua: bool) -> Result<()> {
        let start = offset as usize;
        let mut bytes = self.bytes.lock().expect("nobody panicked");
        bytes[start..start + data.len()].copy_from_slice(&data);
        Ok(())
    }

    async fn zero(&self, _offset: u64, _length: u64, _punch: bool, _fua: bool) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "no zeros here"))
    }

    async fn trim(&self, _offset: u64, _length: u64, _fua: bool) -> Result<()> {
        Err(Error::new(ErrorKind::Corrupt, "the disk is broken"))
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn allocation(&self, _offset: u64, length: u64) -> Result<Vec<Run>> {
        Ok(vec![Run {
            length,
            hole: false,
        }])
    }

    async fn dirty(&self, offset: u64, length: u64) -> Result<Option<Vec<DirtyRun>>> {
        self.dirty_bytes
            .fetch_add(length as usize, Ordering::SeqCst);
        let mut runs: Vec<DirtyRun> = Vec::new();
        let dirty = self.dirty.lock().expect("nobody panicked");
        for block in (offset..offset + length).step_by(512) {
            let length = (offset + length - block).min(512);
            let dirty = dirty
                .iter()
                .any(|(at, length)| (*at..at + length).contains(&block));
            match runs.last_mut() {
                Some(last) if last.dirty == dirty => last.length += length,
                _ => runs.push(DirtyRun { length, dirty }),
            }
        }
        Ok(Some(runs))
    }
}
