#![expect(clippy::cast_precision_loss, reason = "hours are few")]

use proptest::prelude::*;

use super::*;

const HOUR: u64 = 3_600_000_000;
const MINUTE: u64 = 60_000_000;

fn level(accumulation: u64, propagation: u64, hold: u64) -> Level {
    Level {
        accumulation_micros: accumulation * HOUR,
        propagation_micros: propagation * HOUR,
        hold_micros: hold * HOUR,
    }
}

fn backup_then_vault() -> [Level; 2] {
    [level(168, 48, 1), level(672, 24, 684)]
}

/// Hours lost at worst when the vault's first shipment leaves so many hours after a backup is usable.
fn worst_out_of_step(hours: u64) -> u64 {
    let [backup, vault] = backup_then_vault();
    let chain = [
        Phased {
            level: backup,
            first_micros: 0,
        },
        Phased {
            level: vault,
            first_micros: backup.transit_micros() + hours * HOUR,
        },
    ];
    observe(&chain, 20_000 * HOUR).unwrap().worst_micros / HOUR
}

#[test]
fn levels_out_of_step_lose_more_than_the_formula() {
    assert_eq!(worst_lag(&backup_then_vault()), 1_429 * HOUR);
    assert_eq!(worst_out_of_step(0), 1_429);
    assert_eq!(worst_out_of_step(158), 1_587);
    let worst = (0..168).map(worst_out_of_step).max();
    assert_eq!(worst, Some(1_596));
    assert_eq!(worst_lag_any_phase(&backup_then_vault()), 1_597 * HOUR);
    // In step again with the next backup.
    assert_eq!(worst_out_of_step(168), 1_429);
}

proptest! {
    /// Whatever the windows and starts: never fresher than transit, never worse than the bound, and
    /// with one level exactly what the formula says.
    #[test]
    fn observed_lags_stay_within_the_bounds(
        windows in proptest::collection::vec((1_u64..40, 0_u64..60, 0_u64..60, 0_u64..100), 1..4),
    ) {
        let chain: Vec<Phased> = windows
            .iter()
            .map(|&(acc, prop, hold, first)| Phased { level: level(acc, prop, hold), first_micros: first * HOUR })
            .collect();
        let levels: Vec<Level> = chain.iter().map(|phased| phased.level).collect();
        let seen = observe(&chain, 3_000 * HOUR).unwrap();
        prop_assert!(seen.freshest_micros >= freshest_lag(&levels));
        prop_assert!(seen.worst_micros <= worst_lag_any_phase(&levels));
        if let [one] = levels[..] {
            prop_assert_eq!(seen.worst_micros, worst_lag(&[one]));
            prop_assert_eq!(seen.freshest_micros, freshest_lag(&[one]));
        }
    }
}

/// Period and duration in hours, and how many of a million succeed.
const BACKUPS: [(u64, u64, u32); 4] = [
    (24, 2, 1_000_000),
    (24, 2, 900_000),
    (4, 1, 500_000),
    (1, 5, 800_000),
];

#[test]
fn the_mean_rpo_is_what_happens() {
    for (period, duration, ppm) in BACKUPS {
        let said = mean_rpo(period as f64, duration as f64, f64::from(ppm) / 1e6);
        let seen = simulated_mean_rpo(period * HOUR, duration * HOUR, ppm.into(), 100_000, 3);
        let seen = seen / HOUR as f64;
        // Five standard errors of 100,000 backups at p = 0.5 are 0.9 % of it.
        assert!((seen / said - 1.0).abs() < 0.01, "{seen} and {said}");
    }
}

/// `VMware`'s own example: an RPO of 15 minutes from 12:00 on.
#[test]
fn replication_starts_when_it_must() {
    let transfers = |seconds: u64| {
        let schedule = RpoSchedule {
            rpo_micros: 15 * MINUTE,
            transfer_micros: seconds * 1_000_000,
        };
        let noon = 12 * 60 * MINUTE;
        let transfers: Vec<Transfer> = schedule.transfers(noon).take(100).collect();
        (schedule.pace(), transfers)
    };
    let clock = |micros: u64| {
        let seconds = micros / 1_000_000;
        format!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    };
    let (pace, spaced) = transfers(300);
    assert_eq!(pace, Pace::Spaced);
    assert_eq!(clock(spaced[0].usable_micros), "12:05:00");
    assert_eq!(clock(spaced[1].starts_micros), "12:10:00");
    assert_eq!(clock(spaced[1].usable_micros), "12:15:00");
    let (pace, continuous) = transfers(450);
    assert_eq!(pace, Pace::Continuous);
    assert_eq!(clock(continuous[1].starts_micros), "12:07:30");
    assert!(
        spaced
            .iter()
            .chain(&continuous)
            .all(|transfer| transfer.violation.is_none())
    );
    let (pace, late) = transfers(600);
    assert_eq!(pace, Pace::Violating);
    assert_eq!(clock(late[0].usable_micros), "12:10:00");
    assert_eq!(clock(late[1].usable_micros), "12:20:00");
    let (from, to) = late[1].violation.unwrap();
    assert_eq!(
        (clock(from), clock(to)),
        ("12:15:00".into(), "12:20:00".into())
    );
    assert!(
        late[1..]
            .iter()
            .all(|transfer| transfer.violation.is_some())
    );
}
