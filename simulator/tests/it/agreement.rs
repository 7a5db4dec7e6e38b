//! Both fidelities of every shipped scenario that can run in both, held against each other.

use engine::format::point::Method;
use simulator::emulated;
use simulator::modelled::ModelHands;
use simulator::outcome::scenario::{Agreement, IncidentRow};
use simulator::scenario::{SHIPPED, Scenario};
use simulator::sweep::{Prepared, agreement};
use simulator::trial::{self, Trial};

/// Bytes over time, and bytes of traffic, agree within 2 %.
const BYTES_PPM: u64 = 20_000;
/// Traffic of points that share packs within 5 %: a prune copies packs until what is wasted is a twentieth, the most
/// wasteful first. Bytes of a thousandth decide which, and from there on the two go ways of their own.
const SHARED_PPM: u64 = 50_000;
/// Of ten blocks within 10 %: a restore reads over a block that it does not need where that lies between two that it
/// does, and in which order they lie is the engine's draw.
const TEN_BLOCKS_PPM: u64 = 100_000;
/// Requests within 15 %: a model has no tombstones for readers to look through, and no leases to be renewed in a long
/// upload. Of the dearest bill of requests among the shipped scenarios (hourly points to ZRS) that is a hundredth of all.
const REQUESTS_PPM: u64 = 150_000;
/// Recovery times agree within 5 %. Points, blocks and RPOs are equal.
const RTO_PPM: u64 = 50_000;

/// A test of its own for each, so that they run beside each other and say which one it is.
macro_rules! held {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            agrees($name);
        })*

        const HELD: &[&str] = &[$($name),*];
    };
}

held! {
    ten_blocks_agrees: "ten-blocks",
    methods_over_a_year_agrees: "methods-over-a-year",
    redundancy_in_a_regional_outage_agrees: "redundancy-in-a-regional-outage",
    ransomware_after_nine_days_agrees: "ransomware-after-nine-days",
    datacenter_fire_agrees: "datacenter-fire",
    restore_storm_agrees: "restore-storm",
    tape_disk_cloud_agrees: "tape-disk-cloud",
    offline_seeding_agrees: "offline-seeding",
    soft_delete_saves_the_day_agrees: "soft-delete-saves-the-day",
    ransomware_and_site_recovery_agrees: "ransomware-and-site-recovery",
    backup_versus_site_recovery_agrees: "backup-versus-site-recovery",
}

#[test]
fn every_shipped_scenario_that_runs_in_both_is_held() {
    for (name, text) in SHIPPED.iter().copied() {
        let scenario = Scenario::parse(name, text).expect("it ships");
        assert_eq!(scenario.emulated, HELD.contains(&name), "{name}");
    }
}

fn agrees(name: &str) {
    let (_, text) = SHIPPED
        .iter()
        .find(|(shipped, _)| *shipped == name)
        .expect("it ships");
    let scenario = Scenario::parse(name, text).expect("it parses");
    let prepared = Prepared::new(scenario).expect("it is measured");
    let mut apart = Vec::new();
    for (strategy, spec) in prepared.scenario.strategies.iter().enumerate() {
        let setup = prepared.setup(strategy, 0, None);
        let emulated = emulated::run(&setup).expect("it runs");
        let modelled = trial::run::<ModelHands>(&setup, &prepared.kit(strategy));
        for what in &emulated.violations {
            apart.push(format!("{}: {what}", spec.name));
        }
        let told = agreement(&prepared.scenario, &spec.name, &emulated, &modelled);
        let shares = spec
            .copies
            .iter()
            .any(|copy| copy.method == Method::Forever);
        let traffic_ppm = match (name, shares) {
            ("ten-blocks", _) => TEN_BLOCKS_PPM,
            (_, true) => SHARED_PPM,
            (_, false) => BYTES_PPM,
        };
        if !close(&told, traffic_ppm) {
            apart.push(format!("{}: {told:?}", spec.name));
            apart.extend(differences(&emulated, &modelled));
        }
    }
    assert!(apart.is_empty(), "{name}:\n{}", apart.join("\n"));
}

fn close(told: &Agreement, traffic_ppm: u64) -> bool {
    let exact = told.points_equal && told.shifted == 0 && told.blocks_equal && told.rpo_equal;
    let traffic = told.traffic_ppm <= traffic_ppm && told.requests_ppm <= REQUESTS_PPM;
    exact && traffic && told.bytes_ppm <= BYTES_PPM && told.rto_ppm <= RTO_PPM
}

/// Where to begin to look: counts of each copy (points, blocks, bytes at the end), points that one kept and the other did
/// not, and the incident that differs most.
fn differences(emulated: &Trial, modelled: &Trial) -> Vec<String> {
    let mut told = Vec::new();
    for (ours, theirs) in emulated.tally.copies.iter().zip(&modelled.tally.copies) {
        let counts = [ours, theirs].map(|copy| (copy.points, copy.blocks, copy.bytes));
        told.push(format!("  emulated and modelled: {counts:?}"));
        if ours.chains != theirs.chains {
            let both = ours.chains.iter().zip(&theirs.chains);
            let at = both.take_while(|(ours, theirs)| ours == theirs).count();
            told.push(format!("  chains differ from point {at}"));
        }
        let both = ours.kept_points.iter().zip(&theirs.kept_points);
        let differ = both.enumerate().find(|(_, (ours, theirs))| ours != theirs);
        if let Some((instance, (ours, theirs))) = differ {
            let alone = |mine: &[(u64, u64)], others: &[(u64, u64)]| -> Vec<(u64, u64)> {
                let alone = mine.iter().filter(|point| !others.contains(point));
                alone.copied().collect()
            };
            let alone = (alone(ours, theirs), alone(theirs, ours));
            told.push(format!("  of instance {instance} one alone kept {alone:?}"));
        }
    }
    let twin = |row: &IncidentRow| {
        let mut rows = modelled.tally.incidents.iter();
        rows.find(|twin| (twin.fault, &twin.instance) == (row.fault, &row.instance))
    };
    let apart = |row: &&IncidentRow| match twin(row) {
        Some(twin) if twin.rpo_micros == row.rpo_micros => {
            let rto = |row: &IncidentRow| row.rto_micros.unwrap_or(0);
            rto(row).abs_diff(rto(twin))
        }
        _ => u64::MAX,
    };
    if let Some(row) = emulated.tally.incidents.iter().max_by_key(apart) {
        told.push(format!("  {row:?} emulated\n  {:?} modelled", twin(row)));
    }
    told
}
