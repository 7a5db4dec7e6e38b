//! How far an emulated and a modelled trial of the same setup agree.

use std::collections::BTreeSet;

use crate::outcome::scenario::{Agreement, IncidentRow, Quantity};
use crate::scenario::{HOUR, SECOND, Scenario};
use crate::trial::Trial;
use crate::trial::tally::CopyTally;

/// The difference, parts of a million of the first, or of `least` if that is more.
fn ppm(emulated: u128, modelled: u128, least: u128) -> u64 {
    let apart = emulated.abs_diff(modelled) * 1_000_000;
    u64::try_from(apart / emulated.max(least).max(1)).unwrap_or(u64::MAX)
}

/// How far the numbers of a replica's batches may be apart.
const BATCHES_PPM: u64 = 20_000;
/// A vault that holds less than a thousandth of what is protected holds no point yet, only headers and leases: what
/// they differ by is told of that thousandth.
const LEAST: u64 = 1000;

/// Holds the two against each other.
pub fn agreement(
    scenario: &Scenario,
    strategy: &str,
    emulated: &Trial,
    modelled: &Trial,
) -> Agreement {
    let mut strategies = scenario.strategies.iter();
    let replica = strategies.find(|spec| spec.name == strategy);
    let replica = replica.and_then(|spec| spec.replica());
    let protected = scenario
        .groups
        .iter()
        .map(|group| group.bytes * u64::from(group.count));
    let least = u128::from(protected.sum::<u64>() / LEAST);
    let hours = u128::from(scenario.horizon_micros / HOUR);
    let copies = || emulated.tally.copies.iter().zip(&modelled.tally.copies);
    let (ours, theirs) = (rows(emulated), rows(modelled));
    let both = || ours.iter().zip(&theirs);
    let same = ours.len() == theirs.len();
    let rto = both().map(|(ours, theirs)| {
        ppm(
            ours.rto_micros.unwrap_or(0).into(),
            theirs.rto_micros.unwrap_or(0).into(),
            0,
        )
    });
    let stored = |trial: &Trial| {
        let rows = trial.tally.quantities.iter();
        rows.map(|row| row.byte_hours).sum::<u128>()
    };
    Agreement {
        strategy: strategy.to_owned(),
        // How often an attempt failed hangs on the minute in which service was back: it is no point's affair.
        points_equal: copies().enumerate().all(|(copy, (ours, theirs))| {
            if Some(copy) == replica.map(|(copy, _)| copy) {
                return same_points(ours, theirs);
            }
            (ours.points, dues(ours)) == (theirs.points, dues(theirs))
                && sorted(&ours.chains) == sorted(&theirs.chains)
        }),
        shifted: copies()
            .enumerate()
            .filter(|(copy, _)| Some(*copy) != replica.map(|(copy, _)| copy))
            .map(|(_, (ours, theirs))| shifted(ours, theirs))
            .sum(),
        blocks_equal: copies().all(|(ours, theirs)| ours.blocks == theirs.blocks),
        bytes_ppm: ppm(stored(emulated), stored(modelled), least * hours),
        bytes_at_end_ppm: copies()
            .map(|(ours, theirs)| ppm(ours.bytes.into(), theirs.bytes.into(), least))
            .max()
            .unwrap_or(0),
        traffic_ppm: traffic(emulated, modelled, least),
        requests_ppm: requests(emulated, modelled),
        rpo_equal: same
            && both().all(|(ours, theirs)| {
                let came =
                    (ours.ending, &ours.restored_from) == (theirs.ending, &theirs.restored_from);
                let apart = |ours: Option<u64>, theirs: Option<u64>| match (ours, theirs) {
                    (Some(ours), Some(theirs)) => ours.abs_diff(theirs),
                    (None, None) => 0,
                    _ => u64::MAX,
                };
                let by_replica = ours
                    .restored_from
                    .as_deref()
                    .is_some_and(|it| it.starts_with("replica"));
                let most = replica
                    .filter(|_| by_replica)
                    .map_or(0, |(_, copy)| copy.every_micros);
                came && apart(ours.rpo_micros, theirs.rpo_micros) <= most
            }),
        rto_ppm: rto.max().unwrap_or(0),
    }
}

