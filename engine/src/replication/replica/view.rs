//! A group's disks as they were at the end of a batch: the replica's own, and on top what the history has.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::path::Path;

use crate::error::{Error, Result};
use crate::format::part::{FRAME_BYTES, HEADER_BYTES, Header};
use crate::replication::extents::{Content, Extents, Spot};
use crate::replication::parcel::{GroupKey, Opened};
use crate::seam::{BlockDevice, Run, World};

/// Frames that are kept opened: 16 MiB.
const FRAMES_MAX: usize = 256;

/// Where something that was written lies: in which layer, at which byte of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Located {
    /// Content of a layer.
    Data {
        layer: u32,
        position: u64,
        length: u64,
    },
    /// Zeros.
    Zeros(u64),
}

impl Content for Located {
    fn length(&self) -> u64 {
        match self {
            Self::Data { length, .. } | Self::Zeros(length) => *length,
        }
    }

    fn part(&self, from: u64, until: u64) -> Self {
        match self {
            Self::Data {
                layer, position, ..
            } => Self::Data {
                layer: *layer,
                position: position + from,
                length: until - from,
            },
            Self::Zeros(_) => Self::Zeros(until - from),
        }
    }
}

/// The disks at one instant.
pub struct View {
    world: World,
    key: GroupKey,
    devices: Vec<Arc<dyn BlockDevice>>,
    layers: Vec<(Path, Opened)>,
    /// About a hundred bytes for each stretch that was written since the disks' own state.
    map: Extents<Located>,
    frames: Mutex<VecDeque<((u32, usize), Bytes)>>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = self.layers.len();
        f.debug_struct("View")
            .field("layers", &layers)
            .finish_non_exhaustive()
    }
}

impl View {
    /// Over these disks, with nothing on top.
    pub(crate) fn over(world: World, key: GroupKey, devices: Vec<Arc<dyn BlockDevice>>) -> Self {
        Self {
            world,
            key,
            devices,
            layers: Vec::new(),
            map: Extents::default(),
            frames: Mutex::default(),
        }
    }

    fn sizes(&self) -> Vec<u64> {
        self.devices.iter().map(|device| device.size()).collect()
    }

    /// Lays a part of the history on top.
    pub(crate) async fn add(&mut self, at: Path, bytes: u64) -> Result<()> {
        let opened = open_part(&self.world, &self.key, &at, bytes, &self.sizes()).await?;
        self.lay(at, opened);
        Ok(())
    }

    /// Lays an opened part on top.
    pub(crate) fn lay(&mut self, at: Path, opened: Opened) {
        let (layer, mut position) = (self.layers.len() as u32, 0);
        for extent in &opened.extents {
            let content = if extent.zeros {
                Located::Zeros(extent.length)
            } else {
                let length = extent.length;
                position += length;
                Located::Data {
                    layer,
                    position: position - length,
                    length,
                }
            };
            self.map.put((extent.disk, extent.offset), content);
        }
        self.layers.push((at, opened));
    }

    /// What lies on top of the disks.
    pub(crate) fn map(&self) -> &Extents<Located> {
        &self.map
    }

    /// Reads.
    ///
    /// # Errors
    /// `Corrupt` for a part that is not what was sealed; what the store and the devices give.
    pub async fn read(&self, at: Spot, length: usize) -> Result<Bytes> {
        self.read_as(at, length, false).await
    }

    /// Reads what is passed over once.
    ///
    /// # Errors
    /// As [`View::read`].
    pub async fn read_once(&self, at: Spot, length: usize) -> Result<Bytes> {
        self.read_as(at, length, true).await
    }

    async fn read_as(&self, (disk, offset): Spot, length: usize, once: bool) -> Result<Bytes> {
        let device = self.devices.get(usize::from(disk)).ok_or_else(no_disk)?;
        let read_device = || {
            if once {
                device.read_once(offset, length)
            } else {
                device.read(offset, length)
            }
        };
        let found = self.map.within(disk, offset, offset + length as u64);
        let covered: u64 = found.iter().map(|(_, content)| content.length()).sum();
        if found.is_empty() {
            return read_device().await;
        }
        let mut out = if covered == length as u64 {
            BytesMut::zeroed(length)
        } else {
            BytesMut::from(&read_device().await?[..])
        };
        for (start, content) in found {
            let at = (start - offset) as usize;
            let into = &mut out[at..at + content.length() as usize];
            self.fill(content, into).await?;
        }
        Ok(out.freeze())
    }

