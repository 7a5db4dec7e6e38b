//! The vault: objects in a store, the keys that open them, and what lies where.

mod blobs;
mod catalog;
mod holdings;
mod index;
mod lease;
mod pack_reader;
mod pack_writer;
mod ranges;
mod rewrite;

use std::ops::Range;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutMode, PutPayload};

pub use blobs::BlobReader;
pub use catalog::{Catalog, Deleted, Point};
pub(crate) use catalog::{each_record, read_segment};
pub(crate) use holdings::packs_there;
pub use holdings::{Held, Holdings, Tombstones};
pub use index::{ChunkIndex, Located};
pub(crate) use index::{Prefix, hash, located, prefix};
pub use lease::{Lease, leases};
pub use pack_reader::{PackContents, blob_of, read_table, verify_pack};
pub(crate) use pack_writer::seal_blob;
pub use pack_writer::{FullPack, PackWriter, PackWriters};
pub use ranges::{FETCH_BYTES, GAP_BYTES};
pub(crate) use ranges::{Fetch, fetches};
pub use rewrite::SEGMENT_ENTRIES;
pub(crate) use rewrite::{Run, lift, rewrite, write_segments};

use crate::error::{Error, ErrorKind, Result};
use crate::format::keyslot::{self, KdfCost, Terms, VaultHeader};
use crate::format::layout::{self, path};
use crate::ids::{ObjectId, VaultId};
use crate::seal::{Keyring, unwrap_keyring, wrap_keyring};
use crate::seam::{World, compute};
use crate::units::Timestamp;

/// Requests to the store under way at once where many small objects are read.
pub const REQUESTS_MAX: usize = 16;

/// An open vault.
#[derive(Clone, Debug)]
pub struct Vault {
    world: World,
    keys: Arc<Keyring>,
    header: VaultHeader,
    damaged: Arc<Vec<Error>>,
}

impl Vault {
    /// Makes a vault in an empty store and opens it.
    ///
    /// # Errors
    /// `Conflict` when the store holds a vault already, `Invalid` when it holds anything else.
    pub async fn create(
        world: World,
        passphrase: &[u8],
        cost: KdfCost,
        terms: Terms,
    ) -> Result<Self> {
        if world.store.head(&path::vault()).await.is_ok() {
            return Err(Error::new(
                ErrorKind::Conflict,
                "there is a vault already: back up into it, or choose another place",
            ));
        }
        let first = world.store.list(None).try_next().await;
        if let Some(object) = first.map_err(|error| Error::from_store("(list)", error))? {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "the place is not empty (it holds '{}'): choose an empty one",
                    object.location
                ),
            ));
        }
        let mut id = [0; 16];
        world.entropy.fill(&mut id);
        let keys = Keyring::draw(VaultId(id), terms, &*world.entropy);
        let now = world.clock.now();
        let slot = wrap_keyring(&keys, &*world.entropy, passphrase, cost, now)?;
        let slot_id = ObjectId::draw(&*world.entropy);
        let header = VaultHeader {
            magic: keyslot::VAULT_MAGIC.to_owned(),
            version: crate::format::VAULT_VERSION,
            vault: keys.vault(),
            created: now,
        };
        let slot_at = path::key(slot_id);
        put_new(&world, &slot_at, keyslot::write_slot(&slot)).await?;
        refuse_overwriting(&world, &slot_at).await?;
        // Last, so that a vault that can be recognised can be opened.
        put_new(&world, &path::vault(), keyslot::write_vault(&header)).await?;
        Ok(Self {
            world,
            keys: Arc::new(keys),
            header,
            damaged: Arc::default(),
        })
    }

    /// Opens a vault.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Denied` for a wrong passphrase, `Unsupported` for a newer
    /// format, `Corrupt` when the header or every key slot is damaged.
    pub async fn open(world: World, passphrase: &[u8]) -> Result<Self> {
        let name = path::vault();
        let header = get(&world, &name)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::new(
                    ErrorKind::NotFound,
                    "not a vault: there is no vault header; make a vault with `firedrill init`, \
                 or check the path",
                ),
                _ => error,
            })?;
        let header = keyslot::read_vault(name.as_ref(), &header)?;
        let mut damaged = Vec::new();
        for object in list(&world, &path::keys()).await? {
            let name = object.location.to_string();
            let slot = get(&world, &object.location).await;
            let slot = match slot.and_then(|slot| keyslot::read_slot(&name, &slot)) {
                Ok(slot) => slot,
                // One that somebody put there, or that is gone, must not keep the others from opening.
                Err(error) if error.is_damage() => {
                    damaged.push(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let passphrase = zeroize::Zeroizing::new(passphrase.to_vec());
            let vault = header.vault;
            let opened = compute(&*world.workers, move || {
                unwrap_keyring(vault, &name, &slot, &passphrase)
            });
            match opened.await? {
                Ok(Some(keys)) => {
                    let damaged = Arc::new(damaged);
                    return Ok(Self {
                        world,
                        keys: Arc::new(keys),
                        header,
                        damaged,
                    });
                }
                Ok(None) => {}
                Err(error) => damaged.push(error),
            }
        }
        Err(damaged.into_iter().next().unwrap_or_else(|| {
            Error::new(
                ErrorKind::Denied,
                "the passphrase opens no key slot of this vault: check FIREDRILL_PASSPHRASE or \
                 the passphrase file, and that this is the vault you mean",
            )
        }))
    }

    /// The world that the vault lives in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The vault's keys.
    pub fn keys(&self) -> &Arc<Keyring> {
        &self.keys
    }

    /// The vault's header.
    pub fn header(&self) -> &VaultHeader {
        &self.header
    }

    /// Key slots that were found damaged while opening.
    pub fn damaged_slots(&self) -> &[Error] {
        &self.damaged
    }

    /// How long what is deleted stays.
    ///
    /// # Errors
    /// `Unsupported` in a vault of version 1: programs that know no tombstones may write to it.
    pub fn terms(&self) -> Result<Terms> {
        self.keys.terms().ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "this vault is of format version 1, from which nothing is ever deleted: \
                 `firedrill init` a new one and `firedrill copy` the points into it",
            )
        })
    }

    /// Seals and writes an object that did not exist before; gives its size in bytes.
    pub(crate) async fn put_object(
        &self,
        kind: layout::Kind,
        id: ObjectId,
        at: &Path,
        raw: &[u8],
    ) -> Result<u64> {
        let sealed = crate::seal::seal_object(&self.keys, &*self.world.entropy, kind, id, raw);
        let bytes = sealed.len() as u64;
        put_new(&self.world, at, sealed).await?;
        Ok(bytes)
    }

    /// Reads and opens an object.
    pub(crate) async fn get_object(
        &self,
        kind: layout::Kind,
        id: ObjectId,
        at: &Path,
    ) -> Result<Vec<u8>> {
        let object = get(&self.world, at).await?;
        crate::seal::open_object(&self.keys, kind, id, at.as_ref(), &object)
    }
}

