//! How far behind the newest usable copy is.

use simulator::lag::{
    Level, Phased, RpoSchedule, Transfer, mean_rpo, observe, simulated_mean_rpo, worst_lag,
    worst_lag_any_phase,
};

use crate::check::Check;

const HOUR: u64 = 3_600_000_000;
const MINUTE: u64 = 60_000_000;

fn hours(micros: u64) -> f64 {
    micros as f64 / HOUR as f64
}

/// A level by its windows in hours.
fn level(accumulation: u64, propagation: u64, hold: u64) -> Level {
    Level {
        accumulation_micros: accumulation * HOUR,
        propagation_micros: propagation * HOUR,
        hold_micros: hold * HOUR,
    }
}

pub(crate) fn levels() -> Vec<Check> {
    let (mirror, daily, weekly_vault) = (level(12, 0, 0), level(24, 12, 1), level(168, 24, 12));
    let [weekly, monthly_vault] = weekly_and_vault();
    let batches = Level {
        accumulation_micros: MINUTE,
        propagation_micros: MINUTE,
        hold_micros: 0,
    };
    let source = "lag formula of Keeton and Merchant, DSN 2004; windows recalled, not read";
    let chains: [(&str, f64, &[Level]); 7] = [
        (
            "split mirror twice a day, hours lost at worst",
            12.0,
            &[mirror],
        ),
        ("weekly full backup", 217.0, &[mirror, weekly]),
        (
            "four-weekly vault behind it",
            1_429.0,
            &[mirror, weekly, monthly_vault],
        ),
        ("weekly vault behind it", 253.0, &[weekly, weekly_vault]),
        (
            "weekly full with daily incrementals",
            73.0,
            &[level(24, 48, 1)],
        ),
        ("daily full", 37.0, &[daily]),
        (
            "weekly vault behind daily fulls",
            217.0,
            &[daily, weekly_vault],
        ),
    ];
    let check =
        |(what, theirs, levels)| Check::exact(what, source, theirs, hours(worst_lag(levels)));
    let mut checks: Vec<Check> = chains.into_iter().map(check).collect();
    let batched = hours(worst_lag(&[batches]));
    checks.push(Check::new(
        "mirror in batches of a minute",
        source,
        0.033,
        batched,
        0.011,
    ));
    checks.extend(phases());
    checks
}

/// A weekly full backup, and a vault that takes one of four.
fn weekly_and_vault() -> [Level; 2] {
    [level(168, 48, 1), level(672, 24, 684)]
}

/// The vault as it happens, by the hours from a backup's being usable to the shipment.
fn phases() -> [Check; 3] {
    let [weekly, vault] = weekly_and_vault();
    let shipped_after = |late: u64| {
        let first = weekly.transit_micros() + late * HOUR;
        let chain = [
            Phased {
                level: weekly,
                first_micros: 0,
            },
            Phased {
                level: vault,
                first_micros: first,
            },
        ];
        hours(observe(&chain, 20_000 * HOUR).map_or(0, |seen| seen.worst_micros))
    };
    let most = (0..168).map(shipped_after).fold(0.0, f64::max);
    let bound = hours(worst_lag_any_phase(&weekly_and_vault()));
    let coarser = "a coarser simulation of the same levels";
    let below = "the bound of 1,597 h is not reached";
    [
        Check::exact(
            "four-weekly vault as it happens, in step",
            "the formula",
            1_429.0,
            shipped_after(0),
        ),
        Check::exact(
            "the same, shipments 158 h later",
            coarser,
            1_587.0,
            shipped_after(158),
        ),
        Check::exact(
            "the same, worst of all whole hours",
            below,
            bound - 1.0,
            most,
        ),
    ]
}

pub(crate) fn rpo() -> Vec<Check> {
    let formula = "D + T(1/p - 1/2), in hours; ours is the mean over 100,000 simulated backups";
    let mean = |period: u32, duration: u32, success_ppm: u32| {
        let success = f64::from(success_ppm) / 1e6;
        let what = format!(
            "mean RPO: every {period} h, {duration} h long, {} % succeed",
            success * 100.0
        );
        let said = mean_rpo(period.into(), duration.into(), success);
        let micros = |hours: u32| u64::from(hours) * HOUR;
        let seen = simulated_mean_rpo(
            micros(period),
            micros(duration),
            success_ppm.into(),
            100_000,
            1,
        );
        Check::new(what, formula, said, seen / HOUR as f64, 0.01)
    };
    let mut checks = vec![
        mean(24, 2, 1_000_000),
        mean(24, 2, 900_000),
        mean(4, 1, 500_000),
    ];
    checks.extend(vsphere());
    checks
}

/// Three transfer times under an RPO of 15 minutes, the first transfer at noon.
fn vsphere() -> Vec<Check> {
    let source =
        "VMware, vSphere Replication 5.8 and 8.2, how the RPO affects replication scheduling";
    let transfers = |seconds: u64| -> Vec<Transfer> {
        let schedule = RpoSchedule {
            rpo_micros: 15 * MINUTE,
            transfer_micros: seconds * 1_000_000,
        };
        schedule.transfers(0).take(2).collect()
    };
    let minutes = |micros: u64| micros as f64 / MINUTE as f64;
    let check = |transfer: &str, what: &str, theirs: f64, micros: u64| {
        let what = format!("transfers of {transfer} min: {what}, minutes after noon");
        Check::exact(what, source, theirs, minutes(micros))
    };
    let (spaced, continuous, late) = (transfers(300), transfers(450), transfers(600));
    let (from, to) = late[1].violation.unwrap_or_default();
    vec![
        check("5", "first usable", 5.0, spaced[0].usable_micros),
        check(
            "5",
            "next starts no later than",
            10.0,
            spaced[1].starts_micros,
        ),
        check("5", "next usable", 15.0, spaced[1].usable_micros),
        check(
            "7.5",
            "next starts at once",
            7.5,
            continuous[1].starts_micros,
        ),
        check("7.5", "next usable", 15.0, continuous[1].usable_micros),
        check("10", "first usable", 10.0, late[0].usable_micros),
        check("10", "next usable", 20.0, late[1].usable_micros),
        check("10", "RPO violated from", 15.0, from),
        check("10", "RPO violated until", 20.0, to),
    ]
}
