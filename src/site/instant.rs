//! An instant of a site's disks that a backup reads, over a socket in the site's folder: forwards, for as long as
//! whoever asked for it holds its control connection.

mod client;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use engine::backup::Changed;
use engine::format::point::{Consistency, Instant};
use engine::ids::ObjectId;
use engine::seam::BlockDevice;
use engine::source::ChangedBlocks;
use engine::units::Timestamp;
use engine::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

pub(crate) use client::SiteDisks;

/// A folder that only its owner enters, with the socket: it is never open to others, not even for a moment.
const FOLDER: &str = "instant";
const SOCKET: &str = "sock";
/// What is read at once, at most, in bytes: the largest block of a backup.
const READ_BYTES_MAX: u32 = 16 << 20;
const ASK_BYTES: usize = 16;
const ANSWER_BYTES: usize = 8;
const READ: u8 = 0;
const RUNS: u8 = 1;
const CHANGED: u8 = 2;
/// The first byte of an answer that is an error.
const FAILED: u8 = 1;

/// An instant as it goes over the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) group: String,
    pub(crate) generation: u64,
    pub(crate) batch: Option<u64>,
    pub(crate) mark: Option<String>,
    /// Seconds and nanoseconds since 1970.
    pub(crate) ended: Option<(i64, u32)>,
}

impl From<Instant> for Named {
    fn from(instant: Instant) -> Self {
        Self {
            group: instant.group.to_string(),
            generation: instant.generation,
            batch: instant.batch,
            mark: instant.mark.map(|mark| mark.to_string()),
            ended: instant.ended.map(|ended| (ended.seconds, ended.nanos)),
        }
    }
}

impl Named {
    /// The instant.
    pub(super) fn read(&self) -> engine::Result<Instant> {
        let id = |text: &str| text.parse::<ObjectId>();
        let wrong = |_| Error::new(ErrorKind::Invalid, "an instant's name is no id");
        Ok(Instant {
            group: id(&self.group).map_err(wrong)?,
            generation: self.generation,
            batch: self.batch,
            mark: self.mark.as_deref().map(id).transpose().map_err(wrong)?,
            ended: self
                .ended
                .map(|(seconds, nanos)| Timestamp { seconds, nanos }),
        })
    }
}

/// What is told of an instant that is held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) instant: Named,
    /// Seconds and nanoseconds since 1970, and what was held still, where it is one of the past.
    pub(super) captured: Option<(i64, u32, bool)>,
    /// Why it is not known what changed, where it is not.
    pub(super) unknown: Option<String>,
    pub(super) disks: Vec<(String, u64)>,
    pub(super) socket: PathBuf,
}

/// An instant's disks, as they are read.
pub(super) struct Readable {
    pub(super) instant: Instant,
    pub(super) captured: Option<(Timestamp, Consistency)>,
    pub(super) disks: Vec<(String, Arc<dyn BlockDevice>)>,
    /// What changed since the instant that was asked about; or why that is not known.
    pub(super) changed: Result<Vec<ChangedBlocks>, String>,
}

impl Readable {
    fn told(&self, socket: PathBuf) -> Told {
        let captured = self.captured.map(|(at, consistency)| {
            let held = consistency == Consistency::Application;
            (at.seconds, at.nanos, held)
        });
        let disks = self.disks.iter();
        Told {
            instant: self.instant.into(),
            captured,
            unknown: self.changed.as_ref().err().cloned(),
            disks: disks
                .map(|(name, disk)| (name.clone(), disk.size()))
                .collect(),
            socket,
        }
    }

    async fn answer(&self, ask: &[u8; ASK_BYTES]) -> engine::Result<Vec<u8>> {
        let (disk, length, offset) = numbers(ask);
        let found = self.disks.get(usize::from(disk));
        let wrong = || Error::new(ErrorKind::Invalid, "that is no question about an instant");
        let (_, device) = found.ok_or_else(wrong)?;
        match ask[0] {
            READ if length <= READ_BYTES_MAX => {
                Ok(device.read_once(offset, length as usize).await?.to_vec())
            }
            RUNS => {
                let runs = device.runs(offset, u64::from(length)).await?;
                let runs = runs
                    .iter()
                    .map(|run| (run.length << 1) | u64::from(run.hole));
                Ok(runs.flat_map(u64::to_le_bytes).collect())
            }
            CHANGED => {
                let changed = self.changed.as_ref().map_err(|_| wrong())?;
                Ok(changed[usize::from(disk)].bits().to_vec())
            }
            _ => Err(wrong()),
        }
    }

