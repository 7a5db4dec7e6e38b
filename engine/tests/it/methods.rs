//! Methods as one mechanism: which existing chunks a new point may refer to.

use std::path::Path;

use engine::backup::Quiet;
use engine::check;
use engine::format::point::Method;
use engine::inventory::Inventory;
use engine::seam::AsItIs;

use crate::support::{back_up, block_on, memory, new_vault, noise, request, restore_to};

const BLOCK: usize = 4096;

/// The seeds' example: blocks A1 to A10; A2, A3, A4 and A9 change, then A5.
fn ten_blocks() -> [Vec<u8>; 3] {
    let month = |versions: [u64; 10]| -> Vec<u8> {
        let blocks = versions.iter().zip(0_u64..);
        blocks
            .flat_map(|(version, block)| noise(block * 100 + version, BLOCK))
            .collect()
    };
    [
        month([0; 10]),
        month([0, 1, 1, 1, 0, 0, 0, 0, 1, 0]),
        month([0, 1, 1, 1, 1, 0, 0, 0, 1, 0]),
    ]
}

fn blocks_stored(method: Method) -> Vec<u64> {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        let mut stored = Vec::new();
        let mut points = Vec::new();
        for month in ten_blocks() {
            let image = folder.path().join("a.img");
            std::fs::write(&image, &month).expect("an image");
            let outcome = back_up(&vault, &image, method, BLOCK as u64).await;
            stored.push(outcome.manifest.statistics.blocks_stored);
            points.push((outcome.point, month));
        }
        for (point, month) in points {
            let target = folder.path().join(point.to_string());
            restore_to(&vault, &point.to_string(), &target)
                .await
                .expect("a restore");
            assert!(
                std::fs::read(&target).expect("the image") == month,
                "{method} gives {point} back"
            );
        }
        let checked = check::run(&vault, true, &Quiet).await.expect("a check");
        assert!(checked.errors.is_empty(), "{:?}", checked.errors);
        stored
    })
}

#[test]
fn ten_blocks_are_stored_as_the_documents_say() {
    // "Overview of the features in Azure Backup" (Microsoft, 14 June 2017), the picture that
    // compares full, differential and incremental backup.
    assert_eq!(blocks_stored(Method::Full), [10, 10, 10]);
    assert_eq!(blocks_stored(Method::Differential), [10, 4, 5]);
    assert_eq!(blocks_stored(Method::Incremental), [10, 4, 1]);
    assert_eq!(blocks_stored(Method::SyntheticFull), [10, 10, 10]);
    assert_eq!(blocks_stored(Method::Forever), [10, 4, 1]);
}

#[test]
fn a_synthetic_full_sends_only_what_changed_and_stands_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let vault = new_vault(&memory()).await;
        let image = folder.path().join("a.img");
        let [first, second, third] = ten_blocks();
        std::fs::write(&image, first).expect("an image");
        let full = back_up(&vault, &image, Method::Incremental, BLOCK as u64).await;
        assert_eq!(
            full.manifest.method,
            Method::Full,
            "the first point is a full"
        );
        std::fs::write(&image, second).expect("an image");
        let incremental = back_up(&vault, &image, Method::Incremental, BLOCK as u64).await;
        assert_eq!(incremental.manifest.depends_on, [full.point]);
        assert_eq!(incremental.manifest.chain_length, 2);
        std::fs::write(&image, third).expect("an image");
        let synthetic = back_up(&vault, &image, Method::SyntheticFull, BLOCK as u64).await;
        let did = synthetic.manifest.statistics;
        assert_eq!(
            (did.blocks_stored, synthetic.manifest.chain_length),
            (10, 1)
        );
        assert!(synthetic.manifest.depends_on.is_empty());
        assert!(did.copied_bytes > 9 * BLOCK as u64 && did.copied_bytes < 10 * BLOCK as u64);
        assert!(synthetic.sent_bytes < synthetic.stored_bytes - 9 * BLOCK as u64);
    });
}

#[test]
fn what_points_say_they_stored_is_what_the_store_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        for method in Method::ALL {
            let store = memory();
            let vault = new_vault(&store).await;
            let before = Inventory::take(&vault)
                .await
                .expect("an inventory")
                .total()
                .bytes;
            let mut stored = 0;
            for (number, month) in ten_blocks().into_iter().enumerate() {
                let image = folder.path().join("a.img");
                std::fs::write(&image, month).expect("an image");
                let method = if number == 2 {
                    method
                } else {
                    Method::Incremental
                };
                stored += back_up(&vault, &image, method, BLOCK as u64)
                    .await
                    .stored_bytes;
            }
            let after = Inventory::take(&vault)
                .await
                .expect("an inventory")
                .total()
                .bytes;
            assert_eq!(after - before, stored, "{method}");
        }
    });
}

#[test]
fn a_source_is_called_what_its_owner_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("mounted-somewhere");
    std::fs::write(&image, noise(1, 65536)).expect("an image");
    block_on(async {
        let vault = new_vault(&memory()).await;
        let mut backup = request(&image, Method::Full, 4096);
        backup.sources[0] = backup.sources[0].clone().called(Path::new("/disks/db1"));
        let made = engine::backup::run(&vault, &backup, &AsItIs, &Quiet).await;
        let manifest = made.expect("a backup").manifest;
        assert_eq!(manifest.sources[0].path, b"/disks/db1");
    });
}

/// Whoever hosts the engine may move its work between threads. It compiles or it does not.
#[test]
fn work_can_be_spawned() {
    fn spawned<'a, T>(work: impl Future<Output = T> + Send + 'a) {
        drop(work);
    }
    async fn catalog(vault: &engine::vault::Vault) -> engine::Result<()> {
        let catalog = engine::vault::Catalog::load(vault).await?;
        let point = catalog.points().first().expect("a point");
        let request = engine::restore::Request {
            target: "nowhere".into(),
            paths: Vec::new(),
            overwrite: false,
            dry_run: false,
        };
        spawned(engine::restore::run(
            vault, &catalog, point, &request, &Quiet,
        ));
        spawned(check::run(vault, true, &Quiet));
        Ok(())
    }
    block_on(async {
        let vault = new_vault(&memory()).await;
        let backup = request(Path::new("."), Method::Full, 4096);
        spawned(engine::backup::run(&vault, &backup, &AsItIs, &Quiet));
        let deleting = engine::deletion::Request {
            by: "test".to_owned(),
            reason: "test".to_owned(),
            soft_delete_seconds: None,
        };
        spawned(engine::deletion::forget(&vault, &[], &deleting));
        spawned(engine::deletion::undelete(&vault, &[], "test"));
        let pruning = engine::prune::Request {
            by: "test".to_owned(),
            limits: engine::prune::Limits::default(),
        };
        spawned(engine::prune::run(&vault, &pruning, |_| {}));
        spawned(catalog(&vault));
    });
}
