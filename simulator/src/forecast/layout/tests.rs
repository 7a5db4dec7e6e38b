use std::collections::BTreeSet;

use engine::format::point::Method;
use proptest::prelude::*;

use super::{Kind, Runs, factors, kept, own};
use crate::forecast::data::{Data, Known};
use crate::forecast::share::Share;
use crate::forecast::survival::Curve;

/// A chunk that the points from the first to the last refer to.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    first: usize,
    last: usize,
    bytes: u64,
}

fn chunks(points: usize) -> impl Strategy<Value = Vec<Chunk>> {
    let chunk = (0..points, 0..points, 1..1000_u64).prop_map(|(a, b, bytes)| Chunk {
        first: a.min(b),
        last: a.max(b),
        bytes,
    });
    proptest::collection::vec(chunk, 0..60)
}

fn data(points: usize, chunks: &[Chunk]) -> Data {
    let known = (0..points).map(|born| {
        let of = |last: usize| {
            let those = chunks.iter().filter(|c| c.first == born && c.last == last);
            those.map(|chunk| chunk.bytes).sum::<u64>()
        };
        let lives: Vec<_> = (born..points).map(|last| (last as u32, of(last))).collect();
        Known::new(&lives, 0, 0)
    });
    Data {
        known: known.collect(),
        curves: Vec::new(),
        fade: None,
        births: Vec::new(),
        logical: Vec::new(),
    }
}

/// A vault made by hand: what each point puts, by the engine's own rule of which chunks a new point may
/// refer to, and what then has to stay for the existing points.
fn by_hand(kinds: &[Kind], chunks: &[Chunk], existing: &[usize]) -> u64 {
    let refers = |point: usize, chunk: &Chunk| (chunk.first..=chunk.last).contains(&point);
    let mut bytes = 0;
    let mut shared = BTreeSet::new();
    for point in existing {
        for (number, chunk) in chunks.iter().enumerate().filter(|(_, c)| refers(*point, c)) {
            let stores = match kinds[*point] {
                Kind::Forever => shared.insert(number),
                Kind::Full => true,
                Kind::Differential(full) => !refers(full, chunk),
                // The chain back to its full: the point before has it, or else no point of the chain.
                Kind::Incremental => !refers(point - 1, chunk),
            };
            if stores {
                bytes += chunk.bytes;
            }
        }
    }
    bytes
}

fn kinds(method: Method, points: usize, full_every: usize) -> Vec<Kind> {
    let kind = |point: usize| {
        let full = point / full_every * full_every;
        let made = engine::backup::method_at(method, point as u32, full_every as u32);
        Kind::of(made, full)
    };
    (0..points).map(kind).collect()
}

proptest! {
    #[test]
    fn the_closed_form_is_what_a_vault_made_by_hand_holds(
        chunks in chunks(12),
        existing in proptest::collection::btree_set(0..12_usize, 0..12),
        method in prop::sample::select(Method::ALL.to_vec()),
        full_every in 1..5_usize,
    ) {
        let data = data(12, &chunks);
        let kinds = kinds(method, 12, full_every);
        let own: Vec<u64> = (0..12).map(|point| own(&data, kinds[point], point)).collect();
        let existing: Vec<usize> = existing.into_iter().collect();
        prop_assert_eq!(kept(&data, &kinds, &own, &existing, &mut Runs::default()), by_hand(&kinds, &chunks, &existing));
    }

    #[test]
    fn the_factors_are_the_closed_forms_own(
        births in proptest::collection::vec(0..1_000_000_u64, 12),
        existing in proptest::collection::btree_set(0..12_usize, 0..12),
        method in prop::sample::select(Method::ALL.to_vec()),
        percent in 0..100_u64,
    ) {
        let data = Data {
            known: Vec::new(),
            curves: vec![Curve::constant(Share::ratio(percent, 100), 12)],
            fade: None,
            births: births.iter().map(|bytes| vec![*bytes]).collect(),
            logical: Vec::new(),
        };
        let kinds = kinds(method, 12, 4);
        let own: Vec<u64> = (0..12).map(|point| own(&data, kinds[point], point)).collect();
        let existing: Vec<usize> = existing.into_iter().collect();
        let factors = factors(&data, &kinds, 0, &existing);
        let sum: u64 = births.iter().zip(&factors).map(|(bytes, factor)| factor.of(*bytes)).sum();
        // Each product is rounded to the nearest byte, and there are at most 78 of them.
        let exact = kept(&data, &kinds, &own, &existing, &mut Runs::default());
        prop_assert!(sum.abs_diff(exact) <= 78, "{} {}", sum, exact);
    }
}

#[test]
fn ten_blocks_in_three_months() {
    // The introduction to Azure Backup's own example: ten blocks, of which 2, 3, 4 and 9 change in the
    // second month and 5 in the third: 30 blocks as fulls, 19 as differentials, 15 as incrementals.
    let life = |first, last| Chunk {
        first,
        last,
        bytes: 1,
    };
    let mut chunks = vec![life(0, 2); 5];
    chunks.extend([life(0, 0); 4]);
    chunks.push(life(0, 1));
    chunks.extend([life(1, 2); 4]);
    chunks.push(life(2, 2));
    let data = data(3, &chunks);
    for (method, blocks) in [
        (Method::Full, 30),
        (Method::Differential, 19),
        (Method::Incremental, 15),
        (Method::Forever, 15),
    ] {
        let kinds = kinds(method, 3, 9);
        let own: Vec<u64> = (0..3)
            .map(|point| own(&data, kinds[point], point))
            .collect();
        assert_eq!(
            kept(&data, &kinds, &own, &[0, 1, 2], &mut Runs::default()),
            blocks,
            "{method}"
        );
    }
}
