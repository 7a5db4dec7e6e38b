//! The order of a prune: expire, mark, copy what is needed, condemn, sweep.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::format::index::PackRecord;
use crate::format::layout::{Kind, path};
use crate::format::lease::Purpose;
use crate::format::tombstone::{self, Tombstone};
use crate::ids::{ObjectId, PointId};
use crate::units::Timestamp;
use crate::vault::{
    Catalog, Lease, Run, SEGMENT_ENTRIES, Vault, delete, each_record, leases, read_table, rewrite,
    write_segments, written,
};

use super::plan::{Limits, PackFact, Plan, plan};
use super::survey::Survey;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Host and process, for people.
    pub by: String,
    /// How far to go.
    pub limits: Limits,
}

/// What a prune did, or would do.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Deleted points whose time was over: removed for good.
    pub expired: Vec<PointId>,
    /// What was decided about the packs.
    pub plan: Plan,
    /// Index segments condemned: what they tell is told elsewhere, or gone.
    pub condemned_segments: u64,
    /// Bytes copied into new packs.
    pub copied_bytes: u64,
    /// Condemned packs that stay, as what is needed of them can't be copied, or what is relied on
    /// instead is not there any more.
    pub kept: Vec<PackFact>,
    /// What is damaged of packs that were to be copied.
    pub damaged: Vec<Error>,
    /// When the first of what waits can be swept, by the store's clock.
    pub next_sweep: Option<Timestamp>,
    /// Bytes of all packs when this began.
    pub pack_bytes: u64,
}

impl Outcome {
    /// Bytes that this removed from the store, or would.
    pub fn freed_bytes(&self) -> u64 {
        self.swept().map(|pack| pack.bytes).sum()
    }

    /// Packs that this removed from the store, or would.
    pub fn swept(&self) -> impl Iterator<Item = &PackFact> {
        let sweep = self.plan.sweep.iter();
        sweep.filter(|pack| !self.kept.iter().any(|kept| kept.id == pack.id))
    }

    /// Bytes that are condemned and not yet removed.
    pub fn pending_bytes(&self) -> u64 {
        let waiting = self.plan.waiting.iter();
        let waiting = waiting.chain(&self.plan.condemn).chain(&self.plan.repack);
        waiting.chain(&self.kept).map(|pack| pack.bytes).sum()
    }
}

/// What a prune would do now; changes nothing but for its lease.
///
/// # Errors
/// As [`run`].
pub async fn preview(vault: &Vault, request: &Request, marked: impl FnMut(u64)) -> Result<Outcome> {
    let mut lease = Lease::take(vault, Purpose::Prune, &request.by).await?;
    let previewed = async {
        let now = lease.store_now().await?;
        let expired = Catalog::load(vault).await?.expired(vault.terms()?, now);
        let survey = Survey::take(vault, &mut lease, now, &expired, marked).await?;
        let mut outcome = decided(vault, request, &survey)?;
        outcome.condemned_segments = dead_segments(&survey, &outcome.plan, vault)?.len() as u64;
        outcome.expired = expired;
        Ok(outcome)
    }
    .await;
    let _ = lease.release().await.is_ok();
    previewed
}

/// Removes what nothing needs. `marked` hears of bytes of listings looked through and of blobs copied.
///
/// # Errors
/// `Corrupt` when it can't be known what is needed, and then nothing but expired points was removed;
/// `Unavailable` while another prune is at work; store errors. A prune that ends early leaves nothing wrong.
pub async fn run(vault: &Vault, request: &Request, marked: impl FnMut(u64)) -> Result<Outcome> {
    vault.terms()?;
    let mut lease = Lease::take(vault, Purpose::Prune, &request.by).await?;
    let pruned = prune(vault, request, &mut lease, marked).await;
    let _ = lease.release().await.is_ok();
    pruned
}

