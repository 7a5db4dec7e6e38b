//! Reading Rust source as text, well enough for rules: no parser, only lines.

use std::path::Path;

pub(crate) fn is_rust(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

pub(crate) fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The text before its inline test module.
pub(crate) fn without_tests(text: &str) -> &str {
    let end = text
        .match_indices("\n#[cfg(test)]\nmod ")
        .find(|(at, found)| {
            let name = text[at + found.len()..].lines().next().unwrap_or_default();
            name.ends_with('{')
        });
    end.map_or(text, |(at, _)| &text[..=at])
}

/// The line without its comment.
pub(crate) fn code(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        ""
    } else {
        line.split(" // ").next().unwrap_or(line)
    }
}

/// Whether `word` stands in `line` with nothing of a longer path or name before it.
pub(crate) fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_:.\"-".contains(c))
    })
}
