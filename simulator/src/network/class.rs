//! Flows over the same links in as many lanes: they all get the same rate, so that one number tells how far each has come.

use std::collections::VecDeque;

use super::line::Line;
use super::{FlowId, LinkId};

/// Rates are in bytes a second, times this: what is lost by rounding down is less than a microsecond in
/// eleven days at 1 kB/s.
pub(super) const FRACTION: u128 = 1 << 32;
/// A byte in the unit of volumes: a rate times a microsecond. A class that carries 10 GB/s for ten years
/// comes to 2^114 of them.
pub(super) const BYTE: u128 = 1_000_000 * FRACTION;

/// Where a flow goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Route {
    /// Each once, in order.
    pub(super) links: Vec<LinkId>,
    /// Connections that one flow takes: shares are given to each.
    pub(super) lanes: u32,
}

impl Route {
    /// Connections of so many flows.
    pub(super) fn connections(&self, flows: u128) -> u128 {
        flows * u128::from(self.lanes)
    }
}

/// All flows over one route; none where it is free for another.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    pub(super) route: Route,
    /// What each flow gets, in `FRACTION`s of a byte a second.
    pub(super) rate: u128,
    /// What each flow had got at `since`, of all that the class carried, or would have, had it been there.
    pub(super) volume: u128,
    pub(super) since: u64,
    /// By the volume at which each is through.
    pub(super) ends: VecDeque<(u128, FlowId)>,
    /// When each began, where it matters.
    pub(super) begun: Line<u64>,
    /// Since when nothing has come through.
    pub(super) stalled: Option<u64>,
    /// When the first of its flows ends, if nothing changes.
    pub(super) next: Option<u64>,
}

impl Class {
    /// How many flows.
    pub(super) fn len(&self) -> u128 {
        self.ends.len() as u128
    }

    /// What each flow gets from `since` until an instant.
    pub(super) fn passed(&self, now: u64) -> u128 {
        self.rate * u128::from(now.saturating_sub(self.since))
    }

    /// Adds a flow that is through at a volume.
    pub(super) fn add(&mut self, end: u128, flow: FlowId) {
        let at = self.ends.partition_point(|there| *there < (end, flow));
        self.ends.insert(at, (end, flow));
    }

    /// Takes a flow out.
    pub(super) fn remove(&mut self, end: u128, flow: FlowId) {
        if let Ok(at) = self.ends.binary_search(&(end, flow)) {
            self.ends.remove(at);
        }
        self.begun.remove(flow);
    }

    /// Gives every flow a rate from now on, at which the class has come to the present.
    pub(super) fn settle(&mut self, now: u64, timeout: Option<u64>) {
        let since = self.stalled.unwrap_or(now);
        self.stalled = (self.rate == 0).then_some(since);
        let stall = timeout.and_then(|timeout| self.next_stall(timeout));
        self.next = self.next_end(now).into_iter().chain(stall).min();
    }

    /// When the first of its flows is through, if nothing changes.
    fn next_end(&self, now: u64) -> Option<u64> {
        let (end, _) = self.ends.front()?;
        let left = end.saturating_sub(self.volume);
        if left == 0 {
            return Some(now);
        }
        let wait = (self.rate > 0).then(|| left.div_ceil(self.rate))?;
        Some(now.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX)))
    }

    /// When the first of its flows has waited for `timeout`, if nothing changes.
    pub(super) fn next_stall(&self, timeout: u64) -> Option<u64> {
        let (_, begun) = self.begun.first()?;
        Some(self.stalled?.max(*begun).saturating_add(timeout))
    }
}
