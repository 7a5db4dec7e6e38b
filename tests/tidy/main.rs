//! The rules of the house as tests: who may import whom, how long a file is, what must exist.
//! Every check is a pure function over paths and texts that gives complaints, and beside it stands
//! a planted bad example that it fires on.

mod layers;
mod replay;
mod text;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use text::is_rust;

/// Repository-relative path with `/`, and text, of every text file that isn't ignored.
type Files = BTreeMap<String, String>;
/// What is wrong, one line each.
type Complaints = Vec<String>;

fn repository() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let ignored: BTreeSet<&str> = ignored
        .lines()
        .map(|line| line.trim_matches('/'))
        .chain([".git", "target"])
        .collect();
    let mut files = Files::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("a folder of the repository lists")
            .flatten()
        {
            let kind = entry.file_type().expect("an entry has a type");
            let is_ignored = ignored.contains(entry.file_name().to_string_lossy().as_ref());
            if is_ignored {
                // Neither read nor entered.
            } else if kind.is_dir() {
                folders.push(entry.path());
            } else if let (true, Ok(text)) = (kind.is_file(), fs::read_to_string(entry.path())) {
                let path = entry.path();
                let path = path
                    .strip_prefix(root)
                    .expect("the walk stays below the root");
                files.insert(path.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    files
}

fn expect_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn each_rust_file(check: fn(&str, &str) -> Complaints) -> Complaints {
    let files = repository();
    files
        .iter()
        .filter(|(path, _)| is_rust(path))
        .flat_map(|(path, text)| check(path, text))
        .collect()
}

fn each_file(check: fn(&str, &str) -> Complaints) -> Complaints {
    repository()
        .iter()
        .flat_map(|(path, text)| check(path, text))
        .collect()
}

#[test]
fn imports_go_one_way() {
    expect_none(&each_file(layers::layers));
}

#[test]
fn files_stay_short() {
    expect_none(&each_rust_file(tree::size));
}

#[test]
fn every_module_says_what_it_is_for() {
    expect_none(&each_rust_file(tree::header));
}

#[test]
fn only_seams_touch_the_world() {
    expect_none(&each_rust_file(replay::replay));
}

#[test]
fn no_file_is_forgotten() {
    expect_none(&tree::forgotten(&repository()));
}

#[test]
fn every_folder_is_on_the_map() {
    expect_none(&tree::unmapped(&repository()));
}

#[test]
fn nothing_names_the_build_machine() {
    expect_none(&each_file(tree::build_machine));
}

#[test]
fn documents_are_there() {
    expect_none(&tree::documents(&repository()));
}
