use std::fs;

use simulator::forecast::{
    Age, BackTest, Basis, Cause, Forecast, InstanceBasis, Limits, Month, PolicyForecast,
};

use super::{ForecastDocument, forecast_summary, html, write_forecast};
use crate::{PriceBook, Redundancy};

const GB: u64 = 1_000_000_000;
const DAY: u64 = 86_400;

fn month(number: u64) -> Month {
    Month {
        month: format!("2027-{:02}", number + 1),
        points: 10 + number,
        reasons: vec![(Cause::Monthly, number + 3), (Cause::Daily, 7)],
        soft_deleted_points: 14,
        kept_bytes: (100 + number) * GB,
        soft_deleted_bytes: 5 * GB,
        unused_bytes: GB,
        stored_bytes: (106 + number) * GB,
        low_bytes: (100 + number) * GB,
        high_bytes: (115 + number) * GB,
        peak_bytes: (120 + number) * GB,
        billed_bytes: (101 + number) * GB,
        instance_bytes: vec![(60 * GB, 1), (600 * GB, 1)],
    }
}

fn policy(name: &str, convention: &str) -> PolicyForecast {
    PolicyForecast {
        name: name.to_owned(),
        policy: "--keep-daily 7 --keep-monthly 12 --timezone UTC --relative-to latest".to_owned(),
        convention: convention.to_owned(),
        ignored: Vec::new(),
        lints: vec!["add --keep-within".to_owned()],
        months: (0..4).map(month).collect(),
        ages: vec![Age {
            name: "1 to 7 days".to_owned(),
            points: 7,
            widest_step_seconds: DAY,
        }],
        oldest_seconds: 120 * DAY,
        limits: Limits {
            points_max: 9_999,
            ..Limits::default()
        },
        back_test: Some(BackTest {
            points_fitted: 20,
            points_tested: 10,
            predicted_points: 9,
            actual_points: 9,
            predicted_bytes: 97 * GB,
            actual_bytes: 100 * GB,
        }),
    }
}

fn forecast(policies: Vec<PolicyForecast>) -> Forecast {
    Forecast {
        program_version: "0.1.0".to_owned(),
        command: "firedrill retention plan".to_owned(),
        subject: "/backup/vault".to_owned(),
        started_at: "2027-01-02T03:04:05Z".to_owned(),
        years: 1,
        basis: Basis {
            measured: true,
            instances: vec![InstanceBasis {
                instance: "office".to_owned(),
                points: 40,
                points_fitted: 30,
                every_seconds: DAY,
                method: "forever".to_owned(),
                full_every: 7,
                logical_bytes: 60 * GB,
                new_bytes: [GB, 2 * GB, 3 * GB],
                survival_ppm: [500_000, 250_000, 125_000],
                too_short: false,
            }],
            alike: 1,
            shared_bytes: 0,
            overhead_ppm: 12_000,
            soft_delete_seconds: 14 * DAY,
            free_seconds: 14 * DAY,
            grace_seconds: DAY,
            waste_percent: 5,
            forget_every_seconds: DAY,
            capacity_bytes: None,
            seed: Some(1),
            replicates: 200,
        },
        policies,
    }
}

fn document(policies: Vec<PolicyForecast>) -> ForecastDocument {
    let redundancies = [Redundancy::Lrs, Redundancy::Grs];
    ForecastDocument::new(
        &forecast(policies),
        &PriceBook::default_book(),
        &redundancies,
    )
    .expect("priced")
}

#[test]
fn money_is_charged_bytes_and_fees_by_size() {
    let document = document(vec![policy("a", "firedrill")]);
    let policy = &document.policies[0];
    let last = &policy.months[3].costs;
    // 104 GB, and instances of 60 and 600 GB: $10 and $20.
    assert!((last[0].storage - 104.0 * 0.0224).abs() < 1e-9);
    assert!((last[1].all - 104.0 * 0.0448 - 30.0).abs() < 1e-9);
    // The present month has begun: it is no part of the sum.
    let total = (102.0 + 103.0 + 104.0) * 0.0224 + 3.0 * 30.0;
    assert!((policy.total[0].all - total).abs() < 1e-9);
    let ids: Vec<&str> = document
        .prices
        .iter()
        .map(|price| price.id.as_str())
        .collect();
    let fees = ["instance.up-to-500gb", "instance.each-500gb-over"];
    assert_eq!(ids, [&["vault.lrs", "vault.grs"][..], &fees[..]].concat());
    assert_eq!(
        document.soft_delete.as_ref().map(|terms| terms.free_days),
        Some(14)
    );
    assert_eq!(policy.back_test_error_percent, Some(3.0));
}

