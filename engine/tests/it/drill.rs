//! What drills are made of: a restore to nowhere reads and finds what a real one does, coverage counts what
//! was opened, samples reach every pack, and what lies in scratch is held against the listing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use engine::backup::{Progress, Quiet};
use engine::drill::{self, Coverage, Ledgers, Opened, Validated};
use engine::format::point::Method;
use engine::ids::ObjectId;
use engine::restore::{self, Outcome, To, Trace};
use engine::seam::Store;
use engine::units::Timestamp;
use engine::vault::{BlobReader, Catalog, Point, Vault};
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutPayload};

use crate::fixture::{disk, make_tree};
use crate::support::{back_up, block_on, memory, new_vault, noise, open};

/// A vault with two points of a tree full of oddities.
async fn vault(folder: &Path) -> (Store, Vault) {
    let store = memory();
    let vault = new_vault(&store).await;
    for version in 0..2 {
        let source = folder.join(format!("source-{version}"));
        make_tree(&source, version);
        fs::write(source.join("more"), noise(version, 300_000)).expect("a file");
        back_up(&vault, &source, Method::Forever, 4096).await;
    }
    (store, vault)
}

async fn reader(vault: &Vault, catalog: &Catalog, point: &Point) -> BlobReader {
    let index = catalog.index_of(vault, &Catalog::closure(point)).await;
    BlobReader::new(vault.clone(), Arc::new(index.expect("an index")))
}

/// Remembers what is damaged.
#[derive(Default)]
struct Problems(Mutex<BTreeSet<String>>);

impl Progress for Problems {
    fn advance(&self, _: u64, _: u64) {}
    fn problem(&self, path: &Path, _: &str) {
        let mut problems = self.0.lock().expect("nobody panicked");
        problems.insert(path.display().to_string());
    }
}

struct Done {
    outcome: Outcome,
    trace: Trace,
    damaged: BTreeSet<String>,
}

async fn read_back(vault: &Vault, point: &Point, target: Option<&Path>) -> Done {
    let catalog = Catalog::load(vault).await.expect("a catalog");
    let reader = reader(vault, &catalog, point).await;
    let request = target.map(|target| restore::Request {
        target: target.to_owned(),
        paths: Vec::new(),
        overwrite: false,
        dry_run: false,
    });
    let to = request.as_ref().map_or(To::Nowhere(None), To::Place);
    let (problems, mut trace) = (Problems::default(), Trace::default());
    let outcome = restore::traced(&reader, point, to, &problems, &mut trace).await;
    trace.opened.values_mut().for_each(|offsets| {
        offsets.sort_unstable();
        offsets.dedup();
    });
    Done {
        outcome: outcome.expect("a restore"),
        trace,
        damaged: problems.0.into_inner().expect("nobody panicked"),
    }
}

fn opened(trace: &Trace) -> Opened {
    let packs = trace.opened.iter();
    Opened {
        packs: packs
            .map(|(id, offsets)| (*id, Some(offsets.clone())))
            .collect(),
        damaged: trace.damaged.clone(),
    }
}

async fn survey(vault: &Vault, ledgers: &mut Ledgers, opened: &Opened, at: i64) -> Coverage {
    let catalog = Catalog::load(vault).await.expect("a catalog");
    let at = Timestamp {
        seconds: at,
        nanos: 0,
    };
    let coverage = drill::survey(vault, &catalog, ledgers, opened, at).await;
    coverage.expect("a survey")
}

/// Flips a byte in the middle of the largest pack, and gives its name.
async fn damage(store: &Store) -> ObjectId {
    let packs: Vec<_> = store
        .list(Some(&"packs".into()))
        .try_collect()
        .await
        .expect("a list");
    let largest = packs
        .into_iter()
        .max_by_key(|pack| pack.size)
        .expect("a pack");
    let bytes = store
        .get(&largest.location)
        .await
        .expect("there")
        .bytes()
        .await;
    let mut bytes = bytes.expect("bytes").to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    store
        .put(&largest.location, PutPayload::from(bytes))
        .await
        .expect("a put");
    let name = largest.location.filename().expect("a name");
    name.parse().expect("an id")
}

#[test]
fn nowhere_reads_what_a_restore_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let (store, vault) = vault(folder.path()).await;
        for damaged in [false, true] {
            if damaged {
                damage(&store).await;
            }
            let catalog = Catalog::load(&vault).await.expect("a catalog");
            for (number, point) in catalog.points().iter().enumerate() {
                let target = folder.path().join(format!("target-{number}-{damaged}"));
                let real = read_back(&vault, point, Some(&target)).await;
                let nowhere = read_back(&vault, point, None).await;
                assert_eq!(real.trace.opened, nowhere.trace.opened, "the same blobs");
                assert_eq!(real.trace.damaged, nowhere.trace.damaged);
                assert_eq!(real.trace.content_bytes, nowhere.trace.content_bytes);
                assert_eq!(real.damaged, nowhere.damaged, "the same files");
                assert_eq!(real.outcome.bytes, nowhere.outcome.bytes);
                assert_eq!(real.outcome.fetched_bytes, nowhere.outcome.fetched_bytes);
                assert_eq!(nowhere.outcome.damaged, nowhere.damaged.len() as u64);
                assert!(!nowhere.trace.opened.is_empty());
            }
        }
    });
}

