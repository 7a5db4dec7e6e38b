//! What a trial uses, by month and copy.

use std::collections::BTreeMap;

use crate::outcome::scenario::Quantity;
use crate::scenario::{PlaceKind, Scenario, YEAR};
use crate::world::account::{Endpoint, Stored};

use super::ground::{Ground, lock};

/// A month: a twelfth of 365.25 days.
pub const MONTH: u64 = YEAR / 12;

/// Takes down bytes that go from one place to another, by what kinds of places they are: a price depends
/// on it.
pub fn cross(row: &mut Quantity, scenario: &Scenario, (from, to): (usize, usize), bytes: u64) {
    let kind = |place: usize| scenario.places[place].kind;
    row.crossed_bytes += bytes;
    match (kind(from), kind(to)) {
        (PlaceKind::Region, PlaceKind::Region) => {}
        (PlaceKind::Region, PlaceKind::OnPremises) => row.out_bytes += bytes,
        (PlaceKind::OnPremises, _) => row.in_bytes += bytes,
    }
}

/// Requests to a store, and what they carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Those that write, list or delete.
    pub writes: u64,
    /// Those that read, or ask whether something is there.
    pub reads: u64,
    /// Bytes to the store.
    pub put_bytes: u64,
    /// Bytes from it.
    pub got_bytes: u64,
}

impl<V: Stored> Ground<V> {
    /// Takes down requests of a machine at a place to an endpoint of a copy's store, which were served now: the one
    /// meter of both fidelities.
    pub fn served(
        &self,
        (instance, copy): (usize, usize),
        (at, place): (Endpoint, usize),
        requests: Requests,
    ) {
        let store = self.store(instance, copy);
        let store_at = self.place_of(store, at);
        // What a courier has brought lies beside the machine.
        let store_at = store_at.filter(|at| *at != place);
        let store_at = store_at.filter(|_| !self.is_carried(store, at));
        let geo = lock(&store.account).redundancy().is_geo();
        let mut meter = lock(&self.meter);
        let row = meter.at(self.handle.now(), copy);
        row.writes += requests.writes;
        row.reads += requests.reads;
        row.put_bytes += requests.put_bytes;
        row.got_bytes += requests.got_bytes;
        row.geo_bytes += if geo { requests.put_bytes } else { 0 };
        if let Some(store_at) = store_at {
            cross(row, &self.scenario, (place, store_at), requests.put_bytes);
            cross(row, &self.scenario, (store_at, place), requests.got_bytes);
        }
    }
}

/// Sums by month and copy.
#[derive(Clone, Debug)]
pub struct Meter {
    rows: Vec<Vec<Quantity>>,
    instance_hours: Vec<Vec<BTreeMap<u64, u64>>>,
}

impl Meter {
    /// Of nothing yet.
    pub fn new(scenario: &Scenario, strategy: usize) -> Self {
        let months = scenario.horizon_micros.div_ceil(MONTH).max(1);
        let copies = &scenario.strategies[strategy].copies;
        let row = |month: u64, copy: usize| Quantity {
            month: month as u32,
            copy: copy as u32,
            to: copies[copy].to,
            redundancy: copies[copy].redundancy,
            byte_hours: 0,
            deleted_byte_hours: 0,
            instance_hours: Vec::new(),
            writes: 0,
            reads: 0,
            put_bytes: 0,
            got_bytes: 0,
            geo_bytes: 0,
            crossed_bytes: 0,
            out_bytes: 0,
            in_bytes: 0,
            courier_trips: 0,
            standby_hours: 0,
        };
        let rows =
            (0..months).map(|month| (0..copies.len()).map(|copy| row(month, copy)).collect());
        Self {
            rows: rows.collect(),
            instance_hours: vec![vec![BTreeMap::new(); copies.len()]; months as usize],
        }
    }

    /// The sums of the month that `now` lies in.
    pub fn at(&mut self, now: u64, copy: usize) -> &mut Quantity {
        let month = self.month(now);
        &mut self.rows[month][copy]
    }

