mod closed;
mod oracle;
mod outside;
mod sources;

use super::*;

/// Batches by their first instants, in intervals of so long.
fn batches(interval: u64, written: &[(u64, u64)]) -> Vec<Batch> {
    let batch = |(number, bytes): &(u64, u64)| Batch {
        opens_micros: number * interval,
        closes_micros: (number + 1) * interval,
        bytes: *bytes,
        journal_bytes: *bytes,
    };
    written.iter().map(batch).collect()
}

fn shipment(batches: &[Batch], interval_micros: u64, intervals: u64) -> Shipment<'_> {
    Shipment {
        batches,
        interval_micros,
        span_micros: interval_micros * intervals,
    }
}
