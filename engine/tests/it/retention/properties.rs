//! What holds for any points and any policy; and that PBS's rules, which break two of these, are caught.

use std::collections::BTreeSet;

use engine::ids::PointId;
use engine::retention::Semantics::{self, Azure, Borg, Borg2, Firedrill, Kopia, Pbs, Restic};
use engine::retention::{
    Count, Gfs, MonthDay, Policy, RelativeTo, Span, Subject, decide, decide_as, keep_needed_by,
    unkept,
};
use engine::units::Timestamp;
use proptest::prelude::*;

use super::{at, kept, policy, stay, subject};

/// 1 March 2024 in UTC: short months, a leap day and both changes of clocks lie near.
const START: i64 = 1_709_251_200;

/// Points of up to two years, often on one day; some have tags, some are of the future, and some hang
/// on an older one.
fn points() -> impl Strategy<Value = Vec<Subject>> {
    let gap = prop_oneof![0_i64..7_200, 0_i64..172_800, 0_i64..4_000_000];
    let point = (gap, any::<u8>(), 0_usize..4);
    prop::collection::vec(point, 1..40).prop_map(|rows| {
        let mut points: Vec<Subject> = Vec::new();
        let mut seconds = START;
        for (number, (gap, bits, back)) in (0..).zip(rows) {
            seconds += gap;
            let mut point = subject(number, Timestamp { seconds, nanos: 0 });
            if bits % 8 == 0 {
                point.tags.push("audit".to_owned());
            }
            if bits & 8 == 0 && back > 0 && points.len() >= back {
                point.needs.push(points[points.len() - back].id);
            }
            points.push(point);
        }
        points
    })
}

fn count() -> impl Strategy<Value = Option<Count>> {
    let some = prop_oneof![9 => (1_u32..9).prop_map(Count::AtMost), 1 => Just(Count::Unlimited)];
    prop::option::weighted(0.4, some)
}

fn span() -> impl Strategy<Value = Option<Span>> {
    let some =
        (0_u32..2, 0_u32..4, 0_u32..40, 0_u32..30).prop_map(|(years, months, days, hours)| Span {
            years,
            months,
            days,
            hours,
        });
    prop::option::weighted(0.3, some)
}

fn gfs() -> impl Strategy<Value = Option<Gfs>> {
    let some =
        (0_u32..20, 0_u32..9, 0_u32..6, 0_i8..24).prop_map(|(days, weeks, months, hour)| Gfs {
            at: jiff::civil::time(hour, 0, 0, 0),
            daily_days: days,
            weekly_weeks: weeks,
            monthly_months: months,
            ..Gfs::default()
        });
    prop::option::weighted(0.2, some)
}

/// Any policy that keeps something.
fn policies() -> impl Strategy<Value = Policy> {
    let counts = (
        count(),
        count(),
        count(),
        count(),
        count(),
        count(),
        count(),
    );
    let spans = (span(), span(), span(), span(), span(), span(), span());
    let zone = prop::sample::select(vec![
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Asia/Kathmandu",
    ]);
    let any = (counts, spans, gfs(), zone, any::<bool>(), any::<bool>());
    any.prop_map(|(counts, spans, azure, zone, now, tag)| Policy {
        keep_last: counts.0,
        keep_hourly: counts.1,
        keep_daily: counts.2,
        keep_weekly: counts.3,
        keep_monthly: counts.4,
        keep_quarterly: counts.5,
        keep_yearly: counts.6,
        keep_within: spans.0,
        keep_within_hourly: spans.1,
        keep_within_daily: spans.2,
        keep_within_weekly: spans.3,
        keep_within_monthly: spans.4,
        keep_within_quarterly: spans.5,
        keep_within_yearly: spans.6,
        keep_tag: if tag {
            vec!["audit".to_owned()]
        } else {
            Vec::new()
        },
        timezone: zone.to_owned(),
        relative_to: if now {
            RelativeTo::Now
        } else {
            RelativeTo::Latest
        },
        azure,
    })
    .prop_filter("a policy that keeps something", |policy| {
        policy.check().is_ok()
    })
}

