use super::{Change, Drill, Played, outcome, play};
use crate::outcome::Fidelity;
use crate::scenario::{FaultKind, SECOND};

const BATCH: u64 = 200_000;

fn drill(changes: Vec<(u64, Change)>, lost_micros: u64) -> Drill {
    Drill {
        disk_bytes: 4 << 20,
        record_bytes: 4096,
        record_micros: 10_000,
        batch_micros: BATCH,
        bytes_per_second: 125_000_000,
        latency_micros: 100,
        changes,
        lost_micros,
        operator_micros: SECOND,
    }
}

/// Smallest and largest of what plays say.
fn ends(played: &[Played], what: fn(&Played) -> u64) -> (u64, u64) {
    let told = played.iter().map(what);
    let least = told.clone().min().expect("plays");
    (least, told.max().expect("plays"))
}

/// What is lost is what was written since the last batch that was there: up to one, and what it takes to get there.
#[test]
fn without_a_fault_a_batch_is_lost_at_most() {
    let played = play(&drill(Vec::new(), 3 * SECOND), 8).expect("it is played");
    let (least, most) = ends(&played, |played| played.rpo_micros);
    assert!(least < BATCH / 4, "{played:?}");
    assert!(
        (BATCH * 3 / 4..BATCH + 50_000).contains(&most),
        "{played:?}"
    );
    for one in &played {
        assert!(one.true_loss_micros <= one.rpo_micros, "{one:?}");
        assert_eq!(one.records, 3 * SECOND / 10_000 - 1, "{one:?}");
        // Of each hundredth of a second a record.
        assert!(
            one.records_lost.abs_diff(one.rpo_micros / 10_000) <= 2,
            "{one:?}"
        );
        assert!(
            (SECOND..SECOND + 100_000).contains(&one.rto_micros),
            "{one:?}"
        );
    }
}

/// The longer the link is cut, the more is lost: for as long, and a batch.
#[test]
fn what_was_written_since_the_link_was_cut_is_lost() {
    for cut in [SECOND, 4 * SECOND] {
        let at = 2 * SECOND;
        let played = play(&drill(vec![(at, Change::Cut)], at + cut), 8).expect("it is played");
        let (least, most) = ends(&played, |played| played.rpo_micros);
        assert!(
            least >= cut && most <= cut + BATCH + 50_000,
            "{cut}: {played:?}"
        );
    }
}

/// Of `written` bytes a second `carried` pass: after some time of that, what lies that part of it back is lost (a fluid
/// queue), and batches make that coarser.
#[test]
fn a_link_slower_than_what_is_written_falls_behind_as_a_queue_does() {
    let (from, time) = (2 * SECOND, 10 * SECOND);
    let written = 4096 * 100;
    for carried in [written / 2, written / 4] {
        let slow = vec![(from, Change::Speed(carried))];
        let played = play(&drill(slow, from + time), 8).expect("it is played");
        let behind = time - time * carried / written;
        let (least, most) = ends(&played, |played| played.rpo_micros);
        // A batch that is on its way counts from its beginning: for as long as it takes, and as it is long itself.
        let coarse = BATCH * written / carried + BATCH;
        assert!(
            least >= behind - BATCH && most <= behind + coarse,
            "{behind} us: {played:?}"
        );
    }
}

#[test]
fn a_drill_and_its_twin_are_rows_of_a_scenario() {
    let changes = vec![
        (SECOND, Change::Cut),
        (2 * SECOND, Change::Heal),
        (3 * SECOND, Change::Speed(1000)),
    ];
    let drill = drill(changes, 4 * SECOND);
    let played = play(&drill, 4).expect("it is played");
    let drilled = super::Drilled {
        program_version: String::new(),
        command: String::new(),
        start_seconds: 0,
        disk: "disk.img".to_owned(),
        network: String::new(),
    };
    let rows = outcome(&drill, &drilled, &played[0], &played);
    let [measured, twin] = &rows.strategies[..] else {
        panic!("{rows:?}");
    };
    assert_eq!(
        [measured.fidelity, twin.fidelity],
        [Fidelity::Measured, Fidelity::Emulated]
    );
    assert_eq!((measured.incidents, twin.incidents), (1, 4));
    assert_eq!(measured.rpo.p50_micros, Some(played[0].rpo_micros));
    let faults: Vec<_> = twin
        .timeline
        .faults
        .iter()
        .map(|fault| (fault.0, fault.2, fault.3 / SECOND))
        .collect();
    assert_eq!(
        faults[..2],
        [
            (FaultKind::LinkCut, SECOND, 2),
            (FaultKind::LinkSlow, 3 * SECOND, 4)
        ]
    );
    assert_eq!(
        (faults[2].0, faults[2].1),
        (FaultKind::RegionOutage, 4 * SECOND)
    );
}
