//! The crate from outside: rows in, files and a document out, under names and sums that stay.

use std::fs::{self, File};
use std::path::Path;

use polars_io::SerReader;
use polars_io::parquet::read::ParquetReader;
use reports::{Document, PriceBook, Redundancy, ReportError, terminal_summary, verdict, write_all};
use simulator::outcome::{
    Comparison, Fidelity, Generation, Machine, MethodOutcome, PointOutcome, RestoreOutcome, Series,
    SourceKind,
};

fn point(generation: u32, stored_bytes: u64) -> PointOutcome {
    PointOutcome {
        generation,
        kind: "full".to_owned(),
        logical_bytes: 1_000_000,
        read_bytes: 1_000_000,
        sent_bytes: stored_bytes,
        copied_bytes: 0,
        stored_bytes,
        blocks_stored: stored_bytes / 1000,
        blocks_referenced: 1000,
        chain_length: generation,
        wall_micros: 10_000,
        cpu_micros: 20_000,
        problems: 0,
    }
}

fn method(name: &str, stored: &[u64], restore_micros: u64) -> MethodOutcome {
    let points: Vec<_> = stored
        .iter()
        .zip(1..)
        .map(|(bytes, number)| point(number, *bytes))
        .collect();
    MethodOutcome {
        method: name.to_owned(),
        vault_bytes: stored.iter().sum::<u64>() + 400,
        vault_objects: 9,
        backup_wall_micros: 10_000 * points.len() as u64,
        backup_cpu_micros: 20_000,
        peak_memory_bytes: Some(90 << 20),
        restores: vec![RestoreOutcome {
            generation: points.len() as u32,
            verified: true,
            differences: Vec::new(),
            bytes: 1_000_000,
            fetched_bytes: 900_000,
            packs_read: 1,
            chain_length: points.len() as u32,
            wall_micros: restore_micros,
            cpu_micros: restore_micros,
        }],
        points,
    }
}

fn comparison(methods: Vec<MethodOutcome>) -> Comparison {
    Comparison {
        fidelity: Fidelity::Measured,
        program_version: "0.1.0".to_owned(),
        command: "firedrill compare".to_owned(),
        seed: None,
        started_at: "2026-11-24T00:00:00Z".to_owned(),
        warmed: true,
        machine: Machine {
            processor: "a processor".to_owned(),
            cores: 2,
            system: "linux".to_owned(),
        },
        series: Series {
            label: "two states".to_owned(),
            kind: SourceKind::Disk,
            block_bytes: Some(4096),
            chunk_bytes_mean: None,
            generations: vec![Generation {
                generation: 1,
                path: "/data/a".to_owned(),
                logical_bytes: 1_000_000,
                files: 1,
            }],
        },
        full_every: 7,
        methods,
    }
}

fn two() -> Comparison {
    comparison(vec![
        method("full", &[1_000_000, 1_000_000], 50_000),
        method("incremental", &[1_000_000, 10_000], 80_000),
    ])
}

fn write(out: &Path) -> Result<Document, ReportError> {
    write_all(&two(), &PriceBook::default_book(), Redundancy::Lrs, out)
}

#[test]
fn the_documents_names_stay() {
    let out = tempfile::tempdir().expect("a folder");
    let document = write(out.path()).expect("written");
    let text = fs::read_to_string(out.path().join("report.json")).expect("it is there");
    let again: Document = serde_json::from_str(&text).expect("what is written can be read again");
    assert_eq!(again.methods[1].points, document.methods[1].points);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let method = &json["methods"][1];
    assert_eq!(method["method"], "incremental");
    for name in [
        "generation",
        "logical_bytes",
        "read_bytes",
        "sent_bytes",
        "stored_bytes",
        "blocks_stored",
        "chain_length",
    ] {
        assert!(method["points"][1][name].is_u64(), "{name}");
    }
    for name in ["sent_bytes", "stored_bytes", "blocks_stored"] {
        assert!(method["totals"][name].is_u64(), "{name}");
    }
    assert_eq!(method["totals"]["stored_bytes"], 1_010_000);
    let restore = &method["restores"][0];
    assert!(restore["generation"].is_u64() && restore["verified"] == true);
    assert!(restore["bytes"].is_u64() && restore["seconds"] == 0.08);
    assert!(restore["packs_read"].is_u64() && restore["cpu_seconds"].is_f64());
    assert!(method["backup_seconds"].is_f64() && method["backup_cpu_seconds"].is_f64());
    assert!(method["peak_memory_bytes"].is_u64());
    let cost = &method["cost"];
    assert!(cost["currency"] == "USD" && cost["month"].is_f64() && cost["year"].is_f64());
    let price = &json["prices"][0];
    for name in ["id", "unit", "region", "date", "status"] {
        assert!(price[name].is_string(), "{name}");
    }
    assert!(price["source"]["title"].is_string() && price["source"]["where"].is_string());
}