    fn month(&self, now: u64) -> usize {
        ((now / MONTH) as usize).min(self.rows.len() - 1)
    }

    /// Hours for which an instance of `bytes` was protected by a copy.
    pub fn protect(&mut self, now: u64, copy: usize, bytes: u64, hours: u64) {
        let month = self.month(now);
        *self.instance_hours[month][copy].entry(bytes).or_default() += hours;
    }

    /// All rows.
    pub fn into_rows(self) -> Vec<Quantity> {
        let hours = self.instance_hours.into_iter().flatten();
        let rows = self.rows.into_iter().flatten().zip(hours);
        let rows = rows.map(|(mut row, hours)| {
            row.instance_hours = hours.into_iter().collect();
            row
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::ground::{Ground, Plan, lock};
    use super::super::sample;
    use super::{Meter, Requests, cross};
    use crate::draw::Draws;
    use crate::executor::Executor;
    use crate::scenario::{Courier, DAY, Drawn, PlaceKind, Scenario};
    use crate::world::account::{Endpoint, Flaw};

    /// What the first instance's requests to its copy add up to, when the store is as it was and after a failover: bytes
    /// put, read, copied to the second region, and over networks.
    fn metered(scenario: Scenario, at: Endpoint, place: usize) -> [[u64; 4]; 2] {
        let executor = Executor::new();
        let scenario = Arc::new(scenario);
        let plan = Plan {
            scenario: &scenario,
            strategy: 0,
            draws: Draws::new(0),
            faults: Vec::new(),
            traces: &[None],
            flaw: Flaw::None,
            stall_micros: None,
        };
        let ground: Ground<()> = Ground::new(plan, executor.handle());
        let requests = Requests {
            writes: 1,
            reads: 2,
            put_bytes: 10,
            got_bytes: 100,
        };
        [false, true].map(|failed_over| {
            if failed_over {
                lock(&ground.store(0, 0).account).fail_over(DAY);
            }
            *lock(&ground.meter) = Meter::new(&scenario, 0);
            ground.served((0, 0), (at, place), requests);
            let row = lock(&ground.meter).at(0, 0).clone();
            assert_eq!((row.writes, row.reads), (1, 2));
            [
                row.put_bytes,
                row.got_bytes,
                row.geo_bytes,
                row.crossed_bytes,
            ]
        })
    }

    #[test]
    fn a_second_region_is_sent_nothing_once_it_is_the_only_one() {
        let near = metered(sample::scenario(), Endpoint::Primary, 0);
        assert_eq!(near, [[10, 100, 10, 0], [10, 100, 0, 110]]);
        let there = metered(sample::scenario(), Endpoint::Primary, 1);
        assert_eq!(there, [[10, 100, 10, 110], [10, 100, 0, 0]]);
    }

    #[test]
    fn what_a_courier_brought_crosses_no_network() {
        let mut scenario = sample::scenario();
        scenario.strategies[0].copies[0].offsite = Some(Courier {
            every_micros: 7 * DAY,
            trip: Drawn::Fixed(DAY),
            media_bytes_per_second: 1,
        });
        let [carried, _] = metered(scenario.clone(), Endpoint::Secondary, 1);
        assert_eq!(carried[3], 0);
        let [sent, _] = metered(scenario, Endpoint::Primary, 1);
        assert_eq!(sent[3], 110);
    }

    #[test]
    fn what_crosses_is_told_apart_by_where_it_goes() {
        let mut scenario = sample::scenario();
        scenario.places.push(scenario.places[0].clone());
        scenario.places[2].kind = PlaceKind::OnPremises;
        let mut meter = Meter::new(&scenario, 0);
        let row = meter.at(0, 0);
        for (way, bytes) in [((0, 1), 1), ((1, 2), 10), ((2, 0), 100)] {
            cross(row, &scenario, way, bytes);
        }
        assert_eq!(
            (row.crossed_bytes, row.out_bytes, row.in_bytes),
            (111, 10, 100)
        );
    }
}
