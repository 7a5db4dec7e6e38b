//! Things of flows, in the order in which the flows began.

use std::collections::VecDeque;

use super::FlowId;

/// Something for each of some flows. Flows begin one after the other, and the oldest tend to end first: what is added
/// goes to the end, what is looked for is found by halves, and what goes moves little.
#[derive(Clone, Debug)]
pub(super) struct Line<T>(VecDeque<(FlowId, T)>);

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Line<T> {
    /// Adds what is of a flow younger than all that are there.
    pub(super) fn push(&mut self, flow: FlowId, thing: T) {
        self.0.push_back((flow, thing));
    }

    fn find(&self, flow: FlowId) -> Option<usize> {
        let at = self.0.partition_point(|(other, _)| *other < flow);
        self.0
            .get(at)
            .is_some_and(|(it, _)| *it == flow)
            .then_some(at)
    }

    pub(super) fn get(&self, flow: FlowId) -> Option<&T> {
        self.find(flow).map(|at| &self.0[at].1)
    }

    pub(super) fn get_mut(&mut self, flow: FlowId) -> Option<&mut T> {
        self.find(flow).map(|at| &mut self.0[at].1)
    }

    pub(super) fn remove(&mut self, flow: FlowId) -> Option<T> {
        let at = self.find(flow)?;
        self.0.remove(at).map(|(_, thing)| thing)
    }

    /// The oldest flow that has one.
    pub(super) fn first(&self) -> Option<(FlowId, &T)> {
        self.0.front().map(|(flow, thing)| (*flow, thing))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, thing)| thing)
    }
}
