//! Links, the flows across them, and when each flow ends: integers, exact to a microsecond.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::LinkId;
use super::class::{BYTE, Class, FRACTION, Route};
use super::fair::share;

/// Names a flow. Names are never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId(u64);

/// How a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last byte came through.
    Delivered,
    /// No byte came through for too long.
    Stalled,
}

#[derive(Clone, Debug)]
struct Flow {
    route: Arc<Route>,
    /// The volume of its class at which it is through.
    end: u128,
}

/// The links and flows of a trial. Its time is told to it, and never goes back.
#[derive(Clone, Debug, Default)]
pub struct Network {
    now: u64,
    capacities: Vec<u64>,
    /// What came across each link, in the unit of volumes.
    carried: Vec<u128>,
    pub(super) classes: BTreeMap<Arc<Route>, Class>,
    flows: BTreeMap<FlowId, Flow>,
    begun: u64,
    stall_timeout: Option<u64>,
    /// Whether rates are to be shared out anew before time passes.
    changed: bool,
}

impl Network {
    /// A network without links. A flow that gets no byte through for `stall_timeout` microseconds ends.
    pub fn new(stall_timeout: Option<u64>) -> Self {
        Self {
            stall_timeout,
            ..Self::default()
        }
    }

    /// Adds a link of so many bytes a second; 0 lets nothing through.
    ///
    /// # Panics
    /// With more than four thousand million links.
    pub fn add_link(&mut self, bytes_per_second: u64) -> LinkId {
        let link = u32::try_from(self.capacities.len()).expect("links fit in memory");
        self.capacities.push(bytes_per_second);
        self.carried.push(0);
        LinkId(link)
    }

    /// What a link lets through, in bytes a second.
    pub fn capacity(&self, link: LinkId) -> u64 {
        self.capacities[link.0 as usize]
    }

    /// Changes what a link lets through from now on. The network must have come to the present.
    pub fn set_capacity(&mut self, link: LinkId, bytes_per_second: u64) {
        self.capacities[link.0 as usize] = bytes_per_second;
        self.changed = true;
    }

    /// Whole bytes that came across a link up to the present of the network.
    pub fn carried(&self, link: LinkId) -> u64 {
        u64::try_from(self.carried[link.0 as usize] / BYTE).unwrap_or(u64::MAX)
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Bytes a second that a flow gets now, rounded down; `None` when it has ended.
    pub fn rate(&mut self, flow: FlowId) -> Option<u64> {
        self.settle();
        let route = &self.flows.get(&flow)?.route;
        let rate = self.classes.get(route)?.rate / FRACTION;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// Starts a flow now, in so many lanes: over a link that others use it has the share of so many. Of links that
    /// are named twice the second counts for nothing. Without links it ends at once. The network must have come to
    /// the present.
    pub fn start(&mut self, path: &[LinkId], bytes: u64, lanes: u32) -> FlowId {
        let id = FlowId(self.begun);
        self.begun += 1;
        let mut path = path.to_vec();
        path.sort_unstable();
        path.dedup();
        let route = Arc::new(Route {
            links: path.into(),
            lanes: lanes.max(1),
        });
        let wanted = if route.links.is_empty() { 0 } else { bytes };
        let class = self.classes.entry(Arc::clone(&route)).or_default();
        let end = class.volume + u128::from(wanted) * BYTE;
        class.ends.insert((end, id));
        class.begun.insert(id, self.now);
        self.flows.insert(id, Flow { route, end });
        self.changed = true;
        id
    }

    /// Ends a flow where it stands; nothing for one that has ended.
    pub fn remove(&mut self, id: FlowId) {
        let Some(Flow { route, end }) = self.flows.remove(&id) else {
            return;
        };
        if let Some(class) = self.classes.get_mut(&route) {
            class.ends.remove(&(end, id));
            class.begun.remove(&id);
            if class.ends.is_empty() {
                self.classes.remove(&route);
            }
        }
        self.changed = true;
    }

    /// When the next flow ends, if nothing changes.
    pub fn next_end(&mut self) -> Option<u64> {
        self.settle();
        let (now, timeout) = (self.now, self.stall_timeout);
        let ends = self.classes.values().filter_map(|class| {
            let stall = timeout.and_then(|timeout| class.next_stall(timeout));
            class.next_end(now).into_iter().chain(stall).min()
        });
        ends.min()
    }

    /// Comes to the present, and tells which flows ended on the way and how, in order.
    pub fn advance(&mut self, now: u64) -> Vec<(FlowId, End)> {
        let mut ended = Vec::new();
        while let Some(at) = self.next_end().filter(|at| *at <= now) {
            self.pass(at);
            self.collect(&mut ended);
        }
        self.pass(now);
        ended
    }

    /// Shares out rates, if something changed.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        share(&mut self.classes, &self.capacities);
        for class in self.classes.values_mut() {
            let since = class.stalled.unwrap_or(self.now);
            class.stalled = (class.rate == 0).then_some(since);
        }
    }

    /// Lets time pass in which no flow ends.
    fn pass(&mut self, now: u64) {
        let micros = u128::from(now.saturating_sub(self.now));
        self.now = self.now.max(now);
        if micros == 0 {
            return;
        }
        for (route, class) in &mut self.classes {
            let passed = class.rate * micros;
            class.volume += passed;
            for link in &route.links {
                self.carried[link.0 as usize] += passed * class.len();
            }
        }
    }

    /// Takes out the flows that are through, and those that wait for nothing.
    fn collect(&mut self, ended: &mut Vec<(FlowId, End)>) {
        let before = ended.len();
        for (route, class) in &mut self.classes {
            while let Some((end, id)) = class.ends.first().copied() {
                if end > class.volume {
                    break;
                }
                // Of the microsecond in which it ended it needed but a part.
                let surplus = class.volume - end;
                for link in &route.links {
                    self.carried[link.0 as usize] -= surplus;
                }
                class.ends.pop_first();
                class.begun.remove(&id);
                ended.push((id, End::Delivered));
            }
            let stall = self.stall_timeout;
            while let Some(first) = class.begun.first_key_value().map(|(id, _)| *id) {
                let over = stall.and_then(|timeout| class.next_stall(timeout));
                if over.is_none_or(|over| over > self.now) {
                    break;
                }
                class.begun.remove(&first);
                if let Some(flow) = self.flows.get(&first) {
                    class.ends.remove(&(flow.end, first));
                    ended.push((first, End::Stalled));
                }
            }
        }
        for (id, _) in &ended[before..] {
            self.remove(*id);
        }
        ended[before..].sort_unstable_by_key(|(id, _)| *id);
    }
}
