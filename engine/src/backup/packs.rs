//! Packs beside the reading: sealing into them, copying between them, taking over what was left.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};

use crate::error::{Error, Result};
use crate::format::index::PackRecord;
use crate::format::layout::{Kind, path};
use crate::format::pack::BlobEntry;
use crate::ids::{BlobId, ObjectId};
use crate::seal::Keyring;
use crate::seam::Entropy;
use crate::vault::{
    Catalog, FullPack, Located, PackWriter, REQUESTS_MAX, Vault, id_of, list, read_table, seal_blob,
};

use super::session::Session;

/// Verifies and copies sealed blobs of one pack as they are.
pub(super) fn copy_blobs(
    session: &Session,
    id: ObjectId,
    pack: &[u8],
    run: &[(Located, BlobEntry)],
) -> Result<(Vec<FullPack>, u64)> {
    let (mut full, mut bytes) = (Vec::new(), 0);
    for (located, entry) in run {
        let start = located.offset as usize;
        let sealed = pack
            .get(start..start + located.stored_bytes as usize)
            .ok_or_else(|| Error::corrupt(path::pack(id), "it is shorter than the index says"))?;
        let (keys, kind) = (&session.keys, entry.kind);
        crate::vault::blob_of(
            keys,
            id,
            keys.epoch(),
            kind,
            &entry.id,
            *located,
            &mut sealed.to_vec(),
        )?;
        let writer = if kind == Kind::Data {
            &session.data
        } else {
            &session.metadata
        };
        full.extend(writer.add(keys, &*session.entropy, *entry, sealed));
        bytes += sealed.len() as u64;
    }
    Ok((full, bytes))
}

/// The packs in the store and their sizes. What has another name than a pack is passed over;
/// `check` names it.
pub(super) async fn packs_there(vault: &Vault) -> Result<BTreeMap<ObjectId, u64>> {
    let objects = list(vault.world(), &path::packs()).await?;
    let named = objects
        .into_iter()
        .filter_map(|object| Some((id_of(&object.location).ok()?, object.size)));
    Ok(named.collect())
}

/// Packs that no point counts as its own: what an interrupted backup left. Those that do not open
/// are passed over; `check` names them.
pub(super) async fn orphans(
    vault: &Vault,
    catalog: &Catalog,
    packs: &BTreeMap<ObjectId, u64>,
) -> Result<Vec<PackRecord>> {
    let owned: BTreeSet<ObjectId> = catalog
        .points()
        .iter()
        .flat_map(|point| point.manifest.packs.iter().copied())
        .collect();
    let orphans = packs.iter().filter(|(id, _)| !owned.contains(id));
    let tables = stream::iter(orphans).map(|(id, bytes)| async move {
        match read_table(vault, *id, *bytes).await {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    });
    let tables: Vec<_> = tables.buffered(REQUESTS_MAX).try_collect().await?;
    Ok(tables.into_iter().flatten().collect())
}

/// Seals a blob into a pack; gives a pack that had to be closed for it.
pub(super) fn seal(
    keys: &Keyring,
    entropy: &dyn Entropy,
    kind: Kind,
    id: BlobId,
    raw: &[u8],
    writer: &PackWriter,
) -> Option<FullPack> {
    thread_local! {
        static SCRATCH: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        let entry = seal_blob(keys, entropy, kind, id, raw, scratch);
        writer.add(keys, entropy, entry, scratch)
    })
}
