use super::{DEFAULT, PriceBook, Status};
use crate::{Redundancy, ReportError};

const HEAD: &str = "name = \"mine\"\ncurrency = \"EUR\"\ngigabyte = \"binary\"\n";

fn price(id: &str, value: &str) -> String {
    format!(
        "[[price]]\nid = \"{id}\"\nvalue = {value}\nunit = \"EUR/GiB-month\"\nregion = \"here\"\n\
         source = {{ title = \"an offer\", where = \"a drawer\" }}\ndate = \"2026-01-01\"\n\
         status = \"estimate\"\n"
    )
}

fn refusal(text: &str) -> String {
    let error = PriceBook::parse("mine.toml", text).expect_err("a wrong book");
    assert!(matches!(error, ReportError::Book { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn the_book_compiled_in_prices_everything() {
    let book = PriceBook::default_book();
    assert_eq!(book.currency(), "USD");
    let prices = [0.0224, 0.0280, 0.0448, 0.0569];
    for (redundancy, expected) in Redundancy::ALL.into_iter().zip(prices) {
        let price = book.vault_price(redundancy).expect("priced");
        assert!((price.value - expected).abs() < 1e-12, "{price:?}");
        assert_eq!(
            (price.status, price.region.as_str()),
            (Status::Verified, "West Europe")
        );
        assert!(!price.source.title.is_empty() && !price.source.place.is_empty());
    }
}

#[test]
fn instance_fees_follow_the_bands() {
    let book = PriceBook::default_book();
    // 2,000 GB = $40 is the announcement's own example.
    let cases = [
        (0, 5.0),
        (50_000_000_000, 5.0),
        (50_000_000_001, 10.0),
        (500_000_000_000, 10.0),
        (500_000_000_001, 20.0),
        (1_128_000_000_000, 30.0),
        (2_000_000_000_000, 40.0),
    ];
    for (bytes, expected) in cases {
        let (fee, used) = book.instance_fee(bytes).expect("the book charges fees");
        assert!((fee - expected).abs() < 1e-9, "{bytes} bytes cost {fee}");
        assert_eq!(used.len(), if expected > 10.0 { 2 } else { 1 });
    }
}

/// The announcement's machines: one of 17 GB of system and 30 GB of data, whose empty temporary disk
/// counts nothing; one of 500 GB; one of 2,000 GB.
#[test]
fn fees_are_those_of_the_announcement() {
    let book = PriceBook::default_book();
    let fee = |gigabytes: u64| {
        book.instance_fee(gigabytes * 1_000_000_000)
            .map(|fee| fee.0)
    };
    assert_eq!(
        [17 + 30, 500, 2_000].map(fee),
        [Some(5.0), Some(10.0), Some(40.0)]
    );
}

#[test]
fn a_book_of_ones_own_may_leave_fees_out() {
    let text = format!("{HEAD}{}", price("vault.lrs", "2"));
    let book = PriceBook::parse("mine.toml", &text).expect("a good book");
    assert!((book.gigabyte_bytes() - 1_073_741_824.0).abs() < f64::EPSILON);
    assert_eq!(book.instance_fee(1), None);
    let error = book.vault_price(Redundancy::RaGrs).expect_err("not priced");
    let text = error.to_string();
    for part in [
        "mine.toml",
        "'vault.ra-grs'",
        "it has vault.lrs",
        "--redundancy",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn wrong_books_are_refused_with_the_line() {
    let good = price("vault.lrs", "0.02");
    let check = |text: &str, parts: &[&str]| {
        let refusal = refusal(text);
        for part in ["mine.toml", "scenarios/prices/README.md"]
            .iter()
            .chain(parts)
        {
            assert!(refusal.contains(part), "no {part:?} in: {refusal}");
        }
    };
    check("name = ", &["line 1"]);
    check(
        &format!("{HEAD}prices = []\n"),
        &["line 4", "`prices`", "`price`"],
    );
    check(
        "name = \"x\"\ncurrency = \"EUR\"\nprice = []\n",
        &["gigabyte"],
    );
    check(
        &HEAD.replace("binary", "metric"),
        &["line 3", "metric", "decimal"],
    );
    check(
        &format!("{}price = []\n", HEAD.replace("EUR", "euro")),
        &["line 2", "\"euro\"", "USD"],
    );
    check(
        &format!("{HEAD}{}", good.replace("vault.lrs", "vault.rgs")),
        &["line 5", "'vault.rgs'", "vault.grs"],
    );
    check(
        &format!("{HEAD}{good}{good}"),
        &["line 13", "line 5", "keep one"],
    );
    for value in ["-1", "nan", "inf"] {
        check(
            &format!("{HEAD}{}", price("vault.lrs", value)),
            &["line 6", "0 or more"],
        );
    }
    check(
        &format!("{HEAD}{}", price("vault.lrs", "\"free\"")),
        &["line 6"],
    );
    check(
        &format!("{HEAD}{good}discount = 0.1\n"),
        &["line 12", "`discount`", "`status`"],
    );
    check(
        &format!("{HEAD}{}", price("instance.up-to-50gb", "5")),
        &["instance.up-to-500gb, instance.each-500gb-over missing"],
    );
}

#[test]
fn a_hostile_book_does_no_harm() {
    let deep = format!("{HEAD}price = {}{}\n", "[".repeat(5000), "]".repeat(5000));
    refusal(&deep);
    refusal("\u{0}\u{1b}[2J");
    refusal(&format!("{HEAD}{}", price("vault.lrs", "1e999")));
    let text = DEFAULT.replace("Azure Backup, West", "<script>alert(1)</script> West");
    let book = PriceBook::parse("mine.toml", &text).expect("text is text");
    assert!(
        book.name().starts_with("<script>"),
        "kept as it is: pages escape it"
    );
}
