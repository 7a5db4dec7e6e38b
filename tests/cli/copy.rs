//! `copy` as a user runs it: two vaults, two passphrases, and nothing sent twice.

use std::fs;

use crate::support::{firedrill, json, noise, run, text};

#[test]
fn points_are_copied_between_vaults_with_passphrases_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let (here, there) = (text(&here), text(&there));
    let source = folder.path().join("source");
    let key = folder.path().join("key");
    fs::write(&key, "another passphrase\n").expect("a file");
    fs::create_dir(&source).expect("a folder");
    json(&["init", here]);
    json(&["init", there, "--passphrase-file", text(&key)]);
    for number in 0..2 {
        let name = source.join(format!("{number}"));
        fs::write(name, noise(number, 300_000)).expect("a file");
        json(&[
            "backup",
            here,
            text(&source),
            "--instance",
            "a",
            "--tag",
            "kept",
        ]);
    }
    json(&["backup", here, text(&key), "--instance", "b"]);
    let copy = |more: &[&str]| {
        let pair = ["copy", here, there, "--to-passphrase-file", text(&key)];
        json(&[&pair[..], more].concat())
    };
    let count = |told: &serde_json::Value| told["points"].as_array().map(Vec::len);
    let told = copy(&["--dry-run"]);
    assert_eq!((count(&told), told["already"].as_u64()), (Some(3), Some(0)));
    assert!(
        (600_000..700_000).contains(&told["about_bytes"].as_u64().expect("bytes")),
        "{told}"
    );
    let told = copy(&["--instance", "a"]);
    assert_eq!((count(&told), told["already"].as_u64()), (Some(2), Some(0)));
    assert!(
        (600_000..700_000).contains(&told["sent_bytes"].as_u64().expect("bytes")),
        "{told}"
    );
    let told = copy(&[]);
    assert_eq!((count(&told), told["already"].as_u64()), (Some(1), Some(2)));
    let told = copy(&[]);
    assert_eq!(
        (count(&told), told["sent_bytes"].as_u64()),
        (Some(0), Some(0))
    );

    let back = folder.path().join("back");
    let open = ["--passphrase-file", text(&key)];
    let restore = ["restore", there, "latest", text(&back), "--instance", "a"];
    json(&[&restore[..], &open].concat());
    for number in 0..2 {
        let name = format!("{number}");
        let same =
            fs::read(source.join(&name)).expect("it") == fs::read(back.join(&name)).expect("it");
        assert!(same, "{name}");
    }
    json(&[&["check", there, "--read-data"][..], &open].concat());
    let points = json(&[&["points", there, "--instance", "a"][..], &open].concat());
    assert!(points.to_string().contains("kept"), "{points}");
}

#[test]
fn what_can_not_be_copied_is_told_by_the_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let (here, there) = (text(&here), text(&there));
    let file = folder.path().join("disk");
    json(&["init", here]);
    fs::write(&file, noise(1, 100_000)).expect("a file");
    json(&["backup", here, text(&file), "--method", "full"]);
    let (code, _, err) = run(&["copy", here, there]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("does not exist"), "{err}");
    let other = |arguments: &[&str]| {
        let mut command = firedrill(arguments);
        command.env("FIREDRILL_TO_PASSPHRASE", "another");
        command.output().expect("it runs").status.code()
    };
    json(&["init", there]);
    assert_eq!(other(&["copy", here, there]), Some(6), "a wrong passphrase");
    let (code, _, err) = run(&["copy", here, here]);
    assert!(code == 2 && err.contains("same vault"), "{code}: {err}");
    let (code, _, _) = run(&["copy", here, there, "--instance", "nobody"]);
    assert_eq!(code, 2);
    for pack in fs::read_dir(folder.path().join("here/packs")).expect("packs") {
        let at = pack.expect("a pack").path();
        let mut bytes = fs::read(&at).expect("a pack");
        bytes[100] ^= 1;
        fs::remove_file(&at).expect("it goes");
        fs::write(&at, bytes).expect("a pack");
    }
    let (code, out, err) = run(&["copy", here, there]);
    assert_eq!(code, 3, "{out}{err}");
    assert!(
        out.contains("PASSED OVER") && out.contains("packs/"),
        "{out}"
    );
}
