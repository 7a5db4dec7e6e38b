//! What every existing point needs, blob by blob.

use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::format::layout::{Kind, path};
use crate::format::listing::{Extent, read_entries};
use crate::ids::{BlobId, PointId};
use crate::vault::{BlobReader, Catalog, ChunkIndex, Lease, Point, REQUESTS_MAX, Vault};

/// Marks in `index` every blob that a point of the catalog needs. Each listing is read once, however
/// many points share it.
///
/// # Errors
/// `Corrupt` when a listing is damaged or a needed blob lies nowhere: then it is not known what is
/// needed, and nothing may be removed. Store errors.
pub(super) async fn mark(
    vault: &Vault,
    lease: &mut Lease,
    catalog: &Catalog,
    index: &Arc<ChunkIndex>,
    mut marked: impl FnMut(u64),
) -> Result<()> {
    let reader = BlobReader::new(vault.clone(), Arc::clone(index));
    for point in catalog.existing() {
        mark_point(&reader, point, Some(lease), &mut marked).await?;
    }
    Ok(())
}

/// Marks in the reader's index every blob that a point needs, and tells the bytes of each listing blob
/// that was not marked before.
///
/// # Errors
/// As [`mark`].
pub(crate) async fn mark_point(
    reader: &BlobReader,
    point: &Point,
    mut lease: Option<&mut Lease>,
    marked: &mut (impl FnMut(u64) + ?Sized),
) -> Result<()> {
    let index = reader.index();
    let mut unread = Vec::new();
    for id in &point.manifest.listing {
        if need(index, point.id, id)? {
            unread.push(*id);
        }
    }
    let mut listings = stream::iter(unread)
        .map(|id| {
            let reader = reader.clone();
            async move { Ok::<_, Error>((id, reader.read(Kind::Listing, id).await?)) }
        })
        .buffered(REQUESTS_MAX);
    while let Some(listing) = listings.next().await {
        let (id, raw) = listing?;
        for entry in read_entries(&format!("listing blob {id}"), &raw)? {
            content(reader, index, point.id, &entry.content).await?;
        }
        marked(raw.len() as u64);
        if let Some(lease) = &mut lease {
            lease.keep().await?;
        }
    }
    Ok(())
}

async fn content(
    reader: &BlobReader,
    index: &ChunkIndex,
    point: PointId,
    extents: &[Extent],
) -> Result<()> {
    for extent in extents {
        match extent {
            Extent::Hole(_) => {}
            Extent::Chunk(_, id) => {
                need(index, point, id)?;
            }
            Extent::List(_, id) => {
                if need(index, point, id)? {
                    let listed = reader.extents(std::slice::from_ref(extent)).await?;
                    for extent in listed {
                        if let Extent::Chunk(_, id) = extent {
                            need(index, point, &id)?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Marks one blob; tells whether it was not marked before.
fn need(index: &ChunkIndex, point: PointId, id: &BlobId) -> Result<bool> {
    index.mark(id).ok_or_else(|| {
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "{} needs blob {id}, which lies in no pack: nothing was changed; `firedrill check` \
                 tells what is damaged, and points that can't be saved can be forgotten",
                path::point(point)
            ),
        )
    })
}
