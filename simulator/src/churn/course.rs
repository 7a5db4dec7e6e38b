//! RPO over time: how old the newest instant is up to which everything is at the other site.
//!
//! `RPO(t) = t - S(t)`, where all that was written before `S(t)` has arrived. Batches of nothing arrive too: an idle
//! pair of sites goes up and down between the latency and the latency and an interval. Between two arrivals
//! the RPO rises as time does, so that all shares of time are exact, to the microsecond.

use super::intervals::Batch;
use super::link::Link;

/// A stretch of time in which the RPO goes one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// It rises as time does.
    Rise {
        /// The first instant.
        from: u64,
        /// The last.
        to: u64,
        /// The RPO at the first.
        rpo: u64,
    },
    /// It goes up and down: nothing has to be sent.
    Idle {
        /// The first instant.
        from: u64,
        /// The last.
        to: u64,
    },
}

/// What was written and how it is shipped: all but the bandwidth.
#[derive(Clone, Copy, Debug)]
pub struct Shipment<'a> {
    /// What has to be sent, by rising time.
    pub batches: &'a [Batch],
    /// From one batch to the next.
    pub interval_micros: u64,
    /// How long is looked at; no batch closes later.
    pub span_micros: u64,
}

/// The RPO under one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    stretches: Vec<Stretch>,
    interval_micros: u64,
    latency_micros: u64,
    span_micros: u64,
}

/// How often and how long the RPO was above a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    /// Times that it rose above it.
    pub count: u64,
    /// How long it was above it in all.
    pub micros: u64,
    /// The largest RPO.
    pub worst_micros: u64,
}

impl Shipment<'_> {
    /// The least target that can be held: a batch's first write waits for its end, and then it travels.
    pub fn floor_micros(&self, latency_micros: u64) -> u64 {
        self.interval_micros.saturating_add(latency_micros)
    }

    /// Hands every stretch of the course to `each`, by rising time, until all has arrived; stops when it says `false`.
    pub(super) fn walk(&self, link: &Link, mut each: impl FnMut(Stretch) -> bool) {
        let mut walk = Walk {
            interval: self.interval_micros.max(1),
            latency: link.latency_micros,
            at: 0,
            safe: 0,
            left: 0,
        };
        for sent in link.send(self.batches) {
            let goes_on = walk.idle(sent.batch.opens_micros, &mut each)
                && each(walk.rise(sent.arrived_micros));
            if !goes_on {
                return;
            }
            walk.at = sent.arrived_micros;
            walk.safe = sent.batch.closes_micros;
            walk.left = sent.left_micros;
        }
        if walk.idle(self.span_micros, &mut each) && walk.at < self.span_micros {
            each(walk.rise(self.span_micros));
        }
    }

    /// The course under a link.
    pub fn course(&self, link: &Link) -> Course {
        let mut stretches = Vec::new();
        self.walk(link, |stretch| {
            stretches.push(stretch);
            true
        });
        Course {
            stretches,
            interval_micros: self.interval_micros,
            latency_micros: link.latency_micros,
            span_micros: self.span_micros,
        }
    }

    /// Whether the RPO is never above `target`.
    pub fn holds(&self, link: &Link, target: u64) -> bool {
        let mut holds = true;
        self.walk(link, |stretch| {
            holds &= match stretch {
                Stretch::Rise { from, to, rpo } => rpo + (to - from) <= target,
                Stretch::Idle { .. } => self.floor_micros(link.latency_micros) <= target,
            };
            holds
        });
        holds
    }

    /// How long the RPO is no more than `target`, of the span that is looked at.
    pub fn within(&self, link: &Link, target: u64) -> u64 {
        let mut within = 0;
        let teeth = (self.interval_micros.max(1), link.latency_micros);
        self.walk(link, |stretch| {
            within += stretch.within(teeth, target, self.span_micros);
            stretch.from() < self.span_micros
        });
        within
    }
}

struct Walk {
    interval: u64,
    latency: u64,
    /// How far the course is told.
    at: u64,
    /// Everything before is at the other site at `at`.
    safe: u64,
    /// When the last batch left.
    left: u64,
}

impl Walk {
    fn rise(&self, to: u64) -> Stretch {
        Stretch::Rise {
            from: self.at,
            to,
            rpo: self.at - self.safe,
        }
    }

    /// Batches of nothing up to `until`: those that waited arrive with what they waited for, the rest each in its time.
    /// Tells whether `each` wants more.
    fn idle(&mut self, until: u64, each: &mut impl FnMut(Stretch) -> bool) -> bool {
        let waited = (self.left / self.interval * self.interval).min(until);
        self.safe = self.safe.max(waited);
        if until <= self.safe {
            return true;
        }
        let first = self.safe + self.interval + self.latency;
        if !each(self.rise(first)) {
            return false;
        }
        (self.at, self.safe) = (first, self.safe + self.interval);
        if until > self.safe {
            let to = until + self.latency;
            if !each(Stretch::Idle { from: first, to }) {
                return false;
            }
            (self.at, self.safe) = (to, until);
        }
        true
    }
}

impl Stretch {
    /// The first instant.
    pub fn from(self) -> u64 {
        match self {
            Self::Rise { from, .. } | Self::Idle { from, .. } => from,
        }
    }

