//! Where an incident's data can come from, and when.

use std::sync::Arc;

use crate::scenario::To;
use crate::workload::Content;
use crate::world::account::{Endpoint, Stored};

use super::super::ground::{Ground, lock};
use super::super::strike::Incident;

/// Something to wait for on the way to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Until the store can be reached.
    Wait,
    /// The store's geo failover.
    GeoFailover,
    /// The provider's declaring a disaster.
    Provider,
    /// Media on their way back.
    Media,
}

impl Way {
    /// The span's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::GeoFailover => "geo-failover",
            Self::Provider => "provider",
            Self::Media => "media",
        }
    }
}

/// A source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Which copy.
    pub copy: usize,
    /// Which of its regions.
    pub endpoint: Endpoint,
    /// When it can be read.
    pub from: u64,
    /// What is waited for until then, each until when.
    pub ways: Vec<(Way, u64)>,
}

impl Source {
    /// As rows name it.
    pub(super) fn name<V: Stored>(&self, ground: &Ground<V>) -> String {
        let to = match ground.copy(self.copy).to {
            To::Vault => "vault",
            To::Snapshot => "snapshot",
            To::Disk => "disk",
            To::Tape => "tape",
            To::Replica => "replica",
        };
        match self.endpoint {
            Endpoint::Primary => to.to_owned(),
            Endpoint::Secondary if ground.copy(self.copy).to == To::Tape => {
                format!("{to}, fetched back")
            }
            Endpoint::Secondary => format!("{to}, second region"),
        }
    }
}

/// The sources of one copy, as things stand `now`.
pub(super) fn of<V: Stored>(
    ground: &Arc<Ground<V>>,
    incident: &Incident,
    copy: usize,
    place: usize,
    now: u64,
) -> Vec<Source> {
    let (spec, store) = (ground.copy(copy), ground.store(incident.instance, copy));
    let source = |endpoint, ways: Vec<(Way, u64)>| Source {
        copy,
        endpoint,
        from: ways.last().map_or(now, |(_, until)| *until),
        ways,
    };
    let mut sources = Vec::new();
    let primary = ground.unreachable(store, Endpoint::Primary, place);
    let waits = primary.until(now);
    sources.push(source(
        Endpoint::Primary,
        waits.map(|until| (Way::Wait, until)).into_iter().collect(),
    ));
    let entity = format!("copy {copy} at {}", incident.fault.at_micros);
    if let Some(courier) = &spec.offsite {
        let trip = ground.drawn(courier.trip, &entity, "trip", 0);
        sources.push(source(
            Endpoint::Secondary,
            vec![(Way::Media, now.saturating_add(trip))],
        ));
        return sources;
    }
    let away = lock(&store.account).has_failed_over() || store.second.is_none();
    // The second region is for when the first is lost, not for when a link is.
    let (Some(second), false) = (store.second, away) else {
        return sources;
    };
    let down = ground
        .timeline
        .zone(store.place, store.zone)
        .until(now)
        .is_some();
    let lost = lock(&store.account).is_empty();
    if !(down || lost) {
        return sources;
    }
    let reach = ground.unreachable(store, Endpoint::Secondary, place);
    let mut ways = Vec::new();
    let at = if spec.redundancy.reads_secondary() {
        now
    } else if let Some(declares) = spec.provider_declares {
        // Counted from the incident: the provider sees the same disaster.
        let declares = ground.drawn(declares, &entity, "provider", 0);
        let at = now.max(incident.fault.at_micros.saturating_add(declares));
        ways.push((Way::Provider, at));
        at
    } else {
        let control = ground.timeline.control().until(now).unwrap_or(now);
        let failover = ground.drawn(
            ground.scenario.operator.geo_failover,
            &entity,
            "geo-failover",
            0,
        );
        let at = control.saturating_add(failover);
        ways.push((Way::GeoFailover, at));
        at
    };
    if let Some(until) = reach.until(at) {
        ways.push((Way::Wait, until));
    }
    if ground
        .timeline
        .place_destroyed(second)
        .is_none_or(|when| when > at)
    {
        sources.push(source(Endpoint::Secondary, ways));
    }
    sources
}

/// Age, at the incident, of the oldest write that did not come back; 0 when all did.
pub(super) fn true_loss(incident: &Incident, back: &Content, at: u64) -> u64 {
    let lost = incident
        .content
        .iter()
        .zip(back.iter())
        .zip(incident.written.iter());
    let lost = lost.filter(|((was, is), _)| was != is);
    let oldest = lost.map(|(_, written)| *written).min();
    oldest.map_or(0, |oldest| at.saturating_sub(oldest))
}
