//! The independent reader, written from `FORMAT.md` alone, gives back what the engine wrote.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use engine::format::point::Method;
use engine::seam::open_local;

use crate::fixture::{self, FIXTURE_PASSPHRASE, Holds, POINTS, assert_tree, open_fixture};
use crate::support::{PASSPHRASE, back_up, block_on, new_vault, noise};

fn python() -> PathBuf {
    std::env::var_os("FIREDRILL_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// Whether Python and the reader's packages are there. Where everything is required, a lack fails.
#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
fn ready() -> bool {
    let imports = "import argon2, blake3, cryptography, zstandard";
    let lack = match Command::new(python()).args(["-c", imports]).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let how = "pip install argon2-cffi blake3 cryptography zstandard, or set FIREDRILL_PYTHON";
    assert!(
        std::env::var_os("FIREDRILL_REQUIRE_ALL").is_none(),
        "the independent reader can't run ({how}): {lack}"
    );
    eprintln!("SKIPPED: the independent reader can't run ({how}): {lack}");
    false
}

fn run(vault: &Path, passphrase: &str, rest: &[&str]) -> Output {
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reader/firedrill_reader.py");
    Command::new(python())
        .arg("-B")
        .arg(reader)
        .arg(vault)
        .args(rest)
        .env("FIREDRILL_PASSPHRASE", passphrase)
        .output()
        .expect("python runs")
}

fn restore(vault: &Path, passphrase: &str, point: &str, target: &Path) {
    let target = target.to_str().expect("a plain path");
    let output = run(vault, passphrase, &["restore", point, target]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "restore {point}: {said}");
}

#[test]
fn a_stranger_reads_the_committed_vault() {
    if !ready() {
        return;
    }
    let target = tempfile::tempdir().expect("a folder");
    let points = block_on(async { fixture::points(&open_fixture().await).await });
    let listed = run(&fixture::folder(), FIXTURE_PASSPHRASE, &["points"]);
    let listed = String::from_utf8(listed.stdout).expect("text");
    let ids: Vec<_> = listed.lines().filter_map(|line| line.get(..32)).collect();
    assert_eq!(ids, points);
    for (point, (holds, version)) in points.iter().zip(POINTS) {
        let at = target.path().join(point);
        restore(&fixture::folder(), FIXTURE_PASSPHRASE, point, &at);
        if holds == "tree" {
            assert_tree(&at, version, false);
        } else {
            let image = fs::read(&at).expect("an image");
            assert!(image == fixture::disk(version), "{point}");
        }
    }
    let denied = run(&fixture::folder(), "another passphrase", &["points"]);
    assert!(!denied.status.success(), "only the passphrase opens it");
}

#[test]
fn a_stranger_reads_the_committed_vault_of_version_2() {
    if !ready() {
        return;
    }
    let target = tempfile::tempdir().expect("a folder");
    let vault = fixture::folder_v2();
    let points = block_on(fixture::points_v2());
    let listed = |option: &[&str]| {
        let listed = run(&vault, FIXTURE_PASSPHRASE, &[&["points"], option].concat());
        let listed = String::from_utf8(listed.stdout).expect("text");
        let ids = listed.lines().filter_map(|line| line.get(..32));
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]), points[..3], "what is deleted is hidden");
    assert_eq!(listed(&["--deleted"]), points[3..]);
    for (point, holds) in points.iter().zip(&Holds::ALL) {
        let at = target.path().join(point);
        let asked = ["restore", point, at.to_str().expect("a plain path")];
        let output = run(&vault, FIXTURE_PASSPHRASE, &asked);
        assert_eq!(output.status.success(), !holds.deleted, "{holds:?}");
        if !holds.deleted {
            holds.assert_restored(&at, false);
        }
    }
}