#[test]
fn a_plan_counts_what_a_restore_then_does() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let (_, vault) = vault(folder.path()).await;
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let point = catalog.points().last().expect("a point");
        let done = read_back(&vault, point, None).await;
        let reader = reader(&vault, &catalog, point).await;
        let mut plan = Trace::default();
        let outcome = restore::traced(&reader, point, To::Plan, &Quiet, &mut plan).await;
        let outcome = outcome.expect("a plan");
        assert_eq!(plan.requests, done.trace.requests);
        assert_eq!(plan.content_bytes, done.trace.content_bytes);
        assert_eq!(outcome.fetched_bytes, done.outcome.fetched_bytes);
        assert_eq!(outcome.bytes, done.outcome.bytes);
    });
}

#[test]
fn coverage_is_what_was_opened_and_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let (store, vault) = vault(folder.path()).await;
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let [first, second] = catalog.points() else {
            panic!("two points")
        };
        let mut ledgers = Ledgers::load(&vault).await.expect("none yet");
        let none = survey(&vault, &mut ledgers, &Opened::default(), 1).await;
        assert_eq!(none.content.read_bytes, 0);
        assert!(none.oldest_unread.is_some() && none.oldest_read.is_none());
        let newest = read_back(&vault, second, None).await;
        let part = survey(&vault, &mut ledgers, &opened(&newest.trace), 2).await;
        assert!(part.content.read_bytes > 0 && part.content.read_bytes < part.content.bytes);
        let own = part.points[&second.id];
        assert_eq!(own.read_bytes, own.bytes, "all that the newest added");
        ledgers.keep(&vault).await.expect("kept");

        let mut ledgers = Ledgers::load(&vault).await.expect("one");
        let again = survey(&vault, &mut ledgers, &Opened::default(), 3).await;
        assert_eq!(again, part, "read again from the vault");
        let older = read_back(&vault, first, None).await;
        let all = survey(&vault, &mut ledgers, &opened(&older.trace), 4).await;
        assert_eq!(
            all.content.read_bytes, all.content.bytes,
            "both points are all there is"
        );
        assert_eq!((all.whole_packs, all.oldest_unread), (all.packs, None));
        ledgers.keep(&vault).await.expect("kept");
        let kept: Vec<_> = store
            .list(Some(&"drills".into()))
            .try_collect()
            .await
            .expect("a list");
        assert_eq!(kept.len(), 1, "the later ledger took in the earlier");

        let pack = damage(&store).await;
        let newest = read_back(&vault, second, None).await;
        let older = read_back(&vault, first, None).await;
        let mut both = opened(&newest.trace);
        both.damaged.extend(older.trace.damaged);
        assert_eq!(both.damaged, BTreeSet::from([pack]));
        let mut ledgers = Ledgers::load(&vault).await.expect("one");
        let after = survey(&vault, &mut ledgers, &both, 5).await;
        assert!(
            after.content.read_bytes < after.content.bytes,
            "what is damaged does not count"
        );
    });
}

#[test]
fn ledgers_of_drills_side_by_side_are_taken_together() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let (store, vault) = vault(folder.path()).await;
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        for point in catalog.points() {
            // Neither has seen the other's.
            let mut ledgers = Ledgers::default();
            let done = read_back(&vault, point, None).await;
            survey(&vault, &mut ledgers, &opened(&done.trace), 7).await;
            ledgers.keep(&vault).await.expect("kept");
        }
        let mut ledgers = Ledgers::load(&vault).await.expect("two");
        let all = survey(&vault, &mut ledgers, &Opened::default(), 8).await;
        assert_eq!(all.content.read_bytes, all.content.bytes);
        // One that is damaged is told, and the next replaces it.
        let kept: Vec<_> = store
            .list(Some(&"drills".into()))
            .try_collect()
            .await
            .expect("a list");
        let broken = PutPayload::from_static(b"broken");
        store.put(&kept[0].location, broken).await.expect("a put");
        let ledgers = Ledgers::load(&vault).await.expect("the other");
        let told = ledgers.damaged[0].to_string();
        assert!(told.contains(kept[0].location.as_ref()), "{told}");
        ledgers.keep(&vault).await.expect("kept");
        let ledgers = Ledgers::load(&vault).await.expect("one");
        assert!(ledgers.damaged.is_empty() && !ledgers.packs.is_empty());
    });
}

