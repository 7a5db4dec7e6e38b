//! Faults strike: each is applied at its instant, and undone when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::lock::Mutex as Shared;

use crate::fault::Fault;
use crate::network::LinkId;
use crate::scenario::{FaultKind, To};
use crate::workload::Content;
use crate::world::account::COPIES;

use super::ground::{Ground, OPERATORS, Store, lock};
use super::hands::Hands;
use super::recovery;
use super::tally::Tally;

/// What a fault does to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It is down until then, its data untouched.
    Outage(u64),
    /// Its data is gone.
    Destroyed,
    /// Its data is wrong, and somebody notices then.
    Corrupted(u64),
}

/// An instance that was struck.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The fault.
    pub fault: Fault,
    /// The instance.
    pub instance: usize,
    /// What it did.
    pub blow: Blow,
    /// What the disk held just before, and when each block was written.
    pub content: Content,
    /// When each block of it had been written.
    pub written: Arc<[u64]>,
}

/// All that faults are applied to.
#[derive(Debug)]
pub struct Strikes<H: Hands> {
    /// The ground.
    pub ground: Arc<Ground<H::Stored>>,
    /// Hands by instance and copy.
    pub hands: Arc<Vec<Vec<Arc<Shared<H>>>>>,
    /// The replica of each instance, where the strategy has one.
    pub replicas: Arc<Vec<Option<recovery::Following<H>>>>,
    /// What is added up.
    pub tally: Arc<std::sync::Mutex<Tally>>,
    /// How many cuts and how many slow spells lie on each link now.
    pub strained: std::sync::Mutex<BTreeMap<LinkId, (u32, u32)>>,
}

/// A slow link carries a tenth.
const SLOW: u64 = 10;

impl<H: Hands> Strikes<H> {
    /// A task for each fault.
    pub fn schedule(self: &Arc<Self>) {
        for fault in self.ground.faults.clone() {
            let strikes = Arc::clone(self);
            self.ground.handle.spawn(OPERATORS, async move {
                let handle = strikes.ground.handle.clone();
                if fault.warned_micros > 0 {
                    handle
                        .sleep_until(fault.at_micros.saturating_sub(fault.warned_micros))
                        .await;
                    strikes.warn(&fault);
                }
                handle.sleep_until(fault.at_micros).await;
                handle.trace(OPERATORS, "fault", u64::from(fault.number));
                strikes.begin(&fault).await;
                handle.sleep_until(fault.until_micros).await;
                strikes.end(&fault).await;
            });
        }
    }

    /// It is known to come: replicas of what it will hit take over.
    fn warn(&self, fault: &Fault) {
        for instance in self.there(fault) {
            let Some(replica) = self.replicas[instance].clone() else {
                continue;
            };
            let (ground, hands) = (Arc::clone(&self.ground), self.hands[instance].clone());
            let (fault, tally) = (fault.clone(), Arc::clone(&self.tally));
            self.ground.handle.spawn(OPERATORS, async move {
                recovery::hand_over::<H>(ground, (hands, replica), (fault, instance), tally).await;
            });
        }
    }

    async fn begin(&self, fault: &Fault) {
        match fault.kind {
            FaultKind::InstanceDisk => self.strike(fault, &fault.instances, &Blow::Destroyed),
            FaultKind::StoreCopy => self.each_store(fault, |store, now| {
                let copy = fault.zone.unwrap_or(0) as u8;
                let mut account = lock(&store.account);
                let copies = account.redundancy().copies();
                account.catch_up(now);
                account.lose_copy(now, copy % copies);
            }),
            FaultKind::ZoneOutage | FaultKind::RegionOutage | FaultKind::PairOutage => {
                self.serve(fault, false);
                let there = self.there(fault);
                self.strike(fault, &there, &Blow::Outage(fault.until_micros));
            }
            FaultKind::ZoneDestroyed | FaultKind::RegionDestroyed => {
                self.destroy(fault);
                let there = self.there(fault);
                self.strike(fault, &there, &Blow::Destroyed);
            }
            FaultKind::LinkCut => self.strain(fault, 1, 0),
            FaultKind::LinkSlow => self.strain(fault, 0, 1),
            FaultKind::SilentCorruption => self.damage(fault).await,
            FaultKind::ProcessCrash => {
                for instance in &fault.instances {
                    self.ground.state(*instance).crashed_until = fault.until_micros;
                    self.ring(*instance);
                    self.ground.instances[*instance].changed.notify_waiters();
                }
            }
            FaultKind::DataDeleted | FaultKind::Ransomware => {
                self.strike(
                    fault,
                    &fault.instances,
                    &Blow::Corrupted(fault.until_micros),
                );
            }
            FaultKind::RansomwareAndBackups => {
                self.strike(
                    fault,
                    &fault.instances,
                    &Blow::Corrupted(fault.until_micros),
                );
                self.intrude(fault).await;
            }
            FaultKind::PointsDeleted => self.intrude(fault).await,
            FaultKind::LostKey => {
                let lost = &self.ground.key_lost;
                lost.fetch_min(fault.at_micros, Ordering::Relaxed);
            }
            FaultKind::StoreErrors | FaultKind::ControlPlane => {}
        }
    }

    async fn end(&self, fault: &Fault) {
        match fault.kind {
            FaultKind::StoreCopy => self.each_store(fault, |store, _| {
                let copy = fault.zone.unwrap_or(0) as u8 % COPIES;
                lock(&store.account).heal(copy);
            }),
            FaultKind::ZoneOutage | FaultKind::RegionOutage | FaultKind::PairOutage => {
                self.serve(fault, true);
            }
            FaultKind::LinkCut => self.strain(fault, -1, 0),
            FaultKind::LinkSlow => self.strain(fault, 0, -1),
            FaultKind::PointsDeleted => {
                for instance in &fault.instances {
                    recovery::undelete(&self.ground, &self.hands[*instance], *instance).await;
                }
            }
            _ => {}
        }
    }

