//! The bandwidth that an RPO needs, beside queueing's closed forms and Site Recovery's documented churn.

use simulator::churn::{Batch, Goal, Link, Shipment, backlog, with_mark, worst_outage};
use simulator::component::{self, Edition};
use simulator::draw::Draws;

use crate::check::Check;

const SECOND: u64 = 1_000_000;
const MEGABYTE: u64 = 1_000_000;
/// Batches drawn for a mean wait; a standard error of it is about half a per cent then.
const DRAWN: u64 = 400_000;

pub(crate) fn churn() -> Vec<Check> {
    let mut checks = constant();
    checks.push(bursts());
    checks.push(outage());
    checks.extend([700_000, 900_000].map(mean_wait));
    checks.extend(a_day());
    checks
}

/// A batch of so many bytes in each of these seconds.
fn batches(seconds: impl Iterator<Item = (u64, u64)>) -> Vec<Batch> {
    let batch = |(second, bytes)| Batch {
        opens_micros: second * SECOND,
        closes_micros: (second + 1) * SECOND,
        bytes,
        journal_bytes: bytes,
    };
    seconds.map(batch).collect()
}

fn shipment(batches: &[Batch], seconds: u64) -> Shipment<'_> {
    Shipment {
        batches,
        interval_micros: SECOND,
        span_micros: seconds * SECOND,
    }
}

fn constant() -> Vec<Check> {
    let batches = batches((0..3600).map(|second| (second, MEGABYTE)));
    let shipment = shipment(&batches, 3600);
    let of = |seconds: u64| {
        let goal = Goal {
            target_micros: seconds * SECOND,
            latency_micros: 0,
        };
        Check::exact(
            format!("1 MB/s for an hour, RPO of {seconds} s: bytes a second needed"),
            "rho = w/B, at most 1",
            MEGABYTE as f64,
            shipment.need_always(goal, None).unwrap_or(0) as f64,
        )
    };
    vec![of(2), of(900)]
}

fn bursts() -> Check {
    let seconds =
        (0..10).flat_map(|burst| (0..60).map(move |second| (burst * 600 + second, 10 * MEGABYTE)));
    let batches = batches(seconds);
    let course = shipment(&batches, 6000).course(&Link::new(2 * MEGABYTE));
    Check::exact(
        "10 MB/s for a minute in ten, link of 2 MB/s: worst RPO, seconds",
        "interval + (on - interval)(w/B - 1) + w/B",
        1.0 + 59.0 * 4.0 + 5.0,
        course.violations(0).worst_micros as f64 / SECOND as f64,
    )
}

fn outage() -> Check {
    let (rate, bandwidth, long) = (MEGABYTE, 4 * MEGABYTE, 3600 * SECOND);
    let batches = batches((0..20_000).map(|second| (second, rate)));
    let shipment = shipment(&batches, 20_000);
    let from = worst_outage(&shipment, &Link::new(bandwidth), long);
    let marked = with_mark(&shipment, from);
    let marked = Shipment {
        batches: &marked,
        ..shipment
    };
    let link = Link {
        outage: Some((from, from + long)),
        ..Link::new(bandwidth)
    };
    let waits = backlog(&marked, &link);
    let drained = waits.drain_micros.saturating_sub(long);
    Check::new(
        "1 MB/s, link of 4 MB/s, an hour's outage: drains in, seconds",
        "w d/(B - w); ours to a batch's end",
        (rate * 3600 / (bandwidth - rate)) as f64,
        drained as f64 / SECOND as f64,
        0.002,
    )
}

/// Batches of a second's sending, at random: the mean wait in seconds.
fn mean_wait(ppm: u64) -> Check {
    let mut stream = Draws::new(1).stream("believe", "arrivals", ppm);
    let mut now = 0;
    let batches: Vec<Batch> = (0..DRAWN)
        .map(|_| {
            now += stream.exponential(SECOND * 1_000_000 / ppm);
            Batch {
                opens_micros: now,
                closes_micros: now,
                bytes: 1000,
                journal_bytes: 1000,
            }
        })
        .collect();
    let waits = Link::new(1000).send(&batches);
    let waits = waits.map(|sent| sent.left_micros - sent.batch.closes_micros - SECOND);
    let rho = ppm as f64 / 1e6;
    Check::new(
        format!("arrivals at random, equal batches, rho = {rho}: mean wait, in sendings"),
        format!(
            "M/G/1, Pollaczek and Khinchine: lambda E[S²]/(2(1 - rho)); ours over {DRAWN} batches"
        ),
        rho / (2.0 * (1.0 - rho)),
        waits.sum::<u64>() as f64 / SECOND as f64 / DRAWN as f64,
        if ppm < 800_000 { 0.02 } else { 0.06 },
    )
}

/// What a disk may change a day, as the documents print it beside their speeds.
fn a_day() -> Vec<Check> {
    let profile = component::find("site-recovery", Edition::Current).expect("a profile");
    let normal = &profile.abilities.churn[0];
    let rows = [("Standard", 8, 168.0), ("Premium from 512 GiB", 8, 421.0)];
    let check = |(kind, kilobytes, theirs): (&str, u64, f64)| {
        let disk = normal.disk.iter().find(|disk| disk.kind == kind);
        let limit = disk.expect("a kind").limit(kilobytes * 1000);
        Check::exact(
            format!("Site Recovery, {kind}, writes of {kilobytes} KB: GB a day"),
            "Microsoft, support matrix between Azure regions, 2025: printed beside the speed, in 1,024 MB",
            theirs,
            (limit.speed.0 * 86_400 / MEGABYTE / 1024) as f64,
        )
    };
    rows.map(check).into()
}
