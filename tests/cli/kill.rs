//! Kills at random instants: the vault opens, every finished point is whole, the next backup goes on.

use std::fs;
use std::time::Instant;

use crate::support::{firedrill, json, noise, text};

/// Kills in a normal run; `FIREDRILL_KILLS` asks for more.
const KILLS: u64 = 12;

#[test]
fn a_kill_at_any_instant_loses_nothing_that_was_acknowledged() {
    let kills = std::env::var("FIREDRILL_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok());
    let kills: u64 = kills.unwrap_or(KILLS);
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, source) = (folder.path().join("vault"), folder.path().join("source"));
    let (vault, source_text) = (text(&vault), text(&source));
    fs::create_dir(&source).expect("a folder");
    json(&["init", vault]);
    for file in 0..8 {
        fs::write(
            source.join(format!("{file}")),
            noise(1000 + file, 2_500_000),
        )
        .expect("a file");
    }
    // Kills fall anywhere in what a backup takes here, and sometimes after it.
    let begun = Instant::now();
    json(&["backup", vault, source_text, "--method", "full"]);
    let whole = begun.elapsed().mul_f64(1.2);
    let (mut finished, mut killed) = (Vec::new(), 0);
    let mut state = 0x5eed_u64;
    for kill in 0..kills {
        // Something new each time, so that there is something to lose.
        let name = source.join(format!("{}", kill % 8));
        fs::write(name, noise(kill, 2_500_000)).expect("a file");
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let instant = whole.mul_f64(f64::from((state >> 33) as u32) / f64::from(1_u32 << 31));
        let method =
            ["forever", "incremental", "synthetic-full", "full"][(state >> 20) as usize % 4];
        let mut child = firedrill(&["backup", vault, source_text, "--method", method, "--json"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("it runs");
        std::thread::park_timeout(instant);
        // It may have finished already: then there is a point more to hold it to.
        let _ = child.kill().is_ok();
        let output = child.wait_with_output().expect("it ends");
        if output.status.success() {
            let document: serde_json::Value =
                serde_json::from_slice(&output.stdout).expect("a document");
            finished.push(document["point"].as_str().expect("an id").to_owned());
        } else {
            killed += 1;
        }
        if kill % 10 == 9 || kill + 1 == kills {
            assert_whole(vault, &finished, kill);
        }
    }
    assert!(
        killed > 0,
        "some backups were interrupted, {} were not",
        finished.len()
    );
    json(&["backup", vault, source_text]);
    let target = folder.path().join("target");
    json(&["restore", vault, "latest", text(&target)]);
    for file in fs::read_dir(&source).expect("the source") {
        let file = file.expect("a file");
        let back = fs::read(target.join(file.file_name())).expect("it is back");
        assert!(
            back == fs::read(file.path()).expect("it"),
            "{:?}",
            file.file_name()
        );
    }
}

/// Asserts that the vault opens in every byte and holds every finished point.
fn assert_whole(vault: &str, finished: &[String], kill: u64) {
    let checked = json(&["check", vault, "--read-data"]);
    assert_eq!(checked["sound"], true, "kill {kill}: {checked}");
    let points = json(&["points", vault]);
    let points = points["points"].as_array().expect("points");
    for point in finished {
        let there = points.iter().any(|there| there["point"] == point.as_str());
        assert!(there, "kill {kill}: {point}");
    }
}
