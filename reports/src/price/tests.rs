use simulator::scenario::System;

use super::{DEFAULT, DiskKind, MachineSize, PriceBook, Priced, Status, Tier, Way};
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

/// The book that prices all parts of protection.
fn whole() -> PriceBook {
    PriceBook::default_book().completed_by(&PriceBook::parts_book())
}

fn near(is: f64, expected: f64) -> bool {
    (is - expected).abs() < 1e-9
}

#[test]
fn every_part_of_protection_is_priced_with_its_source() {
    let book = whole();
    let expected = [
        (Priced::Vault(Redundancy::Lrs), 0.0224),
        (Priced::VaultArchive(Redundancy::Lrs), 0.0024),
        (Priced::VaultArchive(Redundancy::Grs), 0.0048),
        (Priced::Snapshot, 0.05),
        (Priced::Blob(Tier::Hot, Redundancy::Lrs), 0.0208),
        (Priced::Blob(Tier::Hot, Redundancy::RaGrs), 0.0478),
        (Priced::Blob(Tier::Cool, Redundancy::Zrs), 0.0144),
        (Priced::Blob(Tier::Cool, Redundancy::Grs), 0.0230),
        (Priced::BlobWrites(Tier::Hot, Redundancy::Grs), 0.11),
        (Priced::BlobWrites(Tier::Cool, Redundancy::Lrs), 0.10),
        (Priced::BlobReads(Tier::Hot), 0.0044),
        (Priced::BlobRetrieval, 0.01),
        (Priced::Transfer(Way::GeoReplication), 0.02),
        (Priced::Transfer(Way::EuropeNorthAmerica), 0.02),
        (Priced::Transfer(Way::AsiaMiddleEastAfrica), 0.08),
        (Priced::Transfer(Way::SouthAmerica), 0.16),
        (Priced::Transfer(Way::InternetOut), 0.087),
        (Priced::Transfer(Way::In), 0.0),
        (Priced::ReplicationToAzure, 25.0),
        (Priced::ReplicationToOwnSite, 16.0),
        (Priced::DiskOperations, 0.0005),
        (Priced::Machine(MachineSize::D2sV3, System::Linux), 0.12),
        (Priced::Machine(MachineSize::D8sV3, System::Windows), 0.752),
        (Priced::SeedingDrive, 80.0),
        (Priced::SiteDisk, 0.01),
        (Priced::TapeMedia, 5.5),
        (Priced::TapeLibrary, 200.0),
        (Priced::Courier, 75.0),
    ];
    for (priced, value) in expected {
        let price = book.price(priced).expect("priced");
        assert!(near(price.value, value), "{price:?}");
        assert_eq!(price.id, priced.id());
        let is_estimate = price
            .source
            .title
            .starts_with("estimate: judgement, bring your own");
        assert_eq!(price.status == Status::Estimate, is_estimate, "{price:?}");
        assert!(
            !price.region.is_empty() && !price.date.is_empty() && price.unit.starts_with("USD/")
        );
    }
}

#[test]
fn every_id_is_in_the_reference_once() {
    let reference = include_str!("../../../scenarios/prices/README.md");
    let ids: Vec<String> = Priced::all().into_iter().map(Priced::id).collect();
    for (number, id) in ids.iter().enumerate() {
        assert!(!ids[..number].contains(id), "{id} twice");
        let last = id.rsplit('.').next().unwrap_or(id);
        let general = [
            id.clone(),
            id.replace(last, "R"),
            id.replace("hot", "T").replace("cool", "T"),
            id.replace("hot", "T")
                .replace("cool", "T")
                .replace(last, "R"),
            id.replace("d2s-v3", "M")
                .replace("d8s-v3", "M")
                .replace("e8s-v3", "M"),
        ];
        let stands = |id: &String| reference.contains(&format!("`{id}`"));
        let is_disk = id.starts_with("disk.") && last.len() < 4;
        assert!(is_disk || general.iter().any(stands), "{id}");
    }
}

