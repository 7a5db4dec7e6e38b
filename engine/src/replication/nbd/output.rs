//! Answers on their way to a client: small ones gathered, read data handed on as it is.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

/// Data up to this many bytes is copied beside its header: a piece more for the system to gather costs
/// as much as copying a page.
const COPIED_BYTES_MAX: usize = 8 << 10;
/// How many pieces one call to the system takes: a few headers with their data.
const PIECES_MAX: usize = 16;

/// What waits to be written.
#[derive(Default)]
pub(super) struct Output {
    pieces: VecDeque<Bytes>,
    tail: BytesMut,
    bytes: usize,
    /// Whether the stream may still hold back what it took.
    unflushed: bool,
}

impl Output {
    /// How many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether all is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0 && !self.unflushed
    }

    /// Appends what `put` writes.
    pub(super) fn small(&mut self, put: impl FnOnce(&mut BytesMut)) {
        let before = self.tail.len();
        put(&mut self.tail);
        self.bytes += self.tail.len() - before;
    }

    /// Appends data.
    pub(super) fn data(&mut self, data: Bytes) {
        self.bytes += data.len();
        if data.len() <= COPIED_BYTES_MAX {
            self.tail.extend_from_slice(&data);
        } else {
            self.close_tail();
            self.pieces.push_back(data);
        }
    }

    /// Forgets all: nobody reads it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }

    /// Writes once, and tells whether anything went out.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes == 0 {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
            return Poll::Ready(Ok(()));
        }
        self.close_tail();
        let stream = Pin::new(stream);
        let written = if let [piece] = self.pieces.make_contiguous() {
            ready!(stream.poll_write(cx, piece))?
        } else {
            let mut slices = [IoSlice::new(&[]); PIECES_MAX];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            ready!(stream.poll_write_vectored(cx, &slices[..count]))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        self.unflushed = true;
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(piece) = self.pieces.front_mut() {
            if piece.len() > written {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
    }
}
