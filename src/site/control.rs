//! What other firedrill commands ask of the process that plays a site's role: one line of JSON each way, over a
//! socket in the site's folder.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use engine::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::instant::Named;

const SOCKET: &str = "control.sock";
/// The longest line that is taken.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// How does it stand?
    Status,
    /// Take over at this point.
    Failover {
        point: String,
        without_witness: bool,
    },
    /// Serve a writable copy of a point, for as long as the connection lasts.
    TestFailover { point: String, serve: String },
    /// Give up the other points.
    Commit,
    /// Send to this site from now on.
    Reprotect { to: String },
    /// Send everything and have the other site take over.
    HandOver { timeout_seconds: u64 },
    /// End the batch, as a point at which applications are held still if so.
    Point { application: bool },
    /// Which point does that mean?
    Choose { point: String },
    /// Take over with these images, restored from a vault into a folder of the state, as of an instant in seconds
    /// and nanoseconds.
    FailoverRestored {
        folder: String,
        captured: (i64, u32),
        without_witness: bool,
    },
    /// Hold an instant of the disks, now or at a replica's point, to be read for as long as the connection lasts; and
    /// tell what changed since another.
    Instant {
        point: Option<String>,
        since: Option<Named>,
    },
}

/// A request with the way back.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Result<Value>>,
    /// Ends when whoever asks is gone.
    pub(crate) gone: oneshot::Receiver<()>,
}

/// Takes requests until it is dropped; gives them to `calls`.
pub(crate) struct Control {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path).is_ok();
    }
}

impl Control {
    /// Opens the socket. The folder is held by this process: a socket that is there is left over.
    pub(crate) fn open(folder: &Path) -> Result<(Self, mpsc::Receiver<Call>)> {
        let path = folder.join(SOCKET);
        let _ = std::fs::remove_file(&path).is_ok();
        let listener = UnixListener::bind(&path).map_err(|error| {
            Error::from_io(format!("failed to listen at {}", path.display()), error)
        })?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let (calls, taken) = mpsc::channel(16);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(tokio::spawn(answer(stream, calls.clone())));
            }
        });
        Ok((Self { path, task }, taken))
    }
}

async fn answer(stream: UnixStream, calls: mpsc::Sender<Call>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader).take(LINE_BYTES_MAX);
    let mut line = String::new();
    if reader.read_line(&mut line).await.is_err() {
        return;
    }
    let answered = match serde_json::from_str(&line) {
        Err(error) => Err(anyhow::anyhow!("that is no request: {error}")),
        Ok(request) => {
            let (answer, answered) = oneshot::channel();
            let (here, gone) = oneshot::channel::<()>();
            if calls
                .send(Call {
                    request,
                    answer,
                    gone,
                })
                .await
                .is_err()
            {
                return;
            }
            let answered = answered
                .await
                .unwrap_or_else(|_| Err(anyhow::anyhow!("the site is ending")));
            let written = writer.write_all(&document(answered)).await;
            // The connection is the life of what was asked for.
            if written.is_ok() {
                let mut rest = Vec::new();
                let _ = reader.read_to_end(&mut rest).await.is_ok();
            }
            drop(here);
            return;
        }
    };
    let _ = writer.write_all(&document(answered)).await.is_ok();
}

fn document(answered: Result<Value>) -> Vec<u8> {
    let document = match answered {
        Ok(value) => serde_json::json!({ "ok": value }),
        Err(error) => {
            let kind = error.downcast_ref::<Error>().map(Error::kind);
            serde_json::json!({ "error": format!("{error:#}"), "kind": kind.map(|kind| format!("{kind:?}")) })
        }
    };
    format!("{document}\n").into_bytes()
}

/// Asks the process that plays a site's role. The connection goes on: what was asked for lasts as long.
pub(crate) async fn call(folder: &Path, request: &Request) -> Result<(Value, UnixStream)> {
    let path = folder.join(SOCKET);
    let mut stream = UnixStream::connect(&path).await.map_err(|error| {
        let what = format!(
            "no firedrill plays the role of the site in {}: start `firedrill protect` or `firedrill replica serve` \
             there first ({error})",
            folder.display()
        );
        Error::new(ErrorKind::NotFound, what)
    })?;
    stream
        .write_all(format!("{}\n", serde_json::to_string(request)?).as_bytes())
        .await?;
    let mut answer = String::new();
    BufReader::new(&mut stream).read_line(&mut answer).await?;
    if answer.is_empty() {
        let what = "the site's process ended before it answered: look at what it printed, and at `firedrill status`";
        return Err(Error::new(ErrorKind::Unavailable, what).into());
    }
    let mut answer: Value = serde_json::from_str(&answer)?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        let kind = match answer.get("kind").and_then(Value::as_str) {
            Some("Unavailable") => ErrorKind::Unavailable,
            Some("NotFound") => ErrorKind::NotFound,
            Some("Corrupt") => ErrorKind::Corrupt,
            Some("Denied") => ErrorKind::Denied,
            Some("Internal") => ErrorKind::Internal,
            _ => ErrorKind::Conflict,
        };
        return Err(Error::new(kind, error).into());
    }
    Ok((answer["ok"].take(), stream))
}
