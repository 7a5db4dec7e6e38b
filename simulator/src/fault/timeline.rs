//! What is up when: the schedule seen from each place, link and store.

use crate::scenario::{FaultKind, Scenario};

use super::Fault;

/// Spans of time, rising and not overlapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// Joins spans that touch or overlap.
    pub fn of(mut spans: Vec<(u64, u64)>) -> Self {
        spans.retain(|(from, until)| from < until);
        spans.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (from, until) in spans {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => joined.push((from, until)),
            }
        }
        Self(joined)
    }

    /// All of several.
    pub fn join<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::of(all.into_iter().flat_map(|spans| spans.0.clone()).collect())
    }

    /// Until when the span lasts that `now` lies in.
    pub fn until(&self, now: u64) -> Option<u64> {
        let next = self.0.partition_point(|(_, until)| *until <= now);
        let (from, until) = *self.0.get(next)?;
        (from <= now).then_some(until)
    }

    /// The first span that ends after `now` and lasts at least `long` of it.
    pub fn next_long(&self, now: u64, long: u64) -> Option<(u64, u64)> {
        let next = self.0.partition_point(|(_, until)| *until <= now);
        let rest = self.0[next..].iter().copied();
        let mut rest = rest.map(|(from, until)| (from.max(now), until));
        rest.find(|(from, until)| until - from >= long)
    }

    /// The spans.
    pub fn spans(&self) -> &[(u64, u64)] {
        &self.0
    }
}

/// When each thing of the world does not serve.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// By place.
    places: Vec<Spans>,
    /// By place and zone; the place's own outages are not among them.
    zones: Vec<Vec<Spans>>,
    /// By link.
    links: Vec<Spans>,
    /// Nothing can be provisioned or failed over.
    control: Spans,
    /// When each zone of each place burnt down, if it did.
    destroyed: Vec<Vec<Option<u64>>>,
}

impl Timeline {
    /// Of a schedule. What is destroyed serves nothing any more.
    pub fn new(scenario: &Scenario, faults: &[Fault]) -> Self {
        let mut places = vec![Vec::new(); scenario.places.len()];
        let mut links = vec![Vec::new(); scenario.links.len()];
        let zones = scenario.places.iter().map(|place| place.zones.max(1));
        let mut zones: Vec<Vec<Vec<(u64, u64)>>> = zones
            .map(|zones| vec![Vec::new(); zones as usize])
            .collect();
        let mut destroyed: Vec<Vec<Option<u64>>> =
            zones.iter().map(|zones| vec![None; zones.len()]).collect();
        let mut control = Vec::new();
        for fault in faults {
            let span = (fault.at_micros, fault.until_micros);
            let forever = (fault.at_micros, u64::MAX);
            let place = fault.place.unwrap_or_default();
            let zone = fault.zone.unwrap_or_default() as usize % zones[place].len();
            match fault.kind {
                FaultKind::RegionOutage => places[place].push(span),
                FaultKind::PairOutage => {
                    places[place].push(span);
                    if let Some(pair) = scenario.places[place].pair {
                        places[pair].push(span);
                    }
                }
                FaultKind::RegionDestroyed => {
                    places[place].push(forever);
                    for at in &mut destroyed[place] {
                        *at = Some(at.map_or(fault.at_micros, |at| at.min(fault.at_micros)));
                    }
                }
                FaultKind::ZoneOutage => zones[place][zone].push(span),
                FaultKind::ZoneDestroyed => {
                    zones[place][zone].push(forever);
                    let at = &mut destroyed[place][zone];
                    *at = Some(at.map_or(fault.at_micros, |at| at.min(fault.at_micros)));
                }
                FaultKind::LinkCut => {
                    for (number, link) in scenario.links.iter().enumerate() {
                        let ends = (Some(link.from), Some(link.to));
                        if ends == (fault.place, fault.to) || ends == (fault.to, fault.place) {
                            links[number].push(span);
                        }
                    }
                }
                FaultKind::ControlPlane => control.push(span),
                _ => {}
            }
        }
        let spans = |list: Vec<Vec<(u64, u64)>>| list.into_iter().map(Spans::of).collect();
        Self {
            places: spans(places),
            zones: zones.into_iter().map(spans).collect(),
            links: spans(links),
            control: Spans::of(control),
            destroyed,
        }
    }

    /// When a place serves nothing, its zones left out.
    pub fn place(&self, place: usize) -> &Spans {
        &self.places[place]
    }

    /// When a zone serves nothing: for itself, or with its place.
    pub fn zone(&self, place: usize, zone: u32) -> Spans {
        let zones = &self.zones[place];
        Spans::join([&self.places[place], &zones[zone as usize % zones.len()]])
    }

    /// When all zones of a place are down at once.
    pub fn all_zones(&self, place: usize) -> Spans {
        let zones = 0..self.zones[place].len() as u32;
        let mut all = Spans::of(vec![(0, u64::MAX)]);
        for zone in zones {
            all = both(&all, &self.zone(place, zone));
        }
        all
    }

    /// When a link carries nothing.
    pub fn link(&self, link: usize) -> &Spans {
        &self.links[link]
    }

    /// When nothing can be provisioned or failed over.
    pub fn control(&self) -> &Spans {
        &self.control
    }

    /// When a zone burnt down.
    pub fn destroyed(&self, place: usize, zone: u32) -> Option<u64> {
        let zones = &self.destroyed[place];
        zones[zone as usize % zones.len()]
    }

    /// When the last zone of a place burnt down, if all did.
    pub fn place_destroyed(&self, place: usize) -> Option<u64> {
        let zones = self.destroyed[place].iter().copied();
        zones.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }
}

/// When both are.
fn both(a: &Spans, b: &Spans) -> Spans {
    let pairs = a.0.iter().flat_map(|a| b.0.iter().map(move |b| (a, b)));
    let common = pairs.map(|(a, b)| (a.0.max(b.0), a.1.min(b.1)));
    Spans::of(common.filter(|(from, until)| from < until).collect())
}

#[cfg(test)]
mod tests {
    use super::{Spans, both};
    use proptest::prelude::*;

    #[test]
    fn long_spans_are_found_from_the_present_on() {
        let spans = Spans::of(vec![(10, 20), (15, 30), (40, 45)]);
        assert_eq!(spans.spans(), [(10, 30), (40, 45)]);
        assert_eq!(
            (spans.until(9), spans.until(10), spans.until(30)),
            (None, Some(30), None)
        );
        assert_eq!(spans.next_long(25, 6), None);
        assert_eq!(spans.next_long(25, 5), Some((25, 30)));
        assert_eq!(spans.next_long(31, 5), Some((40, 45)));
    }

    proptest! {
        #[test]
        fn both_is_where_each_is(
            a in prop::collection::vec((0_u64..60, 1_u64..20), 0..6),
            b in prop::collection::vec((0_u64..60, 1_u64..20), 0..6),
            at in 0_u64..90,
        ) {
            let of = |list: Vec<(u64, u64)>| {
                Spans::of(list.into_iter().map(|(from, long)| (from, from + long)).collect())
            };
            let (a, b) = (of(a), of(b));
            let inside = |spans: &Spans| spans.until(at).is_some();
            prop_assert_eq!(inside(&both(&a, &b)), inside(&a) && inside(&b));
            prop_assert_eq!(inside(&Spans::join([&a, &b])), inside(&a) || inside(&b));
        }
    }
}
