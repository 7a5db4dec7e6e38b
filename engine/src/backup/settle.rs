//! What a new point relies on is there, and will be: asked before its manifest is put and, where that
//! took long, once more after.
//!
//! A pack that was condemned while the backup ran is removed after the grace, unless a prune sees by
//! then that a point needs it. A point counts for every prune that begins after its manifest is put.
//! So a point is safe if nothing that it relies on was condemned when this looked, and its manifest was
//! put well within the grace after that. All of this is measured by the store's clock.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::format::index::PackRecord;
use crate::format::layout::path;
use crate::ids::{ObjectId, PointId};
use crate::units::Timestamp;
use crate::vault::{
    Lease, Run, Tombstones, Vault, delete, packs_there, read_segment, read_table, rewrite,
    write_segments, written,
};

/// What a new point relies on.
#[derive(Debug, Default)]
pub(crate) struct Reliance {
    /// Packs of others.
    pub(crate) used: BTreeSet<ObjectId>,
    /// Its own packs.
    pub(crate) packs: Vec<ObjectId>,
    /// Its own index segments.
    pub(crate) segments: Vec<ObjectId>,
    /// Bytes that had to be put again because of a prune.
    pub(crate) rescued_bytes: u64,
}

impl Reliance {
    /// Puts again what is condemned of it, until nothing is; gives the instant, by the store's clock,
    /// at which nothing was.
    ///
    /// # Errors
    /// `Conflict` when something is gone already; store errors.
    pub(crate) async fn settle(&mut self, vault: &Vault, lease: &mut Lease) -> Result<Timestamp> {
        loop {
            let at = lease.store_now().await?;
            let Some(terms) = vault.keys().terms() else {
                return Ok(at);
            };
            // By now a prune may have forgotten what it removed since this began.
            let long = at.seconds_since(lease.since()) >= terms.grace_seconds;
            if self.replace_condemned(vault, lease, long).await? {
                return Ok(at);
            }
        }
    }

    /// Whether nothing was condemned; what was has been put again.
    async fn replace_condemned(
        &mut self,
        vault: &Vault,
        lease: &mut Lease,
        look_for_each: bool,
    ) -> Result<bool> {
        let stones = Tombstones::load(vault).await?;
        let all = || self.used.iter().chain(&self.packs);
        if look_for_each {
            let there = packs_there(vault).await?;
            if let Some(gone) = all().find(|pack| !there.contains_key(pack)) {
                return Err(gone_already(*gone));
            }
        }
        let packs = all().filter(|pack| stones.packs.contains_key(pack));
        let packs: BTreeSet<ObjectId> = packs.copied().collect();
        let segments = self.segments.iter();
        let segments = segments.filter(|segment| stones.segments.contains_key(segment));
        let segments: BTreeSet<ObjectId> = segments.copied().collect();
        if packs.is_empty() && segments.is_empty() {
            return Ok(true);
        }
        let mut records = self.rescue(vault, lease, &packs).await?;
        // What still told of a condemned pack would be believed once its tombstone is gone.
        let mut kept = Vec::new();
        for segment in &self.segments {
            let told = read_segment(vault, *segment).await?;
            if segments.contains(segment) || told.iter().any(|told| packs.contains(&told.pack)) {
                records.extend(told.into_iter().filter(|told| !packs.contains(&told.pack)));
            } else {
                kept.push(*segment);
            }
        }
        let put = write_segments(vault, &records).await?;
        kept.extend(put.into_iter().map(|(id, _)| id));
        self.segments = kept;
        Ok(false)
    }

    /// Copies condemned packs into new ones of this point's own.
    async fn rescue(
        &mut self,
        vault: &Vault,
        lease: &mut Lease,
        packs: &BTreeSet<ObjectId>,
    ) -> Result<Vec<PackRecord>> {
        let there = packs_there(vault).await?;
        let mut runs = Vec::new();
        for pack in packs {
            let bytes = there.get(pack).ok_or_else(|| gone_already(*pack))?;
            let record = read_table(vault, *pack, *bytes).await;
            let record = record.map_err(|error| if_gone(error, *pack))?;
            runs.push(Run::of(&record, |_| true));
        }
        let mut bytes = 0;
        let records = rewrite(vault, lease, runs, |more| bytes += more).await;
        let records = records.map_err(|error| match packs.first() {
            Some(pack) => if_gone(error, *pack),
            None => error,
        })?;
        self.rescued_bytes += bytes;
        self.used.retain(|pack| !packs.contains(pack));
        self.packs.retain(|pack| !packs.contains(pack));
        self.packs.extend(records.iter().map(|record| record.pack));
        Ok(records)
    }

    /// Makes sure of a point whose manifest has been put after [`Self::settle`] gave `settled`. Where
    /// that took too long it looks again; a point that has lost something by then is taken back.
    ///
    /// # Errors
    /// `Conflict` when the point had to be taken back; store errors.
    pub(crate) async fn confirm(
        mut self,
        vault: &Vault,
        lease: &mut Lease,
        point: PointId,
        settled: Timestamp,
    ) -> Result<()> {
        let Some(terms) = vault.keys().terms() else {
            return Ok(());
        };
        let put = written(vault.world(), &path::point(point)).await?;
        if put.seconds_since(settled) < terms.grace_seconds / 4 {
            return Ok(());
        }
        // From now on every prune that begins sees the point, so that looking once more is enough.
        while !match self.replace_condemned(vault, lease, true).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                delete(vault.world(), &path::point(point)).await?;
                return Err(error);
            }
            settled => settled?,
        } {}
        Ok(())
    }
}

fn if_gone(error: Error, pack: ObjectId) -> Error {
    if error.kind() == ErrorKind::NotFound {
        gone_already(pack)
    } else {
        error
    }
}

fn gone_already(pack: ObjectId) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "{} was removed by a prune while this ran, which took longer than the vault's grace: \
             run it again, and what it has put is taken over",
            path::pack(pack)
        ),
    )
}