/// The present: as a rule that of the newest point, or up to 50 days to either side.
fn now(points: &[Subject], shift: i64) -> Timestamp {
    let newest = points.iter().map(|point| point.captured.seconds).max();
    Timestamp {
        seconds: newest.unwrap_or(START) + shift,
        nanos: 0,
    }
}

fn set(
    semantics: Semantics,
    policy: &Policy,
    points: &[Subject],
    now: Timestamp,
) -> BTreeSet<PointId> {
    let verdicts = decide_as(semantics, policy, points, now).expect("a good policy");
    kept(&verdicts).into_iter().collect()
}

fn retain(points: &[Subject], kept: &BTreeSet<PointId>) -> Vec<Subject> {
    points
        .iter()
        .filter(|point| kept.contains(&point.id))
        .cloned()
        .collect()
}

/// Runs `forget` after each of the backups that `when` says, and at the end.
fn step_by_step(
    semantics: Semantics,
    policy: &Policy,
    points: &[Subject],
    when: &[bool],
) -> BTreeSet<PointId> {
    let mut there: Vec<Subject> = Vec::new();
    for (number, point) in points.iter().enumerate() {
        there.push(point.clone());
        if number + 1 == points.len() || when[number % when.len()] {
            let kept = set(semantics, policy, &there, point.captured);
            there = retain(&there, &kept);
        }
    }
    there.iter().map(|point| point.id).collect()
}

