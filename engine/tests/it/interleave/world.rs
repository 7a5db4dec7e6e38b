//! A store shared by several machines, whose every call waits until the scheduler lets it through: one
//! at a time, in an order drawn from the seed, with time passing between. Lists are up to an hour behind;
//! a call may be applied and yet answered by an error, or be the last that its machine ever made.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use engine::seam::store::Transient;
use engine::seam::{Clock, Entropy, Store, Task, Traffic, Workers, World};
use engine::units::Timestamp;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

const SECOND: i128 = 1_000_000_000;
/// How far a list may be behind, in nanoseconds.
pub(crate) const LIST_DELAY: u64 = 3_600_000_000_000;

/// Numbers that follow from a seed (`SplitMix64`; Steele, Lea, Flood, OOPSLA 2014).
#[derive(Debug)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Served,
    /// Applied or not, and answered by an error, which is worth another attempt or not.
    Lost(bool, bool),
    /// Applied or not, and never answered: the machine is gone.
    Last(bool),
}

#[derive(Debug)]
struct Waiting {
    call: u64,
    machine: usize,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Listed {
    written: i128,
    shown_from: i128,
    /// Removed, and still listed until then.
    ghost_until: Option<i128>,
    bytes: u64,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) draw: Draw,
    pub(crate) now: i128,
    listed: BTreeMap<Path, Listed>,
    waiting: Vec<Waiting>,
    granted: Option<(u64, Fate)>,
    calls: u64,
    /// Machines that are gone and not yet cleared away.
    pub(crate) gone: Vec<usize>,
    pub(crate) trouble: bool,
}

/// The shared world.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    pub(crate) objects: Arc<InMemory>,
}

impl Shared {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            draw: Draw(seed),
            now: 1_750_000_000 * SECOND,
            listed: BTreeMap::new(),
            waiting: Vec::new(),
            granted: None,
            calls: 0,
            gone: Vec::new(),
            trouble: true,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            objects: Arc::new(InMemory::new()),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no call panicked")
    }

    /// Lets one of the waiting calls through; tells its machine, `None` when none waits.
    pub(crate) fn grant(&self) -> Option<usize> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            return None;
        }
        let passed = match state.draw.below(100) {
            0..82 => i128::from(state.draw.below(1000)) * SECOND / 1000,
            82..98 => i128::from(state.draw.below(600)) * SECOND,
            _ => i128::from(state.draw.below(10 * 3600)) * SECOND,
        };
        state.now += passed;
        let count = state.waiting.len() as u64;
        let at = state.draw.below(count) as usize;
        let fate = match state.draw.below(400) {
            _ if !state.trouble => Fate::Served,
            0 => Fate::Last(false),
            1 => Fate::Last(true),
            lost @ 2..10 => Fate::Lost(lost % 2 == 0, lost > 3),
            _ => Fate::Served,
        };
        let waiting = state.waiting.swap_remove(at);
        state.granted = Some((waiting.call, fate));
        waiting.waker.wake();
        Some(waiting.machine)
    }

    /// Forgets the calls of a machine that is gone.
    pub(crate) fn clear(&self, machine: usize) {
        let mut state = self.lock();
        state.waiting.retain(|waiting| waiting.machine != machine);
        state.gone.retain(|gone| *gone != machine);
    }

    /// The world as the machine `number` has it, its clock off by `skew_seconds`.
    pub(crate) fn machine(&self, number: usize, skew_seconds: i64, view: View) -> (World, Tasks) {
        let tasks = Tasks::default();
        let store: Store = Arc::new(Remote {
            shared: self.clone(),
            machine: number,
            view,
        });
        let clock = Skewed(self.clone(), skew_seconds, number);
        let entropy = Arc::new(Drawn(self.clone()));
        let workers = Arc::new(tasks.clone());
        let world = World::new(store, Arc::new(clock), entropy, workers, Traffic::default());
        (world, tasks)
    }
}

/// What of the store a machine is wrong about: the planted bugs, without a line of them in the engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// Takes its own clock, so many seconds ahead, for the store's.
    pub(crate) own_clock_ahead: Option<i64>,
    /// Sees no tombstones.
    pub(crate) blind_to_tombstones: bool,
    /// Sees points as they were when it first looked: sweeps without a new mark.
    pub(crate) remembers_points: Option<Arc<Mutex<Option<Vec<ObjectMeta>>>>>,
}

struct Skewed(Shared, i64, usize);

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanoseconds(self.0.lock().now + i128::from(self.1) * SECOND)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.lock().now).unwrap_or_default())
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        let (shared, machine) = (self.0.clone(), self.2);
        let wait = i128::try_from(wait.as_nanos()).unwrap_or_default();
        let until = shared.lock().now + wait;
        Box::pin(async move {
            while shared.lock().now < until {
                turn(&shared, machine).await;
            }
        })
    }
}

struct Drawn(Shared);

impl Entropy for Drawn {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock();
        for byte in buffer {
            *byte = state.draw.next() as u8;
        }
    }
}

/// Tasks beside the machine's main one; computations run at once.
#[derive(Clone, Default)]
pub(crate) struct Tasks(pub(crate) Arc<Mutex<Vec<Task>>>);

impl Workers for Tasks {
    fn cores(&self) -> usize {
        1
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }

    fn spawn(&self, task: Task) {
        self.0.lock().expect("no task panicked").push(task);
    }
}

#[derive(Debug)]
struct Remote {
    shared: Shared,
    machine: usize,
    view: View,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "machine {}'s way to the store", self.machine)
    }
}

