//! Emulated trials held against modelled ones of the same setup.

use std::sync::Arc;

use engine::format::point::Method;

use crate::modelled::ModelHands;
use crate::scenario::{DAY, Drawn, FaultKind, FaultSpec, HOUR, Redundancy, Scenario, Target, When};
use crate::sweep::{Prepared, agreement};
use crate::trial::{self, sample};

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

fn agree(scenario: Scenario) {
    let prepared = Prepared::new(scenario).expect("it is measured");
    for strategy in 0..prepared.scenario.strategies.len() {
        let setup = prepared.setup(strategy, 0, None);
        let emulated = super::run(&setup).expect("it runs");
        let modelled = trial::run::<ModelHands>(&setup, &prepared.kit(strategy));
        assert!(emulated.violations.is_empty(), "{:#?}", emulated.violations);
        let name = &prepared.scenario.strategies[strategy].name;
        let agreement = agreement(&prepared.scenario, name, &emulated, &modelled);
        let told = format!(
            "{:?}: {agreement:?}\n{:?}\n{:?}\n{:?}\n{:?}",
            setup.scenario.strategies[strategy].copies[0].method,
            emulated
                .tally
                .copies
                .iter()
                .map(|c| (
                    c.points,
                    c.failed,
                    c.kept,
                    c.blocks,
                    c.bytes,
                    c.micros,
                    c.sent_bytes
                ))
                .collect::<Vec<_>>(),
            modelled
                .tally
                .copies
                .iter()
                .map(|c| (
                    c.points,
                    c.failed,
                    c.kept,
                    c.blocks,
                    c.bytes,
                    c.micros,
                    c.sent_bytes
                ))
                .collect::<Vec<_>>(),
            emulated.tally.incidents.first(),
            modelled.tally.incidents.first()
        );
        assert!(
            agreement.points_equal && agreement.blocks_equal && agreement.rpo_equal,
            "{told}"
        );
        assert!(
            agreement.bytes_ppm <= 20_000
                && agreement.requests_ppm <= 150_000
                && agreement.rto_ppm <= 50_000,
            "{told}"
        );
        let shared = prepared.scenario.strategies[strategy]
            .copies
            .iter()
            .any(|copy| copy.method == Method::Forever);
        let (at_end, traffic) = (agreement.bytes_at_end_ppm, agreement.traffic_ppm);
        assert!(shared || at_end <= 20_000, "{told}");
        // A listing is cut by content, and a prune reads pieces that points share once. Of so small a disk that is a
        // twentieth of all that is read; of the shipped scenarios' (tests/it/agreement.rs) it is nothing.
        assert!(traffic <= 50_000, "{told}");
    }
}

#[test]
fn methods_agree() {
    for method in Method::ALL {
        let mut scenario = sample::scenario();
        scenario.strategies[0].copies[0].method = method;
        agree(scenario);
    }
}

#[test]
fn disasters_agree() {
    let at = 20 * DAY + 10 * HOUR;
    for (kind, lasts) in [
        (FaultKind::RegionOutage, 30 * HOUR),
        (FaultKind::RegionOutage, HOUR / 2),
        (FaultKind::RegionDestroyed, HOUR),
        (FaultKind::Ransomware, 5 * DAY),
        (FaultKind::RansomwareAndBackups, 5 * DAY),
        (FaultKind::SilentCorruption, 1),
        (FaultKind::InstanceDisk, 1),
    ] {
        let mut scenario = sample::scenario();
        scenario.faults = vec![fault(kind, at, lasts)];
        if kind == FaultKind::SilentCorruption {
            scenario
                .faults
                .push(fault(FaultKind::InstanceDisk, at + HOUR, 1));
        }
        agree(scenario);
    }
}

/// Site recovery, and site recovery beside a daily backup.
#[test]
fn replicas_agree() {
    let at = 9 * DAY + 10 * HOUR;
    for (kind, lasts) in [
        (FaultKind::RegionOutage, 30 * HOUR),
        (FaultKind::RegionOutage, HOUR / 2),
        (FaultKind::RegionDestroyed, HOUR),
        (FaultKind::Ransomware, 5 * HOUR),
        (FaultKind::Ransomware, 4 * DAY),
        (FaultKind::InstanceDisk, 1),
    ] {
        let mut scenario = sample::scenario();
        scenario.horizon_micros = 16 * DAY;
        scenario.faults = vec![fault(kind, at, lasts)];
        let mut both = scenario.strategies[0].clone();
        both.name = "both".to_owned();
        both.copies.insert(0, sample::replica());
        scenario.strategies[0].copies = vec![sample::replica()];
        scenario.strategies.push(both);
        for strategy in &mut scenario.strategies {
            strategy.recover_in = Some(1);
        }
        agree(scenario);
    }
}

#[test]
fn what_is_acknowledged_early_is_found_lost() {
    let mut scenario = sample::scenario();
    scenario.strategies[0].copies[0].redundancy = Redundancy::Lrs;
    let mut lost = fault(FaultKind::StoreCopy, 20 * DAY + HOUR + HOUR / 2, HOUR);
    (lost.target.zone, lost.target.copy) = (Some(0), Some(0));
    scenario.faults = vec![lost];
    let prepared = Prepared::new(scenario).expect("it is measured");
    let mut setup = prepared.setup(0, 0, None);
    assert!(super::run(&setup).expect("it runs").violations.is_empty());
    setup.flaw = crate::world::account::Flaw::EarlyAcknowledgement(6 * HOUR);
    let broken = super::run(&setup).expect("it runs").violations;
    assert!(
        broken
            .iter()
            .any(|what| what.contains("acknowledged and is gone")),
        "{broken:#?}"
    );
}

#[test]
fn a_trial_replays() {
    let prepared = Arc::new(Prepared::new(sample::scenario()).expect("it is measured"));
    let digest = || {
        super::run(&prepared.setup(0, 0, None))
            .expect("it runs")
            .digest
    };
    assert_eq!(digest(), digest());
}
