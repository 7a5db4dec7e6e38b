//! A store that counts what is asked of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::{Store, with_body};

/// Entries on a page of a list, each page being a request: S3's. Azure's pages have up to 5,000, so
/// that long lists there are counted too high rather than too low.
const PAGE_ENTRIES: u64 = 1000;

/// What was asked of a store; attempts that failed are requests too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Objects written.
    pub put: u64,
    /// Objects read, wholly or in part.
    pub get: u64,
    /// Pages of lists.
    pub list: u64,
    /// Questions whether an object is there.
    pub head: u64,
    /// Objects deleted.
    pub delete: u64,
    /// Bytes of the bodies sent.
    pub sent_bytes: u64,
    /// Bytes of the bodies received.
    pub received_bytes: u64,
}

impl Requests {
    /// Requests of every class.
    pub fn all(self) -> u64 {
        self.put + self.get + self.list + self.head + self.delete
    }

    /// Bytes of bodies, in both directions.
    pub fn moved_bytes(self) -> u64 {
        self.sent_bytes + self.received_bytes
    }
}

#[derive(Debug, Default)]
struct Counts {
    put: AtomicU64,
    get: AtomicU64,
    list: AtomicU64,
    head: AtomicU64,
    delete: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

fn add(to: &AtomicU64, count: u64) {
    to.fetch_add(count, Ordering::Relaxed);
}

/// The counts of a store, shared by everyone who holds a copy of it.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counts>);

impl Meter {
    /// What was asked so far.
    pub fn read(&self) -> Requests {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Requests {
            put: read(&self.0.put),
            get: read(&self.0.get),
            list: read(&self.0.list),
            head: read(&self.0.head),
            delete: read(&self.0.delete),
            sent_bytes: read(&self.0.sent),
            received_bytes: read(&self.0.received),
        }
    }
}

/// Counts requests and the bytes of bodies. What a vault never asks, several parts and copies inside
/// of the store, goes through uncounted.
#[derive(Debug)]
pub struct Metered {
    inner: Store,
    meter: Meter,
}

impl Metered {
    /// Counts what is asked of `inner` on `meter`.
    pub fn new(inner: Store, meter: Meter) -> Self {
        Self { inner, meter }
    }

    fn pages(
        &self,
        entries: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let meter = self.meter.clone();
        add(&meter.0.list, 1);
        let count = entries.enumerate().map(move |(index, entry)| {
            if index > 0 && (index as u64).is_multiple_of(PAGE_ENTRIES) {
                add(&meter.0.list, 1);
            }
            entry
        });
        count.boxed()
    }
}

impl fmt::Display for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metered {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Metered {
    async fn put_opts(&self, at: &Path, put: PutPayload, opts: PutOptions) -> Result<PutResult> {
        add(&self.meter.0.put, 1);
        add(&self.meter.0.sent, put.content_length() as u64);
        self.inner.put_opts(at, put, opts).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            add(&self.meter.0.head, 1);
            return self.inner.get_opts(at, options).await;
        }
        add(&self.meter.0.get, 1);
        let got = self.inner.get_opts(at, options).await?;
        let meter = self.meter.clone();
        if matches!(got.payload, GetResultPayload::File(..)) {
            // It is read at once, and not piece by piece.
            add(&meter.0.received, got.range.end - got.range.start);
            return Ok(got);
        }
        Ok(with_body(got, move |body| {
            let count = body.inspect(move |bytes| {
                add(
                    &meter.0.received,
                    bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
                );
            });
            count.boxed()
        }))
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let meter = self.meter.clone();
        let counted = places.inspect(move |_| add(&meter.0.delete, 1));
        self.inner.delete_stream(counted.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        add(&self.meter.0.list, 1);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
