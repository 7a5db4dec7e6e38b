//! What is on the repository after each run, and on the worst day.

use std::collections::BTreeMap;

use engine::{Error, ErrorKind, Result};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::job::Job;
use super::repository::Repository;

/// Runs that one simulation takes at most: 22 years of hourly backups, about 50 MB of rows.
const RUNS_MAX: usize = 200_000;

/// What a file of a chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A full read from the source.
    ActiveFull,
    /// A full made from what the repository had.
    SyntheticFull,
    /// An archived full.
    GfsFull,
    /// What changed since the point before.
    Increment,
    /// What leads back to the point before.
    ReverseIncrement,
}

impl FileKind {
    /// Whether it stands by itself.
    pub fn is_full(self) -> bool {
        matches!(self, Self::ActiveFull | Self::SyntheticFull | Self::GfsFull)
    }
}

/// Files of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// How many.
    pub files: u32,
    /// Their bytes.
    pub bytes: u64,
}

/// The repository after one run and its retention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// When the run started.
    pub at: DateTime,
    /// What there is of each kind.
    pub kinds: BTreeMap<FileKind, Held>,
}

/// What a repository must be able to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// The first day on which the most is kept.
    pub worst: Row,
    /// Beyond that, room to rewrite files: [`working_bytes`].
    pub working_bytes: u64,
    /// After the last run, when every rule has come to remove something.
    pub end: Row,
}

impl Row {
    /// All files.
    pub fn files(&self) -> u32 {
        self.kinds.values().map(|held| held.files).sum()
    }

    /// Those that stand by themselves.
    pub fn fulls(&self) -> u32 {
        let fulls = self.kinds.iter().filter(|(kind, _)| kind.is_full());
        fulls.map(|(_, held)| held.files).sum()
    }

    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.kinds.values().map(|held| held.bytes).sum()
    }
}

/// The repository after each of `runs` runs, the first at `start`. Local time without a change of
/// clocks.
///
/// # Errors
/// `Invalid` for a job that keeps nothing, never runs or has impossible shares, for more than 200,000
/// runs, and for a calendar that ends before its runs do.
pub fn rows(job: &Job, start: DateTime, runs: usize) -> Result<Vec<Row>> {
    job.check()?;
    if runs > RUNS_MAX {
        let message = format!(
            "{runs} runs are more than {RUNS_MAX}: back up less often, or archive for less long"
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let mut repository = Repository::new(job);
    let mut rows = Vec::new();
    let mut at = start;
    for _ in 0..runs {
        repository.run(at);
        let mut kinds: BTreeMap<FileKind, Held> = BTreeMap::new();
        for file in repository.files() {
            let held = kinds.entry(file.kind).or_default();
            held.files += 1;
            held.bytes += file.bytes;
        }
        rows.push(Row { at, kinds });
        at = at.checked_add(job.interval()).map_err(|_| beyond(start))?;
    }
    Ok(rows)
}

/// What the repository needs: runs until every rule has come to remove something.
///
/// # Errors
/// As [`rows`].
pub fn capacity(job: &Job, start: DateTime) -> Result<Capacity> {
    job.check()?;
    let end = start
        .checked_add(job.until_saturated())
        .map_err(|_| beyond(start))?;
    // The run at the very end is no more of it.
    let hours = end.duration_since(start).as_hours().unsigned_abs();
    let runs = hours.div_ceil(job.interval_hours.into()) as usize;
    let rows = rows(job, start, runs)?;
    let most = rows.iter().map(Row::bytes).max();
    let worst = rows.iter().find(|row| Some(row.bytes()) == most);
    match (worst, rows.last()) {
        (Some(worst), Some(end)) => Ok(Capacity {
            worst: worst.clone(),
            working_bytes: working_bytes(job.full_bytes()),
            end: end.clone(),
        }),
        _ => Err(beyond(start)),
    }
}

/// Room to rewrite files beside what is kept, by the size of all fulls: 105 % of the first 10 TB, 66 % of
/// the next 10, 40 % of the next 80, 25 % of the next 400, 10 % of the rest. Source: the Restore Point
/// Simulator's working space.
pub fn working_bytes(full_bytes: u64) -> u64 {
    const TB: u64 = 1 << 40;
    let parts = [
        (10 * TB, 105),
        (10 * TB, 66),
        (80 * TB, 40),
        (400 * TB, 25),
        (u64::MAX, 10),
    ];
    let (mut rest, mut hundredths) = (full_bytes, 0_u128);
    for (size, percent) in parts {
        let part = rest.min(size);
        hundredths += u128::from(part) * percent;
        rest -= part;
    }
    (hundredths / 100) as u64
}

fn beyond(start: DateTime) -> Error {
    let message =
        format!("failed to simulate a chain from {start} on: the calendar ends before its runs");
    Error::new(ErrorKind::Invalid, message)
}
