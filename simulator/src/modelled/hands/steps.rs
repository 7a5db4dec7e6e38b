//! What the steps of modelled hands have in common: waiting, moving bytes, and the store's objects.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use engine::format::pack::PACK_BYTES;
use engine::vault::REQUESTS_MAX;
use futures::future::{Either, select};

use crate::scenario::{Copy, SECOND};
use crate::trial::ground::lock;
use crate::trial::hands::{Failed, Snapshot};
use crate::trial::meter::Requests;
use crate::trial::rates;
use crate::workload::Content;
use crate::world::account::Endpoint;

use super::super::chain::{Drawn, Point};
use super::super::fit::{Index, Looks, pack_order, span};
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
    /// What a forget of some points asks besides.
    Mark,
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

    /// What every step reads that opens the catalog.
    pub(super) fn looks(&self) -> Looks {
        Looks {
            manifests: self.points.len() as u64,
            marks: self.points.deleted() as u64,
            ..Looks::default()
        }
    }

    /// What a step asks beside the data that it moves.
    fn asked(&self, step: Step, looks: Looks) -> (Requests, [u64; 2]) {
        let (fit, index) = (&self.fit, looks.index);
        let (asks, listed) = (fit.steps[step as usize], fit.listed);
        let large = asks.large + fit.index(index) + listed.1 * looks.listings.1;
        let large = large * self.scale();
        let marks = fit.mark_bytes * looks.marks;
        let small = asks.small + fit.manifest_bytes * looks.manifests + marks;
        let requests = Requests {
            writes: asks.writes,
            reads: asks.reads
                + looks.manifests
                + looks.marks
                + index.segments
                + listed.0 * looks.listings.0,
            put_bytes: 0,
            got_bytes: small + large,
        };
        (requests, [small, large])
    }

    /// What it takes to mark points or to take marks away is asked of the store, in no time: whoever does that is no
    /// agent, and who waits for it waits for the marks.
    pub(super) fn ask_marks(&self) {
        let here = (Endpoint::Primary, self.place());
        for step in [Step::Forget, Step::Mark] {
            self.served(here, self.asked(step, self.looks()).0);
        }
    }

    /// Takes down what the store served.
    pub(super) fn served(&self, here: (Endpoint, usize), requests: Requests) {
        let whose = (self.instance, self.copy);
        self.ground.served(whose, here, requests);
    }

    /// What a step asks beside the data that it moves: round trips, and what it reads of the vault's own objects.
    pub(super) async fn rounds(
        &self,
        step: Step,
        (at, place): (Endpoint, usize),
        looks: Looks,
    ) -> Result<(), Failed> {
        let trip = self.trip(at, place);
        let rounds = self.fit.steps[step as usize].rounds;
        self.ground.handle.sleep(rounds * trip).await;
        if self.rides() {
            return Ok(());
        }
        let (requests, [small, large]) = self.asked(step, looks);
        self.served((at, place), requests);
        if requests.got_bytes == 0 {
            return Ok(());
        }
        let path = self.ground.path(self.instance, self.copy, at, place, false);
        let (path, _) = path.ok_or(Failed::Unavailable)?;
        // Small objects are read many at once.
        let lanes = looks.manifests + looks.marks;
        let lanes = lanes.min(REQUESTS_MAX as u64) as u32;
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
        let points = points as u64;
        let place = self.place();
        let rounds = self.fit.mark_rounds * points;
        let trip = self.trip(Endpoint::Primary, place);
        self.ground.handle.sleep(rounds * trip).await;
        let requests = Requests {
            writes: points,
            ..Requests::default()
        };
        self.served((Endpoint::Primary, place), requests);
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
            let lie = lying(theirs, *owner);
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

    /// Blocks that a pack holds.
    fn blocks_of_a_pack(&self) -> u64 {
        (PACK_BYTES as u64 / self.fit.block_bytes.max(1)).max(1)
    }

    /// Requests that put packs of so many blocks, and the segment that tells of them.
    pub(super) fn puts(&self, blocks: u64) -> u64 {
        let packs = blocks.div_ceil(self.blocks_of_a_pack());
        packs + u64::from(packs > 0)
    }

    /// Real bytes of each pack that are read for a copy of what `content` has in common with the latest point.
    pub(super) fn copied(&self, content: &Content) -> Vec<u64> {
        let Some(latest) = self.points.latest() else {
            return Vec::new();
        };
        let mut read = Vec::new();
        for owner in latest.needs().iter().chain([&latest.number]) {
            let Some(theirs) = self.points.get(*owner) else {
                continue;
            };
            let lie = lying(theirs, *owner);
            for pack in lie.chunks(self.blocks_of_a_pack() as usize) {
                let copied = pack.iter().map(|block| {
                    let block = *block as usize;
                    let same = content.get(block) == latest.content.get(block);
                    same && latest.owners[block] == *owner
                });
                read.push(span(copied) * self.fit.block_bytes);
            }
        }
        read.retain(|bytes| *bytes > 0);
        read
    }

    /// Sends a point; what is copied inside the vault comes first and goes back.
    pub(super) async fn send(&mut self, moves: Requests) -> Result<(), Failed> {
        let here = (Endpoint::Primary, self.place());
        if let Some(courier) = self.spec().seeding.clone().filter(|_| !self.seeded) {
            let name = &self.ground.instances[self.instance].name;
            let trip = self.ground.drawn(courier.trip, name, "seeding", 0);
            let copying = rates::micros(moves.put_bytes, courier.media_bytes_per_second);
            self.ground.handle.sleep(copying.saturating_add(trip)).await;
            let now = self.ground.handle.now();
            lock(&self.ground.meter).at(now, self.copy).courier_trips += 1;
            let store = self.ground.store(self.instance, self.copy);
            let at = self.ground.place_of(store, Endpoint::Primary);
            // It goes by no network.
            self.served((Endpoint::Primary, at.unwrap_or(here.1)), moves);
        } else {
            let path = self
                .ground
                .path(self.instance, self.copy, here.0, here.1, true);
            let (path, _) = path.ok_or(Failed::Unavailable)?;
            let moved = self.moved(&path, moves.put_bytes + moves.got_bytes);
            self.unless_down(here.0, here.1, std::pin::pin!(moved))
                .await?;
            self.served(here, moves);
        }
        self.seeded = true;
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
    pub(super) fn land(&mut self, number: u32, snapshot: &Snapshot, drawn: &Drawn, stored: u64) {
        let (now, scale) = (self.ground.handle.now(), self.scale());
        let manifest = self.fit.base_bytes.min(stored);
        let most = self.blocks_of_a_pack();
        let (refers, listing) = (
            (&snapshot.content, &drawn.owners[..]),
            drawn.listing.unwrap_or(number),
        );
        let packs = self.pool.as_mut();
        let packs = packs.map(|pool| pool.add(number, refers, listing, now, most as usize));
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
}

/// The blocks that a point stored, in the order in which they lie in its packs.
fn lying(point: &Point, owner: u32) -> Vec<u32> {
    let stored = (0..).zip(point.owners.iter().zip(point.content.iter()));
    let stored = stored.filter(|(_, (own, version))| **own == owner && **version != 0);
    pack_order(
        stored.map(|(block, _)| block).collect(),
        |block| *block,
        owner,
    )
}
