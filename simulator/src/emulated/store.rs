//! The store at the other end of the network: an `ObjectStore` over a storage account of the world.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use engine::format::layout::path;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, Extensions, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use crate::draw::Draws;
use crate::network::Roads;
use crate::world::account::{Endpoint, Seen};

use super::host::Host;
use super::request::{Fate, Line, Request, Service};

/// Names on a page of a list: Azure's. <https://learn.microsoft.com/rest/api/storageservices/list-blobs>
const PAGE_NAMES: usize = 5000;

/// How many bytes one of an object stands for, by its place in its vault, where one of a disk stands for `scale`. Packs
/// and indexes are as large as what was backed up; manifests, marks and leases are hardly larger for a large disk.
pub(super) fn scale_of(at: &Path, scale: u64) -> u64 {
    let is_data = at.prefix_matches(&path::packs()) || at.prefix_matches(&path::indexes());
    if is_data { scale } else { 1 }
}

/// A vault's store as one host reaches it.
pub struct RemoteStore<S>(Arc<Inner<S>>);

struct Inner<S> {
    line: Line<S>,
    /// The folder of the account that is the vault's.
    folder: String,
    /// What a byte of a disk stands for.
    scale: u64,
    draws: Draws,
    entity: String,
    /// Requests so far: each has draws of its own.
    requests: AtomicU64,
}

impl<S> Clone for RemoteStore<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for RemoteStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<S> fmt::Display for RemoteStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s way to {}", self.0.line.host, self.0.folder)
    }
}

impl<S: Service> RemoteStore<S> {
    /// The way of `host` over `roads` to the folder `folder` of a service. Each real byte of data stands for `scale`;
    /// what goes wrong is drawn from `draws`.
    pub fn new(
        host: Host,
        roads: Roads,
        service: S,
        folder: &str,
        scale: u64,
        draws: Draws,
    ) -> Self {
        Self(Arc::new(Inner {
            entity: format!("{host} and {folder}"),
            line: Line {
                host,
                roads,
                service,
            },
            scale,
            folder: folder.to_owned(),
            draws,
            requests: AtomicU64::new(0),
        }))
    }
}

impl<S: Service> Inner<S> {
    fn key(&self, at: &Path) -> String {
        format!("{}/{at}", self.folder)
    }

    /// What becomes of the next request.
    fn fate(&self) -> Fate {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let errors = self.line.service.errors_ppm();
        if errors == 0 {
            return Fate::Served;
        }
        let mut stream = self.draws.stream(&self.entity, "fate", number);
        if !stream.part_per_million(errors) {
            return Fate::Served;
        }
        match stream.below(3) {
            0 => Fate::Failed,
            1 => Fate::Throttled,
            _ => Fate::AnswerLost,
        }
    }

    /// How large so many real bytes of an object are, scaled.
    fn stated(&self, at: &Path, bytes: u64) -> u64 {
        bytes.saturating_mul(scale_of(at, self.scale))
    }

    /// A request that changes something, with a body of so many bytes, scaled.
    async fn change<T>(
        &self,
        bytes: u64,
        apply: impl FnOnce(&Self, u64) -> Result<T> + Send,
    ) -> Result<T> {
        self.line.ask(bytes).await?;
        if self.line.service.endpoint() == Endpoint::Secondary {
            self.line.answer(Fate::Served, 0).await?;
            return Err(read_only(&self.folder));
        }
        let fate = self.fate();
        let applied = match fate {
            Fate::Served | Fate::AnswerLost => Some(apply(self, self.line.host.handle.now())),
            Fate::Failed | Fate::Throttled => None,
        };
        self.line.answer(fate, 0).await?;
        applied.unwrap_or_else(|| Err(read_only(&self.folder)))
    }

