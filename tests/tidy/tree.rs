//! Sizes, headers and places of files; what must be written down, and what must not.

use std::collections::BTreeSet;

use crate::text::{code, is_rust, is_test, names, without_tests};
use crate::{Complaints, Files};

const LINES_MAX: usize = 800;
const LINES_WITHOUT_REASON_MAX: usize = 500;

/// Where checkouts and homes lie on build machines; split, so that this line isn't found.
const BUILD_PLACES: [&str; 2] = [concat!("/ro", "ot/"), concat!("/wo", "rk/")];

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "engine/FORMAT.md",
];

pub(crate) fn size(path: &str, text: &str) -> Complaints {
    let (all, own) = (text.lines().count(), without_tests(text).lines().count());
    let reason = text
        .lines()
        .any(|line| line.starts_with("//! Long because"));
    if all > LINES_MAX {
        vec![format!("{path}: {all} lines; {LINES_MAX} is the limit")]
    } else if own > LINES_WITHOUT_REASON_MAX && !is_test(path) && !reason {
        vec![format!(
            "{path}: {own} lines need a reason in the header: `//! Long because ...`"
        )]
    } else {
        Complaints::new()
    }
}

pub(crate) fn header(path: &str, text: &str) -> Complaints {
    // A module's own tests say what they are for in their name.
    if path.ends_with("/tests.rs")
        || text.starts_with("//! ")
        || text.starts_with("#![doc = include_str!")
    {
        return Complaints::new();
    }
    vec![format!(
        "{path}: starts without a `//!` line that says what the module is for"
    )]
}

/// Rust files that cargo finds by itself: the roots of libraries, programs, tests and benches.
fn is_root(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = folder.rsplit('/').next().unwrap_or_default();
    let is_target = |folder: &str| matches!(folder, "tests" | "benches" | "examples" | "bin");
    match name {
        "lib.rs" | "main.rs" | "build.rs" => true,
        _ => is_target(parent) && name != "mod.rs",
    }
}

pub(crate) fn forgotten(files: &Files) -> Complaints {
    let mut complaints = Complaints::new();
    for path in files.keys().filter(|path| is_rust(path) && !is_root(path)) {
        let (mut folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut module = name.trim_end_matches(".rs");
        if module == "mod" {
            (folder, module) = folder.rsplit_once('/').unwrap_or(("", folder));
        }
        let parents = ["/mod.rs", "/lib.rs", "/main.rs", ".rs"];
        let declared = parents
            .iter()
            .filter_map(|end| files.get(&format!("{folder}{end}")))
            .any(|text| {
                text.lines()
                    .any(|line| names(code(line), &format!("mod {module};")))
            });
        if !declared {
            complaints.push(format!(
                "{path}: no parent says `mod {module};`, so it isn't compiled"
            ));
        }
    }
    complaints
}

pub(crate) fn unmapped(files: &Files) -> Complaints {
    let map = files.get("ARCHITECTURE.md").map_or("", String::as_str);
    let mut folders = BTreeSet::new();
    for path in files.keys() {
        let parts: Vec<&str> = path.split('/').collect();
        folders.extend((parts.len() > 1).then(|| parts[0]));
        // The rooms of a crate: engine/src/<room>/..., and src/<room>/... for the program.
        if let Some(src) = parts
            .iter()
            .position(|part| *part == "src")
            .filter(|_| is_rust(path))
        {
            folders.extend((parts.len() > src + 2).then(|| parts[src + 1]));
        }
    }
    folders.retain(|folder| {
        !names(map, &format!("{folder}/")) && !map.contains(&format!("/{folder}/"))
    });
    folders
        .iter()
        .map(|folder| format!("ARCHITECTURE.md: doesn't name `{folder}/`"))
        .collect()
}

pub(crate) fn build_machine(path: &str, text: &str) -> Complaints {
    let mut complaints = Complaints::new();
    for (index, line) in text.lines().enumerate() {
        // A longer path that merely ends so, or an address, is no path of a machine.
        let starts =
            |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "-_.}".contains(c));
        for place in BUILD_PLACES {
            if line.match_indices(place).any(|(at, _)| starts(at)) {
                complaints.push(format!(
                    "{path}:{}: names the build machine's {place}",
                    index + 1
                ));
            }
        }
    }
    complaints
}

/// The one command that README gives for testing; `.ci/run` runs it too.
fn test_command(readme: &str) -> Option<&str> {
    let (_, marked) = readme.split_once("<!-- test-command -->")?;
    let block = marked.trim_start().strip_prefix("```")?;
    let (_, block) = block.split_once('\n')?;
    block.split_once("\n```").map(|(command, _)| command)
}

