//! Small traces against an oracle that knows nothing of stretches: every batch, empty ones too, every microsecond.

use proptest::prelude::*;

use super::*;

/// Every batch from the first to the last interval, empty ones too: when it closes and arrives.
fn all_batches(shipment: &Shipment<'_>, link: &Link) -> Vec<(u64, u64)> {
    let interval = shipment.interval_micros;
    let bytes = |number: u64| {
        let found = shipment
            .batches
            .iter()
            .find(|batch| batch.opens_micros == number * interval);
        found.map_or(0, |batch| batch.bytes)
    };
    // In units of a microsecond of one byte a second: no rounding before the end.
    let rate = u128::from(link.bytes_per_second);
    let mut left = 0_u128;
    let mut out = Vec::new();
    for number in 0..shipment.span_micros / interval {
        let closes = (number + 1) * interval;
        left = left.max(u128::from(closes) * rate) + u128::from(bytes(number)) * 1_000_000;
        let left = u64::try_from(left.div_ceil(rate)).unwrap();
        out.push((closes, left + link.latency_micros));
    }
    out
}

/// The RPO just after each microsecond of the span.
fn rpo(shipment: &Shipment<'_>, link: &Link) -> Vec<u64> {
    let batches = all_batches(shipment, link);
    let at = |now: u64| {
        let safe = batches.iter().filter(|(_, arrives)| *arrives <= now);
        now - safe.map(|(closes, _)| *closes).max().unwrap_or(0)
    };
    (0..shipment.span_micros).map(at).collect()
}

fn cases() -> impl Strategy<Value = (u64, Vec<(u64, u64)>, u64, u64)> {
    let written = proptest::collection::btree_map(0_u64..12, 1_u64..40, 0..8);
    // Bytes a second so that a byte takes about a microsecond.
    (2_u64..9, written, 200_000_u64..4_000_000, 0_u64..12).prop_map(
        |(interval, written, bandwidth, latency)| {
            (interval, written.into_iter().collect(), bandwidth, latency)
        },
    )
}

