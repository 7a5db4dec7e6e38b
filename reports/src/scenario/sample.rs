//! A made-up outcome for this room's tests: three strategies through a region's outage, two years,
//! 50 trials.

use simulator::outcome::Fidelity;
use simulator::outcome::scenario::{
    Agreement, Assumption, CopyOutcome, Ending, IncidentRow, Quantity, ScenarioOutcome, Span,
    Spread, StrategyOutcome, Timeline,
};
use simulator::scenario::{DAY, FaultKind, HOUR, MINUTE, Redundancy, To};

use super::document::ScenarioDocument;
use crate::PriceBook;

const GB: u64 = 1_000_000_000;
const TRIALS: u32 = 50;
const MONTHS: u32 = 24;
/// The disaster of the pictures.
const STRUCK: u64 = 130 * DAY + 13 * HOUR;

/// What matters of a strategy.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) to: &'static [(To, Redundancy)],
    /// Median RPO and RTO in hours.
    pub(super) hours: (u64, u64),
    pub(super) lost: u64,
    pub(super) spans: &'static [(&'static str, u64)],
}

/// Three that order as one expects, a fourth that another beats.
pub(super) const USUAL: [Sample; 4] = [
    Sample {
        name: "LRS",
        to: &[(To::Vault, Redundancy::Lrs)],
        hours: (12, 40),
        lost: 3,
        spans: &[
            ("detect", 20),
            ("declare", 60),
            ("wait", 1920),
            ("restore", 380),
            ("validate", 20),
        ],
    },
    Sample {
        name: "GRS",
        to: &[(To::Vault, Redundancy::Grs)],
        hours: (14, 9),
        lost: 0,
        spans: &[
            ("detect", 20),
            ("declare", 60),
            ("geo-failover", 60),
            ("provision", 15),
            ("restore", 365),
            ("boot", 10),
            ("validate", 20),
        ],
    },
    Sample {
        name: "snapshots and GRS",
        to: &[
            (To::Snapshot, Redundancy::Lrs),
            (To::Vault, Redundancy::Grs),
        ],
        hours: (3, 6),
        lost: 0,
        spans: &[
            ("detect", 20),
            ("declare", 60),
            ("geo-failover", 60),
            ("restore", 190),
            ("boot", 10),
            ("validate", 20),
        ],
    },
    Sample {
        name: "disk and tape",
        to: &[
            (To::Disk, Redundancy::Single),
            (To::Tape, Redundancy::Single),
        ],
        hours: (30, 70),
        lost: 1,
        spans: &[
            ("detect", 20),
            ("rebuild", 2880),
            ("media", 960),
            ("restore", 340),
        ],
    },
];

/// Prices for everything, so that tests need no other file.
pub(super) fn book() -> PriceBook {
    let mut text = String::from("name = \"Made up\"\ncurrency = \"USD\"\ngigabyte = \"decimal\"\n");
    for (id, value) in [
        ("vault.lrs", 0.02),
        ("vault.grs", 0.04),
        ("instance.up-to-50gb", 5.0),
        ("instance.up-to-500gb", 10.0),
        ("instance.each-500gb-over", 10.0),
        ("snapshot", 0.05),
        ("blob.hot.writes.lrs", 0.055),
        ("blob.hot.writes.grs", 0.11),
        ("blob.hot.reads", 0.0044),
        ("transfer.europe-north-america", 0.02),
        ("transfer.internet-out", 0.087),
        ("transfer.in", 0.0),
        ("transfer.geo-replication", 0.02),
        ("site.disk", 0.03),
        ("tape.media", 10.0),
        ("tape.library", 150.0),
        ("courier.trip", 40.0),
        ("seeding.drive", 80.0),
        ("machine.d8s-v3.windows", 0.12),
    ] {
        text += &format!(
            "[[price]]\nid = \"{id}\"\nvalue = {value:?}\nunit = \"USD\"\nregion = \"nowhere\"\n\
             source = {{ title = \"made up\", where = \"a test\" }}\ndate = \"2026-11-24\"\n\
             status = \"estimate\"\n"
        );
    }
    PriceBook::parse("made-up.toml", &text).expect("a book")
}

