//! What the steps of modelled hands have in common: waiting, moving bytes, and the store's objects.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use engine::format::keyslot::Terms;
use engine::format::pack::PACK_BYTES;
use engine::vault::REQUESTS_MAX;
use futures::future::{Either, select};

use crate::scenario::{Copy, SECOND};
use crate::trial::ground::lock;
use crate::trial::hands::{Failed, Snapshot};
use crate::trial::meter::cross;
use crate::trial::rates;
use crate::world::account::Endpoint;

use super::super::chain::Point;
use super::super::fit::{Index, pack_order};
use super::super::pool::{Pool, Pruned, Written};
use super::ModelHands;

/// How long the engine's retry layer waits on average before it gives up (`engine::seam::store::Retries::PATIENT`).
const PATIENCE: u64 = 20 * SECOND;

/// The steps that a fit has figures for.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Backup,
    Restore,
    Forget,
    Prune,
    /// Listing points.
    Points,
}

/// The kinds of objects that a vault of the model has.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Vault,
    Lease,
    /// A point's own data, in chains.
    Data,
    /// A pack, where points share them.
    Pack,
    Manifest,
    /// Which deletes a point.
    Mark,
}

/// The names of an instance's objects.
pub(super) fn names(instance: usize) -> Range<u64> {
    let first = (instance as u64) << 40;
    first..first + (1 << 40)
}

type Account = crate::world::account::Account<()>;

impl ModelHands {
    pub(super) fn spec(&self) -> &Copy {
        self.ground.copy(self.copy)
    }

    pub(super) fn scale(&self) -> u64 {
        self.ground.instances[self.instance].group.scale()
    }

    pub(super) fn place(&self) -> usize {
        self.ground.state(self.instance).place
    }

    /// Does something with the account, with what makes keys.
    pub(super) fn with_account<T>(
        &self,
        act: impl FnOnce(&mut Account, &dyn Fn(Kind, u32) -> u64) -> T,
    ) -> T {
        let first = names(self.instance).start;
        let key = |kind: Kind, number: u32| first | (kind as u64) << 32 | u64::from(number);
        let store = self.ground.store(self.instance, self.copy);
        act(&mut lock(&store.account), &key)
    }

    pub(super) fn open(&self) -> Result<(), Failed> {
        if self.ground.is_locked() {
            Err(Failed::Locked)
        } else {
            Ok(())
        }
    }

    /// Waits until the store serves, for as long as the engine's retries would.
    pub(super) async fn reach(&self, at: Endpoint, place: usize) -> Result<(), Failed> {
        self.open()?;
        let store = self.ground.store(self.instance, self.copy);
        let (spans, now) = (
            self.ground.unreachable(store, at, place),
            self.ground.handle.now(),
        );
        let Some(until) = spans.until(now) else {
            return Ok(());
        };
        self.ground
            .handle
            .sleep_until(until.min(now + PATIENCE))
            .await;
        if until > now + PATIENCE {
            Err(Failed::Unavailable)
        } else {
            Ok(())
        }
    }

    /// What a step asks beside the data that it moves: round trips, and lists that it reads: of all points, and the
    /// index.
    pub(super) async fn rounds(
        &self,
        step: Step,
        (at, place): (Endpoint, usize),
        index: Index,
    ) -> Result<(), Failed> {
        let fit = self.fit.steps[step as usize];
        let trip = self.trip(at, place);
        self.ground.handle.sleep(fit.rounds * trip).await;
        let (points, deleted) = (self.points.len() as u64, self.points.deleted() as u64);
        let small = fit.got_per_point * points + self.fit.mark_bytes * deleted;
        let index = fit.got_per_block * index.blocks + fit.got_per_segment * index.segments;
        let large = (fit.got + index) * self.scale();
        let got = small + large;
        {
            let mut meter = lock(&self.ground.meter);
            let row = meter.at(self.ground.handle.now(), self.copy);
            row.writes += fit.writes;
            row.reads += fit.reads;
            row.got_bytes += got;
        }
        if got == 0 || self.rides() {
            return Ok(());
        }
        let path = self.ground.path(self.instance, self.copy, at, place, false);
        let (path, _) = path.ok_or(Failed::Unavailable)?;
        // Small objects are read many at once.
        let lanes = (points + deleted).min(REQUESTS_MAX as u64) as u32;
        let read = async {
            let _ = self
                .ground
                .roads
                .transfer_in(Arc::clone(&path), small, lanes)
                .await
                .is_ok();
            self.moved(&path, large).await;
        };
        self.unless_down(at, place, std::pin::pin!(read)).await
    }

