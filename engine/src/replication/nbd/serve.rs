//! The conversation after the handshake: requests are begun as they come, many at once, and each is
//! answered when it is done.
//!
//! One task does it all: what ends at once, as most writes and all reads of what is at hand do, is
//! answered without a thread or a task of its own.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{BoxFuture, select};
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::input::Input;
use super::negotiate::{ALLOCATION_ID, Chosen, DIRTY_ID, foul, lost};
use super::operation::{Answer, Payload, errno, perform, refuse};
use super::output::Output;
use super::server::{Event, Stage, Witness, reached};
use super::wire::{self, Command, Errno, Request};
use crate::error::Result;

/// The most requests of a connection under way at once. Clients of the field keep 16 to 64.
const REQUESTS_MAX: usize = 128;
/// When the data of requests under way and of answers not yet written reaches so many bytes, no
/// further request is begun: two of the longest.
const BYTES_MAX: usize = 64 << 20;
/// So many requests are begun before answers are written. More would save calls to the system, but
/// leave the client waiting while we work.
const BATCH: usize = 8;

/// Serves `chosen` until the client leaves or the server stops. What was begun is brought to its end
/// first, but where `stage` says to cut off.
///
/// # Errors
/// `Invalid` when the client did not keep to the protocol, `Unavailable` when the connection broke.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    chosen: Chosen,
    stage: watch::Receiver<Stage>,
    witness: &dyn Witness,
) -> Result<()> {
    let mut conversation = Conversation {
        stream,
        chosen: Arc::new(chosen),
        witness,
        input: Input::default(),
        output: Output::default(),
        running: FuturesUnordered::new(),
        running_bytes: 0,
        is_open: true,
        is_heard: true,
        stage: Stage::Serve,
        next_stage: Box::pin(reached(stage, Stage::Finish)),
        end: Ok(()),
    };
    poll_fn(|cx| conversation.poll(cx)).await;
    let Conversation {
        mut stream,
        stage,
        next_stage,
        is_heard,
        end,
        ..
    } = conversation;
    if stage != Stage::Cut && is_heard {
        // The last word. Who does not hear it has gone; it is not waited for when the server ends.
        drop(select(pin!(stream.shutdown()), next_stage).await);
    }
    end
}

struct Conversation<'a, S> {
    stream: S,
    chosen: Arc<Chosen>,
    witness: &'a dyn Witness,
    input: Input,
    output: Output,
    running: FuturesUnordered<BoxFuture<'static, Answer>>,
    running_bytes: usize,
    /// Whether further requests are read.
    is_open: bool,
    /// Whether answers still reach the client.
    is_heard: bool,
    stage: Stage,
    next_stage: BoxFuture<'static, (Stage, watch::Receiver<Stage>)>,
    end: Result<()>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_stage(cx);
        if self.stage == Stage::Cut {
            return Poll::Ready(());
        }
        loop {
            let begun = self.begin_some(cx);
            let ended = self.poll_running(cx);
            let written = self.poll_write(cx);
            if begun || ended || written {
                continue;
            }
            if !self.is_open && self.running.is_empty() && self.output.is_empty() {
                return Poll::Ready(());
            }
            if !self.is_open || !self.has_room() || self.poll_fill(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn poll_stage(&mut self, cx: &mut Context<'_>) {
        while self.stage < Stage::Cut {
            let Poll::Ready((stage, receiver)) = self.next_stage.as_mut().poll(cx) else {
                return;
            };
            self.stage = stage;
            self.next_stage = Box::pin(reached(receiver, Stage::Cut));
        }
    }

    fn has_room(&self) -> bool {
        self.running.len() < REQUESTS_MAX && self.running_bytes + self.output.bytes() < BYTES_MAX
    }

    /// Begins requests that have been read, and tells whether there were any.
    fn begin_some(&mut self, cx: &mut Context<'_>) -> bool {
        let mut begun = 0;
        let is_stopping = self.stage > Stage::Serve;
        // To be told of the end takes no room.
        while self.is_open && begun < BATCH && (is_stopping || self.has_room()) {
            match self.input.next() {
                Ok(Some((request, data))) => self.begin(request, data, cx),
                Ok(None) => break,
                Err(error) => self.close(Err(error)),
            }
            begun += 1;
        }
        if is_stopping && begun == 0 {
            self.is_open = false;
        }
        begun > 0
    }

    fn begin(&mut self, request: Request, data: Bytes, cx: &mut Context<'_>) {
        if request.command == Command::Disconnect {
            self.close(Ok(()));
            return;
        }
        let refused = if self.stage > Stage::Serve {
            Some(Errno::Shutdown)
        } else {
            refuse(&self.chosen, &request)
        };
        if let Some(error) = refused {
            self.refuse(&request, error);
            return;
        }
        let chosen = Arc::clone(&self.chosen);
        let mut operation: BoxFuture<'static, Answer> = Box::pin(async move {
            let result = perform(&chosen, &request, data).await;
            Answer { request, result }
        });
        if let Poll::Ready(answer) = operation.as_mut().poll(cx) {
            self.answer(answer);
        } else {
            self.running_bytes += request.held_bytes();
            self.running.push(operation);
        }
    }

    fn close(&mut self, end: Result<()>) {
        self.is_open = false;
        if self.end.is_ok() {
            self.end = end;
        }
    }

    /// Answers what is done, and tells whether anything was.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> bool {
        let mut ended = 0;
        while ended < BATCH {
            let Poll::Ready(Some(answer)) = self.running.poll_next_unpin(cx) else {
                break;
            };
            self.running_bytes -= answer.request.held_bytes();
            self.answer(answer);
            ended += 1;
        }
        ended > 0
    }

    fn answer(&mut self, answer: Answer) {
        let Answer { request, result } = answer;
        let (cookie, offset) = (request.cookie, request.offset);
        match result {
            Err(error) => {
                self.witness.event(Event::Failed {
                    offset,
                    length: request.length,
                    error: &error,
                });
                self.refuse(&request, errno(&error));
            }
            Ok(_) if !self.is_heard => {}
            Ok(Payload::None) => self.output.small(|out| wire::simple_reply(out, cookie, 0)),
            Ok(Payload::Data(data)) => {
                let length = data.len();
                if self.chosen.structured {
                    self.output
                        .small(|out| wire::data_chunk(out, cookie, offset, length));
                } else {
                    self.output.small(|out| wire::simple_reply(out, cookie, 0));
                }
                self.output.data(data);
            }
            Ok(Payload::Status { allocation, dirty }) => self.output.small(|out| {
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

    fn refuse(&mut self, request: &Request, error: Errno) {
        let in_chunks = matches!(request.command, Command::Read | Command::BlockStatus);
        if !self.is_heard {
            return;
        }
        self.output.small(|out| {
            if in_chunks && self.chosen.structured {
                wire::error_chunk(out, request.cookie, error);
            } else {
                wire::simple_reply(out, request.cookie, error as u32);
            }
        });
    }

    /// Writes answers, and tells whether any went out.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        if self.output.is_empty() {
            return false;
        }
        match self.output.poll_write(&mut self.stream, cx) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => {
                self.output.clear();
                self.is_heard = false;
                self.close(Err(lost(error)));
                true
            }
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.input.poll_fill(&mut self.stream, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(0)) if self.input.is_amid() => {
                self.close(Err(foul("the client left amid a request")));
            }
            Poll::Ready(Ok(0)) => self.close(Ok(())),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => self.close(Err(lost(error))),
        }
        Poll::Ready(())
    }
}
