//! The simulated store keeps the contract of a real one, takes its time, and fails as told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use engine::backup::Progress;
use engine::seam::store::is_transient;
use engine::seam::{Clock, Store, Traffic};
use engine::units::Timestamp;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use proptest::prelude::*;

use super::{Host, HostClock, RemoteStore, Request, Service};
use crate::draw::Draws;
use crate::executor::{Executor, HostId};
use crate::network::{LinkId, Roads};
use crate::scenario::Redundancy;
use crate::trial::debt::Charged;
use crate::world::account::{Account, Endpoint};

const SECOND: u64 = 1_000_000;
const START: Timestamp = Timestamp {
    seconds: 1_700_000_000,
    nanos: 0,
};

/// A service at the end of one link.
#[derive(Clone)]
pub(super) struct Simple {
    account: Arc<Mutex<Account<Bytes>>>,
    link: LinkId,
    outage: Option<(u64, u64)>,
    errors_ppm: u64,
    served: Arc<Mutex<Vec<(Request, u64)>>>,
}

impl Service for Simple {
    fn account(&self) -> MutexGuard<'_, Account<Bytes>> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Primary
    }

    fn path(&self, _: bool) -> Option<Vec<LinkId>> {
        Some(vec![self.link])
    }

    fn outage(&self, now: u64) -> Option<(u64, u64)> {
        self.outage.filter(|(_, until)| now < *until)
    }

    fn request_micros(&self) -> u64 {
        5_000
    }

    fn errors_ppm(&self) -> u64 {
        self.errors_ppm
    }

    fn served(&self, request: Request, bytes: u64) {
        self.served.lock().unwrap().push((request, bytes));
    }
}

struct Scene {
    executor: Executor,
    host: Host,
    service: Simple,
    store: Arc<RemoteStore<Simple>>,
}

/// One host, 10 ms and 1 MB/s from a service; each byte stands for 100.
fn scene(seed: u64, outage: Option<(u64, u64)>, errors_ppm: u64) -> Scene {
    let executor = Executor::new();
    let roads = Roads::new(executor.handle(), Some(30 * SECOND));
    let service = Simple {
        account: Arc::new(Mutex::new(Account::new(Redundancy::Lrs, None))),
        link: roads.add_link(1_000_000, 10_000),
        outage,
        errors_ppm,
        served: Arc::default(),
    };
    let draws = Draws::new(seed);
    let entropy = draws.stream("host 1", "entropy", 0);
    let host = Host::new(executor.handle(), HostId(1), START, entropy);
    let store = RemoteStore::new(host.clone(), roads, service.clone(), "000001", 100, draws);
    Scene {
        executor,
        host,
        service,
        store: Arc::new(store),
    }
}

impl Scene {
    /// Runs one task of the host to its end, and gives what it gave.
    fn run<T: Send + 'static>(&mut self, task: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, mut receiver) = tokio::sync::oneshot::channel();
        self.host.handle.spawn(self.host.id, async move {
            assert!(sender.send(task.await).is_ok());
        });
        self.executor.run(None);
        receiver.try_recv().expect("the task came to its end")
    }
}

