//! Closed forms: constant and periodic churn, outages.

use super::*;
use crate::component::{self, Edition};
use crate::scenario::{DAY, HOUR, MINUTE, SECOND};

const MEGABYTE: u64 = 1_000_000;

fn constant(rate: u64, seconds: u64) -> Vec<Batch> {
    let written: Vec<(u64, u64)> = (0..seconds).map(|second| (second, rate)).collect();
    batches(SECOND, &written)
}

fn goal(target_micros: u64) -> Goal {
    Goal {
        target_micros,
        latency_micros: 0,
    }
}

#[test]
fn constant_churn_needs_its_rate() {
    let batches = constant(MEGABYTE, 3_600);
    let shipment = shipment(&batches, SECOND, 3_600);
    // Two seconds: a batch waits one for its end and may travel one.
    assert_eq!(shipment.need_always(goal(2 * SECOND), None), Some(MEGABYTE));
    assert_eq!(
        shipment.need_always(goal(SECOND), None),
        None,
        "no time to travel"
    );
    // A longer RPO does not help: what comes in has to go out.
    for seconds in [10, 60, 900] {
        let need = shipment.need_always(goal(seconds * SECOND), None);
        assert_eq!(need, Some(MEGABYTE), "{seconds} s");
        let share = shipment.need_share(goal(seconds * SECOND), 900_000, None);
        assert_eq!(share, Some(MEGABYTE), "{seconds} s");
    }
}

#[test]
fn utilisation_says_whether_it_ever_catches_up() {
    let batches = constant(MEGABYTE, 3_600);
    let shipment = shipment(&batches, SECOND, 3_600);
    for (bandwidth, stable) in [(MEGABYTE, true), (MEGABYTE * 4 / 5, false)] {
        let waits = backlog(&shipment, &Link::new(bandwidth));
        let left = MEGABYTE * 3_600 - bandwidth * 3_600;
        assert_eq!(waits.after_end_micros <= SECOND, stable);
        if !stable {
            assert_eq!(waits.after_end_micros, SECOND + left * SECOND / bandwidth);
        }
    }
}

/// On for `on` seconds at `rate`, off for the rest of the period: with a link that empties in it, the RPO's peak is at the
/// end of a burst, an interval and what waits.
#[test]
fn bursts_peak_where_they_end() {
    let (rate, bandwidth, on, period) = (10 * MEGABYTE, 2 * MEGABYTE, 60, 600);
    let written: Vec<(u64, u64)> = (0..10)
        .flat_map(|burst| (0..on).map(move |second| (burst * period + second, rate)))
        .collect();
    let batches = batches(SECOND, &written);
    let shipment = shipment(&batches, SECOND, 10 * period);
    let link = Link::new(bandwidth);
    let course = shipment.course(&link);
    // The last batch of a burst opens on - 1 s after it begins, and leaves on * rate / bandwidth after the first closed.
    let peak = (on * rate / bandwidth + 1 - (on - 1)) * SECOND;
    let target = 100 * SECOND;
    let seen = course.violations(target);
    assert_eq!(seen.worst_micros, peak);
    assert_eq!(seen.count, 10);
    // RPO falls by 4 s with each 5 s of sending and rises between: what is exact is the sum over all stretches.
    assert_eq!(seen.micros + course.within(target), 10 * period * SECOND);
    assert_eq!(course.quantile(1_000_000), peak);
    // What waits at a burst's end: what came after its first batch closed, less what left meanwhile.
    let waits = backlog(&shipment, &link);
    assert_eq!(waits.unsent_bytes, on * rate - (on - 1) * bandwidth);
    assert_eq!(waits.drain_micros, on * rate / bandwidth * SECOND);
    let need = shipment.need_always(goal(peak), None);
    assert_eq!(need, Some(bandwidth), "and that is the least");
}

/// `w d / (B - w)`: what piles up in an outage drains at what is left of the link.
#[test]
fn an_outage_drains_by_the_book() {
    let (rate, bandwidth, long) = (MEGABYTE, 4 * MEGABYTE, HOUR);
    let batches = constant(rate, 20_000);
    let shipment = shipment(&batches, SECOND, 20_000);
    let link = Link::new(bandwidth);
    let from = worst_outage(&shipment, &link, long);
    let marked = with_mark(&shipment, from);
    let marked = Shipment {
        batches: &marked,
        ..shipment
    };
    let link = Link {
        outage: Some((from, from + long)),
        ..link
    };
    let drained = rate * long / (bandwidth - rate);
    let waits = backlog(&marked, &link);
    // Sending goes on, batch by batch, up to an interval after the queue of the book is empty.
    let all = waits.drain_micros.abs_diff(long + drained);
    assert!(
        all <= 2 * SECOND,
        "{} and {}",
        waits.drain_micros,
        long + drained
    );
    assert!(waits.journal_bytes >= rate * 3_600);
    let worst = marked.course(&link).violations(0).worst_micros;
    assert!(worst.abs_diff(long) <= 2 * SECOND, "{worst}");
}

