mod faulty;

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use jiff::tz::{Offset, TimeZone};
use object_store::integration as suite;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use proptest::prelude::*;

use self::faulty::{Fault, Faulty};
use super::{Limit, Limited, Meter, Metered, Pace, Retries, Retrying, Store, Window, is_transient};
use crate::seam::{Clock, Entropy, Threads, Traffic, World, open_local};
use crate::units::Timestamp;
use crate::{Error as EngineError, ErrorKind};

/// A clock that moves only where someone sleeps.
#[derive(Clone, Debug, Default)]
struct Virtual(Arc<Mutex<Duration>>);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        let elapsed = self.elapsed();
        Timestamp {
            seconds: elapsed.as_secs().cast_signed(),
            nanos: elapsed.subsec_nanos(),
        }
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().expect("a lock")
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        let end = self.elapsed() + wait;
        let now = Arc::clone(&self.0);
        Box::pin(async move {
            let mut now = now.lock().expect("a lock");
            *now = end.max(*now);
        })
    }
}

/// Draws that are all the same.
struct Always(u8);

impl Entropy for Always {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

fn retrying(store: Store, clock: &Virtual, draw: u8) -> Retrying {
    let clock = Arc::new(clock.clone());
    Retrying::new(store, Retries::PATIENT, clock, Arc::new(Always(draw)))
}

/// A retrying store over one in memory with `faults`, the two of them and the clock.
fn over(faults: &[Fault]) -> (Retrying, Arc<Faulty>, Virtual) {
    let faulty = Arc::new(Faulty::new(faults));
    let clock = Virtual::default();
    let store = retrying(Arc::clone(&faulty) as Store, &clock, 255);
    (store, faulty, clock)
}

fn at(name: &str) -> Path {
    Path::from(name)
}

fn payload(text: &str) -> PutPayload {
    PutPayload::from(text.to_owned())
}

fn limit(bytes_per_second: u64) -> Limit {
    Limit {
        windows: vec![window(bytes_per_second, 0, 0)],
        zone: TimeZone::UTC,
    }
}

fn window(bytes_per_second: u64, from: u32, until: u32) -> Window {
    Window {
        bytes_per_second: NonZeroU64::new(bytes_per_second).expect("a limit"),
        from,
        until,
    }
}

/// Everything that `object_store`'s own suite asks of a store; a disk has no conditional updates.
async fn conforms(store: &dyn ObjectStore, on_disk: bool) {
    suite::put_get_delete_list(store).await;
    suite::get_opts(store).await;
    suite::put_opts(store, !on_disk).await;
    suite::list_uses_directories_correctly(store).await;
    suite::list_with_delimiter(store).await;
    suite::list_with_offset_exclusivity(store).await;
    suite::rename_and_copy(store).await;
    suite::copy_if_not_exists(store).await;
    suite::copy_rename_nonexistent_object(store).await;
    suite::stream_get(store).await;
    let absent = suite::get_nonexistent_object(store, None).await;
    assert!(absent.is_err());
}

#[test]
fn every_wrapper_is_a_store_like_what_it_wraps() {
    let folder = tempfile::tempdir().expect("a folder");
    let places = ["a", "b", "c", "d"].map(|name| folder.path().join(name));
    let mut stores: Vec<Store> = Vec::new();
    for place in &places {
        std::fs::create_dir(place).expect("a folder");
        stores.push(open_local(place).expect("a store"));
        stores.push(Arc::new(InMemory::new()));
    }
    let clock = Virtual::default();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let pace = || Some(Pace::new(limit(1 << 20), Arc::clone(&shared)));
    let runtime = tokio::runtime::Builder::new_multi_thread().build();
    runtime.expect("a runtime").block_on(async {
        for (index, store) in stores.into_iter().enumerate() {
            let wrapped: Store = match index / 2 {
                0 => Arc::new(retrying(store, &clock, 0)),
                1 => Arc::new(Limited::new(store, pace(), pace())),
                2 => Arc::new(Metered::new(store, Meter::default())),
                _ => {
                    let traffic = Traffic {
                        upload: pace(),
                        download: pace(),
                        ..Traffic::default()
                    };
                    let (entropy, workers) = (Arc::new(Always(0)), Arc::new(Threads::new(1)));
                    World::new(store, Arc::clone(&shared), entropy, workers, traffic).store
                }
            };
            conforms(&*wrapped, index % 2 == 0).await;
        }
    });
}

#[test]
fn what_may_pass_is_asked_again_with_growing_waits() {
    block_on(async {
        let (store, faulty, clock) = over(&[Fault::Refused(None); 3]);
        store.put(&at("a"), payload("x")).await.expect("a put");
        assert_eq!(faulty.calls(), 4);
        // The greatest jitter: 0.1 s, 0.2 s, 0.4 s.
        assert_eq!(clock.elapsed(), Duration::from_millis(700));
        let (store, _, clock) = over(&[Fault::Refused(Some(7))]);
        store.put(&at("a"), payload("x")).await.expect("a put");
        assert_eq!(clock.elapsed(), Duration::from_secs(7), "as it was asked");
    });
}

#[test]
fn a_store_that_never_serves_is_given_up() {
    block_on(async {
        let (store, faulty, clock) = over(&[Fault::Refused(None); 50]);
        let error = store.head(&at("a")).await.expect_err("no answer");
        assert!(is_transient(&error), "{error}");
        assert_eq!(faulty.calls(), u64::from(Retries::PATIENT.attempts));
        assert!(clock.elapsed() < Retries::PATIENT.waits);
        let told = EngineError::from_store("a", error);
        assert_eq!(told.kind(), ErrorKind::Unavailable);
        assert!(told.to_string().contains("check its address"), "{told}");
        // A store that asks for an hour is not waited for.
        let (store, faulty, clock) = over(&[Fault::Refused(Some(3600))]);
        store.head(&at("a")).await.expect_err("no answer");
        assert_eq!((faulty.calls(), clock.elapsed()), (1, Duration::ZERO));
    });
}

#[test]
fn an_answer_is_not_asked_for_again() {
    block_on(async {
        for fault in [Fault::Denied, Fault::Broken] {
            let (store, faulty, _) = over(&[fault]);
            store.put(&at("a"), payload("x")).await.expect_err("it");
            assert_eq!(faulty.calls(), 1, "{fault:?}");
        }
        let (store, faulty, _) = over(&[]);
        let absent = store.get(&at("a")).await;
        assert!(matches!(absent, Err(Error::NotFound { .. })));
        store.put(&at("a"), payload("x")).await.expect("a put");
        let name = at("a");
        let put = store.put_opts(&name, payload("x"), PutMode::Create.into());
        assert!(
            matches!(put.await, Err(Error::AlreadyExists { .. })),
            "the same bytes, but of someone else: no earlier attempt was lost"
        );
        assert_eq!(faulty.calls(), 3);
    });
}

#[test]
fn a_put_whose_answer_was_lost_is_done_if_the_bytes_are_ours() {
    block_on(async {
        let create = || PutMode::Create.into();
        let (store, _, _) = over(&[Fault::Lost]);
        let ours: PutPayload = [Bytes::from("two "), Bytes::from("parts")]
            .into_iter()
            .collect();
        let put = store.put_opts(&at("a"), ours, create()).await;
        let put = put.expect("a put");
        assert_eq!(put.e_tag, store.head(&at("a")).await.expect("it").e_tag);

        // Another writer came between the refusal and the second attempt.
        for theirs in ["other", "our", "ours and more"] {
            let (store, faulty, _) = over(&[Fault::Overtaken(theirs)]);
            let put = store.put_opts(&at("a"), payload("ours"), create()).await;
            assert!(matches!(put, Err(Error::AlreadyExists { .. })), "{theirs}");
            assert_eq!(faulty.text(&at("a")).await, theirs);
        }
        let (store, faulty, _) = over(&[Fault::Lost]);
        store.put(&at("a"), payload("lease")).await.expect("a put");
        assert_eq!(faulty.calls(), 2, "overwriting asks nothing back");
    });
}

#[test]
fn a_delete_whose_answer_was_lost_is_done() {
    block_on(async {
        let (store, faulty, _) = over(&[]);
        for name in ["a", "b", "c"] {
            store.put(&at(name), payload("x")).await.expect("a put");
        }
        faulty.add(&[Fault::Lost]);
        store.delete(&at("a")).await.expect("a delete");
        let absent = store.delete(&at("a")).await;
        assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
        faulty.add(&[Fault::Refused(None), Fault::Lost]);
        let many = futures::stream::iter([Ok(at("b")), Ok(at("c"))]);
        let many = store.delete_stream(Box::pin(many)).try_collect();
        let many: Vec<Path> = many.await.expect("deletes");
        assert_eq!(many, [at("b"), at("c")]);
    });
}

#[test]
fn a_body_goes_on_where_it_broke_off() {
    let text: String = ('a'..='z').collect();
    proptest!(|(cuts in prop::collection::vec(0_usize..9, 0..9), from in 0_u64..20, long in 1_u64..7)| {
        block_on(async {
            let (store, faulty, _) = over(&[]);
            store.put(&at("a"), payload(&text)).await.expect("a put");
            let faults: Vec<Fault> = cuts.iter().map(|bytes| Fault::Cut(*bytes)).collect();
            faulty.add(&faults);
            let whole = store.get(&at("a")).await;
            // Ten attempts without a byte in a row are the end of patience.
            let whole = whole.expect("an answer").bytes().await.expect("its bytes");
            assert_eq!(whole, text.as_bytes());
            faulty.clear();
            faulty.add(&faults);
            let part = store.get_range(&at("a"), from..from + long).await.expect("a range");
            assert_eq!(part, &text.as_bytes()[from as usize..(from + long) as usize]);
        });
    });
}

#[test]
fn a_body_does_not_go_on_in_another_object() {
    block_on(async {
        let (store, faulty, _) = over(&[]);
        store.put(&at("a"), payload("first")).await.expect("a put");
        faulty.add(&[Fault::Cut(2)]);
        let got = store.get(&at("a")).await.expect("an answer");
        faulty.write(&at("a"), "other").await;
        let read = got.bytes().await;
        assert!(matches!(read, Err(Error::Precondition { .. })), "{read:?}");
    });
}

#[test]
fn a_list_goes_on_behind_its_last_entry() {
    proptest!(|(cuts in prop::collection::vec(0_usize..30, 0..9), begins_anew: bool, after in 0_usize..41)| {
        block_on(async {
            let (store, faulty, _) = over(&[]);
            let names: Vec<Path> = (0..40).map(|index| at(&format!("many/{index:02}"))).collect();
            for name in &names {
                store.put(name, payload("x")).await.expect("a put");
            }
            faulty.offset_is_ignored(begins_anew);
            let cuts: Vec<Fault> = cuts.iter().map(|entries| Fault::Cut(*entries)).collect();
            let listed = |entries: Vec<object_store::ObjectMeta>| -> Vec<Path> {
                entries.into_iter().map(|entry| entry.location).collect()
            };
            faulty.add(&cuts);
            let all = store.list(Some(&at("many"))).try_collect().await.expect("a list");
            assert_eq!(listed(all), names);
            if after > 0 {
                faulty.clear();
                faulty.add(&cuts);
                let rest = store.list_with_offset(None, &names[after - 1]);
                assert_eq!(listed(rest.try_collect().await.expect("a list")), &names[after..]);
            }
        });
    });
}

#[test]
fn bodies_take_as_long_as_the_limit_says() {
    block_on(async {
        let clock = Virtual::default();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let pace = |limit| Some(Pace::new(limit, Arc::clone(&shared)));
        let inner: Store = Arc::new(InMemory::new());
        let (up, down) = (pace(limit(1 << 20)), pace(limit(4 << 20)));
        let store = Limited::new(Arc::clone(&inner), up, down);
        let body = PutPayload::from(vec![7; 8 << 20]);
        store.put(&at("a"), body.clone()).await.expect("a put");
        assert_eq!(clock.elapsed(), Duration::from_secs(8));
        // In pieces, each after its time.
        let mut pieces = store.get(&at("a")).await.expect("it").into_stream();
        let mut bytes = 0;
        while let Some(piece) = pieces.try_next().await.expect("a piece") {
            bytes += piece.len() as u64;
            assert!(piece.len() <= 64 << 10);
            let ends = 8000 + bytes * 1000 / (4 << 20);
            assert_eq!(clock.elapsed().as_millis(), u128::from(ends));
        }
        assert_eq!((bytes, clock.elapsed()), (8 << 20, Duration::from_secs(10)));
        // Two that share a limit take twice as long together.
        let (b, c) = (at("b"), at("c"));
        let puts = futures::join!(store.put(&b, body.clone()), store.put(&c, body.clone()));
        assert!(puts.0.is_ok() && puts.1.is_ok());
        assert_eq!(clock.elapsed(), Duration::from_secs(26));
        // What was not used while nobody asked is gone.
        clock.sleep(Duration::from_secs(100)).await;
        store.put(&at("d"), body.clone()).await.expect("a put");
        assert_eq!(clock.elapsed(), Duration::from_secs(134));
    });
}

#[test]
fn a_limit_holds_at_its_time_of_the_day() {
    let hour = 3600;
    let plan = Limit {
        windows: vec![
            window(10, 8 * hour, 18 * hour),
            window(20, 22 * hour, 6 * hour),
        ],
        zone: TimeZone::fixed(Offset::from_hours(2).expect("an offset")),
    };
    let at = |seconds: i64| {
        let now = Timestamp { seconds, nanos: 0 };
        plan.bytes_per_second(now).map(NonZeroU64::get)
    };
    let hour = i64::from(hour);
    for day in [-400, -1, 0, 20_000].map(|day| day * 24 * hour) {
        // UTC is two hours behind.
        assert_eq!(at(day + 6 * hour - 1), None);
        assert_eq!(at(day + 6 * hour), Some(10));
        assert_eq!(at(day + 16 * hour - 1), Some(10));
        assert_eq!(at(day + 16 * hour), None);
        assert_eq!(at(day + 20 * hour), Some(20));
        assert_eq!(at(day + 22 * hour), Some(20), "midnight there");
        assert_eq!(at(day + 4 * hour), None);
    }
    block_on(async {
        // A body that is under way when a window ends goes on without a limit.
        let clock = Virtual::default();
        let pace = Pace::new(plan.clone(), Arc::new(clock.clone()));
        clock.sleep(Duration::from_secs(16 * 3600 - 5)).await;
        pace.pass(1_000_000).await;
        assert_eq!(clock.elapsed(), Duration::from_hours(16));
    });
}

#[test]
fn requests_and_bytes_are_counted_failed_attempts_too() {
    block_on(async {
        let faulty = Arc::new(Faulty::new(&[Fault::Refused(None)]));
        let clock: Arc<dyn Clock> = Arc::new(Virtual::default());
        let (entropy, workers) = (Arc::new(Always(9)), Arc::new(Threads::new(1)));
        let world = World::new(faulty, clock, entropy, workers, Traffic::default());
        let store = &world.store;
        store.put(&at("a"), payload("12345")).await.expect("a put");
        let got = store.get(&at("a")).await.expect("it");
        got.bytes().await.expect("its bytes");
        store.get_range(&at("a"), 1..3).await.expect("a range");
        store.head(&at("a")).await.expect("it");
        let listed: Vec<_> = store.list(None).try_collect().await.expect("a list");
        assert_eq!(listed.len(), 1);
        store.delete(&at("a")).await.expect("a delete");
        let did = world.meter.read();
        assert_eq!(
            (did.put, did.get, did.list, did.head, did.delete),
            (2, 2, 1, 1, 1)
        );
        assert_eq!((did.sent_bytes, did.received_bytes), (10, 7));
        assert_eq!((did.all(), did.moved_bytes()), (7, 17));
        for index in 0..1001 {
            store
                .put(&at(&format!("{index}")), payload(""))
                .await
                .expect("a put");
        }
        let listed: Vec<_> = store.list(None).try_collect().await.expect("a list");
        assert_eq!(listed.len(), 1001);
        assert_eq!(world.meter.read().list, did.list + 2, "two pages");
    });
}

#[test]
fn a_vault_needs_a_store_that_overwrites_nothing() {
    use crate::format::keyslot::KdfCost;
    use crate::vault::Vault;
    let cost = KdfCost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().build();
    runtime.expect("a runtime").block_on(async {
        let faulty = Arc::new(Faulty::default());
        faulty.overwrites();
        let world = World::real(Arc::clone(&faulty) as Store);
        let refused = Vault::create(
            world,
            b"secret",
            cost,
            crate::format::keyslot::Terms::DEFAULT,
        )
        .await;
        let refused = refused.expect_err("a refusal");
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert!(refused.to_string().contains("If-None-Match"), "{refused}");
        let left: Vec<_> = faulty.list(None).try_collect().await.expect("a list");
        assert!(left.is_empty(), "{left:?}");
    });
}
