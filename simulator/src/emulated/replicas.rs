//! Replicas of scenarios: what they give back, and the checkers beside them.

use std::collections::BTreeSet;

use crate::modelled::ModelHands;
use crate::outcome::scenario::{Ending, IncidentRow};
use crate::scenario::{DAY, HOUR, Scenario, shipped};
use crate::sweep::Prepared;
use crate::trial::{self, sample};
use crate::world::account::Flaw;

/// All incidents of a strategy end alike, in both fidelities.
fn all_end(prepared: &Prepared, strategy: usize, as_said: impl Fn(&IncidentRow) -> bool) {
    let setup = prepared.setup(strategy, 0, None);
    let emulated = super::run(&setup).expect("it runs");
    assert_eq!(emulated.violations, Vec::<String>::new());
    let modelled = trial::run::<ModelHands>(&setup, &prepared.kit(strategy));
    for trial in [emulated, modelled] {
        assert!(!trial.tally.incidents.is_empty());
        for row in &trial.tally.incidents {
            assert!(as_said(row), "{row:?}");
        }
    }
}

/// A replica has the encryption within minutes, and a day of points is of no use after nine, nor are fifteen
/// where there is no room for them; with room they are, and a backup.
#[test]
fn ransomware_is_followed_as_faithfully_as_any_write() {
    let text = shipped("ransomware-and-site-recovery").expect("it ships");
    let prepared = Prepared::new(Scenario::parse("it", text).expect("it parses"));
    let prepared = prepared.expect("it is measured");
    let from = |row: &IncidentRow, whence: &str, rpo: u64| {
        row.ending == Ending::Restored
            && row.restored_from.as_deref() == Some(whence)
            && row.rpo_micros.is_some_and(|told| told <= rpo)
    };
    all_end(&prepared, 0, |row| row.ending == Ending::Lost);
    all_end(&prepared, 1, |row| row.ending == Ending::Lost);
    all_end(&prepared, 2, |row| from(row, "replica", DAY));
    let backup = "vault: the replica had no point from before it";
    all_end(&prepared, 3, |row| from(row, backup, 2 * DAY));
    all_end(&prepared, 4, |row| from(row, "vault", 2 * DAY));
}

/// Whoever is warned loses nothing.
#[test]
fn a_warned_replica_hands_over_with_everything() {
    let text = shipped("backup-versus-site-recovery").expect("it ships");
    let mut scenario = Scenario::parse("it", text).expect("it parses");
    scenario.faults.retain(|fault| fault.warned_micros > 0);
    scenario.faults[0].target.place = Some(0);
    let prepared = Prepared::new(scenario).expect("it is measured");
    all_end(&prepared, 2, |row| {
        let handed = row.restored_from.as_deref() == Some("replica, handed over");
        handed && (row.rpo_micros, row.true_loss_micros) == (Some(0), Some(0))
    });
}

/// The checkers of two sites run beside a scenario's replica, and find a planted bug.
#[test]
fn a_replica_that_loses_writes_is_found_in_a_scenario() {
    let mut scenario = sample::scenario();
    scenario.horizon_micros = 8 * DAY;
    scenario.strategies[0].copies = vec![sample::replica()];
    let prepared = Prepared::new(scenario).expect("it is measured");
    let mut setup = prepared.setup(0, 0, None);
    let sound = super::run(&setup).expect("it runs");
    assert_eq!(sound.violations, Vec::<String>::new());
    setup.flaw = Flaw::ForgetfulReplica;
    let broken = super::run(&setup).expect("it runs").violations;
    let found = broken
        .iter()
        .any(|what| what.contains("is no prefix of what was written"));
    assert!(found, "{broken:?}");
}

/// Sleeps end where batches do, and nothing else moves them.
#[test]
fn a_month_of_replication_is_played_in_few_steps() {
    let mut scenario = sample::scenario();
    scenario.horizon_micros = 8 * DAY;
    scenario.groups[0].count = 1;
    scenario.strategies[0].copies = vec![sample::replica()];
    let prepared = Prepared::new(scenario).expect("it is measured");
    let trial = super::run(&prepared.setup(0, 0, None)).expect("it runs");
    let batches = 8 * DAY / (5 * HOUR / 60);
    assert!(trial.events < 100 * batches, "{} events", trial.events);
    let kept: BTreeSet<_> = trial.tally.copies[0].kept_points.iter().flatten().collect();
    assert!(kept.len() > 1, "{kept:?}");
}