    /// How long before `until` the RPO is no more than `target`; `teeth` are interval and latency.
    fn within(self, (interval, latency): (u64, u64), target: u64, until: u64) -> u64 {
        match self {
            Self::Rise { from, to, rpo } => {
                let long = to.min(until).saturating_sub(from);
                if target < rpo {
                    0
                } else {
                    long.min(target - rpo)
                }
            }
            Self::Idle { from, to } => {
                let long = to.min(until).saturating_sub(from);
                let low = target.saturating_sub(latency);
                let (teeth, rest) = (long / interval, long % interval);
                teeth * low.min(interval) + rest.min(low)
            }
        }
    }
}

impl Course {
    /// The stretches, by rising time.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// When all has arrived, and no less than the span.
    pub fn end_micros(&self) -> u64 {
        let ends = self.stretches.iter().map(|stretch| match stretch {
            Stretch::Rise { to, .. } | Stretch::Idle { to, .. } => *to,
        });
        ends.max().unwrap_or_default().max(self.span_micros)
    }

    /// The RPO just before the end of a stretch, the largest of it.
    fn largest(&self, stretch: Stretch) -> u64 {
        match stretch {
            Stretch::Rise { from, to, rpo } => rpo + (to - from),
            Stretch::Idle { .. } => self.interval_micros + self.latency_micros,
        }
    }

    /// How long the RPO is no more than `target`, of the span.
    pub fn within(&self, target: u64) -> u64 {
        let teeth = (self.interval_micros.max(1), self.latency_micros);
        let stretches = self.stretches.iter();
        let within = stretches.map(|stretch| stretch.within(teeth, target, self.span_micros));
        within.sum()
    }

    /// The least RPO that is held for so many of a million parts of the span.
    pub fn quantile(&self, ppm: u64) -> u64 {
        let share = u128::from(self.span_micros) * u128::from(ppm);
        let long = u64::try_from(share.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let (mut low, mut high) = (0, self.violations(u64::MAX).worst_micros);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.within(middle) >= long {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// Times above `target`: they are counted and measured within the span, and the worst until all has arrived.
    pub fn violations(&self, target: u64) -> Violations {
        let mut seen = self.between(0, self.span_micros, target);
        let all = self.stretches.iter().map(|stretch| self.largest(*stretch));
        seen.worst_micros = all.max().unwrap_or_default();
        seen
    }

    /// The same of the days of the span, the last of which may be short; the worst within each.
    pub fn days(&self, day: u64, target: u64) -> Vec<Violations> {
        let starts = (0..self.span_micros.div_ceil(day.max(1))).map(|number| number * day);
        let days = starts.map(|start| (start, (start + day).min(self.span_micros)));
        days.map(|(start, end)| self.between(start, end, target))
            .collect()
    }

    /// From `start` on before `end`; a violation counts where it begins.
    fn between(&self, start: u64, end: u64, target: u64) -> Violations {
        let first = self.stretches.partition_point(|stretch| match stretch {
            Stretch::Rise { to, .. } | Stretch::Idle { to, .. } => *to <= start,
        });
        let mut seen = Violations::default();
        for stretch in &self.stretches[first..] {
            if stretch.from() >= end {
                break;
            }
            match *stretch {
                Stretch::Rise { from, to, rpo } => {
                    // What is above already went above before: an arrival never makes the RPO larger.
                    let at = from.saturating_add(target.saturating_sub(rpo));
                    if rpo <= target && to > at && (start..end).contains(&at) {
                        seen.count += 1;
                    }
                    let (low, high) = (at.max(start), to.min(end));
                    seen.micros += high.saturating_sub(low);
                    let worst = rpo + to.min(end).saturating_sub(from);
                    seen.worst_micros = seen.worst_micros.max(worst);
                }
                Stretch::Idle { from, to } => {
                    let teeth = (self.interval_micros.max(1), self.latency_micros);
                    let long = to.min(end).saturating_sub(from.max(start));
                    let low =
                        stretch.within(teeth, target, end) - stretch.within(teeth, target, start);
                    seen.micros += long.saturating_sub(low);
                    // Each tooth rises above the target that falls to it.
                    let begun = |until: u64| match target.checked_sub(teeth.1) {
                        Some(above) if above < teeth.0 => {
                            to.min(until).saturating_sub(from + above).div_ceil(teeth.0)
                        }
                        _ => 0,
                    };
                    seen.count += begun(end) - begun(start);
                    seen.worst_micros = seen.worst_micros.max(teeth.0 + teeth.1);
                }
            }
        }
        seen
    }

    /// The largest RPO in each of so many equal parts of the span.
    pub fn largest_of(&self, parts: u64) -> Vec<u64> {
        let parts = parts.min(self.span_micros).max(1);
        let edge = |part: u64| {
            let at = u128::from(self.span_micros) * u128::from(part) / u128::from(parts);
            u64::try_from(at).unwrap_or(u64::MAX)
        };
        let mut largest = vec![0; parts as usize];
        let mut part = 0;
        for stretch in &self.stretches {
            let (from, to) = match stretch {
                Stretch::Rise { from, to, .. } | Stretch::Idle { from, to } => (*from, *to),
            };
            if from >= self.span_micros {
                break;
            }
            while part + 1 < parts && edge(part + 1) <= from {
                part += 1;
            }
            let mut over = part;
            while over < parts && edge(over) < to {
                let seen = match stretch {
                    Stretch::Rise { rpo, .. } => rpo + (to.min(edge(over + 1)) - from),
                    Stretch::Idle { .. } => self.largest(*stretch),
                };
                let place = &mut largest[over as usize];
                *place = seen.max(*place);
                over += 1;
            }
        }
        largest
    }
}
