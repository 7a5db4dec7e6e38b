//! Copies between vaults: every point comes back from the copy as from the source, what is there is not
//! sent again, a crash at any write is made good by the next run, and damage stops nothing else.

use std::fs;
use std::path::Path;

use engine::backup::Quiet;
use engine::check;
use engine::copy::{self, Outcome};
use engine::deletion;
use engine::format::point::Method;
use engine::ids::PointId;
use engine::seam::Store;
use engine::vault::{Catalog, Vault};
use engine::{Error, ErrorKind};
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use proptest::prelude::*;

use crate::faulty::{Calls, Disk, Fault};
use crate::support::{back_up, block_on, memory, new_vault, noise, open, request, restore_to};
use crate::trees::{describe, zoo};

async fn copy_all(from: &Vault, to: &Vault) -> Outcome {
    let done = copy::run(from, to, &[], "test", &Quiet).await;
    done.expect("a copy")
}

/// Every point of `from` has a copy that comes back the same, and the copy's vault is whole.
async fn are_alike(from: &Vault, to: &Vault, folder: &Path) {
    let found = check::run(to, true, &Quiet).await.expect("a check");
    assert!(found.errors.is_empty(), "{:?}", found.errors);
    let (left, right) = (
        Catalog::load(from).await.expect("a catalog"),
        Catalog::load(to).await.expect("a catalog"),
    );
    for point in left.points() {
        let copy = right.points().iter().find(|copy| {
            let origin = copy.manifest.origin;
            origin.is_some_and(|it| it.point == point.id && it.vault == from.header().vault)
        });
        let copy = copy.expect("a copy of the point");
        let (told, of) = (&copy.manifest, &point.manifest);
        assert_eq!(
            (
                &told.instance,
                told.method,
                told.captured,
                &told.sources,
                &told.tags
            ),
            (&of.instance, of.method, of.captured, &of.sources, &of.tags)
        );
        assert_eq!(told.statistics.logical_bytes, of.statistics.logical_bytes);
        let targets = [(from, point.id), (to, copy.id)].map(|(vault, id)| {
            let at = folder.join(format!("{id}"));
            (vault, id, at)
        });
        for (vault, id, at) in &targets {
            let back = restore_to(vault, &id.to_string(), at).await;
            assert_eq!(back.expect("a restore").damaged, 0);
        }
        let [(.., left), (.., right)] = &targets;
        if left.is_dir() {
            assert_eq!(describe(left), describe(right), "{} and its copy", point.id);
        } else {
            let same = fs::read(left).expect("a disk") == fs::read(right).expect("a disk");
            assert!(same, "disk {} and its copy", point.id);
        }
        for (.., at) in targets {
            drop(fs::remove_dir_all(&at).or_else(|_| fs::remove_file(&at)));
        }
    }
}

/// One change of what is protected, and how the next point of it is made.
#[derive(Clone, Copy, Debug)]
struct Step {
    disk: bool,
    seed: u64,
    at: usize,
    bytes: usize,
    method: Method,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let method = proptest::sample::select(Method::ALL.to_vec());
    let step = (
        any::<bool>(),
        0_u64..6,
        0_usize..8,
        1_usize..200_000,
        method,
    );
    let step = step.prop_map(|(disk, seed, at, bytes, method)| Step {
        disk,
        seed,
        at,
        bytes,
        method,
    });
    proptest::collection::vec(step, 1..7)
}

fn apply(step: &Step, tree: &Path, disk: &Path) {
    let content = noise(step.seed, step.bytes);
    if step.disk {
        let file = fs::OpenOptions::new().write(true).open(disk);
        let at = step.at as u64 * 100_000;
        std::os::unix::fs::FileExt::write_all_at(&file.expect("the disk"), &content, at)
            .expect("a write");
    } else {
        fs::write(tree.join(format!("{}", step.at)), content).expect("a file");
    }
}

/// A change of its own instance for the disk, so that both have chains.
async fn make(vault: &Vault, step: &Step, tree: &Path, disk: &Path) -> u64 {
    let source = if step.disk { disk } else { tree };
    let mut request = request(source, step.method, 512);
    request.request.instance = format!("disk: {}", step.disk);
    request.tags = vec![format!("seed-{}", step.seed)];
    let made = engine::backup::run(vault, &request, &engine::seam::AsItIs, &Quiet).await;
    made.expect("a backup").sent_bytes
}

