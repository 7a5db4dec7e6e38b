//! One object that is damaged, or was put there by somebody without the key, stops nothing that does not
//! need it: neither a prune, nor a deletion, nor a backup, nor the opening of the vault.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use engine::backup::{self, Quiet};
use engine::deletion;
use engine::format::keyslot::{DAY_SECONDS, KdfCost, KeySlot, write_slot};
use engine::format::layout::path;
use engine::format::point::Method;
use engine::ids::{ObjectId, PointId};
use engine::prune::{self, Limits};
use engine::seam::{AsItIs, Store};
use engine::units::Timestamp;
use engine::vault::{Catalog, Vault};
use object_store::path::Path as At;
use object_store::{ObjectStoreExt, PutPayload};

use crate::faulty::Disk;
use crate::support::{CHEAP, PASSPHRASE, block_on, noise, request};

/// What a backup told people.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl backup::Progress for Told {
    fn advance(&self, _: u64, _: u64) {}

    fn problem(&self, _: &Path, why: &str) {
        self.0.lock().expect("nobody panicked").push(why.to_owned());
    }
}

async fn vault(disk: &Disk) -> Vault {
    Vault::open(disk.world(&disk.way()), PASSPHRASE)
        .await
        .expect("the vault opens")
}

async fn made(disk: &Disk) -> Vault {
    let terms = engine::format::keyslot::Terms::DEFAULT;
    let made = Vault::create(disk.world(&disk.way()), PASSPHRASE, CHEAP, terms);
    made.await.expect("a vault")
}

async fn back_up(vault: &Vault, source: &Path) -> backup::Outcome {
    let request = request(source, Method::Forever, 512);
    let made = backup::run(vault, &request, &AsItIs, &Quiet).await;
    made.expect("a backup")
}

async fn forget(vault: &Vault, point: PointId) {
    let request = deletion::Request {
        by: "test".to_owned(),
        reason: "test".to_owned(),
        soft_delete_seconds: None,
    };
    deletion::forget(vault, &[point], &request)
        .await
        .expect("a deletion");
}

async fn put(disk: &Disk, at: &At, bytes: Vec<u8>) {
    let store: Store = disk.way();
    store.put(at, PutPayload::from(bytes)).await.expect("a put");
}

async fn flip(disk: &Disk, at: &At, byte: usize) {
    let store: Store = disk.way();
    let object = store.get(at).await.expect("an object");
    let mut bytes = object.bytes().await.expect("its bytes").to_vec();
    bytes[byte] ^= 1;
    put(disk, at, bytes).await;
}

fn tree(folder: &Path, files: &[(&str, u64)]) {
    fs::create_dir_all(folder).expect("a folder");
    for (name, seed) in files {
        fs::write(folder.join(name), noise(*seed, 3000)).expect("a file");
    }
}

async fn pruned(disk: &Disk) -> engine::Result<prune::Outcome> {
    let request = prune::Request {
        by: "test".to_owned(),
        limits: Limits {
            waste_percent: 0,
            ..Limits::default()
        },
    };
    prune::run(&vault(disk).await, &request, |_| {}).await
}

#[test]
fn a_deletion_that_does_not_open_hides_nothing_and_can_be_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    tree(folder.path(), &[("a", 1)]);
    block_on(async {
        let disk = Disk::new();
        let point = back_up(&made(&disk).await, folder.path()).await.point;
        put(&disk, &path::deletion(point), b"somebody's".to_vec()).await;
        let catalog = Catalog::load(&vault(&disk).await).await.expect("it");
        assert_eq!((catalog.points().len(), catalog.deleted().len()), (1, 0));
        pruned(&disk).await.expect("a prune goes on");
        forget(&vault(&disk).await, point).await;
        let catalog = Catalog::load(&vault(&disk).await).await.expect("it");
        assert_eq!((catalog.points().len(), catalog.deleted().len()), (0, 1));
    });
}

