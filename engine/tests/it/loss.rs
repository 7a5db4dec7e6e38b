//! Parts of a vault that are lost: what does not need them comes back, and the next backup heals what
//! the source still has.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Mutex;

use engine::backup::Progress;
use engine::check;
use engine::format::layout::path;
use engine::format::point::Method;
use engine::ids::PointId;
use engine::seam::Store;
use engine::vault::{Catalog, Vault};
use engine::{ErrorKind, restore};
use object_store::{ObjectStoreExt, PutPayload};

use crate::support::{back_up, block_on, memory, new_vault, noise, open, restore_to};

/// Five files of one chunk each, and a link to the last.
fn make_source(at: &FsPath) {
    fs::create_dir_all(at).expect("a folder");
    for file in 0..5 {
        fs::write(at.join(format!("{file}")), noise(file, 90_000)).expect("a file");
    }
    fs::hard_link(at.join("4"), at.join("z")).expect("a hard link");
}

fn assert_same(source: &FsPath, target: &FsPath) {
    for file in fs::read_dir(source).expect("the source") {
        let name = file.expect("a file").file_name();
        let [left, right] = [source, target].map(|at| fs::read(at.join(&name)).expect("a file"));
        assert!(left == right, "{}", name.display());
    }
}

async fn restores(vault: &Vault, point: PointId, source: &FsPath) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("back");
    let outcome = restore_to(vault, &point.to_string(), &target).await;
    assert_eq!(outcome.expect("a restore").damaged, 0);
    assert_same(source, &target);
}

async fn packs_of(store: &Store, point: PointId) -> Vec<object_store::path::Path> {
    let catalog = Catalog::load(&open(store).await).await.expect("a catalog");
    let point = catalog.get(point).expect("the point");
    point
        .manifest
        .packs
        .iter()
        .map(|id| path::pack(*id))
        .collect()
}

#[test]
fn a_damaged_manifest_hides_no_other_point_and_stops_no_backup() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    make_source(&source);
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        let first = back_up(&vault, &source, Method::Forever, 4096).await.point;
        let second = back_up(&vault, &source, Method::Forever, 4096).await.point;
        store.delete(&path::point(first)).await.expect("a delete");
        let foreign = PutPayload::from_static(b"left by a file browser");
        let beside = "points/.DS_Store".into();
        store.put(&beside, foreign).await.expect("a put");
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        assert_eq!((catalog.points().len(), catalog.damaged().len()), (1, 1));
        // The point's own blobs are the lost point's: the index still tells where they lie.
        restores(&vault, second, &source).await;
        for method in Method::ALL {
            let outcome = back_up(&vault, &source, method, 4096).await;
            assert!(!outcome.manifest.depends_on.contains(&first), "{method}");
            restores(&vault, outcome.point, &source).await;
        }
        let found = check::run(&vault, true, &engine::backup::Quiet)
            .await
            .expect("a check");
        assert!(!found.errors.is_empty());
    });
}

#[test]
fn what_a_lost_or_cut_pack_held_is_stored_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    make_source(&source);
    block_on(async {
        for (method, cut) in Method::ALL
            .into_iter()
            .flat_map(|m| [(m, false), (m, true)])
        {
            let store = memory();
            let vault = new_vault(&store).await;
            let first = back_up(&vault, &source, Method::Full, 4096).await.point;
            for pack in packs_of(&store, first).await {
                if cut {
                    let bytes = store.get(&pack).await.expect("a pack").bytes().await;
                    let bytes = bytes.expect("its bytes").slice(..1000);
                    store.put(&pack, bytes.into()).await.expect("a put");
                } else {
                    store.delete(&pack).await.expect("a delete");
                }
            }
            let next = back_up(&vault, &source, method, 4096).await;
            assert_eq!(
                next.manifest.statistics.blocks_stored, 5,
                "{method}, cut: {cut}"
            );
            restores(&vault, next.point, &source).await;
        }
    });
}

/// Keeps what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<PathBuf>>);

impl Progress for Told {
    fn advance(&self, _: u64, _: u64) {}
    fn problem(&self, path: &FsPath, _: &str) {
        self.0.lock().expect("a list").push(path.to_owned());
    }
}

#[test]
fn damage_is_left_out_of_a_restore_and_the_rest_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    make_source(&source);
    // A file of many chunks, part of which is damaged: half a file must not be left.
    fs::write(source.join("long"), noise(9, 6_000_000)).expect("a file");
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        let point = back_up(&vault, &source, Method::Full, 4096).await.point;
        for pack in packs_of(&store, point).await {
            let bytes = store.get(&pack).await.expect("a pack").bytes().await;
            let mut bytes = bytes.expect("its bytes").to_vec();
            // Somewhere among the blobs, and far from the listing at the end.
            let middle = bytes.len() / 3;
            bytes[middle] ^= 1;
            store.put(&pack, bytes.into()).await.expect("a put");
        }
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let request = restore::Request {
            target: target.clone(),
            paths: Vec::new(),
            overwrite: false,
            dry_run: false,
        };
        let told = Told::default();
        let outcome = restore::run(
            &vault,
            &catalog,
            catalog.get(point).expect("it"),
            &request,
            &told,
        );
        let outcome = outcome.await.expect("a restore");
        let told = told.0.into_inner().expect("a list");
        assert!(
            outcome.damaged > 0 && told.len() as u64 == outcome.damaged,
            "{told:?}"
        );
        for file in fs::read_dir(&source).expect("the source") {
            let name = file.expect("a file").file_name();
            let lost = told.iter().any(|path| path.as_os_str() == name);
            assert_eq!(target.join(&name).exists(), !lost, "{}", name.display());
            if !lost {
                let [left, right] =
                    [&source, &target].map(|at| fs::read(at.join(&name)).expect("it"));
                assert!(left == right, "{}", name.display());
            }
        }
        let found = check::run(&vault, true, &engine::backup::Quiet)
            .await
            .expect("a check");
        assert_eq!(found.broken_points, [point]);
    });
}

#[test]
fn a_source_named_through_a_link_or_upwards_is_what_it_leads_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    make_source(&source);
    fs::create_dir(source.join("below")).expect("a folder");
    symlink(&source, folder.path().join("link")).expect("a link");
    block_on(async {
        let vault = new_vault(&memory()).await;
        for way in [folder.path().join("link"), source.join("below/..")] {
            let outcome = back_up(&vault, &way, Method::Forever, 4096).await;
            assert_eq!(outcome.manifest.statistics.files, 6, "{}", way.display());
            let target = tempfile::tempdir().expect("a folder");
            let target = target.path().join("back");
            let restored = restore_to(&vault, &outcome.point.to_string(), &target).await;
            assert_eq!(restored.expect("a restore").damaged, 0);
            assert!(target.join("below").is_dir());
        }
        // Two instances by now would be two answers to `latest`, were they not of one name.
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        assert!(catalog.latest(None).is_ok());
        let other = catalog
            .latest(Some("another"))
            .expect_err("none of that name");
        assert_eq!(other.kind(), ErrorKind::NotFound);
    });
}
