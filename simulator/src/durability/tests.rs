use proptest::prelude::*;

use super::*;
use crate::scenario::Redundancy;

fn near(ours: f64, theirs: f64, within: f64) {
    assert!(
        (ours / theirs - 1.0).abs() <= within,
        "{ours} is not {theirs}"
    );
}

fn copies(copies: u32, failures: f64, repairs: f64, repair: Repair) -> f64 {
    BirthDeath::of_copies(copies, failures, repairs, repair).mttdl()
}

proptest! {
    /// The general sum is each of the forms that textbooks print.
    #[test]
    fn chains_are_the_textbooks_forms(l in 1e-3..10.0_f64, m in 1e-3..1e5_f64) {
        let cubed = 6.0 * l.powi(3);
        near(copies(1, l, m, Repair::Serial), 1.0 / l, 1e-12);
        near(copies(2, l, m, Repair::Parallel), (3.0 * l + m) / (2.0 * l * l), 1e-12);
        near(copies(3, l, m, Repair::Serial), (11.0 * l * l + 4.0 * l * m + m * m) / cubed, 1e-12);
        near(copies(3, l, m, Repair::Parallel), (11.0 * l * l + 7.0 * l * m + 2.0 * m * m) / cubed, 1e-12);
    }

    /// Two places that are alike are a mirror; unlike ones lie between, and order does not matter.
    #[test]
    fn a_pair_of_places_is_a_mirror(a in 1e-9..1.0_f64, b in 1e-9..1.0_f64, m in 1e-3..1e5_f64) {
        near(pair_mttdl(a, a, m), (3.0 * a + m) / (2.0 * a * a), 1e-9);
        near(pair_mttdl(a, b, m), pair_mttdl(b, a, m), 1e-9);
        let (worse, better) = (a.max(b), a.min(b));
        let between = pair_mttdl(a, b, m);
        prop_assert!(pair_mttdl(worse, worse, m) <= between * 1.000_001);
        prop_assert!(between <= pair_mttdl(better, better, m) * 1.000_001);
    }

    /// Nothing that makes hazards smaller makes a loss likelier.
    #[test]
    fn smaller_hazards_lose_less(which in 0_usize..6, at in 0..ORDER.len()) {
        let redundancy = ORDER[at];
        let mut better = HAZARDS;
        let fields = [
            &mut better.annual_failure,
            &mut better.repair_hours,
            &mut better.zone_destructions_per_year,
            &mut better.region_destructions_per_year,
            &mut better.refill_hours,
            &mut better.common_cause,
        ];
        *fields.into_iter().nth(which).unwrap() /= 10.0;
        let (before, after) = (annual_loss(redundancy, &HAZARDS), annual_loss(redundancy, &better));
        prop_assert!(after.probability() <= before.probability());
    }
}

/// For many repairs to a failure, r copies last `mu^(r-1)/(r lambda^r)` with parallel and
/// `mu^(r-1)/(r! lambda^r)` with serial repair.
#[test]
fn serial_repair_loses_factorially_more() {
    let (l, m): (f64, f64) = (0.02, 1e6);
    for (r, power, factorial) in [(2_u32, 2, 2.0), (3, 3, 6.0), (4, 4, 24.0), (6, 6, 720.0)] {
        let most = m.powi(power - 1) / l.powi(power);
        near(copies(r, l, m, Repair::Parallel), most / f64::from(r), 1e-5);
        near(copies(r, l, m, Repair::Serial), most / factorial, 1e-5);
    }
}

/// From the least to the most durable.
const ORDER: [Redundancy; 5] = [
    Redundancy::Single,
    Redundancy::Lrs,
    Redundancy::Zrs,
    Redundancy::Grs,
    Redundancy::Gzrs,
];

/// Failures and repairs as in facts about disks; disasters as guessed, which a user must see.
const HAZARDS: Hazards = Hazards {
    annual_failure: 0.02,
    repair_hours: 6.0,
    zone_destructions_per_year: 1e-3,
    region_destructions_per_year: 1e-3,
    refill_hours: HOURS_PER_YEAR / 52.0,
    common_cause: 1e-3,
};

