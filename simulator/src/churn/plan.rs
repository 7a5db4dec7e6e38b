//! A plan: all questions of one source of churn, answered.

use super::blocks::Unions;
use super::course::Shipment;
use super::intervals::{Batch, Churn, Compression, Payload};
use super::limits::limits;
use super::link::Link;
use super::need::Goal;
use super::rows::{
    ChurnPlanRows, CompressionFrom, DayRow, HistoryPolicy, HistoryRow, LinkReason, LinkRow,
    NeedRow, OutageRow, PartRow, TermsRow, WatchedRow, WindowRow,
};
use super::space::{backlog, history_of_all, history_of_site_recovery, with_mark, worst_outage};
use crate::component::Component;
use crate::scenario::{DAY, HOUR, MINUTE, SECOND};

/// Parts of the time that are drawn: as many as a chart has pixels for.
const PARTS: u64 = 360;

/// Targets of the curve.
const TARGETS: [u64; 18] = [
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
];

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The program's version.
    pub program_version: String,
    /// The command that makes it again.
    pub command: String,
    /// What it is a plan for.
    pub subject: String,
    /// The RPO to hold.
    pub target_micros: u64,
    /// The share of the time, in parts in a million, for the second answer.
    pub share_ppm: u64,
    /// Bandwidths to look at.
    pub bandwidths: Vec<u64>,
    /// The link's latency.
    pub latency_micros: u64,
    /// What data becomes on the wire.
    pub compression: Compression,
    /// Where that is from.
    pub compression_from: CompressionFrom,
    /// The outage that the journal shall outlast.
    pub outage_micros: u64,
    /// How long points stay on the replica.
    pub retention_micros: u64,
    /// Bytes zeroed or forgotten.
    pub cleared_bytes: u64,
}

/// Steps that [`plan`] takes, for a bar.
pub fn steps(churn: &Churn, request: &Request) -> u64 {
    (targets(churn, request).len() + request.bandwidths.len() + 3) as u64
}

/// Makes a plan; `step` is called after each of its [`steps`].
///
/// # Panics
/// With an interval or span of nothing, which no source gives.
pub fn plan(
    churn: &Churn,
    unions: &Unions,
    component: Option<&Component>,
    request: &Request,
    mut step: impl FnMut(),
) -> ChurnPlanRows {
    assert!(churn.interval_micros > 0 && churn.span_micros > 0);
    let measured = request.compression_from == CompressionFrom::Measured;
    let batches = |payload| churn.batches(payload, request.compression, measured);
    let coalesced = batches(Payload::Coalesced);
    let every_write = batches(Payload::EveryWrite);
    let shipment = |batches| Shipment {
        batches,
        interval_micros: churn.interval_micros,
        span_micros: churn.span_micros,
    };
    let shipments = [shipment(&coalesced), shipment(&every_write)];
    let need = need_of(&shipments, request, request.target_micros, None);
    step();
    let mut curve: Vec<NeedRow> = Vec::new();
    for target in targets(churn, request) {
        let row = need_of(&shipments, request, target, curve.last());
        curve.push(row);
        step();
    }
    let asked = request.bandwidths.iter();
    let looked = [
        (LinkReason::Always, need.always_bytes_per_second),
        (LinkReason::Share, need.share_bytes_per_second),
    ];
    let looked = looked
        .into_iter()
        .filter_map(|(why, bytes)| Some((why, bytes?)));
    let looked = looked.chain(asked.map(|bytes| (LinkReason::Asked, *bytes)));
    let links = looked.map(|(reason, bytes_per_second)| {
        let row = link(&shipments[0], request, (reason, bytes_per_second));
        step();
        row
    });
    let links = links.collect();
    ChurnPlanRows {
        program_version: request.program_version.clone(),
        command: request.command.clone(),
        subject: request.subject.clone(),
        watched: watched(churn, request, &coalesced),
        terms: terms(churn, unions, request),
        need,
        curve,
        links,
        history: histories(unions, request),
        windows: windows(churn, unions),
        limits: component.map_or(Vec::new(), |component| limits(churn, component)),
        parts: parts(churn, &coalesced),
    }
}

/// The span holds so many of a target of the curve: at its start nothing can be behind by more than has passed yet, which would
/// make a share of the time look cheap.
const TARGETS_IN_SPAN: u64 = 4;

