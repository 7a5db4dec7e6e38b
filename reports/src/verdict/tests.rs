use super::{Verdict, verdict};
use crate::column::Column;
use crate::sample::{Sample, USUAL, comparison, document, price};

fn best(verdict: &Verdict, column: Column) -> &[usize] {
    let at = Column::ALL.iter().position(|other| *other == column);
    &verdict.best[at.expect("a column of the table")]
}

/// Every wanted piece stands in the sentence of that number.
fn check(verdict: &Verdict, number: usize, parts: &[&str]) {
    let sentence = &verdict.sentences[number];
    for part in parts {
        assert!(
            sentence.contains(part),
            "no {part:?} in {:#?}",
            verdict.sentences
        );
    }
}

fn sample(name: &'static str, mib: u64, chain: u32, restore_micros: u64) -> Sample {
    let bytes = mib << 20;
    Sample {
        name,
        stored: [bytes, 0, 0],
        sent: [bytes, 0, 0],
        chain: [1, chain, chain],
        restore_micros,
    }
}

#[test]
fn the_usual_trade_off_gives_one_pick_for_each_wish() {
    let verdict = verdict(&document(&USUAL));
    assert!(verdict.sound);
    assert_eq!((verdict.verified, verdict.restores), (6, 6));
    assert_eq!(verdict.sentences.len(), 3);
    // 140 MiB at $0.0224 per GB: $0.0033 a month; of 200 MB source: $16.44 for each TB.
    check(
        &verdict,
        0,
        &[
            "Pick incremental to pay and send least: 140 MiB kept, $0.0033 a month",
            "$16.44 for each TB of source",
            "full keeps 2.1 times as much",
        ],
    );
    check(
        &verdict,
        1,
        &[
            "Pick full to be back soonest",
            "about 1 s;",
            "incremental took about 1.5 s",
        ],
    );
    check(
        &verdict,
        2,
        &[
            "Pick full",
            "one point only",
            "incremental it needs up to 3",
        ],
    );
    assert_eq!(best(&verdict, Column::Stored), [2]);
    assert_eq!(best(&verdict, Column::Cost), [2]);
    assert_eq!(best(&verdict, Column::Restore), [0]);
    assert_eq!(best(&verdict, Column::Chain), [0]);
    assert!(
        best(&verdict, Column::Memory).is_empty(),
        "memory is not ranked"
    );
}

#[test]
fn restore_times_within_a_tenth_are_about_the_same() {
    let within = [
        sample("a", 100, 1, 1_000_000),
        sample("b", 90, 2, 1_099_000),
    ];
    let within = verdict(&document(&within));
    assert_eq!(best(&within, Column::Restore), [0, 1]);
    check(
        &within,
        1,
        &["do not decide: every method", "in about 1 s to 1.1 s."],
    );
    let beyond = [
        sample("a", 100, 1, 1_000_000),
        sample("b", 90, 2, 1_101_000),
    ];
    let beyond = verdict(&document(&beyond));
    assert_eq!(best(&beyond, Column::Restore), [0]);
    check(&beyond, 1, &["Pick a to be back soonest"]);
}

#[test]
fn a_restless_machine_decides_nothing() {
    let mut rows = comparison(&[
        sample("a", 100, 1, 1_000_000),
        sample("b", 90, 2, 1_400_000),
        sample("c", 80, 3, 3_000_000),
    ]);
    // The same work took 0.9 s after one method, and 1.35 s after another.
    rows.methods[1].restores[0].wall_micros = 1_350_000;
    let some = verdict(&price(&rows));
    assert_eq!(best(&some, Column::Restore), [0, 1]);
    check(
        &some,
        1,
        &[
            "Pick a or b to be back soonest",
            "about 1 s to 1.4 s; c took about 3 s",
        ],
    );
    rows.methods[1].restores[0].wall_micros = 3_600_000;
    let none = verdict(&price(&rows));
    assert_eq!(best(&none, Column::Restore), [0, 1, 2]);
    check(
        &none,
        1,
        &[
            "do not decide",
            "about 1 s to 3 s",
            "the same work differed by up to 300 %",
        ],
    );
}

#[test]
fn many_picks_are_named_by_the_one_left_out() {
    let found = verdict(&document(&[
        sample("a", 100, 1, 1_000_000),
        sample("b", 90, 2, 1_000_000),
        sample("c", 80, 3, 1_000_000),
        sample("d", 70, 4, 3_000_000),
    ]));
    check(
        &found,
        1,
        &[
            "Pick any but d to be back soonest",
            "about 1 s; d took about 3 s",
        ],
    );
}

#[test]
fn what_chance_cut_is_no_ones_merit() {
    let mut rows = comparison(&[
        sample("a", 100, 1, 1_000_000),
        sample("b", 97, 2, 1_000_000),
    ]);
    assert_eq!(best(&verdict(&price(&rows)), Column::Stored), [1]);
    rows.methods[1].points[0].blocks_stored = 400;
    let few = verdict(&price(&rows));
    for column in [Column::Sent, Column::Stored, Column::Cost] {
        assert_eq!(best(&few, column), [0, 1], "one part in 20 is chance");
    }
    check(&few, 0, &["Pick a on every count"]);
}

