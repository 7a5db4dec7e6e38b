//! Bytes that nobody needs and that are still in the store: waiting out the grace, or lying in packs
//! that are not worth writing anew.

use std::collections::VecDeque;

use super::share::total;

/// Unused bytes of a vault.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    grace: i64,
    waste_percent: u64,
    /// Instants from which a prune may remove so many bytes.
    condemned: VecDeque<(i64, u64)>,
    waste: u64,
}

impl Ledger {
    /// Of an empty vault.
    pub(super) fn new(grace: i64, waste_percent: u64) -> Self {
        Self {
            grace,
            waste_percent,
            condemned: VecDeque::new(),
            waste: 0,
        }
    }

    /// A prune finds `freed` bytes that nobody needs any more beside `needed` ones. Bytes of shared
    /// packs stay up to the limit of waste; beyond, packs are written anew. Those are taken to be half
    /// empty, so that as much is written as is freed, and stands beside the old until the grace ends.
    pub(super) fn prune(&mut self, at: i64, freed: u64, needed: u64, shared: bool) {
        while self.condemned.front().is_some_and(|(from, _)| *from <= at) {
            self.condemned.pop_front();
        }
        let condemned = if shared {
            self.waste = self.waste.saturating_add(freed);
            let limit = needed / 100 * self.waste_percent;
            let excess = self.waste.saturating_sub(limit);
            self.waste -= excess;
            excess.saturating_mul(2)
        } else {
            freed
        };
        if condemned > 0 {
            self.condemned
                .push_back((at.saturating_add(self.grace), condemned));
        }
    }

    /// Bytes that are there for nothing.
    pub(super) fn unused(&self) -> u64 {
        let condemned = self.condemned.iter().map(|(_, bytes)| bytes);
        total(condemned.copied()).saturating_add(self.waste)
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn waste_stays_to_its_limit_and_the_rest_waits_out_the_grace() {
        let mut ledger = Ledger::new(100, 5);
        ledger.prune(0, 40, 1000, true);
        assert_eq!(ledger.unused(), 40, "below 5 %");
        ledger.prune(50, 30, 1000, true);
        assert_eq!(ledger.unused(), 50 + 2 * 20, "old packs beside new ones");
        ledger.prune(149, 0, 1000, true);
        assert_eq!(ledger.unused(), 90, "the grace is not over");
        ledger.prune(150, 0, 1000, true);
        assert_eq!(ledger.unused(), 50);
        ledger.prune(200, 7, 1000, false);
        assert_eq!(ledger.unused(), 57, "packs of one point go whole");
        ledger.prune(300, 0, 1000, false);
        assert_eq!(ledger.unused(), 50);
    }
}