/// Asserts that two trees are the same in all that the reader restores.
fn assert_same(a: &Path, b: &Path) {
    let [left, right] = [a, b].map(|at| fs::symlink_metadata(at).expect("metadata"));
    let shown = b.display();
    assert_eq!(left.mode(), right.mode(), "{shown}");
    let times = |of: &fs::Metadata| (of.mtime(), of.mtime_nsec());
    assert_eq!(times(&left), times(&right), "{shown}");
    if left.is_dir() {
        let [left, right] = [a, b].map(|at| {
            let entries = fs::read_dir(at).expect("a folder");
            let mut names: Vec<_> = entries
                .map(|entry| entry.expect("an entry").file_name())
                .collect();
            names.sort();
            names
        });
        assert_eq!(left, right, "{shown}");
        for name in left {
            assert_same(&a.join(&name), &b.join(&name));
        }
    } else if left.is_symlink() {
        let [left, right] = [a, b].map(|at| fs::read_link(at).expect("a link"));
        assert_eq!(left, right, "{shown}");
    } else {
        assert_eq!(left.nlink(), right.nlink(), "{shown}");
        let [left, right] = [a, b].map(|at| fs::read(at).expect("a file"));
        assert!(left == right, "{shown}");
    }
}

#[test]
fn a_stranger_reads_a_vault_made_today() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let [vault_at, tree, image] =
        ["vault", "tree", "disk.img"].map(|name| folder.path().join(name));
    fs::create_dir(&vault_at).expect("a folder");
    fs::create_dir_all(tree.join("a/b")).expect("folders");
    // Several packs of data, several chunks, and entries enough for more than one listing blob.
    fs::write(tree.join("a/large"), noise(1, 40 << 20)).expect("a file");
    fs::write(
        tree.join("a/b/text"),
        "all work and no play\n".repeat(100_000),
    )
    .expect("a file");
    for number in 0..3000 {
        fs::write(tree.join(format!("a/b/{number}")), format!("{number}")).expect("a file");
    }
    fs::hard_link(tree.join("a/b/7"), tree.join("seven")).expect("a hard link");
    symlink("a/b/text", tree.join("text")).expect("a link");
    fs::set_permissions(tree.join("seven"), fs::Permissions::from_mode(0o640)).expect("a mode");
    let disk = fs::File::create(&image).expect("an image");
    disk.set_len(4 << 20).expect("a size");
    disk.write_all_at(&noise(2, 600_000), 1 << 20)
        .expect("data");
    let passphrase = std::str::from_utf8(PASSPHRASE).expect("text");
    let [first, second, third] = block_on(async {
        let vault = new_vault(&open_local(&vault_at).expect("a store")).await;
        let first = back_up(&vault, &tree, Method::Incremental, 512).await.point;
        fs::write(tree.join("a/b/8"), "another eight").expect("a file");
        let second = back_up(&vault, &tree, Method::Incremental, 512).await.point;
        let third = back_up(&vault, &image, Method::Full, 512).await.point;
        [first, second, third].map(|point| point.to_string())
    });
    let at = folder.path().join("second");
    restore(&vault_at, passphrase, &second, &at);
    assert_same(&tree, &at);
    let at = folder.path().join("first");
    restore(&vault_at, passphrase, &first, &at);
    assert_eq!(fs::read(at.join("a/b/8")).expect("a file"), b"8");
    let at = folder.path().join("third");
    restore(&vault_at, passphrase, &third, &at);
    assert!(fs::read(&at).expect("an image") == fs::read(&image).expect("an image"));
    damaged(&vault_at, passphrase, &second, folder.path());
}

/// A flipped byte in the largest pack must be told, not restored.
fn damaged(vault: &Path, passphrase: &str, point: &str, folder: &Path) {
    let packs = fs::read_dir(vault.join("packs")).expect("packs");
    let largest = packs
        .map(|entry| entry.expect("an entry").path())
        .max_by_key(|at| fs::metadata(at).expect("metadata").len());
    let largest = largest.expect("a pack");
    let mut bytes = fs::read(&largest).expect("a pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).expect("a pack");
    let target = folder.join("damaged");
    let target = target.to_str().expect("a plain path");
    let output = run(vault, passphrase, &["restore", point, target]);
    assert!(!output.status.success(), "a flipped byte is found");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("damaged"), "{said}");
}
