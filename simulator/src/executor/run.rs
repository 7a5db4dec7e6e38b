//! The loop, and the handle by which tasks ask for time, tasks and traces.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use crate::queue::Queue;

use super::task::{Job, Ready, TaskId, Tasks, Work};
use super::trace::Trace;
use super::{HostId, Line, Sleep};

/// What tasks and the loop share. Futures and wakers are never dropped or called under its lock.
#[derive(Default)]
pub(super) struct Core {
    pub(super) timers: Queue<Sleeper>,
    /// Whom to wake before a sleep ends.
    late: Vec<Waker>,
    tasks: Tasks,
    /// The task that goes on now, and where its waker leads.
    running: Option<(TaskId, usize)>,
    /// What crashed, to be dropped before anything else goes on.
    crashed: Vec<Job>,
    events: u64,
    trace: Trace,
}

/// Whom the end of a sleep wakes.
pub(super) enum Sleeper {
    /// The task that sleeps: when its sleep ends no other is woken, so that it goes on without having to wait its turn.
    Task(TaskId),
    /// What a task has between itself and the sleep.
    Other(Waker),
}

/// What the loop does next.
enum Next {
    Task(TaskId, Work),
    /// A task that was woken and is no more.
    Gone,
    Other(Waker),
    Others(Vec<Waker>),
}

impl Core {
    /// Whom a sleep wakes that was polled with this waker.
    pub(super) fn sleeper(&self, waker: &Waker) -> Sleeper {
        match self.running {
            Some((task, to)) if waker.data().addr() == to => Sleeper::Task(task),
            _ => Sleeper::Other(waker.clone()),
        }
    }
}

/// Runs tasks to their end, or to the end of time.
#[derive(Debug, Default)]
pub struct Executor {
    handle: Handle,
}

/// The way of tasks to the executor.
#[derive(Clone, Default)]
pub struct Handle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The present instant: the loop alone changes it, everybody reads it all the time.
    now: AtomicU64,
    core: Mutex<Core>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.lock();
        f.debug_struct("Handle")
            .field("now", &self.now())
            .field("tasks", &core.tasks.len())
            .field("sleeps", &core.timers.len())
            .finish_non_exhaustive()
    }
}

impl Handle {
    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        let core = self.0.core.lock();
        core.unwrap_or_else(PoisonError::into_inner)
    }

    /// The present instant, in microseconds since the start.
    pub fn now(&self) -> u64 {
        self.0.now.load(Ordering::Relaxed)
    }

    /// Comes to an instant, if it is not past.
    fn come(&self, at: u64) {
        self.0.now.fetch_max(at, Ordering::Relaxed);
    }

    /// Ends at an instant; at once when it is past.
    pub fn sleep_until(&self, until_micros: u64) -> Sleep {
        Sleep::new(self.clone(), until_micros)
    }

    /// Ends after so long, counted from now; at once for 0.
    pub fn sleep(&self, micros: u64) -> Sleep {
        self.sleep_until(self.now().saturating_add(micros))
    }

    /// Wakes once, before the next sleep ends: when all tasks that were woken have gone on.
    pub fn before_a_sleep_ends(&self, waker: Waker) {
        self.lock().late.push(waker);
    }

    /// Starts a task on `host`. It goes on when those that were woken before have had their turn.
    pub fn spawn(&self, host: HostId, task: impl Future<Output = ()> + Send + 'static) {
        // Inside a tokio runtime its channels would count our polls, and hold tasks back for a turn of the
        // runtime that never comes.
        let task = tokio::task::unconstrained(task);
        self.lock().tasks.add(host, Box::pin(task));
    }

    /// Ends every task of `host` where it stands, the one that asks included: that one goes as far as its
    /// next wait. They are dropped before any other task goes on; tasks that are spawned on the host
    /// afterwards live.
    pub fn crash(&self, host: HostId) {
        let mut core = self.lock();
        let removed = core.tasks.remove(|other| other == host);
        core.crashed.extend(removed);
    }

    /// How often a task went on so far, or a sleep of none ended.
    pub fn events(&self) -> u64 {
        self.lock().events
    }

    /// How many tasks there are: after a run that ended by itself, those that wait for what never comes.
    pub fn tasks(&self) -> usize {
        self.lock().tasks.len()
    }

    /// How many wait for an instant: after a run none, where nothing will happen any more.
    pub fn sleeps(&self) -> usize {
        self.lock().timers.len()
    }

    /// Adds to the trace that something happened to `host` now.
    pub fn trace(&self, host: HostId, what: &'static str, number: u64) {
        let at_micros = self.now();
        self.lock().trace.add(Line {
            at_micros,
            host,
            what,
            number,
        });
    }

    /// The digest of the trace so far, in hexadecimal.
    pub fn digest(&self) -> String {
        self.lock().trace.digest()
    }

    /// Keeps the lines of the trace from now on, to see where two runs part.
    pub fn keep_trace(&self) {
        self.lock().trace.kept.get_or_insert_default();
    }

    /// The lines that were kept.
    pub fn kept_trace(&self) -> Vec<Line> {
        self.lock().trace.kept.clone().unwrap_or_default()
    }
}

