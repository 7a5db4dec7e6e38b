//! The first five minutes: init, backup, points, ls, restore, check, stats.

use std::fs;

use crate::support::{firedrill, json, noise, run, text};

#[test]
fn a_newcomer_gets_everything_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, source) = (folder.path().join("vault"), folder.path().join("source"));
    let (vault, source) = (text(&vault), text(&source));
    fs::create_dir_all(folder.path().join("source/docs")).expect("a folder");
    fs::write(folder.path().join("source/docs/plan.txt"), "a plan").expect("a file");
    fs::write(folder.path().join("source/large"), noise(1, 3_000_000)).expect("a file");

    let (code, out, _) = run(&["init", vault]);
    assert_eq!(code, 0);
    assert!(
        out.contains("Without the passphrase nobody can open it"),
        "{out}"
    );
    let (code, out, err) = run(&["backup", vault, source]);
    assert_eq!((code, err.as_str()), (0, ""), "quiet when piped");
    assert!(
        out.contains("read 2.86 MiB") && out.contains("2 files"),
        "{out}"
    );
    let again = json(&["backup", vault, source]);
    assert_eq!(again["blocks_stored"], 0);
    assert_eq!(again["method"], "forever");

    let points = json(&["points", vault]);
    assert_eq!(points["points"].as_array().map(Vec::len), Some(2));
    let listed = json(&["ls", vault, "latest", "docs"]);
    assert_eq!(listed["entries"][1]["path"], "docs/plan.txt");

    let target = folder.path().join("back");
    let restored = json(&["restore", vault, "latest", text(&target)]);
    assert_eq!(restored["files"], 2);
    assert!(fs::read(target.join("large")).expect("a file") == noise(1, 3_000_000));
    let part = folder.path().join("part");
    json(&["restore", vault, "latest", text(&part), "--path", "docs/"]);
    assert_eq!(
        fs::read(part.join("docs/plan.txt")).expect("a file"),
        b"a plan"
    );
    assert!(!part.join("large").exists());

    assert_eq!(json(&["check", vault, "--read-data"])["sound"], true);
    let stats = json(&["stats", vault]);
    let on_disk: u64 = walk_bytes(&folder.path().join("vault"));
    assert_eq!(stats["total"]["bytes"], on_disk);
}

fn walk_bytes(at: &std::path::Path) -> u64 {
    let entries = fs::read_dir(at)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| {
            if path.is_dir() {
                walk_bytes(&path)
            } else {
                path.metadata().expect("metadata").len()
            }
        })
        .sum()
}

#[test]
fn overwriting_shows_its_plan_and_asks_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    fs::create_dir(&source).expect("a folder");
    fs::create_dir(&target).expect("a folder");
    fs::write(source.join("file"), "from the vault").expect("a file");
    fs::write(target.join("file"), "precious").expect("a file");
    let (vault, target_text) = (text(&vault), text(&target));
    json(&["init", vault]);
    json(&["backup", vault, text(&source)]);
    let (code, _, err) = run(&["restore", vault, "latest", target_text]);
    assert_eq!(code, 2);
    assert!(
        err.contains("is not empty") && err.contains("--overwrite"),
        "{err}"
    );
    assert_eq!(
        json(&["restore", vault, "latest", target_text, "--dry-run"])["replaced"],
        1
    );
    let (code, _, err) = run(&["restore", vault, "latest", target_text, "--overwrite"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("1 that stand there now will be replaced"),
        "{err}"
    );
    assert_eq!(fs::read(target.join("file")).expect("a file"), b"precious");
    json(&[
        "restore",
        vault,
        "latest",
        target_text,
        "--overwrite",
        "--yes",
    ]);
    assert_eq!(
        fs::read(target.join("file")).expect("a file"),
        b"from the vault"
    );
}

#[test]
fn the_passphrase_comes_from_a_file_or_a_command_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    let vault = text(&vault);
    let file = folder.path().join("passphrase");
    fs::write(&file, "from a file\nand not this").expect("a file");
    let without = |arguments: &[&str]| {
        let mut command = firedrill(arguments);
        command
            .env_remove("FIREDRILL_PASSPHRASE")
            .stdin(std::process::Stdio::null());
        command.output().expect("it runs").status.code()
    };
    assert_eq!(
        without(&["init", vault, "--passphrase-file", text(&file)]),
        Some(0)
    );
    let command = "printf 'from a file'";
    assert_eq!(
        without(&["points", vault, "--passphrase-command", command]),
        Some(0)
    );
    assert_eq!(
        without(&["points", vault, "--passphrase-command", "echo wrong"]),
        Some(6)
    );
    assert_eq!(without(&["points", vault]), Some(2));
}