proptest! {
    #[test]
    fn the_course_is_the_oracle_s(
        (interval, written, bandwidth, latency_micros) in cases(),
        targets in proptest::collection::vec(0_u64..120, 4),
    ) {
        let batches = batches(interval, &written);
        let shipment = shipment(&batches, interval, 14);
        let link = Link { latency_micros, ..Link::new(bandwidth) };
        let (course, rpo) = (shipment.course(&link), rpo(&shipment, &link));
        for target in targets {
            // Within a microsecond the RPO rises by one.
            let within = rpo.iter().filter(|rpo| **rpo < target).count() as u64;
            prop_assert_eq!(course.within(target), within);
            prop_assert_eq!(shipment.within(&link, target), within);
            let above = |rpo: u64| rpo >= target;
            let seen = course.violations(target);
            prop_assert_eq!(seen.micros, rpo.iter().filter(|rpo| above(**rpo)).count() as u64);
            // At an arrival the RPO falls: below the target for no time at all is a violation's end too.
            let rises = rpo.windows(2).filter(|pair| above(pair[1]) && (!above(pair[0]) || pair[1] == target));
            let first = u64::from(rpo.first().is_some_and(|rpo| above(*rpo)));
            prop_assert_eq!(seen.count, first + rises.count() as u64);
            let days = course.days(interval, target);
            prop_assert_eq!(days.iter().map(|day| day.micros).sum::<u64>(), seen.micros);
        }
        let batches = all_batches(&shipment, &link);
        let worst = batches.iter().map(|(closes, arrives)| arrives + interval - closes);
        prop_assert_eq!(course.violations(0).worst_micros, worst.max().unwrap().max(*rpo.iter().max().unwrap() + 1));
        let parts = course.largest_of(7);
        prop_assert_eq!(*parts.iter().max().unwrap(), *rpo.iter().max().unwrap() + 1);
    }

    /// What a failover loses is what was written and is not there: never older than the RPO says.
    #[test]
    fn the_rpo_is_never_below_the_loss((interval, written, bandwidth, latency_micros) in cases()) {
        let batches = batches(interval, &written);
        let shipment = shipment(&batches, interval, 14);
        let link = Link { latency_micros, ..Link::new(bandwidth) };
        let sent: Vec<Sent> = link.send(&batches).collect();
        for (now, rpo) in (0..).zip(rpo(&shipment, &link)) {
            let lost = sent.iter().find(|sent| sent.arrived_micros > now && sent.batch.opens_micros <= now);
            let loss = lost.map_or(0, |sent| now - sent.batch.opens_micros);
            prop_assert!(rpo >= loss, "at {now}: {rpo} and {loss}");
        }
    }

    #[test]
    fn more_bandwidth_is_never_worse((interval, written, bandwidth, latency_micros) in cases(), more in 1_u64..900_000) {
        let batches = batches(interval, &written);
        let shipment = shipment(&batches, interval, 14);
        let of = |bandwidth| Link { latency_micros, ..Link::new(bandwidth) };
        let course = |bandwidth| shipment.course(&of(bandwidth));
        let (slow, fast) = (course(bandwidth), course(bandwidth + more));
        for target in 0..100 {
            prop_assert!(slow.within(target) <= fast.within(target));
        }
        prop_assert!(slow.violations(0).worst_micros >= fast.violations(0).worst_micros);
        let slow = backlog(&shipment, &of(bandwidth));
        let fast = backlog(&shipment, &of(bandwidth + more));
        prop_assert!(slow.journal_bytes >= fast.journal_bytes && slow.drain_micros >= fast.drain_micros);
    }

    /// `max over i <= j of S(i, j) / (R - latency - interval + open(j) - open(i))` by counting all pairs.
    #[test]
    fn the_need_is_the_closed_form_s_and_the_least(
        (interval, written, _, latency_micros) in cases(),
        slack in 1_u64..60,
        ppm in 500_000_u64..1_000_000,
    ) {
        let batches = batches(interval, &written);
        let shipment = shipment(&batches, interval, 14);
        let target_micros = interval + latency_micros + slack;
        let goal = Goal { target_micros, latency_micros };
        let need = shipment.need_always(goal, None).unwrap();
        let mean = shipment.mean_bytes_per_second();
        let mut exact = mean.max(1);
        for (i, first) in batches.iter().enumerate() {
            let mut sum = 0;
            for last in &batches[i..] {
                sum += last.bytes * 1_000_000;
                exact = exact.max(sum.div_ceil(slack + last.opens_micros - first.opens_micros));
            }
        }
        prop_assert_eq!(need, exact);
        prop_assert_eq!(shipment.need_always(goal, Some(need * 7)), Some(need));
        let share = shipment.need_share(goal, ppm, None).unwrap();
        prop_assert!(share <= need);
        let held = |bandwidth: u64| {
            let link = Link { latency_micros, ..Link::new(bandwidth) };
            shipment.within(&link, target_micros) * 1_000_000 >= shipment.span_micros * ppm
        };
        prop_assert!(held(share) && (share == mean.max(1) || !held(share - 1)));
    }

    /// No outage that begins elsewhere piles up more than a little, and the one that is said is one.
    #[test]
    fn the_worst_outage_is_about_the_worst((interval, written, bandwidth, _) in cases(), long in 1_u64..40) {
        prop_assume!(!written.is_empty());
        let batches = batches(interval, &written);
        let shipment = shipment(&batches, interval, 14);
        let journal = |from: u64| {
            let link = Link { outage: Some((from, from + long)), ..Link::new(bandwidth) };
            let marked = with_mark(&shipment, from);
            backlog(&Shipment { batches: &marked, ..shipment }, &link).journal_bytes
        };
        let link = Link::new(bandwidth);
        let said = journal(worst_outage(&shipment, &link, long));
        let worst = (0..shipment.span_micros).map(journal).max().unwrap();
        // Batches close at whole intervals and count whole until they are there, outages end between.
        let slack = (bandwidth * interval).div_ceil(1_000_000) + 40;
        prop_assert!(said + slack >= worst, "{said} and {worst}");
    }
}
