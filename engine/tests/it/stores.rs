//! What a vault needs of a store, asked of a disk, of memory, and of real servers; and whole journeys
//! through a network that fails.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroU64;
use std::path::Path as FsPath;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::backup::Quiet;
use engine::check;
use engine::format::point::Method;
use engine::seam::store::{Limit, Pace, Retries, Window, open_azure, open_s3};
use engine::seam::{Clock, Store, SystemEntropy, Threads, Traffic, WallClock, World, open_local};
use engine::units::Timestamp;
use engine::vault::Vault;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::tz::TimeZone;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::integration as suite;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::proxy::Proxy;
use crate::servers::{ACCOUNT, ACCOUNT_KEY, KEY, REGION, Server};
use crate::support::{CHEAP, PASSPHRASE, back_up, memory, noise, restore_to};

fn with_network<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

fn azure(address: &str, container: &str, upload: Option<Arc<Pace>>) -> Store {
    let builder = MicrosoftAzureBuilder::new()
        .with_endpoint(format!("http://{address}/{ACCOUNT}"))
        .with_account(ACCOUNT)
        .with_access_key(ACCOUNT_KEY)
        .with_container_name(container)
        .with_allow_http(true);
    open_azure(builder, upload).expect("a store")
}

fn s3(address: &str, bucket: &str, upload: Option<Arc<Pace>>) -> Store {
    let builder = AmazonS3Builder::new()
        .with_endpoint(format!("http://{address}"))
        .with_access_key_id(KEY[0])
        .with_secret_access_key(KEY[1])
        .with_region(REGION)
        .with_bucket_name(bucket)
        .with_allow_http(true);
    open_s3(builder, upload).expect("a store")
}

/// A world that retries as the real one does, but without waiting.
fn world(store: Store) -> World {
    let retries = Retries {
        // Two of five requests meet trouble: 30 in a row do not happen.
        attempts: 30,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(2),
        ..Retries::PATIENT
    };
    let traffic = Traffic {
        retries,
        ..Traffic::default()
    };
    let (clock, entropy) = (Arc::new(WallClock), Arc::new(SystemEntropy));
    World::new(store, clock, entropy, Arc::new(Threads::new(2)), traffic)
}

fn text(text: &str) -> PutPayload {
    PutPayload::from(text.to_owned())
}

async fn read(store: &Store, at: &Path) -> Vec<u8> {
    let got = store.get(at).await.expect("an object");
    got.bytes().await.expect("its bytes").to_vec()
}

async fn names(store: &Store, prefix: &str) -> Vec<String> {
    let entries = store.list(Some(&Path::from(prefix)));
    let entries: Vec<ObjectMeta> = entries.try_collect().await.expect("a list");
    entries
        .iter()
        .map(|entry| entry.location.to_string())
        .collect()
}

/// A name is taken once, by whoever comes first.
async fn puts_if_absent(store: &Store) {
    let at = Path::from("conformance/absent");
    let put = |body: String| store.put_opts(&at, PutPayload::from(body), PutMode::Create.into());
    put("first".to_owned()).await.expect("a put");
    let second = put("second".to_owned()).await;
    assert!(
        matches!(second, Err(Error::AlreadyExists { .. })),
        "{second:?}"
    );
    assert_eq!(read(store, &at).await, b"first");
    for round in 0..10 {
        let at = Path::from(format!("conformance/race-{round}"));
        let writers = (0..8).map(|writer| {
            let (store, at) = (Arc::clone(store), at.clone());
            async move {
                let body = PutPayload::from(format!("writer {writer}"));
                let put = store.put_opts(&at, body, PutMode::Create.into()).await;
                (writer, put)
            }
        });
        let ended = futures::future::join_all(writers).await;
        let won: Vec<usize> = ended
            .iter()
            .filter(|(_, put)| put.is_ok())
            .map(|(writer, _)| *writer)
            .collect();
        assert_eq!(won.len(), 1, "round {round}: {ended:?}");
        assert_eq!(
            read(store, &at).await,
            format!("writer {}", won[0]).as_bytes()
        );
    }
}

/// Ranges are exact, and one beyond the end is an error and never other bytes.
async fn reads_ranges(store: &Store) {
    let at = Path::from("conformance/range");
    let body = noise(1, 300_000);
    store.put(&at, body.clone().into()).await.expect("a put");
    for range in [0..1, 0..300_000, 299_999..300_000, 4096..200_001] {
        let got = store.get_range(&at, range.clone()).await.expect("a range");
        assert!(got == body[range.start as usize..range.end as usize]);
    }
    let beyond = store.get_range(&at, 300_000..300_010).await;
    assert!(beyond.is_err(), "{beyond:?}");
    match store.get_range(&at, 299_990..300_010).await {
        // Some stores give what there is: a reader holds the length against what it asked for.
        Ok(bytes) => assert!(bytes == body[299_990..]),
        Err(error) => assert!(!matches!(error, Error::NotFound { .. }), "{error}"),
    }
}

