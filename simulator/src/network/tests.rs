//! Shares are max-min fair, bytes are conserved, and ends are those of a slow fluid simulation.
#![expect(
    clippy::cast_precision_loss,
    reason = "the slow simulation counts in floats"
)]

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::{End, FlowId, LinkId, Network, Roads, Stalled};
use crate::executor::{Executor, HostId};

const A: HostId = HostId(1);
const SECOND: u64 = 1_000_000;

/// Capacities, and flows as (start, bytes, path).
#[derive(Clone, Debug)]
struct Case {
    capacities: Vec<u64>,
    flows: Vec<(u64, u64, Vec<LinkId>)>,
}

fn case() -> impl Strategy<Value = Case> {
    let capacities = proptest::collection::vec(1_000_u64..1_000_000, 1..6);
    capacities.prop_flat_map(|capacities| {
        let links = capacities.len() as u32;
        let path = proptest::collection::btree_set((0..links).prop_map(LinkId), 1..=links as usize);
        let path = path.prop_map(|path| path.into_iter().collect());
        let flow = (0_u64..20 * SECOND, 1_u64..5_000_000, path);
        let flows = proptest::collection::vec(flow, 1..30);
        flows.prop_map(move |flows| Case {
            capacities: capacities.clone(),
            flows,
        })
    })
}

/// All the flows of a case at once, and the network they are in.
fn at_once(case: &Case) -> (Network, Vec<FlowId>) {
    let mut network = Network::new(None);
    for capacity in &case.capacities {
        network.add_link(*capacity);
    }
    let start = |(_, bytes, path): &(u64, u64, Vec<LinkId>)| network.start(path, *bytes, 1);
    let flows = case.flows.iter().map(start).collect();
    (network, flows)
}

/// Rates by the definition, flow by flow in floats: all grow together until a link is full.
fn filled(capacities: &[u64], paths: &[&[LinkId]]) -> Vec<f64> {
    let mut rates = vec![0.0; paths.len()];
    let mut open: Vec<bool> = vec![true; paths.len()];
    let mut left: Vec<f64> = capacities.iter().map(|capacity| *capacity as f64).collect();
    let crosses = |path: &[LinkId], link: usize| path.contains(&LinkId(link as u32));
    while open.contains(&true) {
        let users = |link: usize| {
            let users = paths.iter().zip(&open);
            users
                .filter(|(path, open)| **open && crosses(path, link))
                .count()
        };
        let used = (0..left.len()).filter(|link| users(*link) > 0);
        let shares: Vec<(f64, usize)> = used
            .map(|link| (left[link] / users(link) as f64, link))
            .collect();
        let (step, full) = shares
            .into_iter()
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap();
        for (flow, path) in paths.iter().enumerate() {
            if open[flow] {
                rates[flow] += step;
                path.iter().for_each(|link| left[link.0 as usize] -= step);
            }
        }
        for (flow, path) in paths.iter().enumerate() {
            open[flow] &= !crosses(path, full);
        }
    }
    rates
}

/// When each flow ends, in microseconds, by floats and from event to event.
fn fluid(case: &Case) -> Vec<f64> {
    let count = case.flows.len();
    let mut left: Vec<f64> = case.flows.iter().map(|flow| flow.1 as f64).collect();
    let (mut ends, mut now) = (vec![f64::NAN; count], 0.0);
    while ends.iter().any(|end| end.is_nan()) {
        let (going, coming): (Vec<usize>, Vec<usize>) = (0..count)
            .filter(|flow| ends[*flow].is_nan())
            .partition(|flow| case.flows[*flow].0 as f64 <= now);
        let paths: Vec<&[LinkId]> = going.iter().map(|flow| &case.flows[*flow].2[..]).collect();
        let rates = filled(&case.capacities, &paths);
        let through = going
            .iter()
            .zip(&rates)
            .map(|(flow, rate)| now + left[*flow] / rate * 1e6);
        let begins = coming.iter().map(|flow| case.flows[*flow].0 as f64);
        let next = through
            .clone()
            .chain(begins)
            .min_by(f64::total_cmp)
            .unwrap();
        let through: Vec<f64> = through.collect();
        for ((flow, rate), through) in going.iter().zip(&rates).zip(through) {
            left[*flow] -= rate * (next - now) / 1e6;
            if through <= next {
                ends[*flow] = next;
            }
        }
        now = next;
    }
    ends
}

