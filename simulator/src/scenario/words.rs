//! What a scenario means, in words that a person reads: each default in its place.

use std::fmt;

use engine::format::point::Method;

use super::{
    Changes, Copy, Drawn, FaultKind, FaultSpec, Group, HOUR, MINUTE, PlaceKind, Redundancy, Rhythm,
    SECOND, Scenario, Strategy, To, WHOLE, When,
};
use crate::quantity::{Bytes, Speed, Time};

impl Scenario {
    /// Its meaning, a paragraph for each part.
    pub fn meaning(&self) -> Vec<String> {
        let mut all = vec![self.frame()];
        all.extend(self.groups.iter().map(|group| self.group(group)));
        all.extend(
            self.strategies
                .iter()
                .map(|strategy| self.strategy(strategy)),
        );
        all.extend(self.faults.iter().map(|fault| self.fault(fault)));
        let steps = &self.operator;
        all.push(format!(
            "Who recovers knows of it after {}, decides after {}, has a machine after {}, boots each group in {} and \
             validates in {}.",
            steps.detect, steps.declare, steps.provision, steps.boot, steps.validate
        ));
        all
    }

    /// How it is run, for how long, and where.
    fn frame(&self) -> String {
        let start = jiff::Timestamp::from_second(self.start_seconds).map(|at| at.to_string());
        let start = start.unwrap_or_default();
        let day = start.split('T').next().unwrap_or_default();
        let how = if self.emulated {
            "The engine itself plays it once, and trials without bytes"
        } else {
            "Trials without bytes play it"
        };
        let places = self.places.iter().map(|place| {
            let pair = place
                .pair
                .map(|pair| format!(", paired with {}", self.places[pair].name));
            match place.kind {
                PlaceKind::Region => {
                    let zones = many(u64::from(place.zones), "zone");
                    format!(
                        "region {} ({zones}{})",
                        place.name,
                        pair.unwrap_or_default()
                    )
                }
                PlaceKind::OnPremises => format!("site {}", place.name),
            }
        });
        let links = self.links.iter().map(|link| {
            let (from, to) = (&self.places[link.from].name, &self.places[link.to].name);
            let (speed, latency) = (Speed(link.bytes_per_second), Time(link.latency_micros));
            format!("{from} to {to}, {speed} and {latency}")
        });
        let links: Vec<_> = links.collect();
        let links = if links.is_empty() {
            String::new()
        } else {
            format!(" Links: {}.", links.join("; "))
        };
        format!(
            "{how} {} times, for {} from {day}. Places: {}.{links}",
            self.trials,
            Time(self.horizon_micros),
            places.collect::<Vec<_>>().join(", "),
        )
    }

    fn group(&self, group: &Group) -> String {
        let zone = group.zone.map(|zone| format!(", zone {}", zone + 1));
        let changes = match &group.changes {
            Changes::Stated {
                ppm_per_day,
                working_set_ppm,
                working_set_writes_ppm,
                rhythm,
                ..
            } => format!(
                "{} of the blocks are written in a day, {} of the writes in a hot {}, {}",
                share(*ppm_per_day),
                share(*working_set_writes_ppm),
                share(*working_set_ppm),
                match rhythm {
                    Rhythm::Even => "evenly over the week",
                    Rhythm::Office => "most of them in office hours",
                    Rhythm::Nightly => "most of them at night",
                }
            ),
            Changes::Scripted(scripts) => {
                let when = scripts.iter().map(|script| {
                    let count = many(script.blocks.len() as u64, "block");
                    format!("{count} after {}", Time(script.at_micros))
                });
                format!("written are {}", when.collect::<Vec<_>>().join(", "))
            }
            Changes::Trace(path) => format!("written is what the trace {} says", path.display()),
        };
        let growth = match group.growth_ppm_per_year {
            0 => String::new(),
            ppm => format!("; it grows by {} of that in a year", share(ppm)),
        };
        let bytes = Bytes(group.bytes);
        let (blocks, real) = (group.blocks, Bytes(group.real_block_bytes));
        let place = &self.places[group.place].name;
        let scale = if self.emulated {
            format!(
                ", each {real} of real bytes in the engine's trial (1 byte stands for {})",
                group.scale()
            )
        } else {
            String::new()
        };
        format!(
            "Protected: {} '{}' at {place}{}, {bytes} each in {blocks} blocks{scale}: {changes}{growth}.",
            many(u64::from(group.count), "instance"),
            group.name,
            zone.unwrap_or_default(),
        )
    }

    fn strategy(&self, strategy: &Strategy) -> String {
        let by = strategy.component.as_ref();
        let by = by.map(|(name, edition)| format!(", by {name} ({edition})"));
        let back = match strategy.recover_in {
            Some(place) => format!("brought back in {}", self.places[place].name),
            None => "brought back where they were, once that is there again".to_owned(),
        };
        let copies = strategy.copies.iter().map(|copy| self.copy(copy));
        format!(
            "Strategy '{}'{}: {}. Instances whose own place is down are {back}.",
            strategy.name,
            by.unwrap_or_default(),
            copies.collect::<Vec<_>>().join("; and "),
        )
    }

