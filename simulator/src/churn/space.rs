//! Room: for the journal until batches have arrived, and on the replica for the points that are kept there.

use engine::error::Result;
use engine::retention::site_recovery;
use engine::units::Timestamp;

use super::blocks::Unions;
use super::course::Shipment;
use super::intervals::Batch;
use super::link::Link;
use crate::scenario::{DAY, SECOND};

/// From one point on the replica to the next: Site Recovery's, and it can't be set (Microsoft, "Azure to Azure disaster
/// recovery: common questions", 2025).
pub const POINT_EVERY_MICROS: u64 = 300 * SECOND;

/// What piles up under a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The most bytes that wait to be sent at once; with an outage, as if they had been sent during it.
    pub unsent_bytes: u64,
    /// The most bytes of writes of which the batch has not arrived: the journal's room.
    pub journal_bytes: u64,
    /// The longest stretch in which something waits.
    pub drain_micros: u64,
    /// How long after the span the last batch arrives.
    pub after_end_micros: u64,
}

/// What a replica's points keep besides its newest content: for each the blocks that changed up to the next one kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// In the mean over time.
    pub mean_bytes: u64,
    /// The most at any time at which it could be looked at, with the mean for windows before the trace.
    pub most_bytes: u64,
    /// Points kept.
    pub points: u64,
    /// The widths of the windows between them in seconds, how many of each, and whether the trace has one so wide.
    pub widths: Vec<(u64, u64, bool)>,
}

/// The most that waits under a link, from batch to batch.
pub fn backlog(shipment: &Shipment<'_>, link: &Link) -> Backlog {
    let mut seen = Backlog::default();
    let mut waiting = link.send(shipment.batches);
    let (mut oldest, mut journal, mut since) = (waiting.next(), 0_u64, 0);
    let mut left_before = 0;
    for sent in link.send(shipment.batches) {
        let now = sent.batch.closes_micros;
        while let Some(arrived) = oldest.filter(|oldest| oldest.arrived_micros < now) {
            journal -= arrived.batch.journal_bytes;
            oldest = waiting.next();
        }
        journal = journal.saturating_add(sent.batch.journal_bytes);
        seen.journal_bytes = seen.journal_bytes.max(journal);
        let waits = u128::from(sent.left_micros - now) * u128::from(link.bytes_per_second);
        let waits = u64::try_from(waits / u128::from(SECOND)).unwrap_or(u64::MAX);
        seen.unsent_bytes = seen.unsent_bytes.max(waits);
        if now > left_before {
            since = now;
        }
        left_before = sent.left_micros;
        seen.drain_micros = seen.drain_micros.max(sent.left_micros - since);
        let after = sent.arrived_micros.saturating_sub(shipment.span_micros);
        seen.after_end_micros = seen.after_end_micros.max(after);
    }
    seen
}

/// The outage of `long` that piles up the most: when it begins.
///
/// What waits when the link is back, and later, is `f(t) - min f(u) + B d`, with `f` what was written less what `B` bytes a
/// second could have sent, `u` before the outage and `t` after it: the largest of it is found in one pass.
pub fn worst_outage(shipment: &Shipment<'_>, link: &Link, long: u64) -> u64 {
    let batches = shipment.batches;
    let rate = i128::from(link.bytes_per_second);
    // In millionths of a byte.
    let sendable = |until: u64| rate * i128::from(until);
    let mut written = vec![0_i128];
    for batch in batches {
        let sum = written[written.len() - 1] + i128::from(batch.bytes) * i128::from(SECOND);
        written.push(sum);
    }
    // The largest `f` from a batch's end on.
    let mut later = vec![i128::MIN; batches.len() + 1];
    for (at, batch) in batches.iter().enumerate().rev() {
        later[at] = later[at + 1].max(written[at + 1] - sendable(batch.closes_micros));
    }
    // It is the worst where it stops one more batch, or ends with one.
    let closes = batches.iter().map(|batch| batch.closes_micros);
    let stops = closes.clone().map(|closes| closes.saturating_sub(1));
    let mut begins: Vec<u64> = closes.map(|closes| closes.saturating_sub(long)).collect();
    begins.extend(stops);
    begins.sort_unstable();
    let (mut least, mut start, mut end) = (0_i128, 0, 0);
    let (mut worst, mut begins_worst) = (i128::MIN, 0);
    for from in begins {
        while let Some(batch) = batches
            .get(start)
            .filter(|batch| batch.closes_micros <= from)
        {
            least = least.min(written[start] - sendable(batch.closes_micros));
            start += 1;
        }
        least = least.min(written[start] - sendable(from));
        let until = from.saturating_add(long);
        while batches
            .get(end)
            .is_some_and(|batch| batch.closes_micros < until)
        {
            end += 1;
        }
        let most = later[end].max(written[end] - sendable(until));
        // Of several the first: after it there is still something to be seen.
        if most - least > worst {
            (worst, begins_worst) = (most - least, from);
        }
    }
    begins_worst
}

