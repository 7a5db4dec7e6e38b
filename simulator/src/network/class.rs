//! Flows over the same links in as many lanes: they all get the same rate, so that one number tells how far each has come.

use std::collections::{BTreeMap, BTreeSet};

use super::LinkId;
use super::state::FlowId;

/// Rates are in bytes a second, times this: what is lost by rounding down is less than a microsecond in
/// eleven days at 1 kB/s.
pub(super) const FRACTION: u128 = 1 << 32;
/// A byte in the unit of volumes: a rate times a microsecond. A class that carries 10 GB/s for ten years
/// comes to 2^114 of them.
pub(super) const BYTE: u128 = 1_000_000 * FRACTION;

/// Where a flow goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    /// Each once, in order.
    pub(super) links: Box<[LinkId]>,
    /// Connections that one flow takes: shares are given to each.
    pub(super) lanes: u32,
}

impl Route {
    /// Connections of so many flows.
    pub(super) fn connections(&self, flows: u128) -> u128 {
        flows * u128::from(self.lanes)
    }
}

/// All flows over one route.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    /// What each flow gets, in `FRACTION`s of a byte a second.
    pub(super) rate: u128,
    /// What each flow has got since the class began, or would have, had it been there.
    pub(super) volume: u128,
    /// By the volume at which each is through.
    pub(super) ends: BTreeSet<(u128, FlowId)>,
    /// When each began; ids ascend with time, so the first began first.
    pub(super) begun: BTreeMap<FlowId, u64>,
    /// Since when nothing has come through.
    pub(super) stalled: Option<u64>,
}

impl Class {
    /// How many flows.
    pub(super) fn len(&self) -> u128 {
        self.ends.len() as u128
    }

    /// When the first of its flows is through, if nothing changes.
    pub(super) fn next_end(&self, now: u64) -> Option<u64> {
        let (end, _) = self.ends.first()?;
        let left = end.saturating_sub(self.volume);
        if left == 0 {
            return Some(now);
        }
        let wait = (self.rate > 0).then(|| left.div_ceil(self.rate))?;
        Some(now.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX)))
    }

    /// When the first of its flows has waited for `timeout`, if nothing changes.
    pub(super) fn next_stall(&self, timeout: u64) -> Option<u64> {
        let (_, begun) = self.begun.first_key_value()?;
        Some(self.stalled?.max(*begun).saturating_add(timeout))
    }
}