    fn copy(&self, copy: &Copy) -> String {
        if let Some(following) = &copy.replica {
            let place = copy.place.map_or("", |place| &self.places[place].name);
            return format!(
                "a replica in {place} that follows every write, in batches every {}; each a point for {}, then one in {}, \
                 kept for {}, with {} of history at most",
                Time(copy.every_micros),
                Time(following.every_batch_micros),
                Time(following.point_every_micros),
                Time(following.retention_micros),
                Bytes(following.history_bytes),
            );
        }
        let place = copy
            .place
            .map(|place| format!(" in {}", self.places[place].name));
        let kept = match (copy.to, copy.redundancy) {
            (To::Vault, redundancy) => format!("a vault kept as {}", redundancy.name()),
            (To::Snapshot, redundancy) => format!("snapshots kept as {}", redundancy.name()),
            (To::Disk | To::Replica, _) => "a backup disk".to_owned(),
            (To::Tape, _) => "tape".to_owned(),
        };
        let (hours, minutes) = (copy.at_micros / HOUR, copy.at_micros % HOUR / MINUTE);
        let chain = match copy.method {
            Method::Full | Method::Forever => String::new(),
            _ => format!(", a full every {} points", copy.full_every),
        };
        let geo = match (&copy.provider_declares, copy.redundancy) {
            (_, redundancy) if !redundancy.is_geo() => String::new(),
            (_, Redundancy::RaGrs | Redundancy::RaGzrs) => {
                format!(
                    "; the second region is behind by {} and readable at will",
                    copy.geo_lag
                )
            }
            (Some(declares), _) => format!(
                "; the second region is behind by {} and readable once the provider declares a disaster, after {declares}",
                copy.geo_lag
            ),
            (None, _) => format!(
                "; the second region is behind by {}, and the owner fails over in {}",
                copy.geo_lag, self.operator.geo_failover
            ),
        };
        let seeding = copy.seeding.as_ref().map(|courier| {
            format!(
                "; the first point goes by courier, {} on the way",
                courier.trip
            )
        });
        let offsite = copy.offsite.as_ref().map(|courier| {
            let every = Time(courier.every_micros);
            format!(
                "; tapes are carried away every {every}, {} on the way",
                courier.trip
            )
        });
        format!(
            "{} points to {kept}{}, every {} from {hours:02}:{minutes:02} UTC{chain}, kept by {}, deleted ones for {}{geo}{}{}",
            copy.method.name(),
            place.unwrap_or_default(),
            Time(copy.every_micros),
            copy.policy,
            Time(copy.soft_delete_micros),
            seeding.unwrap_or_default(),
            offsite.unwrap_or_default(),
        )
    }

    fn fault(&self, fault: &FaultSpec) -> String {
        let when = match fault.when {
            When::At(at) => format!("after {}", Time(at)),
            When::Every(between) => format!("at random, every {} on average", Time(between)),
        };
        let target = &fault.target;
        let name = |place: usize| &self.places[place].name;
        let place = match (target.place, target.to) {
            (Some(from), Some(to)) => format!(" between {} and {}", name(from), name(to)),
            (Some(place), None) => format!(" in {}", name(place)),
            _ => String::new(),
        };
        let zone = target.zone.map(|zone| format!(", zone {}", zone + 1));
        let group = target.group.map(|group| {
            let count = target.count.map(|count| format!("the first {count} of "));
            format!(
                " to {}'{}'",
                count.unwrap_or_default(),
                self.groups[group].name
            )
        });
        let copy = target.copy.map(|copy| format!(" to copy {}", copy + 1));
        let lasts = match fault.kind {
            FaultKind::DataDeleted
            | FaultKind::PointsDeleted
            | FaultKind::Ransomware
            | FaultKind::RansomwareAndBackups => format!(", noticed after {}", fault.lasts),
            _ if fault.lasts == Drawn::Fixed(0) => String::new(),
            _ => format!(", for {}", fault.lasts),
        };
        let share_of = match (fault.kind, fault.share_ppm) {
            (_, 0) => String::new(),
            (FaultKind::StoreErrors, ppm) => format!(", {} of requests", share(ppm)),
            (_, ppm) => format!(", and with a chance of {} its pair falls too", share(ppm)),
        };
        let kind = serde_json::to_value(fault.kind).ok();
        let kind = kind
            .as_ref()
            .and_then(|kind| kind.as_str())
            .unwrap_or_default();
        format!(
            "What goes wrong: {kind}{place}{}{}{}, {when}{lasts}{share_of}{}.",
            zone.unwrap_or_default(),
            group.unwrap_or_default(),
            copy.unwrap_or_default(),
            match fault.warned_micros {
                0 => String::new(),
                warned => format!(", known {} before", Time(warned)),
            },
        )
    }
}

/// As people say it: `4h`, `1h to 3h`.
impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(micros) => write!(f, "{}", Time(*micros)),
            Self::Exponential(mean) => write!(f, "{} on average (exponential)", Time(*mean)),
            Self::Lognormal {
                median_micros,
                sigma_milli,
            } => {
                let (whole, milli) = (sigma_milli / 1_000, sigma_milli % 1_000);
                let median = Time(median_micros / SECOND * SECOND);
                write!(
                    f,
                    "a median of {median} (lognormal, sigma {whole}.{milli:03})"
                )
            }
            Self::Uniform(from, to) => write!(f, "{} to {}", Time(*from), Time(*to)),
        }
    }
}

/// A share of a million as percent.
fn share(ppm: u64) -> String {
    let (percent, rest) = (ppm / (WHOLE / 100), ppm % (WHOLE / 100));
    let text = format!("{percent}.{rest:04}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn many(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{SHIPPED, Scenario};

    #[test]
    fn a_scenario_is_told_in_words() {
        let (name, text) = SHIPPED[2];
        let scenario = Scenario::parse(name, text).expect("it ships");
        let words = scenario.meaning().join("\n");
        for part in [
            "for 60d from 2026-01-01",
            "region west (3 zones, paired with north)",
            "4 instances 'web' at west, zone 1, 200GB each in 256 blocks",
            "3 % of the blocks are written in a day",
            "readable once the provider declares a disaster, after a median of 1d",
            "the owner fails over in 1h",
            "zone-outage in west, zone 1, after 20d, for 30h.",
            "brought back in north",
        ] {
            assert!(words.contains(part), "no {part:?} in {words}");
        }
    }
}
