//! Each convention against what the real programs keep, and each of our differences from restic.

use engine::retention::Semantics::{self, Azure, Borg, Borg2, Firedrill, Kopia, Pbs, Restic};
use engine::retention::{Policy, decide, decide_named};

use super::{at, policy, stay, subject, subjects};

/// Outputs of the real programs, or of ports checked against their own tests; the file says which.
const VECTORS: &str = include_str!("../../fixtures/retention_vectors.json");

/// The policy of a vector; `Last`, `Daily` and so on are its rules.
fn policy_of(vector: &serde_json::Value) -> Policy {
    let rules = vector["policy"].as_object().expect("rules");
    let line = |(rule, count): (&String, _)| format!("keep-{} = {count}\n", rule.to_lowercase());
    let text: String = rules.iter().map(line).collect();
    let zone = vector["tz"].as_str().expect("a zone");
    policy(&format!("{text}timezone = {zone:?}"))
}

fn instants(list: &serde_json::Value) -> Vec<&str> {
    let list = list.as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("an instant"))
        .collect()
}

#[test]
fn every_convention_keeps_what_its_program_keeps() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).expect("a document");
    let columns = [
        ("restic", Restic),
        ("restic", Firedrill),
        ("rustic_core", Restic),
        ("borg_1_4", Borg),
        ("borg_2", Borg2),
        ("pbs_3_2", Pbs),
        ("kopia", Kopia),
    ];
    let mut held = 0;
    for vector in vectors["vectors"].as_array().expect("vectors") {
        // Two vectors show faults of rustic only, without their input.
        if vector["rustic_only"] == true {
            continue;
        }
        let all = instants(&vector["snapshots"]);
        let subjects = subjects(&all);
        let now = vector["now"].as_str().expect("an instant");
        for (column, semantics) in columns {
            let kept = instants(&vector["kept"][column]);
            let mut expected: Vec<_> = kept.iter().map(|text| at(text)).collect();
            expected.sort_unstable();
            let stay = stay(semantics, &policy_of(vector), &subjects, now);
            let stay: Vec<_> = stay.iter().map(|n| at(all[*n as usize])).collect();
            assert_eq!(stay, expected, "{} under {semantics}", vector["name"]);
            held += 1;
        }
    }
    assert_eq!(held, 28);
}

/// Points at these instants; those that stay under `semantics`.
fn check(semantics: Semantics, text: &str, instants: &[&str], expected: &[u64]) {
    let now = instants.iter().max().expect("a point");
    let stay = stay(semantics, &policy(text), &subjects(instants), now);
    assert_eq!(stay, expected, "{semantics}: {text}");
}

#[test]
fn the_hour_that_comes_twice_is_two_hours() {
    // 01:30 in New York before the clocks go back, and 01:30 after.
    let twice = [
        "2024-11-03T04:30:00Z",
        "2024-11-03T05:30:00Z",
        "2024-11-03T06:30:00Z",
    ];
    let text = "keep-hourly = 2\ntimezone = \"America/New_York\"";
    check(Firedrill, text, &twice, &[1, 2]);
    check(Restic, text, &twice, &[0, 2]);
}

#[test]
fn a_point_of_the_future_stays_and_takes_no_place() {
    let instants = subjects(&[
        "2024-05-01T12:00:00Z",
        "2024-05-02T12:00:00Z",
        "2031-01-01T00:00:00Z",
    ]);
    let policy = policy("keep-daily = 1");
    let now = "2024-05-02T13:00:00Z";
    assert_eq!(stay(Firedrill, &policy, &instants, now), [1, 2]);
    assert_eq!(stay(Restic, &policy, &instants, now), [2]);
    let verdicts = decide(&policy, &instants, at(now)).expect("a good policy");
    assert_eq!(
        verdicts[0].reasons[0].to_string(),
        "captured in the future by this vault's clock"
    );
}

#[test]
fn a_month_back_never_runs_over() {
    let instants = ["2023-03-01T12:00:00Z", "2023-03-31T12:00:00Z"];
    check(Firedrill, "keep-within = \"1m\"", &instants, &[0, 1]);
    check(Restic, "keep-within = \"1m\"", &instants, &[1]);
}

#[test]
fn an_age_has_no_oldest_and_the_newest_always_stays() {
    let instants = ["2024-05-01T06:00:00Z", "2024-05-01T12:00:00Z"];
    check(Firedrill, "keep-within-daily = \"9d\"", &instants, &[1]);
    check(Restic, "keep-within-daily = \"9d\"", &instants, &[0, 1]);
    check(Firedrill, "keep-tag = [\"audit\"]", &instants, &[1]);
    check(Restic, "keep-tag = [\"audit\"]", &instants, &[]);
}