/// Refuses a store that does not know put-if-absent: writes `taken`, which is there, once more. Two
/// backups at once would overwrite each other's objects there, and neither would be told.
async fn refuse_overwriting(world: &World, taken: &Path) -> Result<()> {
    match put_new(world, taken, Vec::new()).await {
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            let mut what =
                "this store can't hold a vault: it overwrites objects where it was told \
                            not to (`If-None-Match: *`); use another, or a newer one"
                    .to_owned();
            if let Err(error) = world.store.delete(taken).await {
                what += &format!("; remove '{taken}' from it by hand ({error})");
            }
            Err(Error::new(ErrorKind::Unsupported, what))
        }
    }
}

/// Writes an object that must not exist.
pub(crate) async fn put_new(world: &World, at: &Path, bytes: Vec<u8>) -> Result<()> {
    world
        .store
        .put_opts(at, PutPayload::from(bytes), PutMode::Create.into())
        .await
        .map_err(|error| Error::from_store(at, error))?;
    Ok(())
}

/// Writes an object, whatever was there: for leases alone.
async fn put_over(world: &World, at: &Path, bytes: Vec<u8>) -> Result<()> {
    let put = world
        .store
        .put_opts(at, PutPayload::from(bytes), PutMode::Overwrite.into());
    put.await.map_err(|error| Error::from_store(at, error))?;
    Ok(())
}

/// When an object was written, by the store's clock.
pub(crate) async fn written(world: &World, at: &Path) -> Result<Timestamp> {
    let object = world.store.head(at).await;
    let object = object.map_err(|error| Error::from_store(at, error))?;
    Ok(time_of(&object))
}

/// When an object was written, by the store's clock.
pub(crate) fn time_of(object: &ObjectMeta) -> Timestamp {
    Timestamp {
        seconds: object.last_modified.timestamp(),
        nanos: object
            .last_modified
            .timestamp_subsec_nanos()
            .min(999_999_999),
    }
}

/// Removes an object; one that is gone already is gone.
pub(crate) async fn delete(world: &World, at: &Path) -> Result<()> {
    match world.store.delete(at).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(Error::from_store(at, error)),
    }
}

/// Longest object that is read whole: a raw body is at most 1 GiB, and packing and sealing add little.
const OBJECT_BYTES_MAX: u64 = (1 << 30) + (1 << 20);

/// Reads a whole object.
pub(crate) async fn get(world: &World, at: &Path) -> Result<bytes::Bytes> {
    let object = world
        .store
        .get(at)
        .await
        .map_err(|error| Error::from_store(at, error))?;
    if object.meta.size > OBJECT_BYTES_MAX {
        return Err(Error::corrupt(
            at,
            format!("it has {} bytes", object.meta.size),
        ));
    }
    object
        .bytes()
        .await
        .map_err(|error| Error::from_store(at, error))
}

/// Reads a range of an object.
///
/// # Errors
/// `Corrupt` when the object is shorter than that, store errors otherwise.
pub(crate) async fn get_range(world: &World, at: &Path, range: Range<u64>) -> Result<bytes::Bytes> {
    let end = range.end;
    let error = match world.store.get_range(at, range).await {
        Ok(bytes) => return Ok(bytes),
        Err(error) => Error::from_store(at, error),
    };
    // Stores tell a range beyond the end in many ways: the size tells it for certain.
    if !error.is_damage()
        && let Ok(object) = world.store.head(at).await
        && object.size < end
    {
        return Err(Error::corrupt(
            at,
            format!("it ends at byte {}", object.size),
        ));
    }
    Err(error)
}

/// Lists a folder of the vault in name order.
///
/// # Errors
/// As the store gives them.
pub async fn list(world: &World, folder: &Path) -> Result<Vec<ObjectMeta>> {
    let mut objects: Vec<ObjectMeta> = world
        .store
        .list(Some(folder))
        .try_collect()
        .await
        .map_err(|error| Error::from_store(folder, error))?;
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(objects)
}

/// The id that an object's name holds.
///
/// # Errors
/// `Corrupt` when the name is not an id: something else was put into the vault.
pub(crate) fn id_of(at: &Path) -> Result<ObjectId> {
    // Directly in its folder: lists go deeper.
    let name = at.filename().filter(|_| at.parts().count() == 2);
    name.and_then(|name| name.parse().ok())
        .ok_or_else(|| Error::corrupt(at, "its name is not one that firedrill gives: move it away"))
}
