//! `forget`: the plan with its reasons, other conventions beside it, and what is refused.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::{firedrill, json, run, text};

/// A vault with three fulls of `a`, a full and two incrementals of `b`, and three forever points of `c`.
fn vault(folder: &Path) -> String {
    let (vault, source) = (folder.join("vault"), folder.join("source"));
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("constant"), "so that a chain hangs together").expect("a file");
    let vault = text(&vault).to_owned();
    json(&["init", &vault]);
    for (instance, method) in [("a", "full"), ("b", "incremental"), ("c", "forever")] {
        for number in 0..3 {
            fs::write(source.join("file"), format!("{instance} {number}")).expect("a file");
            let with = ["--method", method, "--instance", instance];
            json(&[&["backup", &vault, text(&source)], &with[..]].concat());
        }
    }
    vault
}

fn points(vault: &str, instance: &str) -> Vec<String> {
    let listed = json(&["points", vault]);
    let points = listed["points"].as_array().expect("points").iter();
    let of = points.filter(|point| point["instance"] == instance);
    of.map(|point| point["point"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn a_plan_is_shown_with_its_reasons_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let arguments = [
        "forget",
        &vault,
        "--keep-last",
        "1",
        "--keep-yearly",
        "2",
        "--dry-run",
    ];
    let plan = json(&arguments);
    assert_eq!((&plan["keep"], &plan["forget"]), (&6.into(), &3.into()));
    assert_eq!(plan["forgotten"], false);
    let a = &plan["instances"][0];
    assert_eq!(a["instance"], "a");
    assert_eq!(a["points"][0]["reasons"][0], "last 1 of 1");
    assert_eq!(a["points"][1]["reasons"][0], "no rule keeps it");
    assert_eq!(a["points"][2]["reasons"][0], "oldest yearly");
    let chain = json(&[
        "forget",
        &vault,
        "--keep-last",
        "1",
        "--instance",
        "b",
        "--dry-run",
    ]);
    let rows = &chain["instances"][0]["points"];
    let newest = rows[0]["point"].as_str().expect("an id");
    let needed = format!("needed by {} (incremental)", &newest[..8]);
    assert_eq!(rows[1]["keep"], false);
    assert_eq!(rows[2]["reasons"][0].as_str(), Some(needed.as_str()));

    let (code, out, err) = run(&arguments);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("a: 3 points, times of UTC\n"), "{out}");
    assert!(out.contains("  forget  no rule keeps it\n"), "{out}");
    assert!(out.contains("3 of 9 points go, 6 stay\n"), "{out}");
    assert!(out.contains("note: whoever can add points"), "{out}");

    let forever = json(&[
        "forget",
        &vault,
        "--keep-last",
        "1",
        "--instance",
        "c",
        "--dry-run",
    ]);
    assert_eq!(
        forever["forget"], 2,
        "what they refer to stays without them"
    );
    let all = json(&["forget", &vault, "--all", "--instance", "b", "--dry-run"]);
    assert_eq!((&all["forget"], &all["keep"]), (&3.into(), &0.into()));
    let nothing = json(&["forget", &vault, "--keep-within", "9d"]);
    assert_eq!(nothing["forget"], 0, "nothing to do needs no --yes");
    assert!(
        ["a", "b", "c"]
            .iter()
            .all(|of| points(&vault, of).len() == 3)
    );
}

#[test]
fn conventions_stand_side_by_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let arguments = [
        "forget",
        &vault,
        "--keep-yearly",
        "2",
        "--keep-quarterly",
        "1",
        "--instance",
        "a",
        "--semantics",
        "restic,borg,borg2,pbs,kopia,azure",
    ];
    let shown = json(&arguments);
    let counts = serde_json::json!({
        "firedrill": 2, "restic": 2, "borg": 2, "borg2": 2, "pbs": 1, "kopia": 1, "azure": 1
    });
    assert_eq!(shown["instances"][0]["keep"], counts);
    assert_eq!(shown["lacking"]["pbs"][0], "keep-quarterly");
    let (code, out, _) = run(&arguments);
    assert_eq!(code, 0);
    let oldest = out
        .lines()
        .find(|line| line.starts_with(&points(&vault, "a")[0][..8]));
    let oldest = oldest.expect("a line for the oldest point");
    assert!(oldest.ends_with("  *"), "{oldest}");
    assert!(
        out.contains("differ about 1 point; nothing was forgotten"),
        "{out}"
    );
    assert!(out.contains("note: kopia has no keep-quarterly"), "{out}");
}

#[test]
fn a_policy_comes_from_a_file_and_flags_replace_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let file = folder.path().join("policy.toml");
    let with = |policy: &str, more: &[&str]| {
        fs::write(&file, policy).expect("a file");
        run(&[
            &["forget", &vault, "--dry-run", "--policy", text(&file)],
            more,
        ]
        .concat())
    };
    let berlin = "keep-last = 1\ntimezone = \"Europe/Berlin\"\n";
    let (code, out, _) = with(berlin, &["--keep-last", "2"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("times of Europe/Berlin") && out.contains("last 2 of 2"),
        "{out}"
    );
    let azure = "[azure]\nat = \"00:00\"\ndaily-days = 30\n";
    let (code, out, _) = with(azure, &["--instance", "a"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("Azure daily until") && out.contains("the newest always stays"),
        "{out}"
    );
    for (policy, says) in [
        ("keep-dayly = 7", "unknown field `keep-dayly`"),
        ("keep-within = \"7\"", "a number lacks its unit"),
        (
            "timezone = \"Mars\"\nkeep-last = 1",
            "unknown time zone 'Mars'",
        ),
        ("", "would remove everything"),
    ] {
        let (code, _, err) = with(policy, &[]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(says), "{err}");
    }
}

#[test]
fn what_is_not_meant_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = vault(folder.path());
    let (a, b) = (points(&vault, "a"), points(&vault, "b"));
    let cases: [(&[&str], &str); 10] = [
        (&[], "say what to keep"),
        (&["--keep-daily", "0"], "say what to keep"),
        (&["--timezone", "Europe/Berlin"], "would remove everything"),
        (&["--all", "--instance", "d"], "no recovery point of 'd'"),
        (&[&b[0], "--instance", "a"], "is one of 'b'"),
        (&["ffffffff"], "no recovery point 'ffffffff'"),
        (&[&b[0], "--dry-run"], "must stay: needed by"),
        (&["--all", "--keep-last", "1"], "cannot be used with"),
        (
            &["--keep-last", "1"],
            "nothing was changed: pass --yes to do it without being asked (Forget 5 points?)",
        ),
        (
            &["--keep-last", "1", "--semantics", "tar"],
            "unknown convention 'tar'",
        ),
    ];
    for (arguments, says) in cases {
        let arguments = [&["forget", &vault], arguments].concat();
        let output = firedrill(&arguments)
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let err = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert!(err.contains(says), "{arguments:?}: {err}");
    }
    // A chain may go as a whole.
    let whole = [
        &["forget", &vault, "--dry-run"],
        &[&b[0], &b[1], &b[2]].map(String::as_str)[..],
    ];
    assert_eq!(json(&whole.concat())["forget"], 3);
    let (code, out, err) = run(&["forget", &vault, &a[0], "--yes"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.contains("named") && out.contains("forgot 1 point;"),
        "{out}"
    );
    assert_eq!(points(&vault, "a"), a[1..]);
}
