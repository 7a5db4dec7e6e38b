//! The soak: for `FIREDRILL_SOAK_SECONDS` processes of the built program write, forget, bring back, prune and
//! read one vault on each kind of store, killed at random instants; then every acknowledged point comes
//! back byte for byte, and when all is forgotten nothing is left.

mod book;
mod hands;

use std::path::Path;
use std::sync::Mutex;
use std::thread::{park_timeout, scope};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::place::Place;
use crate::servers::Server;
use crate::support::text;
use book::Book;
use hands::{Draw, Work, clear, differs, ids};

/// Seconds of a rehearsal's soft delete, but for what HTTP's whole seconds cut off.
const SOFT_DELETE: Duration = Duration::from_secs(38);

const INSTANCES: [&str; 3] = ["alone", "other", "twice"];

/// For how long to soak, if at all.
pub(crate) fn seconds() -> Option<u64> {
    let asked = std::env::var("FIREDRILL_SOAK_SECONDS").ok()?.parse().ok();
    asked.filter(|seconds| *seconds > 0)
}

#[test]
#[expect(clippy::print_stderr, reason = "what was done is the result")]
fn no_process_that_is_killed_costs_a_point() {
    let Some(seconds) = seconds() else {
        eprintln!(
            "SKIPPED: FIREDRILL_SOAK_SECONDS=600 cargo test --test cli soak -- --nocapture runs it"
        );
        return;
    };
    let seed = std::env::var("FIREDRILL_SOAK_SEED").ok();
    let seed: u64 = seed.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.expect("a time").as_secs()
    });
    eprintln!("soak: {seconds} s, FIREDRILL_SOAK_SEED={seed}");
    let folder = tempfile::tempdir().expect("a folder");
    let mut places = vec![Place::new(text(&folder.path().join("vault")), &[])];
    let servers = (Server::azurite(), Server::moto());
    places.extend(servers.0.as_ref().map(Place::azure));
    places.extend(servers.1.as_ref().map(Place::s3));
    scope(|scope| {
        for (number, place) in (0..).zip(&places) {
            scope.spawn(move || soak(place, seed + number * 1000, seconds));
        }
    });
}

#[expect(clippy::print_stderr, reason = "what was done is the result")]
fn soak(place: &Place, seed: u64, seconds: u64) {
    let scratch = tempfile::tempdir().expect("a folder");
    place.json(&["init", &place.url, "--rehearsal"]);
    let work = Work {
        place,
        book: Mutex::new(Book::default()),
        scratch: scratch.path(),
        until: Instant::now() + Duration::from_secs(seconds),
    };
    scope(|scope| {
        let work = &work;
        let draw = |number| {
            Draw(
                seed.wrapping_add(number)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15),
            )
        };
        for (number, instance, at_once) in [(0, "alone", 1), (1, "other", 1), (2, "twice", 2)] {
            scope.spawn(move || work.write(&mut draw(number), instance, at_once));
        }
        scope.spawn(move || work.forget(&mut draw(3), &INSTANCES));
        scope.spawn(move || work.undelete(&mut draw(4)));
        for number in [5, 6] {
            scope.spawn(move || work.prune(&mut draw(number)));
        }
        scope.spawn(move || work.read(&mut draw(7)));
    });
    let book = work.book.into_inner().expect("the book");
    let url = &place.url;
    for (verb, tally) in &book.tallies {
        eprintln!(
            "{url}: {verb}: {} done, {} refused, {} killed",
            tally.done, tally.refused, tally.killed
        );
    }
    for (why, times) in &book.refusals {
        eprintln!("{url}: {times} times {why}");
    }
    assert!(book.wrong.is_empty(), "{url}: {:#?}", book.wrong);
    let (back, restored) = all_is_there(place, &book, scratch.path());
    let all = book.points.len();
    eprintln!(
        "{url}: {all} points acknowledged, {back} brought back at the end, {restored} restored byte for byte"
    );
    nothing_is_left(place);
    eprintln!("{url}: all forgotten, nothing left");
}

/// Every acknowledged point is there, or was forgotten for longer than it is kept, and comes back as it was.
/// Gives how many were brought back, and how many restored.
fn all_is_there(place: &Place, book: &Book, scratch: &Path) -> (usize, usize) {
    let url = place.url.as_str();
    // One whose time ends meanwhile makes it refuse.
    let mut tries = 0;
    let back = loop {
        let (code, out, err) = place.run_with(&["undelete", url, "--all", "--json"], &[]);
        if code == 0 {
            let back: Value = serde_json::from_str(&out).expect("a document");
            break back["undeleted"].as_array().map_or(0, Vec::len);
        }
        tries += 1;
        assert!(tries < 10, "{url}: {err}");
    };
    let now = Instant::now();
    let there = ids(&place.json(&["points", url]));
    let mut wrong = Vec::new();
    for point in book.points.keys() {
        let since = book.deleted_since(point);
        let over = since.is_some_and(|since| since + SOFT_DELETE < now);
        if !over && !there.contains(point) {
            let ago = since.map(|since| now - since);
            wrong.push(format!("point {point} is gone, forgotten {ago:?} ago"));
        }
    }
    let target = scratch.join("back");
    let mut restored = 0;
    for point in &there {
        clear(&target);
        let (code, _, err) = place.run_with(&["restore", url, point, text(&target)], &[]);
        let known = book.points.get(point);
        if code == 0 {
            let why = known.and_then(|(_, tree)| differs(&target, tree));
            wrong.extend(why.map(|why| format!("point {point} {why}")));
            restored += usize::from(known.is_some());
        } else {
            let said = known.map_or("nobody's", |(instance, _)| instance.as_str());
            wrong.push(format!("point {point} ({said}) does not come back: {err}"));
        }
    }
    let checked = place.run_with(&["check", url, "--read-data", "--json"], &[]);
    if checked.0 != 0 {
        wrong.push(format!("check: {} {}", checked.1, checked.2));
    }
    assert!(wrong.is_empty(), "{url}: {wrong:#?}");
    (back, restored)
}

/// When everything has been forgotten and its time is over, prunes leave an empty vault.
fn nothing_is_left(place: &Place) {
    place.json(&["forget", &place.url, "--all", "--yes"]);
    let deadline = Instant::now() + Duration::from_mins(5);
    while !place.left().is_empty() {
        let left = place.left();
        assert!(Instant::now() < deadline, "{}: left: {left:?}", place.url);
        park_timeout(Duration::from_secs(1));
        place.json(&["prune", &place.url, "--yes"]);
    }
}
