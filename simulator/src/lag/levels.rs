//! Copies of copies: a mirror, a backup of it, a vault of that. Each level takes what the one before
//! has, so their lags add up; and if they do not start in step, more than that.

/// One level of protection, all in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Accumulation window: from one copy's start to the next.
    pub accumulation_micros: u64,
    /// Propagation window: how long a copy is on its way.
    pub propagation_micros: u64,
    /// Hold window: how long it waits before it goes.
    pub hold_micros: u64,
}

/// A level and when its first copy starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phased {
    /// The level.
    pub level: Level,
    /// The first start.
    pub first_micros: u64,
}

/// What the last level of a chain lagged behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// At the worst instant, just before a fresher copy came.
    pub worst_micros: u64,
    /// At the best, just after.
    pub freshest_micros: u64,
}

impl Level {
    /// From a copy's start until it can be used.
    pub fn transit_micros(&self) -> u64 {
        self.hold_micros + self.propagation_micros
    }
}

/// The lag of the last level at its best: `sum (hold_j + prop_j)` over all levels.
pub fn freshest_lag(levels: &[Level]) -> u64 {
    levels.iter().map(Level::transit_micros).sum()
}

/// The data lost at worst when only the last level is left: `sum (hold_j + prop_j) + acc_last`.
///
/// The formula takes every level to start the moment the one before has something new. If that is not
/// arranged, [`worst_lag_any_phase`] is the bound.
pub fn worst_lag(levels: &[Level]) -> u64 {
    freshest_lag(levels) + levels.last().map_or(0, |level| level.accumulation_micros)
}

/// The bound that no choice of starting times passes: [`worst_lag`] and each earlier level's
/// accumulation window, as what a level takes may be about to be replaced.
pub fn worst_lag_any_phase(levels: &[Level]) -> u64 {
    let earlier = levels.split_last().map_or(&[][..], |(_, earlier)| earlier);
    let waits: u64 = earlier.iter().map(|level| level.accumulation_micros).sum();
    worst_lag(levels) + waits
}

/// A copy at a level: of which instant it is, and when it can be used.
#[derive(Clone, Copy)]
struct Held {
    captured: u64,
    usable: u64,
}

/// Lets a chain run for `horizon_micros` and observes its last level from its second copy on; `None`
/// if there were fewer than three.
pub fn observe(chain: &[Phased], horizon_micros: u64) -> Option<Observed> {
    let mut before: Option<Vec<Held>> = None;
    for phased in chain {
        before = Some(copies(phased, before.as_deref(), horizon_micros));
    }
    let arrivals = before.unwrap_or_default();
    let (mut worst, mut freshest, mut held) = (0, u64::MAX, None::<u64>);
    for (at, copy) in arrivals.iter().enumerate() {
        let newest = held.map_or(copy.captured, |held| held.max(copy.captured));
        if let (Some(held), true) = (held, at > 1) {
            worst = worst.max(copy.usable - held);
            freshest = freshest.min(copy.usable - newest);
        }
        held = Some(newest);
    }
    (arrivals.len() > 2).then_some(Observed {
        worst_micros: worst,
        freshest_micros: freshest,
    })
}

/// The copies that a level makes; `before` is what it takes them from, `None` the data itself.
fn copies(phased: &Phased, before: Option<&[Held]>, horizon: u64) -> Vec<Held> {
    let (level, mut next) = (phased.level, 0);
    let mut newest = None;
    let mut made = Vec::new();
    let mut start = phased.first_micros;
    while start < horizon {
        let captured = match before {
            None => Some(start),
            Some(before) => {
                while let Some(copy) = before.get(next).filter(|copy| copy.usable <= start) {
                    newest = newest.max(Some(copy.captured));
                    next += 1;
                }
                newest
            }
        };
        made.extend(captured.map(|captured| Held {
            captured,
            usable: start + level.transit_micros(),
        }));
        start += level.accumulation_micros.max(1);
    }
    made
}