async fn prune(
    vault: &Vault,
    request: &Request,
    lease: &mut Lease,
    mut marked: impl FnMut(u64),
) -> Result<Outcome> {
    let now = lease.store_now().await?;
    refuse_beside_another(vault, lease, now).await?;
    let expired = Catalog::load(vault).await?.expired(vault.terms()?, now);
    if !expired.is_empty() {
        let stone = Tombstone {
            points: expired.clone(),
            swept: 1,
            ..Tombstone::default()
        };
        put_tombstone(vault, &stone).await?;
    }
    for point in &expired {
        // The mark last: without it the point would be there again for a moment.
        delete(vault.world(), &path::point(*point)).await?;
        delete(vault.world(), &path::deletion(*point)).await?;
        lease.keep().await?;
    }
    let survey = Survey::take(vault, lease, now, &expired, &mut marked).await?;
    let mut outcome = decided(vault, request, &survey)?;
    outcome.expired = expired;
    condemn(vault, lease, &survey, &mut outcome, &mut marked).await?;
    sweep(vault, lease, &survey, &mut outcome).await?;
    for lapsed in &survey.lapsed {
        delete(vault.world(), &path::lease(*lapsed)).await?;
    }
    Ok(outcome)
}

fn decided(vault: &Vault, request: &Request, survey: &Survey) -> Result<Outcome> {
    let terms = vault.terms()?;
    let (limits, since, now) = (request.limits, survey.writing_since, survey.now);
    let plan = plan(&survey.facts, terms, limits, since, now);
    let waits = plan.waiting.iter().filter_map(|pack| pack.condemned);
    let mut next = waits
        .min()
        .map(|since| since.plus_seconds(terms.grace_seconds));
    if next.is_none() && !(plan.condemn.is_empty() && plan.repack.is_empty()) {
        next = Some(now.plus_seconds(terms.grace_seconds));
    }
    Ok(Outcome {
        next_sweep: next,
        pack_bytes: survey.facts.iter().map(|pack| pack.bytes).sum(),
        plan,
        ..Outcome::default()
    })
}

/// Two prunes at once are safe, and do the same work twice.
async fn refuse_beside_another(vault: &Vault, lease: &Lease, now: Timestamp) -> Result<()> {
    for other in leases(vault).await? {
        let Some(content) = &other.content else {
            continue;
        };
        let earlier = (content.since, other.id) < (lease.since(), lease.id());
        if content.purpose == Purpose::Prune && earlier && other.is_active(vault, now) {
            let holder = &content.holder;
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!("another prune is at work ({holder}): run this when it has ended"),
            ));
        }
    }
    Ok(())
}

/// Copies what is needed out of packs that are to go, tells it, and then condemns.
async fn condemn(
    vault: &Vault,
    lease: &mut Lease,
    survey: &Survey,
    outcome: &mut Outcome,
    marked: &mut impl FnMut(u64),
) -> Result<()> {
    let copying = outcome.plan.repack.iter().chain(&outcome.plan.rescue);
    let copying: BTreeSet<ObjectId> = copying.map(|pack| pack.id).collect();
    let runs = runs(vault, survey, &copying).await?;
    let mut copied = 0;
    let rewritten = rewrite(vault, lease, runs, |bytes| {
        copied += bytes;
        marked(bytes);
    })
    .await?;
    outcome.copied_bytes = copied;
    let mut records = rewritten.records;
    for (pack, error) in rewritten.failed {
        // What can't be copied stays where it is.
        outcome.plan.repack.retain(|fact| fact.id != pack);
        let facts = survey.facts.iter().filter(|fact| fact.id == pack);
        outcome
            .kept
            .extend(facts.filter(|fact| fact.condemned.is_some()));
        outcome.damaged.push(error);
    }
    // What no segment tells and is needed must be told before it is relied on.
    let untold = survey.untold.iter().filter(|record| {
        !copying.contains(&record.pack) && !needed(survey, record).blobs.is_empty()
    });
    records.extend(untold.cloned());
    let segments = dead_segments(survey, &outcome.plan, vault)?;
    records.extend(live_records(vault, survey, &outcome.plan, &segments).await?);
    write_segments(vault, &records).await?;
    let condemned = outcome.plan.condemn.iter().chain(&outcome.plan.repack);
    let stone = Tombstone {
        packs: condemned.map(|pack| pack.id).collect(),
        segments: segments.into_iter().collect(),
        ..Tombstone::default()
    };
    outcome.condemned_segments = stone.segments.len() as u64;
    if !(stone.packs.is_empty() && stone.segments.is_empty()) {
        put_tombstone(vault, &stone).await?;
    }
    Ok(())
}

async fn put_tombstone(vault: &Vault, stone: &Tombstone) -> Result<()> {
    let id = ObjectId::draw(&*vault.world().entropy);
    let raw = tombstone::write(stone);
    let at = path::tombstone(id);
    vault.put_object(Kind::Tombstone, id, &at, &raw).await?;
    Ok(())
}

