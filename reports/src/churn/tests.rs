use simulator::churn::{
    Churn, ChurnPlanRows, Compression, CompressionFrom, Interval, Reading, Request, plan, read,
};
use simulator::component::{Edition, find};
use simulator::workload::Rows;

use super::*;

const SECOND: u64 = 1_000_000;

/// Two days of 100 kB/s, and a burst of 5 MB/s for an hour in each.
fn churn() -> Churn {
    let busy = |minute: u64| (600..660).contains(&(minute % 1440));
    Churn {
        interval_micros: 60 * SECOND,
        span_micros: 2 * 86_400 * SECOND,
        disks: vec!["<a>".to_owned()],
        intervals: (0..2 * 1440)
            .map(|number| {
                let bytes = if busy(number) { 300_000_000 } else { 6_000_000 };
                Interval {
                    number,
                    disk: 0,
                    written_bytes: bytes,
                    unique_bytes: bytes / 2,
                    shipped_bytes: None,
                    writes: bytes / 6000,
                }
            })
            .collect(),
        ..Churn::default()
    }
}

fn request(bandwidths: Vec<u64>) -> Request {
    Request {
        program_version: "0".to_owned(),
        command: "firedrill plan bandwidth".to_owned(),
        subject: "<a>.csv".to_owned(),
        target_micros: 900 * SECOND,
        share_ppm: 900_000,
        bandwidths,
        latency_micros: 0,
        compression: Compression {
            of: 2000,
            out: 1000,
        },
        compression_from: CompressionFrom::Stated,
        outage_micros: 3600 * SECOND,
        retention_micros: 86_400 * SECOND,
        cleared_bytes: 0,
    }
}

/// The blocks of a trace of one write: room for points is not looked at here.
fn rows(bandwidths: Vec<u64>) -> ChurnPlanRows {
    let trace = Rows::new("t", &b"0,0,W,0,4096\n"[..], false);
    let reading = Reading {
        interval_micros: SECOND,
        block_bytes: 4096,
        sample: 0,
    };
    let unions = read(trace, reading).expect("a trace").unions;
    let profile = find("site-recovery", Edition::Current);
    plan(&churn(), &unions, profile, &request(bandwidths), || {})
}

#[test]
fn the_answer_opens_and_is_right() {
    let document = BandwidthDocument::new(&rows(vec![1_000_000]));
    // A burst has 75 MB a minute to send for an hour: 4.5 GB. The first minute's has 14 minutes beside its own, and so on:
    // 60 of them in 59 + 14 minutes.
    let exact: u64 = 75_000_000 * 60 / ((59 + 14) * 60);
    assert_eq!(document.plan.need.always_bytes_per_second, Some(exact + 1));
    assert!(
        document.answer[0].starts_with("It needs 8.22 Mbit/s to hold an RPO of 15 min always, "),
        "{}",
        document.answer[0]
    );
    assert!(
        document.answer[1].contains("5 violations a day"),
        "{}",
        document.answer[1]
    );
    assert!(document.is_held(), "for 90 % of the time");
    assert!(!BandwidthDocument::new(&rows(vec![10_000])).is_held());
    let late = document
        .answer
        .iter()
        .find(|said| said.starts_with("Of Site Recovery's 10 limits"));
    assert!(
        late.is_some_and(|said| said.contains("with late points")),
        "{:?}",
        document.answer
    );
}

#[test]
fn a_terminal_holds_it() {
    let document = BandwidthDocument::new(&rows(vec![1_000_000, 10_000]));
    for width in [80, 120] {
        let text = bandwidth_summary(&document, width);
        assert!(text.starts_with("It needs "));
        let wide = text.lines().map(|line| line.chars().count()).max();
        assert!(wide <= Some(width), "{wide:?} of {width}:\n{text}");
        assert!(text.contains("never catches up"), "{text}");
        assert!(
            text.contains("Compression by 2.00 was stated, not measured."),
            "{text}"
        );
    }
}

#[test]
fn the_page_and_the_files_say_the_same() {
    let out = tempfile::tempdir().expect("a folder");
    let document = write_bandwidth(&rows(vec![1_000_000]), out.path()).expect("written");
    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).expect("a file");
    let again: BandwidthDocument =
        serde_json::from_str(&read("bandwidth.json")).expect("a document");
    assert_eq!(again, document);
    let page = read("bandwidth.html");
    assert_eq!(page.matches("<svg role=\"img\"").count(), 4);
    assert!(
        !page.contains("<a>") && !page.contains("NaN"),
        "names are escaped, numbers are numbers"
    );
    for says in [
        "Day by day",
        "late, up to",
        "High Churn support",
        "2026-01-06",
    ] {
        assert!(page.contains(says), "{says}");
    }
    assert_eq!(
        read("targets.csv").lines().count(),
        1 + document.plan.curve.len()
    );
    assert_eq!(read("rpo.csv").lines().count(), 1 + 3 * 360);
}

#[test]
fn times_are_round_where_they_are() {
    for (micros, says) in [
        (60 * SECOND, "1 min"),
        (3600 * SECOND, "1 h"),
        (900 * SECOND, "15 min"),
        (48 * 3600 * SECOND, "48 h"),
        (0, "0 s"),
        (1500, "1.50 ms"),
    ] {
        assert_eq!(words::time(micros), says);
    }
}