    async fn put(&self, at: &Path, payload: PutPayload, mode: PutMode) -> Result<PutResult> {
        let bytes: Bytes = payload.into();
        let stated = self.stated(at, bytes.len() as u64);
        let new = match mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => return Err(not_offered("conditional replacement")),
        };
        let key = self.key(at);
        let put = self.change(stated, move |inner, now| {
            let number = fingerprint(&key, &bytes);
            let put = inner
                .line
                .service
                .account()
                .put(now, key.clone(), bytes, stated, new);
            inner.line.served(Request::Put, stated, number);
            put.then_some(()).ok_or_else(|| Error::AlreadyExists {
                path: key,
                source: "the name is taken".into(),
            })
        });
        put.await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
            extensions: Extensions::default(),
        })
    }

    async fn get(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.line.ask(0).await?;
        let (fate, key, now) = (self.fate(), self.key(at), self.line.host.handle.now());
        let endpoint = self.line.service.endpoint();
        let found = {
            let mut account = self.line.service.account();
            let seen = account.get(now, endpoint, &key);
            seen.map(|seen| (self.meta(at.clone(), &seen), seen.value.clone()))
        };
        let request = if options.head {
            Request::Head
        } else {
            Request::Get
        };
        let Some((meta, bytes)) = found else {
            self.line.served(request, 0, 0);
            self.line.answer(fate, 0).await?;
            return Err(Error::NotFound {
                path: key,
                source: "there is no such object".into(),
            });
        };
        options.check_preconditions(&meta)?;
        let whole = 0..meta.size;
        let range = match &options.range {
            Some(range) => range.as_range(meta.size).map_err(|error| Error::Generic {
                store: "simulated",
                source: error.into(),
            })?,
            None => whole,
        };
        let body = if options.head {
            Bytes::new()
        } else {
            bytes.slice(range.start as usize..range.end as usize)
        };
        let size = body.len() as u64;
        let stated = self.stated(at, size);
        self.line.served(request, stated, size);
        self.line.answer(fate, stated).await?;
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(body)]).boxed()),
            meta,
            range,
            attributes: object_store::Attributes::default(),
            extensions: Extensions::default(),
        })
    }

    async fn list(&self, prefix: Option<Path>, after: Option<Path>) -> Result<Vec<ObjectMeta>> {
        self.line.ask(0).await?;
        let fate = self.fate();
        let folder = match &prefix {
            Some(prefix) if !prefix.as_ref().is_empty() => self.key(prefix) + "/",
            _ => format!("{}/", self.folder),
        };
        let (now, endpoint) = (self.line.host.handle.now(), self.line.service.endpoint());
        let found: Vec<ObjectMeta> = {
            let mut account = self.line.service.account();
            let found = account.list(now, endpoint, &folder);
            let own = self.folder.len() + 1;
            let metas = found
                .into_iter()
                .map(|(key, seen)| self.meta(Path::from(&key[own..]), &seen));
            metas
                .filter(|meta| after.as_ref().is_none_or(|after| meta.location > *after))
                .collect()
        };
        self.line.served(Request::List, 0, found.len() as u64);
        self.line.answer(fate, 0).await?;
        for _ in 1..found.len().div_ceil(PAGE_NAMES) {
            self.line.ask(0).await?;
            self.line.served(Request::List, 0, 0);
            self.line.answer(Fate::Served, 0).await?;
        }
        Ok(found)
    }

    async fn delete(&self, at: Path) -> Result<Path> {
        let key = self.key(&at);
        let deleted = self.change(0, move |inner, now| {
            let there = inner.line.service.account().delete(now, &key);
            inner
                .line
                .served(Request::Delete, 0, fingerprint(&key, &[]));
            there.then_some(()).ok_or_else(|| Error::NotFound {
                path: key,
                source: "there is no such object".into(),
            })
        });
        deleted.await?;
        Ok(at)
    }

    /// What is told of an object: its real size, and when it was written in whole seconds, as HTTP does.
    fn meta(&self, location: Path, seen: &Seen<'_, Bytes>) -> ObjectMeta {
        let seconds = (seen.written / 1_000_000).cast_signed();
        let start = self.line.host.start.seconds;
        ObjectMeta {
            location,
            last_modified: date(start + seconds),
            size: seen.value.len() as u64,
            e_tag: None,
            version: None,
        }
    }
}

fn date(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// What was written, as one number for the trace.
fn fingerprint(key: &str, bytes: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes()).update(bytes);
    let mut number = [0; 8];
    hasher.finalize_xof().fill(&mut number);
    u64::from_le_bytes(number)
}

fn read_only(folder: &str) -> Error {
    Error::PermissionDenied {
        path: folder.to_owned(),
        source: "the second region can only be read".into(),
    }
}

fn not_offered(operation: &str) -> Error {
    Error::NotImplemented {
        operation: operation.into(),
        implementer: "the simulated store".into(),
    }
}

#[async_trait]
impl<S: Service> ObjectStore for RemoteStore<S> {
    async fn put_opts(&self, at: &Path, put: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.0.put(at, put, opts.mode).await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(not_offered("several parts"))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get(at, options).await
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.0);
        let deleted = places.then(move |at| {
            let inner = Arc::clone(&inner);
            async move { inner.delete(at?).await }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        listed(Arc::clone(&self.0), prefix.cloned(), None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        listed(Arc::clone(&self.0), prefix.cloned(), Some(offset.clone()))
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(not_offered("listing by folders"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_offered("copying"))
    }
}

fn listed<S: Service>(
    inner: Arc<Inner<S>>,
    prefix: Option<Path>,
    after: Option<Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let listed = async move {
        match inner.list(prefix, after).await {
            Ok(found) => stream::iter(found).map(Ok).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    };
    stream::once(listed).flatten().boxed()
}