    /// Whether what the first point needs goes with its courier.
    fn rides(&self) -> bool {
        !self.seeded && self.spec().seeding.is_some()
    }

    /// How long a request to an endpoint takes that carries nothing.
    fn trip(&self, at: Endpoint, place: usize) -> u64 {
        let store = self.ground.store(self.instance, self.copy);
        let latency = self.ground.latency(store, at, place);
        latency.map_or(0, |latency| 2 * latency) + self.spec().request_micros
    }

    /// The round trips of marking so many points, or of taking marks away.
    pub(super) async fn marks(&self, points: usize) {
        let rounds = self.fit.mark_rounds * points as u64;
        let trip = self.trip(Endpoint::Primary, self.place());
        self.ground.handle.sleep(rounds * trip).await;
    }

    /// The vault itself, which the first backup makes, and the lease, which one that was interrupted leaves.
    pub(super) fn found(&self) {
        let now = self.ground.handle.now();
        let (vault, lease) = (self.fit.vault_bytes, self.fit.lease_bytes);
        self.with_account(|account, key| {
            account.put(now, key(Kind::Vault, 0), (), vault, true);
            account.put(now, key(Kind::Lease, 0), (), lease, false);
        });
    }

    /// The index of a point and of those that it needs.
    pub(super) fn index_of(&self, point: &Point) -> Index {
        let needs = point.needs();
        let needs = needs.iter().filter_map(|number| self.points.get(*number));
        Index::of(needs.chain([point]).map(|point| point.stored))
    }

    /// The fetches of a restore of a point, in real bytes, lists included.
    pub(super) fn fetches(&self, point: &Point) -> Vec<u64> {
        let mut fetches = vec![self.fit.fetched_base];
        if let Some(pool) = &self.pool {
            let packs = pool.needed_of(&point.content);
            fetches.extend(packs.flat_map(|needed| self.fit.fetches(needed)));
            return fetches;
        }
        for owner in point.needs().iter().chain([&point.number]) {
            let theirs = self.points.get(*owner).unwrap_or(point);
            let stored = (0..).zip(theirs.owners.iter().zip(theirs.content.iter()));
            let stored = stored.filter(|(_, (own, version))| *own == owner && **version != 0);
            let stored: Vec<u32> = stored.map(|(block, _)| block).collect();
            let lie = pack_order(stored, |block| *block, *owner);
            let needed = lie
                .iter()
                .map(|block| point.owners[*block as usize] == *owner);
            fetches.extend(self.fit.fetches(needed));
        }
        fetches
    }

    /// Reading the disk and sealing what is new.
    pub(super) async fn work(&self, used: u64, sealed: u64) {
        let group = &self.ground.instances[self.instance].group;
        let block = group.real_block_bytes * group.scale();
        let time = rates::out(used * block, sealed * block, group.disk_bytes_per_second);
        self.ground.handle.sleep(time).await;
    }

    /// Sends a point; what is copied inside the vault comes first and goes back.
    pub(super) async fn send(&mut self, stored: u64, copied: u64) -> Result<(), Failed> {
        let now = self.ground.handle.now();
        let place = self.place();
        if let Some(courier) = self.spec().seeding.clone().filter(|_| !self.seeded) {
            let name = &self.ground.instances[self.instance].name;
            let trip = self.ground.drawn(courier.trip, name, "seeding", 0);
            let copying = rates::micros(stored, courier.media_bytes_per_second);
            self.ground.handle.sleep(copying.saturating_add(trip)).await;
            lock(&self.ground.meter).at(now, self.copy).courier_trips += 1;
        } else {
            let path = self
                .ground
                .path(self.instance, self.copy, Endpoint::Primary, place, true);
            let (path, latency) = path.ok_or(Failed::Unavailable)?;
            let moved = self.moved(&path, stored + copied);
            self.unless_down(Endpoint::Primary, place, std::pin::pin!(moved))
                .await?;
            let store = self.ground.store(self.instance, self.copy);
            let store_at = self.ground.place_of(store, Endpoint::Primary);
            let mut meter = lock(&self.ground.meter);
            let row = meter.at(now, self.copy);
            if let Some(store_at) = store_at.filter(|_| latency > 0) {
                cross(
                    row,
                    &self.ground.scenario,
                    (place, store_at),
                    stored + copied,
                );
            }
            row.got_bytes += copied;
        }
        self.seeded = true;
        let mut meter = lock(&self.ground.meter);
        let row = meter.at(now, self.copy);
        row.put_bytes += stored;
        row.geo_bytes += if self.spec().redundancy.is_geo() {
            stored
        } else {
            0
        };
        Ok(())
    }

