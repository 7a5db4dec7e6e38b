//! Reading single blobs (listings and extent lists) by range.

use std::sync::Arc;

use futures::{Stream, StreamExt};

use crate::error::{Error, Result};
use crate::format::layout::{Kind, path};
use crate::format::listing::{Entry, Extent, read_entries, read_extents};
use crate::ids::BlobId;

use super::{ChunkIndex, Located, REQUESTS_MAX, Vault, blob_of, get_range};

/// Reads blobs of a vault by an index.
#[derive(Clone, Debug)]
pub struct BlobReader {
    vault: Vault,
    index: Arc<ChunkIndex>,
}

impl BlobReader {
    /// A reader of the blobs in `index`.
    pub fn new(vault: Vault, index: Arc<ChunkIndex>) -> Self {
        Self { vault, index }
    }

    /// The vault it reads.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The index it reads by.
    pub fn index(&self) -> &Arc<ChunkIndex> {
        &self.index
    }

    /// Where a chunk of so many bytes lies.
    ///
    /// # Errors
    /// `Corrupt` when the index lacks it or tells another length.
    pub fn locate(&self, id: &BlobId, bytes: u64) -> Result<Located> {
        let located = self.index.find(id).ok_or_else(|| {
            Error::corrupt(
                "the index",
                format!("it lacks blob {id}, which the point needs"),
            )
        })?;
        if u64::from(located.raw_bytes) != bytes {
            let what = format!("blob {id} is not as long as the listing says");
            return Err(Error::corrupt("the index", what));
        }
        Ok(located)
    }

    /// Reads one blob.
    ///
    /// # Errors
    /// `Corrupt` when the index lacks it or it fails authentication.
    pub async fn read(&self, kind: Kind, id: BlobId) -> Result<Vec<u8>> {
        let located = self.index.find(&id).ok_or_else(|| {
            Error::corrupt(
                "the index",
                format!("it lacks blob {id}, which a point needs"),
            )
        })?;
        let pack = self.index.pack(located.pack);
        let at = path::pack(pack);
        let start = u64::from(located.offset);
        let range = start..start + u64::from(located.stored_bytes);
        let sealed = get_range(self.vault.world(), &at, range).await?;
        let mut sealed = sealed.to_vec();
        let keys = self.vault.keys();
        // Every pack of a vault with one epoch is sealed under it; a header read per blob would
        // double the requests.
        blob_of(keys, pack, keys.epoch(), kind, &id, located, &mut sealed)
    }

    /// The entries of a listing, one blob's worth at a time, in order.
    pub fn listing(
        &self,
        blobs: Vec<BlobId>,
    ) -> impl Stream<Item = Result<Vec<Entry>>> + Send + use<> {
        let reader = self.clone();
        futures::stream::iter(blobs)
            .map(move |id| {
                let reader = reader.clone();
                async move {
                    let raw = reader.read(Kind::Listing, id).await?;
                    read_entries(&format!("listing blob {id}"), &raw)
                }
            })
            .buffered(REQUESTS_MAX)
    }

    /// A file's extents with lists read.
    ///
    /// # Errors
    /// `Corrupt` when a list fails.
    pub async fn extents(&self, content: &[Extent]) -> Result<Vec<Extent>> {
        let mut flat = Vec::with_capacity(content.len());
        for extent in content {
            match *extent {
                Extent::List(bytes, id) => {
                    let raw = self.read(Kind::Extents, id).await?;
                    flat.extend(read_extents(&format!("extents blob {id}"), &raw, bytes)?);
                }
                other => flat.push(other),
            }
        }
        Ok(flat)
    }
}
