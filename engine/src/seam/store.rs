//! The store of objects: any `object_store`, with the local disk opened crash-safe.

use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::error::{Error, Result};

/// A store of immutable objects: put-if-absent, get-range, list, delete.
pub type Store = Arc<dyn ObjectStore>;

/// Opens a folder as a store. Every put is a temporary file, fsync, an atomic link and an fsync of
/// the folder, so that an object exists wholly or not at all after a crash.
///
/// # Errors
/// `NotFound` or `Denied` when the folder can't be used.
pub fn open_local(folder: &Path) -> Result<Store> {
    let store = LocalFileSystem::new_with_prefix(folder)
        .map_err(|error| Error::from_store(folder.display(), error))?
        .with_fsync(true);
    Ok(Arc::new(store))
}