#[derive(Clone, Debug)]
enum Step {
    Create(u8, Vec<u8>),
    Overwrite(u8, Vec<u8>),
    Get(u8),
    Range(u8, u64, u64),
    Head(u8),
    List(u8),
    Delete(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let (name, body) = (0_u8..6, proptest::collection::vec(any::<u8>(), 0..40));
    prop_oneof![
        (name.clone(), body.clone()).prop_map(|(name, body)| Step::Create(name, body)),
        (name.clone(), body).prop_map(|(name, body)| Step::Overwrite(name, body)),
        name.clone().prop_map(Step::Get),
        (name.clone(), 0_u64..50, 0_u64..50).prop_map(|(name, a, b)| Step::Range(name, a, b)),
        name.clone().prop_map(Step::Head),
        (0_u8..4).prop_map(Step::List),
        name.prop_map(Step::Delete),
    ]
}

fn path(name: u8) -> Path {
    Path::from(format!(
        "{}/{name}",
        ["packs", "points", "packsled"][usize::from(name % 3)]
    ))
}

/// What a store answers, in a form that two stores can be compared by.
async fn answer(store: &dyn ObjectStore, step: Step) -> String {
    let told = |error: object_store::Error| match error {
        object_store::Error::NotFound { .. } => "not found".to_owned(),
        object_store::Error::AlreadyExists { .. } => "exists".to_owned(),
        _ => "other".to_owned(),
    };
    match step {
        Step::Create(name, body) => {
            let options = PutOptions::from(PutMode::Create);
            let put = store.put_opts(&path(name), body.into(), options).await;
            put.map_or_else(told, |_| "put".to_owned())
        }
        Step::Overwrite(name, body) => {
            let put = store.put(&path(name), body.into()).await;
            put.map_or_else(told, |_| "put".to_owned())
        }
        Step::Get(name) => match store.get(&path(name)).await {
            Ok(got) => {
                let size = got.meta.size;
                format!("{size} {:?}", got.bytes().await.unwrap())
            }
            Err(error) => told(error),
        },
        Step::Range(name, a, b) => {
            let options = GetOptions::default().with_range(Some(a..b));
            match store.get_opts(&path(name), options).await {
                Ok(got) => {
                    let range = got.range.clone();
                    format!("{range:?} {:?}", got.bytes().await.unwrap())
                }
                Err(error) => told(error),
            }
        }
        Step::Head(name) => {
            let head = store.head(&path(name)).await;
            head.map_or_else(told, |meta| format!("{} {}", meta.location, meta.size))
        }
        Step::List(which) => {
            let prefix = ["packs", "points", "packsled"].get(usize::from(which));
            let prefix = prefix.map(|prefix| Path::from(*prefix));
            let listed = store.list(prefix.as_ref()).try_collect::<Vec<_>>().await;
            let mut names: Vec<String> = listed
                .unwrap()
                .iter()
                .map(|meta| meta.location.to_string())
                .collect();
            names.sort();
            names.join(" ")
        }
        // Azure tells of what is not there, memory does not.
        Step::Delete(name) => match store.delete(&path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => "deleted".to_owned(),
            Err(error) => told(error),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_a_store_in_memory(steps in proptest::collection::vec(step(), 0..60)) {
        let mut scene = scene(7, None, 0);
        let (store, twin) = (Arc::clone(&scene.store), InMemory::new());
        let differ = scene.run(async move {
            for step in steps {
                let (ours, theirs) = (answer(&*store, step.clone()).await, answer(&twin, step.clone()).await);
                if ours != theirs {
                    return Some((step, ours, theirs));
                }
            }
            None
        });
        prop_assert!(differ.is_none(), "{differ:?}");
    }

    /// However many answers are lost: a put is there wholly, once, and ours.
    #[test]
    fn the_engine_gets_through_a_store_that_fails(seed in 0_u64..1000, ppm in 0_u64..300_000) {
        let mut scene = scene(seed, None, ppm);
        let store: Store = scene.store.clone();
        let world = scene.host.world(store, Traffic::default());
        let done = scene.run(async move {
            for number in 0..20 {
                let (at, body) = (path(number), vec![number; 10]);
                let options = PutOptions::from(PutMode::Create);
                world.store.put_opts(&at, body.clone().into(), options).await?;
                let got = world.store.get(&at).await?.bytes().await?;
                assert_eq!(got, body);
            }
            Ok::<_, object_store::Error>(())
        });
        prop_assert!(done.is_ok(), "{done:?}");
    }
}

#[test]
fn a_request_takes_the_way_there_the_work_and_the_way_back() {
    let mut scene = scene(7, None, 0);
    let store = Arc::clone(&scene.store);
    scene.run(async move { store.put(&path(0), vec![0; 10_000].into()).await.unwrap() });
    // 1 MB at 1 MB/s, 10 ms there, 5 ms of work, 10 ms back.
    let put = SECOND + 10_000 + 5_000 + 10_000;
    assert_eq!(scene.host.handle.now(), put);
    let store = Arc::clone(&scene.store);
    let meta = scene.run(async move { store.get(&path(0)).await.unwrap().meta });
    assert_eq!(
        scene.host.handle.now(),
        put + 10_000 + 5_000 + SECOND + 10_000
    );
    assert_eq!(
        (meta.size, meta.last_modified.timestamp()),
        (10_000, START.seconds + 1)
    );
    let served = scene.service.served.lock().unwrap().clone();
    assert_eq!(
        served,
        [(Request::Put, 1_000_000), (Request::Get, 1_000_000)]
    );
    assert_eq!(scene.service.account().bytes(), 1_000_000);
}

#[test]
fn what_is_no_data_is_as_large_as_it_is() {
    let mut scene = scene(7, None, 0);
    let store = Arc::clone(&scene.store);
    let manifest = path(1);
    scene.run(async move { store.put(&manifest, vec![0; 10_000].into()).await.unwrap() });
    // 10 kB at 1 MB/s.
    assert_eq!(scene.host.handle.now(), 10_000 + 25_000);
    assert_eq!(scene.service.account().bytes(), 10_000);
}

#[test]
fn an_outage_refuses_and_breaks_what_is_under_way() {
    let mut scene = scene(7, Some((SECOND / 2, 60 * SECOND)), 0);
    let store = Arc::clone(&scene.store);
    let handle = scene.host.handle.clone();
    scene.run(async move {
        let at = path(0);
        let put = || store.put(&at, vec![0; 10_000].into());
        assert!(is_transient(&put().await.unwrap_err()));
        assert_eq!(handle.now(), SECOND / 2);
        assert!(is_transient(&put().await.unwrap_err()));
        assert!(is_transient(&store.head(&path(0)).await.unwrap_err()));
        assert_eq!(handle.now(), SECOND / 2);
        handle.sleep_until(60 * SECOND).await;
        put().await.unwrap();
        store.head(&path(0)).await.unwrap();
    });
}

#[test]
fn what_is_owed_is_paid_before_the_next_request() {
    let mut scene = scene(7, None, 0);
    let clock = HostClock(scene.host.clone().skewed(-3));
    let charged = Charged::new(scene.host.debt.clone(), 100, vec![1_000_000, 500_000]);
    charged.advance(10_000, 0);
    // A megabyte at one and at half a megabyte a second.
    assert_eq!(clock.elapsed().as_micros(), u128::from(3 * SECOND));
    assert_eq!(clock.now(), START);
    let (store, handle) = (Arc::clone(&scene.store), scene.host.handle.clone());
    scene.run(async move {
        assert!(store.head(&path(1)).await.is_err());
        assert_eq!(handle.now(), 3 * SECOND + 25_000);
        clock.sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(handle.now(), 4 * SECOND + 25_000);
    });
}
