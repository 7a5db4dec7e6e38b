//! What goes wrong in one trial: the scenario's faults and a seed, expanded into a schedule before the
//! trial begins.
//!
//! A schedule is data: it is printed, saved, replayed, and cut down to what still fails. Every draw has a
//! stream of its own, so that taking one fault out shifts no other, and every strategy sees the same
//! disasters.

mod timeline;

use serde::{Deserialize, Serialize};

use crate::draw::{Draws, Stream};
use crate::scenario::{Drawn, FaultKind, FaultSpec, Scenario, When};

pub use timeline::{Spans, Timeline};

/// One fault of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number in the schedule.
    pub number: u32,
    /// What.
    pub kind: FaultKind,
    /// When it begins.
    pub at_micros: u64,
    /// When it is over, or noticed.
    pub until_micros: u64,
    /// Region or site.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<usize>,
    /// Zone of it; of a store copy, which.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub zone: Option<u32>,
    /// The other end of a link.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<usize>,
    /// Instances, by number over all groups.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub instances: Vec<usize>,
    /// A strategy's copy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub copy: Option<usize>,
    /// Parts of a million, where the kind has a share.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub share_ppm: u64,
    /// How long before it is known to come.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub warned_micros: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(share: &u64) -> bool {
    *share == 0
}

/// Faults of one spec at most in a trial.
const FAULTS_MAX: usize = 10_000;

/// Draws a time.
pub fn drawn(time: Drawn, stream: &mut Stream) -> u64 {
    match time {
        Drawn::Fixed(micros) => micros,
        Drawn::Exponential(mean) => stream.exponential(mean),
        Drawn::Lognormal {
            median_micros,
            sigma_milli,
        } => stream.lognormal(median_micros, sigma_milli),
        Drawn::Uniform(from, to) => stream.uniform(from, to),
    }
}

/// The schedule of a trial, by rising time.
pub fn schedule(scenario: &Scenario, draws: Draws) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, spec) in scenario.faults.iter().enumerate() {
        expand(
            scenario,
            spec,
            &format!("fault {index}"),
            draws,
            &mut faults,
        );
    }
    number(&mut faults);
    faults
}

/// Orders faults by time and numbers them.
pub fn number(faults: &mut [Fault]) {
    faults.sort_by_key(|fault| (fault.at_micros, fault.kind, fault.place, fault.zone));
    for (number, fault) in faults.iter_mut().enumerate() {
        fault.number = number as u32;
    }
}

/// All faults of one spec; `entity` names its streams.
pub fn expand(
    scenario: &Scenario,
    spec: &FaultSpec,
    entity: &str,
    draws: Draws,
    faults: &mut Vec<Fault>,
) {
    let instants = match spec.when {
        When::At(at) => vec![at],
        When::Every(mean) => {
            let mut arrivals = draws.stream(entity, "arrivals", 0);
            let mut at = 0_u64;
            let next = std::iter::from_fn(|| {
                at = at.saturating_add(arrivals.exponential(mean).max(1));
                (at < scenario.horizon_micros).then_some(at)
            });
            next.take(FAULTS_MAX).collect()
        }
    };
    for (turn, at) in (0..).zip(instants) {
        if at >= scenario.horizon_micros {
            continue;
        }
        let mut stream = draws.stream(entity, "occurrence", turn);
        let lasts = drawn(spec.lasts, &mut stream).max(1);
        let fault = aimed(scenario, spec, (at, at.saturating_add(lasts)), &mut stream);
        let falls_too = spec.kind == FaultKind::RegionOutage
            && spec.share_ppm > 0
            && stream.part_per_million(spec.share_ppm);
        if falls_too && let Some(pair) = fault.place.and_then(|place| scenario.places[place].pair) {
            faults.push(Fault {
                place: Some(pair),
                ..fault.clone()
            });
        }
        faults.push(fault);
    }
}

/// The fault with its target: as the scenario says it, else drawn.
fn aimed(
    scenario: &Scenario,
    spec: &FaultSpec,
    (at, until): (u64, u64),
    stream: &mut Stream,
) -> Fault {
    let target = spec.target;
    let places = scenario.places.len() as u64;
    // Every draw is made, needed or not, so that a target that is named shifts none of the others.
    let (place, zone, copy) = (stream.below(places), stream.bits(), stream.bits());
    let (group, first) = (stream.below(scenario.groups.len() as u64), stream.bits());
    let needs_place = matches!(
        spec.kind,
        FaultKind::ZoneOutage
            | FaultKind::ZoneDestroyed
            | FaultKind::RegionOutage
            | FaultKind::RegionDestroyed
            | FaultKind::PairOutage
    );
    let link = scenario
        .links
        .get((zone % scenario.links.len().max(1) as u64) as usize);
    let is_link = matches!(spec.kind, FaultKind::LinkCut | FaultKind::LinkSlow);
    let link = link.filter(|_| is_link && target.place.is_none());
    let place = target.place.or(needs_place.then_some(place as usize));
    let place = place.or(link.map(|link| link.from));
    let zones = place.map_or(1, |place| u64::from(scenario.places[place].zones));
    let zone = match spec.kind {
        FaultKind::ZoneOutage | FaultKind::ZoneDestroyed => {
            Some(target.zone.unwrap_or((zone % zones.max(1)) as u32))
        }
        FaultKind::StoreCopy => Some(target.zone.unwrap_or((zone % 3) as u32)),
        _ => target.zone,
    };
    Fault {
        number: 0,
        kind: spec.kind,
        at_micros: at,
        until_micros: until,
        place,
        zone,
        to: target.to.or(link.map(|link| link.to)),
        instances: hit(scenario, spec, group as usize, first),
        copy: target.copy.or((spec.kind == FaultKind::StoreCopy
            || spec.kind == FaultKind::SilentCorruption)
            .then_some((copy % 4) as usize)),
        share_ppm: spec.share_ppm,
        warned_micros: spec.warned_micros,
    }
}

/// The instances that a fault of instances hits.
fn hit(scenario: &Scenario, spec: &FaultSpec, drawn: usize, first: u64) -> Vec<usize> {
    let one = match spec.kind {
        FaultKind::InstanceDisk
        | FaultKind::SilentCorruption
        | FaultKind::ProcessCrash
        | FaultKind::DataDeleted
        | FaultKind::PointsDeleted => true,
        FaultKind::Ransomware | FaultKind::RansomwareAndBackups => false,
        _ => return Vec::new(),
    };
    let range = |group: usize| {
        let before = scenario.groups[..group].iter();
        let from: usize = before.map(|group| group.count as usize).sum();
        from..from + scenario.groups[group].count as usize
    };
    match (spec.target.group, spec.target.count) {
        (Some(group), Some(count)) => range(group).take(count as usize).collect(),
        (Some(group), None) if !one => range(group).collect(),
        (None, _) if !one => (0..scenario.instances()).collect(),
        (group, _) => {
            let range = range(group.unwrap_or(drawn));
            let picked = range.start + (first % range.len().max(1) as u64) as usize;
            vec![picked]
        }
    }
}
