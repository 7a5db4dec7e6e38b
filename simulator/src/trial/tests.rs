use std::sync::Arc;

use super::sample;
use super::{Setup, Trial, run};
use crate::draw::Draws;
use crate::fault::schedule;
use crate::modelled::{Fit, Fits, ModelHands, StepFit};
use crate::outcome::scenario::Ending;
use crate::scenario::{
    Courier, DAY, Drawn, FaultKind, FaultSpec, HOUR, MINUTE, PlaceKind, Redundancy, Scenario,
    Target, To, When,
};
use crate::world::account::Flaw;

fn fault(kind: FaultKind, at: u64, lasts: u64) -> FaultSpec {
    FaultSpec {
        kind,
        when: When::At(at),
        lasts: Drawn::Fixed(lasts),
        target: Target {
            place: Some(0),
            group: Some(0),
            ..Target::default()
        },
        share_ppm: 0,
        warned_micros: 0,
    }
}

fn fit() -> Fit {
    Fit {
        batch_bytes: vec![(0, 100), (1, 500)],
        base_bytes: 2_000,
        data_bytes: vec![(1, 9_000), (64, 9_000 * 64)],
        block_bytes: 8_271,
        listing_bytes: 2_200,
        fetched_base: 4_000,
        vault_bytes: 700,
        mark_bytes: 200,
        lease_bytes: 200,
        mark_rounds: 2,
        manifest_bytes: 400,
        index_blob: 40,
        index_segment: 200,
        listed: (2, 2_200),
        steps: [10, 8, 5, 12, 4, 0].map(|rounds| StepFit {
            rounds,
            writes: 2,
            reads: 8,
            ..StepFit::default()
        }),
    }
}

fn modelled(scenario: Scenario) -> Trial {
    let scenario = Arc::new(scenario);
    let copies = scenario.strategies[0].copies.clone();
    let fits = scenario.groups.iter().map(|_| Arc::new(fit())).collect();
    let kit = Arc::new(Fits::new(fits, &copies, scenario.start_seconds));
    let draws = Draws::new(scenario.seed);
    let setup = Setup {
        strategy: 0,
        seed: scenario.seed,
        faults: schedule(&scenario, draws),
        traces: Arc::new(vec![None; scenario.groups.len()]),
        flaw: Flaw::None,
        stall_micros: None,
        scenario,
    };
    run::<ModelHands>(&setup, &kit)
}

#[test]
fn quiet_times_give_a_point_a_day_and_what_the_policy_keeps() {
    let trial = modelled(sample::scenario());
    let copy = &trial.tally.copies[0];
    assert_eq!((copy.points, copy.failed), (3 * 60, 0));
    assert!(trial.violations.is_empty(), "{:?}", trial.violations);
    assert!(trial.tally.incidents.is_empty());
    // A chain of seven days, and weekly fulls that younger points need.
    assert!(copy.kept >= 3 * 9, "{}", copy.kept);
    assert_eq!(copy.chains[..3], [1, 1, 1]);
    assert_eq!(copy.chains.iter().max(), Some(&7));
    let again = modelled(sample::scenario());
    assert_eq!(trial.digest, again.digest);
}

#[test]
fn a_short_outage_is_waited_out_and_a_long_one_is_not() {
    let mut scenario = sample::scenario();
    scenario.faults = vec![fault(
        FaultKind::RegionOutage,
        20 * DAY + 10 * HOUR,
        30 * MINUTE,
    )];
    let trial = modelled(scenario.clone());
    assert_eq!(trial.tally.incidents.len(), 3);
    for row in &trial.tally.incidents {
        assert_eq!((row.ending, row.rpo_micros), (Ending::WaitedOut, Some(0)));
        assert_eq!(row.rto_micros, Some(45 * MINUTE));
    }
    scenario.faults = vec![fault(
        FaultKind::RegionOutage,
        20 * DAY + 10 * HOUR,
        30 * HOUR,
    )];
    let trial = modelled(scenario);
    assert!(trial.violations.is_empty(), "{:?}", trial.violations);
    for row in &trial.tally.incidents {
        assert_eq!(row.ending, Ending::Restored, "{row:?}");
        assert_eq!(row.rpo_micros, Some(9 * HOUR), "the night's point was sent");
        let spans: Vec<&str> = row.spans.iter().map(|span| span.name.as_str()).collect();
        let steps = [
            "detect",
            "declare",
            "provision",
            "geo-failover",
            "restore",
            "boot",
            "validate",
        ];
        assert_eq!(spans, steps);
        assert_eq!(
            row.spans.iter().map(|span| span.micros).sum::<u64>(),
            row.rto_micros.unwrap()
        );
    }
}