/// A list holds what was put, at once, all of it, and by the store's own clock.
async fn lists(store: &Store) {
    let puts = stream::iter(0..1100).map(|index| async move {
        let at = Path::from(format!("conformance/many/{index:04}"));
        store.put(&at, text("x")).await
    });
    let puts = puts.buffer_unordered(16).try_collect::<Vec<_>>().await;
    assert_eq!(puts.expect("puts").len(), 1100);
    let all: BTreeSet<String> = names(store, "conformance/many").await.into_iter().collect();
    let expected = (0..1100).map(|index| format!("conformance/many/{index:04}"));
    assert_eq!(all, expected.collect());
    let middle = Path::from("conformance/many/0549");
    let prefix = Path::from("conformance/many");
    let rest = store.list_with_offset(Some(&prefix), &middle);
    assert_eq!(rest.count().await, 550);
    let told = store.head(&middle).await.expect("an object");
    let listed: Vec<ObjectMeta> = store
        .list(Some(&prefix))
        .try_filter(|entry| futures::future::ready(entry.location == middle))
        .try_collect()
        .await
        .expect("a list");
    // S3's list has fractions of a second that its headers lack.
    let seconds = |meta: &ObjectMeta| meta.last_modified.timestamp();
    assert_eq!(seconds(&listed[0]), seconds(&told));
    assert_eq!((listed[0].size, told.size), (1, 1));
}

/// What is deleted is gone, and to delete it again is no harm; a lease is overwritten.
async fn deletes_and_overwrites(store: &Store) {
    let at = Path::from("conformance/lease");
    let first = store.put(&at, text("one")).await.expect("a put");
    let before = store.head(&at).await.expect("it").last_modified;
    let second = store.put(&at, text("other")).await.expect("a put");
    assert_eq!(read(store, &at).await, b"other");
    assert_ne!(first.e_tag, second.e_tag);
    assert!(store.head(&at).await.expect("it").last_modified >= before);
    store.delete(&at).await.expect("a delete");
    let absent = store.get(&at).await;
    assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
    let again = store.delete(&at).await;
    assert!(
        matches!(again, Ok(()) | Err(Error::NotFound { .. })),
        "{again:?}"
    );
    assert!(names(store, "conformance/lease").await.is_empty());
    let many = names(store, "conformance").await;
    let many = stream::iter(many).map(|name| Ok(Path::from(name)));
    let gone: Vec<Path> = store
        .delete_stream(many.boxed())
        .try_collect()
        .await
        .expect("deletes");
    assert!(gone.len() > 1100);
    assert!(names(store, "conformance").await.is_empty());
}

async fn conforms(store: Store) {
    // As a vault sees it: behind the retry layer and the meter.
    let world = world(store);
    let store = &world.store;
    puts_if_absent(store).await;
    reads_ranges(store).await;
    lists(store).await;
    deletes_and_overwrites(store).await;
    let did = world.meter.read();
    assert!(
        did.put > 1100 && did.list > 1 && did.delete > 1100,
        "{did:?}"
    );
}

/// `object_store`'s own suite, over the same layers.
async fn passes_the_suite(store: Store) {
    let world = world(store);
    let store: &dyn ObjectStore = &*world.store;
    suite::put_get_delete_list(store).await;
    suite::put_opts(store, true).await;
    suite::list_uses_directories_correctly(store).await;
    suite::list_with_delimiter(store).await;
    suite::list_with_offset_exclusivity(store).await;
    suite::rename_and_copy(store).await;
    suite::stream_get(store).await;
}

#[test]
fn disk_and_memory_are_stores_for_a_vault() {
    let folder = tempfile::tempdir().expect("a folder");
    with_network(async {
        conforms(open_local(folder.path()).expect("a store")).await;
        conforms(memory()).await;
    });
}

#[test]
fn azurite_is_a_store_for_a_vault() {
    let Some(server) = Server::azurite() else {
        return;
    };
    with_network(async {
        for container in ["ours", "theirs"] {
            server.make_container(container).await;
        }
        conforms(azure(&server.address, "ours", None)).await;
        is_paced(|pace| azure(&server.address, "ours", pace)).await;
        passes_the_suite(azure(&server.address, "theirs", None)).await;
    });
}