    /// Instances that run in what a fault hits.
    fn there(&self, fault: &Fault) -> Vec<usize> {
        let mut places = vec![fault.place.unwrap_or_default()];
        if fault.kind == FaultKind::PairOutage {
            places.extend(self.ground.scenario.places[places[0]].pair);
        }
        let zone = |kind| matches!(kind, FaultKind::ZoneOutage | FaultKind::ZoneDestroyed);
        let all = 0..self.ground.instances.len();
        let hit = all.filter(|number| {
            let machine = &self.ground.instances[*number];
            let in_zone = fault.zone.is_none_or(|hit| hit == machine.zone);
            places.contains(&self.ground.state(*number).place) && (!zone(fault.kind) || in_zone)
        });
        hit.collect()
    }

    fn each_store(&self, fault: &Fault, act: impl Fn(&Store<H::Stored>, u64)) {
        let (now, copies) = (
            self.ground.handle.now(),
            self.ground.strategy().copies.len(),
        );
        for store in &self.ground.stores {
            if fault.copy.is_none_or(|copy| copy % copies == store.copy) {
                act(store, now);
            }
        }
    }

    /// What of zonal stores a zone serves.
    fn serve(&self, fault: &Fault, up: bool) {
        if fault.kind != FaultKind::ZoneOutage {
            return;
        }
        for store in &self.ground.stores {
            let mut account = lock(&store.account);
            if Some(store.place) == fault.place && account.redundancy().is_zonal() {
                account.serve(fault.zone.unwrap_or(0) as u8, up);
            }
        }
    }

    fn destroy(&self, fault: &Fault) {
        let now = self.ground.handle.now();
        let region = fault.kind == FaultKind::RegionDestroyed;
        for store in &self.ground.stores {
            let mut account = lock(&store.account);
            let here = if account.has_failed_over() {
                store.second
            } else {
                Some(store.place)
            };
            if here == fault.place {
                if region || (!account.redundancy().is_zonal() && fault.zone == Some(store.zone)) {
                    account.destroy(now);
                } else if account.redundancy().is_zonal() {
                    account.lose_copy(now, fault.zone.unwrap_or(0) as u8);
                    account.serve(fault.zone.unwrap_or(0) as u8, false);
                }
            } else if region && store.second == fault.place {
                account.lose_second();
            }
        }
    }

    fn strain(&self, fault: &Fault, cuts: i32, slows: i32) {
        let ends = (fault.place, fault.to);
        for (number, link) in self.ground.scenario.links.iter().enumerate() {
            let (from, to) = (Some(link.from), Some(link.to));
            if (from, to) != ends && (to, from) != ends {
                continue;
            }
            for way in self.ground.ways[number] {
                let mut strained = lock(&self.strained);
                let now = strained.entry(way).or_default();
                now.0 = now.0.saturating_add_signed(cuts);
                now.1 = now.1.saturating_add_signed(slows);
                let whole = link.bytes_per_second;
                let rate = match *now {
                    (0, 0) => whole,
                    (0, _) => (whole / SLOW).max(1),
                    _ => 0,
                };
                self.ground.roads.set_capacity(way, rate);
            }
        }
    }

    async fn damage(&self, fault: &Fault) {
        let copies = self.ground.strategy().copies.len();
        for instance in &fault.instances {
            let copy = fault.copy.unwrap_or(0) % copies;
            self.hands[*instance][copy].lock().await.damage_newest();
        }
    }

    /// Every point that can be reached over the network is deleted; tapes lie on their shelves.
    async fn intrude(&self, fault: &Fault) {
        for instance in &fault.instances {
            for (copy, hands) in self.hands[*instance].iter().enumerate() {
                // A replica is at another site, which its own operators guard.
                if matches!(self.ground.copy(copy).to, To::Tape | To::Replica) {
                    continue;
                }
                let gone = hands.lock().await.delete_all().await;
                let now = self.ground.handle.now();
                let records = &mut self.ground.state(*instance).records[copy];
                records.delete(&gone, now);
                records.intruded = Some(now);
            }
        }
    }

    /// An instance's agents drop what they do.
    fn ring(&self, instance: usize) {
        self.ground.state(instance).interrupts += 1;
        self.ground.instances[instance].bell.notify_waiters();
    }

    fn strike(&self, fault: &Fault, instances: &[usize], blow: &Blow) {
        let now = self.ground.handle.now();
        for &instance in instances {
            let mut state = self.ground.state(instance);
            if state.hurt {
                if *blow == Blow::Destroyed {
                    (state.struck_again, state.up) = (state.struck_again + 1, false);
                    drop(state);
                    self.ring(instance);
                }
                continue;
            }
            state.hurt = true;
            let (content, written) = state.disk.at(now);
            if let Blow::Corrupted(_) = blow {
                // It goes on in service, with what an intruder or a mistake made of it.
                state.disk.overwrite(now);
            } else {
                state.up = false;
            }
            drop(state);
            if !matches!(blow, Blow::Corrupted(_)) {
                self.ring(instance);
            }
            self.ground.instances[instance].changed.notify_waiters();
            let incident = Incident {
                fault: fault.clone(),
                instance,
                blow: blow.clone(),
                content,
                written,
            };
            let (ground, hands) = (Arc::clone(&self.ground), self.hands[instance].clone());
            let replica = self.replicas[instance].clone();
            let tally = Arc::clone(&self.tally);
            self.ground.handle.spawn(OPERATORS, async move {
                recovery::run(ground, (hands, replica), incident, tally).await;
            });
        }
    }
}
