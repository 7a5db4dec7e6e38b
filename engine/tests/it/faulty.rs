//! A store in memory whose clock stands until a test moves it, and ways to it that fail at a chosen
//! call: refused, applied and not answered, or the last that its machine ever made.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use engine::seam::store::Transient;
use engine::seam::{Clock, Entropy, Store, Task, Traffic, Workers, World};
use engine::units::Timestamp;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

const SECOND: i128 = 1_000_000_000;
/// What every call takes: no two objects are written at the same instant.
const CALL: i128 = SECOND / 1000;

/// What becomes of the chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused for now, and worth another attempt.
    Refused,
    /// It is applied and its answer is lost, which is worth another attempt.
    Lost,
    /// It fails for good.
    Failed,
    /// It is applied, and yet fails for good.
    FailedApplied,
    /// Its machine is gone before it was applied: no call of that machine is served any more.
    Crash,
    /// Its machine is gone just after it was applied.
    CrashApplied,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::Refused,
        Self::Lost,
        Self::Failed,
        Self::FailedApplied,
        Self::Crash,
        Self::CrashApplied,
    ];

    /// Whether the call was applied, which makes no difference to one that only reads.
    pub(crate) fn is_applied(self) -> bool {
        matches!(self, Self::Lost | Self::FailedApplied | Self::CrashApplied)
    }

    /// Whether the call is worth another attempt.
    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::Refused | Self::Lost)
    }
}

#[derive(Clone, Debug)]
struct State {
    now: i128,
    written: BTreeMap<Path, i128>,
    /// Where the next bytes drawn come from.
    drawn: u64,
}

/// What machines share: objects, and the clock that dates them.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    objects: Arc<InMemory>,
    state: Arc<Mutex<State>>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let state = State {
            now: 1_764_000_000 * SECOND,
            written: BTreeMap::new(),
            drawn: 0,
        };
        Self {
            objects: Arc::new(InMemory::new()),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Another disk that holds the same from now on.
    pub(crate) fn copied(&self) -> Self {
        Self {
            objects: Arc::new(self.objects.fork()),
            state: Arc::new(Mutex::new(self.lock().clone())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no call panicked")
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.lock().now += i128::from(seconds) * SECOND;
    }

    /// All that is in it.
    pub(crate) async fn content(&self) -> Vec<(Path, Vec<u8>)> {
        let listed: Vec<_> = self.objects.list(None).collect().await;
        let mut content = Vec::new();
        for object in listed {
            let at = object.expect("an object").location;
            let got = self.objects.get(&at).await.expect("an object");
            let bytes = got.bytes().await.expect("its bytes");
            content.push((at, bytes.to_vec()));
        }
        content
    }

    /// Bytes of all that is in it.
    pub(crate) async fn stored_bytes(&self) -> u64 {
        let listed: Vec<_> = self.objects.list(None).collect().await;
        let objects = listed.into_iter().map(|object| object.expect("an object"));
        objects.map(|object| object.size).sum()
    }

    /// A sound way to it.
    pub(crate) fn way(&self) -> Arc<Way> {
        self.faulty(Calls::All, u64::MAX, Fault::Failed)
    }

    /// A way to it on which one call fails, the first of those counted being 0.
    pub(crate) fn faulty(&self, counted: Calls, number: u64, fault: Fault) -> Arc<Way> {
        Arc::new(Way {
            disk: self.clone(),
            counted,
            number,
            fault,
            calls: Arc::default(),
        })
    }

    /// The world of a machine that reaches the store on `way`: it computes on the spot, one thing after
    /// the other, its clock is the store's, and waiting takes no time. What it draws follows from what
    /// was drawn before: a run is the same each time.
    pub(crate) fn world(&self, way: &Arc<Way>) -> World {
        let store: Store = Arc::<Way>::clone(way);
        let (clock, entropy) = (Arc::new(self.clone()), Arc::new(self.clone()));
        World::new(store, clock, entropy, Arc::new(Alone), Traffic::default())
    }
}

impl Clock for Disk {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanoseconds(self.lock().now)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.lock().now).unwrap_or_default())
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.lock().now += i128::try_from(wait.as_nanos()).unwrap_or_default();
        Box::pin(std::future::ready(()))
    }
}

