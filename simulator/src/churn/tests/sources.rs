//! What is read: traces, and what a protection tells.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::scenario::{MINUTE, SECOND};
use crate::workload::Rows;

const READING: Reading = Reading {
    interval_micros: SECOND,
    block_bytes: 4096,
    sample: 8,
};

fn recorded(text: &str) -> engine::Result<Recorded> {
    let text = std::io::Cursor::new(text.to_owned());
    read(Rows::new("trace t", text, false), READING)
}

#[test]
fn a_block_counts_once_in_a_batch() {
    let text = "time_us,disk,op,offset,length\n0,0,W,0,8192\n10,0,W,4096,4096\n20,1,W,0,512\n30,1,W,0,512\n\
                500,0,R,0,4096\n1500000,0,W,0,4096\n1600000,0,D,0,4096\n1700000,0,Z,4096,100\n2500000,0,F,0,0\n";
    let said = recorded(text).unwrap();
    let rows: Vec<_> = said.churn.intervals.iter().collect();
    let of = |at: usize| {
        let row = rows[at];
        (
            row.number,
            row.disk,
            row.written_bytes,
            row.unique_bytes,
            row.writes,
        )
    };
    assert_eq!(of(0), (0, 0, 12_288, 8192, 2));
    assert_eq!(of(1), (0, 1, 1024, 1024, 2), "no more than was written");
    assert_eq!(of(2), (1, 0, 4096, 0, 1), "what is trimmed is not sent");
    assert_eq!(
        (said.churn.span_micros, said.cleared_bytes),
        (3 * SECOND, 4196)
    );
    assert_eq!(
        said.unions.all_bytes,
        Some(3 * 4096),
        "a trim changes a block too"
    );
    assert_eq!(said.sample.len(), 3);
    // A batch in which nothing has to be sent is none.
    assert_eq!(
        said.churn
            .batches(Payload::Coalesced, Compression::NONE, false)
            .len(),
        1
    );
}

#[test]
fn what_is_no_trace_is_told_by_its_line() {
    let head = "time_us,disk,op,offset,length\n0,0,W,0,4096\n";
    for (text, says) in [
        (format!("{head}1,2,W\n"), "line 3: it has not five columns"),
        (
            format!("{head}1,0,W,x,1\n"),
            "line 3: a column that is no number",
        ),
        (
            format!("{head}1,0,W,{},9\n", u64::MAX),
            "line 3: it ends beyond any disk",
        ),
        (
            format!("{head}1,0,W,0,{}\n", u64::MAX),
            "line 3: it changes more blocks",
        ),
        (
            format!("{head}{},0,W,0,1\n", u64::MAX),
            "line 3: its time is later",
        ),
        (
            format!("{head}400000000000000,0,W,0,1\n"),
            "line 3: its time is later than ten years",
        ),
        ("x".repeat(5000), "line 1: it is longer than a row can be"),
        (head[..30].to_owned(), "the trace is empty"),
        (format!("{}0,0,R,0,1\n", &head[..30]), "writes nothing"),
    ] {
        let error = recorded(&text).expect_err("no trace").to_string();
        assert!(error.contains(says), "{error}");
    }
    let cut = Rows::new("trace t", &b"\x1f\x8b\x08\x00\x00"[..], true);
    let error = read(cut, READING).expect_err("no gzip").to_string();
    assert!(error.contains("damaged or cut off at line 1"), "{error}");
}

fn status(intervals: &str) -> String {
    format!(
        r#"{{"protection": "web", "churn": {{"interval_seconds": 2, "intervals": [{intervals}]}}}}"#
    )
}