fn spread(median: u64, count: u64, endless: u64) -> Spread {
    let at = |percent: u64| median * HOUR * percent / 100;
    let edges = (1..=20).map(|step| at(step * 10));
    Spread {
        count,
        endless,
        min_micros: at(10),
        mean_micros: at(105),
        p50_micros: Some(at(100)),
        p90_micros: Some(at(180)),
        p95_micros: Some(at(190)),
        p99_micros: Some(at(198)),
        max_micros: at(200),
        buckets: edges.map(|edge| (edge, count / 20)).collect(),
    }
}

fn row(sample: &Sample, trial: u32) -> IncidentRow {
    let spans = sample.spans.iter();
    let spans: Vec<Span> = spans
        .map(|(name, minutes)| Span {
            name: (*name).to_owned(),
            micros: minutes * MINUTE,
        })
        .collect();
    let rpo = sample.hours.0 * HOUR;
    IncidentRow {
        trial,
        fault: 0,
        kind: FaultKind::RegionOutage,
        instance: "office-001".to_owned(),
        at_micros: STRUCK,
        ending: Ending::Restored,
        rpo_micros: Some(rpo),
        rto_micros: Some(spans.iter().map(|span| span.micros).sum()),
        spans,
        restored_from: sample.to.first().map(|(to, _)| super::words::kebab(to)),
        captured_micros: Some(STRUCK - rpo),
        chain_length: 4,
        fetched_bytes: 180 * GB,
        true_loss_micros: Some(rpo - HOUR),
    }
}

fn lost(sample: &Sample) -> IncidentRow {
    IncidentRow {
        trial: 7,
        ending: Ending::Lost,
        rpo_micros: None,
        rto_micros: None,
        spans: Vec::new(),
        restored_from: None,
        captured_micros: None,
        true_loss_micros: None,
        ..row(sample, 7)
    }
}

fn quantity(copy: u32, (to, redundancy): (To, Redundancy), month: u32) -> Quantity {
    let trials = u64::from(TRIALS);
    let stored = u128::from((4000 + 60 * u64::from(month)) * GB) * u128::from(trials) * 730;
    let cloud = matches!(to, To::Vault | To::Snapshot);
    Quantity {
        month,
        copy,
        to,
        redundancy,
        byte_hours: stored,
        deleted_byte_hours: stored / 20,
        instance_hours: vec![(200 * GB, 20 * 730 * trials)],
        writes: 90_000 * trials,
        reads: 4_000 * trials,
        put_bytes: 700 * GB * trials,
        got_bytes: 10 * GB * trials,
        geo_bytes: if redundancy.is_geo() {
            700 * GB * trials
        } else {
            0
        },
        crossed_bytes: if cloud { 30 * GB * trials } else { 0 },
        out_bytes: if cloud { 10 * GB * trials } else { 0 },
        in_bytes: 0,
        courier_trips: if to == To::Tape { 4 * trials } else { 0 },
        standby_hours: u64::from(month == 4 && copy == 0) * 60 * trials,
    }
}

fn copy(to: To, redundancy: Redundancy) -> CopyOutcome {
    CopyOutcome {
        to,
        redundancy,
        method: "incremental".to_owned(),
        every_micros: if to == To::Snapshot { 4 * HOUR } else { DAY },
        points_made: 700,
        backups_failed: 2,
        points_at_end: 40,
        blocks_stored: 9000,
        bytes_at_end: 5000 * GB,
        bytes_peak: 5300 * GB,
        sent_bytes: 9000 * GB,
        backup_micros: 30 * DAY,
    }
}

fn timeline(sample: &Sample) -> Timeline {
    let captured = STRUCK - sample.hours.0 * HOUR;
    let mut points = Vec::new();
    for (at, (to, _)) in (0..).zip(sample.to) {
        let every = if *to == To::Snapshot { 4 * HOUR } else { DAY };
        let newest = captured + u64::from(at) * 2 * HOUR;
        for back in (0..12).rev() {
            let point = newest - back * every;
            points.push((at, point, point + 3 * HOUR));
        }
        // The newest is still on its way when the disaster strikes.
        points.push((at, STRUCK - HOUR, STRUCK + 2 * HOUR));
    }
    Timeline {
        instance: "office-001".to_owned(),
        faults: vec![(
            FaultKind::RegionOutage,
            "west".to_owned(),
            STRUCK,
            STRUCK + 33 * HOUR,
        )],
        points,
        incident: Some(row(sample, 0)),
    }
}

