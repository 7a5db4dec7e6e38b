//! Sockets: where clients come in, and how all of them are let go.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};

use super::server::{Event, Server, Stage, reached};
use crate::error::{Error, ErrorKind, Result};
use crate::seam::Workers;

/// The most connections of a listener at once; further ones wait to be taken. A virtual machine opens
/// one to sixteen for each disk.
const CONNECTIONS_MAX: usize = 128;
/// How long no connection is taken after the system gave none, which happens for want of files.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A unix socket at this path. Who may connect is said by the folder's permissions and the umask.
    Unix(PathBuf),
    /// A TCP port; 10809 is the protocol's, 0 any that is free.
    Tcp(SocketAddr),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix socket {}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// Refuses to serve disks in the clear to other machines, unless that `is_allowed`.
///
/// # Errors
/// `Invalid` where `address` can be reached from elsewhere and there is no TLS.
pub fn check_exposure(address: &Address, has_tls: bool, is_allowed: bool) -> Result<()> {
    match address {
        Address::Tcp(address) if !address.ip().to_canonical().is_loopback() => {
            if has_tls || is_allowed {
                return Ok(());
            }
            let what = format!(
                "{address} can be reached from other machines, and without TLS anyone there could \
                 read and write the disk: use TLS, a unix socket or a loopback address"
            );
            Err(Error::new(ErrorKind::Invalid, what))
        }
        _ => Ok(()),
    }
}

/// A socket that clients can connect to. They are heard once it serves.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener),
}

enum Client {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    /// Opens a socket at `address`. A unix socket that a server left behind when it was killed is
    /// replaced.
    ///
    /// # Errors
    /// `Conflict` when something else is there, `Denied` and the like as the system says.
    pub async fn bind(address: &Address) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let what = format!("failed to listen at {address}");
            if error.kind() == std::io::ErrorKind::AddrInUse {
                let what = format!("{what}: something else is there: end it, or choose another");
                return Error::new(ErrorKind::Conflict, what).caused_by(error);
            }
            Error::from_io(what, error)
        };
        let socket = match address {
            Address::Unix(path) => {
                remove_stale(path).await.map_err(failed)?;
                Socket::Unix(UnixListener::bind(path).map_err(failed)?, path.clone())
            }
            Address::Tcp(address) => Socket::Tcp(TcpListener::bind(address).await.map_err(failed)?),
        };
        Ok(Self { socket })
    }

    /// Where it listens; of TCP with the port that was found.
    ///
    /// # Errors
    /// As the system says.
    pub fn address(&self) -> Result<Address> {
        match &self.socket {
            Socket::Unix(_, path) => Ok(Address::Unix(path.clone())),
            Socket::Tcp(listener) => {
                let address = listener.local_addr();
                let failed = |error| Error::from_io("failed to ask a socket's address", error);
                Ok(Address::Tcp(address.map_err(failed)?))
            }
        }
    }

    /// Serves all who connect, in tasks of `workers`, until it is shut down.
    pub fn serve(self, server: Arc<Server>, workers: Arc<dyn Workers>) -> Serving {
        let (stage, stage_seen) = watch::channel(Stage::Serve);
        let (alive, gone) = mpsc::channel(1);
        let spawner = Arc::clone(&workers);
        spawner.spawn(Box::pin(async move {
            self.accept_all(&server, &workers, &stage_seen, &alive)
                .await;
        }));
        Serving { stage, gone }
    }

    async fn accept_all(
        self,
        server: &Arc<Server>,
        workers: &Arc<dyn Workers>,
        stage: &watch::Receiver<Stage>,
        alive: &mpsc::Sender<()>,
    ) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut stopped = pin!(reached(stage.clone(), Stage::Finish));
        loop {
            let next = pin!(async {
                // The semaphore is never closed.
                let place = Arc::clone(&places).acquire_owned().await.ok();
                (self.accept().await, place)
            });
            let (client, place) = match select(stopped.as_mut(), next).await {
                Either::Left(_) => return,
                Either::Right((next, _)) => next,
            };
            match client {
                Ok(client) => {
                    let (server, stage) = (Arc::clone(server), stage.clone());
                    let alive = alive.clone();
                    workers.spawn(Box::pin(async move {
                        client.talk(&server, stage).await;
                        drop((place, alive));
                    }));
                }
                Err(error) => {
                    let error = Error::from_io("failed to take a connection", error);
                    server.witness().event(Event::Refused(&error));
                    let pause = server.clock().sleep(PAUSE);
                    if let Either::Left(_) = select(stopped.as_mut(), pause).await {
                        return;
                    }
                }
            }
        }
    }

    async fn accept(&self) -> std::io::Result<Client> {
        match &self.socket {
            Socket::Unix(listener, _) => Ok(Client::Unix(listener.accept().await?.0)),
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // A client that is gone already is noticed when it is talked to.
                let _ = tune(&stream).is_ok();
                Ok(Client::Tcp(stream))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket {
            // If it is not there any more, all is well.
            let _ = std::fs::remove_file(path).is_ok();
        }
    }
}

impl Client {
    async fn talk(self, server: &Server, stage: watch::Receiver<Stage>) {
        let ended = match self {
            Self::Unix(stream) => server.handle(stream, stage).await,
            Self::Tcp(stream) => server.handle(stream, stage).await,
        };
        if let Err(error) = ended {
            server.witness().event(Event::Broken(&error));
        }
    }
}

/// Answers are written when they are whole, so that nothing is gained by waiting for more. A machine
/// that was switched off is given up after two minutes without a sign of life.
fn tune(stream: &TcpStream) -> std::io::Result<()> {
    use rustix::net::sockopt;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_mins(1))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10))?;
    sockopt::set_tcp_keepcnt(stream, 6)?;
    Ok(())
}

/// Removes a socket that nobody listens at.
async fn remove_stale(path: &Path) -> std::io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

/// A server at work. Dropped, it finishes by itself.
#[derive(Debug)]
pub struct Serving {
    stage: watch::Sender<Stage>,
    gone: mpsc::Receiver<()>,
}

impl Serving {
    /// Takes no more clients and requests, answers what was begun, and ends when the last connection
    /// has. A client that does not read its answers holds it up: who can't wait calls `cut`.
    pub async fn shut_down(&mut self) {
        self.stage.send_if_modified(|stage| {
            let is_new = *stage < Stage::Finish;
            *stage = (*stage).max(Stage::Finish);
            is_new
        });
        self.ended().await;
    }

    /// Drops every connection as it is. What a client was not told may or may not have been done.
    pub async fn cut(&mut self) {
        self.stage.send_replace(Stage::Cut);
        self.ended().await;
    }

    /// Ends when the last connection has, after `shut_down` or `cut`.
    async fn ended(&mut self) {
        while self.gone.recv().await.is_some() {}
    }
}
