//! What both sites touch: a clock that jumps, disks in memory, a store in memory, a link that can be cut.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use engine::error::{Error, ErrorKind, Result};
use engine::format::member::{Disk, Role};
use engine::ids::ObjectId;
use engine::replication::parcel::GroupKey;
use engine::replication::protection::begin;
use engine::replication::replica::{MakeDisks, Replica, Retention};
use engine::replication::site::Site;
use engine::replication::source::{Parts, Protected, Settings, Source};
use engine::seam::{
    BlockDevice, Clock, Dial, Entropy, Link, ReceiveFrames, Run, SendFrames, Task, Traffic,
    Workers, World,
};
use engine::units::Timestamp;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::{Notify, mpsc};

/// Plays something on a clock that jumps to whatever comes next.
pub(super) fn on_paused_time<T>(play: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(play)
}

/// The runtime's paused clock.
#[derive(Debug)]
pub(super) struct Paused(tokio::time::Instant);

impl Paused {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test's clock is the runtime's paused one"
    )]
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(tokio::time::Instant::now()))
    }
}

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        let elapsed = i128::try_from(self.elapsed().as_nanos()).expect("short");
        Timestamp::from_nanoseconds(1_800_000_000_000_000_000 + elapsed)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test's clock is the runtime's paused one"
    )]
    fn elapsed(&self) -> Duration {
        tokio::time::Instant::now() - self.0
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test's clock is the runtime's paused one"
    )]
    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(wait))
    }
}

/// Bytes that are the same in every run.
#[derive(Debug, Default)]
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut reader = blake3::Hasher::new()
            .update(&number.to_le_bytes())
            .finalize_xof();
        reader.fill(buffer);
    }
}

#[derive(Debug)]
struct Inline;

impl Workers for Inline {
    fn cores(&self) -> usize {
        2
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }

    fn spawn(&self, _: Task) {
        unreachable!("nothing here runs beside its maker");
    }
}

/// A disk in memory.
#[derive(Debug)]
pub(super) struct Memory(pub(super) Mutex<Vec<u8>>);

impl Memory {
    pub(super) fn of(size: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(vec![0; size as usize])))
    }

    pub(super) fn content(&self) -> Vec<u8> {
        self.0.lock().expect("no one panicked").clone()
    }
}

#[async_trait]
impl BlockDevice for Memory {
    fn size(&self) -> u64 {
        self.0.lock().expect("no one panicked").len() as u64
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        tokio::task::yield_now().await;
        let bytes = self.0.lock().expect("no one panicked");
        Ok(Bytes::copy_from_slice(&bytes[offset as usize..][..length]))
    }

    async fn write(&self, offset: u64, data: Bytes) -> Result<()> {
        tokio::task::yield_now().await;
        self.0.lock().expect("no one panicked")[offset as usize..][..data.len()]
            .copy_from_slice(&data);
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn zero(&self, offset: u64, length: u64, _: bool) -> Result<()> {
        tokio::task::yield_now().await;
        self.0.lock().expect("no one panicked")[offset as usize..][..length as usize].fill(0);
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn runs(&self, _: u64, length: u64) -> Result<Vec<Run>> {
        Ok(vec![Run {
            length,
            hole: false,
        }])
    }
}

/// Whether the link is cut, and who waits for it to be.
#[derive(Debug, Default)]
pub(super) struct Switch {
    cut: AtomicBool,
    bell: Notify,
    /// Counts up with every cut: links of before are broken for good.
    epoch: AtomicU64,
}

impl Switch {
    pub(super) fn set(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
        if cut {
            self.epoch.fetch_add(1, Ordering::SeqCst);
            self.bell.notify_waiters();
        }
    }

    fn epoch(&self) -> Option<u64> {
        (!self.cut.load(Ordering::SeqCst)).then(|| self.epoch.load(Ordering::SeqCst))
    }
}

struct Wire {
    switch: Arc<Switch>,
    epoch: u64,
}

impl Wire {
    async fn broken(&self) -> Error {
        loop {
            let bell = self.switch.bell.notified();
            if self.switch.epoch() != Some(self.epoch) {
                return Error::new(ErrorKind::Unavailable, "the link was cut");
            }
            bell.await;
        }
    }
}

struct Out(Wire, mpsc::Sender<(u8, Bytes)>);
struct In(Wire, mpsc::Receiver<(u8, Bytes)>);

#[async_trait]
impl SendFrames for Out {
    async fn send(&mut self, kind: u8, body: Bytes) -> Result<()> {
        let sent = self.1.send((kind, body));
        match futures::future::select(Box::pin(self.0.broken()), Box::pin(sent)).await {
            futures::future::Either::Left((error, _)) => Err(error),
            futures::future::Either::Right((sent, _)) => {
                sent.map_err(|_| Error::new(ErrorKind::Unavailable, "the other end is gone"))
            }
        }
    }
}

#[async_trait]
impl ReceiveFrames for In {
    async fn receive(&mut self) -> Result<Option<(u8, Bytes)>> {
        match futures::future::select(Box::pin(self.0.broken()), Box::pin(self.1.recv())).await {
            futures::future::Either::Left((error, _)) => Err(error),
            futures::future::Either::Right((frame, _)) => Ok(frame),
        }
    }
}

/// Hands one end to whoever dials, and the other to the replica.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) switch: Arc<Switch>,
    calls: mpsc::Sender<Link>,
}

impl Exchange {
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<Link>) {
        let (calls, called) = mpsc::channel(1);
        (
            Arc::new(Self {
                switch: Arc::default(),
                calls,
            }),
            called,
        )
    }
}

