//! What runs by itself: systemd takes the units, a shell the crontab's lines, and installing them again
//! changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{firedrill, json, ready, run, text};

/// All that makes quoting hard, in names that people do use.
const HARD: &str = "My 100% \"$safe\" vault's";

fn systemd_analyze(arguments: &[&str], paths: &[PathBuf]) -> String {
    let mut command = Command::new("systemd-analyze");
    // Where a user's manager would have its sockets.
    command
        .args(arguments)
        .args(paths)
        .env("XDG_RUNTIME_DIR", "/tmp");
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said + &String::from_utf8_lossy(&output.stdout)
}

fn systemd_is_there() -> bool {
    ready("systemd", "systemd-analyze".as_ref(), &["--version"])
}

/// The names of a folder's files.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// How many files were added, replaced, kept and removed.
fn changed(document: &Value) -> [usize; 4] {
    let files = document["files"].as_array().expect("files");
    let count = |what: &str| files.iter().filter(|file| file["change"] == what).count();
    ["add", "replace", "keep", "remove"].map(count)
}

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().expect("a folder");
    let units = folder.path().join("units");
    let vault = folder.path().join(HARD);
    for scope in ["--system", "--user"] {
        let hooks = [
            "--freeze",
            "echo '50%' \"$HOME\"\nsync",
            "--thaw",
            "true",
            "--tag",
            "a b",
        ];
        let policy = ["--keep-daily", "7", "--keep-tag", "100%"];
        let how = [
            "--passphrase-file",
            "/etc/fire drill/key%1",
            "--environment-file",
            "/etc/firedrill/env",
        ];
        let install = [
            "--install",
            "--yes",
            "--name",
            "hard",
            scope,
            "--unit-dir",
            text(&units),
        ];
        let schedule = ["schedule", text(&vault), "/home"];
        json(&[&schedule[..], &hooks, &policy, &how, &install].concat());
        let names = files(&units);
        assert_eq!(names.len(), 10, "{names:?}");
        let service =
            fs::read_to_string(units.join("firedrill-hard-backup.service")).expect("a unit");
        assert!(
            service.contains("KillMode=mixed") && service.contains("TimeoutStopSec=210"),
            "{service}"
        );
        let credential = service.contains("LoadCredential=passphrase:/etc/fire drill/key%%1");
        assert_eq!(credential, scope == "--system", "{service}");
        if systemd_is_there() {
            let paths: Vec<PathBuf> = names.iter().map(|name| units.join(name)).collect();
            let said = systemd_analyze(&["verify", "--man=no", scope], &paths);
            assert!(!said.contains("firedrill-"), "{scope}: {said}");
        }
    }
}

#[test]
fn systemd_understands_every_time() {
    if !systemd_is_there() {
        return;
    }
    let times = [
        "every-1min",
        "every-15min",
        "hourly",
        "every-6h",
        "daily@01:30",
        "weekly",
        "mon,wed,fri@22:00",
        "monthly",
        "monthly-28@23:59",
    ];
    for time in times {
        let schedule = [
            "schedule",
            "/vault",
            "/home",
            "--passphrase-file",
            "/key",
            "--backup",
            time,
        ];
        let document = json(&schedule);
        let job = &document["jobs"][0];
        let calendar = job["calendar"].as_str().expect("a calendar");
        let said = systemd_analyze(&["calendar", calendar], &[]);
        assert!(
            said.contains("Next elapse: ") && !said.contains("never"),
            "{time}: {said}"
        );
    }
}

#[test]
fn a_second_installation_brings_what_is_there_to_what_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let units = folder.path().join("units");
    let place = text(&units).to_owned();
    let install = |more: &[&'static str]| {
        let schedule = [
            "schedule",
            "/backup/vault",
            "/home",
            "--passphrase-file",
            "/key",
            "--unit-dir",
        ];
        [&schedule[..], &[place.as_str(), "--install"], more].concat()
    };
    let (code, _, said) = run(&install(&[]));
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("firedrill-vault-backup.timer") && said.contains("pass --yes"),
        "{said}"
    );
    assert!(!units.exists(), "nothing is written unasked");
    // Without a policy nothing is forgotten.
    assert_eq!(changed(&json(&install(&["--yes"]))), [8, 0, 0, 0]);
    assert_eq!(
        changed(&json(&install(&[]))),
        [0, 0, 8, 0],
        "and nothing to ask"
    );
    let policy = [
        "--yes",
        "--keep-weekly",
        "5",
        "--drill",
        "off",
        "--backup",
        "every-4h",
    ];
    assert_eq!(changed(&json(&install(&policy))), [2, 1, 5, 2]);
    let timer = fs::read_to_string(units.join("firedrill-vault-backup.timer")).expect("a unit");
    assert!(timer.contains("OnCalendar=*-*-* 00/4:00:00"), "{timer}");
    // What somebody else wrote stands, whatever its name.
    fs::write(units.join("firedrill-vault-drill.timer"), "mine").expect("a file");
    let (code, _, said) = run(&install(&["--yes"]));
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("was not written by `firedrill schedule`"),
        "{said}"
    );
    let remove = [
        "schedule",
        "/backup/vault",
        "--remove",
        "--yes",
        "--unit-dir",
        text(&units),
    ];
    assert_eq!(changed(&json(&remove)), [0, 0, 0, 8]);
    assert_eq!(
        files(&units),
        BTreeSet::from(["firedrill-vault-drill.timer".to_owned()])
    );
    assert_eq!(changed(&json(&remove)), [0, 0, 0, 0]);
}

