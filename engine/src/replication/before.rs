//! An instant of disks that are written on: before a piece of it is overwritten that was not read yet, what it held
//! is kept. The disks never wait for whoever reads, nor fail: where something can't be kept, the instant is lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::seam::{BlockDevice, Run};
use crate::source::ChangedBlocks;

use super::extents::{Extents, Spot};
use super::replica::{Hole, joined};

/// One disk, and where what it held is kept: as large as the disk, at the same places.
#[derive(Clone, Debug)]
pub struct Under {
    /// The disk.
    pub device: Arc<dyn BlockDevice>,
    /// Where what it held is kept.
    pub before: Arc<dyn BlockDevice>,
}

#[derive(Debug)]
struct State {
    /// Pieces whose content is kept.
    kept: Vec<ChangedBlocks>,
    kept_bytes: u64,
    /// What lies before was read and is not asked for again.
    passed: Vec<u64>,
    lost: Option<String>,
}

/// The instant.
#[derive(Debug)]
pub struct Before {
    disks: Vec<Under>,
    bytes_max: u64,
    state: Mutex<State>,
    /// Held while a piece is kept: of two writes to one piece the second waits for what the first found.
    keeping: tokio::sync::Mutex<()>,
}

impl Before {
    /// An instant of these disks that begins now; at most so many bytes are kept of it.
    pub fn new(disks: Vec<Under>, bytes_max: u64) -> Self {
        let kept = disks
            .iter()
            .map(|disk| ChangedBlocks::of(disk.device.size()));
        let state = State {
            kept: kept.collect(),
            kept_bytes: 0,
            passed: vec![0; disks.len()],
            lost: None,
        };
        Self {
            disks,
            bytes_max,
            state: Mutex::new(state),
            keeping: tokio::sync::Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that are kept.
    pub fn kept_bytes(&self) -> u64 {
        self.lock().kept_bytes
    }

    /// Keeps what a stretch holds, where that is needed: before it is overwritten.
    pub async fn keep(&self, (disk, offset): Spot, length: u64) {
        let pieces = self.lock().kept[usize::from(disk)].pieces(offset, length);
        for piece in pieces {
            if !self.needs(disk, piece) {
                continue;
            }
            let _one_at_a_time = self.keeping.lock().await;
            if self.needs(disk, piece)
                && let Err(error) = self.keep_piece(disk, piece).await
            {
                let why = format!("what a write was about to replace could not be kept: {error}");
                self.lock().lost.get_or_insert(why);
            }
        }
    }

    fn needs(&self, disk: u16, piece: u64) -> bool {
        let state = self.lock();
        let disk = usize::from(disk);
        let (offset, length) = state.kept[disk].span(piece);
        state.lost.is_none() && !state.kept[disk].has(piece) && offset + length > state.passed[disk]
    }

    async fn keep_piece(&self, disk: u16, piece: u64) -> Result<()> {
        let under = &self.disks[usize::from(disk)];
        let (offset, length) = {
            let state = self.lock();
            let (offset, length) = state.kept[usize::from(disk)].span(piece);
            if state.kept_bytes + length > self.bytes_max {
                let what = format!("{} bytes are kept already", state.kept_bytes);
                return Err(Error::new(ErrorKind::Unavailable, what));
            }
            (offset, length)
        };
        let held = under.device.read(offset, length as usize).await?;
        under.before.write(offset, held).await?;
        let mut state = self.lock();
        state.kept[usize::from(disk)].mark(offset, length);
        state.kept_bytes += length;
        Ok(())
    }

    /// Kept pieces in a stretch, each cut to it: offset and length. Asked after the disk was read: what is not kept
    /// by then was not overwritten before.
    fn kept_in(&self, (disk, offset): Spot, length: u64) -> Result<Vec<(u64, u64)>> {
        let state = self.lock();
        if let Some(why) = &state.lost {
            let what = format!("the instant that was being read is lost: {why}");
            return Err(Error::new(ErrorKind::Unavailable, what));
        }
        let kept = &state.kept[usize::from(disk)];
        let found = kept.pieces(offset, length).filter(|piece| kept.has(*piece));
        let cut = found.map(|piece| {
            let (from, bytes) = kept.span(piece);
            let (start, end) = (from.max(offset), (from + bytes).min(offset + length));
            (start, end - start)
        });
        Ok(cut.collect())
    }

    async fn read(&self, (disk, offset): Spot, length: usize) -> Result<Bytes> {
        {
            let mut state = self.lock();
            let passed = &mut state.passed[usize::from(disk)];
            if offset < *passed {
                let what = format!("a held instant is read forwards: byte {offset} was passed");
                return Err(Error::new(ErrorKind::Invalid, what));
            }
            *passed = offset;
        }
        let under = &self.disks[usize::from(disk)];
        let now = under.device.read_once(offset, length).await?;
        let kept = self.kept_in((disk, offset), length as u64)?;
        if kept.is_empty() {
            return Ok(now);
        }
        let mut out = BytesMut::from(&now[..]);
        for (from, bytes) in kept {
            let held = under.before.read(from, bytes as usize).await?;
            out[(from - offset) as usize..][..held.len()].copy_from_slice(&held);
        }
        Ok(out.freeze())
    }

    async fn runs(&self, (disk, offset): Spot, length: u64) -> Result<Vec<Run>> {
        let device = &self.disks[usize::from(disk)].device;
        let mut runs: Extents<Hole> = Extents::default();
        let mut at = offset;
        for run in device.runs(offset, length).await? {
            runs.put((0, at), Hole(run.length, run.hole));
            at += run.length;
        }
        for (from, bytes) in self.kept_in((disk, offset), length)? {
            runs.put((0, from), Hole(bytes, false));
        }
        Ok(joined(&runs))
    }
}

/// One disk of an instant: it is read only, and forwards.
#[derive(Clone, Debug)]
pub struct BeforeDisk {
    /// The instant.
    pub before: Arc<Before>,
    /// The disk's number.
    pub disk: u16,
}

#[async_trait]
impl BlockDevice for BeforeDisk {
    fn size(&self) -> u64 {
        let disk = self.before.disks.get(usize::from(self.disk));
        disk.map_or(0, |disk| disk.device.size())
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.before.read((self.disk, offset), length).await
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn runs(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        self.before.runs((self.disk, offset), length).await
    }
}
