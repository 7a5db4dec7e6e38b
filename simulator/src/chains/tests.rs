use jiff::civil::{Date, DateTime, Weekday, date};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const GB: u64 = 1 << 30;
const CAPACITY: &str = include_str!("../../tests/reference/rps_capacity.jsonl");
const DAILY: &str = include_str!("../../tests/reference/rps_daily.csv");

fn start() -> DateTime {
    date(2024, 1, 1).at(22, 0, 0, 0)
}

fn job(style: Style, retention: u32) -> Job {
    Job {
        style,
        retention,
        interval_hours: 24,
        source_bytes: 1000 * GB,
        left_percent: 50,
        change_percent: 10,
    }
}

fn saturdays(synthetic: bool) -> Style {
    Style::Forward(Some(Periodic {
        on: vec![Weekday::Saturday],
        synthetic,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    name: String,
    style: u32,
    rp: u32,
    opts: Options,
    worst_case_day: Date,
    files: u32,
    cnt: std::collections::BTreeMap<String, u32>,
    sz: std::collections::BTreeMap<String, u64>,
    #[serde(rename = "worstGB")]
    worst_gb: u64,
    #[serde(rename = "workGB")]
    work_gb: u64,
    #[serde(rename = "totalGB")]
    total_gb: u64,
    end_files: u32,
    #[serde(rename = "endGB")]
    end_gb: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    compression: u32,
    change_rate: u32,
    #[serde(default)]
    active_week: [u8; 7],
    #[serde(default)]
    synthetic: [u8; 7],
    #[serde(default, rename = "GFS")]
    gfs: Tiers,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Tiers {
    w: u32,
    m: u32,
    q: u32,
    y: u32,
}

impl Reference {
    fn job(&self) -> Job {
        let saturday = |week: [u8; 7]| week == [0, 0, 0, 0, 0, 1, 0];
        let (active, synthetic) = (
            saturday(self.opts.active_week),
            saturday(self.opts.synthetic),
        );
        let Tiers { w, m, q, y } = self.opts.gfs;
        let style = match self.style {
            1 if active || synthetic => saturdays(synthetic),
            1 => Style::Forward(None),
            2 => Style::Reverse,
            _ => Style::Copy(Gfs {
                weekly: w,
                monthly: m,
                quarterly: q,
                yearly: y,
                ..Gfs::default()
            }),
        };
        Job {
            left_percent: self.opts.compression,
            change_percent: self.opts.change_rate,
            ..job(style, self.rp)
        }
    }
}

fn letter(kind: FileKind) -> String {
    let letter = match kind {
        FileKind::ActiveFull => "F",
        FileKind::SyntheticFull => "S",
        FileKind::GfsFull => "G",
        FileKind::Increment => "I",
        FileKind::ReverseIncrement => "R",
    };
    letter.to_owned()
}

/// What of a reference a capacity does not meet.
fn differs(capacity: &Capacity, reference: &Reference) -> bool {
    let worst = &capacity.worst;
    let files: std::collections::BTreeMap<_, _> = worst
        .kinds
        .iter()
        .map(|(kind, held)| (letter(*kind), held.files))
        .collect();
    let sizes: std::collections::BTreeMap<_, _> = worst
        .kinds
        .iter()
        .map(|(kind, held)| (letter(*kind), held.bytes / GB))
        .collect();
    let ours = (
        worst.at.date(),
        worst.files(),
        worst.bytes(),
        capacity.working_bytes,
    );
    let theirs = (
        reference.worst_case_day,
        reference.files,
        reference.worst_gb * GB,
        reference.work_gb * GB,
    );
    let end = (capacity.end.files(), capacity.end.bytes());
    ours != theirs
        || (files, sizes) != (reference.cnt.clone(), reference.sz.clone())
        || worst.bytes() + capacity.working_bytes != reference.total_gb * GB
        || end != (reference.end_files, reference.end_gb * GB)
}

fn references() -> Vec<Reference> {
    CAPACITY
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn worst_days_are_those_of_the_restore_point_simulator() {
    let references = references();
    assert_eq!(references.len(), 8);
    for reference in &references {
        let capacity = capacity(&reference.job(), start()).unwrap();
        assert!(
            !differs(&capacity, reference),
            "{}: {capacity:#?}",
            reference.name
        );
    }
}

/// The comparison fires on a chain of other rules: one point more, and another share of change.
#[test]
fn a_wrong_chain_differs_from_every_reference() {
    for reference in references() {
        let right = reference.job();
        let longer = Job {
            retention: right.retention + 1,
            ..right.clone()
        };
        let busier = Job {
            change_percent: right.change_percent + 1,
            ..right
        };
        for wrong in [longer, busier] {
            assert!(
                differs(&capacity(&wrong, start()).unwrap(), &reference),
                "{}",
                reference.name
            );
        }
    }
}

#[test]
fn every_day_is_that_of_the_restore_point_simulator() {
    let gfs = Gfs {
        weekly: 4,
        monthly: 12,
        yearly: 1,
        ..Gfs::default()
    };
    let jobs = [
        ("forever_forward_14", job(Style::Forward(None), 14)),
        ("forward_weekly_active_sat_14", job(saturdays(false), 14)),
        ("reverse_14", job(Style::Reverse, 14)),
        ("bcj_7_W4_M12_Y1", job(Style::Copy(gfs), 7)),
    ];
    let mut seen = 0;
    for (name, job) in jobs {
        let theirs: Vec<&str> = DAILY
            .lines()
            .filter(|line| line.starts_with(&format!("{name},")))
            .collect();
        for (row, line) in rows(&job, start(), theirs.len())
            .unwrap()
            .iter()
            .zip(&theirs)
        {
            let (gb, thousandths) = (row.bytes() / GB, row.bytes() % GB * 1000 / GB);
            let (date, files, fulls) = (row.at.date(), row.files(), row.fulls());
            assert_eq!(
                &format!("{name},{date},{files},{fulls},{gb}.{thousandths:03}"),
                line
            );
        }
        seen += theirs.len();
    }
    assert_eq!(seen, 540);
}

#[test]
fn a_job_that_can_be_none_is_refused() {
    let right = job(Style::Reverse, 14);
    for wrong in [
        Job {
            retention: 0,
            ..right.clone()
        },
        Job {
            interval_hours: 0,
            ..right.clone()
        },
        Job {
            left_percent: 101,
            ..right.clone()
        },
        Job {
            change_percent: 101,
            ..right
        },
    ] {
        assert!(capacity(&wrong, start()).is_err());
    }
}

#[test]
fn working_space_falls_with_size() {
    const TB: u64 = 1 << 40;
    let percent = |terabytes: u64| (working_bytes(terabytes * TB) * 100).div_ceil(TB);
    assert_eq!(percent(10), 1_050);
    assert_eq!(percent(20), 1_050 + 660);
    assert_eq!(percent(100), 1_710 + 3_200);
    assert_eq!(percent(600), 4_910 + 10_000 + 1_000);
}

proptest! {
    /// Once filled, forever forward and reverse keep N files, and weekly fulls come to N + 6 at most,
    /// whatever the hours of the day.
    #[test]
    fn chains_keep_what_they_must(retention in 1_u32..40, hours in 1_u32..48, change in 0_u32..=100) {
        let with = |style, hours| Job { interval_hours: hours, change_percent: change, ..job(style, retention) };
        let runs = retention as usize + 100;
        for style in [Style::Forward(None), Style::Reverse, Style::Copy(Gfs::default())] {
            let rows = rows(&with(style, hours), start(), runs).unwrap();
            for (number, row) in (1..).zip(&rows) {
                prop_assert_eq!(row.files(), retention.min(number));
                prop_assert_eq!(row.fulls(), 1);
            }
        }
        let rows = rows(&with(saturdays(true), 24), start(), runs).unwrap();
        let most = rows.iter().map(Row::files).max();
        prop_assert_eq!(most, Some(retention + 6));
        prop_assert!(rows[retention as usize - 1..].iter().all(|row| row.files() >= retention));
    }
}