fn sources(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (tree, disk) = (folder.join("tree"), folder.join("disk.img"));
    fs::create_dir_all(&tree).expect("a folder");
    zoo(&tree);
    let file = fs::File::create(&disk).expect("a disk");
    // More blocks than one list of extents holds, most of them holes.
    file.set_len(1 << 20).expect("its size");
    (tree, disk)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn every_point_comes_back_from_its_copy_and_none_is_sent_twice(steps in steps()) {
        let folder = tempfile::tempdir().expect("a folder");
        let (tree, disk) = sources(folder.path());
        block_on(async {
            let (left, right) = (memory(), memory());
            let (from, to) = (new_vault(&left).await, new_vault(&right).await);
            let half = steps.len() / 2;
            for (number, step) in steps.iter().enumerate() {
                if number == half && number > 0 {
                    assert_eq!(copy_all(&from, &to).await.copied.len(), half);
                }
                apply(step, &tree, &disk);
                make(&from, step, &tree, &disk).await;
            }
            let done = copy_all(&from, &to).await;
            assert_eq!((done.copied.len(), done.already), (steps.len() - half, half as u64));
            are_alike(&from, &to, folder.path()).await;
            let before = objects(&right, "packs").await;
            let again = copy_all(&from, &to).await;
            assert_eq!((again.copied.len(), again.already), (0, steps.len() as u64));
            assert_eq!(objects(&right, "packs").await, before);
        });
    }
}

#[test]
fn a_copy_reads_and_sends_about_what_the_backup_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tree, disk) = sources(folder.path());
    fs::write(tree.join("big"), noise(77, 12_000_000)).expect("a file");
    fs::write(&disk, noise(78, 2_000_000)).expect("the disk");
    let step = |disk, seed, at, method| Step {
        disk,
        seed,
        at,
        bytes: 150_000,
        method,
    };
    block_on(async {
        let (left, right) = (memory(), memory());
        let (from, to) = (new_vault(&left).await, new_vault(&right).await);
        for step in [
            step(false, 1, 1, Method::Full),
            step(true, 1, 1, Method::Full),
            // All of it once more in the source, and not in the copy.
            step(false, 2, 1, Method::Full),
        ] {
            apply(&step, &tree, &disk);
            make(&from, &step, &tree, &disk).await;
        }
        let first = copy_all(&from, &to).await;
        let read: Vec<u64> = first.copied.iter().map(|it| it.fetched_bytes).collect();
        assert!(read[0] > 12_000_000 && read[2] < 1_000_000, "{read:?}");
        for (number, disk_too) in [false, true].into_iter().enumerate() {
            let step = step(disk_too, 10 + number as u64, 3, Method::Incremental);
            apply(&step, &tree, &disk);
            let sent = make(&from, &step, &tree, &disk).await;
            // A program of its own, that knows nothing but what the vaults say.
            let (from, to) = (open(&left).await, open(&right).await);
            let preview = copy::preview(&from, &to, &[], &Quiet).await;
            let preview = preview.expect("a preview");
            assert_eq!(preview.points.len(), 1);
            let done = copy_all(&from, &to).await;
            let [copied] = &done.copied[..] else {
                panic!("one point: {done:?}");
            };
            let more = copied.landed.sent_bytes;
            assert!(more < sent + sent / 5 + 4096, "{more} for {sent}");
            assert!(
                copied.fetched_bytes < sent + 300_000,
                "{copied:?} for {sent}"
            );
            let told = preview.bytes;
            assert!(
                told < sent + sent / 5 && more < told + told / 5 + 8192,
                "{told}"
            );
        }
        are_alike(&from, &to, folder.path()).await;
        let back = copy_all(&to, &from).await;
        assert_eq!(
            (back.copied.len(), back.already),
            (0, 5),
            "what came from here is here"
        );
        let same = copy::run(&from, &open(&left).await, &[], "test", &Quiet).await;
        assert_eq!(
            same.map_err(|error| error.kind()).err(),
            Some(ErrorKind::Invalid)
        );
    });
}

