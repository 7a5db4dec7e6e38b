//! The conversation after the handshake, on threads of the connection's own.
//!
//! One of them leads: it reads requests and does at once what waits for nothing, as most writes and reads of what
//! is at hand. At the first that has to wait it hands the lead to another and waits itself. So no request is passed
//! from thread to thread, and none waits for another's disk.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::future::{Either, select};
use rustix::net::Shutdown;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::input::Input;
use super::negotiate::{Chosen, foul, lost};
use super::operation::{Answer, perform, refuse};
use super::output::Output;
use super::server::{Stage, Witness, reached};
use super::wire::{Command, Errno, Request};
use crate::error::{Error, Result};
use crate::seam::waiting::{Waiting, set_waiting, spawn_thread};

/// The most requests of a connection under way at once, and the most of its threads. Clients of the field keep 16
/// to 64.
const REQUESTS_MAX: usize = 64;
/// When the data of requests under way and of answers not yet written reaches so many bytes, no
/// further request is begun: two of the longest.
const BYTES_MAX: usize = 64 << 20;
/// So many requests are begun before answers are written. More would save calls to the system, but
/// leave the client waiting while we work.
const BATCH: usize = 16;

/// Serves `chosen` on `socket`, which waits, until the client leaves or `stage` says to end. What was begun is brought
/// to its end first, but where it says to cut off.
///
/// # Errors
/// `Invalid` when the client did not keep to the protocol, `Unavailable` when the connection broke or the system
/// gave no thread.
pub(super) async fn serve(
    socket: OwnedFd,
    chosen: Chosen,
    stage: watch::Receiver<Stage>,
    witness: Arc<dyn Witness>,
) -> Result<()> {
    let (cut, seen) = watch::channel(false);
    let talk = Arc::new(Talk {
        socket,
        chosen,
        witness,
        runtime: Handle::current(),
        cut: seen,
        is_stopping: AtomicBool::new(false),
        lead: Mutex::new(Lead {
            input: Input::default(),
            is_open: true,
        }),
        shared: Mutex::new(Shared {
            output: Output::default(),
            is_sending: false,
            is_heard: true,
            running_bytes: 0,
            threads: 0,
            idle: 0,
            end: Ok(()),
        }),
        room: Condvar::new(),
    });
    // Whoever no longer waits for this cuts it off.
    let threads = Threads { talk, cut };
    let talk = &threads.talk;
    let (alive, mut gone) = mpsc::channel::<()>(1);
    let failed = |error| Error::from_io("failed to start a thread for a connection", error);
    talk.add_thread(&alive).map_err(failed)?;
    drop(alive);
    let mut ended = pin!(gone.recv());
    let finish = pin!(reached(stage.clone(), Stage::Finish));
    if let Either::Right(_) = select(ended.as_mut(), finish).await {
        // Who leads is woken.
        talk.is_stopping.store(true, Ordering::SeqCst);
        talk.shut(Shutdown::Read);
        let cut = pin!(reached(stage, Stage::Cut));
        if let Either::Right(_) = select(ended.as_mut(), cut).await {
            threads.cut_off();
            ended.await;
        }
    }
    std::mem::replace(&mut talk.shared().end, Ok(()))
}

/// The threads of a connection: cut off when this is dropped.
struct Threads {
    talk: Arc<Talk>,
    cut: watch::Sender<bool>,
}

impl Threads {
    fn cut_off(&self) {
        self.cut.send_replace(true);
        self.talk.shut(Shutdown::Both);
        let _shared = self.talk.shared();
        self.talk.room.notify_all();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.cut_off();
    }
}

/// What the threads of a connection share.
pub(super) struct Talk {
    pub(super) socket: OwnedFd,
    pub(super) chosen: Chosen,
    pub(super) witness: Arc<dyn Witness>,
    runtime: Handle,
    pub(super) cut: watch::Receiver<bool>,
    is_stopping: AtomicBool,
    /// Held by the thread that leads.
    lead: Mutex<Lead>,
    shared: Mutex<Shared>,
    /// Rings when there is room for a request again.
    pub(super) room: Condvar,
}

struct Lead {
    input: Input,
    /// Whether further requests are read.
    is_open: bool,
}

pub(super) struct Shared {
    pub(super) output: Output,
    /// Whether a thread waits until the client has read what was written.
    pub(super) is_sending: bool,
    /// Whether answers still reach the client.
    pub(super) is_heard: bool,
    /// Data of requests that wait.
    running_bytes: usize,
    threads: usize,
    /// Threads that lead next.
    idle: usize,
    pub(super) end: Result<()>,
}

/// A request under way.
type Operation<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Why a thread no longer leads.
enum Left<'a> {
    /// This has to wait.
    ToWait(Operation<'a>),
    /// The client has to read first.
    ToSend,
    /// Nothing more is read.
    Closed,
}

impl Talk {
    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_thread(self: &Arc<Self>, alive: &mpsc::Sender<()>) -> io::Result<()> {
        self.shared().threads += 1;
        let (talk, alive) = (Arc::clone(self), alive.clone());
        let spawned = spawn_thread("nbd", move || {
            talk.work(&alive);
            drop(talk);
        });
        if spawned.is_err() {
            self.shared().threads -= 1;
        }
        spawned
    }

