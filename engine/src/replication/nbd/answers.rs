//! Answers: how they are put, and how they get to the client, who may read slowly.

use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{Shutdown, shutdown};

use super::negotiate::{ALLOCATION_ID, DIRTY_ID, lost};
use super::operation::{Answer, Payload, errno};
use super::serve::{Shared, Talk};
use super::server::Event;
use super::wire::{self, Command, Errno, Request};
use crate::error::Result;

impl Talk {
    /// How the connection ends, unless it is known already.
    pub(super) fn end_with(&self, shared: &mut Shared, end: Result<()>) {
        // What is cut off is to break.
        if shared.end.is_ok() && !*self.cut.borrow() {
            shared.end = end;
        }
    }

    pub(super) fn shut(&self, how: Shutdown) {
        // One that is gone needs none.
        let _ = shutdown(&self.socket, how).is_ok();
    }

    /// Writes answers; false where the client has to read first: then `send_on` is this thread's task.
    pub(super) fn send(&self) -> bool {
        let mut shared = self.shared();
        shared.is_sending || self.write(&mut shared)
    }

    /// Writes answers as the client reads them.
    pub(super) fn send_on(&self) {
        loop {
            let writable = PollFd::new(&self.socket, PollFlags::OUT);
            // Whatever it says: writing tells.
            let _ = poll(&mut [writable], None).is_ok();
            if self.write(&mut self.shared()) {
                return;
            }
        }
    }

    /// Writes what can be; false where the client has to read first.
    fn write(&self, shared: &mut Shared) -> bool {
        let written = shared.output.write(&self.socket);
        if let Err(error) = written {
            let again = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
            if again.contains(&error.kind()) {
                shared.is_sending = true;
                self.room.notify_all();
                return false;
            }
            shared.output.clear();
            shared.is_heard = false;
            self.end_with(shared, Err(lost(error)));
            self.shut(Shutdown::Both);
        }
        shared.is_sending = false;
        self.room.notify_all();
        true
    }

    /// Puts what a request gave; it goes out with the next `send`.
    pub(super) fn answer(&self, answer: Answer) {
        let Answer { request, result } = answer;
        let (cookie, offset) = (request.cookie, request.offset);
        if let Err(error) = &result {
            self.witness.event(Event::Failed {
                offset,
                length: request.length,
                error,
            });
        }
        let mut shared = self.shared();
        match result {
            Err(error) => self.refuse(&mut shared, &request, errno(&error)),
            Ok(_) if !shared.is_heard => {}
            Ok(Payload::None) => shared
                .output
                .small(|out| wire::simple_reply(out, cookie, 0)),
            Ok(Payload::Data(data)) => {
                let length = data.len();
                shared.output.small(|out| {
                    if self.chosen.structured {
                        wire::data_chunk(out, cookie, offset, length);
                    } else {
                        wire::simple_reply(out, cookie, 0);
                    }
                });
                shared.output.data(data);
            }
            Ok(Payload::Status { allocation, dirty }) => shared.output.small(|out| {
                let last = dirty.is_none();
                if let Some(runs) = allocation {
                    wire::status_chunk(out, cookie, ALLOCATION_ID, &runs, last);
                }
                if let Some(runs) = dirty {
                    wire::status_chunk(out, cookie, DIRTY_ID, &runs, true);
                }
            }),
        }
    }

    /// Puts why a request was not done.
    pub(super) fn refuse(&self, shared: &mut Shared, request: &Request, error: Errno) {
        let in_chunks = matches!(request.command, Command::Read | Command::BlockStatus);
        if !shared.is_heard {
            return;
        }
        shared.output.small(|out| {
            if in_chunks && self.chosen.structured {
                wire::error_chunk(out, request.cookie, error);
            } else {
                wire::simple_reply(out, request.cookie, error as u32);
            }
        });
    }
}
