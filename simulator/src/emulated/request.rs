//! A request to a storage service: the way there, what becomes of it, the way back.

use std::sync::MutexGuard;

use bytes::Bytes;
use engine::seam::store::Transient;
use futures::future::{Either, select};
use object_store::Result;

use crate::network::{LinkId, Roads};
use crate::world::account::{Account, Endpoint};

use super::host::Host;

/// A storage service as one host reaches it. Asked anew for each request, so that it can tell what holds now.
pub trait Service: Send + Sync + 'static {
    /// What it stores.
    fn account(&self) -> MutexGuard<'_, Account<Bytes>>;
    /// Which region is asked.
    fn endpoint(&self) -> Endpoint;
    /// The links to it (`out`) or back from it; `None` where there is no way.
    fn path(&self, out: bool) -> Option<Vec<LinkId>>;
    /// From when until when it does not serve this host: the span that `now` lies in, or the next one.
    fn outage(&self, now: u64) -> Option<(u64, u64)>;
    /// How long it works on a request.
    fn request_micros(&self) -> u64;
    /// The share of requests that go wrong now, parts of a million.
    fn errors_ppm(&self) -> u64;
    /// It served a request with a body of so many bytes, scaled.
    fn served(&self, request: Request, bytes: u64);
}

/// What is asked of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// An object is written.
    Put,
    /// One is read, wholly or in part.
    Get,
    /// Is one there?
    Head,
    /// A page of names.
    List,
    /// One is deleted.
    Delete,
}

impl Request {
    /// The word in traces.
    pub fn word(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
            Self::Delete => "delete",
        }
    }
}

/// What becomes of a request that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Served,
    /// Nothing is done.
    Failed,
    /// Nothing is done, as others ask too much.
    Throttled,
    /// It is done, and the answer is lost.
    AnswerLost,
}

/// What a throttled client is asked to wait. S3 and Azure mostly name nothing; then the client's own patience
/// holds.
fn refusal(what: &str) -> object_store::Error {
    Transient::new(what, None).into()
}

/// One host's way to a service.
#[derive(Clone)]
pub(super) struct Line<S> {
    pub(super) host: Host,
    pub(super) roads: Roads,
    pub(super) service: S,
}

impl<S: Service> Line<S> {
    /// Carries a request with a body of so many bytes, scaled, there, and has the service work on it.
    pub(super) async fn ask(&self, bytes: u64) -> Result<()> {
        self.host.debt.pay().await;
        self.carry(true, bytes).await?;
        self.host.handle.sleep(self.service.request_micros()).await;
        Ok(())
    }

    /// Carries the answer back. One of `fate` may not come.
    pub(super) async fn answer(&self, fate: Fate, bytes: u64) -> Result<()> {
        match fate {
            Fate::Served => self.carry(false, bytes).await,
            Fate::Failed => self.fail("the request failed before it was served").await,
            Fate::Throttled => self.fail("503: the server is busy").await,
            Fate::AnswerLost => self.fail("the answer was lost").await,
        }
    }

    async fn fail(&self, what: &str) -> Result<()> {
        self.carry(false, 0).await?;
        Err(refusal(what))
    }

    /// Carries a body of so many bytes, scaled, as long as the service is there.
    async fn carry(&self, out: bool, bytes: u64) -> Result<()> {
        let handle = &self.host.handle;
        let outage = self.service.outage(handle.now());
        if outage.is_some_and(|(from, _)| from <= handle.now()) {
            return Err(refusal("the service can't be reached"));
        }
        let Some(path) = self.service.path(out) else {
            return Err(refusal("there is no way to the service"));
        };
        let carried = async {
            if bytes == 0 {
                handle.sleep(self.roads.latency(&path)).await;
                return Ok(());
            }
            let carried = self.roads.transfer(&path, bytes).await;
            carried.map_err(|stalled| refusal(&stalled.to_string()))
        };
        let Some((from, _)) = outage else {
            return carried.await;
        };
        let cut = std::pin::pin!(handle.sleep_until(from));
        match select(std::pin::pin!(carried), cut).await {
            Either::Left((carried, _)) => carried,
            Either::Right(_) => Err(refusal("the connection broke")),
        }
    }

    /// Notes that a request with a body of so many bytes, scaled, was served.
    pub(super) fn served(&self, request: Request, bytes: u64, number: u64) {
        self.service.served(request, bytes);
        self.host.handle.trace(self.host.id, request.word(), number);
    }
}
