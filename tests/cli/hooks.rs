//! Hooks: an application that is frozen is thawed whatever happens, and a point says truly what it is.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{firedrill, json, noise, text};

/// A vault, and a source in which hooks leave their marks.
struct Place {
    folder: TempDir,
    vault: PathBuf,
    source: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (vault, source) = (folder.path().join("vault"), folder.path().join("source"));
        fs::create_dir(&source).expect("a folder");
        fs::write(source.join("large"), noise(1, 3_000_000)).expect("a file");
        json(&["init", text(&vault)]);
        Self {
            folder,
            vault,
            source,
        }
    }

    /// Runs a backup with hooks that are run in the folder; its exit code, document and errors.
    fn back_up(&self, hooks: &[&str]) -> (i32, Value, String) {
        let arguments = ["backup", text(&self.vault), text(&self.source), "--json"];
        let mut command = firedrill(&[&arguments, hooks].concat());
        let output = command.current_dir(self.folder.path()).output();
        let output = output.expect("it runs");
        let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().expect("it exits"), document, said)
    }

    /// What the hooks wrote, in order.
    fn marks(&self) -> String {
        let marks = self.folder.path().join("marks");
        let read = fs::read_to_string(&marks).unwrap_or_default();
        let _ = fs::remove_file(marks).is_ok();
        read.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn points(&self) -> Vec<Value> {
        let points = json(&["points", text(&self.vault)]);
        points["points"].as_array().expect("points").clone()
    }
}

fn mark(what: &str) -> String {
    format!("echo {what} >>marks")
}

#[test]
fn hooks_run_in_order_and_without_the_passphrase() {
    let place = Place::new();
    let tell = "echo $FIREDRILL_HOOK,$FIREDRILL_RESULT,${FIREDRILL_PASSPHRASE-none} >>marks";
    let freeze = format!("{tell}; echo a word; echo frozen >source/state");
    let thaw = format!("{tell}; echo thawed >source/state");
    let after = format!("{tell}; echo $FIREDRILL_POINT >>marks");
    let hooks = [
        "--freeze", &freeze, "--thaw", &thaw, "--before", tell, "--after", &after,
    ];
    let (code, document, said) = place.back_up(&hooks);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("firedrill: freeze: a word"), "{said}");
    let point = document["point"].as_str().expect("a point");
    let marks = format!("before,,none freeze,,none thaw,,none after,done,none {point}");
    assert_eq!(place.marks(), marks);
    assert_eq!(document["consistency"], "application");
    let hooks = document["hooks"].as_array().expect("hooks");
    assert!(hooks.iter().all(|hook| hook["result"] == "done") && hooks.len() == 4);
    assert_eq!(place.points()[0]["consistency"], "application");
    let target = place.folder.path().join("target");
    json(&["restore", text(&place.vault), "latest", text(&target)]);
    let state = fs::read_to_string(target.join("state")).expect("it is back");
    assert_eq!(state, "frozen\n");
}

#[test]
fn without_a_hold_that_succeeded_a_point_is_crash_consistent_or_none() {
    let place = Place::new();
    let thaw = mark("thaw");
    let failing_thaw = format!("{thaw}; exit 1");
    let cases: [(&str, &[&str], &str); 4] = [
        (
            "freeze fails",
            &["--freeze", "exit 7", "--thaw", &thaw],
            "exit status: 7",
        ),
        (
            "thaw fails",
            &["--freeze", "true", "--thaw", &failing_thaw],
            "MAY STILL BE HELD",
        ),
        (
            "held too long",
            &["--freeze", "true", "--thaw", &thaw, "--hold-timeout", "1us"],
            "the most that --hold-timeout allows",
        ),
        (
            "freeze hangs",
            &[
                "--freeze",
                "echo $$ >leader; cat fifo",
                "--thaw",
                &thaw,
                "--hook-timeout",
                "1s",
            ],
            "killed after 1",
        ),
    ];
    let made = std::process::Command::new("mkfifo")
        .arg(place.folder.path().join("fifo"))
        .status();
    assert!(made.expect("mkfifo runs").success());
    for (number, (what, hooks, why)) in cases.into_iter().enumerate() {
        let (code, document, said) = place.back_up(hooks);
        assert_eq!(code, 3, "{what}: {said}");
        assert!(said.contains(why), "{what}: {said}");
        assert_eq!(document["consistency"], "crash", "{what}");
        assert_eq!(place.marks(), "thaw", "{what}");
        assert_eq!(place.points().len(), number + 1, "{what}");
        let (code, _, said) = place.back_up(&[hooks, &["--require-consistent"]].concat());
        assert_eq!(code, 5, "{what}: {said}");
        assert!(said.contains("--require-consistent"), "{what}: {said}");
        assert_eq!(place.marks(), "thaw", "{what}");
        assert_eq!(place.points().len(), number + 1, "{what}: no point is made");
    }
    // Of the one that hung nothing is left: neither the shell nor what it waited for.
    let leader = fs::read_to_string(place.folder.path().join("leader")).expect("it began");
    assert_eq!(alive_in_group(leader.trim()), Vec::<String>::new());
}

