//! The way to the other site: frames in order, or an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::{Error, ErrorKind, Result};

use super::store::Pace;

/// The longest frame that is taken.
const FRAME_BYTES_MAX: u32 = 65 << 20;
/// Bytes before a frame's body: its length and its kind.
const PREFIX_BYTES: usize = 5;
/// Room made for a frame before its bytes come.
const ROOM_BYTES: usize = 16 << 20;

/// Sends frames.
#[async_trait]
pub trait SendFrames: Send {
    /// Sends one; it may still be on its way when this ends.
    async fn send(&mut self, kind: u8, body: Bytes) -> Result<()>;
}

/// Receives frames.
#[async_trait]
pub trait ReceiveFrames: Send {
    /// The next one; `None` when the other side has ended.
    async fn receive(&mut self) -> Result<Option<(u8, Bytes)>>;
}

/// Both directions.
pub struct Link {
    /// To the other site.
    pub sender: Box<dyn SendFrames>,
    /// From there.
    pub receiver: Box<dyn ReceiveFrames>,
    /// Bytes that came from there so far, of a frame under way too.
    pub arrived: Arc<AtomicU64>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}

/// Makes a link to the other site.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A new link, authenticated on both sides.
    ///
    /// # Errors
    /// `Unavailable` where the other site does not answer, `Denied` where it is not who it should be.
    async fn dial(&self) -> Result<Link>;
    /// Whom it calls, for people.
    fn name(&self) -> String;
}

impl Link {
    /// Frames over a stream of bytes, in both directions; what is sent is paced.
    pub fn over<S>(stream: S, pace: Option<Arc<Pace>>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let arrived = Arc::<AtomicU64>::default();
        Self {
            sender: Box::new(Sender { writer, pace }),
            receiver: Box::new(Receiver {
                reader,
                arrived: Arc::clone(&arrived),
            }),
            arrived,
        }
    }
}

struct Sender<W> {
    writer: W,
    pace: Option<Arc<Pace>>,
}

/// Bytes that are paced at once: small, so that what hurries is not behind much.
const PACED_BYTES: usize = 64 << 10;

fn broken(error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the link to the other site broke: {error}"),
    )
    .caused_by(error)
}

#[async_trait]
impl<W: AsyncWrite + Unpin + Send> SendFrames for Sender<W> {
    async fn send(&mut self, kind: u8, body: Bytes) -> Result<()> {
        let mut prefix = BytesMut::with_capacity(PREFIX_BYTES);
        prefix.put_u32_le(body.len() as u32);
        prefix.put_u8(kind);
        self.writer.write_all(&prefix).await.map_err(broken)?;
        match self.pace.clone() {
            None => self.writer.write_all(&body).await.map_err(broken)?,
            Some(pace) => {
                for piece in body.chunks(PACED_BYTES) {
                    pace.pass(piece.len() as u64).await;
                    self.writer.write_all(piece).await.map_err(broken)?;
                }
            }
        }
        self.writer.flush().await.map_err(broken)
    }
}

struct Receiver<R> {
    reader: R,
    arrived: Arc<AtomicU64>,
}

#[async_trait]
impl<R: AsyncRead + Unpin + Send> ReceiveFrames for Receiver<R> {
    async fn receive(&mut self) -> Result<Option<(u8, Bytes)>> {
        let mut prefix = [0; PREFIX_BYTES];
        if let Err(error) = self.reader.read_exact(&mut prefix).await {
            let ended = error.kind() == std::io::ErrorKind::UnexpectedEof;
            return if ended { Ok(None) } else { Err(broken(error)) };
        }
        self.arrived
            .fetch_add(PREFIX_BYTES as u64, Ordering::Relaxed);
        let [a, b, c, d, kind] = prefix;
        let length = u32::from_le_bytes([a, b, c, d]);
        if length > FRAME_BYTES_MAX {
            return Err(Error::corrupt(
                "a frame from the other site",
                format!("it has {length} bytes"),
            ));
        }
        let mut body = BytesMut::with_capacity((length as usize).min(ROOM_BYTES));
        let mut left = length as usize;
        while left > 0 {
            let read = (&mut self.reader)
                .take(left as u64)
                .read_buf(&mut body)
                .await;
            let read = read.map_err(broken)?;
            if read == 0 {
                return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
            }
            self.arrived.fetch_add(read as u64, Ordering::Relaxed);
            left -= read;
        }
        Ok(Some((kind, body.freeze())))
    }
}