impl Entropy for Disk {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.lock();
        state.drawn += 1;
        blake3::Hasher::new()
            .update(&state.drawn.to_le_bytes())
            .finalize_xof()
            .fill(buffer);
    }
}

/// Computes on the spot.
struct Alone;

impl Workers for Alone {
    fn cores(&self) -> usize {
        1
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "on the one thread of the test's runtime"
    )]
    fn spawn(&self, task: Task) {
        drop(tokio::spawn(task));
    }
}

/// Which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    All,
    /// Those that write.
    Puts,
}

/// A way to a disk.
#[derive(Debug)]
pub(crate) struct Way {
    disk: Disk,
    counted: Calls,
    number: u64,
    fault: Fault,
    /// Each call that was counted: whether it changes something.
    calls: Arc<Mutex<Vec<bool>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Read,
    Put,
    Delete,
}

impl Way {
    /// What was asked for, call by call: whether it changes something.
    pub(crate) fn calls(&self) -> Vec<bool> {
        self.calls.lock().expect("no call panicked").clone()
    }

    /// Makes a call, or does not.
    async fn call<T>(&self, what: What, apply: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let fault = self.next(what);
        self.disk.lock().now += CALL;
        match fault {
            None => apply().await,
            Some(fault) => {
                if fault.is_applied() {
                    apply().await?;
                }
                Err(lost(fault))
            }
        }
    }

    fn next(&self, what: What) -> Option<Fault> {
        let mut calls = self.calls.lock().expect("no call panicked");
        let number = calls.len() as u64;
        let is_crash = matches!(self.fault, Fault::Crash | Fault::CrashApplied);
        if is_crash && number > self.number {
            return Some(Fault::Crash);
        }
        if self.counted == Calls::Puts && what != What::Put {
            return None;
        }
        calls.push(what != What::Read);
        (number == self.number).then_some(self.fault)
    }

    fn again(&self) -> Self {
        Self {
            disk: self.disk.clone(),
            calls: Arc::clone(&self.calls),
            ..*self
        }
    }

    /// An object as the disk's clock dates it.
    fn dated(&self, mut object: ObjectMeta) -> ObjectMeta {
        let written = self.disk.lock().written.get(&object.location).copied();
        let written = Timestamp::from_nanoseconds(written.unwrap_or_default());
        let date = chrono::DateTime::from_timestamp(written.seconds, written.nanos);
        object.last_modified = date.unwrap_or_default();
        object
    }
}

fn lost(fault: Fault) -> object_store::Error {
    if fault.passes() {
        return Transient::new("on purpose", None).into();
    }
    object_store::Error::Generic {
        store: "faulty",
        source: "on purpose".into(),
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a way to a disk")
    }
}

#[async_trait]
impl ObjectStore for Way {
    async fn put_opts(&self, at: &Path, put: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.call(What::Put, async || {
            let result = self.disk.objects.put_opts(at, put, opts).await?;
            let mut state = self.disk.lock();
            let now = state.now;
            state.written.insert(at.clone(), now);
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
            implementer: "faulty".into(),
        })
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.call(What::Read, async || {
            let mut result = self.disk.objects.get_opts(at, options).await?;
            result.meta = self.dated(result.meta);
            Ok(result)
        })
        .await
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let way = Arc::new(self.again());
        let deleted = places.then(move |at| {
            let way = Arc::clone(&way);
            async move {
                let at = at?;
                way.call(What::Delete, async || way.disk.objects.delete(&at).await)
                    .await?;
                Ok(at)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (way, prefix) = (self.again(), prefix.cloned());
        let listing = async move {
            let listed = way.call(What::Read, async || {
                let listed: Vec<_> = way.disk.objects.list(prefix.as_ref()).collect().await;
                Ok(listed)
            });
            match listed.await {
                Ok(listed) => {
                    let dated = listed.into_iter().map(|object| Ok(way.dated(object?)));
                    dated.collect::<Vec<_>>()
                }
                Err(error) => vec![Err(error)],
            }
        };
        stream::once(listing).flat_map(stream::iter).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.disk.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.disk.objects.copy_opts(from, to, options).await
    }
}
