//! Nothing in the engine or the simulator touches what a seed can't replay.

use std::collections::BTreeSet;

use crate::Complaints;
use crate::text::{code, is_test, without_tests};

/// What makes a run differ from its replay; only the seams' real forms may name it.
const UNREPLAYABLE: [&str; 8] = [
    "SystemTime::now",
    "Instant::now",
    "thread::spawn",
    "thread::sleep",
    "tokio::spawn",
    "spawn_blocking",
    "getrandom::",
    "rand::rng",
];

/// A seam's real form, and the measured trial, which runs in the real world by its nature.
fn is_real_world(path: &str) -> bool {
    path.starts_with("engine/src/seam/") || path.starts_with("simulator/src/measured")
}

pub(crate) fn replay(path: &str, text: &str) -> Complaints {
    let held = path.starts_with("engine/src/") || path.starts_with("simulator/src/");
    if !held || is_real_world(path) || is_test(path) {
        return Complaints::new();
    }
    let text = without_tests(text);
    let maps = hash_maps(text);
    let mut complaints = Complaints::new();
    let mut above = "";
    for (index, line) in text.lines().enumerate() {
        let at = format!("{path}:{}", index + 1);
        for name in UNREPLAYABLE
            .iter()
            .filter(|name| code(line).contains(**name))
        {
            complaints.push(format!("{at}: {name} belongs to the seams"));
        }
        for map in &maps {
            if iterates(code(line), map) && !above.trim().starts_with("// Any order:") {
                let excuse = "say why it doesn't matter in a line above: `// Any order: ...`";
                complaints.push(format!("{at}: `{map}` is walked in hash order; {excuse}"));
            }
        }
        above = line;
    }
    complaints
}

/// The names that a file declares as hash maps or sets.
fn hash_maps(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines().map(code) {
        let is_map = |value: &str| {
            let value = value
                .trim_start()
                .trim_start_matches("&mut ")
                .trim_start_matches('&');
            let value = value
                .rsplit_once("collections::")
                .map_or(value, |(_, name)| name);
            value.starts_with("HashMap") || value.starts_with("HashSet")
        };
        for (at, separator) in line.match_indices([':', '=']) {
            if is_map(&line[at + separator.len()..]) {
                let name = line[..at].trim_end();
                let is_name = |c: char| c.is_alphanumeric() || c == '_';
                let start = name.rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
                found.insert(name[start..].to_owned());
            }
        }
    }
    found.remove("");
    found
}

fn iterates(line: &str, map: &str) -> bool {
    let walks = [
        "iter()",
        "iter_mut()",
        "keys()",
        "values()",
        "values_mut()",
        "into_iter()",
    ];
    let walks = walks
        .iter()
        .chain(&["into_keys()", "into_values()", "drain()"]);
    let called = walks
        .map(|walk| format!("{map}.{walk}"))
        .any(|call| word_in(line, &call));
    let looped = line.split_once(" in ").is_some_and(|(before, over)| {
        let over = over
            .trim_end_matches([' ', '{'])
            .trim_start_matches("&mut ");
        let over = over.trim_start_matches('&').trim_start_matches("self.");
        before.trim_start().starts_with("for ") && over == map
    });
    called || looped
}

fn word_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn fires_on_the_world_outside_the_seams() {
    let fires = |path: &str, text: &str| !replay(path, text).is_empty();
    for name in UNREPLAYABLE {
        let text = format!("fn f() {{\n    {name}();\n}}\n");
        assert!(fires("engine/src/backup/run.rs", &text), "{name}");
        assert!(fires("simulator/src/verify.rs", &text), "{name}");
        assert!(!fires("engine/src/seam/clock.rs", &text), "{name}");
        assert!(!fires("simulator/src/measured/trial.rs", &text), "{name}");
        assert!(!fires("src/main.rs", &text), "{name}");
        let tested = format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n{text}}}\n");
        assert!(!fires("engine/src/ids.rs", &tested), "{name}");
    }
}

#[test]
fn fires_on_a_walk_in_hash_order() {
    let declared = "struct S {\n    packs: HashMap<Id, Pack>,\n}\n";
    let fires =
        |line: &str| !replay("engine/src/vault/pack.rs", &format!("{declared}{line}\n")).is_empty();
    assert!(fires("    for (id, pack) in &self.packs {"));
    assert!(fires("    let ids = self.packs.keys().collect();"));
    assert!(fires(
        "    let mut seen = std::collections::HashSet::new();\n    seen.drain();"
    ));
    assert!(!fires("    let pack = self.packs.get(&id);"));
    assert!(!fires("    for pack in &self.unpacks {"));
    assert!(!fires(
        "    // Any order: a sum.\n    let n = self.packs.values().sum();"
    ));
}
