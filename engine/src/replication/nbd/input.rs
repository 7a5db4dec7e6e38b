//! Requests as they arrive. A write's data stays where the system put it: it is handed on as a part of
//! the buffer that it was read into.

use std::io;
use std::os::fd::AsFd;

use bytes::{Buf, Bytes};
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};

use super::negotiate::foul;
use super::wire::{REQUEST_BYTES_MAX, REQUEST_HEADER_BYTES, Request};
use crate::error::Result;

/// How much room a read finds, in bytes: 31 writes of a page with their headers, or what a unix socket
/// holds by default.
const AHEAD_BYTES: usize = 128 << 10;

/// What was read and not yet taken.
#[derive(Default)]
pub(super) struct Input {
    /// Requests, of which the last may lack its end.
    ready: Bytes,
    /// What is read into: the beginning of a request.
    filling: Vec<u8>,
    /// How long the next request likely is, in bytes: as the longest of late.
    expected_bytes: usize,
}

impl Input {
    /// The next request that is there as a whole, with its data.
    ///
    /// # Errors
    /// `Invalid` on what is no request, or one too long to be read: nothing after it makes sense.
    pub(super) fn next(&mut self) -> Result<Option<(Request, Bytes)>> {
        let Some((request, bytes)) = first(&self.ready)? else {
            return Ok(None);
        };
        let faded = self.expected_bytes - self.expected_bytes / 16;
        self.expected_bytes = faded.max(bytes);
        if self.ready.len() < bytes {
            return Ok(None);
        }
        let mut data = self.ready.split_to(bytes);
        data.advance(REQUEST_HEADER_BYTES);
        Ok(Some((request, data)))
    }

    /// Whether a request has begun and not ended.
    pub(super) fn is_amid(&self) -> bool {
        !self.ready.is_empty() || !self.filling.is_empty()
    }

    /// Waits for what comes, and tells how many bytes those were; none is the end.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn fill(&mut self, socket: impl AsFd) -> io::Result<usize> {
        self.filling
            .extend_from_slice(&std::mem::take(&mut self.ready));
        if let Ok(Some((_, bytes))) = first(&self.filling) {
            self.expected_bytes = self.expected_bytes.max(bytes);
        }
        let room = AHEAD_BYTES.max(self.expected_bytes);
        if self.filling.is_empty() && self.filling.capacity() > 4 * room {
            // Made for longer requests than come now.
            self.filling = Vec::new();
        }
        let lacking = room.saturating_sub(self.filling.len()).max(1);
        self.filling.reserve_exact(lacking);
        let (_, read) = recv(
            socket,
            spare_capacity(&mut self.filling),
            RecvFlags::empty(),
        )?;
        let is_whole = match first(&self.filling) {
            Ok(Some((_, bytes))) => self.filling.len() >= bytes,
            Ok(None) => false,
            // It is told of when it is taken.
            Err(_) => true,
        };
        if is_whole {
            // Whoever keeps a request for long keeps no more than twice as much.
            self.ready = if self.filling.len() < self.filling.capacity() / 2 {
                let ready = Bytes::copy_from_slice(&self.filling);
                self.filling.clear();
                ready
            } else {
                std::mem::take(&mut self.filling).into()
            };
        }
        Ok(read)
    }
}

/// The request that `bytes` begin with, and how long it is with its data.
fn first(bytes: &[u8]) -> Result<Option<(Request, usize)>> {
    let Some((header, _)) = bytes.split_first_chunk::<REQUEST_HEADER_BYTES>() else {
        return Ok(None);
    };
    let request = Request::parse(header)
        .ok_or_else(|| foul("the client sent something else than a request"))?;
    if request.data_bytes() > REQUEST_BYTES_MAX as usize {
        let what = format!("the client sent {} bytes to write at once", request.length);
        return Err(foul(what));
    }
    Ok(Some((request, REQUEST_HEADER_BYTES + request.data_bytes())))
}
