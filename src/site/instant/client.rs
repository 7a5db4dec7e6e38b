//! The backup's end: disks that are read from the process that plays the site's role.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use engine::backup::{HeldDisk, HeldDisks, HoldDisks};
use engine::format::point::{Consistency, Instant};
use engine::seam::{BlockDevice, Run};
use engine::units::Timestamp;
use engine::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{ANSWER_BYTES, CHANGED, FAILED, READ, RUNS, Told, changed_of, question};
use crate::site::{Request, call};

/// The disks of a site that runs.
#[derive(Debug)]
pub(crate) struct SiteDisks {
    folder: PathBuf,
    point: Option<String>,
    /// The control connection: the instant lasts as long.
    held: Mutex<Option<UnixStream>>,
}

impl SiteDisks {
    /// Those of the site in `folder`: as they are when they are asked for, or as of a replica's point.
    pub(crate) fn of(folder: PathBuf, point: Option<String>) -> Self {
        Self {
            folder,
            point,
            held: Mutex::default(),
        }
    }
}

fn lost(error: std::io::Error) -> Error {
    let what =
        "the site's process does not let the instant be read any more: look at what it printed";
    Error::from_io(what, error)
}

#[async_trait]
impl HoldDisks for SiteDisks {
    async fn hold(&self, since: Option<Instant>) -> Result<HeldDisks> {
        let request = Request::Instant {
            point: self.point.clone(),
            since: since.map(Into::into),
        };
        let called = call(&self.folder, &request).await;
        let (told, connection) = called.map_err(|error| {
            let what = error.to_string();
            let known = error.downcast::<Error>();
            known.unwrap_or_else(|_| Error::new(ErrorKind::Unavailable, what))
        })?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        let told: Told = serde_json::from_value(told).map_err(|error| {
            let what = format!("the site's process answers what this firedrill does not understand ({error}): use one version");
            Error::new(ErrorKind::Unsupported, what)
        })?;
        let stream = UnixStream::connect(&told.socket).await.map_err(lost)?;
        let stream = Arc::new(tokio::sync::Mutex::new(stream));
        let mut disks = Vec::with_capacity(told.disks.len());
        for (number, (name, size)) in (0..).zip(told.disks) {
            let device = Remote {
                stream: Arc::clone(&stream),
                disk: number,
                size,
            };
            let bits = match &told.unknown {
                Some(_) => Vec::new(),
                None => device.ask(CHANGED, (0, 0)).await?,
            };
            disks.push(HeldDisk {
                name,
                device: Arc::new(device),
                changed: changed_of(told.unknown.as_deref(), size, bits)?,
            });
        }
        let captured = told.captured.map(|(seconds, nanos, held)| {
            let consistency = if held {
                Consistency::Application
            } else {
                Consistency::Crash
            };
            (Timestamp { seconds, nanos }, consistency)
        });
        Ok(HeldDisks {
            instant: told.instant.read()?,
            captured,
            disks,
        })
    }
}

/// One disk at the instant.
#[derive(Debug)]
struct Remote {
    stream: Arc<tokio::sync::Mutex<UnixStream>>,
    disk: u16,
    size: u64,
}

impl Remote {
    async fn ask(&self, kind: u8, at: (u64, u32)) -> Result<Vec<u8>> {
        let mut stream = self.stream.lock().await;
        let ask = question(kind, self.disk, at);
        stream.write_all(&ask).await.map_err(lost)?;
        let mut head = [0; ANSWER_BYTES];
        stream.read_exact(&mut head).await.map_err(lost)?;
        let [status, _, _, _, length @ ..] = head;
        let mut body = Vec::new();
        let length = u64::from(u32::from_le_bytes(length));
        let read = (&mut *stream).take(length).read_to_end(&mut body).await;
        if read.map_err(lost)? as u64 != length {
            return Err(lost(std::io::ErrorKind::UnexpectedEof.into()));
        }
        if status == FAILED {
            let why = String::from_utf8_lossy(&body).into_owned();
            return Err(Error::new(ErrorKind::Unavailable, why));
        }
        Ok(body)
    }
}

fn asked(length: u64) -> Result<u32> {
    u32::try_from(length)
        .map_err(|_| Error::new(ErrorKind::Internal, "too much is asked for at once"))
}

#[async_trait]
impl BlockDevice for Remote {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        let body = self.ask(READ, (offset, asked(length as u64)?)).await?;
        if body.len() != length {
            return Err(Error::new(
                ErrorKind::Internal,
                "a site answered with other bytes than were asked for",
            ));
        }
        Ok(body.into())
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn runs(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        let body = self.ask(RUNS, (offset, asked(length)?)).await?;
        let (runs, _) = body.as_chunks::<8>();
        let runs = runs.iter().map(|run| {
            let run = u64::from_le_bytes(*run);
            Run {
                length: run >> 1,
                hole: run & 1 != 0,
            }
        });
        Ok(runs.collect())
    }
}
