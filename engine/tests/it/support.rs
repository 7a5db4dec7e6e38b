//! What the tests share: vaults over memory or disk, and short ways to back up and restore.

use std::path::Path;
use std::sync::Arc;

use engine::backup::{self, Backup, Outcome, Quiet, Request};
use engine::format::keyslot::{KdfCost, Terms};
use engine::format::point::Method;
use engine::restore;
use engine::seam::{AsItIs, Store, World};
use engine::source::Source;
use engine::vault::{Catalog, Vault};
use object_store::memory::InMemory;

/// Cheap on purpose: these tests are not about the passphrase.
pub(crate) const CHEAP: KdfCost = KdfCost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};
pub(crate) const PASSPHRASE: &[u8] = b"correct horse";

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build();
    runtime.expect("a runtime").block_on(future)
}

pub(crate) fn memory() -> Store {
    Arc::new(InMemory::new())
}

pub(crate) async fn new_vault(store: &Store) -> Vault {
    Vault::create(
        World::real(Arc::clone(store)),
        PASSPHRASE,
        CHEAP,
        Terms::DEFAULT,
    )
    .await
    .expect("a new vault")
}

pub(crate) async fn open(store: &Store) -> Vault {
    Vault::open(World::real(Arc::clone(store)), PASSPHRASE)
        .await
        .expect("the vault opens")
}

pub(crate) fn request(source: &Path, method: Method, block_bytes: u64) -> Backup {
    Backup {
        sources: vec![Source::detect(source).expect("a source")],
        request: Request {
            method,
            instance: "test".to_owned(),
        },
        block_bytes,
        by: "test".to_owned(),
        program: "test".to_owned(),
        host: None,
        tags: Vec::new(),
    }
}

pub(crate) async fn back_up(vault: &Vault, source: &Path, method: Method, block: u64) -> Outcome {
    backup::run(vault, &request(source, method, block), &AsItIs, &Quiet)
        .await
        .expect("a backup")
}

pub(crate) async fn restore_to(
    vault: &Vault,
    point: &str,
    target: &Path,
) -> engine::Result<restore::Outcome> {
    let catalog = Catalog::load(vault).await?;
    let point = catalog.resolve(point)?;
    let request = restore::Request {
        target: target.to_owned(),
        paths: Vec::new(),
        overwrite: false,
        dry_run: false,
    };
    restore::run(vault, &catalog, point, &request, &Quiet).await
}

/// Bytes that do not compress and follow from `seed`.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut out);
    out
}