#[test]
fn an_idle_machine_is_behind_by_an_interval_at_most() {
    let none = batches(SECOND, &[]);
    let idle = shipment(&none, SECOND, 100);
    let link = Link {
        latency_micros: 20_000,
        ..Link::new(1)
    };
    let course = idle.course(&link);
    assert_eq!(course.violations(0).worst_micros, SECOND + 20_000);
    assert_eq!(course.within(SECOND + 20_000), 100 * SECOND);
    assert_eq!(idle.need_always(goal(2 * SECOND), None), Some(1));
    let days = course.days(10 * SECOND, 500_000);
    assert_eq!(days.len(), 10);
    assert!(days[3..9].iter().all(|day| day.count == 10), "{days:?}");
}

#[test]
fn site_recovery_admits_by_rate_size_and_spikes() {
    let profile = component::find("site-recovery", Edition::Current).expect("a profile");
    let churn = |seconds: u64, each: u64, writes: u64| Churn {
        interval_micros: SECOND,
        span_micros: HOUR,
        disks: vec!["0".to_owned()],
        intervals: (0..seconds)
            .map(|number| Interval {
                number,
                written_bytes: each,
                unique_bytes: each,
                writes,
                ..Interval::default()
            })
            .collect(),
        ..Churn::default()
    };
    let on = |churn: &Churn, plan: &str, kind: Option<&str>| {
        let rows = limits(churn, profile);
        let found = rows
            .into_iter()
            .find(|row| row.plan == plan && row.kind.as_deref() == kind);
        found.map(|row| (row.admission, row.limit_bytes_per_second, row.late_points))
    };
    // 1.6 MB/s in writes of 16 kB, all the time; 16 MB/s for a tenth of it; twice as much as any disk may.
    let steady = churn(3_600, 1_600_000, 100);
    let premium = Some("Premium from 128 GiB");
    let admitted = |limit| Some((Admission::Admitted, limit, 0));
    assert_eq!(
        on(&steady, "normal", Some("Standard")),
        admitted(2 * MEGABYTE)
    );
    assert_eq!(on(&steady, "normal", premium), admitted(4 * MEGABYTE));
    assert_eq!(on(&steady, "high churn", premium), admitted(20 * MEGABYTE));
    assert_eq!(on(&steady, "normal", None), admitted(54 * MEGABYTE));
    let spiky = churn(360, 16 * MEGABYTE, 1_000);
    let (admission, _, late) = on(&spiky, "normal", Some("Standard")).expect("a row");
    // 5,760 MB at 2 MB/s take 48 minutes from the first second on; nothing is late that waits five minutes or less.
    assert_eq!((admission, late), (Admission::LatePoints, 8));
    let heavy = churn(3_600, 25 * MEGABYTE, 500);
    let (admission, ..) = on(&heavy, "normal", Some("Premium from 512 GiB")).expect("a row");
    assert_eq!(admission, Admission::NeverCatchesUp);
}

#[test]
fn history_is_the_blocks_between_kept_points() {
    // 7 blocks in every five minutes, 20 different ones in an hour, 30 in two.
    let widths = [(5 * MINUTE, 7), (HOUR, 20), (2 * HOUR, 30)];
    let unions = Unions {
        block_bytes: 1,
        widths: widths
            .map(|(micros, bytes)| Windows {
                micros,
                bytes: vec![bytes; (2 * DAY / micros) as usize],
            })
            .into(),
        all_bytes: None,
        span_micros: 2 * DAY,
        exact: true,
    };
    let all = history_of_all(&unions, DAY);
    assert_eq!(
        (all.points, all.mean_bytes, all.most_bytes),
        (289, 288 * 7, 288 * 7)
    );
    // 46 points: 24 windows of five minutes and 21 of an hour.
    let thinned = history_of_site_recovery(&unions, 1).unwrap();
    assert_eq!(thinned.points, 46);
    assert_eq!(thinned.mean_bytes, 24 * 7 + 21 * 20);
    assert_eq!(history_of_site_recovery(&unions, 0).unwrap().mean_bytes, 0);
    assert!(history_of_site_recovery(&unions, 16).is_err());
    // Four hours are not told: twice two hours, no less than the truth.
    let long = history_of_site_recovery(&unions, 15).unwrap();
    assert!(
        long.widths
            .iter()
            .any(|(width, _, known)| *width == 4 * 3_600 && !known)
    );
    assert_eq!(unions.mean(4 * HOUR), 60);
}
