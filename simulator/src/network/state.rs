//! Links, the flows across them, and when each flow ends: integers, exact to a microsecond.
//!
//! A class is brought to the present when something of it changes, and not when time passes; rates are shared out
//! anew among all only where classes cross each other.

use super::LinkId;
use super::class::{BYTE, Class, FRACTION, Route};
use super::fair::{alone, share};
use super::line::Line;

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
    class: usize,
    /// The volume of its class at which it is through.
    end: u128,
}

/// The links and flows of a trial. Its time is told to it, and never goes back.
#[derive(Clone, Debug, Default)]
pub struct Network {
    now: u64,
    capacities: Vec<u64>,
    /// How many classes cross each link.
    users: Vec<u32>,
    /// What came across each link, in the unit of volumes, but for what classes have carried since they changed.
    carried: Vec<u128>,
    classes: Vec<Class>,
    /// Classes without flows.
    free: Vec<usize>,
    flows: Line<Flow>,
    begun: u64,
    stall_timeout: Option<u64>,
    /// Classes that changed, and whether rates are to be shared out anew among all, before time passes.
    changed: Vec<usize>,
    all_changed: bool,
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
        self.users.push(0);
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
        self.all_changed = true;
    }

    /// Whole bytes that came across a link up to the present of the network.
    pub fn carried(&self, link: LinkId) -> u64 {
        let crosses = |class: &&Class| class.route.links.contains(&link);
        let classes = self.classes.iter().filter(crosses);
        let since = classes.map(|class| class.passed(self.now) * class.len());
        let carried = self.carried[link.0 as usize] + since.sum::<u128>();
        u64::try_from(carried / BYTE).unwrap_or(u64::MAX)
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// How many classes of flows there are: over the same links, in as many lanes.
    #[cfg(test)]
    pub(super) fn classes(&self) -> usize {
        self.classes.len() - self.free.len()
    }

    /// Bytes a second that a flow gets now, rounded down; `None` when it has ended.
    pub fn rate(&mut self, flow: FlowId) -> Option<u64> {
        self.settle();
        let rate = self.classes[self.flows.get(flow)?.class].rate / FRACTION;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// Starts a flow now, in so many lanes: over a link that others use it has the share of so many. Of links that
    /// are named twice the second counts for nothing. Without links it ends at once. The network must have come to
    /// the present.
    pub fn start(&mut self, path: &[LinkId], bytes: u64, lanes: u32) -> FlowId {
        let id = FlowId(self.begun);
        self.begun += 1;
        let class = self.class(path, lanes.max(1));
        self.bring(class);
        let wanted = if self.classes[class].route.links.is_empty() {
            0
        } else {
            bytes
        };
        let end = self.classes[class].volume + u128::from(wanted) * BYTE;
        self.classes[class].add(end, id);
        if self.stall_timeout.is_some() {
            self.classes[class].begun.push(id, self.now);
        }
        self.flows.push(id, Flow { class, end });
        self.changed.push(class);
        id
    }

    /// Whole bytes that a flow has yet to carry; none for one that has ended. The network must have come to the present.
    pub fn left(&mut self, flow: FlowId) -> u64 {
        let Some(Flow { class, end }) = self.flows.get(flow).cloned() else {
            return 0;
        };
        self.bring(class);
        let left = end.saturating_sub(self.classes[class].volume);
        u64::try_from(left.div_ceil(BYTE)).unwrap_or(u64::MAX)
    }

    /// The class of a route, which may be new.
    fn class(&mut self, path: &[LinkId], lanes: u32) -> usize {
        let mut route = self.free.last().map_or_else(Route::default, |free| {
            std::mem::take(&mut self.classes[*free].route)
        });
        route.lanes = lanes;
        route.links.clear();
        route.links.extend_from_slice(path);
        route.links.sort_unstable();
        route.links.dedup();
        let mut known = self.classes.iter();
        if let Some(known) = known.position(|class| class.len() > 0 && class.route == route) {
            return known;
        }
        for link in &route.links {
            self.users[link.0 as usize] += 1;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.classes.push(Class::default());
            self.classes.len() - 1
        });
        let class = &mut self.classes[at];
        (class.route, class.since) = (route, self.now);
        (class.rate, class.volume) = (0, 0);
        (class.stalled, class.next) = (None, None);
        at
    }

    /// Ends a flow where it stands; nothing for one that has ended.
    pub fn remove(&mut self, id: FlowId) {
        if let Some(Flow { class, end }) = self.flows.remove(id) {
            self.bring(class);
            self.classes[class].remove(end, id);
            self.shrunk(class);
        }
    }

    /// A class has fewer flows than before, or none any more.
    fn shrunk(&mut self, at: usize) {
        let class = &mut self.classes[at];
        if class.len() > 0 {
            self.changed.push(at);
            return;
        }
        class.next = None;
        for link in &class.route.links {
            let users = &mut self.users[link.0 as usize];
            *users -= 1;
            self.all_changed |= *users > 0;
        }
        self.free.push(at);
    }

    /// When the next flow ends, if nothing changes.
    pub fn next_end(&mut self) -> Option<u64> {
        self.settle();
        let ends = self.classes.iter().filter_map(|class| class.next);
        ends.min()
    }

    /// Comes to the present, and tells which flows ended on the way and how, in order.
    pub fn advance(&mut self, now: u64) -> Vec<(FlowId, End)> {
        let mut ended = Vec::new();
        while let Some(at) = self.next_end().filter(|at| *at <= now) {
            self.now = self.now.max(at);
            self.collect(&mut ended);
        }
        self.now = self.now.max(now);
        ended
    }

    /// Shares out rates, if something changed.
    fn settle(&mut self) {
        let is_shared = |link: &LinkId| self.users[link.0 as usize] > 1;
        let crossed = |class: &usize| self.classes[*class].route.links.iter().any(is_shared);
        if !self.all_changed && !self.changed.iter().any(crossed) {
            while let Some(at) = self.changed.pop() {
                self.bring(at);
                let class = &mut self.classes[at];
                if class.len() > 0 {
                    class.rate = alone(class, &self.capacities);
                    class.settle(self.now, self.stall_timeout);
                }
            }
            return;
        }
        self.changed.clear();
        self.all_changed = false;
        for class in 0..self.classes.len() {
            self.bring(class);
        }
        share(&mut self.classes, &self.capacities);
        for class in self.classes.iter_mut().filter(|class| class.len() > 0) {
            class.settle(self.now, self.stall_timeout);
        }
    }

    /// Brings a class to the present.
    fn bring(&mut self, class: usize) {
        let class = &mut self.classes[class];
        let passed = class.passed(self.now);
        class.since = self.now;
        if passed > 0 {
            class.volume += passed;
            for link in &class.route.links {
                self.carried[link.0 as usize] += passed * class.len();
            }
        }
    }

    /// Takes out the flows that are through, and those that wait for nothing.
    fn collect(&mut self, ended: &mut Vec<(FlowId, End)>) {
        let before = ended.len();
        for at in 0..self.classes.len() {
            if self.classes[at].next.is_none_or(|next| next > self.now) {
                continue;
            }
            self.bring(at);
            let class = &mut self.classes[at];
            while let Some((end, id)) = class.ends.front().copied() {
                if end > class.volume {
                    break;
                }
                // Of the microsecond in which it ended it needed but a part.
                let surplus = class.volume - end;
                for link in &class.route.links {
                    self.carried[link.0 as usize] -= surplus;
                }
                class.ends.pop_front();
                class.begun.remove(id);
                ended.push((id, End::Delivered));
            }
            let stall = self.stall_timeout;
            while let Some((first, _)) = class.begun.first() {
                let over = stall.and_then(|timeout| class.next_stall(timeout));
                if over.is_none_or(|over| over > self.now) {
                    break;
                }
                if let Some(flow) = self.flows.get(first) {
                    class.remove(flow.end, first);
                    ended.push((first, End::Stalled));
                }
            }
            self.shrunk(at);
        }
        for (id, _) in &ended[before..] {
            self.flows.remove(*id);
        }
        ended[before..].sort_unstable_by_key(|(id, _)| *id);
    }
}
