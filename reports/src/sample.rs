//! A made-up comparison for this crate's own tests.

use simulator::outcome::{
    Comparison, Fidelity, Generation, Machine, MethodOutcome, PointOutcome, RestoreOutcome, Series,
    SourceKind,
};

use crate::{Document, PriceBook, Redundancy};

/// What matters of a method: stored and sent bytes of each of its points, chain lengths, and the
/// microseconds that restoring the newest took.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) stored: [u64; 3],
    pub(crate) sent: [u64; 3],
    pub(crate) chain: [u32; 3],
    pub(crate) restore_micros: u64,
}

const MIB: u64 = 1 << 20;
/// So small that the chance of cuts decides nothing: 0.6 % of 100 MiB.
const BLOCK: u64 = 4096;

/// Three methods whose numbers keep the usual order.
pub(crate) const USUAL: [Sample; 3] = [
    Sample {
        name: "full",
        stored: [100 * MIB, 100 * MIB, 100 * MIB],
        sent: [100 * MIB, 100 * MIB, 100 * MIB],
        chain: [1, 1, 1],
        restore_micros: 1_000_000,
    },
    Sample {
        name: "differential",
        stored: [100 * MIB, 20 * MIB, 40 * MIB],
        sent: [100 * MIB, 20 * MIB, 40 * MIB],
        chain: [1, 2, 2],
        restore_micros: 1_200_000,
    },
    Sample {
        name: "incremental",
        stored: [100 * MIB, 20 * MIB, 20 * MIB],
        sent: [100 * MIB, 20 * MIB, 20 * MIB],
        chain: [1, 2, 3],
        restore_micros: 1_500_000,
    },
];

/// The rows of these methods over three generations of 200 MB each.
pub(crate) fn comparison(methods: &[Sample]) -> Comparison {
    Comparison {
        fidelity: Fidelity::Measured,
        program_version: "0.1.0".to_owned(),
        command: "firedrill compare --seed 7".to_owned(),
        seed: Some(7),
        started_at: "2026-11-24T03:00:00Z".to_owned(),
        machine: Machine {
            processor: "a processor".to_owned(),
            cores: 2,
            system: "Linux 6.1".to_owned(),
        },
        warmed: true,
        series: Series {
            label: "generated, seed 7".to_owned(),
            kind: SourceKind::Tree,
            block_bytes: None,
            chunk_bytes_mean: Some(BLOCK),
            generations: (1..=3).map(generation).collect(),
        },
        full_every: 7,
        methods: methods.iter().map(method).collect(),
    }
}

/// The same, priced by the default book under LRS.
pub(crate) fn document(methods: &[Sample]) -> Document {
    price(&comparison(methods))
}

/// Prices rows by the default book under LRS.
pub(crate) fn price(comparison: &Comparison) -> Document {
    Document::new(comparison, &PriceBook::default_book(), Redundancy::Lrs).expect("priced")
}

fn generation(generation: u32) -> Generation {
    Generation {
        generation,
        path: format!("data/gen-{generation}"),
        logical_bytes: 200_000_000,
        files: 12,
    }
}

fn method(sample: &Sample) -> MethodOutcome {
    MethodOutcome {
        method: sample.name.to_owned(),
        points: (0..3).map(|at| point(sample, at)).collect(),
        restores: vec![
            restore(1, 1, 900_000),
            restore(3, sample.chain[2], sample.restore_micros),
        ],
        vault_bytes: sample.stored.iter().sum(),
        vault_objects: 40,
        backup_wall_micros: sample.sent.iter().sum::<u64>() / 100,
        backup_cpu_micros: sample.sent.iter().sum::<u64>() / 200,
        peak_memory_bytes: Some(64 * MIB),
    }
}

fn point(sample: &Sample, at: usize) -> PointOutcome {
    PointOutcome {
        generation: at as u32 + 1,
        kind: if sample.chain[at] == 1 {
            "full"
        } else {
            sample.name
        }
        .to_owned(),
        logical_bytes: 200_000_000,
        read_bytes: 150_000_000,
        sent_bytes: sample.sent[at],
        copied_bytes: 0,
        stored_bytes: sample.stored[at],
        blocks_stored: sample.stored[at] / BLOCK,
        blocks_referenced: 190,
        chain_length: sample.chain[at],
        wall_micros: sample.sent[at] / 100,
        cpu_micros: sample.sent[at] / 200,
        problems: 0,
    }
}

fn restore(generation: u32, chain_length: u32, wall_micros: u64) -> RestoreOutcome {
    RestoreOutcome {
        generation,
        verified: true,
        differences: Vec::new(),
        bytes: 200_000_000,
        fetched_bytes: 110 * MIB,
        packs_read: 8,
        chain_length,
        wall_micros,
        cpu_micros: wall_micros / 2,
    }
}
