//! Requests as they arrive. A write's data stays where the system put it: it is handed on as a part of
//! the buffer that it was read into.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::negotiate::foul;
use super::wire::{REQUEST_BYTES_MAX, REQUEST_HEADER_BYTES, Request};
use crate::error::Result;

/// How much room a read finds, in bytes: 31 writes of a page with their headers, or what a unix socket
/// holds by default.
const AHEAD_BYTES: usize = 128 << 10;
/// Below so much room a buffer is not read into any more.
const ROOM_BYTES_MIN: usize = 16 << 10;

/// What was read and not yet taken.
#[derive(Default)]
pub(super) struct Input {
    buffer: BytesMut,
    /// The header of a request whose data is not all there.
    request: Option<Request>,
    /// How long the next request likely is, in bytes: as the longest of late.
    expected_bytes: usize,
}

impl Input {
    /// The next request that is there as a whole, with its data.
    ///
    /// # Errors
    /// `Invalid` on what is no request, or one too long to be read: nothing after it makes sense.
    pub(super) fn next(&mut self) -> Result<Option<(Request, Bytes)>> {
        let request = match self.request.take() {
            Some(request) => request,
            None => match self.buffer.split_first_chunk() {
                Some((header, _)) => self.header(*header)?,
                None => return Ok(None),
            },
        };
        if self.buffer.len() < request.data_bytes() {
            self.request = Some(request);
            return Ok(None);
        }
        let data = self.buffer.split_to(request.data_bytes()).freeze();
        Ok(Some((request, data)))
    }

    fn header(&mut self, header: [u8; REQUEST_HEADER_BYTES]) -> Result<Request> {
        let request = Request::parse(&header)
            .ok_or_else(|| foul("the client sent something else than a request"))?;
        if request.data_bytes() > REQUEST_BYTES_MAX as usize {
            let what = format!("the client sent {} bytes to write at once", request.length);
            return Err(foul(what));
        }
        self.buffer.advance(REQUEST_HEADER_BYTES);
        let faded = self.expected_bytes - self.expected_bytes / 16;
        self.expected_bytes = faded.max(REQUEST_HEADER_BYTES + request.data_bytes());
        Ok(request)
    }

    /// Whether a request has begun and not ended.
    pub(super) fn is_amid(&self) -> bool {
        self.request.is_some() || !self.buffer.is_empty()
    }

    /// Reads once, and tells how much; nothing is the end.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let ahead = AHEAD_BYTES.max(self.expected_bytes);
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * ahead {
            // Made for longer requests than come now.
            self.buffer = BytesMut::new();
        }
        let room = self.buffer.capacity() - self.buffer.len();
        let lacks = self.request.map_or(0, |request| request.data_bytes());
        let lacks = lacks.saturating_sub(self.buffer.len());
        if room < lacks {
            self.buffer.reserve(lacks.max(self.expected_bytes));
        } else if lacks == 0 && room < ROOM_BYTES_MIN.max(self.expected_bytes) {
            self.buffer.reserve(ahead);
        }
        pin!(stream.read_buf(&mut self.buffer)).poll(cx)
    }
}
