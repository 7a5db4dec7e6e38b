//! Transfers of tasks over the network.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::executor::{Handle, Sleep};

use super::line::Line;
use super::{End, FlowId, LinkId, Network, Stalled};

/// The network and the tasks that wait for it.
#[derive(Debug)]
struct State {
    network: Network,
    latencies: Vec<u64>,
    waiting: Line<Wait>,
    /// Until the next end, and whether that may be at another instant by now.
    sleep: Option<(u64, Sleep)>,
    changed: bool,
}

/// Of a transfer: whom to wake when it ends, or how it has ended.
#[derive(Debug)]
enum Wait {
    For(Waker),
    Over(End),
}

impl State {
    /// Comes to the present, and gives the wakers of flows that ended on the way.
    fn advance(&mut self, now: u64) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for (flow, end) in self.network.advance(now) {
            if let Some(wait) = self.waiting.get_mut(flow)
                && let Wait::For(waker) = std::mem::replace(wait, Wait::Over(end))
            {
                wakers.push(waker);
            }
        }
        wakers
    }
}

/// The network on an executor's time. Woken, it wakes whose flows have ended, and asks to be woken at the next end.
struct Clock {
    handle: Handle,
    state: Mutex<State>,
}

impl Clock {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Clock {
    fn wake(self: Arc<Self>) {
        let now = self.handle.now();
        let (ended, before) = {
            let mut state = self.lock();
            let ended = state.advance(now);
            state.changed = false;
            let next = state.network.next_end();
            let before = if state.sleep.as_ref().map(|(until, _)| *until) == next {
                None
            } else {
                let sleep = next.map(|next| (next, self.handle.sleep_until(next)));
                let before = std::mem::replace(&mut state.sleep, sleep);
                if let Some((_, sleep)) = &mut state.sleep {
                    let waker = Waker::from(Arc::clone(&self));
                    // The next end is later than now, when all that have ended were told.
                    let _ = Pin::new(sleep).poll(&mut Context::from_waker(&waker));
                }
                before
            };
            (ended, before)
        };
        drop(before);
        ended.into_iter().for_each(Waker::wake);
    }
}

/// Carries transfers over a network on an executor's time. Clones share it.
#[derive(Clone)]
pub struct Roads(Arc<Clock>);

impl fmt::Debug for Roads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Roads").field(&self.lock().network).finish()
    }
}

