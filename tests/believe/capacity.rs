//! Classic backup chains beside the Restore Point Simulator.

use jiff::civil::{DateTime, Weekday, date};
use simulator::chains::{Gfs, Job, Periodic, Style, capacity, rows};

use crate::check::Check;

const GB: u64 = 1 << 30;
const CAPACITY: &str = include_str!("../../simulator/tests/reference/rps_capacity.jsonl");
const DAILY: &str = include_str!("../../simulator/tests/reference/rps_daily.csv");

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

/// The jobs in the order of the reference, with their names in the daily one.
fn jobs() -> Vec<(Option<&'static str>, Job)> {
    let archived = Gfs {
        weekly: 4,
        monthly: 12,
        yearly: 1,
        ..Gfs::default()
    };
    let quiet = Job {
        left_percent: 40,
        change_percent: 5,
        ..job(Style::Forward(None), 14)
    };
    vec![
        (Some("forever_forward_14"), job(Style::Forward(None), 14)),
        (None, job(saturdays(true), 14)),
        (
            Some("forward_weekly_active_sat_14"),
            job(saturdays(false), 14),
        ),
        (None, job(saturdays(false), 2)),
        (Some("reverse_14"), job(Style::Reverse, 14)),
        (None, job(Style::Copy(Gfs::default()), 7)),
        (Some("bcj_7_W4_M12_Y1"), job(Style::Copy(archived), 7)),
        (None, quiet),
    ]
}

pub(crate) fn chains() -> Vec<Check> {
    let source = "Restore Point Simulator, tdewin/rps at 4e26f73, run in November 2026";
    let start = date(2024, 1, 1).at(22, 0, 0, 0);
    let mut checks = Vec::new();
    let mut equal = 0;
    for (line, (daily, job)) in CAPACITY.lines().zip(jobs()) {
        let theirs: serde_json::Value =
            serde_json::from_str(line).expect("a line of the reference");
        let figure = |name: &str| theirs[name].as_f64().expect("a figure of the reference");
        let name = theirs["name"].as_str().expect("a name");
        let ours = capacity(&job, start).expect("a job that can be");
        let gigabytes = (ours.worst.bytes() + ours.working_bytes) as f64 / GB as f64;
        let day = ours.worst.at.date();
        checks.push(Check::exact(
            format!("{name}: files on {day}"),
            source,
            figure("files"),
            ours.worst.files().into(),
        ));
        checks.push(Check::exact(
            format!("{name}: GB with working space"),
            source,
            figure("totalGB"),
            gigabytes,
        ));
        equal += daily.map_or(0, |daily| equal_days(daily, &job, start));
    }
    let all = DAILY.lines().count() - 1;
    checks.push(Check::exact(
        "days of four of them that are equal in files, fulls and GB",
        source,
        all as f64,
        equal as f64,
    ));
    checks
}

/// Days on which a job of the daily reference has the same files, fulls and gigabytes.
fn equal_days(name: &str, job: &Job, start: DateTime) -> usize {
    let theirs: Vec<&str> = DAILY
        .lines()
        .filter(|line| line.starts_with(&format!("{name},")))
        .collect();
    let rows = rows(job, start, theirs.len()).expect("a job that can be");
    let line = |row: &simulator::chains::Row| {
        let (gb, thousandths) = (row.bytes() / GB, row.bytes() % GB * 1000 / GB);
        format!(
            "{name},{},{},{},{gb}.{thousandths:03}",
            row.at.date(),
            row.files(),
            row.fulls()
        )
    };
    rows.iter()
        .zip(theirs)
        .filter(|(row, theirs)| line(row) == **theirs)
        .count()
}