fn strategy(sample: &Sample, fidelity: Fidelity) -> StrategyOutcome {
    let trials = if fidelity == Fidelity::Modelled {
        TRIALS
    } else {
        1
    };
    let incidents = 20 * u64::from(trials);
    let lost_rows = (0..sample.lost).map(|_| lost(sample));
    let ended = incidents - sample.lost;
    let months = (0..MONTHS).flat_map(|month| {
        let copies = (0..).zip(sample.to);
        copies.map(move |(at, copy)| quantity(at, *copy, month))
    });
    let mut quantities: Vec<Quantity> = months.collect();
    for of in &mut quantities {
        if trials == 1 {
            *of = one_trial(of);
        }
    }
    StrategyOutcome {
        strategy: sample.name.to_owned(),
        component: None,
        copies: sample
            .to
            .iter()
            .map(|(to, kept)| copy(*to, *kept))
            .collect(),
        fidelity,
        trials,
        scale: (fidelity == Fidelity::Emulated).then_some(4096),
        trace_digest: "9f86d081884c7d659a2feaa0c55ad015".to_owned(),
        events: 1_234_567,
        incidents,
        recovered: ended - ended / 10,
        waited_out: ended / 10,
        lost: sample.lost,
        rpo_met: ended * 9 / 10,
        rto_met: ended / 2,
        rpo: spread(sample.hours.0, ended, sample.lost),
        rto: spread(sample.hours.1, ended, sample.lost),
        spans_mean: row(sample, 0).spans,
        rows: (0..trials)
            .map(|trial| row(sample, trial))
            .chain(lost_rows)
            .collect(),
        timeline: timeline(sample),
        quantities,
        violations: Vec::new(),
    }
}

fn one_trial(of: &Quantity) -> Quantity {
    let trials = u64::from(TRIALS);
    Quantity {
        byte_hours: of.byte_hours / u128::from(trials),
        deleted_byte_hours: of.deleted_byte_hours / u128::from(trials),
        instance_hours: vec![(200 * GB, 20 * 730)],
        writes: of.writes / trials,
        reads: of.reads / trials,
        put_bytes: of.put_bytes / trials,
        got_bytes: of.got_bytes / trials,
        geo_bytes: of.geo_bytes / trials,
        crossed_bytes: of.crossed_bytes / trials,
        out_bytes: of.out_bytes / trials,
        courier_trips: of.courier_trips / trials,
        standby_hours: of.standby_hours / trials,
        ..of.clone()
    }
}

/// The outcome of these, modelled, and of the first emulated too.
pub(super) fn outcome(samples: &[Sample]) -> ScenarioOutcome {
    let modelled = samples.iter().map(|one| strategy(one, Fidelity::Modelled));
    let emulated = samples.first().map(|one| strategy(one, Fidelity::Emulated));
    ScenarioOutcome {
        program_version: "0.1.0".to_owned(),
        command: "firedrill compare redundancy-in-a-regional-outage --seed 7".to_owned(),
        scenario: "redundancy-in-a-regional-outage".to_owned(),
        question: "What does geo-redundancy buy when a region is out for a day and a half?"
            .to_owned(),
        scenario_digest: "c0ffee".repeat(10),
        seed: 7,
        start_seconds: 1_798_761_600,
        horizon_micros: u64::from(MONTHS) * 730 * HOUR + u64::from(MONTHS) * 30 * MINUTE,
        instances: 20,
        protected_bytes: 4000 * GB,
        rpo_objective_micros: Some(24 * HOUR),
        rto_objective_micros: Some(8 * HOUR),
        downtime_per_hour: Some(50),
        lost_data_per_hour: Some(20),
        assumptions: vec![Assumption {
            what: "outage of a region".to_owned(),
            value: "lognormal, median 4.4 h, 95 % up to 28 h".to_owned(),
            source: "211 Azure incidents, 2018 to 2020".to_owned(),
        }],
        strategies: modelled.chain(emulated).collect(),
        agreements: samples
            .first()
            .map(|one| Agreement {
                strategy: one.name.to_owned(),
                points_equal: true,
                blocks_equal: true,
                bytes_ppm: 8_300,
                traffic_ppm: 9_100,
                requests_ppm: 40_000,
                shifted: 0,
                bytes_at_end_ppm: 9_000,
                rpo_equal: true,
                rto_ppm: 21_000,
            })
            .into_iter()
            .collect(),
    }
}

/// The document of an outcome at made-up prices.
pub(super) fn price(outcome: &ScenarioOutcome) -> ScenarioDocument {
    ScenarioDocument::new(outcome, &book()).expect("priced")
}