#[test]
fn a_protection_tells_its_churn() {
    let interval = |start: &str, written: u64, shipped: u64| {
        format!(
            r#"{{"start": "2026-11-28T10:00:{start}Z", "disk": "vda", "written_bytes": {written}, "unique_bytes": 100,
               "shipped_bytes": {shipped}, "writes": 3}}"#
        )
    };
    let text = status(&[interval("04", 200, 40), interval("00", 300, 60)].join(","));
    let (churn, unions) = of_status("status s", &text).unwrap();
    assert_eq!(
        (churn.interval_micros, churn.span_micros),
        (2 * SECOND, 6 * SECOND)
    );
    assert_eq!(churn.start_seconds, Some(1_795_860_000));
    assert_eq!(
        churn
            .intervals
            .iter()
            .map(|row| row.number)
            .collect::<Vec<_>>(),
        [0, 2]
    );
    let measured = churn.measured().expect("measured");
    assert_eq!(
        (measured, measured.thousandths()),
        (Compression { of: 200, out: 100 }, 2000)
    );
    let batches = churn.batches(Payload::Coalesced, measured, true);
    assert_eq!(
        batches.iter().map(|batch| batch.bytes).collect::<Vec<_>>(),
        [60, 40]
    );
    let batches = churn.batches(Payload::EveryWrite, measured, true);
    assert_eq!(
        batches.iter().map(|batch| batch.bytes).collect::<Vec<_>>(),
        [150, 100]
    );
    assert!(!unions.exact);
    for (text, says) in [
        ("{}".to_owned(), "missing field `churn`"),
        (status(""), "no interval is told"),
        (
            status(&interval("00", 3, 1)),
            "unique_bytes is more than written_bytes",
        ),
        (
            status("").replace(": 2", ": 0"),
            "interval_seconds is no time",
        ),
        (status(&interval("61", 300, 1)), "at line"),
    ] {
        let error = of_status("status s", &text)
            .expect_err("no status")
            .to_string();
        assert!(
            error.contains(says) && error.contains("status --json"),
            "{error}"
        );
    }
}

#[test]
fn blocks_are_compressed_as_the_engine_does() {
    let mut disk = vec![7; 8192];
    disk.extend((0..4096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8));
    let measured = measure(std::io::Cursor::new(&disk), [0, 2, 1, 99], 4096)
        .unwrap()
        .unwrap();
    assert_eq!((measured.blocks, measured.beyond), (3, 1));
    assert!(measured.compression.of == 12_288 && measured.compression.out < 9_000);
    assert_eq!(
        measure(std::io::Cursor::new(&disk), [99], 4096).unwrap(),
        None
    );
}

proptest! {
    /// Coalescing never raises bytes; what is sent of a batch is what a map of its bytes says; unions are those of sets.
    #[test]
    fn counts_are_those_of_plain_sets(
        rows in proptest::collection::vec((0_u64..200, 0_u64..3, 0_usize..4, 0_u64..40, 1_u64..12), 1..60),
    ) {
        let mut rows = rows;
        rows.sort_by_key(|row| row.0);
        let mut text = "time_us,disk,op,offset,length\n0,9,W,0,1\n".to_owned();
        let mut sets: BTreeMap<u64, BTreeSet<(u64, u64)>> = BTreeMap::new();
        sets.entry(0).or_default().insert((9, 0));
        let mut kept: BTreeMap<(u64, u64, u64), u64> = BTreeMap::from([((0, 9, 0), 1)]);
        for (second, disk, op, offset, length) in rows {
            let (at, offset, length) = (second * SECOND, offset * 1024, length * 1024);
            text += &format!("{at},{disk},{},{offset},{length}\n", ["W", "W", "Z", "R"][op]);
            if op == 3 { continue; }
            for block in offset / 4096..(offset + length).div_ceil(4096) {
                sets.entry(second / 60).or_default().insert((disk, block));
                let bytes = (offset + length).min((block + 1) * 4096) - offset.max(block * 4096);
                let kept = kept.entry((second, disk, block)).or_default();
                if op == 2 && bytes == 4096 { *kept = 0; }
                if op < 2 { *kept = (*kept + bytes).min(4096); }
            }
        }
        let said = recorded(&text).unwrap();
        prop_assert_eq!(said.churn.sum(|row| row.unique_bytes), kept.values().sum::<u64>());
        prop_assert!(said.churn.intervals.iter().all(|row| row.unique_bytes <= row.written_bytes));
        let minutes = said.unions.widths.iter().find(|windows| windows.micros == MINUTE);
        for (minute, bytes) in minutes.iter().flat_map(|windows| windows.bytes.iter().enumerate()) {
            let blocks = sets.get(&(minute as u64)).map_or(0, BTreeSet::len);
            prop_assert_eq!(*bytes, blocks as u64 * 4096);
        }
    }
}
