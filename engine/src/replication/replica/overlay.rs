//! A disk that can be written while what lies below stays as it is: a replica that was failed over to, or is
//! tested.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::error::Result;
use crate::replication::extents::{Content, Payload};
use crate::replication::gate::Gate;
use crate::replication::maps::PIECE_BYTES;
use crate::seam::{BlockDevice, Run};

/// Pieces that move down at once, with one flush.
const MOVED_AT_ONCE: usize = 64;

/// What was written, over a disk.
#[derive(Debug)]
pub struct Overlay {
    under: Mutex<Arc<dyn BlockDevice>>,
    over: Arc<dyn BlockDevice>,
    map: Arc<dyn BlockDevice>,
    state: Mutex<State>,
    gate: Gate,
    keeping: tokio::sync::Mutex<()>,
    /// Held, by any number, while the disk below is in use.
    resting: tokio::sync::RwLock<()>,
    /// Whether what lies below is written too.
    through: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// One bit for each piece that lies above.
    bits: Vec<u8>,
    /// Bytes of the map that are not as they are kept.
    unkept: BTreeSet<usize>,
}

impl Overlay {
    /// Bytes of the map of a disk of `size` bytes.
    pub fn map_bytes(size: u64) -> u64 {
        size.div_ceil(PIECE_BYTES).div_ceil(8)
    }

    /// Opens an overlay: `over` is as large as `under`, `map` has [`Overlay::map_bytes`], all zeros at first.
    ///
    /// # Errors
    /// What the devices give.
    pub async fn open(
        under: Arc<dyn BlockDevice>,
        over: Arc<dyn BlockDevice>,
        map: Arc<dyn BlockDevice>,
    ) -> Result<Self> {
        let bits = map.read(0, map.size() as usize).await?.to_vec();
        Ok(Self {
            under: Mutex::new(under),
            over,
            map,
            state: Mutex::new(State {
                bits,
                unkept: BTreeSet::new(),
            }),
            gate: Gate::default(),
            keeping: tokio::sync::Mutex::default(),
            resting: tokio::sync::RwLock::default(),
            through: AtomicBool::new(false),
        })
    }

