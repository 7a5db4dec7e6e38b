//! Kills at random instants: the vault opens, every finished point is whole, the next backup goes on.

use std::fs;
use std::time::Duration;

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
    let mut finished = Vec::new();
    let mut state = 0x5eed_u64;
    for kill in 0..kills {
        // Something new each time, so that there is something to lose.
        let name = source.join(format!("{}", kill % 8));
        fs::write(name, noise(kill, 2_500_000)).expect("a file");
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let instant = Duration::from_micros((state >> 33) % 250_000);
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
        }
        if kill % 10 == 9 || kill + 1 == kills {
            assert_eq!(
                json(&["check", vault, "--read-data"])["sound"],
                true,
                "kill {kill}"
            );
            let points = json(&["points", vault]);
            let points = points["points"].as_array().expect("points");
            for point in &finished {
                assert!(
                    points.iter().any(|there| there["point"] == point.as_str()),
                    "{point}"
                );
            }
        }
    }
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