    fn work(self: &Arc<Self>, alive: &mpsc::Sender<()>) {
        let _runtime = self.runtime.enter();
        let _panics = EndsAll(self);
        loop {
            set_waiting(Waiting::Later);
            let left = self.lead(alive);
            set_waiting(Waiting::Here);
            match left {
                Left::ToWait(operation) => self.bring_to_its_end(operation),
                Left::ToSend => self.send_on(),
                Left::Closed => return,
            }
        }
    }

    /// Leads, once it is this thread's turn.
    fn lead<'a>(self: &'a Arc<Self>, alive: &mpsc::Sender<()>) -> Left<'a> {
        self.shared().idle += 1;
        let lead = self.lead.lock();
        self.shared().idle -= 1;
        // Who panicked while leading has ended it all.
        let Ok(mut lead) = lead else {
            return Left::Closed;
        };
        loop {
            let waiting = self.begin_some(&mut lead);
            let is_sent = self.send();
            if is_sent && waiting.is_none() {
                if !lead.is_open {
                    return Left::Closed;
                }
                continue;
            }
            self.find_follower(alive);
            let Some(operation) = waiting else {
                return Left::ToSend;
            };
            drop(lead);
            if !is_sent {
                self.send_on();
            }
            return Left::ToWait(operation);
        }
    }

    /// Hands the lead on, unless there are enough threads: then the next that is done leads.
    fn find_follower(self: &Arc<Self>, alive: &mpsc::Sender<()>) {
        let shared = self.shared();
        let is_needed = shared.idle == 0 && shared.threads < REQUESTS_MAX;
        drop(shared);
        if is_needed {
            // Where the system gives no thread, no more is done at once than there are.
            let _ = self.add_thread(alive).is_ok();
        }
    }

    /// Begins requests, reading where none is there; gives the first that has to wait.
    fn begin_some<'a>(&'a self, lead: &mut Lead) -> Option<Operation<'a>> {
        for begun in 0..BATCH {
            if !lead.is_open || !self.has_room(begun == 0) {
                break;
            }
            match lead.input.next() {
                Ok(Some((request, data))) => {
                    let waiting = self.begin(lead, request, data);
                    if waiting.is_some() {
                        return waiting;
                    }
                }
                Ok(None) if begun == 0 => self.fill(lead),
                Ok(None) => break,
                Err(error) => self.close(lead, Err(error)),
            }
        }
        None
    }

    /// Whether there is room for a request; waits for it where all that is answered is on its way.
    fn has_room(&self, waits: bool) -> bool {
        let mut shared = self.shared();
        loop {
            let is_full = shared.running_bytes + shared.output.bytes() >= BYTES_MAX;
            if !is_full || *self.cut.borrow() {
                return true;
            }
            if !waits {
                return false;
            }
            shared = self
                .room
                .wait(shared)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn fill(&self, lead: &mut Lead) {
        if self.is_stopping.load(Ordering::SeqCst) {
            return self.close(lead, Ok(()));
        }
        match lead.input.fill(&self.socket) {
            // It may be this side that ended it.
            Ok(0) if lead.input.is_amid() && !self.is_stopping.load(Ordering::SeqCst) => {
                self.close(lead, Err(foul("the client left amid a request")));
            }
            Ok(0) => self.close(lead, Ok(())),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.close(lead, Err(lost(error)));
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Does a request if it does not have to wait.
    fn begin<'a>(
        &'a self,
        lead: &mut Lead,
        request: Request,
        data: Bytes,
    ) -> Option<Operation<'a>> {
        if request.command == Command::Disconnect {
            self.close(lead, Ok(()));
            return None;
        }
        let refused = if self.is_stopping.load(Ordering::SeqCst) {
            Some(Errno::Shutdown)
        } else {
            refuse(&self.chosen, &request)
        };
        if let Some(error) = refused {
            self.refuse(&mut self.shared(), &request, error);
            return None;
        }
        let mut operation: Operation<'a> = Box::pin(async move {
            let result = perform(&self.chosen, &request, data).await;
            Answer { request, result }
        });
        match operation
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(answer) => {
                self.answer(answer);
                None
            }
            Poll::Pending => {
                self.shared().running_bytes += request.held_bytes();
                Some(operation)
            }
        }
    }

    fn bring_to_its_end(&self, operation: Operation<'_>) {
        let mut seen = self.cut.clone();
        let cut = pin!(seen.wait_for(|cut| *cut));
        if let Either::Left((answer, _)) = self.runtime.block_on(select(operation, cut)) {
            self.shared().running_bytes -= answer.request.held_bytes();
            self.answer(answer);
            if !self.send() {
                self.send_on();
            }
        }
    }

    fn close(&self, lead: &mut Lead, end: Result<()>) {
        lead.is_open = false;
        self.end_with(&mut self.shared(), end);
    }
}

/// A thread that panics ends the connection: what it did is never answered.
struct EndsAll<'a>(&'a Talk);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = Error::internal("a request panicked; please report it");
            self.0.end_with(&mut self.0.shared(), Err(error));
            self.0.shut(Shutdown::Both);
        }
    }
}