#[async_trait]
impl Dial for Exchange {
    async fn dial(&self) -> Result<Link> {
        let gone = || Error::new(ErrorKind::Unavailable, "nobody answers");
        let epoch = self.switch.epoch().ok_or_else(gone)?;
        let wire = || Wire {
            switch: Arc::clone(&self.switch),
            epoch,
        };
        let (to, from) = (mpsc::channel(4), mpsc::channel(4));
        let theirs = Link {
            sender: Box::new(Out(wire(), from.0)),
            receiver: Box::new(In(wire(), to.1)),
            arrived: Arc::default(),
        };
        self.calls.try_send(theirs).map_err(|_| gone())?;
        Ok(Link {
            sender: Box::new(Out(wire(), to.0)),
            receiver: Box::new(In(wire(), from.1)),
            arrived: Arc::default(),
        })
    }

    fn name(&self) -> String {
        "the other site".to_owned()
    }
}

/// Disks that a replica keeps.
#[derive(Debug, Default)]
pub(super) struct Shelf(pub(super) Mutex<Vec<Arc<Memory>>>);

#[async_trait]
impl MakeDisks for Shelf {
    async fn make(&self, disks: &[Disk]) -> Result<Vec<(Disk, Arc<dyn BlockDevice>)>> {
        let mut shelf = self.0.lock().expect("no one panicked");
        *shelf = disks.iter().map(|disk| Memory::of(disk.size)).collect();
        let made = disks
            .iter()
            .cloned()
            .zip(shelf.iter().map(|disk| Arc::clone(disk) as _));
        Ok(made.collect())
    }
}

/// A world with a store of its own.
pub(super) fn world(clock: &Arc<Paused>) -> World {
    World::new(
        Arc::new(InMemory::new()),
        Arc::clone(clock) as _,
        Arc::new(Counted::default()),
        Arc::new(Inline),
        Traffic::default(),
    )
}

pub(super) fn key() -> GroupKey {
    GroupKey::from_bytes([9; 32])
}

/// One site that is written.
#[derive(Clone, Debug)]
pub(super) struct Here {
    pub(super) world: World,
    pub(super) disks: Vec<Arc<Memory>>,
    pub(super) intents: Vec<Arc<Memory>>,
    pub(super) settings: Settings,
}

impl Here {
    pub(super) fn new(clock: &Arc<Paused>, sizes: &[u64], settings: Settings) -> Self {
        Self {
            world: world(clock),
            disks: sizes.iter().map(|size| Memory::of(*size)).collect(),
            intents: sizes
                .iter()
                .map(|size| Memory::of(size.div_ceil(8 << 20)))
                .collect(),
            settings,
        }
    }

    /// Begins, or begins again after a crash.
    pub(super) async fn open(&self, suspect: bool, confirmed: u64) -> Source {
        let store = &self.world.store;
        let left = store
            .list(Some(&"journal".into()))
            .try_collect::<Vec<_>>()
            .await;
        for object in left.expect("it lists") {
            store.delete(&object.location).await.expect("it is removed");
        }
        let disks = self.disks.iter().enumerate().map(|(number, disk)| Disk {
            name: format!("disk{number}"),
            size: disk.size(),
            path: String::new(),
        });
        let devices = self
            .disks
            .iter()
            .zip(&self.intents)
            .map(|(device, intents)| Protected {
                device: Arc::clone(device) as _,
                intents: Arc::clone(intents) as _,
            });
        let parts = Parts {
            witnessed: false,
            world: self.world.clone(),
            key: key(),
            group: ObjectId([1; 16]),
            generation: 1,
            disks: disks.collect(),
            devices: devices.collect(),
            confirmed,
            confirmed_at: None,
            suspect,
        };
        Source::open(parts, self.settings)
            .await
            .expect("a source opens")
    }
}

/// One site that follows.
#[derive(Debug)]
pub(super) struct There {
    pub(super) world: World,
    pub(super) shelf: Shelf,
    pub(super) retention: Retention,
}

impl There {
    pub(super) async fn new(clock: &Arc<Paused>, retention: Retention) -> Self {
        let world = world(clock);
        let member = begin(ObjectId([0; 16]), Role::Replica);
        Site::create(world.clone(), member)
            .await
            .expect("a new site");
        Self {
            world,
            shelf: Shelf::default(),
            retention,
        }
    }

    /// Begins, or begins again after a crash.
    pub(super) async fn open(&self) -> Arc<Replica> {
        let site = Site::load(self.world.clone())
            .await
            .expect("it loads")
            .expect("it is there");
        let disks = self.shelf.0.lock().expect("no one panicked").clone();
        let devices = disks.into_iter().map(|disk| disk as _).collect();
        let replica = Replica::open(Arc::new(site), key(), devices, self.retention).await;
        Arc::new(replica.expect("a replica opens"))
    }
}