/// Nobody restores an old point when the machine is there again before its only copy is.
#[test]
fn who_can_only_wait_loses_nothing() {
    let mut scenario = sample::scenario();
    scenario.strategies[0].copies[0].redundancy = Redundancy::Lrs;
    assert!(scenario.strategies[0].recover_in.is_some());
    scenario.faults = vec![fault(
        FaultKind::RegionOutage,
        20 * DAY + 10 * HOUR,
        30 * HOUR,
    )];
    let trial = modelled(scenario);
    assert!(trial.violations.is_empty(), "{:?}", trial.violations);
    assert_eq!(trial.tally.incidents.len(), 3);
    for row in &trial.tally.incidents {
        assert_eq!((row.ending, row.rpo_micros), (Ending::WaitedOut, Some(0)));
        assert!(row.rto_micros > Some(30 * HOUR), "{row:?}");
    }
}

/// A point of the instant at which data was damaged may hold the damage: it is none from before.
#[test]
fn a_point_of_the_same_instant_is_not_from_before() {
    let mut scenario = sample::scenario();
    let at = 20 * DAY + scenario.strategies[0].copies[0].at_micros;
    scenario.faults = vec![fault(FaultKind::Ransomware, at, 2 * DAY)];
    let trial = modelled(scenario);
    assert!(trial.violations.is_empty(), "{:?}", trial.violations);
    for row in &trial.tally.incidents {
        assert_eq!(
            (row.ending, row.rpo_micros),
            (Ending::Restored, Some(DAY)),
            "{row:?}"
        );
    }
}

#[test]
fn one_datacenter_loses_all_and_two_regions_do_not() {
    for (redundancy, ending) in [
        (Redundancy::Lrs, Ending::Lost),
        (Redundancy::Grs, Ending::Restored),
    ] {
        let mut scenario = sample::scenario();
        scenario.strategies[0].copies[0].redundancy = redundancy;
        scenario.faults = vec![fault(
            FaultKind::RegionDestroyed,
            20 * DAY + 10 * HOUR,
            HOUR,
        )];
        let trial = modelled(scenario);
        assert!(trial.violations.is_empty(), "{:?}", trial.violations);
        assert!(
            trial.tally.incidents.iter().all(|row| row.ending == ending),
            "{redundancy:?}"
        );
    }
}

#[test]
fn ransomware_takes_the_point_from_before_it() {
    let mut scenario = sample::scenario();
    scenario.faults = vec![fault(FaultKind::Ransomware, 20 * DAY + 10 * HOUR, 5 * DAY)];
    let trial = modelled(scenario);
    assert_eq!(trial.tally.incidents.len(), 3);
    for row in &trial.tally.incidents {
        assert_eq!(
            (row.ending, row.rpo_micros),
            (Ending::Restored, Some(9 * HOUR))
        );
        assert!(row.rto_micros > Some(5 * DAY));
    }
}

#[test]
fn deleted_points_come_back_while_soft_delete_lasts() {
    for (soft, ending) in [(14 * DAY, Ending::Restored), (0, Ending::Lost)] {
        let mut scenario = sample::scenario();
        scenario.strategies[0].copies[0].soft_delete_micros = soft;
        scenario.horizon_micros = 22 * DAY;
        scenario.faults = vec![fault(
            FaultKind::RansomwareAndBackups,
            20 * DAY + 10 * HOUR,
            12 * HOUR,
        )];
        let trial = modelled(scenario);
        assert!(
            trial.tally.incidents.iter().all(|row| row.ending == ending),
            "{soft}"
        );
        assert!(trial.violations.is_empty(), "{:?}", trial.violations);
    }
}

#[test]
fn tapes_that_were_carried_away_outlive_their_site() {
    let courier = |every| Courier {
        every_micros: every,
        trip: Drawn::Fixed(2 * DAY),
        media_bytes_per_second: 300_000_000,
    };
    for (offsite, ending) in [
        (Some(courier(7 * DAY)), Ending::Restored),
        (None, Ending::Lost),
    ] {
        let mut scenario = sample::scenario();
        scenario.places[0].kind = PlaceKind::OnPremises;
        let copy = &mut scenario.strategies[0].copies[0];
        (copy.to, copy.redundancy, copy.offsite) = (To::Tape, Redundancy::Single, offsite);
        scenario.faults = vec![fault(
            FaultKind::RegionDestroyed,
            20 * DAY + 10 * HOUR,
            HOUR,
        )];
        let trial = modelled(scenario);
        assert!(trial.violations.is_empty(), "{:?}", trial.violations);
        for row in &trial.tally.incidents {
            assert_eq!(row.ending, ending, "{row:?}");
            if ending == Ending::Restored {
                // Fetched in the last round before: the point of the fourteenth day was not with it.
                assert_eq!(row.rpo_micros, Some(7 * DAY + 9 * HOUR));
                assert!(row.spans.iter().any(|span| span.name == "media"));
            }
        }
    }
}
