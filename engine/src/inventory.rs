//! What a vault holds, in plain numbers, and how it came about.

mod history;

use crate::error::Result;
use crate::format::layout::path;
use crate::vault::{Vault, list};

pub use history::{History, HistoryPoint, InstanceHistory};

/// Objects and bytes of one folder of the vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What lies in a vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Packs.
    pub packs: Amount,
    /// Index segments.
    pub indexes: Amount,
    /// Manifests.
    pub points: Amount,
    /// Vault header and key slots.
    pub keys: Amount,
}

impl Inventory {
    /// Lists the vault.
    ///
    /// # Errors
    /// Store errors.
    pub async fn take(vault: &Vault) -> Result<Self> {
        let world = vault.world();
        let mut inventory = Self::default();
        let folders = [
            (path::packs(), &mut inventory.packs),
            (path::indexes(), &mut inventory.indexes),
            (path::points(), &mut inventory.points),
            (path::keys(), &mut inventory.keys),
        ];
        for (folder, amount) in folders {
            for object in list(world, &folder).await? {
                amount.objects += 1;
                amount.bytes += object.size;
            }
        }
        let header = crate::vault::get(world, &path::vault()).await?;
        inventory.keys.objects += 1;
        inventory.keys.bytes += header.len() as u64;
        Ok(inventory)
    }

    /// All of it.
    pub fn total(&self) -> Amount {
        let parts = [self.packs, self.indexes, self.points, self.keys];
        Amount {
            objects: parts.iter().map(|part| part.objects).sum(),
            bytes: parts.iter().map(|part| part.bytes).sum(),
        }
    }
}