impl Roads {
    /// Roads without links. A transfer that gets no byte through for `stall_timeout` microseconds fails.
    pub fn new(handle: Handle, stall_timeout: Option<u64>) -> Self {
        let state = State {
            network: Network::new(stall_timeout),
            latencies: Vec::new(),
            waiting: Line::default(),
            sleep: None,
            changed: false,
        };
        let state = Mutex::new(state);
        Self(Arc::new(Clock { handle, state }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Adds a link of so many bytes a second (0 lets nothing through), after which a byte takes so long.
    pub fn add_link(&self, bytes_per_second: u64, latency_micros: u64) -> LinkId {
        let mut state = self.lock();
        state.latencies.push(latency_micros);
        state.network.add_link(bytes_per_second)
    }

    /// What a link lets through, in bytes a second.
    pub fn capacity(&self, link: LinkId) -> u64 {
        self.lock().network.capacity(link)
    }

    /// Changes what a link lets through from now on.
    pub fn set_capacity(&self, link: LinkId, bytes_per_second: u64) {
        self.change(|state| state.network.set_capacity(link, bytes_per_second));
    }

    /// Bytes that came across a link so far.
    pub fn carried(&self, link: LinkId) -> u64 {
        self.change(|state| state.network.carried(link))
    }

    /// How many transfers are under way.
    pub fn transfers(&self) -> usize {
        let state = self.lock();
        let waiting = state.waiting.iter();
        waiting.filter(|wait| matches!(wait, Wait::For(_))).count()
    }

    /// How long the first byte takes along a path.
    pub fn latency(&self, path: &[LinkId]) -> u64 {
        let state = self.lock();
        let latencies = path.iter().map(|link| state.latencies[link.0 as usize]);
        latencies.sum()
    }

    /// Carries `bytes` along `path`, beginning at the first poll. It ends when the last byte is there: once the
    /// latency of the path later than the links let it through. Dropped before, it frees the links.
    pub fn transfer(&self, path: &[LinkId], bytes: u64) -> Transfer {
        self.transfer_in(path, bytes, 1)
    }

    /// The same in so many lanes at once, as many small requests are: over a link that others use too, each has its
    /// share.
    pub fn transfer_in(&self, path: impl Into<Arc<[LinkId]>>, bytes: u64, lanes: u32) -> Transfer {
        let path = path.into();
        Transfer {
            latency: self.latency(&path),
            roads: self.clone(),
            stage: Stage::Asked(path, bytes, lanes),
        }
    }

    /// Does something to the network as it is now.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let handle = &self.0.handle;
        let (result, ended, first) = {
            let mut state = self.lock();
            let ended = state.advance(handle.now());
            let result = change(&mut state);
            (result, ended, !std::mem::replace(&mut state.changed, true))
        };
        if first {
            // Once for all that changes until a sleep ends.
            handle.before_a_sleep_ends(Waker::from(Arc::clone(&self.0)));
        }
        ended.into_iter().for_each(Waker::wake);
        result
    }

    fn start(&self, path: &[LinkId], (bytes, lanes): (u64, u32), waker: &Waker) -> FlowId {
        self.change(|state| {
            let flow = state.network.start(path, bytes, lanes);
            state.waiting.push(flow, Wait::For(waker.clone()));
            flow
        })
    }

    /// How a flow ended, told once; until then `waker` is woken when it has.
    fn over(&self, flow: FlowId, waker: &Waker) -> Option<End> {
        let mut state = self.lock();
        let before = match state.waiting.get_mut(flow) {
            Some(Wait::For(before)) if before.will_wake(waker) => return None,
            Some(Wait::For(before)) => std::mem::replace(before, waker.clone()),
            Some(Wait::Over(end)) => {
                let end = *end;
                state.waiting.remove(flow);
                return Some(end);
            }
            None => return None,
        };
        drop(state);
        drop(before);
        None
    }

    fn remove(&self, flow: FlowId) {
        // A waker is dropped outside of the lock.
        let gone = self.change(|state| {
            state.network.remove(flow);
            state.waiting.remove(flow)
        });
        drop(gone);
    }
}

/// A transfer that was asked for.
#[derive(Debug)]
#[must_use = "it begins when it is waited for"]
pub struct Transfer {
    roads: Roads,
    latency: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Asked(Arc<[LinkId]>, u64, u32),
    Flows(FlowId),
    Arrives(Sleep),
    Over,
}

impl Transfer {
    /// Bytes that have not come through yet.
    pub fn left(&self) -> u64 {
        match self.stage {
            Stage::Asked(_, bytes, _) => bytes,
            Stage::Flows(flow) => self.roads.change(|state| state.network.left(flow)),
            Stage::Arrives(_) | Stage::Over => 0,
        }
    }
}

impl Future for Transfer {
    type Output = Result<(), Stalled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::Asked(path, bytes, lanes) => {
                    let flow = this.roads.start(path, (*bytes, *lanes), context.waker());
                    this.stage = Stage::Flows(flow);
                    return Poll::Pending;
                }
                Stage::Flows(flow) => match this.roads.over(*flow, context.waker()) {
                    None => return Poll::Pending,
                    Some(End::Delivered) => {
                        let sleep = this.roads.0.handle.sleep(this.latency);
                        this.stage = Stage::Arrives(sleep);
                    }
                    Some(End::Stalled) => {
                        this.stage = Stage::Over;
                        return Poll::Ready(Err(Stalled));
                    }
                },
                Stage::Arrives(sleep) => {
                    let arrived = Pin::new(sleep).poll(context);
                    if arrived.is_ready() {
                        this.stage = Stage::Over;
                    }
                    return arrived.map(Ok);
                }
                Stage::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Stage::Flows(flow) = self.stage {
            self.roads.remove(flow);
        }
    }
}
