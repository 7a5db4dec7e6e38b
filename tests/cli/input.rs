//! Bad input: a clear error that names the thing and the next step, with its exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use crate::support::{firedrill, json, noise, run, text};

#[test]
fn every_kind_of_bad_input_has_its_message_and_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (vault, source, image) = (at("vault"), at("source"), at("disk.img"));
    fs::create_dir(&source).expect("a folder");
    fs::write(format!("{source}/file"), "x").expect("a file");
    fs::write(&image, noise(1, 8192)).expect("an image");
    json(&["init", &vault]);
    json(&["backup", &vault, &source]);
    json(&["init", &format!("{source}/inside")]);
    let inside = format!("{source}/inside");
    let cases: [(&[&str], i32, &str); 12] = [
        (
            &["points", &at("nowhere")],
            2,
            "does not exist: `firedrill init",
        ),
        (&["points", &source], 2, "is not a vault: `firedrill init"),
        (&["init", &vault], 2, "holds a vault already"),
        (&["init", &image], 2, "disk.img"),
        (&["init", &at("source")], 2, "is not empty"),
        (&["backup", &vault, &at("absent")], 2, "absent"),
        (&["backup", &inside, &source], 2, "lies inside the source"),
        (
            &["backup", &vault, &image, "--block-size", "1000"],
            2,
            "multiple of 512",
        ),
        (
            &["restore", &vault, "ffffffff", &at("t")],
            2,
            "no recovery point 'ffffffff'",
        ),
        (
            &["restore", &vault, "latest", &at("t"), "--path", "no"],
            2,
            "holds no path 'no'",
        ),
        (&["points", "gs://bucket/vault"], 2, "not on gs://"),
        (
            &["compare", "--data", &source, &image, "--out", &at("o")],
            2,
            "different kinds",
        ),
    ];
    for (arguments, code, message) in cases {
        let (got, _, err) = run(arguments);
        assert_eq!(got, code, "{arguments:?}: {err}");
        assert!(err.contains(message), "{arguments:?}: {err}");
    }
    let (code, _, err) = run(&["points", &at("nowhere"), "--json"]);
    let document: serde_json::Value = serde_json::from_str(&err).expect("errors are JSON too");
    assert_eq!((code, document["exit"].as_i64()), (2, Some(2)));
    assert_eq!(
        json(&["check", &vault, "--read-data"])["sound"],
        true,
        "nothing was lost"
    );
}

#[test]
fn a_wrong_passphrase_and_damage_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    let source = folder.path().join("source");
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("file"), noise(3, 100_000)).expect("a file");
    json(&["init", text(&vault)]);
    json(&["backup", text(&vault), text(&source)]);
    let wrong = firedrill(&["points", text(&vault)])
        .env("FIREDRILL_PASSPHRASE", "wrong")
        .output()
        .expect("it runs");
    assert_eq!(wrong.status.code(), Some(6));
    let pack = fs::read_dir(vault.join("packs"))
        .expect("packs")
        .next()
        .expect("a pack");
    let pack = pack.expect("a pack").path();
    let mut bytes = fs::read(&pack).expect("its bytes");
    bytes[5000] ^= 1;
    fs::write(&pack, bytes).expect("a flip");
    let (code, out, _) = run(&["check", text(&vault), "--read-data"]);
    assert_eq!(code, 4);
    let name = pack.file_name().expect("a name").to_str().expect("UTF-8");
    assert!(out.contains("DAMAGED") && out.contains(name), "{out}");
    let target = folder.path().join("target");
    let (code, _, err) = run(&["restore", text(&vault), "latest", text(&target)]);
    assert_eq!(code, 4);
    assert!(err.contains(name), "{err}");
}

#[test]
fn an_unreadable_file_is_named_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, source) = (folder.path().join("vault"), folder.path().join("source"));
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("good"), "good").expect("a file");
    fs::write(source.join("secret"), "secret").expect("a file");
    let open = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    open(folder.path(), 0o777);
    open(&source.join("secret"), 0o000);
    let run_unprivileged = |arguments: &[&str]| {
        let mut command = firedrill(arguments);
        if rustix::process::geteuid().is_root() {
            // Root reads everything: be nobody for once.
            command.uid(65534).gid(65534);
        }
        command.output().expect("it runs")
    };
    assert!(run_unprivileged(&["init", text(&vault)]).status.success());
    let output = run_unprivileged(&["backup", text(&vault), text(&source), "--json"]);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("secret: Permission denied"), "{err}");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(
        (outcome["unreadable"].as_u64(), outcome["files"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(json(&["check", text(&vault), "--read-data"])["sound"], true);
}
