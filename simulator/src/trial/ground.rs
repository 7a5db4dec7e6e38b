//! What every actor of a trial stands on: the scenario, the clock, the roads, the stores, the instances.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::draw::Draws;
use crate::executor::{Handle, HostId};
use crate::fault::{Fault, Spans, Timeline, drawn};
use crate::network::{LinkId, Roads};
use crate::scenario::{Copy, DAY, Drawn, Group, HOUR, Redundancy, Scenario, Strategy};
use crate::workload::{Disk, Trace};
use crate::world::account::{Account, Endpoint, Flaw, Stored};
use crate::world::geo::Geo;

use super::meter::Meter;
use super::reach::{Paths, Reaches};
use super::record::{Record, Records};
use super::replica::{Kept, Past};

/// The host of those who recover; agents' hosts follow.
pub const OPERATORS: HostId = HostId(0);

/// Locks, whatever became of an earlier holder: a trial that panicked is over anyway.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ground of a trial; `V` is what accounts store.
#[derive(Debug)]
pub struct Ground<V: Stored> {
    /// What was asked for.
    pub scenario: Arc<Scenario>,
    /// Which of its strategies.
    pub strategy: usize,
    /// Time and tasks.
    pub handle: Handle,
    /// The network.
    pub roads: Roads,
    /// What is up when.
    pub timeline: Timeline,
    /// Keyed streams.
    pub draws: Draws,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Stores by copy and place.
    pub stores: Vec<Store<V>>,
    /// Instances of all groups.
    pub instances: Vec<Instance>,
    /// What is used.
    pub meter: Mutex<Meter>,
    /// What checkers found.
    pub violations: Mutex<Vec<String>>,
    /// When the key of all vaults is lost.
    pub key_lost: AtomicU64,
    /// Links of the network by scenario link, forth and back.
    pub ways: Vec<[LinkId; 2]>,
    flaw: Flaw,
}

/// The store of a copy at a place.
#[derive(Debug)]
pub struct Store<V: Stored> {
    /// The copy's number.
    pub copy: usize,
    /// Where its first region is.
    pub place: usize,
    /// The datacenter, for stores in one.
    pub zone: u32,
    /// The second region, or where a courier carries tapes.
    pub second: Option<usize>,
    /// What it holds.
    pub account: Mutex<Account<V>>,
    /// How it is reached, as far as somebody has asked.
    pub reaches: Reaches,
}

/// One instance.
#[derive(Debug)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: Arc<Group>,
    /// Its own place.
    pub place: usize,
    /// And zone.
    pub zone: u32,
    /// Its disk as a link.
    pub disk: LinkId,
    /// The stores' side of each copy.
    pub fronts: Vec<LinkId>,
    /// What lies between it and its stores, as far as somebody has asked.
    pub paths: Paths,
    /// The number in `stores` of each copy's.
    pub stores: Vec<usize>,
    /// What changes.
    pub state: Mutex<State>,
    /// Rings when its agents have to stop what they do.
    pub bell: Notify,
    /// Rings when it is written out of turn, or goes out of service or into it.
    pub changed: Notify,
}

/// What changes of an instance.
#[derive(Debug)]
pub struct State {
    /// Its disk.
    pub disk: Disk,
    /// Whether it is in service; an incident takes it out.
    pub up: bool,
    /// Whether it was struck and is not recovered, noticed or not.
    pub hurt: bool,
    /// Where it runs.
    pub place: usize,
    /// How often its agents were interrupted.
    pub interrupts: u64,
    /// Its agents are dead until then.
    pub crashed_until: u64,
    /// How often what was restored was destroyed again during its incident.
    pub struck_again: u64,
    /// When its data was known to be wrong, by whoever recovered it: from the damage until it was noticed.
    pub wrong: Vec<(u64, u64)>,
    /// Acknowledged points by copy.
    pub records: Vec<Records>,
    /// How often it was recovered with data of before.
    pub reborn: u64,
    /// Whether nothing of it was left.
    pub lost: bool,
    /// What its disk held since when, as far back as a replica's points may go.
    pub past: Vec<Past>,
    /// What its replica has, by copy.
    pub kept: Vec<Kept>,
}

impl State {
    /// Whether what was captured at an instant is of use for a recovery from something that happened `at`.
    pub fn is_usable(&self, captured: u64, at: u64) -> bool {
        let mut wrong = self.wrong.iter();
        // Of the same instant is a point that may have been captured after the damage.
        captured <= at && !wrong.any(|(from, until)| (*from..=*until).contains(&captured))
    }

