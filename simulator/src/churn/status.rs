//! The churn that a running protection tells of itself: the object `churn` of `firedrill status --json`.

use std::collections::BTreeMap;

use engine::error::{Error, ErrorKind, Result};
use serde::Deserialize;

use super::blocks::Unions;
use super::intervals::{Churn, Interval};
use crate::scenario::{SECOND, YEAR};

/// Bytes of a status at most: a month in intervals of a second has some 500 MiB.
pub const STATUS_BYTES_MAX: u64 = 1 << 30;

#[derive(Deserialize)]
struct Status {
    churn: Told,
}

#[derive(Deserialize)]
struct Told {
    interval_seconds: u64,
    intervals: Vec<ToldInterval>,
}

#[derive(Deserialize)]
struct ToldInterval {
    start: jiff::Timestamp,
    disk: String,
    written_bytes: u64,
    unique_bytes: u64,
    shipped_bytes: u64,
    writes: u64,
}

/// Reads the text of a status; `name` names it in errors. Intervals may stand in any order, and those of nothing be left
/// out; they are one batch each, begin whole intervals after the first, and keep what was measured of them.
///
/// # Errors
/// `Invalid` for what is no status, or one without churn.
pub fn of_status(name: &str, text: &str) -> Result<(Churn, Unions)> {
    let wrong = |why: String| {
        let say = format!(
            "{name}: {why}; `firedrill status --json` writes the object `churn` with interval_seconds and intervals of \
             start, disk, written_bytes, unique_bytes, shipped_bytes and writes"
        );
        Error::new(ErrorKind::Invalid, say)
    };
    let status: Status = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let told = status.churn;
    let interval = told.interval_seconds.checked_mul(SECOND);
    let interval = interval.filter(|micros| (1..=YEAR).contains(micros));
    let interval = interval.ok_or_else(|| wrong("interval_seconds is no time".to_owned()))?;
    let starts = told.intervals.iter().map(|told| told.start);
    let Some(first) = starts.min() else {
        return Err(wrong(
            "no interval is told: let the protection run for a while".to_owned(),
        ));
    };
    let mut disks: BTreeMap<String, u32> = BTreeMap::new();
    for told in &told.intervals {
        disks.entry(told.disk.clone()).or_default();
    }
    for (place, (_, disk)) in disks.iter_mut().enumerate() {
        *disk = place as u32;
    }
    let mut sums: BTreeMap<(u64, u32), Interval> = BTreeMap::new();
    for told in told.intervals {
        if told.unique_bytes > told.written_bytes {
            let (start, disk) = (told.start, &told.disk);
            let why = format!("{start}, {disk}: unique_bytes is more than written_bytes");
            return Err(wrong(why));
        }
        let since = told.start.as_microsecond() - first.as_microsecond();
        let number = since.cast_unsigned() / interval;
        if since.cast_unsigned() > 10 * YEAR {
            return Err(wrong(
                "its intervals are more than ten years apart".to_owned(),
            ));
        }
        let disk = disks[&told.disk];
        let sum = sums.entry((number, disk)).or_insert(Interval {
            number,
            disk,
            shipped_bytes: Some(0),
            ..Interval::default()
        });
        sum.written_bytes = sum.written_bytes.saturating_add(told.written_bytes);
        sum.unique_bytes = sum.unique_bytes.saturating_add(told.unique_bytes);
        sum.writes = sum.writes.saturating_add(told.writes);
        sum.shipped_bytes = sum
            .shipped_bytes
            .map(|shipped| shipped.saturating_add(told.shipped_bytes));
    }
    let intervals: Vec<Interval> = sums.into_values().collect();
    let last = intervals.last().map_or(0, |interval| interval.number);
    let churn = Churn {
        interval_micros: interval,
        span_micros: (last + 1).saturating_mul(interval),
        start_seconds: Some(first.as_second()),
        disks: disks.into_keys().collect(),
        intervals,
    };
    if churn.sum(|interval| interval.written_bytes) == 0 {
        return Err(wrong(
            "nothing was written: no bandwidth is needed for it".to_owned(),
        ));
    }
    let unions = sums_of(&churn);
    Ok((churn, unions))
}

/// Windows of what was unique in intervals: blocks are not told.
fn sums_of(churn: &Churn) -> Unions {
    let changes = churn.intervals.iter();
    let changes = changes.map(|told| (told.number * churn.interval_micros, told.unique_bytes));
    let changes: Vec<(u64, u64)> = changes.collect();
    Unions::of_sums(&changes, churn.interval_micros, churn.span_micros)
}
