//! Whole backups and restores of a small tree, over a store in memory: the engine without a disk.

use std::path::Path;
use std::sync::Arc;

use benches::{noise, text};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use engine::backup::{self, Backup, Quiet, Request};
use engine::check;
use engine::format::keyslot::{KdfCost, Terms};
use engine::format::point::Method;
use engine::restore;
use engine::seam::{AsItIs, World};
use engine::source::Source;
use engine::vault::{Catalog, Vault};
use object_store::memory::InMemory;
use tokio::runtime::Runtime;

/// The vault's key slot is not what is measured.
const CHEAP: KdfCost = KdfCost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};
const TREE_BYTES: u64 = 112 << 20;

/// Two thousand small files, half text and half noise, and six large ones of each.
fn tree(at: &Path) {
    for number in 0..2000_u64 {
        let folder = at.join(format!("{}", number / 200));
        std::fs::create_dir_all(&folder).expect("a folder");
        let content = if number % 2 == 0 { text } else { noise }(number, 8 << 10);
        std::fs::write(folder.join(format!("{number}")), content).expect("a file");
    }
    for number in 0..12_u64 {
        let content = if number % 2 == 0 { text } else { noise }(number, 8 << 20);
        std::fs::write(at.join(format!("large-{number}")), content).expect("a file");
    }
}

async fn new_vault() -> Vault {
    let world = World::real(Arc::new(InMemory::new()));
    Vault::create(world, b"bench", CHEAP, Terms::DEFAULT)
        .await
        .expect("a vault")
}

async fn back_up(vault: &Vault, source: &Path) {
    let backup = Backup {
        sources: vec![Source::detect(source).expect("a source")],
        request: Request {
            method: Method::Incremental,
            instance: "bench".to_owned(),
        },
        block_bytes: 64 << 10,
        by: "bench".to_owned(),
        program: "bench".to_owned(),
        host: None,
        tags: Vec::new(),
    };
    backup::run(vault, &backup, &AsItIs, &Quiet)
        .await
        .expect("a backup");
}

async fn bring_back(vault: &Vault, target: &Path) {
    let catalog = Catalog::load(vault).await.expect("a catalog");
    let point = catalog.resolve("latest").expect("a point");
    let request = restore::Request {
        target: target.to_owned(),
        paths: Vec::new(),
        overwrite: false,
        dry_run: false,
    };
    let restored = restore::run(vault, &catalog, point, &request, &Quiet).await;
    restored.expect("a restore");
}

fn whole(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    tree(&source);
    let vault = runtime.block_on(async {
        let vault = new_vault().await;
        back_up(&vault, &source).await;
        vault
    });
    let mut group = c.benchmark_group("whole");
    group
        .throughput(Throughput::Bytes(TREE_BYTES))
        .sample_size(10);
    group.bench_function("first backup", |b| {
        b.iter_batched(
            || runtime.block_on(new_vault()),
            |vault| {
                runtime.block_on(back_up(&vault, &source));
                vault
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("unchanged backup", |b| {
        b.iter(|| runtime.block_on(back_up(&vault, &source)));
    });
    group.bench_function("restore", |b| {
        b.iter_batched(
            || tempfile::tempdir().expect("a folder"),
            |target| {
                runtime.block_on(bring_back(&vault, &target.path().join("back")));
                target
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("check with all data read", |b| {
        b.iter(|| {
            runtime
                .block_on(check::run(&vault, true, &Quiet))
                .expect("a check")
        });
    });
    group.finish();
}

criterion_group!(benches, whole);
criterion_main!(benches);
