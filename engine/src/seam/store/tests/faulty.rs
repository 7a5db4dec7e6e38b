//! A store in memory whose calls fail as they are told to.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

use super::super::{Transient, with_body};

/// What happens to a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It is refused, and may be made again after so many seconds.
    Refused(Option<u64>),
    /// It is applied, and its answer is lost.
    Lost,
    /// It is refused, and another writer writes this.
    Overtaken(&'static str),
    /// Its body or list breaks off behind so many bytes or entries.
    Cut(usize),
    /// It is refused for good.
    Denied,
    /// It fails in a way that nobody knows.
    Broken,
}

impl Fault {
    fn error(self) -> Error {
        let source = "on purpose".into();
        match self {
            Self::Denied => Error::PermissionDenied {
                path: "a".to_owned(),
                source,
            },
            Self::Broken => Error::Generic {
                store: "faulty",
                source,
            },
            Self::Refused(seconds) => {
                Transient::new("503", seconds.map(Duration::from_secs)).into()
            }
            _ => Transient::new("reset", None).into(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Faulty {
    inner: Arc<InMemory>,
    faults: Mutex<VecDeque<Fault>>,
    calls: AtomicU64,
    offset_is_ignored: AtomicBool,
    overwrites: AtomicBool,
}

impl Faulty {
    pub(super) fn new(faults: &[Fault]) -> Self {
        let store = Self::default();
        store.add(faults);
        store
    }

    pub(super) fn add(&self, faults: &[Fault]) {
        self.faults.lock().expect("a lock").extend(faults);
    }

    pub(super) fn clear(&self) {
        self.faults.lock().expect("a lock").clear();
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn offset_is_ignored(&self, ignored: bool) {
        self.offset_is_ignored.store(ignored, Ordering::Relaxed);
    }

    pub(super) fn overwrites(&self) {
        self.overwrites.store(true, Ordering::Relaxed);
    }

    pub(super) async fn text(&self, at: &Path) -> String {
        let got = self.inner.get(at).await.expect("an object");
        let bytes = got.bytes().await.expect("its bytes");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    pub(super) async fn write(&self, at: &Path, text: &str) {
        let put = self.inner.put(at, text.to_owned().into());
        put.await.expect("a put");
    }

    fn next(&self) -> Option<Fault> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.faults.lock().expect("a lock").pop_front()
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

fn cut<T: Send + 'static>(
    whole: BoxStream<'static, Result<T>>,
    fault: Option<Fault>,
) -> BoxStream<'static, Result<T>> {
    match fault {
        None => whole,
        Some(Fault::Cut(after)) => {
            let broken = stream::once(async move { Err(Fault::Cut(after).error()) });
            whole.take(after).chain(broken).boxed()
        }
        Some(fault) => stream::once(async move { Err(fault.error()) }).boxed(),
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, put: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let mut opts = opts;
        if self.overwrites.load(Ordering::Relaxed) {
            opts.mode = PutMode::Overwrite;
        }
        match self.next() {
            None | Some(Fault::Cut(_)) => return self.inner.put_opts(at, put, opts).await,
            Some(Fault::Lost) => {
                self.inner.put_opts(at, put, opts).await?;
            }
            Some(Fault::Overtaken(theirs)) => self.write(at, theirs).await,
            Some(fault) => return Err(fault.error()),
        }
        Err(Fault::Lost.error())
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.next();
        let Some(Fault::Cut(after)) = fault else {
            return match fault {
                None => self.inner.get_opts(at, options).await,
                Some(fault) => Err(fault.error()),
            };
        };
        let got = self.inner.get_opts(at, options).await?;
        // Byte for byte, so that a cut falls anywhere.
        Ok(with_body(got, |body| {
            let bytes = body.flat_map(|bytes| {
                let bytes = bytes.expect("a body in memory");
                stream::iter((0..bytes.len()).map(move |index| Ok(bytes.slice(index..=index))))
            });
            cut(bytes.boxed(), Some(Fault::Cut(after)))
        }))
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.next() {
            None => {
                // As Azure and a disk do, and memory does not: what is absent is an error.
                let inner = Arc::clone(&self.inner);
                let deleted = places.then(move |at| {
                    let inner = Arc::clone(&inner);
                    async move {
                        let at = at?;
                        inner.head(&at).await?;
                        inner.delete(&at).await.map(|()| at)
                    }
                });
                deleted.boxed()
            }
            Some(Fault::Lost) => {
                let deleted = self.inner.delete_stream(places);
                deleted.map(|at| at.and(Err(Fault::Lost.error()))).boxed()
            }
            Some(fault) => places.map(move |_| Err(fault.error())).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        cut(self.inner.list(prefix), self.next())
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.offset_is_ignored.load(Ordering::Relaxed) {
            return self.list(prefix);
        }
        cut(self.inner.list_with_offset(prefix, offset), self.next())
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        match self.next() {
            Some(fault) => Err(fault.error()),
            None => self.inner.list_with_delimiter(prefix).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
