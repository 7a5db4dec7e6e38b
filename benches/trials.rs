//! What a trial stands on: the queue of events.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use simulator::draw::Draws;
use simulator::queue::Queue;

/// The hold model (Vaucher and Duval, 1975): take the earliest, put one back later, so many pending.
fn queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("queue");
    for pending in [1_000_u64, 100_000] {
        let mut waits = Draws::new(1).stream("bench", "waits", pending);
        let waits: Vec<u64> = (0..65_536)
            .map(|_| waits.exponential(1_000_000_000))
            .collect();
        let mut waits = waits.iter().cycle();
        let mut queue = Queue::new();
        for event in 0..pending {
            queue.push(waits.next().copied().unwrap_or(1), event);
        }
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("hold, {pending} pending"), |b| {
            b.iter(|| {
                let (time, event) = queue.pop().expect("as many as before");
                queue.push(time + waits.next().copied().unwrap_or(1), event)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, queue);
criterion_main!(benches);
