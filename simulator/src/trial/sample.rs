//! A small scenario for tests.

use engine::format::point::Method;
use engine::retention::Policy;

use crate::scenario::{
    Changes, Copy, DAY, Drawn, Following, Group, HOUR, Link, MINUTE, Objectives, Operator, Place,
    PlaceKind, Redundancy, Rhythm, Scenario, Strategy, System, To, Workload,
};

/// Two regions, three machines in the first, one vault.
pub(crate) fn scenario() -> Scenario {
    let region = |name: &str, pair| Place {
        name: name.to_owned(),
        kind: PlaceKind::Region,
        zones: 3,
        pair: Some(pair),
    };
    Scenario {
        name: "sample".to_owned(),
        question: "Does it work?".to_owned(),
        digest: String::new(),
        start_seconds: 1_767_225_600,
        horizon_micros: 60 * DAY,
        seed: 1,
        trials: 1,
        objectives: Objectives::default(),
        penalty: None,
        places: vec![region("west", 1), region("north", 0)],
        links: vec![Link {
            from: 0,
            to: 1,
            bytes_per_second: 125_000_000,
            latency_micros: 10_000,
        }],
        groups: vec![group()],
        strategies: vec![Strategy {
            name: "daily".to_owned(),
            component: None,
            copies: vec![copy(Method::Incremental, Redundancy::Grs)],
            recover_in: Some(1),
        }],
        faults: Vec::new(),
        operator: Operator {
            detect: Drawn::Fixed(10 * MINUTE),
            declare: Drawn::Fixed(HOUR),
            provision: Drawn::Fixed(20 * MINUTE),
            failover: Drawn::Fixed(10 * MINUTE),
            geo_failover: Drawn::Fixed(HOUR),
            boot: Drawn::Fixed(5 * MINUTE),
            validate: Drawn::Fixed(15 * MINUTE),
            rebuild: Drawn::Fixed(14 * DAY),
        },
        emulated: true,
        assumed: Vec::new(),
    }
}

pub(crate) fn group() -> Group {
    Group {
        name: "files".to_owned(),
        count: 3,
        place: 0,
        zone: Some(0),
        workload: Workload::Vm,
        system: System::Linux,
        bytes: 64 << 30,
        blocks: 64,
        real_block_bytes: 16 << 10,
        compress_ppm: 500_000,
        growth_ppm_per_year: 0,
        changes: Changes::Stated {
            ppm_per_day: 50_000,
            working_set_ppm: 200_000,
            working_set_writes_ppm: 800_000,
            sequential_ppm: 0,
            rhythm: Rhythm::Office,
        },
        disk_bytes_per_second: 200_000_000,
        boot_group: 1,
    }
}

pub(crate) fn copy(method: Method, redundancy: Redundancy) -> Copy {
    Copy {
        to: To::Vault,
        place: None,
        redundancy,
        method,
        full_every: 7,
        every_micros: DAY,
        at_micros: HOUR,
        policy: Policy {
            keep_daily: "7".parse().ok(),
            keep_weekly: "3".parse().ok(),
            ..Policy::default()
        },
        soft_delete_micros: 14 * DAY,
        grace_micros: DAY,
        prune_every_micros: 7 * DAY,
        retry_micros: HOUR,
        geo_lag: Drawn::Fixed(15 * MINUTE),
        provider_declares: None,
        seeding: None,
        offsite: None,
        store_bytes_per_second: 60_000_000,
        request_micros: 20_000,
        replica: None,
    }
}

/// A replica in the other region.
pub(crate) fn replica() -> Copy {
    Copy {
        to: To::Replica,
        place: Some(1),
        every_micros: 5 * MINUTE,
        store_bytes_per_second: 54_000_000,
        replica: Some(Following {
            every_batch_micros: 15 * MINUTE,
            point_every_micros: 5 * MINUTE,
            retention_micros: DAY,
            history_bytes: 50 << 30,
        }),
        ..copy(Method::Incremental, Redundancy::Lrs)
    }
}
