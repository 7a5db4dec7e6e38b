//! The executor's promises: time, order, crashes, and that nothing outlives a crash.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use proptest::prelude::*;

use super::{Executor, Handle, HostId};
use crate::draw::Draws;

const A: HostId = HostId(1);
const B: HostId = HostId(2);

/// What was written down, and when.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<(u64, u64)>>>);

impl Notes {
    fn add(&self, handle: &Handle, what: u64) {
        let at = handle.now();
        self.0.lock().unwrap().push((at, what));
    }

    fn read(&self) -> Vec<(u64, u64)> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn sleeps_end_to_the_microsecond_and_in_the_order_of_asking() {
    let mut executor = Executor::new();
    let (handle, notes) = (executor.handle(), Notes::default());
    for (number, wait) in [(0, 7), (1, 5), (2, 7), (3, 0), (4, 5)] {
        let (handle, notes) = (handle.clone(), notes.clone());
        executor.handle().spawn(A, async move {
            handle.sleep(wait).await;
            notes.add(&handle, number);
        });
    }
    executor.run(None);
    assert_eq!(notes.read(), [(0, 3), (5, 1), (5, 4), (7, 0), (7, 2)]);
    assert_eq!((handle.now(), handle.tasks()), (7, 0));
}

#[test]
fn a_run_ends_at_its_end_and_goes_on_from_there() {
    let mut executor = Executor::new();
    let (handle, notes) = (executor.handle(), Notes::default());
    let (inner, inner_notes) = (handle.clone(), notes.clone());
    handle.spawn(A, async move {
        for number in 0..3 {
            inner.sleep(10).await;
            inner_notes.add(&inner, number);
        }
    });
    executor.run(Some(25));
    assert_eq!((handle.now(), notes.read().len()), (25, 2));
    executor.run(Some(30));
    assert_eq!(notes.read(), [(10, 0), (20, 1), (30, 2)]);
    assert_eq!(executor.run(Some(100)), 0);
    assert_eq!(handle.now(), 100);
}

#[test]
fn a_crash_drops_the_tasks_of_its_host_and_no_others() {
    let mut executor = Executor::new();
    let (handle, notes) = (executor.handle(), Notes::default());
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    for (host, number) in [(A, 1), (B, 2)] {
        let (inner, notes) = (handle.clone(), notes.clone());
        handle.spawn(host, async move {
            loop {
                inner.sleep(10).await;
                notes.add(&inner, number);
            }
        });
    }
    let inner = handle.clone();
    handle.spawn(A, async move {
        inner.sleep(1_000_000).await;
        drop(sender);
    });
    let (inner, inner_notes) = (handle.clone(), notes.clone());
    handle.spawn(B, async move {
        // Told by the drop of the sender, at the instant of the crash.
        assert!(receiver.await.is_err());
        inner_notes.add(&inner, 99);
    });
    let inner = handle.clone();
    handle.spawn(B, async move {
        inner.sleep(15).await;
        inner.crash(A);
    });
    executor.run(Some(30));
    assert_eq!(notes.read(), [(10, 1), (10, 2), (15, 99), (20, 2), (30, 2)]);
    assert_eq!(handle.tasks(), 1);
}

#[test]
fn a_host_crashes_itself_and_starts_again() {
    let mut executor = Executor::new();
    let (handle, notes) = (executor.handle(), Notes::default());
    let (inner, inner_notes) = (handle.clone(), notes.clone());
    handle.spawn(A, async move {
        inner.sleep(5).await;
        inner.crash(A);
        let (again, again_notes) = (inner.clone(), inner_notes.clone());
        inner.spawn(A, async move {
            again.sleep(1).await;
            again_notes.add(&again, 2);
        });
        inner_notes.add(&inner, 1);
        inner.sleep(1).await;
        inner_notes.add(&inner, 99);
    });
    executor.run(None);
    assert_eq!(notes.read(), [(5, 1), (6, 2)]);
}

#[test]
fn what_is_dropped_leaves_no_sleep_behind() {
    let mut executor = Executor::new();
    let handle = executor.handle();
    let inner = handle.clone();
    handle.spawn(A, async move {
        let long = inner.sleep(1_000_000);
        let short = inner.sleep(10);
        futures::pin_mut!(long, short);
        futures::future::select(long, short).await;
    });
    executor.run(None);
    assert_eq!(handle.now(), 10);
}

#[test]
fn tasks_that_hold_handles_are_dropped_with_the_executor() {
    let held = Arc::new(());
    let executor = Executor::new();
    let (handle, inner) = (executor.handle(), Arc::clone(&held));
    let waiting = handle.clone();
    handle.spawn(A, async move {
        waiting.sleep(10).await;
        drop(inner);
    });
    drop(executor);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn channels_and_sets_of_futures_work_inside() {
    let mut executor = Executor::new();
    let (handle, sum) = (executor.handle(), Arc::new(AtomicU64::new(0)));
    let (sender, mut receiver) = futures::channel::mpsc::channel::<u64>(1);
    let inner = handle.clone();
    handle.spawn(A, async move {
        let waits: FuturesUnordered<_> = (1..=50_u64)
            .map(|wait| {
                let (inner, mut sender) = (inner.clone(), sender.clone());
                async move {
                    inner.sleep(100 - wait).await;
                    sender.try_send(wait).is_ok()
                }
            })
            .collect();
        assert!(waits.all(async |sent| sent).await);
    });
    let total = Arc::clone(&sum);
    handle.spawn(B, async move {
        while let Some(number) = receiver.next().await {
            total.fetch_add(number, Ordering::Relaxed);
        }
    });
    executor.run(None);
    assert_eq!((sum.load(Ordering::Relaxed), handle.now()), (1275, 99));
    assert_eq!(handle.tasks(), 0);
}

/// Many hosts that sleep, spawn, tell each other and crash, all by draws.
fn turmoil(seed: u64) -> (String, u64) {
    fn live(handle: Handle, host: HostId, number: u64, draws: Draws) -> BoxFuture<'static, ()> {
        let mut stream = draws.stream(&format!("host {}", host.0), "life", number);
        Box::pin(async move {
            for _ in 0..20 {
                handle.sleep(stream.below(1000)).await;
                handle.trace(host, "slept", number);
                match stream.below(30) {
                    0 => handle.crash(HostId(stream.below(8) as u32)),
                    1..4 => {
                        let child = live(handle.clone(), host, stream.bits(), draws);
                        handle.spawn(host, child);
                    }
                    _ => {}
                }
            }
        })
    }
    let mut executor = Executor::new();
    let handle = executor.handle();
    for host in 0..8 {
        let life = live(handle.clone(), HostId(host), 0, Draws::new(seed));
        handle.spawn(HostId(host), life);
    }
    let events = executor.run(Some(100_000));
    (handle.digest(), events)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_gives_the_same_trace(seed: u64) {
        prop_assert_eq!(turmoil(seed), turmoil(seed));
        prop_assert_ne!(turmoil(seed).0, turmoil(seed.wrapping_add(1)).0);
    }
}

#[test]
fn the_digest_tells_what_when_and_to_whom() {
    let digest = |lines: &[(u32, &'static str, u64)]| {
        let executor = Executor::new();
        for (host, what, number) in lines {
            executor.handle().trace(HostId(*host), what, *number);
        }
        executor.handle().digest()
    };
    let all = [
        digest(&[]),
        digest(&[(1, "put", 1)]),
        digest(&[(2, "put", 1)]),
        digest(&[(1, "get", 1)]),
        digest(&[(1, "put", 2)]),
        digest(&[(1, "put", 1), (1, "put", 1)]),
    ];
    let apart: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(apart.len(), all.len());
    let executor = Executor::new();
    executor.handle().keep_trace();
    executor.handle().trace(A, "put", 3);
    assert_eq!(executor.handle().kept_trace().len(), 1);
}

#[test]
fn a_tokio_runtime_around_it_holds_nothing_back() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut executor = Executor::new();
        let handle = executor.handle();
        handle.clone().spawn(HostId(0), async move {
            // More than tokio lets one task do in a turn.
            for number in 0..1000 {
                let (sender, receiver) = tokio::sync::oneshot::channel();
                handle.spawn(HostId(0), async move { sender.send(number).unwrap() });
                assert_eq!(receiver.await.unwrap(), number);
            }
        });
        assert!(executor.run(Some(1)) >= 1000 || executor.handle().tasks() == 0);
        assert_eq!(executor.handle().tasks(), 0);
    });
}

#[test]
fn before_a_sleep_ends_all_that_were_woken_have_gone_on() {
    struct Bell(Handle, Notes);
    impl std::task::Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.1.add(&self.0, 100);
        }
    }
    let mut executor = Executor::new();
    let (handle, notes) = (executor.handle(), Notes::default());
    for number in 0..2 {
        let (handle, notes) = (handle.clone(), notes.clone());
        executor.handle().spawn(A, async move {
            for lap in 0..2 {
                notes.add(&handle, 10 * number + lap);
                // Once a lap, by whoever is first.
                if number == 0 {
                    let bell = Arc::new(Bell(handle.clone(), notes.clone()));
                    handle.before_a_sleep_ends(bell.into());
                }
                handle.sleep(5).await;
            }
        });
    }
    executor.run(None);
    let told = [(0, 0), (0, 10), (0, 100), (5, 1), (5, 100), (5, 11)];
    assert_eq!(notes.read(), told);
}