#[test]
fn money_follows_the_closed_form() {
    let book = PriceBook::default_book();
    for (redundancy, rate) in [
        (Redundancy::Lrs, 0.0224),
        (Redundancy::Zrs, 0.0280),
        (Redundancy::Grs, 0.0448),
        (Redundancy::RaGrs, 0.0569),
    ] {
        let priced = Document::new(&two(), &book, redundancy).expect("priced");
        let cost = &priced.methods[0].cost;
        let expected = 2_000_400.0 / 1e9 * rate;
        assert!((cost.month - expected).abs() < 1e-15);
        assert!((cost.year - 12.0 * expected).abs() < 1e-14);
        // One million bytes of source: a terabyte is a million times that.
        assert!((cost.month_per_source_terabyte - expected * 1e6).abs() < 1e-9);
        let ids: Vec<&str> = priced
            .prices
            .iter()
            .map(|price| price.id.as_str())
            .collect();
        assert_eq!(
            ids,
            [
                format!("vault.{redundancy}").as_str(),
                "instance.up-to-50gb"
            ]
        );
        assert_eq!(priced.instance_fee_month, Some(5.0));
    }
}

#[test]
fn files_hold_what_was_measured() {
    let out = tempfile::tempdir().expect("a folder");
    write(out.path()).expect("written");
    let parquet = File::open(out.path().join("points.parquet")).expect("it is there");
    let frame = ParquetReader::new(parquet).finish().expect("a frame");
    assert_eq!((frame.height(), frame.width()), (4, 15));
    let column = |name: &str| -> Vec<u64> {
        let column = frame.column(name).expect("a column");
        let numbers = column.u64().expect("integers");
        numbers.into_no_null_iter().collect()
    };
    assert_eq!(
        column("stored_bytes"),
        [1_000_000, 1_000_000, 1_000_000, 10_000]
    );
    assert_eq!(
        column("stored_bytes_total"),
        [1_000_000, 2_000_000, 1_000_000, 1_010_000]
    );
    let csv = fs::read_to_string(out.path().join("points.csv")).expect("it is there");
    assert!(
        csv.starts_with("method,generation,kind,logical_bytes,read_bytes,sent_bytes,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 5);
    let mut names: Vec<_> = fs::read_dir(out.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["points.csv", "points.parquet", "report.html", "report.json"],
        "and nothing else is left behind"
    );
}

#[test]
fn page_terminal_and_verdict_say_the_same() {
    let out = tempfile::tempdir().expect("a folder");
    let document = write(out.path()).expect("written");
    let read = verdict(&document);
    assert!(read.sound);
    let page = fs::read_to_string(out.path().join("report.html")).expect("it is there");
    // A no-break space between number and unit is the page's own.
    let page = page.replace('\u{a0}', " ").replace("</strong>", "");
    let terminal = terminal_summary(&document, usize::MAX);
    for sentence in read.sentences.iter().chain([&read.proof()]) {
        assert!(page.contains(sentence.as_str()), "{sentence}");
        assert!(terminal.contains(sentence.as_str()), "{sentence}");
    }
}

#[test]
fn a_folder_that_is_missing_is_told() {
    let out = tempfile::tempdir().expect("a folder");
    let error = write(&out.path().join("none")).expect_err("refused");
    assert!(error.to_string().contains("report.json"), "{error}");
}
