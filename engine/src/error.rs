//! The one public error: a kind that tells the caller what to do, a message that names the thing.

use std::fmt;

use crate::seam::store::is_transient;

/// Result of every fallible call of the engine.
pub type Result<T> = std::result::Result<T, Error>;

/// What a caller can do about an error; a kind exists only if callers act differently on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The store, the disk or the network did not serve now: try again later.
    Unavailable,
    /// Someone else holds or made the thing already.
    Conflict,
    /// The caller's input is wrong: mend it.
    Invalid,
    /// The thing asked for is not there.
    NotFound,
    /// Passphrase or permission is wrong.
    Denied,
    /// Stored bytes failed authentication or do not parse; never retried silently.
    Corrupt,
    /// Made by a newer version or a feature that this build lacks.
    Unsupported,
    /// A broken invariant of ours.
    Internal,
}

/// An error with its kind, a message naming the object and the next step, and its source.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind` with a lowercase message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts `context` before the message.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether one object is damaged, missing, or of a version that a vault of this one can't hold
    /// (a flipped byte): the store served, and others may be whole.
    pub fn is_damage(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported
        )
    }

    /// Whether the cause is that no space is left, or none of a quota.
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind as Io;
        io_cause(self).is_some_and(|io| matches!(io.kind(), Io::StorageFull | Io::QuotaExceeded))
    }

    pub(crate) fn corrupt(object: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Corrupt, format!("{object} is damaged: {what}"))
    }

    pub(crate) fn internal(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, what)
    }

    /// Turns an I/O error on `what` into the kind that its cause calls for.
    pub fn from_io(what: impl fmt::Display, error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) {
            let what =
                format!("{what}: {error}: the disk can't read or write it; replace the disk");
            return Self::new(ErrorKind::Corrupt, what).caused_by(error);
        }
        let (kind, hint) = match error.kind() {
            Io::NotFound => (ErrorKind::NotFound, ""),
            Io::PermissionDenied => (ErrorKind::Denied, ""),
            Io::AlreadyExists => (ErrorKind::Conflict, ""),
            Io::StorageFull | Io::QuotaExceeded => (
                ErrorKind::Unavailable,
                "; free some space there and run the command again",
            ),
            Io::InvalidInput | Io::NotADirectory | Io::IsADirectory => (ErrorKind::Invalid, ""),
            _ => (ErrorKind::Unavailable, ""),
        };
        Self::new(kind, format!("{what}: {error}{hint}")).caused_by(error)
    }

    /// Turns a store error on `object` into the kind that its cause calls for.
    pub fn from_store(object: impl fmt::Display, error: object_store::Error) -> Self {
        use object_store::Error as Store;
        let said = said(&error);
        if error.to_string().contains(METADATA_ADDRESS) {
            let what = format!(
                "store object {object}: no credentials are set, and this machine has none of its \
                 own ({said}): `firedrill init --help` names the variables"
            );
            return Self::new(ErrorKind::Denied, what);
        }
        if is_transient(&error) {
            let what = format!(
                "store object {object}: {said}: the store did not serve, however often it was \
                 asked; check its address and the network, and run the command again"
            );
            return Self::new(ErrorKind::Unavailable, what);
        }
        if let Some(io) = io_cause(&error) {
            let io = match io.raw_os_error() {
                Some(code) => std::io::Error::from_raw_os_error(code),
                None => std::io::Error::new(io.kind(), io.to_string()),
            };
            return Self::from_io(format!("store object {object}"), io).caused_by(error);
        }
        let kind = match &error {
            // Not `NotFound`: a vault without this object is damaged, a place that is not there is
            // a mistake in the command.
            _ if has_no_place(&said) => ErrorKind::Invalid,
            Store::NotFound { .. } => ErrorKind::NotFound,
            Store::AlreadyExists { .. } | Store::Precondition { .. } => ErrorKind::Conflict,
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => ErrorKind::Denied,
            _ if has_expired(&said) => ErrorKind::Denied,
            Store::NotSupported { .. } | Store::NotImplemented { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Unavailable,
        };
        let hint = match kind {
            ErrorKind::Invalid => {
                ": create the bucket or container first (`aws s3 mb s3://BUCKET`, `az storage \
                 container create --name CONTAINER`), or check the URL"
            }
            ErrorKind::Denied => ": check the key, what it may do, and the account",
            _ => "",
        };
        Self::new(kind, format!("store object {object}: {said}{hint}"))
    }
}

/// Where a machine in a cloud asks for credentials of its own, which is the last resort.
const METADATA_ADDRESS: &str = "169.254.169.254";

fn has_no_place(said: &str) -> bool {
    said.contains("NoSuchBucket") || said.contains("ContainerNotFound")
}

/// S3 tells of credentials that are past their time as of a bad request.
fn has_expired(said: &str) -> bool {
    said.contains("ExpiredToken") || said.contains("InvalidToken")
}

/// What a store said, in the words of the last cause: those above it repeat it. Of a service's XML,
/// the code and the message.
fn said(error: &object_store::Error) -> String {
    let first: &(dyn std::error::Error + 'static) = error;
    let last = std::iter::successors(Some(first), |cause| (*cause).source()).last();
    let text = last.unwrap_or(first).to_string();
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    let told = match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{code}: {}", message.lines().next().unwrap_or("")),
        (Some(code), None) => code.to_owned(),
        _ => text,
    };
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn io_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
