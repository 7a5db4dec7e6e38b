use std::sync::Arc;

use super::{Disk, grown, weight};
use crate::draw::Draws;
use crate::scenario::{Changes, DAY, HOUR, Rhythm};
use crate::trial::sample;

#[test]
fn asking_in_between_changes_nothing() {
    let scenario = sample::scenario();
    let group = Arc::new(scenario.groups[0].clone());
    let disk = || Disk::new(&scenario, &group, None, "a", Draws::new(3));
    let (mut once, mut often) = (disk(), disk());
    for hour in 0..200 {
        often.at(hour * HOUR / 2);
    }
    assert_eq!(once.at(100 * HOUR), often.at(100 * HOUR));
}

#[test]
fn the_stated_rate_is_met() {
    let mut scenario = sample::scenario();
    let group = &mut scenario.groups[0];
    (group.blocks, group.growth_ppm_per_year) = (1000, 0);
    for rhythm in [Rhythm::Even, Rhythm::Office, Rhythm::Nightly] {
        group_rate(&mut scenario, rhythm);
        let group = Arc::new(scenario.groups[0].clone());
        let mut disk = Disk::new(&scenario, &group, None, "a", Draws::new(1));
        disk.at(70 * DAY);
        let writes = f64::from(disk.writes - 1);
        let mean = 1000.0 * 0.02 * 70.0;
        assert!(
            (writes - mean).abs() < 4.0 * mean.sqrt(),
            "{rhythm:?}: {writes} of {mean}"
        );
    }
}

fn group_rate(scenario: &mut crate::scenario::Scenario, to: Rhythm) {
    if let Changes::Stated {
        ppm_per_day,
        rhythm,
        ..
    } = &mut scenario.groups[0].changes
    {
        (*ppm_per_day, *rhythm) = (20_000, to);
    }
}

#[test]
fn a_week_weighs_a_week() {
    for rhythm in [Rhythm::Even, Rhythm::Office, Rhythm::Nightly] {
        let week: u64 = (0..168)
            .map(|hour| weight(rhythm, 0, hour * HOUR, HOUR))
            .sum();
        assert!(week.abs_diff(168 * HOUR) < 168, "{rhythm:?}: {week}");
    }
}

#[test]
fn growth_is_of_what_was_there_at_the_start() {
    let mut group = sample::scenario().groups[0].clone();
    (group.blocks, group.growth_ppm_per_year) = (100, 200_000);
    assert_eq!(grown(&group, 0), 100);
    assert_eq!(grown(&group, crate::scenario::YEAR), 120);
    assert_eq!(grown(&group, 2 * crate::scenario::YEAR), 140);
}