#[test]
fn a_damaged_manifest_that_was_given_up_stops_no_prune_when_its_time_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    tree(folder.path(), &[("a", 1)]);
    block_on(async {
        let disk = Disk::new();
        let point = back_up(&made(&disk).await, folder.path()).await.point;
        flip(&disk, &path::point(point), 60).await;
        pruned(&disk).await.expect_err("what it needs is not known");
        forget(&vault(&disk).await, point).await;
        disk.pass(16 * DAY_SECONDS);
        let asked = prune::Request::default();
        let preview = prune::preview(&vault(&disk).await, &asked, |_| {}).await;
        assert_eq!(preview.expect("a preview").expired, [point]);
        assert_eq!(pruned(&disk).await.expect("a prune").expired, [point]);
    });
}

#[test]
fn a_damaged_pack_is_left_where_it_is_and_the_prune_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    tree(folder.path(), &[("a", 1), ("b", 2)]);
    block_on(async {
        let disk = Disk::new();
        let first = back_up(&made(&disk).await, folder.path()).await;
        fs::write(folder.path().join("b"), noise(3, 3000)).expect("a file");
        back_up(&vault(&disk).await, folder.path()).await;
        forget(&vault(&disk).await, first.point).await;
        let pack = path::pack(first.manifest.packs[0]);
        // In both data blobs, of which one is needed still.
        flip(&disk, &pack, 1000).await;
        flip(&disk, &pack, 4500).await;
        disk.pass(16 * DAY_SECONDS);
        let outcome = pruned(&disk).await.expect("a prune");
        assert_eq!(outcome.damaged.len(), 1, "{outcome:?}");
        let store: Store = disk.way();
        store.head(&pack).await.expect("the pack stays");
    });
}

#[test]
fn a_damaged_listing_of_the_newest_point_costs_reading_and_no_backup() {
    let folder = tempfile::tempdir().expect("a folder");
    tree(folder.path(), &[("a", 1)]);
    block_on(async {
        let disk = Disk::new();
        let first = back_up(&made(&disk).await, folder.path()).await;
        let pack = path::pack(first.manifest.packs[0]);
        // The header, then 3,000 bytes of noise as sealed, then the listing.
        flip(&disk, &pack, 16 + 3028 + 16).await;
        let told = Told::default();
        let request = request(folder.path(), Method::Forever, 512);
        let made = backup::run(&vault(&disk).await, &request, &AsItIs, &told).await;
        made.expect("a backup");
        let told = told.0.lock().expect("nobody panicked");
        assert!(
            told.iter().any(|why| why.contains("fails authentication")),
            "{told:?}"
        );
    });
}

#[test]
fn a_strangers_slot_and_names_in_deeper_folders_are_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    tree(folder.path(), &[("a", 1)]);
    block_on(async {
        let disk = Disk::new();
        let point = back_up(&made(&disk).await, folder.path()).await;
        // First in the list, and of a version that nobody has made.
        let slot = KeySlot {
            version: 9,
            cost: KdfCost::DEFAULT,
            salt: [0; 16],
            commitment: [0; 32],
            nonce: [0; 12],
            wrapped: Vec::new(),
            created: Timestamp::default(),
        };
        put(&disk, &path::key(ObjectId([0; 16])), write_slot(&slot)).await;
        let id = point.manifest.packs[0];
        put(&disk, &At::from(format!("packs/packs/{id}")), vec![1]).await;
        let hides = format!("deleted/old/{}", point.point);
        put(&disk, &At::from(hides), vec![1]).await;
        let vault = vault(&disk).await;
        let again = back_up(&vault, folder.path()).await;
        assert_eq!(
            again.manifest.statistics.blocks_stored, 0,
            "the pack is sound"
        );
        let catalog = Catalog::load(&vault).await.expect("the catalog");
        assert_eq!(catalog.points().len(), 2);
    });
}