fn lost(passing: bool) -> object_store::Error {
    if passing {
        return Transient::new("the answer was lost", None).into();
    }
    object_store::Error::Generic {
        store: "interleaved",
        source: "the answer was lost".into(),
    }
}

/// Waits for the scheduler; tells what becomes of the call.
async fn turn(shared: &Shared, machine: usize) -> Fate {
    let call = {
        let mut state = shared.lock();
        state.calls += 1;
        state.calls
    };
    poll_fn(|context| {
        let mut state = shared.lock();
        match state.granted {
            Some((granted, fate)) if granted == call => {
                state.granted = None;
                return Poll::Ready(fate);
            }
            _ => {}
        }
        let waker = context.waker().clone();
        match state.waiting.iter_mut().find(|other| other.call == call) {
            Some(waiting) => waiting.waker = waker,
            None => state.waiting.push(Waiting {
                call,
                machine,
                waker,
            }),
        }
        Poll::Pending
    })
    .await
}

impl Remote {
    /// Makes a call that changes something.
    async fn change<T>(&self, apply: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        change(&self.shared, self.machine, apply).await
    }
}

async fn change<T>(
    shared: &Shared,
    machine: usize,
    apply: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    match turn(shared, machine).await {
        Fate::Served => apply().await,
        Fate::Lost(applied, passing) => {
            if applied {
                apply().await?;
            }
            Err(lost(passing))
        }
        Fate::Last(applied) => {
            if applied {
                let _ = apply().await.is_ok();
            }
            shared.lock().gone.push(machine);
            std::future::pending().await
        }
    }
}

#[async_trait]
impl ObjectStore for Remote {
    async fn put_opts(&self, at: &Path, put: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.change(async || {
            let bytes = put.content_length() as u64;
            let overwrites = matches!(opts.mode, PutMode::Overwrite);
            let result = self.shared.objects.put_opts(at, put, opts).await?;
            let mut state = self.shared.lock();
            let now = state.now;
            let behind = if state.draw.once_in(2) { LIST_DELAY } else { 1 };
            let delay = i128::from(state.draw.below(behind));
            let before = state
                .listed
                .get(at)
                .filter(|before| before.ghost_until.is_none());
            let shown_from = match before {
                Some(before) if overwrites => before.shown_from,
                _ => now + delay,
            };
            let listed = Listed {
                written: now,
                shown_from,
                ghost_until: None,
                bytes,
            };
            state.listed.insert(at.clone(), listed);
            Ok(result)
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(object_store::Error::NotImplemented {
            operation: "multipart".into(),
            implementer: "interleaved".into(),
        })
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        self.change(async || {
            let mut result = self.shared.objects.get_opts(at, options).await?;
            let state = self.shared.lock();
            let written = state.listed.get(at).map_or(0, |listed| listed.written);
            result.meta.last_modified = date(match self.view.own_clock_ahead {
                Some(ahead) if head => state.now + i128::from(ahead) * SECOND,
                _ => written,
            });
            Ok(result)
        })
        .await
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (shared, machine) = (self.shared.clone(), self.machine);
        places
            .then(move |at| {
                let shared = shared.clone();
                async move {
                    let at = at?;
                    change(&shared, machine, async || {
                        let gone: BoxStream<'static, Result<Path>> =
                            futures::stream::iter([Ok(at.clone())]).boxed();
                        let mut gone = shared.objects.delete_stream(gone);
                        while let Some(gone) = gone.next().await {
                            gone?;
                        }
                        let mut state = shared.lock();
                        let delay = i128::from(state.draw.below(LIST_DELAY));
                        let until = state.now + delay;
                        if let Some(listed) = state.listed.get_mut(&at) {
                            listed.ghost_until = Some(until);
                        }
                        Ok(())
                    })
                    .await?;
                    Ok(at)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (shared, machine, view) = (self.shared.clone(), self.machine, self.view.clone());
        let prefix = prefix.cloned().unwrap_or_default();
        let listing = async move {
            change(&shared, machine, async || {
                Ok(listed(&shared, &prefix, &view))
            })
            .await
        };
        futures::stream::once(listing)
            .flat_map(|listing| match listing {
                Ok(objects) => futures::stream::iter(objects).map(Ok).boxed(),
                Err(error) => futures::stream::iter([Err(error)]).boxed(),
            })
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.shared.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.shared.objects.copy_opts(from, to, options).await
    }
}

/// What a list shows now.
fn listed(shared: &Shared, prefix: &Path, view: &View) -> Vec<ObjectMeta> {
    if view.blind_to_tombstones && prefix.as_ref() == "tombstones" {
        return Vec::new();
    }
    let state = shared.lock();
    let shown = state.listed.iter().filter(|(at, listed)| {
        let there = match listed.ghost_until {
            Some(until) => state.now < until,
            None => state.now >= listed.shown_from,
        };
        there && at.prefix_matches(prefix)
    });
    let shown: Vec<ObjectMeta> = shown
        .map(|(at, listed)| ObjectMeta {
            location: at.clone(),
            last_modified: date(listed.written),
            size: listed.bytes,
            e_tag: None,
            version: None,
        })
        .collect();
    match &view.remembers_points {
        Some(memory) if prefix.as_ref() == "points" => {
            let mut memory = memory.lock().expect("no list panicked");
            memory.get_or_insert(shown).clone()
        }
        _ => shown,
    }
}

fn date(nanoseconds: i128) -> chrono::DateTime<chrono::Utc> {
    let at = Timestamp::from_nanoseconds(nanoseconds);
    chrono::DateTime::from_timestamp(at.seconds, at.nanos).unwrap_or_default()
}
