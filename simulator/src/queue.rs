//! The queue of events: what happens next, in order of time, and among equals in the order of asking.
//!
//! A binary heap of keys, beside a slab of events. What is cancelled leaves the slab at once and the heap
//! when its turn comes, or when half of the heap is such leavings, so that memory is bounded by what is
//! pending.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Cancelled keys that are worth no clearing away.
const LEAVINGS_MIN: usize = 64;

/// Names an event that is pending. Names are never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    sequence: u64,
    slot: u32,
}

/// When, as the how-many-eth, and where in the slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    time: u64,
    sequence: u64,
    slot: u32,
}

#[derive(Clone, Debug)]
enum Slot<E> {
    /// Free, and the next free one.
    Free(Option<u32>),
    Taken(u64, E),
}

/// Events by their time.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    keys: BinaryHeap<Reverse<Key>>,
    slots: Vec<Slot<E>>,
    free: Option<u32>,
    sequence: u64,
    pending: usize,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            keys: BinaryHeap::new(),
            slots: Vec::new(),
            free: None,
            sequence: 0,
            pending: 0,
        }
    }
}

impl<E> Queue<E> {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events are pending.
    pub fn len(&self) -> usize {
        self.pending
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// Adds an event at `time`, after all that are there for the same time.
    ///
    /// # Panics
    /// With more than four thousand million events pending.
    pub fn push(&mut self, time: u64, event: E) -> EventId {
        let sequence = self.sequence;
        self.sequence += 1;
        let taken = Slot::Taken(sequence, event);
        let slot = if let Some(slot) = self.free {
            let before = std::mem::replace(&mut self.slots[slot as usize], taken);
            let Slot::Free(next) = before else {
                unreachable!("the list of free slots names free slots");
            };
            self.free = next;
            slot
        } else {
            let slot = u32::try_from(self.slots.len()).expect("events fit in memory");
            self.slots.push(taken);
            slot
        };
        self.pending += 1;
        self.keys.push(Reverse(Key {
            time,
            sequence,
            slot,
        }));
        EventId { sequence, slot }
    }

    /// The time of the next event.
    pub fn next_time(&mut self) -> Option<u64> {
        while let Some(Reverse(key)) = self.keys.peek() {
            if self.holds(key.slot, key.sequence) {
                return Some(key.time);
            }
            self.keys.pop();
        }
        None
    }

    /// Takes the next event, and its time.
    pub fn pop(&mut self) -> Option<(u64, E)> {
        while let Some(Reverse(key)) = self.keys.pop() {
            if self.holds(key.slot, key.sequence) {
                return self.take(key.slot).map(|event| (key.time, event));
            }
        }
        None
    }

    /// An event that is pending.
    pub fn get_mut(&mut self, id: EventId) -> Option<&mut E> {
        match self.slots.get_mut(id.slot as usize) {
            Some(Slot::Taken(sequence, event)) if *sequence == id.sequence => Some(event),
            _ => None,
        }
    }

    /// Takes an event back; `None` when it has happened, or was cancelled before.
    pub fn cancel(&mut self, id: EventId) -> Option<E> {
        if !self.holds(id.slot, id.sequence) {
            return None;
        }
        let event = self.take(id.slot);
        let leavings = self.keys.len() - self.pending;
        if leavings > LEAVINGS_MIN && leavings > self.pending {
            let slots = &self.slots;
            self.keys
                .retain(|Reverse(key)| holds(slots, key.slot, key.sequence));
        }
        event
    }

    fn holds(&self, slot: u32, sequence: u64) -> bool {
        holds(&self.slots, slot, sequence)
    }

    fn take(&mut self, slot: u32) -> Option<E> {
        let free = Slot::Free(self.free);
        let before = std::mem::replace(&mut self.slots[slot as usize], free);
        self.free = Some(slot);
        self.pending -= 1;
        match before {
            Slot::Taken(_, event) => Some(event),
            Slot::Free(_) => None,
        }
    }
}

fn holds<E>(slots: &[Slot<E>], slot: u32, sequence: u64) -> bool {
    matches!(slots.get(slot as usize), Some(Slot::Taken(taken, _)) if *taken == sequence)
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push(u64),
        Pop,
        Cancel(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (0_u64..40).prop_map(Step::Push),
            3 => Just(Step::Pop),
            3 => any::<usize>().prop_map(Step::Cancel),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        /// Held against a list that is sorted anew each time.
        #[test]
        fn order_is_by_time_and_then_by_asking(steps in proptest::collection::vec(step(), 0..2000)) {
            let (mut queue, mut list, mut ids) = (Queue::new(), Vec::new(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(time) => {
                        ids.push((queue.push(time, number), number));
                        list.push((time, number));
                        list.sort_unstable();
                    }
                    Step::Pop => {
                        let next = (!list.is_empty()).then(|| list.remove(0));
                        prop_assert_eq!(queue.next_time(), next.map(|next| next.0));
                        prop_assert_eq!(queue.pop(), next);
                    }
                    Step::Cancel(which) if !ids.is_empty() => {
                        let (id, number) = ids[which % ids.len()];
                        let at = list.iter().position(|pending| pending.1 == number);
                        let cancelled = at.map(|at| list.remove(at).1);
                        prop_assert_eq!(queue.cancel(id), cancelled);
                    }
                    Step::Cancel(_) => {}
                }
                prop_assert_eq!((queue.len(), queue.is_empty()), (list.len(), list.is_empty()));
                prop_assert!(queue.keys.len() <= 2 * list.len() + super::LEAVINGS_MIN + 1);
            }
        }
    }

    #[test]
    fn memory_is_bounded_by_what_is_pending() {
        let mut queue = Queue::new();
        for time in 0..100_000 {
            let id = queue.push(time, ());
            assert!(time == 0 || queue.cancel(id).is_some());
        }
        assert!(queue.keys.len() < 200 && queue.slots.len() == 2);
    }
}