#[test]
fn a_tie_everywhere_says_so() {
    let tie = [
        sample("a", 100, 2, 1_000_000),
        sample("b", 100, 2, 1_000_000),
    ];
    let tie = verdict(&document(&tie));
    check(
        &tie,
        0,
        &["All 2 methods cost about the same: 100 MiB kept"],
    );
    check(&tie, 1, &["do not decide: every method", "in about 1 s."]);
    check(
        &tie,
        2,
        &["with every method a restore needs at most 2 points"],
    );
    for column in Column::ALL {
        let expected: &[usize] = if column == Column::Memory {
            &[]
        } else {
            &[0, 1]
        };
        assert_eq!(best(&tie, column), expected, "{column:?}");
    }
}

#[test]
fn one_method_may_win_on_every_count() {
    let samples = [
        sample("a", 100, 3, 2_000_000),
        sample("b", 50, 1, 1_000_000),
    ];
    let verdict = verdict(&document(&samples));
    assert_eq!(verdict.sentences.len(), 1);
    check(
        &verdict,
        0,
        &["Pick b on every count", "50 MiB", "about 1 s"],
    );
}

#[test]
fn simplicity_is_named_where_it_costs_a_few_percent() {
    let close = [
        sample("forever", 100, 9, 1_000_000),
        sample("incremental", 103, 3, 1_000_000),
    ];
    check(
        &verdict(&document(&close)),
        0,
        &[
            "Simpler for 3 % more: incremental",
            "at most 3 instead of 9",
        ],
    );
    let far = [
        sample("forever", 100, 9, 1_000_000),
        sample("incremental", 120, 3, 1_000_000),
    ];
    let far = verdict(&document(&far));
    assert!(!far.sentences[0].contains("Simpler"), "{far:?}");
}

#[test]
fn who_sends_least_is_named_when_it_is_another() {
    let mut samples = [
        sample("cheap", 100, 2, 1_000_000),
        sample("quiet", 150, 2, 1_000_000),
    ];
    samples[1].sent = [50 << 20, 0, 0];
    check(
        &verdict(&document(&samples)),
        0,
        &[
            "Pick cheap to pay least",
            "To send least, pick quiet: 50 MiB instead of 100 MiB",
        ],
    );
    samples[1].sent = [98 << 20, 0, 0];
    check(
        &verdict(&document(&samples)),
        0,
        &["within 3 % of the least, too"],
    );
}

#[test]
fn a_failed_restore_is_shouted_first_and_wins_nothing() {
    let mut rows = comparison(&USUAL);
    rows.methods[2].restores[1].verified = false;
    let verdict = verdict(&price(&rows));
    assert!(!verdict.sound);
    assert_eq!((verdict.verified, verdict.restores), (5, 6));
    check(
        &verdict,
        0,
        &["DO NOT RELY ON incremental", "generation 3 did not equal"],
    );
    check(&verdict, 1, &["Pick differential to pay and send least"]);
    assert!(
        verdict.best.iter().all(|best| !best.contains(&2)),
        "{verdict:?}"
    );
}

#[test]
fn nothing_is_recommended_when_all_fail() {
    let mut rows = comparison(&USUAL);
    for method in &mut rows.methods {
        for restore in &mut method.restores {
            restore.verified = false;
        }
    }
    let verdict = verdict(&price(&rows));
    check(
        &verdict,
        0,
        &["DO NOT RELY ON full: the restores of generations 1 and 3"],
    );
    check(&verdict, 3, &["No method passed"]);
    assert_eq!(verdict.sentences.len(), 4);
    assert!(verdict.best.iter().all(Vec::is_empty));
}

#[test]
fn one_method_is_described_and_not_praised() {
    let verdict = verdict(&document(&USUAL[..1]));
    assert!(verdict.best.iter().all(Vec::is_empty));
    assert_eq!(verdict.sentences.len(), 1);
    check(
        &verdict,
        0,
        &[
            "full keeps 3 points in 300 MiB",
            "about 1 s",
            "Name more methods",
        ],
    );
    assert!(!verdict.sentences[0].contains("Pick"));
}

#[test]
fn what_was_not_proven_is_not_claimed() {
    let mut rows = comparison(&USUAL);
    rows.methods[0].restores.clear();
    rows.methods[1].restores.pop();
    rows.methods[0].points[1].problems = 2;
    let found = verdict(&price(&rows));
    assert!(!found.sound);
    check(&found, 0, &["No restore was tried for full"]);
    check(&found, 1, &["changed while they were read: 2"]);
    check(
        &found,
        3,
        &["Only incremental brought the newest point back"],
    );
    assert_eq!(
        best(&found, Column::Restore),
        [2],
        "generation 1 is not the newest"
    );
    for method in &mut rows.methods {
        method.restores.clear();
    }
    let none = verdict(&price(&rows));
    assert_eq!(none.proof(), "No restore was tried.");
    assert!(
        none.sentences
            .iter()
            .all(|sentence| !sentence.contains("soonest"))
    );
}

#[test]
fn empty_rows_do_no_harm() {
    let mut rows = comparison(&USUAL);
    rows.methods[0].points.clear();
    rows.methods[1].vault_bytes = 0;
    assert_eq!(verdict(&price(&rows)).best.len(), Column::ALL.len());
    rows.methods.clear();
    let none = verdict(&price(&rows));
    assert!(!none.sound);
    check(&none, 0, &["No method was measured"]);
}