    /// Fills `into` with what `content` tells of.
    pub(crate) async fn fill(&self, content: Located, into: &mut [u8]) -> Result<()> {
        let Located::Data {
            layer,
            mut position,
            ..
        } = content
        else {
            into.fill(0);
            return Ok(());
        };
        let mut rest = into;
        while !rest.is_empty() {
            let frame = self.frame(layer, position).await?;
            let from = (position % FRAME_BYTES) as usize;
            let step = rest.len().min(frame.len().saturating_sub(from));
            if step == 0 {
                return Err(Error::internal("a frame is shorter than its index says"));
            }
            let (now, later) = rest.split_at_mut(step);
            now.copy_from_slice(&frame[from..from + step]);
            (rest, position) = (later, position + step as u64);
        }
        Ok(())
    }

    async fn frame(&self, layer: u32, position: u64) -> Result<Bytes> {
        let (at, opened) = &self.layers[layer as usize];
        let found = opened.frame_at(position);
        let (number, range) =
            found.ok_or_else(|| Error::internal("a part is shorter than its index says"))?;
        let name = (layer, number);
        {
            let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(turn) = frames.iter().position(|(known, _)| *known == name)
                && let Some(known) = frames.remove(turn)
            {
                let bytes = known.1.clone();
                frames.push_back(known);
                return Ok(bytes);
            }
        }
        let sealed = crate::vault::get_range(&self.world, at, range).await?;
        let bytes = Bytes::from(opened.content(&self.key, at.as_ref(), number, &sealed)?);
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if frames.len() >= FRAMES_MAX {
            frames.pop_front();
        }
        frames.push_back((name, bytes.clone()));
        Ok(bytes)
    }
}

fn no_disk() -> Error {
    Error::internal("a disk that the group does not have")
}

/// Reads the index of a part that lies in the store.
pub(crate) async fn open_part(
    world: &World,
    key: &GroupKey,
    at: &Path,
    bytes: u64,
    sizes: &[u64],
) -> Result<Opened> {
    /// Enough for most indexes.
    const FIRST_BYTES: u64 = 32 << 10;
    crate::replication::parcel::hold_size(at.as_ref(), bytes)?;
    let first = crate::vault::get_range(world, at, 0..bytes.min(FIRST_BYTES)).await?;
    let header = Header::read(at.as_ref(), first.get(..HEADER_BYTES).unwrap_or(&first))?;
    let end = Opened::index_end(&header);
    let first = if end > first.len() as u64 && end <= bytes {
        crate::vault::get_range(world, at, 0..end).await?
    } else {
        first
    };
    let opened = Opened::open(key, at.as_ref(), &first, sizes)?;
    if opened.bytes() != bytes {
        return Err(Error::corrupt(at, "it is not as long as its index says"));
    }
    Ok(opened)
}

/// One disk of a view: it is read only.
#[derive(Clone, Debug)]
pub struct ViewDisk {
    /// The view.
    pub view: Arc<View>,
    /// The disk's number.
    pub disk: u16,
}

#[async_trait]
impl BlockDevice for ViewDisk {
    fn size(&self) -> u64 {
        let device = self.view.devices.get(usize::from(self.disk));
        device.map_or(0, |device| device.size())
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.view.read((self.disk, offset), length).await
    }

    async fn read_once(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.view.read_once((self.disk, offset), length).await
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn runs(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        let device = self
            .view
            .devices
            .get(usize::from(self.disk))
            .ok_or_else(no_disk)?;
        let mut holes: Extents<Hole> = Extents::default();
        let mut at = offset;
        for run in device.runs(offset, length).await? {
            holes.put((0, at), Hole(run.length, run.hole));
            at += run.length;
        }
        for (start, content) in self.view.map.within(self.disk, offset, offset + length) {
            let hole = matches!(content, Located::Zeros(_));
            holes.put((0, start), Hole(content.length(), hole));
        }
        Ok(joined(&holes))
    }
}

/// Runs in order, no two neighbours alike.
pub(crate) fn joined(holes: &Extents<Hole>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (_, Hole(length, hole)) in holes.iter() {
        match runs.last_mut() {
            Some(last) if last.hole == *hole => last.length += length,
            _ => runs.push(Run {
                length: *length,
                hole: *hole,
            }),
        }
    }
    runs
}

/// A run, as something that can be cut.
#[derive(Clone, Debug)]
pub(crate) struct Hole(pub(crate) u64, pub(crate) bool);

impl Content for Hole {
    fn length(&self) -> u64 {
        self.0
    }

    fn part(&self, from: u64, until: u64) -> Self {
        Self(until - from, self.1)
    }
}
