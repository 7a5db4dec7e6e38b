//! What lies in the store, and what of it is condemned.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::format::layout::{Kind, path};
use crate::format::tombstone::{self, Tombstone};
use crate::ids::ObjectId;
use crate::units::Timestamp;

use super::{Vault, id_of, list, time_of};

/// An object as the store lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub written: Timestamp,
}

/// All tombstones, taken together.
#[derive(Debug, Default)]
pub struct Tombstones {
    /// Each, with the time at which it was written by the store's clock.
    pub all: Vec<(ObjectId, Tombstone, Timestamp)>,
    /// Packs that are condemned or removed, and since when.
    pub packs: BTreeMap<ObjectId, Timestamp>,
    /// Index segments that are condemned or removed, and since when.
    pub segments: BTreeMap<ObjectId, Timestamp>,
    /// Points that were removed because their time was over.
    pub points: BTreeSet<ObjectId>,
    /// Those that do not open. What they condemned nobody removes, as a prune can't read them either.
    pub damaged: Vec<Error>,
}

impl Tombstones {
    /// Reads all.
    ///
    /// # Errors
    /// Store errors.
    pub async fn load(vault: &Vault) -> Result<Self> {
        let mut stones = Self::default();
        for object in list(vault.world(), &path::tombstones()).await? {
            let read = async {
                let id = id_of(&object.location)?;
                let raw = vault
                    .get_object(Kind::Tombstone, id, &object.location)
                    .await?;
                Ok::<_, Error>((id, tombstone::read(object.location.as_ref(), &raw)?))
            };
            let (id, stone) = match read.await {
                Ok(read) => read,
                // Removed between the list and the reading: what it named was gone long before.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) if error.is_damage() => {
                    stones.damaged.push(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let at = time_of(&object);
            for (named, since) in [
                (&stone.packs, &mut stones.packs),
                (&stone.segments, &mut stones.segments),
            ] {
                for id in named {
                    let first = since.entry(*id).or_insert(at);
                    *first = at.min(*first);
                }
            }
            stones.points.extend(&stone.points);
            stones.all.push((id, stone, at));
        }
        Ok(stones)
    }

    /// Whether nothing was ever condemned, or all of it long ago.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Packs and index segments in the store.
#[derive(Debug, Default)]
pub struct Holdings {
    /// Packs.
    pub packs: BTreeMap<ObjectId, Held>,
    /// Index segments.
    pub segments: BTreeMap<ObjectId, Held>,
    /// What is condemned.
    pub tombstones: Tombstones,
}

impl Holdings {
    /// Lists the vault. What has another name than an object's is passed over; `check` names it.
    ///
    /// # Errors
    /// As [`Tombstones::load`].
    pub async fn load(vault: &Vault) -> Result<Self> {
        // Tombstones first: one that is put meanwhile condemns nothing that this could not have seen.
        let tombstones = Tombstones::load(vault).await?;
        Ok(Self {
            segments: held(vault, &path::indexes()).await?,
            packs: held(vault, &path::packs()).await?,
            tombstones,
        })
    }

    /// Whether a new point may build on the pack: it is there, in the size told, and not condemned.
    pub fn is_sound(&self, pack: ObjectId, bytes: u64) -> bool {
        let there = self.packs.get(&pack);
        there.is_some_and(|held| held.bytes == bytes) && !self.tombstones.packs.contains_key(&pack)
    }

    /// Index segments that are not among `named`: those of points that are gone, and of prunes.
    pub fn unnamed<'a>(
        &'a self,
        named: &'a BTreeSet<ObjectId>,
    ) -> impl Iterator<Item = ObjectId> + 'a {
        let segments = self.segments.keys().copied();
        segments.filter(|segment| !named.contains(segment))
    }
}

/// The objects of a folder whose names are ids.
pub(super) async fn held(
    vault: &Vault,
    folder: &object_store::path::Path,
) -> Result<BTreeMap<ObjectId, Held>> {
    let objects = list(vault.world(), folder).await?;
    let held = objects.iter().filter_map(|object| {
        let held = Held {
            bytes: object.size,
            written: time_of(object),
        };
        Some((id_of(&object.location).ok()?, held))
    });
    Ok(held.collect())
}

/// Sizes of the packs in the store.
pub(crate) async fn packs_there(vault: &Vault) -> Result<BTreeMap<ObjectId, u64>> {
    let packs = held(vault, &path::packs()).await?;
    Ok(packs
        .into_iter()
        .map(|(id, held)| (id, held.bytes))
        .collect())
}
