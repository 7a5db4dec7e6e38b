//! Whatever breaks when: every recovery point is the disks as they were at one instant, and once nothing breaks
//! any more the newest one is the disks as they are.

use std::sync::Arc;
use std::time::Duration;

use engine::replication::extents::Payload;
use engine::replication::replica::{Replica, Retention};
use engine::replication::source::{Settings, Source};
use engine::seam::{Clock, Store};
use futures::{FutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;

use crate::support::noise;

use super::changed::Remembered;
use super::world::{Exchange, Here, Memory, Paused, There, on_paused_time};

const SIZES: [u64; 2] = [1 << 20, 700 * 1024];

/// The hashes of all states that the disks had, in order.
#[derive(Default)]
struct Past(Vec<blake3::Hash>);

impl Past {
    fn note(&mut self, disks: &[Vec<u8>]) {
        self.0.push(hash(disks));
    }
}

fn hash(disks: &[Vec<u8>]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for disk in disks {
        hasher.update(disk);
    }
    hasher.finalize()
}

/// Every point is a state of the past, and later points are later states.
async fn hold(replica: &Arc<Replica>, past: &Past, what: &str) {
    let mut after = 0;
    for point in replica.points().await {
        let pinned = replica.view(point).await.expect("a view");
        let mut disks = Vec::new();
        for (number, size) in SIZES.iter().enumerate() {
            let read = pinned.view.read((number as u16, 0), *size as usize).await;
            disks.push(read.expect("it reads").to_vec());
        }
        let found = past.0[after..]
            .iter()
            .position(|state| *state == hash(&disks));
        let found = found
            .unwrap_or_else(|| panic!("{what}: batch {} is no state of the past", point.batch));
        after += found;
    }
}

fn content(disks: &[Arc<Memory>]) -> Vec<Vec<u8>> {
    disks.iter().map(|disk| disk.content()).collect()
}

type Rng = rand_chacha::ChaCha8Rng;

async fn write(
    source: &Source,
    rng: &mut Rng,
    number: u64,
    past: &mut Past,
    disks: &mut [Vec<u8>],
) {
    let disk = rng.random_range(0..2_usize);
    let size = SIZES[disk];
    let length = [512, 4096, 4096, 65_536, 200_000][rng.random_range(0..5_usize)];
    let offset = rng.random_range(0..size - length) / 512 * 512;
    let payload = if rng.random_ratio(1, 6) {
        Payload::Zeros(length)
    } else {
        // It does not compress: what waits for a link that is cut is more than memory takes.
        Payload::Data(noise(number, length as usize).into())
    };
    let into = &mut disks[disk][offset as usize..];
    match &payload {
        Payload::Zeros(length) => into[..*length as usize].fill(0),
        Payload::Data(data) => into[..data.len()].copy_from_slice(data),
    }
    // It may be over there before it is acknowledged here.
    past.note(disks);
    source
        .write((disk as u16, offset), payload, true)
        .await
        .expect("it is written");
}

fn settings(rng: &mut Rng) -> Settings {
    Settings {
        journal_bytes: 1 << 20,
        memory_bytes: 512 << 10,
        interval: Duration::from_millis([20, 200, 1000][rng.random_range(0..3_usize)]),
        ..Settings::default()
    }
}

fn retention(rng: &mut Rng) -> Retention {
    Retention {
        every_batch: Duration::from_secs(rng.random_range(0..5)),
        interval: Duration::from_secs(rng.random_range(1..4)),
        keep: Duration::from_secs(rng.random_range(5..60)),
        as_site_recovery: None,
        bytes_max: 8 << 20,
    }
}

/// Writes, and cuts of the link.
async fn act(
    source: &Source,
    rng: &mut Rng,
    link: &Exchange,
    clock: &Paused,
    past: &mut Past,
    disks: &mut [Vec<u8>],
) {
    let mut number = past.0.len() as u64;
    for _ in 0..rng.random_range(0..40) {
        number += 1;
        write(source, rng, number, past, disks).await;
        if rng.random_ratio(1, 3) {
            clock
                .sleep(Duration::from_millis(rng.random_range(0..400)))
                .await;
        }
        if rng.random_ratio(1, 12) {
            link.switch.set(true);
        } else if rng.random_ratio(1, 4) {
            link.switch.set(false);
        }
    }
    // Half of the crashes come within a write.
    if rng.random_ratio(1, 2) {
        let mut late = Box::pin(write(source, rng, number + 1, past, disks));
        for _ in 0..4 {
            if late.as_mut().now_or_never().is_some() {
                break;
            }
        }
    }
}

/// What a seed does: gives how often it was told what changed, and parts of the journal that were spoilt.
async fn play(seed: u64) -> (u64, u64) {
    let mut rng = Rng::seed_from_u64(seed);
    let clock = Paused::new();
    let here = Here::new(&clock, &SIZES, settings(&mut rng));
    let there = There::new(&clock, retention(&mut rng)).await;
    let (exchange, mut called) = Exchange::new();
    let mut past = Past::default();
    past.note(&content(&here.disks));
    let (mut source, mut replica) = (here.open(true, 0).await, there.open().await);
    let mut remembered = Remembered::default();
    let mut spoilt = 0;
    for turn in 0..12 {
        let mut disks = content(&here.disks);
        let acts = act(&source, &mut rng, &exchange, &clock, &mut past, &mut disks);
        run(&source, &replica, &exchange, &there, &mut called, acts).await;
        if rng.random_ratio(1, 2) {
            spoilt += spoil(&here).await;
        }
        past.note(&content(&here.disks));
        let what = format!("seed {seed}, turn {turn}");
        hold(&replica, &past, &what).await;
        remembered.hold(&replica, &SIZES, &what).await;
        if turn % 3 == 1 {
            // The connection dies with the process.
            exchange.switch.set(true);
            exchange.switch.set(false);
            source = here.open(false, 0).await;
        }
        if turn % 4 == 2 {
            replica.tidy().await.expect("it tidies");
            hold(
                &replica,
                &past,
                &format!("seed {seed}, turn {turn}, tidied"),
            )
            .await;
            exchange.switch.set(true);
            exchange.switch.set(false);
            let damaged = damage(&mut rng, &there).await;
            replica = there.open().await;
            let told = replica.standing().await.damaged;
            assert_eq!(told.is_some(), damaged, "seed {seed}: {told:?}");
            hold(
                &replica,
                &past,
                &format!("seed {seed}, turn {turn}, opened again"),
            )
            .await;
        }
    }
    exchange.switch.set(false);
    let heals = comes_to_rest(&source, &clock, seed);
    run(&source, &replica, &exchange, &there, &mut called, heals).await;
    converged(seed, &here, &replica).await;
    (remembered.told, spoilt)
}

async fn comes_to_rest(source: &Source, clock: &Paused, seed: u64) {
    for _ in 0..10_000 {
        if source.progress().exposed_since.is_none() && source.progress().captured.is_some() {
            return;
        }
        clock.sleep(Duration::from_secs(1)).await;
    }
    panic!(
        "seed {seed}: it does not come to rest: {:?}",
        source.progress()
    );
}

/// Spoils the parts of the journal that memory did not hold, and gives how many.
async fn spoil(here: &Here) -> u64 {
    let store = &here.world.store;
    let folder = Path::from("journal");
    let listed = store.list(Some(&folder)).try_collect::<Vec<_>>().await;
    let listed = listed.expect("it lists");
    for object in &listed {
        flip(store, &object.location).await;
    }
    listed.len() as u64
}

async fn flip(store: &Store, at: &Path) {
    let whole = store.get(at).await.expect("it is there").bytes().await;
    let mut bytes = whole.expect("it reads").to_vec();
    bytes[0] ^= 1;
    store.put(at, bytes.into()).await.expect("it is spoilt");
}

/// Spoils, in half of the cases, the header that ends one of the batches in the history.
async fn damage(rng: &mut Rng, there: &There) -> bool {
    let store = &there.world.store;
    let folder = Path::from("history");
    let listed: Vec<_> = store
        .list(Some(&folder))
        .try_collect()
        .await
        .expect("it lists");
    let mut names: Vec<Path> = listed.into_iter().map(|object| object.location).collect();
    names.sort();
    if names.is_empty() || rng.random_ratio(1, 2) {
        return false;
    }
    let batch = |at: &Path| at.as_ref().rsplit_once('-').expect("a part").0.to_owned();
    let some = batch(&names[rng.random_range(0..names.len())]);
    let last = names
        .into_iter()
        .rfind(|at| batch(at) == some)
        .expect("its last part");
    flip(store, &last).await;
    true
}

/// The newest point is the disks as they are.
async fn converged(seed: u64, here: &Here, replica: &Arc<Replica>) {
    let newest = *replica.points().await.last().expect("a point");
    let pinned = replica.view(newest).await.expect("a view");
    for (number, disk) in here.disks.iter().enumerate() {
        let size = SIZES[number] as usize;
        let read = pinned
            .view
            .read((number as u16, 0), size)
            .await
            .expect("it reads");
        assert!(
            read == disk.content(),
            "seed {seed}: disk {number} differs in the end"
        );
    }
}

/// Both sites run until `acts` is through.
async fn run(
    source: &Source,
    replica: &Arc<Replica>,
    exchange: &Arc<Exchange>,
    there: &There,
    called: &mut mpsc::Receiver<engine::seam::Link>,
    acts: impl Future<Output = ()>,
) {
    let batches = async {
        source.run_batches().await.expect("batches");
    };
    let link = async {
        source.run_link(&**exchange).await.expect("a link");
    };
    let serve = async {
        while let Some(link) = called.recv().await {
            // What befalls a link is the source's to mend.
            let _ended = replica.serve(link, &there.shelf).await;
        }
    };
    futures::select_biased! {
        () = Box::pin(acts).fuse() => {}
        () = Box::pin(batches).fuse() => panic!("batches ended"),
        () = Box::pin(link).fuse() => panic!("the link ended"),
        () = Box::pin(serve).fuse() => panic!("serving ended"),
    }
}

/// `FIREDRILL_SEEDS` sets how many.
#[test]
fn every_point_is_an_instant_whatever_breaks() {
    let seeds = std::env::var("FIREDRILL_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(8);
    let first = std::env::var("FIREDRILL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(0);
    let (mut told, mut spoilt) = (0, 0);
    for seed in first..first + seeds {
        let played = on_paused_time(play(seed));
        told += played.0;
        spoilt += played.1;
    }
    assert!(told > 0, "what changed between points is told now and then");
    assert!(spoilt > 0, "parts of the journal are spoilt now and then");
}

/// Nothing but the disk's own word says that what was put into the journal comes out of it.
#[test]
fn what_the_journal_can_not_give_back_is_compared() {
    on_paused_time(async {
        let clock = Paused::new();
        let settings = Settings {
            memory_bytes: 256 << 10,
            ..Settings::default()
        };
        let here = Here::new(&clock, &SIZES, settings);
        let there = There::new(&clock, Retention::default()).await;
        let (exchange, mut called) = Exchange::new();
        let (source, replica) = (here.open(true, 0).await, there.open().await);
        let acts = async {
            comes_to_rest(&source, &clock, 0).await;
            exchange.switch.set(true);
            for number in 0..12 {
                let offset = number * 65_536;
                let data = noise(number, 65_536).into();
                let written = source.write((0, offset), Payload::Data(data), false);
                written.await.expect("it is written");
                clock.sleep(Duration::from_millis(300)).await;
            }
            assert!(spoil(&here).await > 0, "{:?}", source.progress());
            exchange.switch.set(false);
            comes_to_rest(&source, &clock, 0).await;
        };
        run(&source, &replica, &exchange, &there, &mut called, acts).await;
        converged(0, &here, &replica).await;
    });
}