    /// What the disk held at an instant.
    pub fn past(&self, at: u64) -> Option<&Past> {
        let next = self.past.partition_point(|past| past.at <= at);
        self.past.get(next.checked_sub(1)?)
    }

    /// Points of a copy that a recovery from something that happened at an instant may use: from before it, and not
    /// from a time in which the data was wrong. By number, with their captured instants.
    pub fn usable(&self, copy: usize, at: u64) -> impl Iterator<Item = (u32, &Record)> {
        let points = self.records[copy].iter();
        points.filter(move |(_, record)| self.is_usable(record.captured, at))
    }
}

impl<V: Stored> Ground<V> {
    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        &self.scenario.strategies[self.strategy]
    }

    /// The bug that is planted.
    pub fn flaw(&self) -> Flaw {
        self.flaw
    }

    /// One of its copies.
    pub fn copy(&self, copy: usize) -> &Copy {
        &self.strategy().copies[copy]
    }

    /// The store of an instance's copy.
    pub fn store(&self, instance: usize, copy: usize) -> &Store<V> {
        &self.stores[self.instances[instance].stores[copy]]
    }

    /// The host of an agent.
    pub fn host(&self, instance: usize, copy: usize) -> HostId {
        HostId((1 + instance * self.strategy().copies.len() + copy) as u32)
    }

    /// An instance's state.
    pub fn state(&self, instance: usize) -> MutexGuard<'_, State> {
        lock(&self.instances[instance].state)
    }

    /// Where an endpoint of a store is; `None` where there is no such endpoint.
    pub fn place_of(&self, store: &Store<V>, at: Endpoint) -> Option<usize> {
        let failed_over = lock(&store.account).has_failed_over();
        match at {
            Endpoint::Primary if !failed_over => Some(store.place),
            Endpoint::Primary | Endpoint::Secondary => store.second,
        }
    }

    /// Draws a time for a purpose of an incident.
    pub fn drawn(&self, time: Drawn, entity: &str, purpose: &str, number: u64) -> u64 {
        drawn(time, &mut self.draws.stream(entity, purpose, number))
    }

    /// Whether no vault opens any more.
    pub fn is_locked(&self) -> bool {
        self.key_lost.load(Ordering::Relaxed) <= self.handle.now()
    }

    /// A checker found something.
    pub fn violated(&self, what: String) {
        lock(&self.violations).push(what);
    }

    /// The share of a store's requests that go wrong now, parts of a million.
    pub fn errors_ppm(&self, copy: usize) -> u64 {
        let now = self.handle.now();
        let copies = self.strategy().copies.len();
        let active = self.faults.iter().filter(|fault| {
            fault.kind == crate::scenario::FaultKind::StoreErrors
                && (fault.at_micros..fault.until_micros).contains(&now)
                && fault.copy.is_none_or(|hit| hit % copies == copy)
        });
        active.map(|fault| fault.share_ppm).max().unwrap_or(0)
    }
}

/// Second regions' lags are drawn anew this often.
const LAG_EVERY: u64 = DAY / 4;

/// How the second region of a store follows the first.
fn geo(
    scenario: &Scenario,
    copy: &Copy,
    (place, second): (usize, usize),
    timeline: &Timeline,
    draws: Draws,
    entity: &str,
) -> Geo {
    if let Some(courier) = &copy.offsite {
        let down = timeline.zone(place, 0).spans().to_vec();
        return Geo::courier(courier.every_micros.max(HOUR), down);
    }
    let windows = 0..scenario.horizon_micros / LAG_EVERY + 1;
    let lags = windows.map(|window| {
        let mut stream = draws.stream(entity, "lag", window);
        (window * LAG_EVERY, drawn(copy.geo_lag, &mut stream))
    });
    let mut down = vec![
        timeline.place(place).clone(),
        timeline.place(second).clone(),
    ];
    if !copy.redundancy.is_zonal() {
        down.push(timeline.zone(place, 0));
    }
    for (number, link) in scenario.links.iter().enumerate() {
        if (link.from, link.to) == (place, second) || (link.to, link.from) == (place, second) {
            down.push(timeline.link(number).clone());
        }
    }
    let cuts = Spans::join(&down).spans().to_vec();
    Geo::new(lags.collect(), cuts)
}

