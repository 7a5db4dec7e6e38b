//! How machines reach stores: over which links, how long a byte takes, and when nothing comes through.
//!
//! All of it follows from the schedule of faults and from whether the store has failed over: it is found out once.

use std::sync::{Arc, OnceLock};

use crate::fault::Spans;
use crate::network::LinkId;
use crate::world::account::{Endpoint, Stored};

use super::ground::{Ground, Store, lock};

/// How machines at a place reach an endpoint of a store.
#[derive(Debug)]
struct Reach {
    /// When it does not serve them.
    down: Spans,
    /// Links of the scenario, each with its direction; none where there is no way, or no such endpoint.
    way: Option<Vec<(usize, usize)>>,
    /// How long a byte takes.
    latency_micros: u64,
}

/// How a store is reached: from each place, at each endpoint, before and after a failover.
#[derive(Debug)]
pub struct Reaches(Vec<OnceLock<Reach>>);

impl Reaches {
    /// Of a store in a world of so many places.
    pub(super) fn new(places: usize) -> Self {
        Self((0..places * 4).map(|_| OnceLock::new()).collect())
    }
}

/// Links of the network, and how long a byte takes along them.
pub type Path = (Arc<[LinkId]>, u64);

/// The paths of an instance: to each copy, from each place, at each endpoint, before and after a failover, back and out.
#[derive(Debug)]
pub struct Paths(Vec<OnceLock<Option<Path>>>);

impl Paths {
    /// Of an instance with so many copies in a world of so many places.
    pub(super) fn new(copies: usize, places: usize) -> Self {
        Self((0..copies * places * 8).map(|_| OnceLock::new()).collect())
    }
}

impl<V: Stored> Ground<V> {
    /// Whether what an endpoint has comes to the machine by courier, wherever that is.
    pub(super) fn is_carried(&self, store: &Store<V>, at: Endpoint) -> bool {
        at == Endpoint::Secondary && self.copy(store.copy).offsite.is_some()
    }

    fn reach<'a>(&self, store: &'a Store<V>, at: Endpoint, from: usize) -> &'a Reach {
        let number = self.number(store, at, from);
        store.reaches.0[number].get_or_init(|| self.found(store, at, from))
    }

    /// The number of a way to a store among all.
    fn number(&self, store: &Store<V>, at: Endpoint, from: usize) -> usize {
        let failed_over = lock(&store.account).has_failed_over();
        let places = self.scenario.places.len();
        let regimes = usize::from(at == Endpoint::Secondary) * 2 + usize::from(failed_over);
        regimes * places + from
    }

    fn found(&self, store: &Store<V>, at: Endpoint, from: usize) -> Reach {
        if self.is_carried(store, at) {
            return Reach {
                down: Spans::default(),
                way: Some(Vec::new()),
                latency_micros: 0,
            };
        }
        let place = self.place_of(store, at);
        let way = place.and_then(|place| self.way(from, place));
        let (Some(place), Some(way)) = (place, way) else {
            return Reach {
                down: Spans::of(vec![(0, u64::MAX)]),
                way: None,
                latency_micros: 0,
            };
        };
        let redundancy = lock(&store.account).redundancy();
        let own = if place != store.place || at == Endpoint::Secondary {
            self.timeline.place(place).clone()
        } else if redundancy.is_zonal() {
            self.timeline.all_zones(place)
        } else {
            self.timeline.zone(place, store.zone)
        };
        let links = way.iter().map(|(link, _)| self.timeline.link(*link));
        let latencies = way
            .iter()
            .map(|(link, _)| self.scenario.links[*link].latency_micros);
        Reach {
            down: Spans::join(links.chain([&own])),
            latency_micros: latencies.sum(),
            way: Some(way),
        }
    }

    /// When an endpoint of a store does not serve a machine at `from`.
    pub fn unreachable<'a>(&self, store: &'a Store<V>, at: Endpoint, from: usize) -> &'a Spans {
        &self.reach(store, at, from).down
    }

    /// How long a byte takes between a machine at `from` and an endpoint of a store; `None` where there is no way.
    pub fn latency(&self, store: &Store<V>, at: Endpoint, from: usize) -> Option<u64> {
        let reach = self.reach(store, at, from);
        reach.way.as_ref().map(|_| reach.latency_micros)
    }

    /// The links from one place to another, fewest first; each with its direction.
    pub fn way(&self, from: usize, to: usize) -> Option<Vec<(usize, usize)>> {
        let mut come: Vec<Option<(usize, usize, usize)>> = vec![None; self.scenario.places.len()];
        let mut next = std::collections::VecDeque::from([from]);
        while let Some(at) = next.pop_front().filter(|at| *at != to) {
            for (number, link) in self.scenario.links.iter().enumerate() {
                let ends = [(link.from, link.to, 0), (link.to, link.from, 1)];
                for (_, there, way) in ends.into_iter().filter(|end| end.0 == at) {
                    if come[there].is_none() && there != from {
                        come[there] = Some((at, number, way));
                        next.push_back(there);
                    }
                }
            }
        }
        let (mut way, mut at) = (Vec::new(), to);
        while at != from {
            let (before, link, direction) = come[at]?;
            way.push((link, direction));
            at = before;
        }
        way.reverse();
        Some(way)
    }

    /// Network links and one-way latency from an instance's disk at one place to its replica at another.
    pub fn replication(
        &self,
        instance: usize,
        copy: usize,
        (from, to): (usize, usize),
    ) -> Option<Path> {
        let machine = &self.instances[instance];
        let way = self.way(from, to)?;
        let links = way
            .iter()
            .map(|(link, direction)| self.ways[*link][*direction]);
        let links = [machine.disk].into_iter().chain(links);
        let latencies = way
            .iter()
            .map(|(link, _)| self.scenario.links[*link].latency_micros);
        Some((
            links.chain([machine.fronts[copy]]).collect(),
            latencies.sum(),
        ))
    }

    /// Network links and one-way latency between a machine at `from` and an endpoint of a store; the machine's
    /// disk and the store's side included. `out` is from the machine to the store.
    pub fn path(
        &self,
        instance: usize,
        copy: usize,
        at: Endpoint,
        from: usize,
        out: bool,
    ) -> Option<Path> {
        let machine = &self.instances[instance];
        let store = self.store(instance, copy);
        let number = (self.number(store, at, from) * 2 + usize::from(out)) * machine.fronts.len();
        let path = &machine.paths.0[number + copy];
        path.get_or_init(|| self.laid(instance, copy, at, from, out))
            .clone()
    }

    fn laid(
        &self,
        instance: usize,
        copy: usize,
        at: Endpoint,
        from: usize,
        out: bool,
    ) -> Option<Path> {
        let machine = &self.instances[instance];
        let reach = self.reach(self.store(instance, copy), at, from);
        let way = reach.way.as_ref()?;
        let mut links = Vec::with_capacity(way.len() + 2);
        links.push(machine.disk);
        links.extend(way.iter().map(|(link, direction)| {
            let direction = if out { *direction } else { 1 - direction };
            self.ways[*link][direction]
        }));
        links.push(machine.fronts[copy]);
        Some((links.into(), reach.latency_micros))
    }
}
