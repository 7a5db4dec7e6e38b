//! Which errors of a store may pass by themselves.

use std::error::Error as StdError;
use std::time::Duration;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

/// A refusal that may pass: the store is throttling, restarting, or out of reach for now.
/// Wherever it is the cause of a store's error, the call is worth another attempt.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Transient {
    what: String,
    retry_after: Option<Duration>,
}

impl Transient {
    /// A refusal, and how long the store asked to be left alone.
    pub fn new(what: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self {
            what: what.into(),
            retry_after,
        }
    }
}

impl From<Transient> for Error {
    fn from(refusal: Transient) -> Self {
        Self::Generic {
            store: "network",
            source: refusal.into(),
        }
    }
}

/// Codes that the services document as worth another attempt, where they come inside of an answer
/// whose status says nothing: a part of an Azure batch, an S3 error after a status of 200.
/// <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
const PASSING_CODES: [&str; 4] = [
    "ServerBusy",
    "OperationTimedOut",
    "InternalError",
    "SlowDown",
];

/// Whether another attempt may end better.
pub fn is_transient(error: &Error) -> bool {
    patience_for(error).is_some()
}

/// How long at least to wait before another attempt, if one is worth it.
pub(super) fn patience_for(error: &Error) -> Option<Duration> {
    // Every other variant is an answer: there is such an object, or none, or no permission.
    let Error::Generic { source, .. } = error else {
        return None;
    };
    if let Some(refusal) = causes(&**source).find_map(|cause| cause.downcast_ref::<Transient>()) {
        return Some(refusal.retry_after.unwrap_or_default());
    }
    let http = causes(&**source).find_map(|cause| cause.downcast_ref::<HttpError>());
    let passes = if let Some(http) = http {
        // The connection failed, in whatever way. Only a request that can't be made fails for ever.
        !(http.kind() == HttpErrorKind::Unknown && is_unsendable(http))
    } else {
        let text = source.to_string();
        PASSING_CODES.iter().any(|code| text.contains(code))
    };
    passes.then_some(Duration::ZERO)
}

fn is_unsendable(http: &HttpError) -> bool {
    let cause = http.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &reqwest::Error| cause.is_builder() || cause.is_redirect())
}

fn causes<'a>(
    first: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(first), |cause| (*cause).source())
}