#[test]
fn the_terminal_has_the_answer_first() {
    let text = forecast_summary(&document(vec![policy("a", "firedrill")]), 100);
    let start = "Keeps 13 points after a year: 102 GiB stored (95.9 GiB to 110 GiB), $32.33 a month as LRS ($96.92 for the \
                 year).";
    assert!(text.replace('\n', " ").starts_with(start), "{text}");
    for part in [
        "Reaches back 3 months",
        "The limit of 9,999 points of an instance is not met.",
        "Note: add --keep-within.",
        "an error of 3.0 %",
        "6 monthly, 7 daily",
        "9 of 10 between",
    ] {
        assert!(
            text.replace('\n', " ").contains(part),
            "no {part:?} in {text}"
        );
    }
    for width in [60, 80] {
        let text = forecast_summary(&document(vec![policy("a", "firedrill")]), width);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width), "{text}");
    }
}

#[test]
fn what_runs_full_is_not_to_be_missed() {
    let mut full = policy("a", "firedrill");
    full.limits.points_reached_on = Some("2027-03-04".to_owned());
    full.limits.capacity_reached_on = Some("2027-02-01".to_owned());
    let mut forecast = forecast(vec![full]);
    forecast.basis.capacity_bytes = Some(100 * GB);
    let book = PriceBook::default_book();
    let document = ForecastDocument::new(&forecast, &book, &[Redundancy::Lrs]).expect("priced");
    let page = html::render(&document)
        .expect("rendered")
        .replace('\u{a0}', " ");
    for part in [
        "class=\"answer bad\"",
        "BACKUPS STOP on 2027-03-04",
        "the room of 93.1 GiB IS FULL on 2027-02-01",
    ] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
}

#[test]
fn names_stay_text_and_the_page_needs_nothing_but_itself() {
    let hostile = "<script>alert(1)</script>\"'&";
    let mut forecast = forecast(vec![policy(hostile, "firedrill"), policy("b", "azure")]);
    forecast.subject = hostile.to_owned();
    forecast.command = hostile.to_owned();
    forecast.basis.instances[0].instance = hostile.to_owned();
    let out = tempfile::tempdir().expect("a folder");
    let book = PriceBook::default_book();
    write_forecast(&forecast, &book, &[Redundancy::Zrs], out.path()).expect("written");
    let page = fs::read_to_string(out.path().join("plan.html")).expect("it is there");
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("default-src 'none'"));
    assert_eq!(
        page.matches("<svg").count(),
        9,
        "one for both, and four for each"
    );
    for (opened, closed) in [
        ("<svg", "</svg>"),
        ("<table", "</table>"),
        ("<details", "</details>"),
    ] {
        assert_eq!(
            page.matches(opened).count(),
            page.matches(closed).count(),
            "{closed}"
        );
    }
    assert!(page.contains("b by azure"));
    let mut names: Vec<_> = fs::read_dir(out.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "plan.csv",
            "plan.html",
            "plan.json",
            "plan.parquet",
            "plan.xlsx"
        ]
    );
    let json = fs::read_to_string(out.path().join("plan.json")).expect("it is there");
    let again: ForecastDocument = serde_json::from_str(&json).expect("it can be read again");
    assert_eq!(again.policies[1].months[3].month.points, 13);
}

#[test]
fn what_is_not_priced_is_refused() {
    let text = "name = \"x\"\ncurrency = \"EUR\"\ngigabyte = \"decimal\"\nprice = []\n";
    let book = PriceBook::parse("mine.toml", text).expect("a book");
    let refused = ForecastDocument::new(&forecast(Vec::new()), &book, &[Redundancy::Lrs]);
    assert!(
        refused
            .expect_err("refused")
            .to_string()
            .contains("vault.lrs")
    );
    let free = "name = \"x\"\ncurrency = \"EUR\"\ngigabyte = \"decimal\"\nprice = []\n\n\
                [soft_delete]\nfree_dayz = 14\n";
    let error = PriceBook::parse("mine.toml", free)
        .expect_err("a wrong key")
        .to_string();
    assert!(
        error.contains("free_dayz") && error.contains("line 7"),
        "{error}"
    );
}
