use super::render;
use crate::sample::{USUAL, comparison, document, price};
use crate::verdict::verdict;

fn page(document: &crate::Document) -> String {
    render(document).expect("rendered")
}

/// Every part stands in the page, in this order.
fn in_order(page: &str, parts: &[&str]) {
    let mut rest = page;
    for part in parts {
        let at = rest.find(part);
        rest = &rest[at.unwrap_or_else(|| panic!("no {part:?} in what is left: {rest}"))..];
    }
}

#[test]
fn the_answer_comes_first() {
    in_order(
        &page(&document(&USUAL)),
        &[
            "<h1>",
            "id=\"answer\"",
            "<strong>Pick incremental to pay and send least:</strong> 140\u{a0}MiB kept",
            "6 of 6 restores equal their source byte for byte.",
            "<table class=\"cards\" id=\"methods\">",
            "RPO here is the spacing of the points, and RTO the measured restore time.",
            "kept as LRS (three copies in one datacenter)",
            "Azure Backup, West Europe, July 2024",
            "$5.00 a month, the same with every method",
            "<svg",
            "What it costs",
            "$60.00 a year",
            "Made with",
            "firedrill compare --seed 7",
            "Prices used",
            "vault.lrs",
            "0.0224 USD/GB-month",
            "West Europe",
            "2024-07-01",
            "verified",
            "infracost",
        ],
    );
}

#[test]
fn the_best_are_marked_and_no_others() {
    let document = document(&USUAL);
    let page = page(&document);
    let best = verdict(&document).best;
    let marks: usize = best.iter().map(Vec::len).sum();
    assert!(marks > 0);
    assert_eq!(page.matches("class=\"best\"").count(), marks);
    in_order(
        &page,
        &[
            "id=\"methods\"",
            "incremental",
            "data-name=\"stored\" class=\"best\">140 MiB<",
        ],
    );
    let alone = crate::sample::document(&USUAL[..1]);
    assert!(!render(&alone).expect("rendered").contains("class=\"best\""));
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = page(&document(&USUAL));
    assert_eq!(page.matches("<svg").count(), 4);
    assert!(
        page.contains("default-src 'none'"),
        "browsers hold us to it"
    );
    for outside in [
        "<script",
        "src=",
        "@import",
        "url(",
        "<iframe",
        "onload",
        "http-equiv=\"refresh",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<link").count(), 1, "the empty icon");
    for (opened, closed) in [
        ("<svg", "</svg>"),
        ("<table", "</table>"),
        ("<tr", "</tr>"),
        ("<figure", "</figure>"),
        ("<details", "</details>"),
    ] {
        let opened = page.matches(opened).count();
        assert_eq!(opened, page.matches(closed).count(), "{closed}");
    }
}

#[test]
fn a_restore_that_differs_is_not_to_be_missed() {
    let mut rows = comparison(&USUAL);
    let restore = &mut rows.methods[1].restores[1];
    restore.verified = false;
    restore.differences = vec!["a/b: 3 bytes differ".to_owned()];
    in_order(
        &page(&price(&rows)),
        &[
            "class=\"answer bad\"",
            "<strong>DO NOT RELY ON differential:</strong>",
            "5 of 6",
            "differential<span",
            "a restore differs: best at nothing",
            "<details open>",
            "<span class=\"no\">NO</span>",
            "a/b: 3 bytes differ",
        ],
    );
    assert!(!page(&document(&USUAL)).contains("<details open>"));
}

#[test]
fn names_stay_text() {
    let mut rows = comparison(&USUAL);
    let hostile = "<script>alert(1)</script>\"'&";
    rows.command = hostile.to_owned();
    rows.series.label = hostile.to_owned();
    rows.series.generations[0].path = hostile.to_owned();
    rows.machine.processor = hostile.to_owned();
    rows.methods[0].method = hostile.to_owned();
    rows.methods[0].points[0].kind = hostile.to_owned();
    rows.methods[0].restores[0].differences = vec![hostile.to_owned()];
    let mut document = price(&rows);
    document.prices[0].source.title = hostile.to_owned();
    document.prices[0].unit = hostile.to_owned();
    let page = page(&document);
    assert!(!page.contains("<script"), "{page}");
    assert!(page.matches("alert(1)").count() >= 9);
}

#[test]
fn only_addresses_become_links() {
    let mut document = document(&USUAL);
    let places = ["https://example.org/a?b", "javascript:alert(1)"];
    for (price, place) in document.prices.iter_mut().zip(places) {
        price.source.place = place.to_owned();
    }
    let page = page(&document);
    assert!(page.contains("<a href=\"https://example.org/a?b\" rel=\"noreferrer\">"));
    assert!(page.contains("javascript:") && !page.contains("href=\"javascript"));
}

#[test]
fn a_book_without_fees_says_nothing_of_them() {
    let mut document = document(&USUAL);
    document.instance_fee_month = None;
    assert!(!page(&document).contains("protected instance"));
}

#[test]
fn pages_of_nothing_do_no_harm() {
    let mut rows = comparison(&USUAL);
    rows.series.generations.clear();
    rows.methods.clear();
    assert!(page(&price(&rows)).contains("No method was measured."));
}
