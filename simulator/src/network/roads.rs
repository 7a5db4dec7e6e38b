//! Transfers of tasks over the network.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::executor::{Handle, HostId, Sleep};

use super::{End, FlowId, LinkId, Network, Stalled};

/// The host of the task that keeps the network's time: nobody's, and not to be crashed.
pub const ROADS_HOST: HostId = HostId(u32::MAX);

/// The network and the tasks that wait for it.
#[derive(Debug)]
struct State {
    network: Network,
    latencies: Vec<u64>,
    waiting: BTreeMap<FlowId, Option<Waker>>,
    ended: BTreeMap<FlowId, End>,
    /// Whom to wake when the next end may come at another instant.
    keeper: Option<Waker>,
}

impl State {
    /// Comes to the present, and gives the wakers of flows that ended on the way.
    fn advance(&mut self, now: u64) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for (flow, end) in self.network.advance(now) {
            if let Some(waker) = self.waiting.remove(&flow) {
                self.ended.insert(flow, end);
                wakers.extend(waker);
            }
        }
        wakers
    }
}

/// Carries transfers over a network on an executor's time. Clones share it.
#[derive(Clone)]
pub struct Roads {
    handle: Handle,
    state: Arc<Mutex<State>>,
}

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
            waiting: BTreeMap::new(),
            ended: BTreeMap::new(),
            keeper: None,
        };
        let state = Arc::new(Mutex::new(state));
        let keeper = Keeper {
            handle: handle.clone(),
            state: Arc::clone(&state),
            sleep: None,
        };
        handle.spawn(ROADS_HOST, keeper);
        Self { handle, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
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
        self.change(|network| network.set_capacity(link, bytes_per_second));
    }

    /// Bytes that came across a link so far.
    pub fn carried(&self, link: LinkId) -> u64 {
        self.change(|network| network.carried(link))
    }

    /// How many transfers are under way.
    pub fn transfers(&self) -> usize {
        self.lock().waiting.len()
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
    pub fn transfer_in(&self, path: &[LinkId], bytes: u64, lanes: u32) -> Transfer {
        Transfer {
            latency: self.latency(path),
            roads: self.clone(),
            stage: Stage::Asked(path.into(), bytes, lanes),
        }
    }

    /// Does something to the network as it is now.
    fn change<T>(&self, change: impl FnOnce(&mut Network) -> T) -> T {
        let now = self.handle.now();
        let (result, ended, keeper) = {
            let mut state = self.lock();
            let ended = state.advance(now);
            let result = change(&mut state.network);
            (result, ended, state.keeper.take())
        };
        ended.into_iter().chain(keeper).for_each(Waker::wake);
        result
    }

    fn start(&self, path: &[LinkId], (bytes, lanes): (u64, u32), waker: &Waker) -> FlowId {
        let flow = self.change(|network| network.start(path, bytes, lanes));
        self.lock().waiting.insert(flow, Some(waker.clone()));
        flow
    }

    fn remove(&self, flow: FlowId) {
        self.change(|network| network.remove(flow));
        let mut state = self.lock();
        let gone = (state.waiting.remove(&flow), state.ended.remove(&flow));
        drop(state);
        drop(gone);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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
    Asked(Box<[LinkId]>, u64, u32),
    Flows(FlowId),
    Arrives(Sleep),
    Over,
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
                }
                Stage::Flows(flow) => {
                    let mut state = this.roads.lock();
                    match state.ended.remove(flow) {
                        Some(End::Delivered) => {
                            drop(state);
                            let sleep = this.roads.handle.sleep(this.latency);
                            this.stage = Stage::Arrives(sleep);
                        }
                        Some(End::Stalled) => {
                            drop(state);
                            this.stage = Stage::Over;
                            return Poll::Ready(Err(Stalled));
                        }
                        None => {
                            let waker = Some(context.waker().clone());
                            let before = state.waiting.insert(*flow, waker);
                            drop(state);
                            drop(before);
                            return Poll::Pending;
                        }
                    }
                }
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

/// Sleeps until the next flow ends, and wakes who waits for it.
struct Keeper {
    handle: Handle,
    state: Arc<Mutex<State>>,
    sleep: Option<Sleep>,
}

impl Future for Keeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let now = this.handle.now();
            let (ended, next) = {
                let mut state = lock(&this.state);
                let ended = state.advance(now);
                state.keeper = Some(context.waker().clone());
                (ended, state.network.next_end())
            };
            ended.into_iter().for_each(Waker::wake);
            this.sleep = next.map(|next| this.handle.sleep_until(next));
            let Some(sleep) = &mut this.sleep else {
                return Poll::Pending;
            };
            if Pin::new(sleep).poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
