//! The vault's ledgers of drills: read together, merged into one, and that one kept.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::format::drill::{self as format, Ledger, PackRead, PointRead, RUNS_MAX, Run};
use crate::format::layout::{Kind, path};
use crate::ids::{ObjectId, PointId};
use crate::units::Timestamp;
use crate::vault::{Vault, delete, id_of, list, written};

use super::coverage::union;

/// What was read back of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// When; the oldest where several drills each read a part.
    pub at: Timestamp,
    /// One bit per blob; empty for all of them.
    pub blobs: Vec<u8>,
}

/// All ledgers of a vault, taken together. There are several only where drills ran side by side.
#[derive(Debug, Default)]
pub struct Ledgers {
    /// The last drills, oldest first.
    pub runs: Vec<Run>,
    /// What was read back of each pack.
    pub packs: BTreeMap<ObjectId, Read>,
    /// When each point was last restored whole.
    pub points: BTreeMap<PointId, Timestamp>,
    /// Those that do not open: what they told counts as unread, and the next ledger replaces them.
    pub damaged: Vec<Error>,
    /// The objects that this was read from.
    from: Vec<ObjectId>,
}

impl Ledgers {
    /// Reads all.
    ///
    /// # Errors
    /// Store errors.
    pub async fn load(vault: &Vault) -> Result<Self> {
        let mut ledgers = Self::default();
        for object in list(vault.world(), &path::drills()).await? {
            let read = async {
                let id = id_of(&object.location)?;
                let raw = vault.get_object(Kind::Drill, id, &object.location).await?;
                Ok::<_, Error>((id, format::read(object.location.as_ref(), &raw)?))
            };
            match read.await {
                Ok((id, ledger)) => {
                    ledgers.take_in(ledger);
                    ledgers.from.push(id);
                }
                // Taken in by another drill between the list and the reading.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.is_damage() => {
                    ledgers.damaged.push(error);
                    ledgers.from.extend(id_of(&object.location).ok());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(ledgers)
    }

    fn take_in(&mut self, ledger: Ledger) {
        for run in ledger.runs {
            if !self.runs.contains(&run) {
                self.runs.push(run);
            }
        }
        self.runs.sort_by_key(|run| run.at);
        for PackRead { pack, at, blobs } in ledger.packs {
            let read = Read { at, blobs };
            match self.packs.get_mut(&pack) {
                Some(known) => *known = union(known, &read),
                None => drop(self.packs.insert(pack, read)),
            }
        }
        for PointRead { point, at } in ledger.points {
            let last = self.points.entry(point).or_insert(at);
            *last = at.max(*last);
        }
    }

    /// Writes what is known now as one ledger, then removes those that it takes in. Gives the time by
    /// the store's clock.
    ///
    /// # Errors
    /// Store errors; what was read before is still told by the old ledgers then.
    pub async fn keep(&self, vault: &Vault) -> Result<Timestamp> {
        let first = self.runs.len().saturating_sub(RUNS_MAX);
        let packs = self.packs.iter().map(|(pack, read)| PackRead {
            pack: *pack,
            at: read.at,
            blobs: read.blobs.clone(),
        });
        let points = self.points.iter();
        let ledger = Ledger {
            runs: self.runs[first..].to_vec(),
            packs: packs.collect(),
            points: points
                .map(|(point, at)| PointRead {
                    point: *point,
                    at: *at,
                })
                .collect(),
        };
        let id = ObjectId::draw(&*vault.world().entropy);
        let at = path::drill(id);
        vault
            .put_object(Kind::Drill, id, &at, &format::write(&ledger))
            .await?;
        let now = written(vault.world(), &at).await?;
        for old in &self.from {
            // One that stays, in a store that removes nothing, tells nothing that is not true.
            let _ = delete(vault.world(), &path::drill(*old)).await.is_ok();
        }
        Ok(now)
    }
}
