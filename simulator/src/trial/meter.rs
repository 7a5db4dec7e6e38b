//! What a trial uses, by month and copy.

use std::collections::BTreeMap;

use crate::outcome::scenario::Quantity;
use crate::scenario::{PlaceKind, Scenario, YEAR};

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
    use super::super::sample;
    use super::{Meter, cross};
    use crate::scenario::PlaceKind;

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
