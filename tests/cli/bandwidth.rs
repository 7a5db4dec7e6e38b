//! `plan bandwidth`: a trace, a status, its files, and what it refuses.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::{json, noise, run, text};

/// Two minutes of 16 blocks a second, of which half are the same in every second; with a burst of ten times as many in the
/// second minute's first second.
fn trace(folder: &Path) -> std::path::PathBuf {
    let mut rows = "time_us,disk,op,offset,length\n".to_owned();
    for second in 0..120_u64 {
        let writes = if second == 60 { 160 } else { 16 };
        for write in 0..writes {
            let block = if write % 2 == 0 {
                write
            } else {
                1000 + second * 200 + write
            };
            let at = second * 1_000_000 + write;
            let row = writeln!(rows, "{at},0,W,{},4096", block * 4096);
            row.expect("a text grows");
        }
        let read = writeln!(rows, "{},0,R,0,4096", second * 1_000_000 + 999_999);
        read.expect("a text grows");
    }
    let path = folder.join("writes.csv");
    fs::write(&path, rows).expect("a trace");
    path
}

#[test]
fn a_trace_is_planned_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trace, out) = (trace(folder.path()), folder.path().join("plan"));
    let asked = [
        "plan",
        "bandwidth",
        "--trace",
        text(&trace),
        "--rpo",
        "5s",
        "--out",
        text(&out),
    ];
    let document = json(&[&asked[..], &["--bandwidth", "10Mbit/s"]].concat());
    let bytes: u64 = 4096 * (16 * 119 + 160);
    assert_eq!(document["watched"]["written_bytes"], bytes);
    assert_eq!(
        document["watched"]["unique_bytes"], bytes,
        "nothing is written twice in a second"
    );
    // The burst has four seconds to travel, beside what comes in them; both answers hold the mean at least.
    let always = document["need"]["always_bytes_per_second"]
        .as_u64()
        .expect("a need");
    assert_eq!(always, 4096 * 160 / 4, "the burst alone is the tightest");
    let share = document["need"]["share_bytes_per_second"]
        .as_u64()
        .expect("a need");
    assert!((bytes.div_ceil(120)..always).contains(&share), "{share}");
    let links = document["links"].as_array().expect("links");
    assert_eq!(links[0]["reason"], "always");
    assert_eq!(links[0]["violations"], 0);
    assert_eq!(
        (&links[2]["reason"], &links[2]["held_ppm"]),
        (&"asked".into(), &1_000_000.into())
    );
    assert!(
        document["limits"]
            .as_array()
            .expect("limits")
            .iter()
            .all(|row| row["admission"] == "admitted")
    );
    for file in [
        "bandwidth.html",
        "bandwidth.json",
        "targets.csv",
        "targets.parquet",
        "rpo.csv",
        "rpo.parquet",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
    let page = fs::read_to_string(out.join("bandwidth.html")).expect("a page");
    assert_eq!(page.matches("<svg role=\"img\"").count(), 4);
    let (code, said, err) = run(&[&asked[..], &["--bandwidth", "400kbit/s"]].concat());
    assert_eq!(code, 3, "a bandwidth that does not hold the RPO: {err}");
    assert!(
        said.starts_with(
            "It needs 1.32 Mbit/s to hold an RPO of 5 s always, 705 kbit/s for 90 % of the time."
        ),
        "{said}"
    );
    assert!(said.contains("At 400 kbit/s the worst RPO is"), "{said}");
    assert!(err.is_empty(), "quiet when piped: {err}");
}

#[test]
fn compression_is_measured_on_the_blocks_that_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trace, out) = (trace(folder.path()), folder.path().join("plan"));
    let disk = folder.path().join("disk.img");
    // Half of each block is noise.
    let block = |number: u64| [noise(number + 1, 2048), vec![0; 2048]].concat();
    fs::write(&disk, (0..26_000).flat_map(block).collect::<Vec<u8>>()).expect("a disk");
    let asked = [
        "plan",
        "bandwidth",
        "--trace",
        text(&trace),
        "--rpo",
        "5s",
        "--out",
        text(&out),
    ];
    let document = json(&[&asked[..], &["--sample", text(&disk)]].concat());
    let factor = document["terms"]["compression_thousandths"]
        .as_u64()
        .expect("a factor");
    assert!((1_800..=2_000).contains(&factor), "{factor}");
    assert_eq!(document["terms"]["compression_from"]["kind"], "sampled");
    let stated = json(&[&asked[..], &["--compression", "2"]].concat());
    assert_eq!(stated["need"]["always_bytes_per_second"], 4096 * 160 / 8);
}

#[test]
fn a_protection_s_own_figures_are_planned_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (status, out) = (
        folder.path().join("status.json"),
        folder.path().join("plan"),
    );
    let intervals: Vec<String> = (0..60)
        .map(|second| {
            format!(
                r#"{{"start": "2026-11-28T10:00:{second:02}Z", "disk": "vda", "written_bytes": 40000, "unique_bytes": 20000,
                   "shipped_bytes": 5000, "writes": 4}}"#
            )
        })
        .collect();
    let told = format!(
        r#"{{"churn": {{"interval_seconds": 1, "intervals": [{}]}}}}"#,
        intervals.join(",")
    );
    fs::write(&status, told).expect("a status");
    let document = json(&[
        "plan",
        "bandwidth",
        "--protect",
        text(&status),
        "--rpo",
        "3s",
        "--out",
        text(&out),
    ]);
    assert_eq!(document["need"]["always_bytes_per_second"], 5000);
    assert_eq!(
        document["need"]["always_every_write_bytes_per_second"],
        10_000
    );
    assert_eq!(document["terms"]["compression_thousandths"], 4000);
    assert_eq!(document["watched"]["start_seconds"], 1_795_860_000);
}

#[test]
fn what_can_not_be_planned_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = trace(folder.path());
    let broken = folder.path().join("broken.csv");
    fs::write(
        &broken,
        "time_us,disk,op,offset,length\n0,0,W,0,4096\n7,0,W,zero,4096\n",
    )
    .expect("a file");
    let empty = folder.path().join("empty.csv.gz");
    fs::write(&empty, "no gzip").expect("a file");
    let gone = folder.path().join("gone.csv");
    for (arguments, code, says) in [
        (
            vec!["--trace", text(&broken)],
            2,
            "line 3: a column that is no number",
        ),
        (
            vec!["--trace", text(&empty)],
            2,
            "the gzip file is damaged or cut off",
        ),
        (vec!["--trace", text(&gone)], 2, "No such file"),
        (
            vec!["--protect", text(&trace)],
            2,
            "`firedrill status --json` writes",
        ),
        (
            vec!["--trace", text(&trace), "--rpo", "500ms"],
            2,
            "give a longer --rpo or a shorter --interval",
        ),
        (
            vec!["--trace", text(&trace), "--interval", "0s"],
            2,
            "--interval",
        ),
        (
            vec!["--trace", text(&trace), "--protect", text(&trace)],
            2,
            "cannot be used with",
        ),
        (vec![], 2, "required"),
    ] {
        let out = folder.path().join("out");
        let line = [&["plan", "bandwidth", "--out", text(&out)][..], &arguments].concat();
        let (exit, _, err) = run(&line);
        assert_eq!(exit, code, "{arguments:?}: {err}");
        assert!(err.contains(says), "{arguments:?}: {err}");
        assert!(!out.exists(), "nothing is written");
    }
}