/// The needed blobs of `packs`, as their records tell them.
async fn runs(vault: &Vault, survey: &Survey, packs: &BTreeSet<ObjectId>) -> Result<Vec<Run>> {
    let mut runs: BTreeMap<ObjectId, Run> = BTreeMap::new();
    if packs.is_empty() {
        return Ok(Vec::new());
    }
    let mut take = |record: &PackRecord| {
        if packs.contains(&record.pack) && !runs.contains_key(&record.pack) {
            runs.insert(record.pack, needed(survey, record));
        }
    };
    survey.untold.iter().for_each(&mut take);
    // Condemned packs may be told by a segment that a point names.
    let named = survey.catalog.named_segments();
    let segments = survey.unnamed.keys().chain(&named);
    let segments = segments.map(|segment| (0, *segment)).collect();
    each_record(vault, segments, |_, record| take(record)).await?;
    for fact in survey.facts.iter().filter(|fact| packs.contains(&fact.id)) {
        let whole = |run: &Run| run.stored_bytes() == fact.needed_bytes;
        if !runs.get(&fact.id).is_some_and(whole) {
            // The segment that told it can't be read any more: its trailer tells the same.
            let record = read_table(vault, fact.id, fact.bytes).await?;
            runs.insert(fact.id, needed(survey, &record));
        }
    }
    let some = runs.into_values().filter(|run| !run.blobs.is_empty());
    Ok(some.collect())
}

/// The blobs of a pack that are needed and found in it.
fn needed(survey: &Survey, record: &PackRecord) -> Run {
    Run::of(record, |entry| {
        let found = survey.index.find_marked(&entry.id);
        found.is_some_and(|at| survey.index.pack(at.pack) == record.pack)
    })
}

/// Segments that no point names and that are to be condemned: those that tell nothing that stays, and
/// those that tell so little of it that they are better written anew.
fn dead_segments(survey: &Survey, plan: &Plan, vault: &Vault) -> Result<BTreeSet<ObjectId>> {
    let grace = vault.terms()?.grace_seconds;
    let staying = staying(survey, plan);
    let mut small = Vec::new();
    let mut dead = BTreeSet::new();
    let named = survey.catalog.named_segments();
    for segment in survey.holdings.unnamed(&named) {
        let Some(held) = survey.holdings.segments.get(&segment) else {
            continue;
        };
        // One that can't be read tells nothing; what it told, trailers tell.
        let packs = survey.unnamed.get(&segment).map_or(&[][..], Vec::as_slice);
        let young = survey.now.seconds_since(held.written) < grace
            || survey
                .writing_since
                .is_some_and(|since| held.written >= since);
        if young || survey.holdings.tombstones.segments.contains_key(&segment) {
            continue;
        }
        let all: u64 = packs.iter().map(|(_, blobs)| u64::from(*blobs)).sum();
        let live = packs.iter().filter(|(pack, _)| staying.contains(pack));
        let live: u64 = live.map(|(_, blobs)| u64::from(*blobs)).sum();
        if live < all - all / 4 || live == 0 {
            dead.insert(segment);
        } else if all < SEGMENT_ENTRIES as u64 / 16 {
            small.push(segment);
        }
    }
    if small.len() >= SMALL_SEGMENTS_MAX {
        dead.extend(small);
    }
    Ok(dead)
}

/// So many small segments that no point names are left; more are written anew as one.
pub const SMALL_SEGMENTS_MAX: usize = 16;

/// Packs that are there, not condemned, and not to be.
fn staying(survey: &Survey, plan: &Plan) -> BTreeSet<ObjectId> {
    let going = plan.condemn.iter().chain(&plan.repack);
    let going: BTreeSet<ObjectId> = going.map(|pack| pack.id).collect();
    let facts = survey.facts.iter();
    let facts = facts.filter(|pack| pack.condemned.is_none() && !going.contains(&pack.id));
    facts.map(|pack| pack.id).collect()
}

/// What segments that are to go tell of packs that stay.
async fn live_records(
    vault: &Vault,
    survey: &Survey,
    plan: &Plan,
    segments: &BTreeSet<ObjectId>,
) -> Result<Vec<PackRecord>> {
    let staying = staying(survey, plan);
    let mut live: BTreeMap<ObjectId, PackRecord> = BTreeMap::new();
    let numbered = segments.iter().map(|segment| (0, *segment)).collect();
    let whole = each_record(vault, numbered, |_, record| {
        if staying.contains(&record.pack) {
            live.insert(record.pack, record.clone());
        }
    });
    if !whole.await? {
        return Err(Error::new(
            ErrorKind::Unavailable,
            "an index segment changed while this ran: run it again",
        ));
    }
    Ok(live.into_values().collect())
}

