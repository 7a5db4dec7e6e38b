//! `retention plan`: on a vault, on what is stated, its files, and what it refuses.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{firedrill, json, noise, run, text};

const BLOCK: usize = 4096;
const STATES: u64 = 12;

/// A vault of a disk of which some blocks change from state to state.
fn vault(folder: &Path) -> std::path::PathBuf {
    let (vault, disk) = (folder.join("vault"), folder.join("disk.img"));
    assert_eq!(run(&["init", text(&vault)]).0, 0);
    for state in 0..STATES {
        // Block 0 is new each time, and one more of a hundred.
        let version = |block: u64| match block {
            0 => state,
            block => u64::from(block <= state),
        };
        let blocks = (0..100).flat_map(|block| noise(block * 1000 + version(block) + 1, BLOCK));
        fs::write(&disk, blocks.collect::<Vec<u8>>()).expect("an image");
        let made = run(&["backup", text(&vault), text(&disk), "--block-size", "4KiB"]);
        assert_eq!(made.0, 0, "{}", made.2);
    }
    vault
}

#[test]
fn a_vault_is_carried_forward_and_tests_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, out) = (vault(folder.path()), folder.path().join("plan"));
    let before = objects(&vault);
    let arguments = [
        "retention",
        "plan",
        text(&vault),
        "--every",
        "1d",
        "--years",
        "1",
    ];
    let more = [
        "--keep-last",
        "30",
        "--redundancy",
        "lrs,grs",
        "--out",
        text(&out),
    ];
    let document = json(&[&arguments[..], &more[..]].concat());
    assert_eq!(objects(&vault), before, "nothing in the vault is touched");
    let basis = &document["basis"];
    assert_eq!(basis["instances"][0]["points_fitted"], STATES);
    assert_eq!(basis["instances"][0]["method"], "forever");
    assert_eq!(basis["seed"], 1);
    let policy = &document["policies"][0];
    assert_eq!(policy["months"].as_array().map(Vec::len), Some(13));
    let end = &policy["months"][12];
    assert_eq!(end["points"], 30);
    // 100 blocks, and two more for each older point that is kept or can be brought back: 30 and 14.
    let bytes = |name: &str| end[name].as_u64().expect("bytes");
    let stored = bytes("stored_bytes") / BLOCK as u64;
    assert!((150..260).contains(&stored), "{stored} blocks");
    assert!(bytes("low_bytes") <= bytes("stored_bytes"));
    assert!(bytes("high_bytes") >= bytes("stored_bytes"));
    let test = &policy["back_test"];
    assert_eq!(test["predicted_points"], test["actual_points"]);
    let error = policy["back_test_error_percent"].as_f64().expect("tested");
    assert!(error < 10.0, "{error} %");
    let grs = &end["costs"][1];
    let expected = end["billed_bytes"].as_f64().expect("bytes") / 1e9 * 0.0448;
    assert_eq!(grs["redundancy"], "grs");
    assert!((grs["storage"].as_f64().expect("a sum") - expected).abs() < 1e-12);
    assert_eq!(grs["instances"], 5.0);
    files(&out, policy["months"].as_array().map_or(0, Vec::len));
    let (code, said, _) = run(&[&arguments[..], &more[..]].concat());
    assert_eq!(code, 0);
    for part in [
        "Keeps 30 points after a year",
        "an error of",
        "9 of 10 between",
        "plan.html",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

fn objects(vault: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for folder in fs::read_dir(vault).expect("a vault") {
        let folder = folder.expect("an entry").path();
        let inside = fs::read_dir(&folder).map(|inside| {
            inside.map(|entry| entry.expect("an entry").path().display().to_string())
        });
        all.extend(inside.into_iter().flatten());
    }
    all.sort();
    all
}

/// Every file is there and opens in what it is for.
fn files(out: &Path, months: usize) {
    let csv = fs::read_to_string(out.join("plan.csv")).expect("it is there");
    assert!(csv.starts_with("policy,convention,month,points,"), "{csv}");
    assert_eq!(csv.lines().count(), months + 1);
    let parquet = fs::read(out.join("plan.parquet")).expect("it is there");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    workbook(&out.join("plan.xlsx"), months);
    if let Some(page) = dump_dom(&out.join("plan.html")) {
        assert_eq!(page.matches("<svg").count(), 4, "four charts");
        let answer = page.find("id=\"answer\"").expect("an answer");
        assert!(
            answer < page.find("<table").expect("a table"),
            "the answer comes first"
        );
        assert!(page.contains("Tested on the vault's own past"), "{page}");
    }
}

/// The workbook's sheets and rows, as a zip of XML that Python reads.
#[expect(clippy::print_stderr, reason = "a skipped check says so")]
fn workbook(path: &Path, months: usize) {
    let script = "import sys, zipfile, xml.etree.ElementTree as e\n\
        z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None\n\
        n = '{http://schemas.openxmlformats.org/spreadsheetml/2006/main}'\n\
        b = e.fromstring(z.read('xl/workbook.xml'))\n\
        print('|'.join(s.get('name') for s in b.iter(n + 'sheet')))\n\
        s = e.fromstring(z.read('xl/worksheets/sheet2.xml'))\n\
        print(len([r for r in s.iter(n + 'row')]))\n";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(path)
        .output();
    let Ok(output) = output else {
        assert!(
            std::env::var_os("FIREDRILL_REQUIRE_ALL").is_none(),
            "python3"
        );
        eprintln!("SKIPPED: the workbook was not read back: install python3");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let expected = format!("Summary|1 the policy|Prices\n{}\n", months + 1);
    assert_eq!(
        said,
        expected,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The page as Chromium reads it; `None`, said loudly, where there is no Chromium.
#[expect(clippy::print_stderr, reason = "a skipped check says so")]
fn dump_dom(page: &Path) -> Option<String> {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new("chromium")
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", text(profile.path())))
        .arg(format!("file://{}", text(page)))
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8(output.stdout).expect("UTF-8"))
        }
        other => {
            assert!(
                std::env::var_os("FIREDRILL_REQUIRE_ALL").is_none(),
                "chromium: {other:?}"
            );
            eprintln!("SKIPPED: the plan was not opened in a browser: install chromium");
            None
        }
    }
}

const SCENARIO: &str = "size = \"1TiB\"\nchange = \"2%/day\"\nstart = \"2026-01-01\"\n\
    capacity = \"3TiB\"\n\n[policy]\nkeep-daily = 30\nkeep-monthly = 12\n";

#[test]
fn policies_and_conventions_stand_beside_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("office.toml"), SCENARIO).expect("a scenario");
    fs::write(at("a.toml"), "keep-daily = 7\n").expect("a policy");
    fs::write(at("b.toml"), "keep-daily = 30\nkeep-quarterly = 8\n").expect("a policy");
    let (scenario, out) = (at("office.toml"), at("plan"));
    let (a, b) = (at("a.toml"), at("b.toml"));
    let base = [
        "retention",
        "plan",
        "--scenario",
        text(&scenario),
        "--out",
        text(&out),
    ];
    let alone = json(&base);
    assert_eq!(alone["subject"], "office");
    assert_eq!(alone["started_at"], "2026-01-01T00:00:00Z");
    assert_eq!(
        alone["policies"][0]["months"][36]["reasons"][0][0],
        "monthly"
    );
    let full = alone["policies"][0]["limits"]["capacity_reached_on"].as_str();
    assert!(full.is_some_and(|day| day.starts_with("2026-")), "{full:?}");
    let more = [
        "--policy",
        text(&a),
        "--policy",
        text(&b),
        "--semantics",
        "firedrill,azure",
    ];
    let document = json(&[&base[..], &more[..]].concat());
    let policies = document["policies"].as_array().expect("policies");
    let name = |at: usize| {
        (
            policies[at]["name"].as_str(),
            policies[at]["convention"].as_str(),
        )
    };
    assert_eq!(policies.len(), 4);
    assert_eq!(name(0), (Some("a"), Some("firedrill")));
    assert_eq!(name(3), (Some("b"), Some("azure")));
    assert_eq!(policies[3]["ignored"][0], "keep-quarterly");
    let end = |at: usize| policies[at]["months"][36]["stored_bytes"].as_u64();
    assert!(end(0) < end(2), "more points take more");
    let (_, said, _) = run(&[&base[..], &more[..]].concat());
    for part in [
        "reaches back",
        "== a\n",
        "== b by azure\n",
        "IS FULL on 2026-",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn the_scenarios_that_come_along_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/retention");
    let out = tempfile::tempdir().expect("a folder");
    for file in fs::read_dir(folder).expect("scenarios") {
        let file = file.expect("an entry").path();
        let (scenario, out) = (text(&file), text(out.path()));
        let document = json(&["retention", "plan", "--scenario", scenario, "--out", out]);
        assert!(document["policies"][0]["months"][36]["points"].as_u64() > Some(0));
    }
}

