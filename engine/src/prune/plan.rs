//! What to do with each pack; a pure function of what a mark found.

use crate::format::keyslot::Terms;
use crate::ids::ObjectId;
use crate::units::Timestamp;

/// What is known of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackFact {
    /// Its name.
    pub id: ObjectId,
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub written: Timestamp,
    /// Whether an existing point counts it as its own.
    pub owned: bool,
    /// Since when it has been condemned.
    pub condemned: Option<Timestamp>,
    /// Bytes of its blobs.
    pub blob_bytes: u64,
    /// Bytes of its blobs that are needed and found in it rather than elsewhere.
    pub needed_bytes: u64,
}

impl PackFact {
    /// Bytes of blobs that nothing needs, or that are found elsewhere.
    fn wasted_bytes(&self) -> u64 {
        self.blob_bytes.saturating_sub(self.needed_bytes)
    }
}

/// How far a prune goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Unneeded bytes that may stay in packs that are needed otherwise, in hundredths of the vault.
    pub waste_percent: u32,
    /// Bytes that are copied to new packs at most, beside what must be rescued.
    pub repack_bytes: u64,
}

impl Default for Limits {
    /// A twentieth of waste, as restic allows (`--max-unused`), and no limit to the copying.
    fn default() -> Self {
        Self {
            waste_percent: 5,
            repack_bytes: u64::MAX,
        }
    }
}

/// What a prune does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Packs that nothing needs: condemned now.
    pub condemn: Vec<PackFact>,
    /// Packs that are needed in part: what is needed is copied, then they are condemned.
    pub repack: Vec<PackFact>,
    /// Condemned packs that something needs after all: that is copied now.
    pub rescue: Vec<PackFact>,
    /// Condemned packs whose grace is over: removed now.
    pub sweep: Vec<PackFact>,
    /// Condemned packs whose grace is not over.
    pub waiting: Vec<PackFact>,
    /// Bytes that nothing needs in packs that stay as they are.
    pub wasted_bytes: u64,
    /// Packs too young to judge, or perhaps of a backup that is running.
    pub spared: u64,
}

/// Decides about every pack. `writing_since` is when the longest running backup began.
pub fn plan(
    packs: &[PackFact],
    terms: Terms,
    limits: Limits,
    writing_since: Option<Timestamp>,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    let over = |since: Timestamp| now.seconds_since(since) >= terms.grace_seconds;
    let mut partly = Vec::new();
    for pack in packs {
        if let Some(since) = pack.condemned {
            if pack.needed_bytes > 0 {
                plan.rescue.push(*pack);
            }
            let place = if over(since) {
                &mut plan.sweep
            } else {
                &mut plan.waiting
            };
            place.push(*pack);
        } else if pack.owned {
            // A point's packs are its own as long as it is there: what it did not need it adopted.
        } else if !over(pack.written) || writing_since.is_some_and(|since| pack.written >= since) {
            plan.spared += 1;
        } else if pack.needed_bytes == 0 {
            plan.condemn.push(*pack);
        } else {
            partly.push(*pack);
        }
    }
    let total: u64 = packs.iter().map(|pack| pack.bytes).sum();
    let allowed = total / 100 * u64::from(limits.waste_percent);
    choose_repacks(partly, allowed, limits.repack_bytes, &mut plan);
    plan
}

/// The most wasteful first, until what is left is allowed.
fn choose_repacks(mut partly: Vec<PackFact>, allowed: u64, most: u64, plan: &mut Plan) {
    // By the share that is wasted, in thousandths; names decide between equals.
    partly.sort_by_key(|pack| {
        let share = u128::from(pack.wasted_bytes()) * 1000 / u128::from(pack.blob_bytes.max(1));
        (std::cmp::Reverse(share), pack.id)
    });
    plan.wasted_bytes = partly.iter().map(PackFact::wasted_bytes).sum();
    let mut copied = 0;
    for pack in partly {
        if plan.wasted_bytes <= allowed {
            break;
        }
        if copied + pack.needed_bytes > most && copied > 0 {
            continue;
        }
        copied += pack.needed_bytes;
        plan.wasted_bytes -= pack.wasted_bytes();
        plan.repack.push(pack);
    }
}

#[cfg(test)]
mod tests;
