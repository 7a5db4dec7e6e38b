//! The way between two simulated sites: frames over roads that are slow, cut, reset, or carry one direction only.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use engine::error::{Error, ErrorKind, Result};
use engine::seam::{Dial, Link, ReceiveFrames, SendFrames};
use futures::future::{Either, select};
use tokio::sync::{Notify, mpsc};

use crate::executor::{Handle, HostId};
use crate::network::{LinkId, Roads};

/// Frames that wait for the road, and as many that wait to be taken.
const QUEUE: usize = 4;
/// Bytes that each frame costs beside its body: TCP/IP, TLS and its own prefix.
const FRAME_BYTES: u64 = 100;
/// Bytes that are carried at once.
const SLICE_BYTES: u64 = 64 << 10;
/// Where a byte stands for many: so that one is through before the sites give a silent link up.
const SCALED_SLICE_BYTES: u64 = 2 << 10;
/// The kind of frames that carry parts (`engine/REPLICATION.md`): they are scaled. Comparisons, a two-thousandth of what they
/// compare, and all other messages are not.
const PART: u8 = 1;

/// How the way stands.
#[derive(Debug)]
struct State {
    /// Reasons for which nothing passes.
    cuts: u32,
    /// Reasons for which nothing passes from each site; what was sent there is lost.
    mutes: [u32; 2],
    /// Bytes a second.
    speed: u64,
    /// Connections of before are broken: at the end of whoever dialled, and at the other.
    resets: [u64; 2],
    doors: [Option<mpsc::Sender<Link>>; 2],
    frames: u64,
}

impl State {
    fn new(speed: u64) -> Self {
        Self {
            cuts: 0,
            mutes: [0; 2],
            speed,
            resets: [0; 2],
            doors: [None, None],
            frames: 0,
        }
    }
}

/// Is told of the bytes of parts that each site sent.
pub(super) type Told = Box<dyn Fn(usize, u64) + Send + Sync>;

/// A way over a network that is there already.
pub(super) struct Roadway {
    /// The network.
    pub roads: Roads,
    /// From each site to the other.
    pub paths: [Arc<[LinkId]>; 2],
    /// What a byte stands for.
    pub scale: u64,
    /// Who is told.
    pub told: Told,
}

/// The two directions between two sites.
pub(super) struct Way {
    handle: Handle,
    roads: Roads,
    paths: [Arc<[LinkId]>; 2],
    /// Links whose speed nobody else sets.
    own: Vec<LinkId>,
    scale: u64,
    told: Option<Told>,
    latency_micros: u64,
    state: Mutex<State>,
    bell: Notify,
    /// A planted bug: longer frames are swallowed.
    frame_bytes_max: Option<u64>,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Way")
    }
}

impl Way {
    /// A way over roads that others use too; how fast they are, and how long a byte takes, is theirs.
    pub(super) fn over(handle: &Handle, road: Roadway) -> Arc<Self> {
        Arc::new(Self {
            handle: handle.clone(),
            roads: road.roads,
            paths: road.paths,
            own: Vec::new(),
            scale: road.scale,
            told: Some(road.told),
            latency_micros: 0,
            state: Mutex::new(State::new(0)),
            bell: Notify::new(),
            frame_bytes_max: None,
        })
    }

