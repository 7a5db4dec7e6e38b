//! Whether Site Recovery can replicate such churn: its documented limits of a disk and a machine.
//!
//! Its documents say that what is above a limit for good is never caught up with, and what is above it for a while
//! makes late points. Here a limit is taken as a link of that speed: what waits longer than from one point to
//! the next makes the points in between late. That reading is ours, and so is that a machine's limit holds for
//! the sum of its disks at each moment.

use serde::{Deserialize, Serialize};

use super::intervals::{Batch, Churn};
use super::link::Link;
use super::space::POINT_EVERY_MICROS;
use crate::component::{ChurnPlan, Component};
use crate::scenario::SECOND;

/// How it goes under a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// Every point is there before the next is due.
    Admitted,
    /// Some are not, but it catches up.
    LatePoints,
    /// More is written in the mean than the limit lets through.
    NeverCatchesUp,
}

/// A disk, or a machine, under a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRow {
    /// The way of replicating.
    pub plan: String,
    /// The kind of disk; none for a machine.
    pub kind: Option<String>,
    /// The disk's name; none for all of the machine.
    pub disk: Option<String>,
    /// The limit.
    pub limit_bytes_per_second: u64,
    /// What is written in the mean.
    pub mean_bytes_per_second: u64,
    /// The most that is written in five minutes, for each second of them.
    pub peak_bytes_per_second: u64,
    /// Mean size of a write.
    pub mean_write_bytes: u64,
    /// Whether writes are smaller than the documents have a limit for.
    pub smaller_than_documented: bool,
    /// How it goes.
    pub admission: Admission,
    /// Points that would be late.
    pub late_points: u64,
    /// Points that would be made.
    pub points: u64,
    /// The longest that a point would have to wait for what it holds.
    pub worst_wait_micros: u64,
    /// The document's title.
    pub source: String,
    /// Its date.
    pub source_date: String,
    /// What a reader must know besides.
    pub note: Option<String>,
}

/// How every disk and the machine stand under the limits of a component.
pub fn limits(churn: &Churn, component: &Component) -> Vec<LimitRow> {
    let plans = component.abilities.churn.iter();
    let machine = churn.written(None);
    let disks: Vec<Vec<Batch>> = (0..churn.disks.len())
        .map(|disk| churn.written(Some(disk as u32)))
        .collect();
    plans
        .flat_map(|plan| of_plan(churn, component, plan, (&machine, &disks)))
        .collect()
}

fn of_plan(
    churn: &Churn,
    component: &Component,
    plan: &ChurnPlan,
    (machine, disks): (&[Batch], &[Vec<Batch>]),
) -> Vec<LimitRow> {
    let document = plan.machine.document(component);
    let row = |batches: &[Batch], limit: u64, mean: u64| LimitRow {
        plan: plan.name.clone(),
        mean_write_bytes: mean,
        source: document.title.clone(),
        source_date: document.date.clone(),
        note: plan.machine.note.clone(),
        ..under(churn, batches, limit)
    };
    let mean = |disk: Option<u32>| {
        let of = churn.intervals.iter();
        let of = of.filter(|interval| disk.is_none_or(|disk| interval.disk == disk));
        let (bytes, writes) = of.fold((0_u64, 0_u64), |(bytes, writes), interval| {
            (
                bytes.saturating_add(interval.written_bytes),
                writes.saturating_add(interval.writes),
            )
        });
        bytes / writes.max(1)
    };
    let mut rows = vec![row(machine, plan.machine.value.0, mean(None))];
    for (place, batches) in disks.iter().enumerate() {
        let mean = mean(Some(place as u32));
        for kind in &plan.disk {
            let limit = kind.limit(mean);
            rows.push(LimitRow {
                kind: Some(kind.kind.clone()),
                disk: Some(churn.disks[place].clone()),
                smaller_than_documented: mean < limit.write.0,
                ..row(batches, limit.speed.0, mean)
            });
        }
    }
    rows
}

/// How batches go under a limit.
fn under(churn: &Churn, batches: &[Batch], limit: u64) -> LimitRow {
    let every = POINT_EVERY_MICROS.max(churn.interval_micros);
    let points = churn.span_micros / every;
    let mut waits = vec![0_u64; points as usize];
    let mut written = vec![0_u64; points as usize + 1];
    let mut sent = Link::new(limit).send(batches).peekable();
    let mut left = 0;
    for (number, wait) in (1..).zip(&mut waits) {
        let point = number * every;
        while let Some(sent) = sent.next_if(|sent| sent.batch.closes_micros <= point) {
            left = sent.left_micros;
        }
        *wait = left.saturating_sub(point);
    }
    for batch in batches {
        if let Some(sum) = written.get_mut((batch.opens_micros / every) as usize) {
            *sum = sum.saturating_add(batch.journal_bytes);
        }
    }
    let bytes = written.iter().copied().fold(0, u64::saturating_add);
    let rate = |bytes: u64, micros: u64| {
        let rate = u128::from(bytes) * u128::from(SECOND) / u128::from(micros.max(1));
        u64::try_from(rate).unwrap_or(u64::MAX)
    };
    let mean = rate(bytes, churn.span_micros);
    let late_points = waits.iter().filter(|wait| **wait > every).count() as u64;
    let busiest = written.iter().copied().max().unwrap_or_default();
    LimitRow {
        plan: String::new(),
        kind: None,
        disk: None,
        limit_bytes_per_second: limit,
        mean_bytes_per_second: mean,
        peak_bytes_per_second: rate(busiest, every.min(churn.span_micros)),
        mean_write_bytes: 0,
        smaller_than_documented: false,
        admission: match late_points {
            _ if mean > limit => Admission::NeverCatchesUp,
            0 => Admission::Admitted,
            _ => Admission::LatePoints,
        },
        late_points,
        points,
        worst_wait_micros: waits.into_iter().max().unwrap_or_default(),
        source: String::new(),
        source_date: String::new(),
        note: None,
    }
}