    /// Answers until nobody asks any more.
    async fn serve(&self, mut stream: UnixStream) -> std::io::Result<()> {
        loop {
            let mut ask = [0; ASK_BYTES];
            stream.read_exact(&mut ask).await?;
            let (status, body) = match self.answer(&ask).await {
                Ok(body) => (0, body),
                Err(error) => (FAILED, error.to_string().into_bytes()),
            };
            let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
            let mut head = [0; ANSWER_BYTES];
            head[0] = status;
            head[4..].copy_from_slice(&length.to_le_bytes());
            stream.write_all(&head).await?;
            stream.write_all(&body).await?;
        }
    }
}

/// A question's disk, length and offset.
fn numbers(ask: &[u8; ASK_BYTES]) -> (u16, u32, u64) {
    let [_, _, d0, d1, l0, l1, l2, l3, offset @ ..] = *ask;
    (
        u16::from_le_bytes([d0, d1]),
        u32::from_le_bytes([l0, l1, l2, l3]),
        u64::from_le_bytes(offset),
    )
}

fn question(kind: u8, disk: u16, (offset, length): (u64, u32)) -> [u8; ASK_BYTES] {
    let mut ask = [0; ASK_BYTES];
    ask[0] = kind;
    ask[2..4].copy_from_slice(&disk.to_le_bytes());
    ask[4..8].copy_from_slice(&length.to_le_bytes());
    ask[8..].copy_from_slice(&offset.to_le_bytes());
    ask
}

/// The instant that a backup reads of this site, and what ends that before the site changes its role.
pub(super) struct Readings {
    running: JoinSet<()>,
    over: watch::Sender<()>,
}

impl Readings {
    pub(super) fn new() -> Self {
        Self {
            running: JoinSet::new(),
            over: watch::channel(()).0,
        }
    }

    /// Refuses another while one is read.
    pub(super) fn refuse_two(&mut self) -> Result<()> {
        while self.running.try_join_next().is_some() {}
        if self.running.is_empty() {
            return Ok(());
        }
        let what = "another backup reads an instant of this site: wait for its end";
        Err(Error::new(ErrorKind::Conflict, what).into())
    }

    /// Lets an instant be read until whoever asked is gone, then `let_go` runs. Gives what is told of it.
    pub(super) fn serve(
        &mut self,
        folder: &Path,
        readable: Readable,
        gone: oneshot::Receiver<()>,
        let_go: impl FnOnce() + Send + 'static,
    ) -> Result<serde_json::Value> {
        let folder = std::path::absolute(folder.join(FOLDER))?;
        let _ = std::fs::remove_dir_all(&folder).is_ok();
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| {
            Error::from_io(format!("failed to make {}", folder.display()), error)
        })?;
        let path = folder.join(SOCKET);
        let listener = UnixListener::bind(&path).map_err(|error| {
            Error::from_io(format!("failed to listen at {}", path.display()), error)
        })?;
        let told = serde_json::to_value(readable.told(path))?;
        let mut over = self.over.subscribe();
        self.running.spawn(async move {
            let read = async {
                let (stream, _) = listener.accept().await?;
                readable.serve(stream).await
            };
            tokio::select! {
                _ = gone => {}
                _ = over.changed() => {}
                _ = read => {}
            }
            drop(readable);
            let_go();
            let _ = std::fs::remove_dir_all(&folder).is_ok();
        });
        Ok(told)
    }

    /// Ends what is being read.
    pub(super) async fn end(self) {
        let Self { mut running, over } = self;
        drop(over);
        while running.join_next().await.is_some() {}
    }
}

/// What changed on one of an instant's disks.
fn changed_of(unknown: Option<&str>, size: u64, bits: Vec<u8>) -> engine::Result<Changed> {
    match unknown {
        Some(why) => Ok(Changed::Unknown(why.to_owned())),
        None => Ok(Changed::Only(ChangedBlocks::from_bits(size, bits)?)),
    }
}
