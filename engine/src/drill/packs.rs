//! Reading packs whole, and what one small request to the store takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt, stream};

use crate::backup::Progress;
use crate::error::{Error, Result};
use crate::format::layout::path;
use crate::ids::ObjectId;
use crate::restore::micros_between;
use crate::seam::compute;
use crate::vault::{ChunkIndex, Holdings, Vault, get, verify_pack};

use super::ledger::Ledgers;
use super::sample::Candidate;

/// Packs read or being opened at once, as many as keep two cores busy; each is 16 MiB of memory.
const PACKS_AT_ONCE: usize = 3;
/// Small requests timed; the middle one counts.
const PROBES: usize = 5;

/// A pack that was read whole.
#[derive(Debug)]
pub struct PackOutcome {
    /// The pack.
    pub pack: ObjectId,
    /// Its size.
    pub bytes: u64,
    /// Why it does not verify, if it does not.
    pub damage: Option<Error>,
}

/// Packs that a sample may be drawn from: those in `index` if one is given, else all; none that is
/// condemned.
///
/// # Errors
/// When the store does not serve.
pub async fn sampled(
    vault: &Vault,
    ledgers: &Ledgers,
    index: Option<&ChunkIndex>,
) -> Result<Vec<Candidate>> {
    let holdings = Holdings::load(vault).await?;
    let within: Option<BTreeSet<ObjectId>> = index.map(|index| {
        let packs = 0..index.packs() as u32;
        packs.map(|number| index.pack(number)).collect()
    });
    let packs = holdings.packs.iter().filter(|(id, _)| {
        let condemned = holdings.tombstones.packs.contains_key(id);
        !condemned && within.as_ref().is_none_or(|within| within.contains(id))
    });
    let candidates = packs.map(|(id, held)| {
        let read = ledgers.packs.get(id).filter(|read| read.blobs.is_empty());
        Candidate {
            pack: *id,
            bytes: held.bytes,
            read: read.map(|read| read.at),
        }
    });
    Ok(candidates.collect())
}

/// Reads packs and opens every byte of them, as `check --read-data` does.
///
/// # Errors
/// When the store does not serve; damage is in the outcomes.
pub async fn read_packs(
    vault: &Vault,
    packs: &[Candidate],
    progress: &dyn Progress,
) -> Result<Vec<PackOutcome>> {
    let mut read = stream::iter(packs.iter().copied())
        .map(|candidate| async move {
            let (id, bytes) = (candidate.pack, candidate.bytes);
            let verified = async {
                let pack = get(vault.world(), &path::pack(id)).await?;
                let keys = Arc::clone(vault.keys());
                compute(&*vault.world().workers, move || {
                    let mut pack = pack.try_into_mut().unwrap_or_else(|pack| pack[..].into());
                    verify_pack(&keys, id, &mut pack)
                })
                .await?
            };
            (id, bytes, verified.await)
        })
        .buffered(PACKS_AT_ONCE);
    let mut outcomes = Vec::new();
    while let Some((pack, bytes, verified)) = read.next().await {
        progress.advance(bytes, 0);
        let damage = match verified {
            Ok(_) => None,
            Err(error) if error.is_damage() => Some(error),
            Err(error) => return Err(error),
        };
        outcomes.push(PackOutcome {
            pack,
            bytes,
            damage,
        });
    }
    Ok(outcomes)
}

/// Microseconds that one small request to the store takes: the middle of a few.
///
/// # Errors
/// When the store does not serve.
pub async fn request_micros(vault: &Vault) -> Result<u64> {
    let mut took = [0; PROBES];
    for micros in &mut took {
        let began = vault.world().clock.now();
        get(vault.world(), &path::vault()).await?;
        *micros = micros_between(began, vault.world().clock.now());
    }
    took.sort_unstable();
    Ok(took[PROBES / 2])
}