    pub(super) fn moved(
        &self,
        path: &Arc<[crate::network::LinkId]>,
        bytes: u64,
    ) -> impl Future<Output = ()> + Send + use<> {
        let moved = self.ground.roads.transfer_in(Arc::clone(path), bytes, 1);
        async move {
            // Nothing stalls it: these roads have no limit.
            let _ = moved.await.is_ok();
        }
    }

    /// Something that an outage longer than the engine's patience ends.
    pub(super) async fn unless_down(
        &self,
        at: Endpoint,
        place: usize,
        work: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<(), Failed> {
        let store = self.ground.store(self.instance, self.copy);
        let spans = self.ground.unreachable(store, at, place);
        let Some((from, _)) = spans.next_long(self.ground.handle.now(), PATIENCE) else {
            work.await;
            return Ok(());
        };
        let down = self
            .ground
            .handle
            .sleep_until(from.saturating_add(PATIENCE));
        match select(work, std::pin::pin!(down)).await {
            Either::Left(_) => Ok(()),
            Either::Right(_) => Err(Failed::Unavailable),
        }
    }

    /// Puts a point's objects.
    pub(super) fn land(&mut self, number: u32, snapshot: &Snapshot, owners: &[u32], stored: u64) {
        let (now, scale) = (self.ground.handle.now(), self.scale());
        let manifest = self.fit.base_bytes.min(stored);
        let most = PACK_BYTES as u64 / self.fit.block_bytes.max(1);
        let content = &snapshot.content;
        let packs = self.pool.as_mut();
        let packs = packs.map(|pool| pool.add(number, content, owners, now, most as usize));
        let fit = Arc::clone(&self.fit);
        self.with_account(|account, key| {
            match packs {
                Some(packs) => {
                    for (pack, blobs, lists) in packs {
                        let bytes = fit.pack(blobs, lists) * scale;
                        account.put(now, key(Kind::Pack, pack), (), bytes, true);
                    }
                }
                None => {
                    account.put(now, key(Kind::Data, number), (), stored - manifest, true);
                }
            }
            account.put(now, key(Kind::Manifest, number), (), manifest, true);
            account.delete(now, &key(Kind::Lease, 0));
        });
    }

    /// Marks points as deleted.
    pub(super) fn mark(&mut self, numbers: &[u32]) {
        let now = self.ground.handle.now();
        self.points.delete(numbers, now);
        let bytes = self.fit.mark_bytes;
        self.with_account(|account, key| {
            for number in numbers {
                account.put(now, key(Kind::Mark, *number), (), bytes, true);
            }
        });
    }

    /// Forgets points that the store has lost: a failover, or a copy too many.
    pub(super) fn forget_lost(&mut self) {
        let now = self.ground.handle.now();
        let losses = self.with_account(|account, _| account.losses());
        if std::mem::replace(&mut self.losses, losses) == losses {
            return;
        }
        let lost: Vec<u32> = self.with_account(|account, key| {
            let mut lost = |number: &u32| {
                let manifest = key(Kind::Manifest, *number);
                account.get(now, Endpoint::Primary, &manifest).is_none()
            };
            let numbers = self.points.iter().map(|point| point.number);
            numbers.filter(&mut lost).collect()
        });
        self.points
            .extract(|point| lost.binary_search(&point.number).is_ok());
    }

    /// Whether all that a point needs can be read at an endpoint.
    pub(super) fn is_whole(&self, point: &Point, at: Endpoint) -> bool {
        let now = self.ground.handle.now();
        let needs = point.needs();
        let owners = needs.iter().chain([&point.number]);
        let sound = owners.clone().all(|owner| {
            let owner = self.points.get(*owner);
            owner.is_none_or(|owner| !owner.damaged)
        });
        if self.pool.is_some() {
            return sound;
        }
        let there = self.with_account(|account, key| {
            let mut owners = owners.clone();
            owners.all(|owner| account.get(now, at, &key(Kind::Data, *owner)).is_some())
        });
        sound && there
    }

    /// Reads so many bytes from the store, and writes them to other packs of it.
    pub(super) async fn repack(&self, bytes: u64) -> Result<(), Failed> {
        if bytes == 0 {
            return Ok(());
        }
        let (place, here) = (self.place(), Endpoint::Primary);
        let path = |out| self.ground.path(self.instance, self.copy, here, place, out);
        let ways = path(false).zip(path(true));
        let ((back, _), (out, _)) = ways.ok_or(Failed::Unavailable)?;
        let moved = async {
            self.moved(&back, bytes).await;
            self.moved(&out, bytes).await;
        };
        self.unless_down(here, place, std::pin::pin!(moved)).await?;
        let store = self.ground.store(self.instance, self.copy);
        let store_at = self.ground.place_of(store, Endpoint::Primary);
        let mut meter = lock(&self.ground.meter);
        let row = meter.at(self.ground.handle.now(), self.copy);
        row.got_bytes += bytes;
        row.put_bytes += bytes;
        if self.spec().redundancy.is_geo() {
            row.geo_bytes += bytes;
        }
        if let Some(store_at) = store_at.filter(|at| *at != place) {
            cross(row, &self.ground.scenario, (store_at, place), bytes);
            cross(row, &self.ground.scenario, (place, store_at), bytes);
        }
        Ok(())
    }

    /// Data of chains goes whole: condemned once no point needs it, removed after the grace.
    pub(super) fn prune_chains(&mut self, expired: &[Point], (began, now): (u64, u64)) {
        let grace = self.spec().grace_micros;
        self.condemned
            .extend(expired.iter().map(|point| (point.number, None)));
        let points = &self.points;
        let needs = |point: &Point, number: u32| point.chain().binary_search(&number).is_ok();
        let needed = |number: u32| points.iter().any(|point| needs(point, number));
        let mut gone = Vec::new();
        self.condemned.retain_mut(|(number, since)| match since {
            Some(since) if *since + grace <= began => {
                gone.push(*number);
                false
            }
            Some(_) => true,
            None => {
                *since = (!needed(*number)).then_some(now);
                true
            }
        });
        self.with_account(|account, key| {
            for number in gone {
                account.delete(now, &key(Kind::Data, number));
            }
        });
    }

    /// What a prune without the `expired` makes of a pool.
    pub(super) fn planned<'a>(
        &self,
        pool: &Pool,
        expired: impl Iterator<Item = &'a Point>,
        now: u64,
    ) -> (Pool, Pruned) {
        let mut pool = pool.clone();
        for point in expired {
            pool.remove(point.number, &point.content);
        }
        let spec = self.spec();
        let terms = Terms {
            soft_delete_seconds: spec.soft_delete_micros / SECOND,
            grace_seconds: spec.grace_micros / SECOND,
        };
        let pruned = pool.prune(terms, now, |blobs, lists| self.fit.pack(blobs, lists));
        (pool, pruned)
    }

    /// Bytes of packs, scaled.
    pub(super) fn weigh<'a>(&self, packs: impl IntoIterator<Item = &'a Written>) -> u64 {
        let packs = packs.into_iter();
        let bytes = packs.map(|(_, blobs, lists)| self.fit.pack(*blobs, *lists));
        bytes.sum::<u64>() * self.scale()
    }

    /// A prune's packs come, and those that it swept go.
    pub(super) fn prune_pool(
        &mut self,
        (mut pool, pruned): (Pool, Pruned),
        (began, now): (u64, u64),
    ) {
        pool.came_through(began, now);
        self.with_account(|account, key| {
            for pack in &pruned.written {
                let bytes = self.weigh([pack]);
                account.put(now, key(Kind::Pack, pack.0), (), bytes, true);
            }
            for pack in pruned.swept {
                account.delete(now, &key(Kind::Pack, pack));
            }
        });
        self.pool = Some(pool);
    }
}