#[test]
fn timers_are_started_and_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, programs) = (folder.path().join("log"), folder.path().join("bin"));
    // No test may start a timer of the machine's: what is asked of systemd is written down.
    fs::create_dir(&programs).expect("a folder");
    let systemctl = programs.join("systemctl");
    fs::write(
        &systemctl,
        format!("#!/bin/sh\necho \"$*\" >>{}\n", log.display()),
    )
    .expect("a file");
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).expect("it may run");
    let schedule = |more: &[&str]| {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = firedrill(&[&["schedule", "/vault", "--user", "--yes"], more].concat());
        command.env("PATH", format!("{}:{path}", programs.display()));
        let output = command
            .env("XDG_CONFIG_HOME", folder.path())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let log = fs::read_to_string(&log).unwrap_or_default();
        log.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let install = [
        "/home",
        "--passphrase-file",
        "/key",
        "--install",
        "--check",
        "off",
        "--drill",
        "off",
    ];
    let enable = |verb: &str| format!("--user enable --now firedrill-vault-{verb}.timer");
    let asked = [
        "--user daemon-reload".to_owned(),
        enable("backup"),
        enable("prune"),
    ];
    assert_eq!(schedule(&install), asked);
    assert_eq!(files(&folder.path().join("systemd/user")).len(), 4);
    let disable = |verb: &str| format!("--user disable --now firedrill-vault-{verb}.timer");
    let asked = [
        disable("backup"),
        disable("prune"),
        "--user daemon-reload".to_owned(),
    ];
    assert_eq!(schedule(&["--remove"])[3..], asked);
    assert_eq!(files(&folder.path().join("systemd/user")).len(), 0);
}

#[test]
fn a_line_of_the_crontab_makes_a_backup() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, source) = (folder.path().join(HARD), folder.path().join("source %"));
    let (key, environment) = (
        folder.path().join("key file"),
        folder.path().join("env file"),
    );
    fs::create_dir(&source).expect("a folder");
    fs::write(&key, "correct horse\n").expect("a file");
    fs::write(&environment, "COLOUR='light blue'\n").expect("a file");
    json(&["init", text(&vault)]);
    let freeze = format!("echo \"$COLOUR 50%\" >'{}/mark'", folder.path().display());
    let schedule = [
        "schedule",
        text(&vault),
        text(&source),
        "--cron",
        "--passphrase-file",
        text(&key),
    ];
    let more = [
        "--environment-file",
        text(&environment),
        "--freeze",
        &freeze,
        "--thaw",
        "true",
    ];
    let (code, lines, said) = run(&[&schedule[..], &more].concat());
    assert_eq!(code, 0, "{said}");
    assert!(
        !lines.contains("correct horse"),
        "the passphrase stays in its file"
    );
    let line = lines
        .lines()
        .find(|line| line.contains(" backup "))
        .expect("a line");
    let command = line
        .strip_prefix("0 1 * * * ")
        .expect("at one in the night");
    // As cron reads it: a % without a backslash would end the command.
    let command = command.replace("\\%", "\0");
    assert!(!command.contains('%'), "{line}");
    let output = Command::new("sh")
        .arg("-c")
        .arg(command.replace('\0', "%"))
        .output();
    let output = output.expect("a shell");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mark = fs::read_to_string(folder.path().join("mark")).expect("the hook ran");
    assert_eq!(mark, "light blue 50%\n");
    let points = json(&["points", text(&vault)]);
    assert_eq!(points["points"][0]["consistency"], "application");
}

#[test]
fn what_can_not_run_at_night_is_refused_now() {
    let without = run(&["schedule", "/vault", "/home"]);
    assert_eq!(without.0, 2);
    assert!(
        without.2.contains("give --passphrase-file"),
        "{}",
        without.2
    );
    for wrong in [
        ["--backup", "someday"],
        ["--sample", "150%"],
        ["--name", "a/b"],
        ["--keep-daily", "x"],
    ] {
        let schedule = ["schedule", "/vault", "/home", "--passphrase-file", "/key"];
        assert_eq!(run(&[&schedule[..], &wrong].concat()).0, 2, "{wrong:?}");
    }
}