/// When each flow ends by the network, and the bytes that each link carried.
fn played(case: &Case) -> (Vec<u64>, Vec<u64>) {
    let mut network = Network::new(None);
    for capacity in &case.capacities {
        network.add_link(*capacity);
    }
    let mut order: Vec<usize> = (0..case.flows.len()).collect();
    order.sort_by_key(|flow| case.flows[*flow].0);
    let (mut ids, mut ends) = (Vec::new(), vec![0; case.flows.len()]);
    let mut waiting = order.into_iter().peekable();
    loop {
        let start = waiting.peek().map(|flow| case.flows[*flow].0);
        let next = start.into_iter().chain(network.next_end()).min();
        let Some(next) = next else { break };
        for (id, end) in network.advance(next) {
            assert_eq!(end, End::Delivered);
            let (_, flow) = ids.iter().find(|(other, _)| *other == id).unwrap();
            ends[*flow] = next;
        }
        while let Some(flow) = waiting.next_if(|flow| case.flows[*flow].0 == next) {
            let (_, bytes, path) = &case.flows[flow];
            ids.push((network.start(path, *bytes, 1), flow));
        }
    }
    let links = 0..case.capacities.len() as u32;
    (
        ends,
        links.map(|link| network.carried(LinkId(link))).collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// One flow in so many lanes has what so many flows of one lane have together, and leaves others as much.
    #[test]
    fn lanes_are_flows_side_by_side(case in case(), lanes in 1_u32..20) {
        let (mut wide, ids) = at_once(&case);
        let (mut narrow, others) = at_once(&case);
        let path = &case.flows[0].2;
        let one = wide.start(path, 1 << 40, lanes);
        let many: Vec<FlowId> = (0..lanes).map(|_| narrow.start(path, 1 << 40, 1)).collect();
        let sum: u64 = many.iter().map(|id| narrow.rate(*id).unwrap()).sum();
        // Each rate is told rounded down.
        prop_assert!(wide.rate(one).unwrap() - sum <= u64::from(lanes));
        for (mine, theirs) in ids.iter().zip(&others) {
            prop_assert_eq!(wide.rate(*mine), narrow.rate(*theirs));
        }
    }

    /// Every flow crosses a full link on which nobody has more than it.
    #[test]
    fn nobody_can_gain_unless_one_with_as_little_loses(case in case()) {
        let (mut network, ids) = at_once(&case);
        let rates: Vec<u64> = ids.iter().map(|id| network.rate(*id).unwrap()).collect();
        let across = |link: LinkId| {
            let flows = case.flows.iter().zip(&rates);
            flows.filter(move |(flow, _)| flow.2.contains(&link)).map(|(_, rate)| *rate)
        };
        for (flow, rate) in case.flows.iter().zip(&rates) {
            let is_bottleneck = |link: &LinkId| {
                let used: u64 = across(*link).sum();
                // Rates are told rounded down, so a full link may look less so by a byte a flow.
                let full = used + case.flows.len() as u64 >= case.capacities[link.0 as usize];
                full && across(*link).all(|other| other <= *rate)
            };
            prop_assert!(flow.2.iter().any(is_bottleneck), "{:?} at {}", flow, rate);
        }
        for (link, capacity) in (0..).zip(&case.capacities) {
            prop_assert!(across(LinkId(link)).sum::<u64>() <= *capacity);
        }
    }

    #[test]
    fn ends_are_those_of_a_fluid_and_bytes_are_conserved(case in case()) {
        let (ends, carried) = played(&case);
        for (end, fluid) in ends.iter().zip(fluid(&case)) {
            // Each end before it may have freed its share up to a microsecond late.
            let slack = case.flows.len() as f64 + 1e-9 * fluid;
            prop_assert!((*end as f64 - fluid).abs() <= slack, "{end} for {fluid}");
        }
        for (link, carried) in (0..).zip(carried) {
            let across = case.flows.iter().filter(|flow| flow.2.contains(&LinkId(link)));
            prop_assert_eq!(carried, across.map(|flow| flow.1).sum::<u64>());
        }
    }

    /// However often the network is asked on the way.
    #[test]
    fn looking_changes_nothing(case in case(), looks in proptest::collection::vec(0_u64..60 * SECOND, 0..50)) {
        let (mut quiet, _) = at_once(&case);
        let (mut watched, _) = at_once(&case);
        let mut looks = looks;
        looks.sort_unstable();
        let mut seen = Vec::new();
        for look in looks {
            seen.extend(watched.advance(look));
        }
        seen.extend(watched.advance(1_000_000 * SECOND));
        prop_assert_eq!(seen, quiet.advance(1_000_000 * SECOND));
        for link in 0..case.capacities.len() as u32 {
            prop_assert_eq!(watched.carried(LinkId(link)), quiet.carried(LinkId(link)));
        }
    }

    /// Of flows over one link, what is left and what it carried is all that they have, at any time.
    #[test]
    fn what_is_left_was_not_carried(bytes in proptest::collection::vec(1_u64..5_000_000, 1..10), looks in proptest::collection::vec(0_u64..60 * SECOND, 1..20)) {
        let mut network = Network::new(None);
        let link = network.add_link(300_000);
        let flows: Vec<FlowId> = bytes.iter().map(|bytes| network.start(&[link], *bytes, 1)).collect();
        let mut looks = looks;
        looks.sort_unstable();
        for look in looks {
            network.advance(look);
            let left: u64 = flows.iter().map(|flow| network.left(*flow)).sum();
            // A byte that is partly through is left, and may be counted as carried as well.
            let all = left + network.carried(link);
            prop_assert!(all.abs_diff(bytes.iter().sum()) <= flows.len() as u64, "{all} at {look}");
        }
        network.advance(1_000 * SECOND);
        prop_assert!(flows.iter().all(|flow| network.left(*flow) == 0));
    }
}

#[test]
fn one_flow_ends_in_the_first_microsecond_that_is_enough() {
    let mut network = Network::new(None);
    let link = network.add_link(3);
    network.start(&[link], 1, 1);
    assert_eq!(network.next_end(), Some(333_334));
    assert!(network.advance(333_333).is_empty());
    assert_eq!(network.advance(333_334).len(), 1);
    assert_eq!((network.carried(link), network.next_end()), (1, None));
}

#[test]
fn years_at_great_speed_stay_in_range() {
    let year = 365 * 86_400 * SECOND;
    let mut network = Network::new(None);
    let link = network.add_link(10_000_000_000);
    network.start(&[link], u64::MAX, 1);
    network.advance(10 * year);
    assert_eq!(network.carried(link), 10 * 365 * 86_400 * 10_000_000_000);
}

#[test]
fn a_thousand_equal_flows_are_one_class() {
    let mut network = Network::new(None);
    let (disk, wire) = (network.add_link(1 << 40), network.add_link(1_000_000));
    for number in 1..=1000 {
        network.start(&[wire, disk], number, 1);
    }
    assert_eq!(network.classes(), 1);
    assert_eq!(network.advance(100 * SECOND).len(), 1000);
}

/// What became of transfers, and when.
type Notes = Arc<Mutex<Vec<(u64, Result<(), Stalled>)>>>;

fn carry(
    executor: &Executor,
    roads: &Roads,
    notes: &Notes,
    host: HostId,
    path: &[LinkId],
    bytes: u64,
) {
    let (handle, notes) = (executor.handle(), Arc::clone(notes));
    let transfer = roads.transfer(path, bytes);
    executor.handle().spawn(host, async move {
        let ended = transfer.await;
        notes.lock().unwrap().push((handle.now(), ended));
    });
}

#[test]
fn tasks_share_a_road_and_wait_for_the_last_byte() {
    let mut executor = Executor::new();
    let (roads, notes) = (Roads::new(executor.handle(), None), Notes::default());
    let (lan, wan) = (
        roads.add_link(1_000_000, 100),
        roads.add_link(100_000, 20_000),
    );
    carry(&executor, &roads, &notes, A, &[lan, wan], 100_000);
    carry(&executor, &roads, &notes, A, &[lan, wan], 50_000);
    carry(&executor, &roads, &notes, A, &[lan], 900_000);
    carry(&executor, &roads, &notes, A, &[], 7);
    executor.run(None);
    let notes: Vec<u64> = notes.lock().unwrap().iter().map(|note| note.0).collect();
    // Half a wan each at first, for 50 kB of each; then the rest alone.
    assert_eq!(
        notes,
        [0, SECOND + 100, SECOND + 20_100, SECOND * 3 / 2 + 20_100]
    );
    assert_eq!(
        (roads.carried(wan), roads.carried(lan)),
        (150_000, 1_050_000)
    );
    assert_eq!(roads.transfers(), 0);
}

#[test]
fn a_cut_road_stalls_and_one_mended_in_time_goes_on() {
    let mut executor = Executor::new();
    let (roads, notes) = (
        Roads::new(executor.handle(), Some(30 * SECOND)),
        Notes::default(),
    );
    let road = roads.add_link(1000, 0);
    carry(&executor, &roads, &notes, A, &[road], 10_000);
    executor.run(Some(5 * SECOND));
    roads.set_capacity(road, 0);
    executor.run(Some(30 * SECOND));
    roads.set_capacity(road, 1000);
    executor.run(Some(32 * SECOND));
    roads.set_capacity(road, 0);
    executor.run(Some(40 * SECOND));
    carry(&executor, &roads, &notes, A, &[road], 1);
    executor.run(None);
    let ends = [(62 * SECOND, Err(Stalled)), (70 * SECOND, Err(Stalled))];
    assert_eq!(*notes.lock().unwrap(), ends);
    assert_eq!((roads.carried(road), roads.transfers()), (7000, 0));
}

#[test]
fn a_crash_frees_the_road() {
    let mut executor = Executor::new();
    let (roads, notes) = (Roads::new(executor.handle(), None), Notes::default());
    let road = roads.add_link(1000, 0);
    carry(&executor, &roads, &notes, A, &[road], 1_000_000);
    carry(&executor, &roads, &notes, HostId(2), &[road], 2000);
    executor.run(Some(2 * SECOND));
    executor.handle().crash(A);
    executor.run(None);
    assert_eq!(*notes.lock().unwrap(), [(3 * SECOND, Ok(()))]);
    assert_eq!((roads.carried(road), roads.transfers()), (3000, 0));
}