#[test]
fn ages_start_where_the_policy_says() {
    let points = subjects(&[
        "2024-01-01T00:00:00Z",
        "2024-01-20T00:00:00Z",
        "2024-02-01T00:00:00Z",
    ]);
    let now = "2024-06-01T00:00:00Z";
    let with = |from: &str| {
        let policy = policy(&format!("keep-within = \"15d\"\nrelative-to = \"{from}\""));
        stay(Firedrill, &policy, &points, now)
    };
    assert_eq!(with("latest"), [1, 2]);
    assert_eq!(with("now"), [2], "the newest stays");
    assert_eq!(with("2024-01-10T00:00:00Z"), [0, 1, 2]);
}

#[test]
fn days_begin_where_the_policys_zone_says() {
    let instants = [
        "2024-05-01T22:00:00Z",
        "2024-05-02T02:00:00Z",
        "2024-05-02T22:00:00Z",
    ];
    check(Firedrill, "keep-daily = 2", &instants, &[0, 2]);
    check(
        Firedrill,
        "keep-daily = 2\ntimezone = \"America/New_York\"",
        &instants,
        &[1, 2],
    );
    // Kopia's days are those of UTC wherever it runs.
    let text = "keep-daily = 2\ntimezone = \"America/New_York\"";
    check(Kopia, text, &instants, &[0, 2]);
}

#[test]
fn tags_of_a_list_must_all_be_there() {
    let mut points = subjects(&[
        "2024-05-01T00:00:00Z",
        "2024-05-02T00:00:00Z",
        "2024-05-03T00:00:00Z",
    ]);
    points[0].tags = vec!["a".to_owned(), "b".to_owned()];
    points[1].tags = vec!["a".to_owned()];
    points[2].protected = true;
    let policy = policy("keep-tag = [\"b,a\"]");
    assert_eq!(
        stay(Firedrill, &policy, &points, "2024-05-04T00:00:00Z"),
        [0, 2]
    );
}

#[test]
fn reasons_read_as_people_say_them() {
    let mut points = subjects(&[
        "2024-04-01T00:00:00Z",
        "2024-05-01T00:00:00Z",
        "2024-05-02T00:00:00Z",
        "2024-05-03T00:00:00Z",
    ]);
    points[0].tags = vec!["audit".to_owned()];
    let policy =
        policy("keep-last = 1\nkeep-yearly = 3\nkeep-within = \"2d\"\nkeep-tag = [\"audit\"]");
    let verdicts = decide(&policy, &points, at("2024-05-03T00:00:00Z")).expect("a good policy");
    let says = |number: usize| {
        let reasons: Vec<_> = verdicts[number]
            .reasons
            .iter()
            .map(ToString::to_string)
            .collect();
        reasons.join("; ")
    };
    assert_eq!(says(0), "last 1 of 1; yearly 1 of 3; within 2d");
    assert_eq!(says(1), "within 2d");
    assert_eq!(says(2), "no rule keeps it", "the age is a strict bound");
    assert_eq!(says(3), "tag audit; oldest yearly");
}

#[test]
fn what_a_kept_point_needs_stays() {
    let mut points = subjects(&[
        "2024-05-01T00:00:00Z",
        "2024-05-02T00:00:00Z",
        "2024-05-03T00:00:00Z",
    ]);
    let ids: Vec<_> = points.iter().map(|point| point.id).collect();
    points[1].needs = vec![ids[0]];
    points[2].needs = vec![ids[1]];
    points[2].method = engine::format::point::Method::Incremental;
    for semantics in Semantics::ALL {
        let all = stay(
            semantics,
            &policy("keep-last = 1"),
            &points,
            "2024-05-03T00:00:00Z",
        );
        assert_eq!(all, [0, 1, 2], "{semantics}");
    }
    let verdicts = decide(
        &policy("keep-last = 1"),
        &points,
        at("2024-05-03T00:00:00Z"),
    );
    let verdicts = verdicts.expect("a good policy");
    assert_eq!(
        verdicts[1].reasons[0].to_string(),
        "needed by 00000000 (incremental)"
    );
    let named = decide_named(&points, &ids[..1]);
    assert!(named.iter().all(|verdict| verdict.keep), "{named:?}");
    let named = decide_named(&points, &ids[1..]);
    assert_eq!(named.iter().filter(|verdict| verdict.keep).count(), 1);
}

