//! A disk that is full: said so, with what to do, and nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{json, noise, run, text};

/// A small file system of its own, gone when dropped.
struct Small(PathBuf);

impl Small {
    /// `None`, said loudly, where file systems can't be mounted.
    #[expect(clippy::print_stderr, reason = "a skipped check says so")]
    fn mounted(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir(at).expect("a folder");
        let size = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs", text(at)])
            .output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        assert!(
            std::env::var_os("FIREDRILL_REQUIRE_ALL").is_none(),
            "mounting a tmpfs: {mounted:?}"
        );
        eprintln!("SKIPPED: a full disk: mounting a tmpfs needs root: {mounted:?}");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // A test that failed has said why already.
        let _ = Command::new("umount").arg(&self.0).status().is_ok();
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(small) = Small::mounted(&folder.path().join("small"), "24m") else {
        return;
    };
    let (vault, source) = (small.0.join("vault"), folder.path().join("source"));
    let (vault, source) = (text(&vault), text(&source));
    fs::create_dir(source).expect("a folder");
    fs::write(format!("{source}/small"), noise(1, 6_000_000)).expect("a file");
    json(&["init", vault]);
    let first = json(&["backup", vault, source]);
    let before = fs::read(format!("{source}/small")).expect("a file");

    fs::write(format!("{source}/large"), noise(2, 40_000_000)).expect("a file");
    let (code, _, err) = run(&["backup", vault, source]);
    assert_eq!(code, 5, "{err}");
    assert!(
        err.contains("packs/") && err.contains("free some space"),
        "{err}"
    );

    // The vault is whole, and its point comes back: elsewhere, as there is no room here.
    assert_eq!(json(&["check", vault, "--read-data"])["sound"], true);
    let point = first["point"].as_str().expect("an id");
    let full = small.0.join("back");
    fs::write(small.0.join("ballast"), noise(3, 16_000_000)).unwrap_or_default();
    let (code, _, err) = run(&["restore", vault, point, text(&full)]);
    assert_eq!(code, 5, "{err}");
    assert!(
        err.contains("small") && err.contains("free some space"),
        "{err}"
    );
    let target = folder.path().join("back");
    json(&["restore", vault, point, text(&target)]);
    assert!(fs::read(target.join("small")).expect("it is back") == before);

    // With room again the next backup goes on.
    fs::remove_file(small.0.join("ballast")).expect("it goes");
    fs::remove_dir_all(&full).expect("it goes");
    fs::remove_file(format!("{source}/large")).expect("it goes");
    json(&["backup", vault, source]);
    assert_eq!(json(&["check", vault, "--read-data"])["sound"], true);
}
