//! A vault's later life on every kind of store: thinned by a policy, brought back, pruned, read back.

use std::fs;
use std::path::Path;
use std::thread::park_timeout;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::place::{Place, files};
use crate::servers::Server;
use crate::soak;
use crate::support::{noise, text};

/// How time passes between two prunes.
enum Time<'a> {
    /// By making all that lies in the folder so much older.
    Aged(&'a Path, Duration),
    /// As it does: for whoever asked for a soak.
    Real,
    /// Not at all: what would be removed is only looked at.
    Still,
}

/// One state of the source: a large file of which a part changes, a constant and a short one.
fn write_state(source: &Path, state: u64) {
    fs::create_dir_all(source.join("docs")).expect("a folder");
    fs::write(source.join("constant"), noise(1, 700_000)).expect("a file");
    fs::write(source.join("changing"), noise(100 + state, 900_000)).expect("a file");
    fs::write(source.join("docs/note"), format!("state {state}")).expect("a file");
}

fn assert_state(place: &Place, point: &str, state: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    write_state(&source, state);
    place.json(&["restore", &place.url, point, text(&target)]);
    for path in files(&source) {
        let name = path.strip_prefix(&source).expect("inside");
        let back = fs::read(target.join(name)).expect("it is back");
        assert!(
            back == fs::read(&path).expect("a file"),
            "{}",
            name.display()
        );
    }
    assert_eq!(files(&source).len(), files(&target).len());
}

fn ids(document: &Value) -> Vec<String> {
    let points = document["points"].as_array().expect("points").iter();
    points
        .map(|point| point["point"].as_str().expect("an id").to_owned())
        .collect()
}

/// Prunes again and again, time passing between, until `done` says so of a prune.
fn prune_until(place: &Place, time: &Time<'_>, done: impl Fn(&Value) -> bool) {
    let deadline = Instant::now() + Duration::from_mins(5);
    loop {
        match time {
            Time::Aged(folder, by) => age(folder, *by),
            Time::Real => park_timeout(Duration::from_secs(2)),
            Time::Still => {}
        }
        let pruned = place.json(&["prune", &place.url, "--yes", "--max-waste", "0"]);
        if done(&pruned) {
            return;
        }
        assert!(Instant::now() < deadline, "{pruned}; {:?}", place.left());
    }
}

fn age(folder: &Path, by: Duration) {
    for path in files(folder) {
        let file = fs::File::options().write(true).open(&path).expect("a file");
        let modified = file.metadata().and_then(|about| about.modified());
        let older: SystemTime = modified.expect("a time") - by;
        file.set_modified(older).expect("it is older");
    }
}

fn life(place: &Place, time: &Time<'_>) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    let url = place.url.as_str();
    place.json(&["init", url, "--rehearsal"]);
    let mut points = Vec::new();
    for state in 0..5 {
        write_state(&source, state);
        let made = place.json(&["backup", url, text(&source), "--instance", "i"]);
        points.push(made["point"].as_str().expect("an id").to_owned());
    }
    let keep = ["forget", url, "--instance", "i", "--keep-last", "2"];
    let plan = place.json(&[&keep[..], &["--dry-run"]].concat());
    assert_eq!(
        (&plan["forget"], &plan["forgotten"]),
        (&3.into(), &false.into())
    );
    assert_eq!(ids(&place.json(&["points", url])), points);
    place.json(&[&keep[..], &["--yes"]].concat());
    assert_eq!(ids(&place.json(&["points", url])), points[3..]);
    let deleted = place.json(&["points", url, "--deleted"]);
    assert_eq!(ids(&deleted), points[..3]);
    let why = deleted["points"][0]["deleted"]["reason"].as_str();
    assert!(
        why.is_some_and(|why| why.contains("--keep-last 2")),
        "{why:?}"
    );
    let back = place.json(&["undelete", url, &points[1]]);
    assert_eq!(back["undeleted"][0], points[1].as_str());
    assert_state(place, &points[1], 1);
    place.json(&["forget", url, &points[1], "--yes"]);
    let preview = place.json(&["prune", url, "--dry-run"]);
    assert_eq!(
        (&preview["dry_run"], &preview["freed_bytes"]),
        (&true.into(), &0.into())
    );

    if !matches!(time, Time::Still) {
        let all = u64::MAX;
        let size = |of: &Value| of["pack_bytes"].as_u64().unwrap_or(all);
        let before = size(&preview);
        // Three states of 900 kB go, once it is over: soft delete, then the grace.
        prune_until(place, time, |pruned| {
            pruned["pending_bytes"] == 0 && size(pruned) + 2_500_000 < before
        });
        assert_eq!(ids(&place.json(&["points", url, "--deleted"])), [""; 0]);
        let (code, _, err) = place.run_with(&["undelete", url, &points[0]], &[]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("no deleted point"), "{err}");
    }
    assert_eq!(ids(&place.json(&["points", url])), points[3..]);
    for (point, state) in points.iter().zip(0..).skip(3) {
        assert_state(place, point, state);
    }
    assert_eq!(place.json(&["check", url, "--read-data"])["sound"], true);
    assert_eq!(place.json(&["drill", url, "--all"])["verdict"], "met");

    if !matches!(time, Time::Still) {
        if let Time::Aged(folder, _) = time {
            // As a backup leaves it that is killed while it puts a pack.
            let cut_off = format!("packs/{}#1", "0".repeat(32));
            fs::write(folder.join(cut_off), "half").expect("a file");
        }
        place.json(&["forget", url, "--all", "--yes"]);
        prune_until(place, time, |_| {
            let mut left = place.left();
            left.remove("drills");
            left.is_empty()
        });
    }
}

fn time() -> Time<'static> {
    if soak::seconds().is_some() {
        Time::Real
    } else {
        Time::Still
    }
}

#[test]
fn a_vault_is_thinned_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    let by = Duration::from_secs(70);
    life(&Place::new(text(&vault), &[]), &Time::Aged(&vault, by));
}

#[test]
fn a_vault_is_thinned_on_azure() {
    if let Some(server) = Server::azurite() {
        life(&Place::azure(&server), &time());
    }
}

#[test]
fn a_vault_is_thinned_on_s3() {
    if let Some(server) = Server::moto() {
        life(&Place::s3(&server), &time());
    }
}