    fn under(&self) -> Arc<dyn BlockDevice> {
        Arc::clone(&self.under.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts another disk of the same content below, which is written from now on: only what lies above already
    /// is written there, until it has sunk. Once this has ended nobody reads what was there before.
    pub async fn rest_on(&self, under: Arc<dyn BlockDevice>) {
        let _nobody = self.resting.write().await;
        *self.under.lock().unwrap_or_else(PoisonError::into_inner) = under;
        self.through.store(true, Ordering::SeqCst);
    }

    fn is_above(&self, piece: u64) -> bool {
        let state = self.state();
        let byte = state.bits.get(piece as usize / 8);
        byte.is_some_and(|byte| byte & (1 << (piece % 8)) != 0)
    }

    fn set(&self, piece: u64, above: bool) {
        let mut state = self.state();
        let (at, bit) = (piece as usize / 8, 1 << (piece % 8));
        if let Some(byte) = state.bits.get_mut(at) {
            *byte = if above { *byte | bit } else { *byte & !bit };
            state.unkept.insert(at);
        }
    }

    /// Bytes of disk that lie above.
    pub fn above_bytes(&self) -> u64 {
        let state = self.state();
        let pieces: u32 = state.bits.iter().map(|byte| byte.count_ones()).sum();
        u64::from(pieces) * PIECE_BYTES
    }

    fn span(&self, piece: u64) -> (u64, u64) {
        let offset = piece * PIECE_BYTES;
        (offset, PIECE_BYTES.min(self.size() - offset))
    }

    /// Writes a stretch: above, where its pieces lie there or what is below stays as it is.
    async fn put(&self, offset: u64, payload: Payload, punch: bool) -> Result<()> {
        let length = payload.length();
        if length == 0 {
            return Ok(());
        }
        let (first, last) = (offset / PIECE_BYTES, (offset + length - 1) / PIECE_BYTES);
        let (from, until) = (first * PIECE_BYTES, (last + 1) * PIECE_BYTES);
        let _pass = self.gate.write((0, from), until - from).await?;
        let _resting = self.resting.read().await;
        let through = self.through.load(Ordering::SeqCst);
        let mut piece = first;
        while piece <= last {
            let below = through && !self.is_above(piece);
            let run = (piece..=last).take_while(|next| (through && !self.is_above(*next)) == below);
            let next = piece + run.count() as u64;
            let start = offset.max(piece * PIECE_BYTES);
            let end = (offset + length).min(next * PIECE_BYTES);
            let part = payload.part(start - offset, end - offset);
            if below {
                write(&*self.under(), start, part, punch).await?;
            } else {
                self.raise(start, end).await?;
                write(&*self.over, start, part, punch).await?;
                (piece..next).for_each(|piece| self.set(piece, true));
            }
            piece = next;
        }
        Ok(())
    }

    /// Brings the pieces at the ends of a stretch up, where it covers only a part of them.
    async fn raise(&self, from: u64, until: u64) -> Result<()> {
        for piece in BTreeSet::from([from / PIECE_BYTES, (until - 1) / PIECE_BYTES]) {
            let (start, bytes) = self.span(piece);
            let whole = from <= start && start + bytes <= until;
            if !whole && !self.is_above(piece) {
                let below = self.under().read(start, bytes as usize).await?;
                self.over.write(start, below).await?;
            }
        }
        Ok(())
    }

    /// Keeps what lies above, and then that it does. What comes above meanwhile is kept by the next call.
    async fn keep(&self) -> Result<()> {
        let _one_at_a_time = self.keeping.lock().await;
        let unkept: Vec<(usize, u8)> = {
            let state = self.state();
            state
                .unkept
                .iter()
                .map(|at| (*at, state.bits[*at]))
                .collect()
        };
        if self.through.load(Ordering::SeqCst) {
            self.under().flush().await?;
        }
        self.over.flush().await?;
        for (at, byte) in &unkept {
            self.map
                .write(*at as u64, Bytes::copy_from_slice(&[*byte]))
                .await?;
        }
        self.map.flush().await?;
        // Given up before this, they are kept by the next call.
        let mut state = self.state();
        for (at, byte) in unkept {
            if state.bits[at] == byte {
                state.unkept.remove(&at);
            }
        }
        Ok(())
    }

    /// Moves what lies above into the disk below, which must be writable, while both are in use.
    ///
    /// # Errors
    /// What the devices give; what moved has moved.
    pub async fn sink(&self) -> Result<()> {
        let pieces = self.size().div_ceil(PIECE_BYTES);
        let mut from = 0;
        while from < pieces {
            let until = (from + MOVED_AT_ONCE as u64).min(pieces);
            if (from..until).any(|piece| self.is_above(piece)) {
                let start = from * PIECE_BYTES;
                let _pass = self
                    .gate
                    .write((0, start), (until - from) * PIECE_BYTES)
                    .await?;
                let under = self.under();
                for piece in (from..until).filter(|piece| self.is_above(*piece)) {
                    let (offset, length) = self.span(piece);
                    let data = self.over.read(offset, length as usize).await?;
                    under.write(offset, data).await?;
                }
                // Only then may a write go below: the map must not say that it lies above.
                under.flush().await?;
                (from..until)
                    .filter(|piece| self.is_above(*piece))
                    .for_each(|piece| self.set(piece, false));
                self.keep().await?;
                for piece in from..until {
                    let (offset, length) = self.span(piece);
                    self.over.zero(offset, length, true).await?;
                }
            }
            from = until;
        }
        Ok(())
    }
}

async fn write(device: &dyn BlockDevice, offset: u64, payload: Payload, punch: bool) -> Result<()> {
    match payload {
        Payload::Data(data) => device.write(offset, data).await,
        Payload::Zeros(length) => device.zero(offset, length, punch).await,
    }
}

#[async_trait]
impl BlockDevice for Overlay {
    fn size(&self) -> u64 {
        self.over.size()
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        let end = offset + length as u64;
        let _pass = self.gate.read((0, offset), length as u64).await?;
        let _resting = self.resting.read().await;
        let mut out = BytesMut::with_capacity(length);
        let mut at = offset;
        while at < end {
            let above = self.is_above(at / PIECE_BYTES);
            let mut next = (at / PIECE_BYTES + 1) * PIECE_BYTES;
            while next < end && self.is_above(next / PIECE_BYTES) == above {
                next += PIECE_BYTES;
            }
            let step = (next.min(end) - at) as usize;
            let device = if above {
                Arc::clone(&self.over)
            } else {
                self.under()
            };
            let read = device.read(at, step).await?;
            if step == length {
                return Ok(read);
            }
            out.extend_from_slice(&read);
            at += step as u64;
        }
        Ok(out.freeze())
    }

    async fn write(&self, offset: u64, data: Bytes) -> Result<()> {
        self.put(offset, Payload::Data(data), false).await
    }

    async fn zero(&self, offset: u64, length: u64, punch: bool) -> Result<()> {
        self.put(offset, Payload::Zeros(length), punch).await
    }

    async fn flush(&self) -> Result<()> {
        self.keep().await
    }

    async fn runs(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        let _pass = self.gate.read((0, offset), length).await?;
        let _resting = self.resting.read().await;
        let (mut at, end) = (offset, offset + length);
        let mut runs: Vec<Run> = Vec::new();
        while at < end {
            let next = ((at / PIECE_BYTES + 1) * PIECE_BYTES).min(end);
            let above = self.is_above(at / PIECE_BYTES);
            let device = if above {
                Arc::clone(&self.over)
            } else {
                self.under()
            };
            for run in device.runs(at, next - at).await? {
                match runs.last_mut() {
                    Some(last) if last.hole == run.hole => last.length += run.length,
                    _ => runs.push(run),
                }
            }
            at = next;
        }
        Ok(runs)
    }
}