#[test]
fn samples_in_rotation_read_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    fs::create_dir(&source).expect("a folder");
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        for version in 0..6 {
            fs::write(source.join("file"), noise(version, 200_000)).expect("a file");
            back_up(&vault, &source, Method::Full, 4096).await;
        }
        let mut shares = Vec::new();
        for at in 1..=4 {
            let mut ledgers = Ledgers::load(&open(&store).await).await.expect("ledgers");
            let all = drill::sampled(&vault, &ledgers, None).await.expect("packs");
            let chosen = drill::choose(all, 250_000);
            let read = drill::read_packs(&vault, &chosen, &Quiet)
                .await
                .expect("read");
            assert!(read.iter().all(|pack| pack.damage.is_none()));
            let packs = read.iter().map(|pack| (pack.pack, None)).collect();
            let opened = Opened {
                packs,
                ..Opened::default()
            };
            let coverage = survey(&vault, &mut ledgers, &opened, at).await;
            shares.push(coverage.content.read_bytes * 100 / coverage.content.bytes);
            ledgers.keep(&vault).await.expect("kept");
        }
        assert!(shares.is_sorted() && shares[0] < 60, "{shares:?}");
        assert_eq!(shares.last(), Some(&100), "four quarters are all");
    });
}

async fn validate(vault: &Vault, point: &Point, target: &Path) -> Validated {
    let catalog = Catalog::load(vault).await.expect("a catalog");
    let reader = reader(vault, &catalog, point).await;
    let none = BTreeSet::new();
    let validated = drill::validate(&reader, point, target, &none, false, &Quiet).await;
    validated.expect("validated")
}

#[test]
fn a_restored_tree_is_held_against_the_listing() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let (_, vault) = vault(folder.path()).await;
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let point = catalog.points().last().expect("a point");
        let target = folder.path().join("target");
        read_back(&vault, point, Some(&target)).await;
        let sound = validate(&vault, point, &target).await;
        assert_eq!(sound.differences, [], "{sound:?}");
        assert!(sound.entries > 5 && sound.bytes > 300_000);

        let differs = async |what: &str| {
            let found = validate(&vault, point, &target).await.differences;
            let told = |one: &drill::Difference| one.path == b"more" && one.what.contains(what);
            assert!(found.iter().any(told), "{what}: {found:?}");
        };
        let more = target.join("more");
        let metadata = more.metadata().expect("there");
        let content = fs::read(&more).expect("a file");
        let keep_time = || {
            let file = fs::File::options().write(true).open(&more).expect("a file");
            file.set_modified(metadata.modified().expect("a time"))
                .expect("set");
        };
        let mut flipped = content.clone();
        flipped[200_000] ^= 1;
        fs::write(&more, &flipped).expect("a file");
        keep_time();
        differs("content differs").await;
        fs::write(&more, &content[1..]).expect("a file");
        differs("bytes and not 300000").await;
        fs::write(&more, &content).expect("a file");
        differs("another time").await;
        keep_time();
        let mut mode = metadata.permissions();
        mode.set_readonly(true);
        fs::set_permissions(&more, mode).expect("set");
        differs("its mode is").await;
        fs::set_permissions(&more, metadata.permissions()).expect("set");
        fs::write(target.join("extra"), "x").expect("a file");
        let extra = validate(&vault, point, &target).await.differences;
        assert!(
            extra.iter().any(|one| one.what.contains("1 names more")),
            "{extra:?}"
        );
        fs::remove_file(target.join("extra")).expect("gone");
        fs::remove_file(&more).expect("gone");
        differs("it is not there").await;
    });
}

#[test]
fn a_restored_disk_is_held_against_its_blocks() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("disk.img");
    fs::write(&image, disk(0)).expect("an image");
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        back_up(&vault, &image, Method::Forever, 4096).await;
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let point = &catalog.points()[0];
        let target = folder.path().join("back.img");
        let real = read_back(&vault, point, Some(&target)).await;
        let nowhere = read_back(&vault, point, None).await;
        assert_eq!(real.trace.opened, nowhere.trace.opened);
        assert_eq!(validate(&vault, point, &target).await.differences, []);
        let bytes = fs::read(&target).expect("an image");
        let is_hole = |block: &[u8]| block.iter().all(|byte| *byte == 0);
        let hole = bytes.chunks(4096).position(is_hole).expect("a hole") * 4096 + 100;
        for at in [bytes.len() - 1, hole] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            fs::write(&target, bytes).expect("an image");
            let found = validate(&vault, point, &target).await.differences;
            assert!(found[0].what.contains("content differs"), "{at}: {found:?}");
        }
    });
}
