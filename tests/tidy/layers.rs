//! Which way imports go: in every dependency table, and in the sources.

use crate::Complaints;
use crate::text::{code, is_rust, names};

/// Which crates each crate must not name. Arrows go only to the left:
/// engine <- simulator <- reports <- src.
const LAYERS: [(&str, &[&str]); 5] = [
    (
        "engine/",
        &[
            "firedrill",
            "simulator",
            "reports",
            "benches",
            "clap",
            "anyhow",
            "polars",
            "plotters",
        ],
    ),
    (
        "simulator/",
        &[
            "firedrill",
            "reports",
            "benches",
            "clap",
            "anyhow",
            "polars",
            "plotters",
        ],
    ),
    (
        "reports/",
        &["firedrill", "engine", "benches", "clap", "anyhow"],
    ),
    (
        "benches/",
        &["firedrill", "clap", "anyhow", "polars", "plotters"],
    ),
    ("", &["benches", "polars", "plotters"]),
];

fn is_banned(dependency: &str, banned: &str) -> bool {
    dependency
        .strip_prefix(banned)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The package names in every dependency table of a manifest, but for the workspace's own list.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_table = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let table = header.split_once("dependencies");
            in_table = table.is_some() && !header.starts_with("workspace.");
            if let (true, Some((_, name))) = (in_table, table.filter(|(_, name)| !name.is_empty()))
            {
                found.push(name.trim_start_matches('.').to_owned());
            }
        } else if in_table && !line.starts_with('#') {
            let key = line.split(['.', '=', ' ']).next().unwrap_or_default();
            let renamed = line
                .split_once("package")
                .and_then(|(_, rest)| rest.split('"').nth(1));
            found.extend(
                [Some(key), renamed]
                    .into_iter()
                    .flatten()
                    .map(str::to_owned),
            );
        }
    }
    found
}

pub(crate) fn layers(path: &str, text: &str) -> Complaints {
    let own = if path.starts_with("src/") || path.starts_with("tests/") || path == "Cargo.toml" {
        ""
    } else {
        &path[..path.find('/').map_or(0, |at| at + 1)]
    };
    let Some((_, banned)) = LAYERS.iter().find(|(folder, _)| *folder == own) else {
        return Complaints::new();
    };
    let mut complaints = Complaints::new();
    for banned in *banned {
        if path.ends_with("Cargo.toml") {
            let mut dependencies = dependencies(text).into_iter();
            if let Some(dependency) = dependencies.find(|name| is_banned(name, banned)) {
                complaints.push(format!("{path}: must not depend on {dependency}"));
            }
        } else if is_rust(path) && !path.starts_with("tests/tidy/") {
            let paths = [
                format!("{banned}::"),
                format!("use {banned};"),
                format!("crate {banned};"),
            ];
            for (index, line) in text.lines().enumerate() {
                if paths.iter().any(|path| names(code(line), path)) {
                    complaints.push(format!("{path}:{}: must not import {banned}", index + 1));
                }
            }
        }
    }
    complaints
}

#[test]
fn fires_on_a_forbidden_dependency() {
    let manifest = |table: &str| format!("[package]\nname = \"x\"\n{table}\n");
    let fires = |path: &str, table: &str| !layers(path, &manifest(table)).is_empty();
    assert!(fires(
        "engine/Cargo.toml",
        "[dependencies]\nanyhow.workspace = true"
    ));
    assert!(fires(
        "engine/Cargo.toml",
        "[dev-dependencies]\nsimulator = { path = \"x\" }"
    ));
    assert!(fires(
        "engine/Cargo.toml",
        "[target.'cfg(unix)'.build-dependencies]\nclap = \"4\""
    ));
    assert!(fires(
        "simulator/Cargo.toml",
        "[dependencies.polars-io]\nversion = \"1\""
    ));
    assert!(fires(
        "simulator/Cargo.toml",
        "[dependencies]\np = { package = \"plotters\" }"
    ));
    assert!(fires(
        "reports/Cargo.toml",
        "[dependencies]\nengine.workspace = true"
    ));
    assert!(fires(
        "Cargo.toml",
        "[dependencies]\npolars.workspace = true"
    ));
    assert!(!fires(
        "Cargo.toml",
        "[workspace.dependencies]\npolars = \"1\""
    ));
    assert!(!fires(
        "reports/Cargo.toml",
        "[dependencies]\npolars.workspace = true"
    ));
    assert!(!fires(
        "simulator/Cargo.toml",
        "[dependencies]\nengine.workspace = true"
    ));
}

#[test]
fn fires_on_a_forbidden_import() {
    let fires = |path: &str, line: &str| !layers(path, line).is_empty();
    assert!(fires(
        "engine/src/vault/pack.rs",
        "use simulator::outcome::Row;"
    ));
    assert!(fires(
        "engine/tests/it/main.rs",
        "    let x = simulator::run();"
    ));
    assert!(fires("simulator/src/verify.rs", "use anyhow;"));
    assert!(fires(
        "reports/src/lib.rs",
        "fn rows(list: &[engine::Row]) {}"
    ));
    assert!(fires("src/main.rs", "use polars::prelude::*;"));
    assert!(!fires("src/main.rs", "use engine::vault;"));
    assert!(!fires("reports/src/lib.rs", "use crate::engine::Row;"));
    assert!(!fires(
        "engine/src/lib.rs",
        "// simulator::outcome reads this"
    ));
}
