//! Tasks, and the order in which they go on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use super::HostId;

/// What a task does.
pub(super) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task taken out to be polled.
pub(super) type Work = (Job, Waker);

/// Names a task; numbers are never given twice, places are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskId {
    place: u32,
    number: u64,
}

/// Tasks that can go on, in the order in which they were woken.
#[derive(Debug, Default)]
pub(super) struct Ready {
    tasks: Mutex<VecDeque<TaskId>>,
    /// How many, to be seen without the lock.
    count: AtomicUsize,
}

impl Ready {
    fn push(&self, task: TaskId) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push_back(task);
        self.count.store(tasks.len(), Ordering::Release);
    }

    pub(super) fn pop(&self) -> Option<TaskId> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let task = tasks.pop_front();
        self.count.store(tasks.len(), Ordering::Release);
        task
    }
}

/// Wakes a task, once until it is polled.
#[derive(Debug)]
struct Alarm {
    task: TaskId,
    rang: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rang.swap(true, Ordering::AcqRel) {
            self.ready.push(self.task);
        }
    }
}

struct Task {
    number: u64,
    host: HostId,
    /// Both are out while the task is polled.
    work: Option<Work>,
    alarm: Arc<Alarm>,
}

/// All tasks, each at a place that the next one takes over.
#[derive(Default)]
pub(super) struct Tasks {
    places: Vec<Option<Task>>,
    free: Vec<u32>,
    spawned: u64,
    pub(super) ready: Arc<Ready>,
}

impl Tasks {
    /// Adds a task, which goes on in its turn.
    pub(super) fn add(&mut self, host: HostId, job: Job) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("tasks fit in memory")
        });
        let number = self.spawned;
        self.spawned += 1;
        let alarm = Arc::new(Alarm {
            task: TaskId { place, number },
            rang: AtomicBool::new(false),
            ready: Arc::clone(&self.ready),
        });
        let waker = Waker::from(Arc::clone(&alarm));
        waker.wake_by_ref();
        self.places[place as usize] = Some(Task {
            number,
            host,
            work: Some((job, waker)),
            alarm,
        });
    }

    /// Takes out what a task does, to be polled; from now on it can be woken again.
    pub(super) fn begin(&mut self, id: TaskId) -> Option<Work> {
        let task = self.places[id.place as usize].as_mut();
        let task = task.filter(|task| task.number == id.number)?;
        task.alarm.rang.store(false, Ordering::Release);
        task.work.take()
    }

    /// Puts back what was polled and is not through; gives it back where the task is gone.
    pub(super) fn pause(&mut self, id: TaskId, work: Work) -> Option<Work> {
        match &mut self.places[id.place as usize] {
            Some(task) if task.number == id.number => {
                task.work = Some(work);
                None
            }
            _ => Some(work),
        }
    }

    /// Forgets a task that is through.
    pub(super) fn end(&mut self, id: TaskId) {
        let place = &mut self.places[id.place as usize];
        if place.as_ref().is_some_and(|task| task.number == id.number) {
            *place = None;
            self.free.push(id.place);
        }
    }

    /// Forgets every task that `is_doomed`, and gives what they did, in the order of their places.
    pub(super) fn remove(&mut self, is_doomed: impl Fn(HostId) -> bool) -> Vec<Job> {
        let mut removed = Vec::new();
        for (place, task) in (0..).zip(&mut self.places) {
            if let Some(doomed) = task.take_if(|task| is_doomed(task.host)) {
                self.free.push(place);
                removed.extend(doomed.work.map(|(job, _)| job));
            }
        }
        removed
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
