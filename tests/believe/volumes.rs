//! What backups send and restores read.

use std::collections::BTreeSet;

use engine::format::point::Method;
use simulator::volumes::{Cycle, Moved, independent_changes, moved};

use crate::check::Check;

pub(crate) fn volumes() -> Vec<Check> {
    let mut checks = ten_blocks();
    for (points, change_ppm, blocks) in [(7, 20_000, 200_000), (30, 100_000, 20_000)] {
        checks.extend(independent(points, change_ppm, blocks));
    }
    checks
}

/// Ten blocks, of which A2, A3, A4 and A9 change in the second month and A5 in the third.
fn ten_blocks() -> Vec<Check> {
    let source = "the example that this project started from, counted by hand";
    let changed = [BTreeSet::from([2, 3, 4, 9]), BTreeSet::from([5])];
    let methods = [
        (Method::Full, 30.0, 10.0),
        (Method::Differential, 19.0, 15.0),
        (Method::Incremental, 15.0, 15.0),
    ];
    let of = |(method, sent, read): (Method, f64, f64)| {
        let moved = moved(method, 12, 10, &changed);
        let read_by_restore = moved.last().map_or(0, |point| point.restore_reads);
        [
            Check::exact(
                format!("{method}: blocks sent in three months"),
                source,
                sent,
                total(&moved) as f64,
            ),
            Check::exact(
                format!("{method}: blocks read to restore the third"),
                source,
                read,
                read_by_restore as f64,
            ),
        ]
    };
    methods.into_iter().flat_map(of).collect()
}

/// Four standard errors of the fewest changes: 2 % of 200,000 blocks, each counted up to six times.
const WITHIN: f64 = 0.03;

fn independent(points: u32, change_ppm: u32, blocks: u32) -> Vec<Check> {
    let cycle = Cycle {
        points: points.cast_signed(),
        change: f64::from(change_ppm) / 1e6,
    };
    let changed = independent_changes(blocks.into(), points, change_ppm.into(), 1);
    let happened = |method| {
        total(&moved(method, points, blocks.into(), &changed)) as f64 / f64::from(blocks) - 1.0
    };
    let what = |method: Method| {
        let percent = cycle.change * 100.0;
        format!(
            "{method}: {} points after a full, {percent} % change each; sent, in fulls",
            points - 1
        )
    };
    let source = |form: &str| format!("{form}; ours by the engine's methods on {blocks} blocks");
    vec![
        Check::new(
            what(Method::Incremental),
            source("(n-1) c"),
            cycle.incremental() - 1.0,
            happened(Method::Incremental),
            WITHIN,
        ),
        Check::new(
            what(Method::Differential),
            source("(n-1) - ((1-c) - (1-c)ⁿ)/c"),
            cycle.differential() - 1.0,
            happened(Method::Differential),
            WITHIN,
        ),
    ]
}

fn total(moved: &[Moved]) -> u64 {
    moved.iter().map(|point| point.sent).sum()
}

/// The closed form itself has been reckoned elsewhere: 0.4063 and 20.424 fulls.
#[test]
fn closed_forms_are_those_that_were_reckoned_by_hand() {
    let beyond_the_full = |points, change| Cycle { points, change }.differential() - 1.0;
    assert!((beyond_the_full(7, 0.02) - 0.4063).abs() < 5e-5);
    assert!((beyond_the_full(30, 0.1) - 20.424).abs() < 5e-4);
}
