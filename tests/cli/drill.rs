//! Drills: evidence, exit codes, metrics, and damage named by file and point.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{firedrill, json, noise, run, text};

/// A vault with two points of one instance and one of another.
fn vault(folder: &Path) -> PathBuf {
    let (vault, source) = (folder.join("vault"), folder.join("source"));
    fs::create_dir_all(source.join("docs")).expect("a folder");
    fs::write(source.join("docs/plan.txt"), "a plan").expect("a file");
    json(&["init", text(&vault)]);
    for version in 0..2 {
        fs::write(source.join("large"), noise(version, 600_000)).expect("a file");
        json(&[
            "backup",
            text(&vault),
            text(&source),
            "--instance",
            "host:/docs",
        ]);
    }
    json(&[
        "backup",
        text(&vault),
        text(&source.join("docs")),
        "--instance",
        "other",
    ]);
    vault
}

/// Runs a drill and gives its exit code and document.
fn drill(arguments: &[&str]) -> (i32, serde_json::Value) {
    let (code, out, err) = run(&[&["drill"], arguments, &["--json"]].concat());
    let document = serde_json::from_str(&out);
    (
        code,
        document.unwrap_or_else(|error| panic!("{error}: {out} {err}")),
    )
}

/// The packs that hold a version of `large` each, oldest first.
fn large_packs(vault: &Path) -> Vec<PathBuf> {
    let packs = fs::read_dir(vault.join("packs")).expect("a folder");
    let packs = packs.map(|pack| pack.expect("an entry").path());
    let mut packs: Vec<_> = packs
        .map(|pack| (pack.metadata().expect("metadata"), pack))
        .filter(|(metadata, _)| metadata.len() > 500_000)
        .collect();
    packs.sort_by_key(|(metadata, _)| metadata.modified().expect("a time"));
    packs.into_iter().map(|(_, pack)| pack).collect()
}

#[test]
fn evidence_is_written_and_reads_the_same_from_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let (out, metrics) = (
        folder.path().join("evidence"),
        folder.path().join("drill.prom"),
    );
    let (code, printed) = drill(&[
        text(&vault),
        "--out",
        text(&out),
        "--metrics",
        text(&metrics),
        "--rto",
        "1h",
        "--rpo",
        "1d",
    ]);
    assert_eq!((code, &printed["verdict"]), (0, &"met".into()));
    let written = fs::read(out.join("evidence.json")).expect("evidence");
    let written: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written, printed);
    let keys = printed.as_object().expect("an object").keys();
    let keys: Vec<&str> = keys.map(String::as_str).collect();
    let expected = [
        "answer",
        "coverage_ratio",
        "drill",
        "format",
        "instances",
        "last_good_seconds",
        "points",
        "slowest_stage",
        "verdict",
        "verified_bytes",
        "wall_seconds",
    ];
    assert_eq!(keys, expected, "of format 1");
    assert_eq!(printed["format"], 1);
    assert_eq!(
        printed["drill"]["points"].as_array().map(Vec::len),
        Some(2),
        "one per instance"
    );
    assert_eq!(printed["instances"][0]["rto_met"], true);
    let page = fs::read_to_string(out.join("evidence.html")).expect("a page");
    assert!(page.contains("Yes: the newest point of each of 2 instances"));
    for file in ["drill-points.csv", "drill-points.parquet"] {
        assert!(out.join(file).exists(), "{file}");
    }
    let told = fs::read_to_string(&metrics).expect("metrics");
    assert!(
        told.contains("firedrill_newest_good_point_age_seconds{vault="),
        "{told}"
    );
    assert!(
        told.contains("instance=\"host:/docs\",objective=\"rpo\"} 1"),
        "{told}"
    );
    let beside: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(beside.len(), 4, "no temporary file is left: {beside:?}");
}

