//! Damage and interruption: found, named, and nothing acknowledged is lost.

use std::fs;
use std::sync::Arc;

use engine::backup::{self, Quiet};
use engine::format::point::Method;
use engine::seam::{AsItIs, Store, World};
use engine::vault::Vault;
use engine::{ErrorKind, check};
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutPayload};

use crate::support::{
    PASSPHRASE, back_up, block_on, memory, new_vault, noise, open, request, restore_to,
};

async fn objects(store: &Store) -> Vec<object_store::ObjectMeta> {
    let mut objects: Vec<_> = store.list(None).try_collect().await.expect("a list");
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    objects
}

async fn small_vault(folder: &std::path::Path) -> Store {
    let store = memory();
    let vault = new_vault(&store).await;
    let source = folder.join("source");
    fs::create_dir_all(&source).expect("a folder");
    for generation in 0..2 {
        fs::write(source.join("file"), noise(generation, 200_000)).expect("a file");
        fs::write(
            source.join("text"),
            "word ".repeat(1000 + generation as usize),
        )
        .expect("a file");
        back_up(&vault, &source, Method::Incremental, 4096).await;
    }
    store
}

#[test]
fn a_flipped_byte_anywhere_is_found_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let store = small_vault(folder.path()).await;
        let sound = check::run(&open(&store).await, true, &Quiet)
            .await
            .expect("a check");
        assert!(sound.errors.is_empty(), "{:?}", sound.errors);
        for object in objects(&store).await {
            let bytes = store.get(&object.location).await.expect("it is there");
            let bytes = bytes.bytes().await.expect("its bytes");
            // Every byte of small objects; of larger ones the ends and a stride between.
            let all = 0..bytes.len();
            let stride = (bytes.len() / 150).max(1);
            let edges = all.clone().take(60).chain(all.clone().rev().take(120));
            let places: std::collections::BTreeSet<_> = edges.chain(all.step_by(stride)).collect();
            for at in places {
                let mut flipped = bytes.to_vec();
                flipped[at] ^= 1 << (at % 8);
                store
                    .put(&object.location, PutPayload::from(flipped))
                    .await
                    .expect("a put");
                let name = object.location.as_ref();
                match Vault::open(World::real(Arc::clone(&store)), PASSPHRASE).await {
                    Err(error) => {
                        assert!(error.to_string().contains(name), "{name}[{at}]: {error}");
                    }
                    Ok(vault) => {
                        let found = check::run(&vault, true, &Quiet).await.expect("a check");
                        let named = found
                            .errors
                            .iter()
                            .any(|error| error.to_string().contains(name));
                        assert!(named, "byte {at} of {name}: {:?}", found.errors);
                    }
                }
            }
            let whole = PutPayload::from(bytes.clone());
            store.put(&object.location, whole).await.expect("a put");
            // Truncated, and gone.
            let short = PutPayload::from(bytes.slice(..bytes.len() - 1));
            store.put(&object.location, short).await.expect("a put");
            if let Ok(vault) = Vault::open(World::real(Arc::clone(&store)), PASSPHRASE).await {
                let found = check::run(&vault, false, &Quiet).await.expect("a check");
                assert!(!found.errors.is_empty(), "{} cut short", object.location);
            }
            store
                .put(&object.location, PutPayload::from(bytes))
                .await
                .expect("a put");
        }
    });
}

#[test]
fn a_missing_object_breaks_what_needs_it_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let store = small_vault(folder.path()).await;
        for object in objects(&store).await {
            let name = object.location.to_string();
            if name.starts_with("keys/") || name == "vault" || name.starts_with("points/") {
                continue;
            }
            let bytes = store
                .get(&object.location)
                .await
                .expect("there")
                .bytes()
                .await
                .expect("bytes");
            store.delete(&object.location).await.expect("a delete");
            let found = check::run(&open(&store).await, false, &Quiet)
                .await
                .expect("a check");
            assert!(
                found
                    .errors
                    .iter()
                    .any(|error| error.to_string().contains(&name)),
                "{name}"
            );
            store
                .put(&object.location, PutPayload::from(bytes))
                .await
                .expect("a put");
        }
    });
}

