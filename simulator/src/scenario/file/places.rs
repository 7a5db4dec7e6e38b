//! Regions, sites and the links between them.

use std::ops::Range;

use engine::error::Result;

use super::defaults;
use super::entries;
use super::reader::Reader;
use super::written::{File, Link as WrittenLink};
use crate::quantity::{Speed, Time};
use crate::scenario::{Link, Place, PlaceKind};

/// All places, their names, and the links between them.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) all: Vec<Place>,
    pub(super) names: Vec<String>,
    pub(super) links: Vec<Link>,
}

/// What errors call a place.
pub(super) const PLACE: &str = "region or site";

impl Places {
    pub(super) fn read(reader: &mut Reader<'_>, file: &File) -> Result<Self> {
        let mut places = Self {
            all: Vec::new(),
            names: Vec::new(),
            links: Vec::new(),
        };
        for (region, span) in entries(&file.region) {
            let name = reader.name(&region.name, &span, ("region", &places.names))?;
            let zones = reader.or(&region.zones, &defaults::ZONES)?;
            let zones = reader.within(&region.zones, &span, (zones, 1..=9), "zones")?;
            places.add(name, PlaceKind::Region, zones);
        }
        for (site, span) in entries(&file.site) {
            let name = reader.name(&site.name, &span, ("site", &places.names))?;
            places.add(name, PlaceKind::OnPremises, 1);
        }
        if places.all.is_empty() {
            let line = "[[region]] with name = \"west\", or a [[site]]";
            return Err(reader.lacks(&(0..0), "a region or site", line));
        }
        places.pair(reader, file)?;
        for (link, span) in entries(&file.link) {
            places.link(reader, (link, &span))?;
        }
        places.usual(reader)?;
        Ok(places)
    }

    fn add(&mut self, name: String, kind: PlaceKind, zones: u32) {
        self.names.push(name.clone());
        self.all.push(Place {
            name,
            kind,
            zones,
            pair: None,
        });
    }

    /// Pairs are regions, two different ones, and each names the other.
    fn pair(&mut self, reader: &Reader<'_>, file: &File) -> Result<()> {
        let regions = &self.names[..file.region.len()];
        for (number, (region, _)) in entries(&file.region).enumerate() {
            let Some((name, span)) = region.pair.written() else {
                continue;
            };
            let pair = reader.known((name, &span), "region", regions)?;
            let own = &regions[number];
            if pair == number {
                let right = "name the region that its geo-redundant stores copy to";
                return Err(reader.refuse(&span, format!("'{own}' is its own pair"), right));
            }
            let back = file.region[pair].get_ref().pair.get();
            if back != Some(own) {
                let wrong = match back {
                    Some(other) => {
                        format!("'{own}' pairs with '{name}', which pairs with '{other}'")
                    }
                    None => format!("'{own}' pairs with '{name}', which has no pair"),
                };
                let right = format!("give '{name}' the line pair = \"{own}\"");
                return Err(reader.refuse(&span, wrong, right));
            }
            self.all[number].pair = Some(pair);
        }
        Ok(())
    }

    fn link(
        &mut self,
        reader: &mut Reader<'_>,
        (link, span): (&WrittenLink, &Range<usize>),
    ) -> Result<()> {
        reader.need(&link.from, span, "one end of the link", "from = \"west\"")?;
        reader.need(
            &link.to,
            span,
            "the other end of the link",
            "to = \"north\"",
        )?;
        let from = reader.named(&link.from, PLACE, &self.names)?.unwrap_or(0);
        let to = reader.named(&link.to, PLACE, &self.names)?.unwrap_or(0);
        let speed = reader.need(
            &link.speed,
            span,
            "the link's speed",
            "speed = \"100Mbit/s\"",
        )?;
        if speed.0 == 0 {
            let right = "write one above 0, and a link-cut among the faults for an outage";
            return Err(reader.refuse(&link.speed.span_or(span), "a speed of nothing", right));
        }
        let latency = reader.or(&link.latency, &defaults::LATENCY)?.0;
        if latency > crate::scenario::MINUTE {
            let right = "write up to 1m, such as latency = \"20ms\"";
            return Err(reader.refuse(&link.latency.span_or(span), "so long a latency", right));
        }
        if from == to {
            let wrong = format!("a link from '{}' to itself", self.names[from]);
            let right = "join two places; within one, the speeds of disks and stores hold";
            return Err(reader.refuse(&link.to.span_or(span), wrong, right));
        }
        if self.linked(from, to) {
            let wrong = format!(
                "a second link between '{}' and '{}'",
                self.names[from], self.names[to]
            );
            return Err(reader.refuse(span, wrong, "write one; it goes both ways"));
        }
        self.links.push(Link {
            from,
            to,
            bytes_per_second: speed.0,
            latency_micros: latency,
        });
        Ok(())
    }

    /// Links that need not be said: between each two regions.
    fn usual(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let regions = self
            .all
            .iter()
            .filter(|place| place.kind == PlaceKind::Region);
        // Regions come first.
        let count = regions.count();
        for (from, to) in (0..count).flat_map(|from| (from + 1..count).map(move |to| (from, to))) {
            if self.linked(from, to) {
                continue;
            }
            let speed: Speed = reader.default(&defaults::REGIONS_SPEED)?;
            let latency: Time = reader.default(&defaults::REGIONS_LATENCY)?;
            self.links.push(Link {
                from,
                to,
                bytes_per_second: speed.0,
                latency_micros: latency.0,
            });
        }
        Ok(())
    }

    /// Whether a link joins two places.
    pub(super) fn linked(&self, from: usize, to: usize) -> bool {
        let joins = |link: &Link| [(from, to), (to, from)].contains(&(link.from, link.to));
        self.links.iter().any(joins)
    }

    /// Whether a place is a region.
    pub(super) fn is_region(&self, place: usize) -> bool {
        self.all[place].kind == PlaceKind::Region
    }

    /// Whether links lead from one place to another.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut reached = vec![from];
        let mut next = 0;
        while let Some(at) = reached.get(next).copied() {
            next += 1;
            let beyond = (0..self.all.len()).filter(|place| self.linked(at, *place));
            let beyond: Vec<_> = beyond.filter(|place| !reached.contains(place)).collect();
            reached.extend(beyond);
        }
        reached.contains(&to)
    }

    /// Refuses two places that no link leads between.
    pub(super) fn reach(
        &self,
        reader: &Reader<'_>,
        span: &Range<usize>,
        (from, to): (usize, usize),
    ) -> Result<()> {
        if self.reaches(from, to) {
            return Ok(());
        }
        let (from, to) = (&self.names[from], &self.names[to]);
        let wrong = format!("no link leads from '{from}' to '{to}'");
        let right =
            format!("add [[link]] with from = \"{from}\", to = \"{to}\", speed = \"100Mbit/s\"");
        Err(reader.refuse(span, wrong, right))
    }
}