/// The largest difference of bytes moved.
fn traffic(emulated: &Trial, modelled: &Trial, least: u128) -> u64 {
    let apart = |bytes: fn(&Quantity) -> u64| {
        let [ours, theirs] = [emulated, modelled].map(|trial| {
            let rows = trial.tally.quantities.iter();
            rows.map(|row| u128::from(bytes(row))).sum::<u128>()
        });
        ppm(ours, theirs, least)
    };
    let all = [
        apart(|row| row.put_bytes),
        apart(|row| row.got_bytes),
        apart(|row| row.geo_bytes),
        apart(|row| row.crossed_bytes),
        apart(|row| row.out_bytes),
        apart(|row| row.in_bytes),
    ];
    all.into_iter().max().unwrap_or(0)
}

/// The larger difference of requests.
fn requests(emulated: &Trial, modelled: &Trial) -> u64 {
    let apart = |requests: fn(&Quantity) -> u64| {
        let [ours, theirs] = [emulated, modelled]
            .map(|trial| trial.tally.quantities.iter().map(requests).sum::<u64>());
        ppm(ours.into(), theirs.into(), REQUESTS_MIN)
    };
    apart(|row| row.writes).max(apart(|row| row.reads))
}

/// Fewer requests than this are no bill: what they differ by is told of so many.
const REQUESTS_MIN: u128 = 1000;

/// A replica's points: the same instants, as far as messages take their time, of as many batches (some are confirmed
/// with others where a link broke). The oldest may be one's alone: a bound on bytes cuts there.
fn same_points(ours: &CopyTally, theirs: &CopyTally) -> bool {
    let near = |(ours, theirs): (&(u64, u64), &(u64, u64))| ours.0.abs_diff(theirs.0) <= SECOND;
    let mut kept = ours.kept_points.iter().zip(&theirs.kept_points);
    ppm(ours.points.into(), theirs.points.into(), 0) <= BATCHES_PPM
        && kept.all(|(ours, theirs)| {
            ours.len().abs_diff(theirs.len()) <= 1
                && ours.iter().rev().zip(theirs.iter().rev()).all(near)
        })
}

/// When each kept point fell due, by instance.
fn dues(copy: &CopyTally) -> Vec<Vec<u64>> {
    let instances = copy.kept_points.iter();
    instances
        .map(|points| points.iter().map(|(due, _)| *due).collect())
        .collect()
}

/// Points that fell due at the same time, and were captured at different ones.
fn shifted(ours: &CopyTally, theirs: &CopyTally) -> u64 {
    let points = |copy: &CopyTally| -> BTreeSet<(usize, u64, u64)> {
        let instances = copy.kept_points.iter().enumerate();
        let points = instances.flat_map(|(instance, points)| {
            let points = points.iter();
            points.map(move |(due, captured)| (instance, *due, *captured))
        });
        points.collect()
    };
    let (ours, theirs) = (points(ours), points(theirs));
    let dues: BTreeSet<(usize, u64)> = theirs.iter().map(|point| (point.0, point.1)).collect();
    let apart = ours.difference(&theirs);
    apart
        .filter(|point| dues.contains(&(point.0, point.1)))
        .count() as u64
}

/// Chain lengths; agents that land at about the same time may do so in another order.
fn sorted(chains: &[u32]) -> Vec<u32> {
    let mut chains = chains.to_vec();
    chains.sort_unstable();
    chains
}

/// Incidents by fault and instance.
fn rows(trial: &Trial) -> Vec<&IncidentRow> {
    let mut rows: Vec<&IncidentRow> = trial.tally.incidents.iter().collect();
    rows.sort_by_key(|row| (row.fault, &row.instance));
    rows
}