#[test]
fn nowhere_and_scratch_verify_the_same_and_nothing_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let scratch = folder.path().join("scratch");
    let (_, nowhere) = drill(&[text(&vault), "--all"]);
    let (code, real) = drill(&[text(&vault), "--all", "--to", text(&scratch)]);
    assert_eq!(code, 0);
    assert!(!scratch.exists(), "it is taken away");
    for at in 0..3 {
        let (nowhere, real) = (
            &nowhere["drill"]["points"][at],
            &real["drill"]["points"][at],
        );
        for field in [
            "point",
            "verified",
            "files",
            "bytes",
            "content_bytes",
            "fetched_bytes",
        ] {
            assert_eq!(nowhere[field], real[field], "{field}");
        }
        assert_eq!(real["verified"], true);
        assert!(real["validated_entries"].as_u64() > Some(1));
    }
    assert_eq!(real["coverage_ratio"], 1.0);
    assert_eq!(real["drill"]["history"].as_array().map(Vec::len), Some(1));
    let (code, _, err) = run(&[
        "drill",
        text(&vault),
        "--to",
        text(&folder.path().join("source")),
    ]);
    assert_eq!(code, 2);
    assert!(err.contains("is not empty"), "{err}");
    assert!(
        folder.path().join("source/large").exists(),
        "what was there stays"
    );
}

#[test]
fn objectives_that_are_missed_give_3() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let objectives = folder.path().join("objectives.toml");
    fs::write(
        &objectives,
        "rto = \"1h\"\n[instance.other]\nrto = \"0s\"\n",
    )
    .expect("a file");
    let (code, document) = drill(&[text(&vault), "--objectives", text(&objectives)]);
    assert_eq!((code, &document["verdict"]), (3, &"missed".into()));
    let met = [0, 1].map(|at| document["instances"][at]["rto_met"].as_bool());
    assert_eq!(met, [Some(true), Some(false)], "host:/docs has the hour");
    let only = [
        text(&vault),
        "--objectives",
        text(&objectives),
        "--instance",
        "host:/docs",
    ];
    assert_eq!(drill(&only).0, 0);
    fs::write(&objectives, "rto = \"soon\"\n").expect("a file");
    let (code, _, err) = run(&["drill", text(&vault), "--objectives", text(&objectives)]);
    assert_eq!(code, 2);
    assert!(
        err.contains("objectives.toml") && err.contains("'soon'"),
        "{err}"
    );
}

#[test]
fn damage_gives_4_and_names_file_and_point() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let metrics = folder.path().join("drill.prom");
    assert_eq!(drill(&[text(&vault), "--all"]).0, 0);
    let points = json(&["points", text(&vault)]);
    let first = points["points"][0]["point"]
        .as_str()
        .expect("an id")
        .to_owned();
    let pack = &large_packs(&vault)[0];
    let mut bytes = fs::read(pack).expect("a pack");
    bytes[300_000] ^= 1;
    fs::write(pack, bytes).expect("a pack");

    assert_eq!(
        drill(&[text(&vault)]).0,
        0,
        "the newest points do not need it"
    );
    for select in [&["--all"][..], &["--sample", "100%"], &["--point", &first]] {
        let arguments = [&[text(&vault), "--metrics", text(&metrics)], select].concat();
        let (code, document) = drill(&arguments);
        assert_eq!(
            (code, &document["verdict"]),
            (4, &"damaged".into()),
            "{select:?}"
        );
        let failures = document["drill"]["failures"].as_array().expect("failures");
        let named = failures
            .iter()
            .any(|failure| failure["path"] == "large" && failure["point"] == first.as_str());
        assert!(named, "{select:?}: {failures:?}");
        assert!(
            document["coverage_ratio"].as_f64() < Some(1.0),
            "what is damaged does not count"
        );
        let told = fs::read_to_string(&metrics).expect("metrics");
        assert!(
            told.contains("firedrill_drill_success{vault=") && told.contains("} 0\n"),
            "{told}"
        );
    }
    let (_, shown, _) = run(&["drill", text(&vault), "--all"]);
    assert!(
        shown.starts_with("Can you restore? Not all of it"),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("DAMAGED  {} large: packs/", &first[..8])),
        "{shown}"
    );
}

