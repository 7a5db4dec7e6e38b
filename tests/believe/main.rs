//! The project held against the outside: every row of `docs/WHY-BELIEVE-IT.md` is computed here, must
//! meet what others published, and must stand in the page as it was computed.
//!
//! `FIREDRILL_WRITE_DOCS=1 cargo test --test believe` writes the tables anew.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts and microseconds, shown with four digits"
)]

mod azure;
mod capacity;
mod check;
mod churn;
mod durability;
mod lag;
mod volumes;

use std::sync::LazyLock;

use check::{Check, table};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/WHY-BELIEVE-IT.md");

/// The tables by the name that the page gives them, computed once.
static TABLES: LazyLock<Vec<(&str, Vec<Check>)>> = LazyLock::new(|| {
    vec![
        ("durability", durability::closed_forms()),
        ("rare", durability::rare_events()),
        ("decay", durability::decay()),
        ("lag", lag::levels()),
        ("rpo", lag::rpo()),
        ("churn", churn::churn()),
        ("volumes", volumes::volumes()),
        ("chains", capacity::chains()),
        ("azure", azure::azure()),
        ("statistics", azure::statistics()),
    ]
});

fn checks() -> impl Iterator<Item = &'static Check> {
    TABLES.iter().flat_map(|(_, checks)| checks)
}

/// Where the table of that name stands in the page, without its marks.
fn place(page: &str, name: &str) -> std::ops::Range<usize> {
    let mark = format!("<!-- table: {name} -->\n");
    let start = page
        .find(&mark)
        .expect("the page has a place for each table")
        + mark.len();
    let end = page[start..].find("<!-- end -->").expect("a table ends");
    start..start + end
}

#[test]
fn everything_agrees_with_the_outside() {
    let wrong: Vec<String> = checks()
        .filter(|check| !check.holds())
        .map(Check::row)
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A check that would pass whatever is computed shows nothing.
#[test]
fn every_check_fires_on_a_figure_that_is_a_little_off() {
    for check in checks() {
        let step = if check.ours == 0.0 {
            1.0
        } else {
            check.ours / 10.0
        };
        for ours in [check.ours + step, check.ours - step] {
            let off = Check {
                ours,
                ..check.clone()
            };
            assert!(!off.holds(), "{}", off.row());
        }
    }
}

#[test]
fn the_page_says_what_was_computed() {
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let mut computed = page.clone();
    for (name, checks) in TABLES.iter() {
        computed.replace_range(place(&computed, name), &table(checks));
    }
    if std::env::var_os("FIREDRILL_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, computed).expect("the page can be written");
    } else {
        let lines = page.lines().zip(computed.lines());
        let stale: Vec<_> = lines
            .filter(|(old, new)| old != new)
            .map(|(_, new)| new)
            .collect();
        assert!(
            page == computed,
            "docs/WHY-BELIEVE-IT.md is stale; FIREDRILL_WRITE_DOCS=1 writes:\n{}",
            stale.join("\n")
        );
    }
}

/// The marks are found, and a figure that was edited by hand is.
#[test]
fn a_figure_edited_by_hand_is_found() {
    let checks = [Check::exact("points", "a source", 46.0, 46.0)];
    let page = format!(
        "before\n<!-- table: x -->\n{}<!-- end -->\n",
        table(&checks)
    );
    assert_eq!(&page[place(&page, "x")], table(&checks));
    let edited = page.replace("| 46 | 46 |", "| 46 | 47 |");
    assert_ne!(&edited[place(&edited, "x")], table(&checks));
}