#[test]
fn free_days_and_gigabytes_are_not_charged() {
    let book = whole();
    let fee = |days| book.replication_fee(true, days).expect("priced").0;
    assert!(near(fee(31), 0.0) && fee(32) > 0.0);
    assert!(
        near(fee(31 + 487), 25.0 * 16.0),
        "16 months of 365.25 / 12 days"
    );
    let own = book.replication_fee(false, 31 + 487).expect("priced");
    assert!(near(own.0, 256.0) && own.1.id == "replication.to-own-site");
    let sent = |way, gigabytes: u64| {
        book.transfer_fee(way, gigabytes * 1_000_000_000)
            .expect("priced")
            .0
    };
    assert!(near(sent(Way::InternetOut, 100), 0.0));
    assert!(near(sent(Way::InternetOut, 1100), 87.0));
    assert!(
        near(sent(Way::GeoReplication, 100), 2.0),
        "the page's own sample"
    );
}

#[test]
fn disks_are_billed_by_the_sizes_that_are_sold() {
    let book = whole();
    let fee = |kind, bytes| {
        let (fee, price) = book.disk_fee(kind, bytes).expect("priced");
        (fee, price.id.clone())
    };
    for (kind, bytes, expected, id) in [
        (DiskKind::StandardHdd, 0, 1.54, "disk.s4"),
        (DiskKind::StandardHdd, 32 << 30, 1.54, "disk.s4"),
        (DiskKind::StandardHdd, (32 << 30) + 1, 3.01, "disk.s6"),
        (DiskKind::StandardHdd, 500 << 30, 21.76, "disk.s20"),
        (DiskKind::StandardHdd, 1 << 40, 43.52, "disk.s20"),
        (DiskKind::StandardSsd, 64 << 30, 76.80, "disk.e30"),
        (DiskKind::PremiumSsd, 129 << 30, 39.42, "disk.p10"),
    ] {
        let (is, of) = fee(kind, bytes);
        assert!(
            near(is, expected) && of == id,
            "{kind:?} {bytes}: {is} by {of}"
        );
    }
    let vaults = PriceBook::default_book();
    let error = vaults.disk_fee(DiskKind::PremiumSsd, 1);
    let error = error
        .expect_err("the vault's book has no disks")
        .to_string();
    assert!(
        error.contains("'disk.p4'; it has no disk prices at all: add a [[price]] with that id"),
        "{error}"
    );
    assert!(!error.contains("--redundancy"), "{error}");
}

#[test]
fn a_book_of_ones_own_is_completed_in_its_own_currency() {
    let mine = |head: &str| {
        let text = format!("{head}{}", price("snapshot", "7"));
        PriceBook::parse("mine.toml", &text).expect("a good book")
    };
    let dollars = HEAD.replace("EUR", "USD").replace("binary", "decimal");
    let book = mine(&dollars).completed_by(&whole());
    assert!(
        near(book.price(Priced::Snapshot).expect("mine").value, 7.0),
        "mine stays"
    );
    assert!(near(
        book.price(Priced::Courier).expect("theirs").value,
        75.0
    ));
    assert_eq!(book.instance_fee(1), None, "it charges no fees");
    for head in [
        HEAD.to_owned(),
        dollars.replace("decimal", "binary"),
        HEAD.replace("binary", "decimal"),
    ] {
        let book = mine(&head).completed_by(&whole());
        let error = book
            .price(Priced::Courier)
            .expect_err("not theirs")
            .to_string();
        assert!(
            error.contains("mine.toml") && error.contains("'courier.trip'"),
            "{error}"
        );
    }
}

#[test]
fn what_a_price_may_not_have_is_refused() {
    let check = |price: &str, parts: &[&str]| {
        let refusal = refusal(&format!("{HEAD}{price}"));
        for part in parts {
            assert!(refusal.contains(part), "no {part:?} in: {refusal}");
        }
    };
    let courier = price("courier.trip", "1");
    check(
        &courier.replace("an offer", " "),
        &["line 5", "'courier.trip' has an empty source"],
    );
    check(&courier.replace("a drawer", ""), &["an empty source"]);
    check(
        &format!("{courier}free_days = 3\n"),
        &["line 5", "no free_days: only those of replication do"],
    );
    check(
        &format!("{courier}free_gigabytes = 3\n"),
        &["only those of transfer do"],
    );
    check(
        &price("transfer.moon", "1"),
        &["'transfer.moon'", "transfer.internet-out"],
    );
    check(
        &price("moon", "1"),
        &[
            "'moon': known are vault, vault-archive, snapshot",
            "courier",
        ],
    );
    let free = format!("{}free_gigabytes = -1\n", price("transfer.in", "1"));
    check(&free, &["free_gigabytes", "0 or more"]);
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
