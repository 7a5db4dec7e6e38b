//! The hot paths of site recovery: a write's way into a batch, a part sealed and opened, a disk served.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use engine::format::part::Header;
use engine::format::point::Consistency;
use engine::ids::ObjectId;
use engine::replication::extents::{Extents, Payload};
use engine::replication::maps::{Doubt, Pieces};
use engine::replication::parcel::{GroupKey, seal};
use engine::replication::splitter::Splitter;
use engine::seam::SystemEntropy;
use engine::units::Timestamp;

const MIB: u64 = 1 << 20;

/// Offsets that jump about in a GiB, the same in every run.
fn offsets() -> impl Iterator<Item = u64> {
    (0_u64..)
        .map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 34) / 4096 * 4096 % (1 << 30))
}

/// 4 KiB writes into batches that end every 4,096.
fn writes(c: &mut Criterion) {
    let data = Payload::Data(vec![7; 4096].into());
    let mut group = c.benchmark_group("replication");
    group.throughput(Throughput::Elements(4096));
    group.bench_function("4,096 random writes into a batch", |b| {
        let mut splitter = Splitter::new(&[1 << 30], 1, u64::MAX);
        let mut offsets = offsets();
        b.iter(|| {
            for offset in offsets.by_ref().take(4096) {
                let _ = splitter.intend((0, offset), 4096);
                splitter.record((0, offset), data.clone(), Timestamp::default());
            }
            splitter.cut(Timestamp::default(), Some(Consistency::Crash), false);
            while splitter.next_cut().is_some() {}
            splitter.sealed();
        });
    });
    group.bench_function("4,096 overwrites coalesced", |b| {
        b.iter_batched(
            Extents::default,
            |mut extents| {
                for offset in offsets().take(4096) {
                    extents.put((0, offset % (4 * MIB)), data.clone());
                }
                extents
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("16,384 marked pieces found", |b| {
        b.iter(|| {
            let mut pieces = Pieces::of(1 << 30);
            pieces.mark(0, 1 << 30, Doubt::Suspect);
            while let Some((piece, _)) = pieces.next_marked() {
                pieces.clear(piece);
            }
        });
    });
    group.finish();
}

/// A part of 8 MiB of each kind of content, sealed as a source does.
fn parts(c: &mut Criterion) {
    let key = GroupKey::from_bytes([1; 32]);
    let mut group = c.benchmark_group("replication part");
    group.throughput(Throughput::Bytes(8 * MIB)).sample_size(20);
    for (name, data) in [("text", text()), ("random", random())] {
        group.bench_function(format!("8 MiB of {name} sealed"), |b| {
            let extents = [((0, 0), Payload::Data(data.clone().into()))];
            b.iter(|| seal(&key, &SystemEntropy, header(), &extents));
        });
    }
    group.finish();
}

fn header() -> Header {
    Header {
        group: ObjectId([0; 16]),
        generation: 1,
        first: 1,
        batch: 1,
        part: 0,
        end: None,
        index_bytes: 0,
        frames: 0,
    }
}

fn text() -> Vec<u8> {
    let line = |number: u64| {
        format!(
            "{number} INSERT INTO accounts VALUES ({}, 'someone');\n",
            number * 7919
        )
    };
    let text: String = (0..400_000).map(line).collect();
    text.into_bytes()[..8 * MIB as usize].to_vec()
}

fn random() -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..8 * MIB).map(next).collect()
}

criterion_group!(benches, writes, parts);
criterion_main!(benches);