    /// A way of so many bytes a second, each way, on which a byte takes so long.
    pub(super) fn new(
        handle: &Handle,
        (speed, latency_micros): (u64, u64),
        frame_bytes_max: Option<u64>,
    ) -> Arc<Self> {
        let roads = Roads::new(handle.clone(), None);
        let links = [roads.add_link(speed, 0), roads.add_link(speed, 0)];
        Arc::new(Self {
            handle: handle.clone(),
            roads,
            paths: links.map(|link| Arc::from([link])),
            own: links.to_vec(),
            scale: 1,
            told: None,
            latency_micros,
            state: Mutex::new(State::new(speed)),
            bell: Notify::new(),
            frame_bytes_max,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pave(&self) {
        let speed = {
            let state = self.lock();
            if state.cuts > 0 { 0 } else { state.speed }
        };
        for link in &self.own {
            self.roads.set_capacity(*link, speed);
        }
    }

    /// Nothing passes until [`Way::mend`]: what is under way waits.
    pub(super) fn cut(&self) {
        self.lock().cuts += 1;
        self.pave();
    }

    /// One reason for a cut less.
    pub(super) fn mend(&self) {
        let mut state = self.lock();
        state.cuts = state.cuts.saturating_sub(1);
        drop(state);
        self.pave();
    }

    /// So many bytes a second from now on.
    pub(super) fn set_speed(&self, bytes_per_second: u64) {
        self.lock().speed = bytes_per_second;
        self.pave();
    }

    /// Whether what a site sends is lost.
    pub(super) fn mute(&self, site: usize, muted: bool) {
        let mut state = self.lock();
        let mutes = &mut state.mutes[site];
        *mutes = if muted {
            *mutes + 1
        } else {
            mutes.saturating_sub(1)
        };
    }

    /// Breaks the connections for whoever dialled, and for whoever was dialled if `both`: else what was sent still
    /// arrives there, beside what comes over the next connection.
    pub(super) fn reset(&self, both: bool) {
        let mut state = self.lock();
        state.resets[0] += 1;
        state.resets[1] += u64::from(both);
        drop(state);
        self.bell.notify_waiters();
    }

    /// Takes connections that are made to a site, from now on.
    pub(super) fn open_door(&self, site: usize) -> mpsc::Receiver<Link> {
        let (door, called) = mpsc::channel(QUEUE);
        self.lock().doors[site] = Some(door);
        called
    }

    /// Frames carried so far.
    pub(super) fn frames(&self) -> u64 {
        self.lock().frames
    }

    async fn carry(&self, from: usize, bytes: u64) -> bool {
        let carried = self.roads.transfer(&self.paths[from], bytes + FRAME_BYTES);
        carried.await.is_ok()
    }

    /// Carries what one end sends to the other, also when the sender is gone meanwhile; but nothing more of a connection
    /// that is broken at both ends.
    async fn pump(
        self: Arc<Self>,
        from: usize,
        mut queue: mpsc::Receiver<(u8, Bytes)>,
        (out, arrived): (mpsc::Sender<(u64, u8, Bytes)>, Arc<AtomicU64>),
    ) {
        let (mut lost, born) = (false, self.lock().resets);
        while let Some((kind, body)) = queue.recv().await {
            let mut left = body.len() as u64;
            let scale = if kind == PART { self.scale } else { 1 };
            let slice_max = if self.scale > 1 {
                SCALED_SLICE_BYTES
            } else {
                SLICE_BYTES
            };
            loop {
                let slice = left.min(slice_max);
                if !self.carry(from, slice * scale).await {
                    return;
                }
                if let Some(told) = self.told.as_ref().filter(|_| kind == PART) {
                    told(from, slice * scale);
                }
                // A stream that lacks a piece gives nothing of what comes after.
                let (muted, resets) = {
                    let state = self.lock();
                    (state.mutes[from] > 0, state.resets)
                };
                if (0..2).all(|end| resets[end] != born[end]) {
                    return;
                }
                lost |= muted;
                if !lost {
                    arrived.fetch_add(slice.max(1), Ordering::Relaxed);
                }
                left -= slice;
                if left == 0 {
                    break;
                }
            }
            lost |= self
                .frame_bytes_max
                .is_some_and(|most| body.len() as u64 > most);
            if lost {
                continue;
            }
            self.lock().frames += 1;
            let arrives = self.handle.now() + self.latency_micros;
            if out.send((arrives, kind, body)).await.is_err() {
                return;
            }
        }
        let _told = self.carry(from, 0).await;
        if lost {
            // Nobody is told that nothing more comes.
            out.closed().await;
        }
    }

    fn half(self: &Arc<Self>, from: usize, end: usize) -> (Out, In, Arc<AtomicU64>) {
        let (queued, queue) = mpsc::channel(QUEUE);
        let (out, arrived) = mpsc::channel(QUEUE * 16);
        let bytes = Arc::<AtomicU64>::default();
        let pump = Arc::clone(self).pump(from, queue, (out, Arc::clone(&bytes)));
        self.handle.spawn(HostId::NOBODY, pump);
        let wire = |end| Wire {
            way: Arc::clone(self),
            end,
            resets: self.lock().resets[end],
        };
        (Out(wire(end), queued), In(wire(1 - end), arrived), bytes)
    }
}

/// One end of a connection: 0 of whoever dialled, 1 of whoever was.
struct Wire {
    way: Arc<Way>,
    end: usize,
    resets: u64,
}

impl Wire {
    async fn broken(&self) -> Error {
        loop {
            let bell = self.way.bell.notified();
            let mut bell = std::pin::pin!(bell);
            bell.as_mut().enable();
            if self.way.lock().resets[self.end] != self.resets {
                return Error::new(ErrorKind::Unavailable, "the connection was reset");
            }
            bell.await;
        }
    }
}

struct Out(Wire, mpsc::Sender<(u8, Bytes)>);
struct In(Wire, mpsc::Receiver<(u64, u8, Bytes)>);

#[async_trait]
impl SendFrames for Out {
    async fn send(&mut self, kind: u8, body: Bytes) -> Result<()> {
        let sent = self.1.send((kind, body));
        match select(Box::pin(self.0.broken()), Box::pin(sent)).await {
            Either::Left((error, _)) => Err(error),
            Either::Right((sent, _)) => {
                sent.map_err(|_| Error::new(ErrorKind::Unavailable, "the other end is gone"))
            }
        }
    }
}

#[async_trait]
impl ReceiveFrames for In {
    async fn receive(&mut self) -> Result<Option<(u8, Bytes)>> {
        let handle = self.0.way.handle.clone();
        let taken = async {
            let (arrives, kind, body) = self.1.recv().await?;
            handle.sleep_until(arrives).await;
            Some((kind, body))
        };
        match select(Box::pin(self.0.broken()), Box::pin(taken)).await {
            Either::Left((error, _)) => Err(error),
            Either::Right((frame, _)) => Ok(frame),
        }
    }
}

/// The way as a site dials it.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub Arc<Way>, pub usize);

#[async_trait]
impl Dial for Caller {
    async fn dial(&self) -> Result<Link> {
        let Self(way, from) = self;
        let (from, to) = (*from, 1 - *from);
        let unanswered = || Error::new(ErrorKind::Unavailable, "the other site does not answer");
        for site in [from, to] {
            if !way.carry(site, 0).await {
                return Err(unanswered());
            }
            if way.lock().mutes[site] > 0 {
                return std::future::pending().await;
            }
            way.handle.sleep(way.latency_micros).await;
        }
        let door = way.lock().doors[to].clone().ok_or_else(unanswered)?;
        let (there, theirs, arrived_there) = way.half(from, 0);
        let (back, ours, arrived) = way.half(to, 1);
        let link = Link {
            sender: Box::new(back),
            receiver: Box::new(theirs),
            arrived: arrived_there,
        };
        door.try_send(link).map_err(|_| unanswered())?;
        Ok(Link {
            sender: Box::new(there),
            receiver: Box::new(ours),
            arrived,
        })
    }

    fn name(&self) -> String {
        format!("site {}", 1 - self.1)
    }
}
