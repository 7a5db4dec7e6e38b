//! The store in which a simulated site keeps its record, its journal and its history: each put is there wholly or
//! not at all, however the site goes down.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use engine::format::member::{Member, Role};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::executor::Handle;

use super::Flaw;
use super::disk::Ailment;

/// Objects that are forgotten by a planted bug.
const FORGOTTEN: usize = 3;
/// How long half of a request takes.
const REQUEST_MICROS: u64 = 200;

/// The store.
pub(super) struct Depot {
    handle: Handle,
    inner: InMemory,
    ailment: Arc<Mutex<Ailment>>,
    flaw: Flaw,
    /// What was put into the history, oldest first.
    puts: Mutex<Vec<Path>>,
}

impl Depot {
    /// An empty one, on disks that ail as `ailment` says.
    pub(super) fn new(handle: Handle, ailment: Arc<Mutex<Ailment>>, flaw: Flaw) -> Self {
        Self {
            handle,
            inner: InMemory::new(),
            ailment,
            flaw,
            puts: Mutex::default(),
        }
    }

    /// The machine goes down: nothing is lost, but by a planted bug what was put last.
    pub(super) fn lose_power(&self) {
        let mut puts = self.puts.lock().unwrap_or_else(PoisonError::into_inner);
        let from = puts.len().saturating_sub(FORGOTTEN);
        for at in puts.drain(from..) {
            let _gone = self.inner.delete(&at).now_or_never();
        }
    }

    fn forgets(&self, at: &Path, payload: &PutPayload) -> bool {
        let bytes: Vec<u8> = payload.iter().flatten().copied().collect();
        self.flaw == Flaw::ForgetsFences
            && at.as_ref() == "member"
            && Member::read("member", &bytes).is_ok_and(|member| member.role == Role::Fenced)
    }
}

impl fmt::Debug for Depot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Depot")
    }
}

impl fmt::Display for Depot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a site's folder")
    }
}

#[async_trait]
impl ObjectStore for Depot {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.handle.sleep(REQUEST_MICROS).await;
        if self
            .ailment
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .full
        {
            let source: std::io::Error = std::io::ErrorKind::StorageFull.into();
            return Err(object_store::Error::Generic {
                store: "folder",
                source: Box::new(source),
            });
        }
        let put = if self.forgets(at, &payload) {
            PutResult {
                e_tag: None,
                version: None,
                extensions: object_store::Extensions::new(),
            }
        } else {
            self.inner.put_opts(at, payload, options).await?
        };
        if self.flaw == Flaw::ForgetsBatches && at.as_ref().starts_with("history/") {
            let mut puts = self.puts.lock().unwrap_or_else(PoisonError::into_inner);
            puts.push(at.clone());
        }
        self.handle.sleep(REQUEST_MICROS).await;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.handle.sleep(REQUEST_MICROS).await;
        self.inner.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let handle = self.handle.clone();
        let slow = places.then(move |at| {
            let wait = handle.sleep(REQUEST_MICROS);
            async move {
                wait.await;
                at
            }
        });
        self.inner.delete_stream(slow.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
