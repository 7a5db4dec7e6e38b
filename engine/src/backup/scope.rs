//! What a new point may build on, and what an interrupted backup left for it to take over.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};

use crate::error::Result;
use crate::format::index::PackRecord;
use crate::format::point::Method;
use crate::ids::ObjectId;
use crate::vault::{Catalog, ChunkIndex, Holdings, REQUESTS_MAX, Vault, each_record, read_table};

use super::plan::{BackupPlan, Request};

/// The owner of a pack that no existing point counts as its own.
pub(crate) const NOBODY: u32 = u32::MAX;

/// What a new point may build on.
pub(crate) struct Scope {
    /// Blobs that it may refer to; a pack's owner is the number of a point in the plan's scope.
    pub(crate) index: ChunkIndex,
    /// Packs that it may take over as its own.
    pub(crate) leftovers: Vec<PackRecord>,
}

/// Reads the index of what `plan` allows. Packs that are lost, of another size than the index tells, or
/// condemned are not built on, so that what was in them is stored again.
///
/// Packs that no point owns are of two sorts. What a point left to the vault when it was removed, and
/// what a prune moved together, is for those methods that may refer to the whole vault. What an
/// interrupted backup left is for everybody to take over; for the others it is told from the first sort
/// by being younger than the newest point of the instance.
///
/// # Errors
/// When the store does not serve.
pub(crate) async fn load(
    vault: &Vault,
    catalog: &Catalog,
    plan: &BackupPlan,
    request: &Request,
) -> Result<Scope> {
    let holdings = Holdings::load(vault).await?;
    let (owned, named) = (catalog.owned_packs(), catalog.named_segments());
    let mut index = ChunkIndex::default();
    let own = catalog.segments_of(&plan.scope);
    each_record(vault, own, |owner, record| {
        if holdings.is_sound(record.pack, record.pack_bytes) {
            index.add(record, owner);
        }
    })
    .await?;
    let whole_vault = plan.method == Method::Forever;
    let newest = catalog.latest_of(&request.instance);
    let is_leftover = |pack: ObjectId| {
        let written = holdings.packs.get(&pack).map(|held| held.written);
        newest.is_none_or(|newest| written.is_some_and(|written| written >= newest.written))
    };
    let unnamed = holdings.unnamed(&named).map(|segment| (NOBODY, segment));
    let (mut told, mut leftovers) = (BTreeSet::new(), Vec::new());
    each_record(vault, unnamed.collect(), |nobody, record| {
        let sound = holdings.is_sound(record.pack, record.pack_bytes);
        if !sound || owned.contains(&record.pack) || !told.insert(record.pack) {
            return;
        }
        if whole_vault {
            index.add(record, nobody);
        } else if is_leftover(record.pack) {
            leftovers.push(record.clone());
        }
    })
    .await?;
    let untold = holdings.packs.iter().filter(|(id, held)| {
        holdings.is_sound(**id, held.bytes)
            && !owned.contains(id)
            && !told.contains(id)
            && (whole_vault || is_leftover(**id))
    });
    // Collected: a borrowing iterator held across a wait would keep the future from being `Send`.
    let untold: Vec<_> = untold.map(|(id, held)| (*id, held.bytes)).collect();
    leftovers.extend(tables(vault, untold).await?);
    Ok(Scope { index, leftovers })
}

/// The tables of packs by their trailers. Those that do not open are passed over; `check` names them.
async fn tables(vault: &Vault, packs: Vec<(ObjectId, u64)>) -> Result<Vec<PackRecord>> {
    let tables = stream::iter(packs).map(|(id, bytes)| async move {
        match read_table(vault, id, bytes).await {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    });
    let tables: Vec<_> = tables.buffered(REQUESTS_MAX).try_collect().await?;
    Ok(tables.into_iter().flatten().collect())
}
