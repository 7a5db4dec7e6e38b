//! What a copy would send, told beforehand.

use std::sync::Arc;

use crate::backup::Progress;
use crate::error::{Error, Result};
use crate::ids::PointId;
use crate::prune::mark_point;
use crate::vault::{BlobReader, Catalog, ChunkIndex, Point, Vault};

use super::select::select;

/// What a copy would send.
#[derive(Debug, Default)]
pub struct Preview {
    /// The points, oldest first.
    pub points: Vec<Point>,
    /// How many of those asked for are there already.
    pub already: u64,
    /// About how many bytes would be read and sent: of the blobs as they lie in the source, but for those
    /// of the copied point that is most like the first of each instance. What else the destination has is
    /// found out by reading.
    pub bytes: u64,
    /// Points that could not be looked through, and why.
    pub damaged: Vec<(PointId, Error)>,
}

/// Tells what [`super::run`] would copy. Listings of the source are read, nothing is written.
///
/// # Errors
/// As [`super::run`].
pub async fn preview(
    from: &Vault,
    to: &Vault,
    points: &[PointId],
    progress: &dyn Progress,
) -> Result<Preview> {
    let (source, target) = (Catalog::load(from).await?, Catalog::load(to).await?);
    let (left, right) = (from.header().vault, to.header().vault);
    let selection = select((left, &source), (right, &target), points)?;
    let mut preview = Preview {
        already: selection.already,
        ..Preview::default()
    };
    if selection.missing.is_empty() {
        return Ok(preview);
    }
    let index = Arc::new(source.index_of(from, &selection.closure()).await?);
    let reader = BlobReader::new(from.clone(), Arc::clone(&index));
    for point in selection.alike.values() {
        match mark_point(&reader, point, None, &mut |_| {}).await {
            Err(error) if !error.is_damage() => return Err(error),
            // What of it is not marked counts as to be sent.
            _ => {}
        }
    }
    let there = marked_bytes(&index);
    for point in &selection.missing {
        match mark_point(&reader, point, None, &mut |_| {}).await {
            Ok(()) => preview.points.push((*point).clone()),
            Err(error) if error.is_damage() => preview.damaged.push((point.id, error)),
            Err(error) => return Err(error),
        }
        let bytes = point.manifest.statistics.logical_bytes;
        progress.advance(bytes, 0);
    }
    preview.bytes = marked_bytes(&index) - there;
    Ok(preview)
}

fn marked_bytes(index: &ChunkIndex) -> u64 {
    let packs = index.marked_by_pack();
    packs.into_iter().map(|(_, bytes)| bytes).sum()
}