/// Every six hours of 2024 in Berlin, under Azure's own kind of policy.
#[test]
fn azure_keeps_the_points_of_chosen_days() {
    let start = at("2023-12-31T23:00:00Z").seconds;
    let points: Vec<_> = (0..366 * 4)
        .map(|number| {
            let mut captured = at("2023-12-31T23:00:00Z");
            captured.seconds = start + number * 6 * 3600;
            subject(number.unsigned_abs(), captured)
        })
        .collect();
    let policy = policy(
        "timezone = \"Europe/Berlin\"\n[azure]\nat = \"05:00\"\ndaily-days = 7\nweekly-weeks = 4\n\
         weekly-on = [\"sunday\"]\nmonthly-months = 3\nmonthly-on = [\"first sunday\"]\n\
         yearly-years = 2\nyearly-on = [\"last day\"]\nyearly-in = [\"february\"]",
    );
    let verdicts =
        engine::retention::decide_as(Azure, &policy, &points, at("2024-12-31T22:00:00Z"));
    let told: Vec<_> = verdicts
        .expect("a good policy")
        .iter()
        .filter(|verdict| verdict.keep)
        .map(|verdict| {
            let number = u64::from_be_bytes(verdict.id.0[8..].try_into().expect("8 bytes"));
            let captured = points[number as usize].captured;
            let local = jiff::Timestamp::new(captured.seconds, 0).expect("an instant");
            let zone = policy.zone().expect("a zone");
            let reasons: Vec<_> = verdict.reasons.iter().map(ToString::to_string).collect();
            let local = local.to_zoned_datetime(zone).datetime();
            format!("{local}: {}", reasons.join("; "))
        })
        .collect();
    let expected = "2024-12-31T18:00:00: the newest always stays
2024-12-31T06:00:00: Azure daily until 2025-01-07
2024-12-30T06:00:00: Azure daily until 2025-01-06
2024-12-29T06:00:00: Azure daily until 2025-01-05; Azure weekly until 2025-01-26
2024-12-28T06:00:00: Azure daily until 2025-01-04
2024-12-27T06:00:00: Azure daily until 2025-01-03
2024-12-26T06:00:00: Azure daily until 2025-01-02
2024-12-25T06:00:00: Azure daily until 2025-01-01
2024-12-22T06:00:00: Azure weekly until 2025-01-19
2024-12-15T06:00:00: Azure weekly until 2025-01-12
2024-12-08T06:00:00: Azure weekly until 2025-01-05
2024-12-01T06:00:00: Azure monthly until 2025-03-01
2024-11-03T06:00:00: Azure monthly until 2025-02-03
2024-10-06T07:00:00: Azure monthly until 2025-01-06
2024-02-29T06:00:00: Azure yearly until 2026-02-28";
    assert_eq!(told.join("\n"), expected);
}

/// Borg 2's own case, for a count and an age of quarters: `test_prune_keep_3monthly_int_or_interval`.
#[test]
fn borg_2_takes_ages_for_every_rule() {
    let points = subjects(&[
        "2023-03-31T00:00:00Z",
        "2023-03-31T00:00:00.000001Z",
        "2023-06-30T00:00:00Z",
        "2023-06-30T00:00:00.000001Z",
        "2023-09-30T00:00:00Z",
    ]);
    for text in ["keep-quarterly = 3", "keep-within-quarterly = \"275d\""] {
        let stay = stay(Borg2, &policy(text), &points, "2023-12-31T00:00:00Z");
        assert_eq!(stay, [1, 3, 4], "{text}");
    }
    // Each point counts for `--keep`, though two fall into one second; 1.4 counts seconds.
    let text = policy("keep-last = 2");
    assert_eq!(
        stay(Borg2, &text, &points[2..], "2023-12-31T00:00:00Z"),
        [3, 4]
    );
    assert_eq!(
        stay(Borg2, &text, &points[1..4], "2023-12-31T00:00:00Z"),
        [2, 3]
    );
    assert_eq!(
        stay(Borg, &text, &points[1..4], "2023-12-31T00:00:00Z"),
        [1, 3]
    );
}

#[test]
fn what_a_convention_lacks_is_named() {
    let policy = policy(
        "keep-quarterly = 4\nkeep-within = \"9d\"\nkeep-within-daily = \"9d\"\nkeep-tag = [\"a\"]",
    );
    assert!(Firedrill.ignores(&policy).is_empty());
    assert_eq!(Restic.ignores(&policy), ["keep-quarterly"]);
    let borg = ["keep-within-daily", "keep-tag", "relative-to latest"];
    assert_eq!(Borg.ignores(&policy), borg);
    assert_eq!(Borg2.ignores(&policy), borg[1..]);
    let most = [
        "keep-quarterly",
        "keep-within",
        "keep-within-daily",
        "keep-tag",
    ];
    assert_eq!(Pbs.ignores(&policy), most);
    assert_eq!(Azure.ignores(&policy), most);
}
