//! What a churn plan says, in sentences.
#![expect(clippy::cast_precision_loss, reason = "three digits are shown")]

use simulator::churn::{
    Admission, ChurnPlanRows, CompressionFrom, HistoryPolicy, LimitRow, LinkReason, LinkRow,
};

use crate::units;

const DAY_MICROS: u64 = 86_400_000_000;
/// A recording is short for a target of which it holds fewer.
const SHORT: u64 = 10;

/// A time; a round one in the unit in which it is one.
pub(super) fn time(micros: u64) -> String {
    let units = [(3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s")];
    let round = |(unit, _): &&(u64, &str)| micros > 0 && micros.is_multiple_of(*unit);
    match units.iter().find(round) {
        Some((unit, name)) if micros / unit < 120 => format!("{} {name}", micros / unit),
        _ => units::seconds(micros as f64 / 1e6),
    }
}

/// A bandwidth that is needed, rounded up; `None` where none will do.
pub(super) fn need(bytes_per_second: Option<u64>) -> String {
    bytes_per_second.map_or("none will do".to_owned(), units::speed_up)
}

/// Parts in a million as percent.
pub(super) fn share(ppm: u64) -> String {
    if ppm.is_multiple_of(10_000) {
        format!("{} %", ppm / 10_000)
    } else {
        units::share(ppm, 1_000_000)
    }
}

/// The answer, sentence by sentence; the first is the one that people ask for.
pub(super) fn answer(rows: &ChurnPlanRows) -> Vec<String> {
    let (terms, need_row) = (&rows.terms, &rows.need);
    let target = time(terms.target_micros);
    let mut said = vec![match need_row.always_bytes_per_second {
        Some(_) => format!(
            "It needs {} to hold an RPO of {target} always, {} for {} of the time.",
            need(need_row.always_bytes_per_second),
            need(need_row.share_bytes_per_second),
            share(terms.share_ppm)
        ),
        None => format!("No bandwidth holds an RPO of {target}: a batch waits longer for its end."),
    }];
    let asked = |link: &&LinkRow| link.reason == LinkReason::Asked;
    said.extend(
        rows.links
            .iter()
            .filter(asked)
            .map(|link| of_link(rows, link)),
    );
    said.push(coalescing(rows));
    said.extend(rows.links.first().map(|link| journal(rows, link)));
    said.extend(history(rows));
    said.extend(site_recovery(rows));
    if terms.target_micros > rows.watched.span_micros / SHORT {
        said.push(format!(
            "Note: {} were recorded, which is short for an RPO of {target}: nothing can be behind by more than has passed \
             yet. Record {} at least.",
            time(rows.watched.span_micros),
            time(terms.target_micros.saturating_mul(SHORT)),
        ));
    }
    said
}

fn journal(rows: &ChurnPlanRows, link: &LinkRow) -> String {
    let later = match link.outage.drain_micros {
        Some(micros) if micros < 365 * DAY_MICROS => {
            format!("{} after it all is there again", time(micros))
        }
        _ => "after it this link never catches up".to_owned(),
    };
    let carried = if link.outage.carried_on {
        " (longer than the recording, which is carried on in the mean)"
    } else {
        " at the worst moment"
    };
    format!(
        "With {} the journal needs {}, and {} to outlast an outage of {}{carried}; {later}.",
        units::speed_up(link.bytes_per_second),
        units::bytes(link.journal_bytes),
        units::bytes(link.outage.journal_bytes),
        time(rows.terms.outage_micros),
    )
}

/// Whether Site Recovery's limits admit it, and if not, which do not.
fn site_recovery(rows: &ChurnPlanRows) -> Option<String> {
    let limits = &rows.limits;
    let tightest = limits.iter().min_by_key(|row| row.limit_bytes_per_second)?;
    let count = |admission: Admission| {
        limits
            .iter()
            .filter(|row| row.admission == admission)
            .count()
    };
    let (late, never) = (
        count(Admission::LatePoints),
        count(Admission::NeverCatchesUp),
    );
    if late + never == 0 {
        return Some(format!(
            "Site Recovery admits it by every limit that it documents, the tightest of {} for {}: the busiest five minutes \
             bring {}.",
            units::megabytes(tightest.limit_bytes_per_second),
            limited(tightest),
            units::megabytes(tightest.peak_bytes_per_second),
        ));
    }
    Some(format!(
        "Of Site Recovery's {} limits for these disks, {} admit it, {late} with late points, and behind {never} it never \
         catches up.",
        limits.len(),
        limits.len() - late - never,
    ))
}

/// What a bandwidth gives.
fn of_link(rows: &ChurnPlanRows, link: &LinkRow) -> String {
    let mut said = format!(
        "At {} the worst RPO is {}, and {} is held {} of the time: {}",
        units::speed(link.bytes_per_second),
        time(link.rpo_worst_micros),
        time(rows.terms.target_micros),
        share(link.held_ppm),
        violations(rows, link)
    );
    let carries = u128::from(link.bytes_per_second) * u128::from(rows.watched.span_micros);
    if u128::from(rows.watched.shipped_bytes) * 1_000_000 > carries {
        said += "; more is written in the mean than it carries, so that it never catches up";
    } else if link.after_end_micros > rows.terms.target_micros {
        let left = format!(
            "; the last of it is there {} after the end",
            time(link.after_end_micros)
        );
        said += &left;
    }
    said + "."
}

/// How often the target is missed: a day, or in all of what is shorter.
fn violations(rows: &ChurnPlanRows, link: &LinkRow) -> String {
    let (count, of) = missed(rows, link);
    match count.as_str() {
        "0" => "no violation".to_owned(),
        "1" => format!("1 violation {of}"),
        _ => format!("{count} violations {of}"),
    }
}

/// The same as a count and what it is of.
pub(super) fn missed(rows: &ChurnPlanRows, link: &LinkRow) -> (String, String) {
    let span = rows.watched.span_micros;
    if span < DAY_MICROS {
        return (units::count(link.violations), format!("in {}", time(span)));
    }
    let daily = link.violations as f64 * DAY_MICROS as f64 / span as f64;
    let daily = match daily {
        10.0.. => format!("{daily:.0}"),
        _ => format!("{daily:.1}"),
    };
    let daily = daily.strip_suffix(".0").unwrap_or(&daily).to_owned();
    (daily, "a day".to_owned())
}

fn coalescing(rows: &ChurnPlanRows) -> String {
    let watched = &rows.watched;
    let spared = watched.written_bytes.saturating_sub(watched.unique_bytes);
    format!(
        "Of {} written in {}, {} are left when a block is sent once per batch of {} ({} spared); if every write were sent, \
         it would need {} always.",
        units::bytes(watched.written_bytes),
        time(watched.span_micros),
        units::bytes(watched.unique_bytes),
        time(rows.terms.interval_micros),
        units::share(spared, watched.written_bytes.max(1)),
        need(rows.need.always_every_write_bytes_per_second),
    )
}

fn history(rows: &ChurnPlanRows) -> Option<String> {
    let of = |policy: HistoryPolicy| rows.history.iter().find(move |row| row.policy == policy);
    let all = of(HistoryPolicy::EveryPoint)?;
    let retention = time(rows.terms.retention_micros);
    let most = |mean: u64, most: u64| {
        if most > mean {
            format!(" (at most {})", units::bytes(most))
        } else {
            String::new()
        }
    };
    let thinned = of(HistoryPolicy::SiteRecovery).map_or(String::new(), |row| {
        format!(
            ", or {} in {} points as Site Recovery thins them{}",
            units::bytes(row.mean_bytes),
            units::count(row.points),
            most(row.mean_bytes, row.most_bytes),
        )
    });
    Some(format!(
        "Points for {retention} take {} on the replica with one each 5 min{}{thinned}; {}.",
        units::bytes(all.mean_bytes),
        most(all.mean_bytes, all.most_bytes),
        measured(rows)
    ))
}

/// How far the history is measured.
fn measured(rows: &ChurnPlanRows) -> String {
    if rows.history.iter().any(|row| !row.exact) {
        return "an upper bound, as no blocks are told".to_owned();
    }
    let known = rows
        .history
        .iter()
        .all(|row| row.windows_measured == row.windows);
    let long = rows.watched.span_micros >= rows.terms.retention_micros;
    match (known, long) {
        (true, true) => "measured".to_owned(),
        (true, false) => "measured over a shorter time and carried on".to_owned(),
        (false, _) => {
            "partly an upper bound, as the recording is shorter than the time between kept points"
                .to_owned()
        }
    }
}

/// What the plan rests on.
pub(super) fn assumptions(rows: &ChurnPlanRows) -> Vec<String> {
    let terms = &rows.terms;
    let block = terms.block_bytes.map_or_else(
        || "what the protection counts as unique is sent once".to_owned(),
        |bytes| {
            format!(
                "of each block of {} its last content is sent",
                units::bytes(bytes)
            )
        },
    );
    let factor = terms.compression_thousandths as f64 / 1000.0;
    let compression = match &terms.compression_from {
        CompressionFrom::None => {
            "No compression is assumed: a recording holds no content. --sample DISK measures it, \
                                  --compression FACTOR states it."
                .to_owned()
        }
        CompressionFrom::Stated => {
            format!("Compression by {factor:.2} was stated, not measured.")
        }
        CompressionFrom::Sampled { blocks, beyond } => {
            let beyond = match beyond {
                0 => String::new(),
                beyond => format!(
                    "; the disk was too short for {} more",
                    units::count(*beyond)
                ),
            };
            format!(
                "Compression by {factor:.2} was measured on {} of the blocks that are written, each by itself, by the engine's \
                 own compressor, as they are on the disk now{beyond}.",
                units::count(*blocks)
            )
        }
        CompressionFrom::Measured => {
            format!("Compression by {factor:.2} was measured by the protection, sealing included.")
        }
    };
    let mut said = vec![
        format!(
            "A batch closes every {}; {block}; batches leave one after the other and travel {} after the last byte left.",
            time(terms.interval_micros),
            time(terms.latency_micros)
        ),
        compression,
        "The RPO is the time since the last instant up to which everything is at the other site. Always means until the last \
         byte has arrived; shares and violations are of the recorded time. Needs are exact to a byte a second and shown \
         rounded up."
            .to_owned(),
        "The journal holds every write until its batch has arrived. Room for points is what blocks held before they \
         changed, uncompressed."
            .to_owned(),
        "Zeroing and trimming change blocks but send no payload; records' own headers and the network's are not counted."
            .to_owned(),
    ];
    if !rows.limits.is_empty() {
        said.push(
            "Site Recovery's limits are taken as decimal megabytes, as its documents write MB/s and do not say, and hold for \
             what is written, before compression. A point is late if what it holds waits longer than five minutes behind the \
             limit: our reading of \u{201c}catches up with late points\u{201d}."
                .to_owned(),
        );
    }
    said.push(format!(
        "The past {} stand for the future: record over the busiest days, and a week at least.",
        time(rows.watched.span_micros)
    ));
    said
}

/// How it goes under a limit.
pub(super) fn admission(row: &LimitRow) -> String {
    match row.admission {
        Admission::Admitted => "admitted".to_owned(),
        Admission::LatePoints => format!(
            "{} of {} points late, up to {}",
            units::count(row.late_points),
            units::count(row.points),
            time(row.worst_wait_micros)
        ),
        Admission::NeverCatchesUp => "never catches up".to_owned(),
    }
}

/// What is limited.
pub(super) fn limited(row: &LimitRow) -> String {
    match (&row.disk, &row.kind) {
        (Some(disk), Some(kind)) => format!("disk {}, {kind}", units::plain(disk)),
        _ => "machine".to_owned(),
    }
}