#[test]
fn an_s3_server_is_a_store_for_a_vault() {
    let Some(server) = Server::moto() else {
        return;
    };
    with_network(async {
        for bucket in ["ours", "theirs"] {
            server.make_bucket(bucket).await;
        }
        conforms(s3(&server.address, "ours", None)).await;
        is_paced(|pace| s3(&server.address, "ours", pace)).await;
        passes_the_suite(s3(&server.address, "theirs", None)).await;
    });
}

/// A clock that moves only where someone sleeps.
#[derive(Debug, Default)]
struct Virtual(Arc<Mutex<Duration>>);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().expect("a lock")
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        *self.0.lock().expect("a lock") += wait;
        Box::pin(futures::future::ready(()))
    }
}

/// Puts eight objects of 1 MiB one after another, at 1 MiB a second: whole, and in eight seconds.
async fn is_paced(open: impl FnOnce(Option<Arc<Pace>>) -> Store) {
    let window = Window {
        bytes_per_second: NonZeroU64::new(1 << 20).expect("a limit"),
        from: 0,
        until: 0,
    };
    let limit = Limit {
        windows: vec![window],
        zone: TimeZone::UTC,
    };
    let elapsed = Arc::new(Mutex::default());
    let clock = Arc::new(Virtual(Arc::clone(&elapsed)));
    let store = world(open(Some(Pace::new(limit, clock)))).store;
    for index in 0..8 {
        let at = Path::from(format!("paced/{index}"));
        let body = noise(index, 1 << 20);
        let put = store.put_opts(&at, body.clone().into(), PutMode::Create.into());
        put.await.expect("a put");
        assert!(read(&store, &at).await == body);
        let took = *elapsed.lock().expect("a lock");
        assert_eq!(took, Duration::from_secs(index + 1), "{index}");
        let again = store.put_opts(&at, text(""), PutMode::Create.into()).await;
        assert!(
            matches!(again, Err(Error::AlreadyExists { .. })),
            "{again:?}"
        );
    }
}

/// Files enough for several packs, in three states.
fn write_state(source: &FsPath, state: u64) {
    fs::create_dir_all(source.join("small")).expect("a folder");
    for file in 0..40 {
        let bytes = noise(file + state % (file + 1), 20_000);
        fs::write(source.join(format!("small/{file}")), bytes).expect("a file");
    }
    fs::write(source.join("large"), noise(100 + state, 24_000_000)).expect("a file");
}

fn assert_same(left: &FsPath, right: &FsPath) {
    for entry in fs::read_dir(left).expect("a folder") {
        let left = entry.expect("an entry").path();
        let right = right.join(left.file_name().expect("a name"));
        if left.is_dir() {
            assert_same(&left, &right);
        } else {
            let read = |at: &FsPath| fs::read(at).expect("a file");
            assert!(read(&left) == read(&right), "{}", left.display());
        }
    }
}

/// Three backups, a check of every byte and three restores, with trouble all the way.
async fn journey(store: Store, proxy: &Proxy) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    let world = world(store);
    let made = Vault::create(
        world.clone(),
        PASSPHRASE,
        CHEAP,
        engine::format::keyslot::Terms::DEFAULT,
    )
    .await;
    drop(made.expect("a vault"));
    let mut points = Vec::new();
    for state in 0..3 {
        write_state(&source, state);
        let vault = Vault::open(world.clone(), PASSPHRASE).await;
        let vault = vault.expect("it opens");
        points.push(back_up(&vault, &source, Method::Forever, 4096).await.point);
    }
    let vault = Vault::open(world.clone(), PASSPHRASE).await.expect("it");
    let found = check::run(&vault, true, &Quiet).await.expect("a check");
    assert!(found.errors.is_empty(), "{:?}", found.errors);
    assert_eq!((found.points, found.unowned_packs), (3, 0));
    for (state, point) in points.iter().enumerate() {
        write_state(&source, state as u64);
        let target = folder.path().join(format!("back-{state}"));
        let restored = restore_to(&vault, &point.to_string(), &target).await;
        restored.expect("a restore");
        assert_same(&source, &target);
    }
    let (did, asked) = (proxy.did(), world.meter.read());
    assert_eq!(did.len(), 5, "every trouble was met: {did:?} in {asked:?}");
}

#[test]
fn a_vault_comes_out_whole_of_a_network_that_fails() {
    let (azurite, moto) = (Server::azurite(), Server::moto());
    with_network(async {
        if let Some(server) = azurite {
            server.make_container("vaults").await;
            let proxy = Proxy::before(&server.address, 1).await;
            journey(azure(&proxy.address, "vaults", None), &proxy).await;
        }
        if let Some(server) = moto {
            server.make_bucket("vaults").await;
            let proxy = Proxy::before(&server.address, 2).await;
            journey(s3(&proxy.address, "vaults", None), &proxy).await;
        }
    });
}