/// Processes of a group that are not dead yet.
fn alive_in_group(group: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    let statuses = processes.filter_map(|at| fs::read_to_string(at.path().join("stat")).ok());
    let of_group = |status: &String| {
        let (_, fields) = status.rsplit_once(") ").unwrap_or_default();
        let fields: Vec<&str> = fields.split(' ').collect();
        fields.get(2) == Some(&group) && fields[0] != "Z"
    };
    statuses.filter(of_group).collect()
}

#[test]
fn what_a_freeze_leaves_running_is_not_waited_for() {
    let place = Place::new();
    let freeze = "cat fifo >/dev/null & echo $! >holder";
    let thaw = "kill $(cat holder)";
    let fifo = place.folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo runs").success());
    let (code, document, said) = place.back_up(&["--freeze", freeze, "--thaw", thaw]);
    assert_eq!(
        (code, &document["consistency"]),
        (0, &"application".into()),
        "{said}"
    );
}

#[test]
fn a_signal_while_the_application_is_held_thaws_it_first() {
    let place = Place::new();
    for (signal, exit) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let freeze = format!("{}; kill -{signal} $PPID", mark("freeze"));
        let (thaw, after) = (mark("thaw"), mark("$FIREDRILL_RESULT"));
        let hooks = ["--freeze", &freeze, "--thaw", &thaw, "--after", &after];
        let (code, _, said) = place.back_up(&hooks);
        assert_eq!(code, exit, "{said}");
        assert_eq!(place.marks(), "freeze thaw interrupted");
        assert!(place.points().is_empty());
    }
}

#[test]
fn what_is_held_is_let_go_in_the_middle_of_reading() {
    let place = Place::new();
    // More than is in memory at once: when the first pack is in the vault, reading is not over.
    let large = fs::File::create(place.source.join("large")).expect("a file");
    let random = fs::File::open("/dev/urandom").expect("noise");
    std::io::copy(&mut random.take(200 << 20), &mut &large).expect("a large file");
    let vault = place.vault.display();
    let wait = format!("until ls {vault}/packs/* >/dev/null 2>&1; do :; done");
    let freeze = format!("({wait}; kill -TERM $PPID) & {}", mark("freeze"));
    let (thaw, after) = (mark("thaw"), mark("$FIREDRILL_RESULT"));
    let hooks = ["--freeze", &freeze, "--thaw", &thaw, "--after", &after];
    let (code, _, said) = place.back_up(&hooks);
    assert_eq!(code, 143, "{said}");
    assert_eq!(place.marks(), "freeze thaw interrupted");
    assert!(place.points().is_empty());
    // Held too long, it is let go at once, while the backup goes on.
    let packs = || {
        fs::read_dir(place.vault.join("packs"))
            .expect("packs")
            .count()
    };
    let thaw = mark(&format!("$(ls {vault}/packs | wc -l)"));
    let (code, document, said) =
        place.back_up(&["--freeze", "true", "--thaw", &thaw, "--hold-timeout", "1ms"]);
    assert_eq!(
        (code, &document["consistency"]),
        (3, &"crash".into()),
        "{said}"
    );
    let packs_then: usize = place.marks().parse().expect("a number");
    assert!(packs_then < packs(), "{packs_then} of {}", packs());
    let adopted = document["adopted_bytes"].as_u64().expect("bytes");
    assert!(adopted > 0, "what was put is taken over");
}

#[test]
fn other_hooks_that_fail_are_told() {
    let place = Place::new();
    let after = mark("$FIREDRILL_RESULT");
    let (code, _, said) = place.back_up(&["--before", "exit 1", "--after", &after]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("nothing was backed up"), "{said}");
    assert_eq!(place.marks(), "failed");
    assert!(place.points().is_empty());
    let (code, document, said) = place.back_up(&["--after", "exit 1"]);
    assert_eq!(code, 3, "{said}");
    assert!(document["point"].is_string(), "the point stands");
    assert_eq!(place.points().len(), 1);
    let lonely = place.back_up(&["--freeze", "true"]);
    assert_eq!(lonely.0, 2, "a freeze needs a thaw: {}", lonely.2);
    assert!(Path::new(&place.source).exists());
}
