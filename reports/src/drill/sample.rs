//! Drills for tests: one that went well, one that found damage.

use simulator::drill::rows::{
    Basis, CoverageRow, Drill, Failure, InstanceDrill, PastDrill, PointCoverage, PointDrill, Stages,
};
use simulator::outcome::Machine;

use super::{Evidence, Objectives};

const STARTED: i64 = 1_795_500_000;
const INSTANCE: &str = "host:/home";

fn point(instance: &str) -> PointDrill {
    PointDrill {
        point: "3fa1c0de3fa1c0de3fa1c0de3fa1c0de".to_owned(),
        instance: instance.to_owned(),
        captured_seconds: STARTED - 7200,
        method: "forever".to_owned(),
        consistency: "crash".to_owned(),
        points_needed: 2,
        left_out_files: 0,
        verified: true,
        damaged_files: 0,
        files: 1200,
        folders: 80,
        bytes: 300 << 20,
        content_bytes: 290 << 20,
        fetched_bytes: 150 << 20,
        requests: 40,
        packs_read: 10,
        validated_entries: None,
        stages: Stages {
            vault_micros: 500_000,
            catalog_micros: 100_000,
            index_micros: 100_000,
            listing_micros: 200_000,
            fetch_micros: 700_000,
            open_micros: 2_000_000,
            write_micros: 0,
            validate_micros: 0,
        },
        predicted: Some(Stages {
            open_micros: 4_000_000,
            ..Stages::default()
        }),
    }
}

fn instance(name: &str) -> InstanceDrill {
    let point = point(name);
    InstanceDrill {
        instance: name.to_owned(),
        points: 2,
        newest: point.point.clone(),
        newest_captured_seconds: point.captured_seconds,
        good: Some(point.point),
        good_captured_seconds: Some(point.captured_seconds),
        rpo_seconds: Some(7200),
        restored: true,
        rto_micros: Some(3_600_000),
        rto_predicted: false,
    }
}

/// The rows of a drill that went well.
pub(super) fn drill() -> Drill {
    Drill {
        program_version: "0.0.0".to_owned(),
        command: "firedrill drill /backup/vault".to_owned(),
        started_seconds: STARTED,
        wall_micros: 3_800_000,
        machine: Machine {
            processor: "a processor".to_owned(),
            cores: 2,
            system: "linux".to_owned(),
        },
        by: "host 7".to_owned(),
        vault: "00112233445566778899aabbccddeeff".to_owned(),
        scope: "newest".to_owned(),
        sample_ppm: None,
        filtered: false,
        scratch: false,
        request_micros: 400,
        store_ahead_seconds: Some(0),
        points: vec![point(INSTANCE)],
        sample: None,
        instances: vec![instance(INSTANCE)],
        failures: Vec::new(),
        failures_total: 0,
        basis: Basis::Earlier {
            drills: 1,
            at_seconds: STARTED - 86_400,
        },
        coverage: CoverageRow {
            bytes: 400 << 20,
            read_bytes: 300 << 20,
            packs: 20,
            whole_packs: 15,
            oldest_unread_seconds: Some(STARTED - 34 * 86_400),
            oldest_read_seconds: Some(STARTED - 86_400),
            points: vec![PointCoverage {
                point: point(INSTANCE).point,
                instance: INSTANCE.to_owned(),
                captured_seconds: STARTED - 7200,
                deleted: false,
                bytes: 200 << 20,
                read_bytes: 200 << 20,
                restored_seconds: Some(STARTED),
            }],
        },
        history: vec![PastDrill {
            at_seconds: STARTED - 86_400,
            by: "host 6".to_owned(),
            scope: "newest".to_owned(),
            scratch: false,
            good: true,
            bytes: 280 << 20,
            wall_micros: 3_000_000,
        }],
        unrecorded: None,
    }
}

/// A drill that went well.
pub(super) fn evidence() -> Evidence {
    Evidence::new(drill(), &Objectives::default())
}

/// A drill that found damage in the newest point of an instance with an odd name.
pub(super) fn damaged() -> Evidence {
    let odd = "odd \"name\"\\\n";
    let mut drill = drill();
    drill.points = vec![PointDrill {
        verified: false,
        damaged_files: 1,
        predicted: None,
        ..point(odd)
    }];
    drill.instances = vec![InstanceDrill {
        good: Some("older".to_owned()),
        good_captured_seconds: Some(STARTED - 90_000),
        rpo_seconds: Some(90_000),
        restored: false,
        rto_micros: None,
        ..instance(odd)
    }];
    drill.failures = vec![Failure {
        point: Some(point(odd).point),
        instance: Some(odd.to_owned()),
        path: Some("docs/<plan>.txt".to_owned()),
        why: "packs/00 is damaged: blob 11 fails authentication; it can't be restored".to_owned(),
    }];
    drill.failures_total = 1;
    Evidence::new(drill, &Objectives::default())
}