/// Targets of the curve: round ones that can be held and are short beside what was watched, and the one that is asked.
fn targets(churn: &Churn, request: &Request) -> Vec<u64> {
    let least = churn.interval_micros.saturating_add(request.latency_micros);
    let most = churn.span_micros / TARGETS_IN_SPAN;
    let mut targets: Vec<u64> = TARGETS
        .into_iter()
        .filter(|target| *target > least && *target <= most)
        .collect();
    targets.push(request.target_micros);
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// What a target needs; a shorter one's needs are where the search begins.
fn need_of(
    [coalesced, every_write]: &[Shipment<'_>; 2],
    request: &Request,
    target_micros: u64,
    shorter: Option<&NeedRow>,
) -> NeedRow {
    let goal = Goal {
        target_micros,
        latency_micros: request.latency_micros,
    };
    let of = |shipment: &Shipment<'_>, always: Option<u64>, share: Option<u64>| {
        let always = shipment.need_always(goal, always);
        let share = shipment.need_share(goal, request.share_ppm, share.or(always));
        (always, share)
    };
    let (always, share) = of(
        coalesced,
        shorter.and_then(|row| row.always_bytes_per_second),
        shorter.and_then(|row| row.share_bytes_per_second),
    );
    let (always_every, share_every) = of(
        every_write,
        shorter
            .and_then(|row| row.always_every_write_bytes_per_second)
            .or(always),
        shorter
            .and_then(|row| row.share_every_write_bytes_per_second)
            .or(share),
    );
    NeedRow {
        target_micros,
        always_bytes_per_second: always,
        share_bytes_per_second: share,
        always_every_write_bytes_per_second: always_every,
        share_every_write_bytes_per_second: share_every,
    }
}

fn link(
    shipment: &Shipment<'_>,
    request: &Request,
    (reason, bytes_per_second): (LinkReason, u64),
) -> LinkRow {
    let link = Link {
        bytes_per_second,
        latency_micros: request.latency_micros,
        outage: None,
    };
    let (course, waits) = (shipment.course(&link), backlog(shipment, &link));
    let seen = course.violations(request.target_micros);
    let held = course.within(request.target_micros);
    let held = u128::from(held) * 1_000_000 / u128::from(shipment.span_micros);
    let days = course.days(DAY, request.target_micros).into_iter();
    let days = days.zip(0..).map(|(seen, day)| DayRow {
        day,
        violations: seen.count,
        violation_micros: seen.micros,
        rpo_worst_micros: seen.worst_micros,
    });
    LinkRow {
        reason,
        bytes_per_second,
        rpo_p50_micros: course.quantile(500_000),
        rpo_p90_micros: course.quantile(900_000),
        rpo_p99_micros: course.quantile(990_000),
        rpo_worst_micros: seen.worst_micros,
        held_ppm: held as u64,
        violations: seen.count,
        violation_micros: seen.micros,
        backlog_bytes: waits.unsent_bytes,
        drain_micros: waits.drain_micros,
        after_end_micros: waits.after_end_micros,
        journal_bytes: waits.journal_bytes,
        outage: outage(shipment, &link, request.outage_micros),
        days: days.collect(),
        parts_rpo_micros: course.largest_of(PARTS),
    }
}

fn outage(shipment: &Shipment<'_>, link: &Link, long: u64) -> OutageRow {
    let from_micros = worst_outage(shipment, link, long);
    let until = from_micros.saturating_add(long);
    let marked = with_mark(shipment, from_micros);
    let marked = Shipment {
        batches: &marked,
        ..*shipment
    };
    let link = Link {
        outage: Some((from_micros, until)),
        ..*link
    };
    let mut drained = until;
    for sent in link.send(marked.batches) {
        if sent.batch.closes_micros > drained {
            break;
        }
        drained = drained.max(sent.left_micros);
    }
    let row = OutageRow {
        from_micros,
        journal_bytes: backlog(&marked, &link).journal_bytes,
        rpo_worst_micros: marked.course(&link).violations(0).worst_micros,
        drain_micros: Some(drained - until),
        carried_on: false,
    };
    if long < shipment.span_micros {
        return row;
    }
    carried_on(shipment, (link.bytes_per_second, long), row)
}

/// An outage longer than the span: what is written goes on as in the mean, and drains at what the link has left.
fn carried_on(
    shipment: &Shipment<'_>,
    (bytes_per_second, long): (u64, u64),
    row: OutageRow,
) -> OutageRow {
    let sums = shipment
        .batches
        .iter()
        .fold((0_u128, 0_u128), |sums, batch| {
            (
                sums.0 + u128::from(batch.bytes),
                sums.1 + u128::from(batch.journal_bytes),
            )
        });
    let span = u128::from(shipment.span_micros);
    let less = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    let journal = less(sums.1 * u128::from(long) / span);
    let rate = less(sums.0 * u128::from(SECOND) / span);
    // `w d / (B - w)`.
    let left = bytes_per_second.checked_sub(rate).filter(|left| *left > 0);
    OutageRow {
        journal_bytes: journal.max(row.journal_bytes),
        rpo_worst_micros: row.rpo_worst_micros.max(long),
        drain_micros: left.map(|left| less(u128::from(rate) * u128::from(long) / u128::from(left))),
        carried_on: true,
        ..row
    }
}

fn watched(churn: &Churn, request: &Request, coalesced: &[Batch]) -> WatchedRow {
    let minutes = minutes(churn);
    WatchedRow {
        span_micros: churn.span_micros,
        start_seconds: churn.start_seconds,
        disks: churn.disks.clone(),
        writes: churn.sum(|interval| interval.writes),
        written_bytes: churn.sum(|interval| interval.written_bytes),
        unique_bytes: churn.sum(|interval| interval.unique_bytes),
        shipped_bytes: coalesced
            .iter()
            .fold(0, |sum, batch| sum.saturating_add(batch.bytes)),
        cleared_bytes: request.cleared_bytes,
        busiest_minute_bytes: minutes,
    }
}

/// The most bytes that are written in a minute, or an interval where that is longer.
fn minutes(churn: &Churn) -> u64 {
    let width = MINUTE.max(churn.interval_micros);
    let (mut number, mut sum, mut most) = (0, 0_u64, 0);
    for interval in &churn.intervals {
        let minute = interval.number * churn.interval_micros / width;
        if minute != number {
            (number, sum) = (minute, 0);
        }
        sum = sum.saturating_add(interval.written_bytes);
        most = most.max(sum);
    }
    most
}

fn terms(churn: &Churn, unions: &Unions, request: &Request) -> TermsRow {
    TermsRow {
        target_micros: request.target_micros,
        share_ppm: request.share_ppm,
        interval_micros: churn.interval_micros,
        block_bytes: unions.exact.then_some(unions.block_bytes),
        latency_micros: request.latency_micros,
        compression_thousandths: request.compression.thousandths(),
        compression_from: request.compression_from.clone(),
        outage_micros: request.outage_micros,
        retention_micros: request.retention_micros,
    }
}

fn histories(unions: &Unions, request: &Request) -> Vec<HistoryRow> {
    let all = history_of_all(unions, request.retention_micros);
    let days = request.retention_micros.div_ceil(DAY);
    let thinned = u32::try_from(days).ok();
    let thinned = thinned.and_then(|days| history_of_site_recovery(unions, days).ok());
    let rows = [
        (HistoryPolicy::EveryPoint, Some(all)),
        (HistoryPolicy::SiteRecovery, thinned),
    ];
    let rows = rows.into_iter().filter_map(|(policy, history)| {
        let history = history?;
        let count = |measured: bool| {
            let widths = history.widths.iter();
            let widths = widths.filter(|(.., known)| !measured || *known);
            widths.map(|(_, count, _)| count).sum()
        };
        Some(HistoryRow {
            policy,
            points: history.points,
            mean_bytes: history.mean_bytes,
            most_bytes: history.most_bytes,
            windows_measured: count(true),
            windows: count(false),
            exact: unions.exact,
        })
    });
    rows.collect()
}

fn windows(churn: &Churn, unions: &Unions) -> Vec<WindowRow> {
    let rows = unions.widths.iter().map(|windows| {
        let count = windows.bytes.len() as u64;
        let end = count * windows.micros;
        let within = churn.intervals.iter();
        let within = within.take_while(|interval| interval.number * churn.interval_micros < end);
        let written = within.fold(0_u64, |sum, row| sum.saturating_add(row.written_bytes));
        WindowRow {
            window_micros: windows.micros,
            windows: count,
            unique_bytes_mean: windows.mean(),
            unique_bytes_max: windows.bytes.iter().copied().max().unwrap_or_default(),
            written_bytes_mean: written / count.max(1),
        }
    });
    rows.collect()
}

fn parts(churn: &Churn, coalesced: &[Batch]) -> Vec<PartRow> {
    let intervals = churn.span_micros / churn.interval_micros;
    let count = PARTS.min(intervals).max(1);
    let place = |at: u64| {
        let place = u128::from(at) * u128::from(count) / u128::from(churn.span_micros);
        (place as usize).min(count as usize - 1)
    };
    let mut parts: Vec<PartRow> = (0..count)
        .map(|part| PartRow {
            from_micros: (u128::from(churn.span_micros) * u128::from(part) / u128::from(count))
                as u64,
            written_bytes: 0,
            shipped_bytes: 0,
        })
        .collect();
    for interval in &churn.intervals {
        let part = &mut parts[place(interval.number * churn.interval_micros)];
        part.written_bytes = part.written_bytes.saturating_add(interval.written_bytes);
    }
    for batch in coalesced {
        let part = &mut parts[place(batch.opens_micros)];
        part.shipped_bytes = part.shipped_bytes.saturating_add(batch.bytes);
    }
    parts
}
