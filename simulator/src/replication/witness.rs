//! The witness as a site reaches it: what the two sites put there lies in one place, and each may lose its way there.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::executor::Handle;
use crate::scenario::SECOND;

/// How long half of a request takes.
const REQUEST_MICROS: u64 = 20_000;
/// A request without an answer is given up after so long.
const LOST_MICROS: u64 = 4 * SECOND;

/// One site's way to the witness.
pub(super) struct Reach {
    handle: Handle,
    inner: Arc<InMemory>,
    away: Arc<AtomicBool>,
}

impl Reach {
    /// A way to what lies in `inner`, which carries nothing while `away`.
    pub(super) fn new(handle: Handle, inner: Arc<InMemory>, away: Arc<AtomicBool>) -> Self {
        Self {
            handle,
            inner,
            away,
        }
    }

    /// Half of a request: there, or back.
    async fn pass(&self) -> Result<()> {
        pass(&self.handle, &self.away).await
    }
}

async fn pass(handle: &Handle, away: &AtomicBool) -> Result<()> {
    handle.sleep(REQUEST_MICROS).await;
    if away.load(Ordering::Relaxed) {
        handle.sleep(LOST_MICROS).await;
        return Err(Error::Generic {
            store: "witness",
            source: "no answer came".into(),
        });
    }
    Ok(())
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach")
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the witness")
    }
}

#[async_trait]
impl ObjectStore for Reach {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.pass().await?;
        let put = self.inner.put_opts(at, payload, options).await;
        // What was put is there, whether its answer comes or not.
        self.pass().await?;
        put
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.pass().await?;
        let got = self.inner.get_opts(at, options).await;
        self.pass().await?;
        got
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(places)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (handle, inner) = (self.handle.clone(), Arc::clone(&self.inner));
        let (away, prefix) = (Arc::clone(&self.away), prefix.cloned());
        let listed = async move {
            pass(&handle, &away).await?;
            let listed: Vec<_> = inner.list(prefix.as_ref()).collect().await;
            pass(&handle, &away).await?;
            Ok::<_, Error>(listed)
        };
        let listed = stream::once(listed).flat_map(|listed| match listed {
            Ok(listed) => stream::iter(listed),
            Err(error) => stream::iter(vec![Err(error)]),
        });
        listed.boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