/// The policy with one more thing to keep.
fn wider(policy: &Policy, which: usize) -> Policy {
    let more = |count: Option<Count>| match count {
        Some(Count::AtMost(count)) => Some(Count::AtMost(count + 1)),
        Some(Count::Unlimited) => Some(Count::Unlimited),
        None => Some(Count::AtMost(2)),
    };
    let older = |span: Option<Span>| {
        let span = span.unwrap_or_default();
        Some(Span {
            days: span.days + 3,
            ..span
        })
    };
    let mut policy = policy.clone();
    match which {
        0 => policy.keep_last = more(policy.keep_last),
        1 => policy.keep_hourly = more(policy.keep_hourly),
        2 => policy.keep_daily = more(policy.keep_daily),
        3 => policy.keep_weekly = more(policy.keep_weekly),
        4 => policy.keep_monthly = more(policy.keep_monthly),
        5 => policy.keep_quarterly = more(policy.keep_quarterly),
        6 => policy.keep_yearly = more(policy.keep_yearly),
        7 => policy.keep_within = older(policy.keep_within),
        8 => policy.keep_within_daily = older(policy.keep_within_daily),
        9 => policy.keep_within_monthly = older(policy.keep_within_monthly),
        10 => policy.azure.get_or_insert_default().daily_days += 1,
        _ => policy.keep_tag.push("audit".to_owned()),
    }
    policy
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deciding_again_keeps_all(points in points(), policy in policies(), shift in -4_000_000_i64..4_000_000) {
        let now = now(&points, shift);
        for semantics in [Firedrill, Restic, Kopia, Azure] {
            let once = set(semantics, &policy, &points, now);
            let twice = set(semantics, &policy, &retain(&points, &once), now);
            prop_assert_eq!(&once, &twice, "{}", semantics);
        }
    }

    #[test]
    fn the_order_never_matters(
        (points, shuffled) in points().prop_flat_map(|points| (Just(points.clone()), Just(points).prop_shuffle())),
        policy in policies(),
    ) {
        let now = now(&points, 0);
        for semantics in Semantics::ALL {
            let verdicts = decide_as(semantics, &policy, &points, now).expect("a good policy");
            let again = decide_as(semantics, &policy, &shuffled, now).expect("a good policy");
            prop_assert_eq!(verdicts, again, "{}", semantics);
        }
    }

    #[test]
    fn a_wider_policy_expires_nothing_more(
        points in points(),
        policy in policies(),
        which in 0_usize..12,
        shift in -4_000_000_i64..4_000_000,
    ) {
        let now = now(&points, shift);
        for semantics in [Firedrill, Restic] {
            let narrow = set(semantics, &policy, &points, now);
            let wide = set(semantics, &wider(&policy, which), &points, now);
            prop_assert!(narrow.is_subset(&wide), "{}: lost {:?}", semantics, narrow.difference(&wide));
        }
    }

    #[test]
    fn the_newest_and_what_is_needed_stay(
        points in points(),
        policy in policies(),
        shift in -4_000_000_i64..4_000_000,
    ) {
        let now = now(&points, shift);
        let verdicts = decide(&policy, &points, now).expect("a good policy");
        prop_assert_eq!(verdicts.len(), points.len());
        prop_assert!(verdicts.iter().all(|verdict| !verdict.reasons.is_empty()));
        let stay: BTreeSet<_> = kept(&verdicts).into_iter().collect();
        let past = points.iter().filter(|point| point.captured <= now);
        if let Some(newest) = past.max_by_key(|point| (point.captured, point.id)) {
            prop_assert!(stay.contains(&newest.id));
        }
        for point in points.iter().filter(|point| point.captured > now) {
            prop_assert!(stay.contains(&point.id));
        }
        for semantics in Semantics::ALL {
            let stay = set(semantics, &policy, &points, now);
            for point in retain(&points, &stay) {
                prop_assert!(point.needs.iter().all(|need| stay.contains(need)), "{}", semantics);
            }
        }
    }

    /// As a model asks: the rules without reasons, and then what others need.
    #[test]
    fn rules_and_needs_one_after_the_other_are_the_whole(
        points in points(),
        policy in policies(),
        shift in -4_000_000_i64..4_000_000,
    ) {
        let now = now(&points, shift);
        let goes = unkept(&policy, &points, now).expect("a good policy");
        let mut stays: Vec<bool> = points.iter().map(|point| !goes.contains(&point.id)).collect();
        let number = |id: &PointId| points.iter().position(|point| point.id == *id);
        keep_needed_by(&mut stays, |by| points[by].needs.iter().filter_map(number), |_, _| {});
        let stay = points.iter().zip(stays).filter(|(_, stays)| *stays);
        let stay: BTreeSet<PointId> = stay.map(|(point, _)| point.id).collect();
        prop_assert_eq!(stay, set(Firedrill, &policy, &points, now));
    }

    #[test]
    fn it_does_not_matter_when_it_ran(
        points in points(),
        policy in policies(),
        when in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        let points: Vec<_> = points.into_iter().map(|point| Subject { needs: Vec::new(), ..point }).collect();
        let now = points.last().expect("a point").captured;
        let once = set(Firedrill, &policy, &points, now);
        prop_assert_eq!(once, step_by_step(Firedrill, &policy, &points, &when));
    }

    #[test]
    fn the_bound_holds(points in points(), policy in policies()) {
        let plain = |point: Subject| Subject { needs: Vec::new(), tags: Vec::new(), ..point };
        let points: Vec<_> = points.into_iter().map(plain).collect();
        let stay = set(Firedrill, &policy, &points, now(&points, 0)).len() as u64;
        // As many points a day as there are at all.
        if let Some(bound) = policy.steady_state_points(40) {
            prop_assert!(stay <= bound, "{stay} > {bound}");
        }
    }

    #[test]
    fn a_policy_reads_back_from_its_file(policy in policies()) {
        let text = toml::to_string(&policy).expect("it writes");
        prop_assert_eq!(super::policy(&text), policy);
    }

    #[test]
    fn no_text_panics(text in any::<String>(), near in "[0-9]{0,12}[ymwdh]?[0-9]{0,12}[ymwdh]?|(first|last)? ?(day|sunday)?") {
        for text in [&text, &near] {
            if let Ok(span) = text.parse::<Span>() {
                prop_assert_eq!(span.to_string().parse::<Span>().expect("an age"), span);
            }
            if let Ok(day) = text.parse::<MonthDay>() {
                prop_assert_eq!(day.to_string().parse::<MonthDay>().expect("a day"), day);
            }
            let _ = (text.parse::<Count>().is_ok(), text.parse::<RelativeTo>().is_ok());
            let _ = toml::from_str::<Policy>(text).is_ok();
        }
    }

    #[test]
    fn no_captured_instant_panics(seconds in any::<i64>(), nanos in any::<u32>(), policy in policies()) {
        let points = [subject(0, Timestamp { seconds, nanos }), subject(1, Timestamp { seconds: START, nanos: 0 })];
        for semantics in Semantics::ALL {
            for now in [Timestamp { seconds, nanos }, Timestamp { seconds: i64::MIN, nanos: 0 }] {
                prop_assert_eq!(decide_as(semantics, &policy, &points, now).expect("a good policy").len(), 2);
            }
        }
    }
}