#[test]
fn blobs_of_two_vaults_or_two_places_can_not_be_swapped() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let store = small_vault(folder.path()).await;
        let packs: Vec<_> = objects(&store)
            .await
            .into_iter()
            .filter(|object| object.location.as_ref().starts_with("packs/"))
            .collect();
        let [first, second] = &packs[..] else {
            panic!("two packs expected")
        };
        let bytes = store
            .get(&first.location)
            .await
            .expect("there")
            .bytes()
            .await
            .expect("bytes");
        store
            .put(&second.location, PutPayload::from(bytes))
            .await
            .expect("a put");
        let found = check::run(&open(&store).await, true, &Quiet)
            .await
            .expect("a check");
        let named = |error: &engine::Error| error.to_string().contains(second.location.as_ref());
        assert!(found.errors.iter().any(named), "{:?}", found.errors);
    });
}

#[test]
fn wrong_passphrase_no_vault_and_a_newer_vault_are_told_apart() {
    block_on(async {
        let store = memory();
        let world = || World::real(Arc::clone(&store));
        let none = Vault::open(world(), PASSPHRASE)
            .await
            .expect_err("no vault");
        assert_eq!(none.kind(), ErrorKind::NotFound);
        new_vault(&store).await;
        let wrong = Vault::open(world(), b"wrong").await.expect_err("wrong");
        assert_eq!(wrong.kind(), ErrorKind::Denied);
        let again = Vault::create(
            world(),
            PASSPHRASE,
            crate::support::CHEAP,
            engine::format::keyslot::Terms::DEFAULT,
        )
        .await;
        assert_eq!(
            again.expect_err("a vault is there").kind(),
            ErrorKind::Conflict
        );
        let header = engine::format::keyslot::VaultHeader {
            magic: engine::format::keyslot::VAULT_MAGIC.to_owned(),
            version: 999,
            vault: engine::ids::VaultId([0; 16]),
            created: engine::units::Timestamp::default(),
        };
        let header = engine::format::keyslot::write_vault(&header);
        store
            .put(&"vault".into(), PutPayload::from(header))
            .await
            .expect("a put");
        let newer = Vault::open(world(), PASSPHRASE).await.expect_err("newer");
        assert_eq!(newer.kind(), ErrorKind::Unsupported);
    });
}

#[test]
fn an_interrupted_backup_is_taken_over_and_not_paid_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    fs::create_dir(&source).expect("a folder");
    for file in 0..6 {
        fs::write(source.join(format!("{file}")), noise(file, 8_000_000)).expect("a file");
    }
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        let whole = back_up(&vault, &source, Method::Full, 4096).await;
        // What a kill before the manifest leaves: packs, and perhaps index segments.
        store
            .delete(&format!("points/{}", whole.point).into())
            .await
            .expect("a delete");
        let again = backup::run(
            &vault,
            &request(&source, Method::Full, 4096),
            &AsItIs,
            &Quiet,
        )
        .await;
        let again = again.expect("a backup");
        assert!(
            again.sent_bytes * 20 < whole.sent_bytes,
            "{} again",
            again.sent_bytes
        );
        assert_eq!(
            again.manifest.statistics.blocks_stored,
            whole.manifest.statistics.blocks_stored
        );
        let checked = check::run(&vault, true, &Quiet).await.expect("a check");
        assert!(checked.errors.is_empty(), "{:?}", checked.errors);
        let target = folder.path().join("target");
        restore_to(&vault, "latest", &target)
            .await
            .expect("a restore");
        assert!(fs::read(target.join("5")).expect("a file") == noise(5, 8_000_000));
    });
}
