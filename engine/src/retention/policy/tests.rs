use super::{Count, Policy, RelativeTo, Span};
use crate::retention::{Gfs, Lint, POINTS_MAX, lints};
use crate::units::Timestamp;

fn read(text: &str) -> Policy {
    toml::from_str(text).expect("a policy")
}

#[test]
fn a_file_reads_and_writes_back() {
    let text = r#"keep-last = 3
keep-daily = 7
keep-yearly = "unlimited"
keep-within = "1m"
keep-within-daily = "2w"
keep-tag = ["audit", "keep,this"]
timezone = "Europe/Berlin"
relative-to = "2024-05-01T00:00:00Z"

[azure]
at = "02:00:00"
daily-days = 180
weekly-weeks = 12
weekly-on = ["sunday", "wednesday"]
monthly-months = 60
monthly-on = ["first sunday", "15", "last day", "last friday"]
yearly-years = 10
yearly-on = ["1"]
yearly-in = ["january", "july"]
"#;
    let policy = read(text);
    assert_eq!(
        toml::to_string(&policy).expect("it writes"),
        text.replace("2w", "14d")
    );
    policy.check().expect("a good policy");
    assert_eq!(
        policy.to_string(),
        "--keep-last 3 --keep-daily 7 --keep-yearly unlimited --keep-within 1m \
         --keep-within-daily 14d --keep-tag audit --keep-tag keep,this --timezone Europe/Berlin \
         --relative-to 2024-05-01T00:00:00Z and Azure: from 02:00:00: daily for 180 days; weekly on \
         sunday, wednesday for 12 weeks; monthly on first sunday, 15, last day, last friday for 60 \
         months; yearly on 1 of january, july for 10 years"
    );
    assert_eq!(
        policy.relative_to,
        RelativeTo::At(Timestamp {
            seconds: 1_714_521_600,
            nanos: 0
        })
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (text, says) in [
        ("keep-dayly = 7", "keep-dayly"),
        ("keep-daily = -1", "out of range"),
        ("keep-daily = \"many\"", "'many' is not a count"),
        ("keep-within = \"30\"", "a number lacks its unit"),
        ("relative-to = \"then\"", "'then' is no instant"),
        (
            "[azure]\nweekly-on = [\"sun\"]",
            "'sun' is no day of the week",
        ),
        (
            "[azure]\nmonthly-on = [\"32\"]",
            "'32' is no day of a month",
        ),
        ("[azure]\nyearly-in = [\"jan\"]", "'jan' is no month"),
    ] {
        let error = toml::from_str::<Policy>(text).expect_err(text).to_string();
        assert!(error.contains(says), "{error}");
    }
    for (text, says) in [
        ("", "would remove everything"),
        (
            "keep-daily = 0\nkeep-within = \"0d\"\n[azure]",
            "would remove everything",
        ),
        ("keep-tag = [\"a,,b\"]", "an empty tag"),
        (
            "[azure]\nweekly-weeks = 4\nweekly-on = []",
            "weekly-on is empty",
        ),
        (
            "keep-daily = 1\ntimezone = \"Mars\"",
            "unknown time zone 'Mars'",
        ),
    ] {
        let error = read(text).check().expect_err(text).to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn the_steady_state_has_a_bound() {
    let bound = |text: &str, a_day| read(text).steady_state_points(a_day);
    assert_eq!(bound("keep-daily = 7\nkeep-weekly = 4", 24), Some(12));
    assert_eq!(bound("keep-daily = \"unlimited\"", 1), None);
    assert_eq!(bound("keep-within = \"30d\"", 24), Some(31 * 24 + 1));
    assert_eq!(bound("keep-within-daily = \"30d\"", 24), Some(32));
    assert_eq!(
        bound("[azure]\ndaily-days = 180\nweekly-weeks = 12", 1),
        Some(195)
    );
    let most = "keep-within = \"4294967295y\"\nkeep-last = 4294967295";
    assert!(bound(most, u32::MAX).is_some_and(|points| points > POINTS_MAX));
}

#[test]
fn lints_name_what_the_author_may_not_have_meant() {
    let of = |text: &str| lints(&read(text), 1);
    assert_eq!(of("keep-daily = 7"), [Lint::Displaceable]);
    assert_eq!(of("keep-daily = 7\nkeep-within = \"30d\""), []);
    let now = "keep-within = \"30d\"\nrelative-to = \"now\"";
    assert_eq!(of(now), [Lint::AgesWithoutBackups]);
    let without_end = "keep-within = \"30d\"\nkeep-daily = \"unlimited\"";
    assert_eq!(of(without_end), [Lint::PastLimit(None)]);
    assert_eq!(of("keep-within = \"30y\""), [Lint::PastLimit(Some(10_982))]);
    let short = of("keep-within = \"30d\"\n[azure]\ndaily-days = 6\nweekly-weeks = 4");
    let says: Vec<_> = short.iter().map(ToString::to_string).collect();
    assert_eq!(says, ["Azure takes 7 to 9999 for its daily points"]);
}

#[test]
fn counts_have_a_nearest_policy_in_azure() {
    let policy = read("keep-hourly = 24\nkeep-daily = 7\nkeep-yearly = \"unlimited\"");
    let gfs = Gfs::of_counts(&policy);
    assert_eq!(
        (gfs.daily_days, gfs.weekly_weeks, gfs.yearly_years),
        (7, 0, 99)
    );
    assert_eq!(
        "unlimited".parse::<Count>().expect("a count"),
        Count::Unlimited
    );
    assert_eq!(Span::of_days(7), "1w".parse().expect("an age"));
}
