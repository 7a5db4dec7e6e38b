//! What a trial stands on: the queue of events, the executor of tasks that sleep; and whole modelled trials.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use simulator::draw::Draws;
use simulator::executor::{Executor, HostId};
use simulator::modelled::ModelHands;
use simulator::queue::Queue;
use simulator::scenario::{SHIPPED, Scenario};
use simulator::sweep::Prepared;
use simulator::trial;

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

/// Sleeps that end, among so many tasks that sleep.
fn executor(c: &mut Criterion) {
    const SLEEPS: u64 = 100_000;
    let mut group = c.benchmark_group("executor");
    for tasks in [20_u64, 10_000] {
        group.throughput(Throughput::Elements(SLEEPS));
        group.bench_function(format!("sleeps, {tasks} tasks"), |b| {
            b.iter(|| {
                let mut executor = Executor::new();
                let handle = executor.handle();
                for task in 0..tasks {
                    let inner = handle.clone();
                    let wait = 1000 + task * 7 % 1000;
                    handle.spawn(HostId(0), async move {
                        for _ in 0..SLEEPS / tasks {
                            inner.sleep(wait).await;
                        }
                    });
                }
                executor.run(None)
            });
        });
    }
    group.finish();
}

/// Whole modelled trials: the first strategy of shipped scenarios. An event is a poll of a task, or the end of a flow.
fn modelled(c: &mut Criterion) {
    let mut group = c.benchmark_group("modelled trial");
    group.sample_size(20);
    for (name, text) in SHIPPED.iter().copied() {
        let scenario = Scenario::parse(name, text).expect("it ships");
        if !["redundancy-in-a-regional-outage", "restore-storm"].contains(&name) {
            continue;
        }
        let prepared = Prepared::new(scenario).expect("it is measured");
        let (setup, kit) = (prepared.setup(0, 0, None), prepared.kit(0));
        let events = trial::run::<ModelHands>(&setup, &kit).events;
        group.throughput(Throughput::Elements(events));
        group.bench_function(name, |b| {
            b.iter(|| trial::run::<ModelHands>(&setup, &kit));
        });
    }
    group.finish();
}

criterion_group!(benches, queue, executor, modelled);
criterion_main!(benches);