/// What a ground is made of.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The scenario.
    pub scenario: &'a Arc<Scenario>,
    /// The number of the strategy.
    pub strategy: usize,
    /// The trial's streams.
    pub draws: Draws,
    /// Its faults.
    pub faults: Vec<Fault>,
    /// Traces by group.
    pub traces: &'a [Option<Arc<Trace>>],
    /// A bug planted in the stores.
    pub flaw: Flaw,
    /// A transfer gives up after so long without progress.
    pub stall_micros: Option<u64>,
}

impl<V: Stored> Ground<V> {
    /// Lays the ground.
    pub fn new(plan: Plan<'_>, handle: Handle) -> Self {
        let Plan {
            scenario,
            strategy,
            draws,
            faults,
            traces,
            flaw,
            stall_micros,
        } = plan;
        let timeline = Timeline::new(scenario, &faults);
        let roads = Roads::new(handle.clone(), stall_micros);
        let ways = scenario.links.iter().map(|link| {
            [(); 2].map(|()| roads.add_link(link.bytes_per_second, link.latency_micros))
        });
        let ways = ways.collect();
        let mut ground = Self {
            scenario: Arc::clone(scenario),
            strategy,
            handle,
            roads,
            timeline,
            draws,
            faults,
            stores: Vec::new(),
            instances: Vec::new(),
            meter: Mutex::new(Meter::new(scenario, strategy)),
            violations: Mutex::default(),
            key_lost: AtomicU64::new(u64::MAX),
            ways,
            flaw,
        };
        for (number, group) in scenario.groups.iter().enumerate() {
            let group = Arc::new(group.clone());
            for (index, name) in group.names().into_iter().enumerate() {
                let instance = ground.instance(&group, index, name, traces[number].clone());
                ground.instances.push(instance);
            }
        }
        ground
    }

    fn instance(
        &mut self,
        group: &Arc<Group>,
        index: usize,
        name: String,
        trace: Option<Arc<Trace>>,
    ) -> Instance {
        let zones = self.scenario.places[group.place].zones.max(1);
        let disk = Disk::new(&self.scenario, group, trace, &name, self.draws);
        let copies = self.strategy().copies.len();
        let stores = (0..copies).map(|copy| self.store_for(copy, group.place));
        let stores = stores.collect();
        let fronts = (0..copies).map(|copy| {
            self.roads
                .add_link(self.copy(copy).store_bytes_per_second, 0)
        });
        Instance {
            name,
            group: Arc::clone(group),
            place: group.place,
            zone: group.zone.unwrap_or(index as u32 % zones),
            disk: self.roads.add_link(group.disk_bytes_per_second, 0),
            fronts: fronts.collect(),
            paths: Paths::new(copies, self.scenario.places.len()),
            stores,
            state: Mutex::new(State {
                disk,
                up: true,
                hurt: false,
                place: group.place,
                interrupts: 0,
                crashed_until: 0,
                struck_again: 0,
                wrong: Vec::new(),
                records: vec![Records::default(); copies],
                reborn: 0,
                lost: false,
                past: Vec::new(),
                kept: vec![Kept::default(); copies],
            }),
            bell: Notify::new(),
            changed: Notify::new(),
        }
    }

    /// The number of a copy's store for instances of a place, made if need be.
    fn store_for(&mut self, copy: usize, home: usize) -> usize {
        let spec = self.copy(copy).clone();
        let place = spec.place.unwrap_or(home);
        let known = self.stores.iter();
        if let Some(known) = known
            .clone()
            .position(|store| (store.copy, store.place) == (copy, place))
        {
            return known;
        }
        let pair = self.scenario.places[place].pair;
        let second = if spec.offsite.is_some() {
            Some(place)
        } else {
            pair
        };
        let second = second.filter(|_| spec.redundancy.is_geo() || spec.offsite.is_some());
        let entity = format!("copy {copy} at {}", self.scenario.places[place].name);
        let geo = second.map(|second| {
            geo(
                &self.scenario,
                &spec,
                (place, second),
                &self.timeline,
                self.draws,
                &entity,
            )
        });
        let account = Account::new(spec.redundancy, geo).flawed(self.flaw);
        self.stores.push(Store {
            copy,
            place,
            zone: 0,
            second,
            account: Mutex::new(account),
            reaches: Reaches::new(self.scenario.places.len()),
        });
        self.stores.len() - 1
    }
}

impl Redundancy {
    /// Copies of the first region.
    pub fn copies(self) -> u8 {
        if self == Self::Single { 1 } else { 3 }
    }
}