/// The batches with one of nothing at an outage's beginning: that nothing was written is not known at the other site either.
pub fn with_mark(shipment: &Shipment<'_>, outage_from: u64) -> Vec<Batch> {
    let mut batches = shipment.batches.to_vec();
    let opens_micros = outage_from / shipment.interval_micros * shipment.interval_micros;
    let place = batches.partition_point(|batch| batch.opens_micros < opens_micros);
    let there = batches.get(place).map(|batch| batch.opens_micros);
    if there != Some(opens_micros) && opens_micros < shipment.span_micros {
        batches.insert(
            place,
            Batch {
                opens_micros,
                closes_micros: opens_micros + shipment.interval_micros,
                bytes: 0,
                journal_bytes: 0,
            },
        );
    }
    batches
}

/// What every point of a retention keeps, one each five minutes.
pub fn history_of_all(unions: &Unions, retention_micros: u64) -> History {
    let points = retention_micros / POINT_EVERY_MICROS;
    let ages: Vec<u64> = (0..=points)
        .map(|point| point * POINT_EVERY_MICROS)
        .collect();
    history(unions, &ages)
}

/// What the points that Site Recovery keeps do.
///
/// # Errors
/// `Invalid` for more days than it keeps points.
pub fn history_of_site_recovery(unions: &Unions, days: u32) -> Result<History> {
    // At an instant that is whole in all of its periods.
    let newest = 4 * 3600 * 100_000_i64;
    let every = (POINT_EVERY_MICROS / SECOND).cast_signed();
    let points: Vec<Timestamp> = (0..=i64::from(days) * 86_400 / every)
        .map(|number| Timestamp {
            seconds: newest - number * every,
            nanos: 0,
        })
        .collect();
    let kept = site_recovery(&points, days)?;
    let kept = points.iter().zip(kept).filter(|(_, kept)| *kept);
    let ages = kept.map(|(point, _)| (newest - point.seconds).cast_unsigned() * SECOND);
    Ok(history(unions, &ages.collect::<Vec<_>>()))
}

/// What points of these ages keep, the newest first.
fn history(unions: &Unions, ages: &[u64]) -> History {
    // From an older point to the next newer one.
    let gaps: Vec<(u64, u64)> = ages
        .windows(2)
        .map(|pair| (pair[1], pair[1] - pair[0]))
        .collect();
    let means = gaps.iter().map(|(_, width)| unions.mean(*width));
    let mean_bytes = means.fold(0, u64::saturating_add);
    let align = gaps.iter().map(|(_, width)| *width).max().unwrap_or(DAY);
    let looks = (1..=unions.span_micros / align).map(|look| look * align);
    let at = |now: u64| {
        let bytes = gaps.iter().map(|(age, width)| {
            let start = now.checked_sub(*age);
            let seen = start.and_then(|start| unions.at(*width, start));
            seen.unwrap_or_else(|| unions.mean(*width))
        });
        bytes.fold(0, u64::saturating_add)
    };
    let mut widths: Vec<(u64, u64, bool)> = Vec::new();
    for (_, width) in &gaps {
        let seconds = width / SECOND;
        match widths.iter_mut().find(|(known, ..)| *known == seconds) {
            Some((_, count, _)) => *count += 1,
            None => widths.push((seconds, 1, unions.at(*width, 0).is_some())),
        }
    }
    History {
        mean_bytes,
        most_bytes: looks.map(at).max().unwrap_or_default().max(mean_bytes),
        points: ages.len() as u64,
        widths,
    }
}

impl Unions {
    /// The different bytes of the window of that width that starts there, if it is a complete one.
    fn at(&self, width: u64, start: u64) -> Option<u64> {
        let windows = self.widths.iter().find(|windows| windows.micros == width)?;
        let number = start.is_multiple_of(width).then_some(start / width)?;
        windows.bytes.get(usize::try_from(number).ok()?).copied()
    }

    /// The different bytes of a window of that width in the mean. Where there is none so wide, as many of the widest that
    /// there is as go into it: what is written in both of two windows counts twice then, so it is no less than the truth.
    pub fn mean(&self, width: u64) -> u64 {
        let fits = self.widths.iter().rfind(|windows| windows.micros <= width);
        let (known, bytes) = match fits {
            Some(windows) => (windows.micros, windows.mean()),
            None => (self.span_micros, self.all_bytes.unwrap_or_default()),
        };
        if known >= width && fits.is_some() {
            return bytes;
        }
        let scaled = u128::from(bytes) * u128::from(width) / u128::from(known.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}
