//! A server without its listeners: any socket becomes a conversation with a client.

use std::future::{Future, pending};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use super::export::Exports;
use super::negotiate::{Chosen, Negotiation, Outcome, Security, foul, greet, lost};
use super::serve::serve;
use super::tls::Tls;
use crate::error::{Error, Result};
use crate::seam::Clock;

/// How long a client may take to choose an export. People who type it take seconds.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// How far a server is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It serves.
    Serve,
    /// It takes no new clients and requests, and brings to its end what was begun.
    Finish,
    /// It drops everything.
    Cut,
}

/// Ends when `stage` is at `wanted` or past it. A server whose owner is gone finishes.
pub(super) async fn reached(
    mut stage: watch::Receiver<Stage>,
    wanted: Stage,
) -> (Stage, watch::Receiver<Stage>) {
    let now = stage
        .wait_for(|stage| *stage >= wanted)
        .await
        .map(|now| *now);
    match now {
        Ok(now) => (now, stage),
        Err(_) if wanted <= Stage::Finish => (Stage::Finish, stage),
        Err(_) => pending().await,
    }
}

/// What a server tells of what happens in it.
#[derive(Debug)]
pub enum Event<'a> {
    /// A request failed, and the client was told only a number.
    Failed {
        /// Where its range starts, in bytes.
        offset: u64,
        /// How long it is, in bytes.
        length: u32,
        /// Why.
        error: &'a Error,
    },
    /// A connection ended otherwise than it should.
    Broken(&'a Error),
    /// No connection can be taken for now.
    Refused(&'a Error),
}

/// Who is told.
pub trait Witness: Send + Sync {
    /// Takes note of `event`. It is called amid serving: it must not wait.
    fn event(&self, event: Event<'_>);
}

/// Takes note of nothing.
impl Witness for () {
    fn event(&self, _event: Event<'_>) {}
}

/// What all connections share.
pub struct Server {
    exports: Exports,
    clock: Arc<dyn Clock>,
    tls: Option<Tls>,
    witness: Arc<dyn Witness>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("exports", &self.exports)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// A stream of bytes that the system has a socket for.
pub trait Socket: AsyncRead + AsyncWrite + Send + Unpin {
    /// The socket, no longer a runtime's: calls to it wait.
    ///
    /// # Errors
    /// As the system says.
    fn into_waiting(self) -> io::Result<OwnedFd>;
}

impl Socket for UnixStream {
    fn into_waiting(self) -> io::Result<OwnedFd> {
        let socket = self.into_std()?;
        socket.set_nonblocking(false)?;
        Ok(socket.into())
    }
}

impl Socket for TcpStream {
    fn into_waiting(self) -> io::Result<OwnedFd> {
        let socket = self.into_std()?;
        socket.set_nonblocking(false)?;
        Ok(socket.into())
    }
}

/// Bytes of a client's that are deciphered at once.
const PASSED_BYTES: usize = 64 << 10;

enum Prepared<S> {
    Plain(S, Chosen),
    Secure(Box<TlsStream<S>>, Chosen),
    Left,
}

impl Server {
    /// A server of `exports` that talks in the clear.
    pub fn new(exports: Exports, clock: Arc<dyn Clock>) -> Self {
        Self {
            exports,
            clock,
            tls: None,
            witness: Arc::new(()),
        }
    }

    /// Requires TLS of every client before anything else.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Tells `witness` what goes wrong.
    #[must_use]
    pub fn with_witness(mut self, witness: Arc<dyn Witness>) -> Self {
        self.witness = witness;
        self
    }

    /// Whether clients must speak TLS.
    pub fn requires_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) fn witness(&self) -> &dyn Witness {
        &*self.witness
    }

    /// Talks with the client at the other end of `stream` until it leaves or `stage` says to end.
    ///
    /// # Errors
    /// What made the connection end otherwise: `Invalid` when the client does not keep to the protocol,
    /// `NotFound` when it insists on an export that is not served, `Unsupported` when it speaks an
    /// older protocol, `Denied` when TLS fails, `Unavailable` when the connection broke.
    pub async fn handle<S: Socket>(&self, stream: S, stage: watch::Receiver<Stage>) -> Result<()> {
        let Some(prepared) = self.in_time(self.prepare(stream), stage.clone()).await else {
            return Ok(());
        };
        let serve = |socket: io::Result<OwnedFd>, chosen, stage| async {
            serve(
                socket.map_err(lost)?,
                chosen,
                stage,
                Arc::clone(&self.witness),
            )
            .await
        };
        match prepared? {
            Prepared::Plain(stream, chosen) => serve(stream.into_waiting(), chosen, stage).await,
            Prepared::Secure(stream, chosen) => {
                let (near, far) = UnixStream::pair().map_err(lost)?;
                let served = serve(far.into_waiting(), chosen, stage.clone());
                let cut = pin!(reached(stage, Stage::Cut));
                let passed = pin!(pass(*stream, near));
                let passed = select(passed, cut);
                futures::join!(served, passed).0
            }
            Prepared::Left => Ok(()),
        }
    }

    /// What `handshake` gives; nothing if the server stops first.
    async fn in_time<T>(
        &self,
        handshake: impl Future<Output = Result<T>> + Send,
        stage: watch::Receiver<Stage>,
    ) -> Option<Result<T>> {
        let late = self.clock.sleep(HANDSHAKE_MAX);
        let stopped = pin!(reached(stage, Stage::Finish));
        match select(pin!(handshake), select(late, stopped)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right((Either::Left(_), _)) => Some(Err(foul("the client chose no export"))),
            Either::Right((Either::Right(_), _)) => None,
        }
    }

    async fn prepare<S: Socket>(&self, mut stream: S) -> Result<Prepared<S>> {
        let no_zeroes = greet(&mut stream).await?;
        let exports = &self.exports;
        let security = match self.tls {
            Some(_) => Security::Required,
            None => Security::None,
        };
        let outcome = Negotiation::new(&mut stream, exports, security, no_zeroes).run();
        let tls = match (outcome.await?, &self.tls) {
            (Outcome::Chosen(chosen), _) => return Ok(Prepared::Plain(stream, chosen)),
            (Outcome::Left, _) | (Outcome::StartTls, None) => return Ok(Prepared::Left),
            (Outcome::StartTls, Some(tls)) => tls,
        };
        let mut stream = Box::new(tls.accept(stream).await?);
        let security = Security::Established;
        let outcome = Negotiation::new(&mut *stream, exports, security, no_zeroes).run();
        Ok(match outcome.await? {
            Outcome::Chosen(chosen) => Prepared::Secure(stream, chosen),
            Outcome::Left | Outcome::StartTls => Prepared::Left,
        })
    }
}

/// Passes on what a client says over TLS, and what it is answered, until the answers end.
async fn pass<S: Socket>(stream: TlsStream<S>, near: UnixStream) {
    let (from_client, mut to_client) = split(stream);
    let (from_us, mut to_us) = near.into_split();
    let inward = async move {
        // However it ends, nothing more comes.
        let _ = pass_on(from_client, &mut to_us).await.is_ok();
        drop(to_us);
        pending::<()>().await;
    };
    let outward = async move {
        // Who does not hear it has gone.
        let _ = pass_on(from_us, &mut to_client).await.is_ok();
        let _ = to_client.shutdown().await.is_ok();
    };
    select(pin!(inward), pin!(outward)).await;
}

/// Passes bytes on until they end. TLS may hold back what it took: it is flushed before more is waited for.
async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut bytes = vec![0; PASSED_BYTES];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..read]).await?;
        to.flush().await?;
    }
}