#[test]
fn where_the_newest_is_damaged_an_older_point_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let listed = json(&["points", text(&vault)]);
    let id = |at: usize| {
        listed["points"][at]["point"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    fs::remove_file(&large_packs(&vault)[1]).expect("gone");
    let (code, document) = drill(&[text(&vault), "--instance", "host:/docs"]);
    assert_eq!(code, 4);
    let row = &document["drill"]["instances"][0];
    assert_eq!(
        (&row["newest"], &row["good"]),
        (&id(1).into(), &id(0).into())
    );
    assert_eq!(row["restored"], true);
}

#[test]
fn repeated_samples_reach_all_and_the_next_drill_has_a_prediction() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let mut ratio = 0.0;
    for _ in 0..4 {
        let (code, document) = drill(&[text(&vault), "--sample", "25%"]);
        let now = document["coverage_ratio"].as_f64().expect("a ratio");
        assert!(code == 0 && now >= ratio, "{now} after {ratio}");
        assert_eq!(document["drill"]["instances"][0]["rto_predicted"], true);
        ratio = now;
    }
    assert!((ratio - 1.0).abs() < 1e-9, "{ratio}");
    drill(&[text(&vault)]);
    let (_, document) = drill(&[text(&vault)]);
    assert_eq!(
        document["drill"]["basis"].as_object().map(|_| true),
        Some(true)
    );
    let error = &document["points"][0]["prediction_error_ratio"];
    assert!(error.is_f64(), "{document:?}");
    assert_eq!(
        fs::read_dir(vault.join("drills"))
            .expect("a folder")
            .count(),
        1
    );
    for (arguments, part) in [
        (["--sample", "0%"], "no share"),
        (["--instance", "nobody"], "no recovery point of 'nobody'"),
        (["--metrics", "/nowhere/at/all.prom"], "does not exist"),
        (["--point", "zz"], "no recovery point 'zz'"),
    ] {
        let (code, _, err) = run(&[&["drill", text(&vault)], &arguments[..]].concat());
        assert_eq!(code, 2);
        assert!(err.contains(part), "{err}");
    }
}

#[test]
fn an_interrupt_leaves_no_plaintext_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, source) = (folder.path().join("vault"), folder.path().join("source"));
    fs::create_dir(&source).expect("a folder");
    for file in 0..3000 {
        fs::write(source.join(format!("{file}")), noise(file, 3000)).expect("a file");
    }
    json(&["init", text(&vault)]);
    json(&["backup", text(&vault), text(&source)]);
    let scratch = folder.path().join("scratch");
    let mut child = firedrill(&["drill", text(&vault), "--to", text(&scratch)])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it runs");
    let restored = scratch.join("restored");
    while fs::read_dir(&restored).map_or(0, Iterator::count) < 10 {
        assert!(
            child.try_wait().expect("a child").is_none(),
            "it ended before the interrupt"
        );
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a small number"));
    let terminate = rustix::process::Signal::TERM;
    rustix::process::kill_process(pid.expect("a process"), terminate).expect("a signal");
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("interrupted"), "{said}");
    assert!(!scratch.exists(), "nothing is left");
}

#[test]
fn a_vault_of_version_1_is_drilled_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("engine/tests/fixtures/vault-v1");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(&fixture)
        .arg(&vault)
        .status();
    assert!(copied.expect("it runs").success());
    let mut command = firedrill(&["drill", text(&vault), "--all", "--json"]);
    command.env("FIREDRILL_PASSPHRASE", "a passphrase for everyone to read");
    let output = command.output().expect("it runs");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (output.status.code(), &document["coverage_ratio"]),
        (Some(0), &1.0.into())
    );
    let why = document["drill"]["unrecorded"].as_str().expect("why");
    assert!(why.contains("format version 1"), "{why}");
    assert!(!vault.join("drills").exists());
}
