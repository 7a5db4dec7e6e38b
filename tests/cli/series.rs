//! A real series: successive releases of TypeScript, as the registry has them. Every file is dated
//! 1985, and some change while size and date stay the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::{json, text};

/// Where recipes for real data lie when the project's data folder stands beside the checkout. It
/// is read in place: its licences do not let it be copied into the project.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data")
}

/// The generations, oldest first, fetched once for all tests.
fn generations() -> Option<Vec<PathBuf>> {
    static FETCHED: OnceLock<Option<Vec<PathBuf>>> = OnceLock::new();
    FETCHED.get_or_init(fetch).clone()
}

/// Fetches the series; `None`, said loudly, where it can't be had.
#[expect(clippy::print_stderr, reason = "a skipped check says so")]
fn fetch() -> Option<Vec<PathBuf>> {
    let recipe = data().join("make_generations.sh");
    if !recipe.exists() {
        eprintln!("SKIPPED: no real series: {} is not there", recipe.display());
        return None;
    }
    let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join("typescript-releases");
    let made = Command::new("bash")
        .args([&recipe, Path::new("typescript-releases"), &at])
        .output();
    match made {
        Ok(output) if output.status.success() => {}
        other => {
            assert!(
                std::env::var_os("FIREDRILL_REQUIRE_ALL").is_none(),
                "the real series: {other:?}"
            );
            eprintln!("SKIPPED: the real series could not be fetched (it needs npm and bash)");
            return None;
        }
    }
    let trees = fs::read_to_string(at.join("TREES.txt")).expect("the trees' digests");
    let expected = fs::read_to_string(data().join("trees/typescript-releases.trees.txt"));
    assert_eq!(trees, expected.expect("the published digests"));
    let mut generations: Vec<PathBuf> = fs::read_dir(&at)
        .expect("the series")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| text(path).contains("/gen-"))
        .collect();
    generations.sort();
    Some(generations)
}

/// A column of a published table, by generation.
fn column(file: &str, name: &str) -> Vec<u64> {
    let table = fs::read_to_string(data().join("trees").join(file)).expect("a table");
    let mut rows = table.lines().map(|line| line.split(','));
    let mut heading = rows.next().expect("a heading");
    let at = heading.position(|cell| cell == name).expect("the column");
    let cell = |mut row: std::str::Split<'_, char>| row.nth(at)?.trim().parse().ok();
    rows.filter_map(cell).collect()
}

#[test]
fn a_real_series_is_compared_and_keeps_no_more_than_other_tools_do() {
    let Some(generations) = generations() else {
        return;
    };
    let out = tempfile::tempdir().expect("a folder");
    let methods = "full,incremental,forever";
    let mut arguments = vec!["compare", "--methods", methods, "--full-every", "100"];
    arguments.extend(["--out", text(out.path()), "--data"]);
    arguments.extend(generations.iter().map(|at| text(at)));
    let document = json(&arguments);
    let bytes = column("typescript-releases.rates.csv", "bytes");
    for method in document["methods"].as_array().expect("methods") {
        let points = method["points"].as_array().expect("points");
        let logical = points.iter().map(|point| point["logical_bytes"].as_u64());
        assert!(
            logical.eq(bytes.iter().map(|bytes| Some(*bytes))),
            "{method}"
        );
        let restores = method["restores"].as_array().expect("restores");
        assert_eq!(restores.len(), 3);
        assert!(
            restores.iter().all(|row| row["verified"] == true),
            "{method}"
        );
    }
    // What restic 0.14 and borg 1.4 kept of the same series. Their larger chunks keep more.
    let forever = document["methods"][2]["vault_bytes"]
        .as_u64()
        .expect("bytes");
    for tool in ["restic_repo_bytes", "borg_repo_bytes"] {
        let kept = column("typescript-releases.restic-borg.csv", tool);
        let kept = *kept.last().expect("a row");
        assert!(
            forever < kept + kept / 50,
            "{forever} bytes, {tool} says {kept}"
        );
    }
}

/// Makes `live` hold what `generation` does, file by file in place, dates included.
fn become_(live: &Path, generation: &Path) {
    fs::create_dir_all(live).expect("a folder");
    let names = |at: &Path| -> Vec<_> {
        let entries = fs::read_dir(at).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect()
    };
    for name in names(live) {
        if !generation.join(&name).exists() {
            let gone = live.join(&name);
            let removed = if gone.is_dir() {
                fs::remove_dir_all(&gone)
            } else {
                fs::remove_file(&gone)
            };
            removed.expect("it goes");
        }
    }
    for name in names(generation) {
        let (from, to) = (generation.join(&name), live.join(&name));
        let metadata = fs::symlink_metadata(&from).expect("metadata");
        if metadata.is_dir() {
            become_(&to, &from);
            continue;
        }
        let content = fs::read(&from).expect("a file");
        if fs::read(&to).ok().as_ref() != Some(&content) {
            fs::write(&to, &content).expect("a file");
            let file = fs::File::options().write(true).open(&to).expect("a file");
            let modified = metadata.modified().expect("a date");
            file.set_modified(modified).expect("a date");
        }
    }
}

fn assert_same(generation: &Path, restored: &Path) {
    for entry in fs::read_dir(generation).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        let (a, b) = (generation.join(&name), restored.join(&name));
        if a.is_dir() {
            assert_same(&a, &b);
        } else {
            let [a_bytes, b_bytes] = [&a, &b].map(|at| fs::read(at).expect("a file"));
            assert!(a_bytes == b_bytes, "{} is not {}", b.display(), a.display());
        }
    }
}

#[test]
fn a_change_that_leaves_size_and_date_alone_is_not_missed() {
    let Some(generations) = generations() else {
        return;
    };
    let hidden: u64 = column("typescript-releases.rates.csv", "modified_same_mtime_size")
        .iter()
        .sum();
    assert_eq!(hidden, 5, "the series holds what this test is about");
    let folder = tempfile::tempdir().expect("a folder");
    let [vault, live] = ["vault", "live"].map(|name| folder.path().join(name));
    json(&["init", text(&vault)]);
    for (number, generation) in generations.iter().enumerate() {
        become_(&live, generation);
        let backup = ["backup", text(&vault), text(&live), "--method"];
        let point = json(&[&backup[..], &["incremental"]].concat());
        let target = folder.path().join(format!("back-{number}"));
        let id = point["point"].as_str().expect("an id");
        json(&["restore", text(&vault), id, text(&target)]);
        assert_same(generation, &target);
        fs::remove_dir_all(&target).expect("it goes");
        // Nothing has changed since, but what changed within the clock's tick is read again.
        let again = json(&[&backup[..], &["incremental"]].concat());
        assert_eq!(again["blocks_stored"], 0, "{generation:?}");
    }
}
