//! A crash before or just after every single write of a backup: the vault opens, every finished
//! point is whole, and the next backup does not pay again for what had landed.

use std::fs;
use std::path::Path as FsPath;

use engine::backup::{self, Quiet};
use engine::check;
use engine::format::point::Method;
use engine::seam::{AsItIs, Store};

use crate::faulty::{Calls, Disk, Fault};
use crate::support::{back_up, block_on, new_vault, noise, open, request, restore_to};

/// A vault with one point of `source`, and then the source as the next backup will find it.
async fn vault_with_a_point(source: &FsPath) -> Disk {
    let disk = Disk::new();
    let vault = new_vault(&store(&disk)).await;
    fs::create_dir_all(source).expect("a folder");
    for file in 0..3 {
        fs::write(source.join(format!("{file}")), noise(file, 9_000_000)).expect("a file");
    }
    back_up(&vault, source, Method::Full, 4096).await;
    for file in 1..4 {
        let content = noise(10 + file, 17_000_000);
        fs::write(source.join(format!("{file}")), content).expect("a file");
    }
    disk
}

fn store(disk: &Disk) -> Store {
    disk.way()
}

#[test]
fn a_crash_at_any_write_loses_nothing_and_is_not_paid_for_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    block_on(async {
        let first = vault_with_a_point(&source).await;
        for method in [Method::Incremental, Method::SyntheticFull] {
            let (mut write, mut finished) = (0, false);
            while !finished {
                for fault in [Fault::Crash, Fault::CrashApplied] {
                    finished = crash(&first, &source, method, write, fault).await;
                }
                write += 1;
            }
            assert!(
                write > 4,
                "{method}: packs, index, manifest: {write} writes"
            );
        }
    });
}

/// Crashes at one write; tells whether the backup needed no more than the writes before it.
async fn crash(first: &Disk, source: &FsPath, method: Method, write: u64, fault: Fault) -> bool {
    let shown = format!("{method}, write {write}, {fault:?}");
    let disk = first.copied();
    let before = disk.stored_bytes().await;
    let faulty: Store = disk.faulty(Calls::Puts, write, fault);
    let vault = open(&faulty).await;
    let crashed = backup::run(&vault, &request(source, method, 4096), &AsItIs, &Quiet).await;
    let landed = disk.stored_bytes().await - before;
    let vault = open(&store(&disk)).await;
    let found = check::run(&vault, true, &Quiet).await.expect("a check");
    assert!(found.errors.is_empty(), "{shown}: {:?}", found.errors);
    // A crash after the manifest was applied has made the point, although nobody was told.
    let made = match found.points {
        1 => false,
        2 => true,
        other => panic!("{shown}: {other} points"),
    };
    if crashed.is_ok() {
        assert!(made, "{shown}: what was acknowledged is there");
        return true;
    }
    let again = back_up(&vault, source, method, 4096).await;
    let all = disk.stored_bytes().await - before;
    // What had landed is neither sealed nor copied again, unless it is a point's already.
    let whole = 52_000_000
        + if method == Method::SyntheticFull {
            9_000_000
        } else {
            0
        };
    assert!(
        made || all < whole + whole / 20,
        "{shown}: {all} bytes, {landed} had landed"
    );
    let target = tempfile::tempdir().expect("a folder");
    let target = target.path().join("back");
    restore_to(&vault, &again.point.to_string(), &target)
        .await
        .expect("a restore");
    for file in fs::read_dir(source).expect("the source") {
        let name = file.expect("a file").file_name();
        let [left, right] = [source, &target].map(|at| fs::read(at.join(&name)).expect("a file"));
        assert!(left == right, "{shown}: {}", name.display());
    }
    false
}
