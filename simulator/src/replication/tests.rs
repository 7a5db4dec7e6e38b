//! Seeds in which nothing must break, and planted bugs that each checker finds.

use super::{Ending, Flaw, Schedule, Tally, run, shrink};

fn number(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|set| set.parse().ok()).unwrap_or(otherwise)
}

/// `FIREDRILL_SEEDS` sets how many, `FIREDRILL_SEED` the first. What breaks is shrunk and told as a schedule.
#[test]
fn nothing_breaks_whatever_strikes() {
    let (seeds, first) = (number("FIREDRILL_SEEDS", 40), number("FIREDRILL_SEED", 0));
    let (mut tally, mut converged) = (Tally::default(), 0);
    for seed in first..first + seeds {
        let schedule = Schedule::drawn(seed);
        let trial = run(&schedule, Flaw::None);
        if !trial.violations.is_empty() {
            let (smallest, violations) = shrink(&schedule, Flaw::None);
            let schedule = serde_json::to_string(&smallest).expect("it is written");
            panic!("seed {seed}: {:#?}\nfewest: {violations:#?}\n{schedule}", trial.violations);
        }
        converged += u64::from(trial.ending == Ending::Converged);
        tally.writes += trial.tally.writes;
        tally.points += trial.tally.points;
        tally.reports += trial.tally.reports;
        tally.failovers += trial.tally.failovers;
        tally.hand_overs += trial.tally.hand_overs;
        tally.lost_writes += trial.tally.lost_writes;
        tally.split_writes += trial.tally.split_writes;
        tally.overflows += trial.tally.overflows;
    }
    println!("{seeds} seeds, {converged} converged: {tally:?}");
    assert!(converged * 10 >= seeds * 8, "{converged} of {seeds} converged");
}

#[test]
fn two_runs_are_the_same_and_a_schedule_is_data() {
    let schedule = Schedule::drawn(3);
    let text = serde_json::to_string_pretty(&schedule).expect("it is written");
    let read: Schedule = serde_json::from_str(&text).expect("it is read");
    assert_eq!(read, schedule);
    let (first, second) = (run(&schedule, Flaw::None), run(&read, Flaw::None));
    assert_eq!(first.digest, second.digest);
    assert_eq!(first.tally, second.tally);
    assert_ne!(first.digest, run(&Schedule::drawn(4), Flaw::None).digest);
}