pub(crate) fn documents(files: &Files) -> Complaints {
    let missing = DOCUMENTS.iter().filter(|path| !files.contains_key(**path));
    let mut complaints: Complaints = missing.map(|path| format!("{path}: missing")).collect();
    let command = files.get("README.md").and_then(|text| test_command(text));
    if command != Some("cargo test --workspace") {
        complaints.push(format!("README.md: the test command is {command:?}"));
    }
    // Another package has a program too: without this, `cargo run` of the README asks which one is meant.
    let manifest = files.get("Cargo.toml").map_or("", String::as_str);
    if !manifest
        .lines()
        .any(|line| line == "default-run = \"firedrill\"")
    {
        complaints.push("Cargo.toml: `cargo run` does not know which program to run".to_owned());
    }
    complaints
}

fn files(list: &[(&str, &str)]) -> Files {
    list.iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}

#[test]
fn fires_on_a_long_file() {
    let fires = |path: &str, text: &str| !size(path, text).is_empty();
    let long = "let x = 1;\n".repeat(501);
    assert!(fires("src/a.rs", &long));
    assert!(!fires(
        "src/a.rs",
        &format!("//! Long because it is one table.\n{long}")
    ));
    assert!(!fires(
        "src/a.rs",
        &format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n{long}}}\n")
    ));
    assert!(fires(
        "src/a.rs",
        &format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests;\n{long}")
    ));
    assert!(fires(
        "src/a.rs",
        &format!("//! Long because.\n{}", long.repeat(2))
    ));
    assert!(!fires("src/a.rs", "fn f() {}\n"));
}

#[test]
fn fires_on_a_file_without_a_header() {
    assert!(!header("src/a.rs", "use std::fs;\n").is_empty());
    assert!(header("src/a/tests.rs", "use super::*;\n").is_empty());
    assert!(header("src/a.rs", "//! Packs.\n").is_empty());
    assert!(header("src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n").is_empty());
}

#[test]
fn fires_on_a_forgotten_file() {
    let tree = [
        ("engine/src/lib.rs", "pub mod vault;\n"),
        ("engine/src/vault/mod.rs", "mod pack;\n"),
    ];
    let with = |path: &str| forgotten(&files(&[&tree[..], &[(path, "//! x\n")]].concat()));
    assert!(with("engine/src/vault/pack.rs").is_empty());
    assert!(with("engine/tests/it/main.rs").is_empty());
    assert_eq!(with("engine/src/vault/index.rs").len(), 1);
    assert_eq!(with("engine/src/backup/mod.rs").len(), 1);
    assert_eq!(with("engine/tests/it/restore.rs").len(), 1);
    let commented = files(&[("src/main.rs", "// mod exit;\n"), ("src/exit.rs", "")]);
    assert_eq!(forgotten(&commented).len(), 1);
}

#[test]
fn fires_on_a_folder_off_the_map() {
    let map = ("ARCHITECTURE.md", "`engine/` holds `vault/`");
    assert!(unmapped(&files(&[map, ("engine/src/vault/pack.rs", "")])).is_empty());
    assert_eq!(
        unmapped(&files(&[map, ("engine/src/seal/mod.rs", "")])).len(),
        1
    );
    assert_eq!(
        unmapped(&files(&[map, ("simulator/Cargo.toml", "")])).len(),
        1
    );
}

#[test]
fn fires_on_a_path_of_the_build_machine() {
    for place in BUILD_PLACES {
        assert_eq!(build_machine("a.md", &format!("see {place}x\n")).len(), 1);
        assert!(build_machine("a.md", &format!("see target{place}x\n")).is_empty());
    }
}

#[test]
fn fires_on_a_missing_document() {
    let readme = |command: &str| format!("# x\n<!-- test-command -->\n```sh\n{command}\n```\n");
    let with = |readme: &str| {
        let mut list = vec![("README.md", readme)];
        list.extend(DOCUMENTS.iter().skip(1).map(|path| (*path, "text")));
        list.push(("Cargo.toml", "default-run = \"firedrill\"\n"));
        documents(&files(&list))
    };
    assert!(with(&readme("cargo test --workspace")).is_empty());
    assert_eq!(with(&readme("cargo test")).len(), 1);
    assert_eq!(with("# x\n").len(), 1);
    assert_eq!(documents(&Files::new()).len(), DOCUMENTS.len() + 2);
}
