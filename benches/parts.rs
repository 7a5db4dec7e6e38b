//! The steps of a byte's journey one by one: cut, fingerprint, compress, seal, pack, look up.

use std::hint::black_box;

use benches::{keys, noise, text};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use engine::chunk::Cut;
use engine::format::index::PackRecord;
use engine::format::layout::{Codec, Kind};
use engine::format::pack::BlobEntry;
use engine::ids::{BlobId, ObjectId};
use engine::seal::compress_into;
use engine::seam::SystemEntropy;
use engine::vault::{ChunkIndex, PackWriter};

const CHUNK_BYTES: usize = 512 << 10;
const RUN_BYTES: usize = 16 << 20;
/// As many blobs as 500 GB of large files or 8 GB of small ones have.
const BLOBS: u64 = 1_000_000;

fn chunking(c: &mut Criterion) {
    let (keys, bytes) = (keys(), noise(1, RUN_BYTES));
    let mut group = c.benchmark_group("chunking");
    group.throughput(Throughput::Bytes(RUN_BYTES as u64));
    group.bench_function("by content", |b| {
        b.iter(|| {
            let mut rest = black_box(&bytes[..]);
            while !rest.is_empty() {
                rest = &rest[Cut::Content.first(keys.chunker_table(), rest)..];
            }
        });
    });
    group.finish();
}

fn hashing(c: &mut Criterion) {
    let keys = keys();
    let mut group = c.benchmark_group("hashing");
    for bytes in [4 << 10, CHUNK_BYTES] {
        let chunk = noise(2, bytes);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{} KiB", bytes >> 10), |b| {
            b.iter(|| keys.blob_id(Kind::Data, black_box(&chunk)));
        });
    }
    group.finish();
}

fn sealing(c: &mut Criterion) {
    let keys = keys();
    let mut group = c.benchmark_group("sealing");
    for (what, chunk) in [
        ("noise, 512 KiB", noise(3, CHUNK_BYTES)),
        ("text, 512 KiB", text(3, CHUNK_BYTES)),
        ("text, 8 KiB", text(3, 8 << 10)),
    ] {
        let id = keys.blob_id(Kind::Data, &chunk);
        let mut out = Vec::with_capacity(2 * chunk.len());
        group.throughput(Throughput::Bytes(chunk.len() as u64));
        group.bench_function(what, |b| {
            b.iter(|| {
                out.clear();
                let raw_bytes = chunk.len() as u64;
                keys.seal_with(
                    &SystemEntropy,
                    Kind::Data,
                    &id,
                    raw_bytes,
                    &mut out,
                    |out| compress_into(black_box(&chunk), out),
                )
            });
        });
    }
    group.finish();
}

fn entry(number: u64, stored_bytes: usize) -> BlobEntry {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes());
    BlobEntry {
        id: BlobId(id),
        kind: Kind::Data,
        codec: Codec::Raw,
        stored_bytes: u32::try_from(stored_bytes).expect("a chunk"),
        raw_bytes: u32::try_from(stored_bytes - 28).expect("a chunk"),
    }
}

fn packing(c: &mut Criterion) {
    let keys = keys();
    let mut group = c.benchmark_group("packing");
    for bytes in [8 << 10, CHUNK_BYTES] {
        let sealed = noise(4, bytes);
        let blobs = (RUN_BYTES / bytes) as u64;
        group.throughput(Throughput::Bytes(RUN_BYTES as u64));
        group.bench_function(format!("{} KiB", bytes >> 10), |b| {
            b.iter_batched_ref(
                || PackWriter::new(2),
                |writer| {
                    for number in 0..blobs {
                        let entry = entry(number, bytes);
                        black_box(writer.add(&keys, &SystemEntropy, entry, &sealed));
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn looking_up(c: &mut Criterion) {
    let mut index = ChunkIndex::default();
    for pack in 0..BLOBS / 1000 {
        let entries = (0..1000).map(|number| entry(pack * 1000 + number, 8 << 10));
        let record = PackRecord {
            pack: ObjectId([0; 16]),
            pack_bytes: 16 << 20,
            entries: entries.collect(),
        };
        index.add(&record, 0);
    }
    let mut group = c.benchmark_group("index look-up, a million blobs");
    group.throughput(Throughput::Elements(1));
    let mut number = 0;
    for (what, from) in [("there", 0), ("not there", BLOBS)] {
        group.bench_function(what, |b| {
            b.iter(|| {
                number = (number + 7919) % BLOBS;
                index.find(black_box(&entry(from + number, 8 << 10).id))
            });
        });
    }
    group.finish();
}

criterion_group!(parts, chunking, hashing, sealing, packing, looking_up);
criterion_main!(parts);
