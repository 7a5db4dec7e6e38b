//! Answers on their way to a client: small ones gathered, read data handed on as it is.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use bytes::{Buf, Bytes, BytesMut};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

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
}

impl Output {
    /// How many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
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

    /// Writes what the system takes without waiting.
    ///
    /// # Errors
    /// `WouldBlock` where it takes no more for now; as the system says.
    pub(super) fn write(&mut self, socket: impl AsFd) -> io::Result<()> {
        while self.bytes > 0 {
            let mut slices = [IoSlice::new(&[]); PIECES_MAX];
            let mut count = 0;
            let pieces = self.pieces.iter().map(|piece| &piece[..]);
            for (slice, piece) in slices.iter_mut().zip(pieces.chain([&self.tail[..]])) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let mut no_files = SendAncillaryBuffer::default();
            let written = sendmsg(&socket, &slices[..count], &mut no_files, flags)?;
            self.advance(written);
        }
        Ok(())
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
        self.tail.advance(written);
    }
}
