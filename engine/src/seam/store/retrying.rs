//! The one retry layer: every call to a store goes through it, and no store retries by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

use super::transient::patience_for;
use super::{Body, Store, Transient, with_body};
use crate::seam::{Clock, Entropy};

/// Deletes under way at once where many are asked for. Each is a request of its own, so that each
/// one's fate is known; as many as `object_store` has under way in its own stream of deletes.
const DELETES_AT_ONCE: usize = 20;

/// How often, and for how long, a call that may end better is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all.
    pub attempts: u32,
    /// The most that is waited before the second attempt; doubled before each later one.
    pub first_wait: Duration,
    /// The most that is waited before any attempt, unless the store asks for more.
    pub longest_wait: Duration,
    /// Waits of one call together.
    pub waits: Duration,
}

impl Retries {
    /// For work under way: the defaults of `object_store` and of the vendors' own clients, ten attempts
    /// within three minutes, from 0.1 s to 15 s. With full jitter that is 20 s of waits on average,
    /// longer than a partition takes to move or a server to restart.
    pub const PATIENT: Self = Self {
        attempts: 10,
        first_wait: Duration::from_millis(100),
        longest_wait: Duration::from_secs(15),
        waits: Duration::from_mins(3),
    };
    /// For the first call to a place that a person named: a wrong address is likelier than a bad
    /// moment, and someone waits for the answer. At most 0.7 s of waits.
    pub const BRIEF: Self = Self {
        attempts: 4,
        ..Self::PATIENT
    };
}

#[derive(Clone)]
struct Patience {
    retries: Retries,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What one call has cost so far.
#[derive(Default)]
struct Attempts {
    failed: u32,
    waited: Duration,
}

impl Attempts {
    /// Waits before the next attempt, or gives `error` back.
    async fn after(&mut self, patience: &Patience, error: Error) -> Result<()> {
        let Some(asked) = patience_for(&error) else {
            return Err(error);
        };
        let retries = patience.retries;
        let doubled = 2_u32.saturating_pow(self.failed);
        let most = retries
            .first_wait
            .saturating_mul(doubled)
            .min(retries.longest_wait);
        let wait = part_of(most, &*patience.entropy).max(asked);
        self.failed += 1;
        self.waited = self.waited.saturating_add(wait);
        if self.failed >= retries.attempts || self.waited > retries.waits {
            return Err(error);
        }
        patience.clock.sleep(wait).await;
        Ok(())
    }
}

/// Full jitter: anything up to `most`, so that callers who failed together do not return together.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
fn part_of(most: Duration, entropy: &dyn Entropy) -> Duration {
    let mut draw = [0; 4];
    entropy.fill(&mut draw);
    let share = most.as_nanos() * u128::from(u32::from_le_bytes(draw)) / u128::from(u32::MAX);
    Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
}

/// A store that is asked again where another attempt may end better. What a vault never asks,
/// uploads in several parts and copies inside of the store, goes through once.
#[derive(Clone)]
pub struct Retrying {
    inner: Store,
    patience: Patience,
}

impl Retrying {
    /// Asks `inner` as `retries` say, waiting by `clock`, with jitter from `entropy`.
    pub fn new(
        inner: Store,
        retries: Retries,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let patience = Patience {
            retries,
            clock,
            entropy,
        };
        Self { inner, patience }
    }

    /// Makes `call` until it ends well or for good.
    async fn again<T, F: Future<Output = Result<T>>>(
        &self,
        attempts: &mut Attempts,
        call: impl Fn() -> F,
    ) -> Result<T> {
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => attempts.after(&self.patience, error).await?,
            }
        }
    }

    async fn delete_one(&self, at: Path) -> Result<Path> {
        let mut attempts = Attempts::default();
        match self.again(&mut attempts, || self.inner.delete(&at)).await {
            // The attempt before was applied, and its answer lost.
            Err(Error::NotFound { .. }) if attempts.failed > 0 => Ok(at),
            ended => ended.map(|()| at),
        }
    }

    /// The answer to a put whose earlier attempt was applied, if what is there is what was put.
    async fn applied(&self, at: &Path, put: &PutPayload) -> Result<Option<PutResult>> {
        let there = self.get_opts(at, GetOptions::default()).await?;
        let answer = PutResult {
            e_tag: there.meta.e_tag.clone(),
            version: there.meta.version.clone(),
            extensions: there.extensions.clone(),
        };
        if there.meta.size != put.content_length() as u64 {
            return Ok(None);
        }
        let there = there.bytes().await?;
        let mut left = &there[..];
        let same = put.iter().all(|part| {
            let rest = left.strip_prefix(&part[..]);
            left = rest.unwrap_or(left);
            rest.is_some()
        });
        Ok((same && left.is_empty()).then_some(answer))
    }

    fn entries(
        &self,
        prefix: Option<&Path>,
        after: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let listing = Listing {
            entries: list_after(&self.inner, prefix, after),
            store: self.clone(),
            prefix: prefix.cloned(),
            begins_after: after.cloned(),
            last: after.cloned(),
            attempts: Attempts::default(),
        };
        stream::try_unfold(listing, Listing::next).boxed()
    }
}

