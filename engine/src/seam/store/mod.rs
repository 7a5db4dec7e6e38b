//! The store of objects: any `object_store`, on disk or in a cloud, and what every call to it goes
//! through: retries, bandwidth limits, and the count of requests.

mod limit;
mod limited;
mod metered;
mod network;
mod remains;
mod retrying;
mod transient;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::{GetResult, GetResultPayload, ObjectStore};

pub use limit::{Limit, Pace, Window};
pub use limited::Limited;
pub use metered::{Meter, Metered, Requests};
pub use network::{open_azure, open_s3};
pub use remains::{Remains, remains};
pub use retrying::{Retries, Retrying};
pub use transient::{Transient, is_transient};

use crate::error::{Error, Result};

/// A store of immutable objects: put-if-absent, get-range, list, delete.
pub type Store = Arc<dyn ObjectStore>;

/// Opens a folder as a store. Every put is a temporary file, fsync, an atomic link and an fsync of
/// the folder, so that an object exists wholly or not at all after a crash.
///
/// # Errors
/// `NotFound` or `Denied` when the folder can't be used.
pub fn open_local(folder: &Path) -> Result<Store> {
    open(folder, true)
}

/// Opens a folder for what nobody looks for after a crash, which may leave any of it torn: nothing is waited for.
///
/// # Errors
/// `NotFound` or `Denied` when the folder can't be used.
pub fn open_scratch(folder: &Path) -> Result<Store> {
    open(folder, false)
}

fn open(folder: &Path, is_durable: bool) -> Result<Store> {
    let store = LocalFileSystem::new_with_prefix(folder)
        .map_err(|error| Error::from_store(folder.display(), error))?;
    Ok(Arc::new(store.with_fsync(is_durable)))
}

type Body = BoxStream<'static, object_store::Result<Bytes>>;

/// The same answer with its body passed through `wrap`.
fn with_body(got: GetResult, wrap: impl FnOnce(Body) -> Body) -> GetResult {
    let (meta, range) = (got.meta.clone(), got.range.clone());
    let (attributes, extensions) = (got.attributes.clone(), got.extensions.clone());
    let payload = GetResultPayload::Stream(wrap(got.into_stream()));
    GetResult {
        payload,
        meta,
        range,
        attributes,
        extensions,
    }
}

#[cfg(test)]
mod tests;