#[test]
fn what_is_wrong_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, out) = (
        folder.path().join("office.toml"),
        folder.path().join("plan"),
    );
    let refused = |scenario: &str, more: &[&str], says: &[&str]| {
        fs::write(&file, scenario).expect("a scenario");
        let base = [
            "retention",
            "plan",
            "--scenario",
            text(&file),
            "--out",
            text(&out),
        ];
        let (code, _, err) = run(&[&base[..], more].concat());
        assert_eq!(code, 2, "{err}");
        for part in says {
            assert!(err.contains(part), "no {part:?} in {err}");
        }
        assert!(!out.exists(), "nothing was made");
    };
    let wrong = SCENARIO.replace("2%/day", "2 apples");
    refused(
        &wrong,
        &[],
        &["office.toml", "line 2", "'2 apples' is not a rate"],
    );
    let unknown = SCENARIO.replace("change", "chnage");
    refused(&unknown, &[], &["line 2", "chnage"]);
    refused(
        "change = \"2%/day\"",
        &["--keep-last", "3"],
        &["--size 2TiB"],
    );
    refused(
        "size = \"1GiB\"\nchange = \"2%/day\"",
        &[],
        &["say what to keep"],
    );
    refused(SCENARIO, &["--every", "1s"], &["--every 1d"]);
    refused(
        SCENARIO,
        &["--semantics", "tape"],
        &["unknown convention 'tape'"],
    );
    let (code, _, err) = run(&["retention", "plan", "--keep-last", "3"]);
    assert!(code == 2 && err.contains("required"), "{err}");
    // One point tells nothing of change.
    let (vault, disk) = (folder.path().join("vault"), folder.path().join("disk.img"));
    fs::write(&disk, noise(1, BLOCK)).expect("an image");
    assert_eq!(run(&["init", text(&vault)]).0, 0);
    assert_eq!(run(&["backup", text(&vault), text(&disk)]).0, 0);
    let (code, _, err) = run(&["retention", "plan", text(&vault), "--keep-last", "3"]);
    assert!(
        code == 2 && err.contains("tells nothing of change"),
        "{err}"
    );
    let both = firedrill(&[
        "retention",
        "plan",
        text(&vault),
        "--size",
        "1TiB",
        "--keep-last",
        "3",
    ]);
    let mut both = both;
    assert_eq!(both.output().expect("it runs").status.code(), Some(2));
}