/// A point at noon of each day.
fn dailies(from: &str, days: i64) -> Vec<Subject> {
    let start = at(from);
    let point = |day: i64| {
        let seconds = start.seconds + day * 86_400;
        subject(day.unsigned_abs(), Timestamp { seconds, nanos: 0 })
    };
    (0..days).map(point).collect()
}

/// The checker fires: after every backup or once at the end, PBS keeps other points.
#[test]
fn with_pbs_it_does_matter_when_it_ran() {
    let points = dailies("2021-01-01T12:00:00Z", 400);
    let policy = policy("keep-daily = 7\nkeep-weekly = 4\nkeep-monthly = 12");
    let now = points[399].captured;
    let differs = |semantics| {
        let each = step_by_step(semantics, &policy, &points, &[true]);
        each != set(semantics, &policy, &points, now)
    };
    assert!(differs(Pbs));
    let others = [Firedrill, Restic, Kopia, Azure];
    assert!(!others.into_iter().any(differs));
}

/// The checker fires: an "oldest" for ages, as restic has it, hangs on when it ran. The first point ages
/// out, and then the oldest of what is left is another.
#[test]
fn with_restics_ages_it_does_matter_when_it_ran() {
    let hours = [0, 120, 121, 122, 123];
    let point = |(number, hours): (u64, i64)| {
        let seconds = START + hours * 3600;
        subject(number, Timestamp { seconds, nanos: 0 })
    };
    let points: Vec<_> = (0..).zip(hours).map(point).collect();
    let policy = policy("keep-last = 3\nkeep-within-daily = \"2d\"");
    let each = |semantics| step_by_step(semantics, &policy, &points, &[true]).len();
    let once = |semantics| set(semantics, &policy, &points, points[4].captured).len();
    assert_eq!((each(Restic), once(Restic)), (4, 3));
    assert_eq!((each(Firedrill), once(Firedrill)), (3, 3));
}

/// The checker fires: a larger count of days can cost PBS a month's point.
#[test]
fn with_pbs_a_wider_policy_can_expire_more() {
    let lost = (1..60_u64).any(|days| {
        let points = dailies("2024-01-01T12:00:00Z", 100);
        let with = |daily: u64| {
            policy(&format!(
                "keep-daily = {daily}\nkeep-weekly = 2\nkeep-monthly = 3"
            ))
        };
        let now = "2024-04-09T12:00:00Z";
        let narrow: BTreeSet<_> = stay(Pbs, &with(days), &points, now).into_iter().collect();
        let wide: BTreeSet<_> = stay(Pbs, &with(days + 1), &points, now)
            .into_iter()
            .collect();
        !narrow.is_subset(&wide)
    });
    assert!(lost);
}

/// Borg counts what a finer rule keeps as used up, so that the rules can't be told apart; still, what
/// it has kept once it keeps again for dailies.
#[test]
fn borg_keeps_again_what_it_kept_of_dailies() {
    let points = dailies("2023-01-01T12:00:00Z", 500);
    let policy = policy("keep-daily = 7\nkeep-weekly = 4\nkeep-monthly = 6");
    let now = points[499].captured;
    for semantics in [Borg, Borg2] {
        let once = set(semantics, &policy, &points, now);
        assert_eq!(
            once,
            set(semantics, &policy, &retain(&points, &once), now),
            "{semantics}"
        );
    }
}
