//! A disk of a simulated site: what was not flushed may be lost with the machine, and a write may be torn.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use engine::error::{Error, ErrorKind, Result};
use engine::seam::{BlockDevice, Run};

use crate::draw::Stream;
use crate::executor::Handle;

/// Bytes that a disk writes wholly or not at all.
const SECTOR_BYTES: usize = 512;
/// How long a read or half of a write takes: an SSD of the cloud.
const REQUEST_MICROS: u64 = 150;
/// How long a flush takes.
const FLUSH_MICROS: u64 = 600;

/// What ails the disks of a site.
#[derive(Debug, Default)]
pub(super) struct Ailment {
    /// Requests that fail, in parts of a million.
    pub errors_ppm: u64,
    /// Whether there is no room for what is written.
    pub full: bool,
}

struct State {
    durable: Vec<u8>,
    current: Vec<u8>,
    /// Sectors that were written since the last flush.
    dirty: BTreeSet<usize>,
    stream: Stream,
    writes: u64,
}

/// The disk.
pub(super) struct SimDisk {
    handle: Handle,
    ailment: Arc<Mutex<Ailment>>,
    state: Mutex<State>,
    /// A planted bug: of so many writes one does not reach the disk.
    forgets: Option<u64>,
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a disk of {} bytes", self.lock().current.len())
    }
}

impl SimDisk {
    /// An empty disk of `size` bytes; `stream` draws what a crash leaves, and which requests fail.
    pub(super) fn new(
        handle: Handle,
        (size, stream): (u64, Stream),
        ailment: Arc<Mutex<Ailment>>,
        forgets: Option<u64>,
    ) -> Self {
        let bytes = vec![0; size as usize];
        Self {
            handle,
            ailment,
            state: Mutex::new(State {
                durable: bytes.clone(),
                current: bytes,
                dirty: BTreeSet::new(),
                stream,
                writes: 0,
            }),
            forgets,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has this from the beginning.
    pub(super) fn fill(&self, content: &[u8]) {
        let mut state = self.lock();
        state.durable.copy_from_slice(content);
        state.current.copy_from_slice(content);
    }

    /// The machine goes down: of what was not flushed each sector is there or not.
    pub(super) fn lose_power(&self) {
        let mut state = self.lock();
        for sector in std::mem::take(&mut state.dirty) {
            let at = sector * SECTOR_BYTES;
            let until = (at + SECTOR_BYTES).min(state.current.len());
            let State {
                durable,
                current,
                stream,
                ..
            } = &mut *state;
            if stream.once_in(2) {
                durable[at..until].copy_from_slice(&current[at..until]);
            } else {
                current[at..until].copy_from_slice(&durable[at..until]);
            }
        }
    }

    /// Waits as long as a request takes, and fails where it is to.
    async fn request(&self, offset: u64, length: u64, writes: bool) -> Result<()> {
        self.handle.sleep(REQUEST_MICROS).await;
        let mut state = self.lock();
        if offset.saturating_add(length) > state.current.len() as u64 {
            return Err(Error::new(ErrorKind::Invalid, "past the disk's end"));
        }
        let ailment = self.ailment.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stream.part_per_million(ailment.errors_ppm) {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the disk failed a request",
            ));
        }
        if writes && ailment.full {
            let full = std::io::ErrorKind::StorageFull.into();
            return Err(Error::from_io("failed to write the disk", full));
        }
        Ok(())
    }

    fn put(&self, offset: u64, data: &[u8]) {
        let mut state = self.lock();
        let (at, until) = (offset as usize, offset as usize + data.len());
        state.current[at..until].copy_from_slice(data);
        if !data.is_empty() {
            let sectors = at / SECTOR_BYTES..=(until - 1) / SECTOR_BYTES;
            state.dirty.extend(sectors);
        }
    }

    /// Writes in two steps: a process that crashes between them leaves one.
    async fn write_torn(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.request(offset, data.len() as u64, true).await?;
        {
            let mut state = self.lock();
            state.writes += 1;
            if self
                .forgets
                .is_some_and(|one_in| state.writes.is_multiple_of(one_in))
            {
                return Ok(());
            }
        }
        let middle = data.len() / 2 / SECTOR_BYTES * SECTOR_BYTES;
        let (first, second) = data.split_at(middle);
        self.put(offset, first);
        self.handle.sleep(REQUEST_MICROS).await;
        self.put(offset + middle as u64, second);
        Ok(())
    }
}

#[async_trait]
impl BlockDevice for SimDisk {
    fn size(&self) -> u64 {
        self.lock().current.len() as u64
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.request(offset, length as u64, false).await?;
        let state = self.lock();
        Ok(Bytes::copy_from_slice(
            &state.current[offset as usize..offset as usize + length],
        ))
    }

    async fn write(&self, offset: u64, data: Bytes) -> Result<()> {
        self.write_torn(offset, &data).await
    }

    async fn zero(&self, offset: u64, length: u64, _: bool) -> Result<()> {
        self.write_torn(offset, &vec![0; length as usize]).await
    }

    async fn flush(&self) -> Result<()> {
        // What is written while it flushes may be there or not.
        let dirty = self.lock().dirty.clone();
        self.handle.sleep(FLUSH_MICROS).await;
        self.request(0, 0, false).await?;
        let mut state = self.lock();
        for sector in dirty {
            let at = sector * SECTOR_BYTES;
            let until = (at + SECTOR_BYTES).min(state.current.len());
            let State {
                durable, current, ..
            } = &mut *state;
            durable[at..until].copy_from_slice(&current[at..until]);
            state.dirty.remove(&sector);
        }
        Ok(())
    }

    async fn runs(&self, _: u64, length: u64) -> Result<Vec<Run>> {
        Ok(vec![Run {
            length,
            hole: false,
        }])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use engine::seam::BlockDevice;

    use super::SimDisk;
    use crate::draw::Draws;
    use crate::executor::{Executor, HostId};

    /// What was flushed stays; of the rest some sectors do.
    #[test]
    fn what_was_not_flushed_may_be_lost() {
        let mut executor = Executor::new();
        let stream = Draws::new(1).stream("disk", "power", 0);
        let disk = SimDisk::new(executor.handle(), (64 << 10, stream), Arc::default(), None);
        let disk = Arc::new(disk);
        let written = Arc::clone(&disk);
        executor.handle().spawn(HostId(0), async move {
            let (old, new) = (vec![1; 32 << 10], vec![2; 32 << 10]);
            written.write(0, Bytes::from(old)).await.expect("it writes");
            written.flush().await.expect("it flushes");
            written
                .write(16 << 10, Bytes::from(new))
                .await
                .expect("it writes");
        });
        executor.run(None);
        disk.lose_power();
        let left = disk.lock().current.clone();
        assert!(left[..16 << 10].iter().all(|byte| *byte == 1));
        let kept: usize = left.iter().map(|byte| usize::from(*byte == 2)).sum();
        assert!(
            (1..32 << 10).contains(&kept) && kept.is_multiple_of(512),
            "{kept}"
        );
    }
}