/// Removes packs and segments whose grace is over.
async fn sweep(
    vault: &Vault,
    lease: &mut Lease,
    survey: &Survey,
    outcome: &mut Outcome,
) -> Result<()> {
    let over: BTreeMap<ObjectId, PackFact> = outcome
        .plan
        .sweep
        .iter()
        .map(|pack| (pack.id, *pack))
        .collect();
    let mut kept = unreplaced(vault, survey, &over).await?;
    kept.extend(outcome.kept.iter().map(|pack| pack.id));
    outcome.kept = kept.iter().filter_map(|id| over.get(id).copied()).collect();
    let grace = vault.terms()?.grace_seconds;
    let owned = survey.catalog.owned_packs();
    let named = survey.catalog.named_segments();
    let depended = survey.catalog.existing();
    let depended: BTreeSet<PointId> = depended
        .flat_map(|point| point.manifest.depends_on.iter().copied())
        .collect();
    for (stone_id, stone, since) in &survey.holdings.tombstones.all {
        if survey.now.seconds_since(*since) < grace {
            continue;
        }
        let at = path::tombstone(*stone_id);
        if stone.swept != 0 {
            // As long as a point names what is gone, this tells its readers to look elsewhere.
            let mut packs = stone.packs.iter();
            let mut points = stone.points.iter();
            let mut segments = stone.segments.iter();
            if !packs.any(|pack| owned.contains(pack))
                && !points.any(|id| depended.contains(id))
                && !segments.any(|segment| named.contains(segment))
            {
                delete(vault.world(), &at).await?;
            }
            continue;
        }
        for pack in &stone.packs {
            if survey.holdings.packs.contains_key(pack) && !kept.contains(pack) {
                delete(vault.world(), &path::pack(*pack)).await?;
                lease.keep().await?;
            }
        }
        for segment in &stone.segments {
            if survey.holdings.segments.contains_key(segment) {
                delete(vault.world(), &path::index(*segment)).await?;
            }
        }
        if !stone.packs.iter().any(|pack| kept.contains(pack)) {
            // A list that is behind shows removed packs for a while: they stay known as condemned.
            let swept = Tombstone {
                swept: 1,
                ..stone.clone()
            };
            put_tombstone(vault, &swept).await?;
            delete(vault.world(), &at).await?;
        }
    }
    Ok(())
}

/// Packs that may not be swept yet. Each pack that is relied on for what they hold too is looked at by
/// its name, as a list may show what was removed meanwhile.
async fn unreplaced(
    vault: &Vault,
    survey: &Survey,
    over: &BTreeMap<ObjectId, PackFact>,
) -> Result<BTreeSet<ObjectId>> {
    let mut relied: BTreeMap<ObjectId, BTreeSet<ObjectId>> = BTreeMap::new();
    let mut looked = BTreeSet::new();
    let mut look = |record: &PackRecord| {
        if !over.contains_key(&record.pack) || !looked.insert(record.pack) {
            return;
        }
        for entry in &record.entries {
            if let Some(found) = survey.index.find_marked(&entry.id) {
                let instead = survey.index.pack(found.pack);
                if instead != record.pack {
                    relied.entry(instead).or_default().insert(record.pack);
                }
            }
        }
    };
    survey.untold.iter().for_each(&mut look);
    let named = survey.catalog.named_segments();
    let segments = survey.unnamed.keys().chain(&named);
    let segments = segments.map(|segment| (0, *segment)).collect();
    if !over.is_empty() {
        each_record(vault, segments, |_, record| look(record)).await?;
    }
    // One that nothing tells any more, and whose trailer did not open either, waits.
    let told = |id: &&ObjectId| {
        let fact = over.get(id);
        looked.contains(id) || fact.is_some_and(|fact| fact.blob_bytes == 0)
    };
    let mut kept: BTreeSet<ObjectId> = over.keys().filter(|id| !told(id)).copied().collect();
    for (instead, packs) in relied {
        match written(vault.world(), &path::pack(instead)).await {
            Ok(_) => {}
            Err(error) if error.is_damage() => kept.extend(packs),
            Err(error) => return Err(error),
        }
    }
    Ok(kept)
}