fn list_after(
    store: &Store,
    prefix: Option<&Path>,
    after: Option<&Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    match after {
        Some(after) => store.list_with_offset(prefix, after),
        None => store.list(prefix),
    }
}

/// A list that goes on behind its last entry when it breaks off. The stores that break off, those
/// behind a network, list in the order of names.
struct Listing {
    store: Retrying,
    prefix: Option<Path>,
    entries: BoxStream<'static, Result<ObjectMeta>>,
    /// Behind which the list began, or began anew.
    begins_after: Option<Path>,
    last: Option<Path>,
    attempts: Attempts,
}

impl Listing {
    async fn next(mut self) -> Result<Option<(ObjectMeta, Self)>> {
        loop {
            match self.entries.next().await {
                None => return Ok(None),
                // Azurite begins at the beginning whatever it is told.
                Some(Ok(entry)) if self.begins_after.as_ref() >= Some(&entry.location) => {}
                Some(Ok(entry)) => {
                    self.last = Some(entry.location.clone());
                    self.attempts = Attempts::default();
                    return Ok(Some((entry, self)));
                }
                Some(Err(error)) => {
                    self.attempts.after(&self.store.patience, error).await?;
                    let (prefix, last) = (self.prefix.as_ref(), self.last.as_ref());
                    self.entries = list_after(&self.store.inner, prefix, last);
                    self.begins_after.clone_from(&self.last);
                }
            }
        }
    }
}

/// A body that goes on where it broke off.
struct Rest {
    store: Retrying,
    at: Path,
    options: GetOptions,
    e_tag: Option<String>,
    left: std::ops::Range<u64>,
    body: Body,
    attempts: Attempts,
}

impl Rest {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        while !self.left.is_empty() {
            let error = match self.body.next().await {
                Some(Ok(bytes)) => {
                    self.left.start += bytes.len() as u64;
                    if !bytes.is_empty() {
                        // A store that goes on serving has all patience.
                        self.attempts = Attempts::default();
                    }
                    return Ok(Some((bytes, self)));
                }
                Some(Err(error)) => error,
                None => Transient::new("the body broke off", None).into(),
            };
            self.attempts.after(&self.store.patience, error).await?;
            self.resume().await?;
        }
        Ok(None)
    }

    async fn resume(&mut self) -> Result<()> {
        let mut options = self.options.clone();
        options.range = Some(GetRange::Bounded(self.left.clone()));
        let Self { store, at, .. } = self;
        let ask = || store.inner.get_opts(at, options.clone());
        let got = store.again(&mut self.attempts, ask).await?;
        if got.meta.e_tag != self.e_tag || got.range != self.left {
            return Err(Error::Precondition {
                path: self.at.to_string(),
                source: "it was replaced while it was read".into(),
            });
        }
        self.body = got.into_stream();
        Ok(())
    }
}

impl fmt::Debug for Retrying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Retrying");
        shown.field("inner", &self.inner);
        shown.field("retries", &self.patience.retries).finish()
    }
}

impl fmt::Display for Retrying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "retrying {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Retrying {
    /// A put whose answer was lost may have been applied. The attempt after it then finds the name
    /// taken: by ourselves, if what is there is byte for byte what was put.
    async fn put_opts(&self, at: &Path, put: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let mut attempts = Attempts::default();
        let call = || self.inner.put_opts(at, put.clone(), opts.clone());
        let error = match self.again(&mut attempts, call).await {
            Err(error @ (Error::AlreadyExists { .. } | Error::Precondition { .. })) => error,
            ended => return ended,
        };
        if attempts.failed == 0 || opts.mode == PutMode::Overwrite {
            return Err(error);
        }
        match self.applied(at, &put).await {
            Ok(Some(answer)) => Ok(answer),
            // Another's, or gone again: the name was taken in any case.
            Ok(None) | Err(Error::NotFound { .. }) => Err(error),
            Err(error) => Err(error),
        }
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let mut attempts = Attempts::default();
        let call = || self.inner.get_opts(at, options.clone());
        let got = self.again(&mut attempts, call).await?;
        if options.head || matches!(got.payload, GetResultPayload::File(..)) {
            return Ok(got);
        }
        let (e_tag, left) = (got.meta.e_tag.clone(), got.range.clone());
        Ok(with_body(got, |body| {
            let rest = Rest {
                store: self.clone(),
                at: at.clone(),
                options,
                e_tag,
                left,
                body,
                attempts: Attempts::default(),
            };
            stream::try_unfold(rest, Rest::next).boxed()
        }))
    }

    fn delete_stream(
        &self,
        places: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let deleted = places.map(move |at| {
            let store = store.clone();
            async move { store.delete_one(at?).await }
        });
        deleted.buffered(DELETES_AT_ONCE).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.entries(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.entries(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let call = || self.inner.list_with_delimiter(prefix);
        self.again(&mut Attempts::default(), call).await
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