#[test]
fn the_dominant_cause_is_a_disaster() {
    let of = |redundancy| annual_loss(redundancy, &HAZARDS);
    // Devices alone are eleven nines; the one datacenter is three.
    let devices_only = Hazards {
        zone_destructions_per_year: 0.0,
        region_destructions_per_year: 0.0,
        ..HAZARDS
    };
    let eleven = annual_loss(Redundancy::Lrs, &devices_only);
    assert!((10.0..11.0).contains(&eleven.nines()), "{eleven:?}");
    assert_eq!(eleven.dominant().cause, Cause::Devices);
    near(of(Redundancy::Lrs).probability(), 2e-3, 1e-3);
    assert_eq!(of(Redundancy::Zrs).dominant().cause, Cause::Region);
    assert_eq!(of(Redundancy::Grs).dominant().cause, Cause::RegionsTogether);
    assert!(
        ORDER.is_sorted_by(|worse, better| of(*worse).probability() > of(*better).probability())
    );
    assert_eq!(of(Redundancy::Grs), of(Redundancy::RaGrs));
}

#[test]
fn devices_fail_for_each_group_and_disasters_for_all() {
    let lrs = annual_loss(Redundancy::Lrs, &HAZARDS);
    let rate = |cause| {
        lrs.terms
            .iter()
            .find(|term| term.cause == cause)
            .unwrap()
            .per_year
    };
    let groups = 1_000_000;
    let expected = 1e6 * rate(Cause::Devices) + rate(Cause::Zones) + rate(Cause::Region);
    near(-(-lrs.of_any(groups)).ln_1p(), expected, 1e-9);
}

const CYCLES: u64 = 50_000;

#[test]
fn biasing_sees_what_counting_does_not() {
    for (failure, hours) in [(0.02, 6.0), (0.04, 24.0)] {
        let rates = (failures_per_year(failure), HOURS_PER_YEAR / hours);
        let chain = BirthDeath::of_copies(3, rates.0, rates.1, Repair::Parallel);
        let counted = counted(&chain, CYCLES, 1);
        assert_eq!((counted.hits, counted.value), (0, f64::INFINITY));
        let seen = biased(&chain, CYCLES, 1);
        assert!(seen.relative_error < 0.01, "{seen:?}");
        near(seen.value, chain.mttdl(), 4.0 * seen.relative_error);
        assert_eq!(seen, biased(&chain, CYCLES, 1));
        assert_ne!(seen, biased(&chain, CYCLES, 2));
    }
}

/// Where losses are not rare, all three ways and the closed form meet.
#[test]
fn all_ways_meet_where_losses_are_common() {
    let chain = BirthDeath::of_copies(
        3,
        failures_per_year(0.5),
        HOURS_PER_YEAR / 240.0,
        Repair::Parallel,
    );
    let ways: [fn(&BirthDeath, u64, u64) -> Estimate; 3] = [biased, splitting, counted];
    let errors = ways.map(|way| {
        let seen = way(&chain, CYCLES, 7);
        near(seen.value, chain.mttdl(), 4.0 * seen.relative_error);
        seen.relative_error
    });
    assert!(
        errors[0] < errors[1] && errors[1] < errors[2] && errors[2] < 0.3,
        "{errors:?}"
    );
}

/// An error bar is right if the truth lies within two of them about 95 times in a hundred.
#[test]
fn error_bars_hold_the_truth() {
    let chain = BirthDeath::of_copies(
        3,
        failures_per_year(0.5),
        HOURS_PER_YEAR / 240.0,
        Repair::Parallel,
    );
    let truth = chain.mttdl();
    for way in [biased, splitting] {
        let within = (0..100).filter(|seed| {
            let seen = way(&chain, 2_000, *seed);
            (seen.value / truth - 1.0).abs() < 2.0 * seen.relative_error
        });
        let within = within.count();
        assert!((88..=100).contains(&within), "{within} of 100");
    }
}

#[test]
fn lag_costs_what_comes_in_meanwhile() {
    // Once in ten years, 1 MB/s, a quarter of an hour behind.
    near(bytes_lost_to_lag(0.1, 1e6, 900.0), 9e7, 1e-12);
}