impl Executor {
    /// An executor at instant 0, without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// The way to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until no task can go on, or past `until`, which is then the present instant. Tells how many events
    /// there were.
    pub fn run(&mut self, until: Option<u64>) -> u64 {
        let before = self.handle.events();
        let ready = Arc::clone(&self.handle.lock().tasks.ready);
        self.bury();
        while let Some(next) = self.next(&ready, until) {
            match next {
                Next::Task(id, work) => self.step(id, work),
                Next::Gone => {}
                Next::Others(wakers) => wakers.into_iter().for_each(Waker::wake),
                Next::Other(waker) => waker.wake(),
            }
        }
        self.handle.come(until.unwrap_or(0));
        self.handle.events() - before
    }

    /// Who goes on: who was woken, or asked to be woken before a sleep ends, or sleeps no longer than to `until`.
    fn next(&mut self, ready: &Ready, until: Option<u64>) -> Option<Next> {
        let woken = ready.pop();
        let mut core = self.handle.lock();
        let id = match woken {
            Some(id) => id,
            None if !core.late.is_empty() => {
                return Some(Next::Others(std::mem::take(&mut core.late)));
            }
            None => {
                let at = core.timers.next_time();
                let at = at.filter(|at| until.is_none_or(|until| *at <= until))?;
                self.handle.come(at);
                match core.timers.pop()?.1 {
                    Sleeper::Task(id) => id,
                    Sleeper::Other(waker) => {
                        core.events += 1;
                        return Some(Next::Other(waker));
                    }
                }
            }
        };
        core.events += 1;
        let work = core.tasks.begin(id);
        core.running = work.as_ref().map(|(_, waker)| (id, waker.data().addr()));
        Some(work.map_or(Next::Gone, |work| Next::Task(id, work)))
    }

    /// Lets a task go on as far as it can.
    fn step(&mut self, id: TaskId, (mut job, waker): Work) {
        let polled = job.as_mut().poll(&mut Context::from_waker(&waker));
        let (over, has_crashed) = {
            let mut core = self.handle.lock();
            let over = if polled.is_ready() {
                core.tasks.end(id);
                Some((job, waker))
            } else {
                core.tasks.pause(id, (job, waker))
            };
            (over, !core.crashed.is_empty())
        };
        drop(over);
        if has_crashed {
            self.bury();
        }
    }

    /// Drops what crashed; what is dropped may wake others, and crash them.
    fn bury(&mut self) {
        loop {
            let crashed = std::mem::take(&mut self.handle.lock().crashed);
            if crashed.is_empty() {
                break;
            }
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Tasks hold handles, and would hold themselves for ever; so do wakers. What they drop may spawn.
        loop {
            let (removed, wakers) = {
                let mut core = self.handle.lock();
                let mut removed = std::mem::take(&mut core.crashed);
                removed.extend(core.tasks.remove(|_| true));
                let timers = std::mem::take(&mut core.timers);
                (removed, (timers, std::mem::take(&mut core.late)))
            };
            drop(wakers);
            if removed.is_empty() {
                break;
            }
        }
    }
}