#[test]
fn a_crash_at_any_write_of_a_copy_is_made_good_by_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    fs::create_dir_all(&tree).expect("a folder");
    block_on(async {
        let left = memory();
        let from = new_vault(&left).await;
        for number in 0..2 {
            fs::write(tree.join(format!("{number}")), noise(number, 18_000_000)).expect("a file");
            back_up(&from, &tree, Method::Incremental, 512).await;
        }
        let empty = Disk::new();
        let way = |disk: &Disk| -> Store { disk.way() };
        new_vault(&way(&empty)).await;
        let whole = empty.copied();
        let base = whole.stored_bytes().await;
        copy_all(&from, &open(&way(&whole)).await).await;
        let whole = whole.stored_bytes().await - base;
        let (mut write, mut finished) = (0, false);
        while !finished {
            for fault in [Fault::Crash, Fault::CrashApplied] {
                let disk = empty.copied();
                let faulty: Store = disk.faulty(Calls::Puts, write, fault);
                let crashing = open(&faulty).await;
                let crashed = copy::run(&from, &crashing, &[], "test", &Quiet).await;
                finished = crashed.is_ok();
                let to = open(&way(&disk)).await;
                let found = check::run(&to, true, &Quiet).await.expect("a check");
                assert!(found.errors.is_empty(), "write {write}: {:?}", found.errors);
                let rest = copy_all(&from, &to).await;
                let all = rest.copied.len() as u64 + rest.already;
                assert_eq!(all, 2, "write {write}, {fault:?}");
                let stored = disk.stored_bytes().await - base;
                // Leases and segments that nobody needs stay; what was sealed and landed is not sent again,
                // but for a pack that was under way.
                assert!(
                    stored < whole + whole / 20,
                    "write {write}: {stored} for {whole}"
                );
                if write % 3 == 0 {
                    are_alike(&from, &to, folder.path()).await;
                }
            }
            write += 1;
        }
        assert!(write > 7, "two points: {write} writes");
    });
}

async fn objects(store: &Store, folder: &str) -> Vec<ObjectMeta> {
    let listed = store.list(Some(&folder.into()));
    listed.try_collect().await.expect("a list")
}

#[test]
fn a_damaged_point_is_told_and_the_others_are_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    fs::create_dir_all(&tree).expect("a folder");
    block_on(async {
        let (left, right) = (memory(), memory());
        let (from, to) = (new_vault(&left).await, new_vault(&right).await);
        let mut made = Vec::new();
        for number in 0..3 {
            fs::write(tree.join("file"), noise(number, 400_000)).expect("a file");
            made.push(back_up(&from, &tree, Method::Full, 512).await);
        }
        let pack = made[1].manifest.packs[0];
        let at = engine::format::layout::path::pack(pack);
        let mut bytes = left
            .get(&at)
            .await
            .expect("a pack")
            .bytes()
            .await
            .expect("it")
            .to_vec();
        bytes[100] ^= 1;
        left.put(&at, bytes.into()).await.expect("a put");
        let done = copy_all(&from, &to).await;
        let copied: Vec<PointId> = done.copied.iter().map(|it| it.from).collect();
        assert_eq!(copied, [made[0].point, made[2].point]);
        let [(skipped, error)] = &done.skipped[..] else {
            panic!("one point is damaged: {done:?}");
        };
        assert_eq!(
            (*skipped, error.kind()),
            (made[1].point, ErrorKind::Corrupt)
        );
        assert!(error.to_string().contains(&pack.to_string()), "{error}");
        let found = check::run(&to, true, &Quiet).await.expect("a check");
        assert!(
            found.errors.is_empty() && found.points == 2,
            "{:?}",
            found.errors
        );
    });
}

#[test]
fn what_was_forgotten_in_the_copy_is_not_copied_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("disk.img");
    block_on(async {
        let (left, right) = (memory(), memory());
        let (from, to) = (new_vault(&left).await, new_vault(&right).await);
        fs::write(&file, noise(1, 50_000)).expect("a disk");
        back_up(&from, &file, Method::Forever, 512).await;
        let copied = copy_all(&from, &to).await.copied[0].landed.point;
        let request = deletion::Request {
            by: "test".to_owned(),
            reason: "test".to_owned(),
            soft_delete_seconds: None,
        };
        deletion::forget(&to, &[copied], &request)
            .await
            .expect("a deletion");
        let again = copy_all(&from, &to).await;
        assert_eq!((again.copied.len(), again.already), (0, 1));
        let nowhere = copy::run(&from, &to, &[copied], "test", &Quiet).await;
        let kind = nowhere.as_ref().err().map(Error::kind);
        assert_eq!(kind, Some(ErrorKind::NotFound));
        assert!(
            objects(&right, "leases").await.is_empty(),
            "leases are given back"
        );
    });
}
