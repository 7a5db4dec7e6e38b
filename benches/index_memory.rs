//! How much memory an index takes: fills one from index segments as they are at rest, one at a time, and
//! prints what the kernel counted as the most that this process ever held.

use engine::format::index::{PackRecord, read_records, write_record};
use engine::format::layout::{Codec, Kind};
use engine::format::pack::BlobEntry;
use engine::ids::{BlobId, ObjectId};
use engine::seam::{Entropy, SystemEntropy};
use engine::vault::ChunkIndex;

/// Entries of a segment, as a backup writes it.
const SEGMENT: usize = 200_000;
/// Chunks of 512 KiB that fit into a pack.
const PACK: usize = 32;

fn draw(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    SystemEntropy.fill(&mut bytes);
    bytes
}

/// An index segment of chunks with drawn names.
fn segment() -> Vec<u8> {
    let mut raw = Vec::new();
    for _ in 0..SEGMENT / PACK {
        let names = draw(32 * PACK);
        let entries = names.chunks_exact(32).map(|name| BlobEntry {
            id: BlobId(name.try_into().unwrap_or_default()),
            kind: Kind::Data,
            codec: Codec::Zstd,
            stored_bytes: 400_000,
            raw_bytes: 524_288,
        });
        let record = PackRecord {
            pack: ObjectId::draw(&SystemEntropy),
            pack_bytes: 13_000_000,
            entries: entries.collect(),
        };
        write_record(&record, &mut raw);
    }
    raw
}

/// The most memory that this process held, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[expect(clippy::print_stdout, reason = "what it measures is for the terminal")]
fn main() -> engine::Result<()> {
    let asked = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let chunks: usize = asked.unwrap_or(10_000_000);
    let mut index = ChunkIndex::default();
    println!("{:>12} chunks  {:>5} MiB at most", 0, peak());
    while index.len() < chunks {
        let raw = segment();
        for record in read_records("a segment", &raw)? {
            index.add(&record, 0);
        }
        if index.len() % 2_000_000 < SEGMENT {
            println!("{:>12} chunks  {:>5} MiB at most", index.len(), peak());
        }
    }
    println!("{:>12} chunks  {:>5} MiB at most", index.len(), peak());
    Ok(())
}
