//! `scenario`: what ships, what a file means, what is wrong with one, and its schema.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{json, ready, run, text};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The scenarios of the repository's folder, by name.
fn files() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).expect("the folder");
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".toml").map(str::to_owned)
    });
    names.collect()
}

#[test]
fn every_file_of_the_folder_ships_and_says_what_it_asks() {
    let listed = json(&["scenario", "list"]);
    let listed = listed.as_array().expect("a list");
    let names: BTreeSet<_> = listed
        .iter()
        .map(|row| row["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names, files());
    for row in listed {
        assert!(
            row["question"]
                .as_str()
                .is_some_and(|question| question.ends_with('?')),
            "{row}"
        );
        let runs = row["fidelities"].as_array().expect("fidelities");
        assert!(runs.contains(&"modelled".into()), "{row}");
    }
    let (code, said, _) = run(&["scenario", "list"]);
    assert_eq!(code, 0);
    assert!(
        said.contains("ten-blocks  (emulated, modelled)\n  What do full"),
        "{said}"
    );
}

#[test]
fn what_is_shown_is_a_scenario_with_its_meaning_and_defaults() {
    let kept = tempfile::tempdir().expect("a folder");
    for name in files() {
        let (code, shown, err) = run(&["scenario", "show", &name]);
        assert_eq!(code, 0, "{err}");
        for part in [
            "# What this means:",
            "# Strategy '",
            "# detecting: median = 15m",
        ] {
            assert!(shown.contains(part), "{name}: no {part:?} in {shown}");
        }
        let file = kept.path().join(format!("{name}.toml"));
        fs::write(&file, &shown).expect("a file");
        let (code, said, err) = run(&["scenario", "check", text(&file)]);
        assert_eq!(code, 0, "{err}");
        assert!(said.contains(" is right: instances "), "{said}");
    }
    let path = folder().join("ten-blocks.toml");
    let shown = json(&["scenario", "show", text(&path)]);
    assert_eq!(
        shown["strategies"],
        serde_json::json!(["full", "differential", "incremental"])
    );
    let assumed = shown["assumed"].as_array().expect("assumptions");
    let sourced = |row: &serde_json::Value| row["source"].as_str().is_some_and(|it| !it.is_empty());
    assert!(assumed.len() > 10 && assumed.iter().all(sourced));
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_would_be_right() {
    let kept = tempfile::tempdir().expect("a folder");
    let file = kept.path().join("mine.toml");
    let right = fs::read_to_string(folder().join("ten-blocks.toml")).expect("a scenario");
    fs::write(&file, right.replacen("blocks = 10", "bloks = 10", 1)).expect("a file");
    // Each gets its verdict, whatever the others are.
    let (code, out, err) = run(&["scenario", "check", text(&file), "ten-blocks"]);
    assert_eq!(code, 2);
    assert!(out.starts_with("ten-blocks is right: "), "{out}");
    let line = right
        .lines()
        .position(|line| line == "blocks = 10")
        .expect("it is there")
        + 1;
    let says = format!("mine.toml: line {line}: unknown key 'bloks'; did you mean 'blocks'?");
    assert!(err.contains(&says), "{err}");
    let (code, _, err) = run(&["scenario", "check", "--json", text(&file)]);
    assert_eq!(code, 2);
    let error: serde_json::Value = serde_json::from_str(&err).expect("JSON");
    assert!(
        error["error"]
            .as_str()
            .is_some_and(|error| error.contains("bloks"))
    );
    let (code, _, err) = run(&["scenario", "show", "ten-block"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("one of ten-blocks, methods-over-a-year"),
        "{err}"
    );
    let (code, _, err) = run(&["scenario", "check", "no/such/file.toml"]);
    assert_eq!(code, 2);
    assert!(err.contains("no/such/file.toml"), "{err}");
}

#[test]
fn the_schema_in_the_folder_is_the_programs() {
    let file = folder().join("scenario.schema.json");
    let (code, printed, err) = run(&["scenario", "schema"]);
    assert_eq!(code, 0, "{err}");
    let kept = fs::read_to_string(&file).expect("the schema");
    let command = "cargo run -- scenario schema > scenarios/scenario.schema.json";
    assert!(
        kept == printed,
        "the schema is not what the types say: {command}"
    );
    let check = "import glob, json, sys, tomllib\n\
                 from jsonschema import Draft202012Validator as Validator\n\
                 schema = json.load(open(sys.argv[1] + '/scenario.schema.json'))\n\
                 Validator.check_schema(schema)\n\
                 files = glob.glob(sys.argv[1] + '/*.toml')\n\
                 assert files\n\
                 for file in files:\n\
                 \x20   Validator(schema).validate(tomllib.load(open(file, 'rb')))\n\
                 wrong = tomllib.loads('question = \"?\"\\nsise = 1')\n\
                 assert not Validator(schema).is_valid(wrong)\n";
    let python = std::env::var("FIREDRILL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let python = Path::new(&python);
    if ready(
        "a Python with jsonschema",
        python,
        &["-c", "import jsonschema, tomllib"],
    ) {
        let checked = std::process::Command::new(python)
            .args(["-c", check, text(&folder())])
            .output()
            .expect("it runs");
        assert!(
            checked.status.success(),
            "{}",
            String::from_utf8_lossy(&checked.stderr)
        );
    }
}
