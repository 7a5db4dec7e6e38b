use engine::retention::{Policy, Semantics};

use super::{Course, Played, Rules};
use crate::forecast::rows::Cause;
use crate::forecast::share::Share;
use crate::forecast::stated::Scenario;

const DAY: i64 = 86_400;
const GIB: u64 = 1 << 30;

fn play(scenario: &str, policy: &str, days: i64, change: impl Fn(&mut Rules<'_>)) -> Played {
    let scenario = Scenario::parse("test", scenario).expect("a scenario");
    let stated = scenario.play(0, days * DAY).expect("points");
    let policy: Policy = toml::from_str(policy).expect("a policy");
    let mut rules = Rules {
        policy: &policy,
        semantics: Semantics::Firedrill,
        soft_delete: 0,
        free: 14 * DAY,
        grace: DAY,
        waste_percent: 0,
        forget_every: DAY,
        overhead: Share::ONE,
    };
    change(&mut rules);
    let ends: Vec<i64> = (1..=days).map(|day| day * DAY).collect();
    let course = Course::new(&stated.data, &stated.points, 0, rules);
    course.play(0, &ends).expect("played")
}

const OFFICE: &str = "size = \"1000GiB\"\nchange = \"10%/day\"\ncompress = \"50%\"\n";

#[test]
fn chains_go_whole_and_peak_as_a_calculator_says() {
    // Fourteen points with a full each week: on the worst day 20 points, 3 fulls and 17 increments, 2350
    // GiB (tdewin/rps at commit 4e26f73, "forward+weekly active Sat 14", 2024-01-25).
    let chains = format!("{OFFICE}method = \"incremental\"\nfull-every = 7\n");
    let played = play(&chains, "keep-last = 14", 60, |_| ());
    let worst = played.samples.iter().max_by_key(|sample| sample.kept_bytes);
    let worst = worst.expect("a worst day");
    assert_eq!(worst.kept.len(), 20);
    assert_eq!((worst.kept_bytes + GIB / 2) / GIB, 2350);
    assert_eq!(worst.causes[Cause::Last as usize], 14);
    assert_eq!(worst.causes[Cause::Chain as usize], 6);
    // Until a prune has run, a new full stands beside the old chain: one point more, and what was
    // deleted yesterday waits out its grace.
    let peak = played.samples.iter().map(|sample| sample.peak_bytes).max();
    assert!(peak.is_some_and(|peak| peak > worst.kept_bytes));
    // Two points: eight at most, 1300 GiB ("forward+weekly active Sat 2").
    let played = play(&chains, "keep-last = 2", 60, |_| ());
    let worst = played
        .samples
        .iter()
        .map(|sample| (sample.kept.len(), sample.kept_bytes));
    let (points, bytes) = worst.max().expect("a worst day");
    assert_eq!((points, (bytes + GIB / 2) / GIB), (8, 1300));
}

#[test]
fn deleted_points_stay_their_time_and_their_last_days_are_free() {
    let fulls = format!("{OFFICE}method = \"full\"\n");
    let played = play(&fulls, "keep-last = 10", 60, |rules| {
        rules.soft_delete = 20 * DAY;
        rules.free = 5 * DAY;
    });
    let end = played.samples.last().expect("an end");
    let fulls = |bytes: u64| (bytes + GIB / 2) / GIB / 500;
    assert_eq!(end.kept.len(), 10);
    assert_eq!(end.existing.len(), 30, "twenty days' worth of deleted ones");
    assert_eq!(fulls(end.existing_bytes), 30);
    // One pack's worth waits out the day of grace; five of thirty are in their last five days.
    assert_eq!(fulls(end.unused_bytes), 1);
    assert_eq!(fulls(end.billed_bytes), 26);
    assert_eq!(
        fulls(end.peak_bytes),
        32,
        "with the new one, before the prune"
    );
}

/// Sixty days with the last fourteen free, as Azure bills them: of a point deleted each day 46 are charged.
#[test]
fn long_soft_delete_is_charged_but_for_its_last_days() {
    let fulls = format!("{OFFICE}method = \"full\"\n");
    let played = play(&fulls, "keep-last = 1", 100, |rules| {
        rules.soft_delete = 60 * DAY;
    });
    let end = played.samples.last().expect("an end");
    let fulls = |bytes: u64| (bytes + GIB / 2) / GIB / 500;
    let grace = fulls(end.unused_bytes);
    assert_eq!((end.kept.len(), end.existing.len(), grace), (1, 61, 1));
    assert_eq!(fulls(end.billed_bytes), 1 + 46 + grace);
}

#[test]
fn nothing_is_decided_but_by_the_engine() {
    let policy = "keep-daily = 7\nkeep-weekly = 5\nkeep-monthly = 12\nkeep-yearly = 3";
    let played = play(OFFICE, policy, 1100, |_| ());
    let end = played.samples.last().expect("an end");
    // What `forget` would keep of all points ever made: the same, as our rules don't depend on the path.
    let read: Policy = toml::from_str(policy).expect("a policy");
    let scenario = Scenario::parse("test", OFFICE).expect("a scenario");
    let all = scenario.play(0, 1100 * DAY).expect("points").points;
    let subject = |point: &super::Point| engine::retention::Subject {
        id: point.id,
        captured: engine::units::Timestamp {
            seconds: point.at,
            nanos: 0,
        },
        method: point.method,
        tags: Vec::new(),
        needs: Vec::new(),
        protected: false,
    };
    let subjects: Vec<_> = all.iter().map(subject).collect();
    let now = engine::units::Timestamp {
        seconds: 1099 * DAY,
        nanos: 0,
    };
    let verdicts = engine::retention::decide(&read, &subjects, now).expect("verdicts");
    let keep: std::collections::BTreeSet<_> = verdicts
        .iter()
        .filter(|verdict| verdict.keep)
        .map(|verdict| verdict.id)
        .collect();
    let kept: std::collections::BTreeSet<_> = end.kept.iter().map(|point| all[*point].id).collect();
    assert_eq!(kept, keep);
    assert_eq!(
        end.causes.iter().sum::<u64>(),
        keep.len() as u64,
        "each counted once"
    );
}

#[test]
fn the_limit_of_points_is_met_and_refuses() {
    let hourly = format!("{OFFICE}every = \"1h\"\n");
    let played = play(&hourly, "keep-last = \"unlimited\"", 430, |_| ());
    let day = |at: Option<i64>| at.map(|at| at / DAY);
    // 9,000 hours are 375 days, and 9,999 are 416.6.
    assert_eq!(
        (day(played.near_on), day(played.reached_on)),
        (Some(375), Some(416))
    );
    assert_eq!(
        played.samples.last().map(|sample| sample.kept.len()),
        Some(9_999)
    );
}
