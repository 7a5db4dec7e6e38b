//! Reports over made-up rows: names, money, the verdict, the files.

use std::fs::File;

use polars_io::SerReader;
use polars_io::parquet::read::ParquetReader;
use reports::{Document, PriceBook, Redundancy, terminal_summary, verdict, write_all};
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
        command: "firedrill compare --data '<script>alert(1)</script>'".to_owned(),
        seed: None,
        started_at: "2026-11-24T00:00:00Z".to_owned(),
        machine: Machine {
            processor: "a processor".to_owned(),
            cores: 2,
            system: "linux".to_owned(),
        },
        series: Series {
            label: "<script>alert(2)</script> & co".to_owned(),
            kind: SourceKind::Tree,
            block_bytes: None,
            chunk_bytes_mean: Some(262_144),
            generations: vec![Generation {
                generation: 1,
                path: "/data/\"<b>".to_owned(),
                logical_bytes: 1_000_000,
                files: 3,
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

fn document(comparison: &Comparison) -> Document {
    Document::new(comparison, &PriceBook::default_book(), Redundancy::Lrs).expect("priced")
}

#[test]
fn the_documents_names_stay() {
    let json = serde_json::to_value(document(&two())).expect("JSON");
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
    let cost = &method["cost"];
    assert!(cost["currency"] == "USD" && cost["month"].is_f64() && cost["year"].is_f64());
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
        assert!(
            (cost.month - expected).abs() < 1e-15 && (cost.year - 12.0 * expected).abs() < 1e-14
        );
        // One million bytes of source: a terabyte is a million times that.
        assert!((cost.month_per_source_terabyte - expected * 1e6).abs() < 1e-9);
    }
    // eWeek, April 2015: 2,000 GB cost $40.
    assert!((book.instance_fee(2_000_000_000_000).0 - 40.0).abs() < 1e-9);
    assert!((book.instance_fee(50_000_000_000).0 - 5.0).abs() < 1e-9);
    assert!((book.instance_fee(50_000_000_001).0 - 10.0).abs() < 1e-9);
}

#[test]
fn a_wrong_book_is_refused_with_its_place() {
    let refuse = |text: &str| {
        PriceBook::parse("book.toml", text)
            .expect_err("refused")
            .to_string()
    };
    let head = "name = \"b\"\ncurrency = \"EUR\"\ngigabyte = \"decimal\"\n";
    assert!(refuse(&format!("{head}colour = 1\n")).contains("line 4"));
    let price = |id: &str, value: &str| {
        format!(
            "{head}[[price]]\nid = \"{id}\"\nvalue = {value}\nunit = \"u\"\nregion = \"r\"\n\
             source = \"s\"\ndate = \"d\"\nstatus = \"estimate\"\n"
        )
    };
    assert!(refuse(&price("vault.lsr", "1.0")).contains("unknown price id 'vault.lsr'"));
    assert!(refuse(&price("vault.lrs", "-1.0")).contains("vault.lrs"));
    assert!(refuse(&price("vault.lrs", "nan")).contains("vault.lrs"));
    let sparse = PriceBook::parse("book.toml", &price("vault.lrs", "1.0")).expect("a book");
    let lacking = sparse
        .vault_price(Redundancy::Grs)
        .expect_err("unpriced")
        .to_string();
    assert!(
        lacking.contains("vault.grs") && lacking.contains("it has vault.lrs"),
        "{lacking}"
    );
}

#[test]
fn the_verdict_follows_the_numbers() {
    let read = verdict(&document(&two()));
    assert!(read.sound);
    assert!(
        read.sentences[0].contains("pick incremental"),
        "{:?}",
        read.sentences
    );
    assert_eq!(read.best[1], [1], "incremental stores least");
    assert_eq!(read.best[3], [0], "full restores fastest");
    let close = comparison(vec![
        method("full", &[1_000_000], 100_000),
        method("forever", &[1_000_000], 105_000),
    ]);
    assert_eq!(
        verdict(&document(&close)).best[3],
        [0, 1],
        "5 % apart is about the same"
    );
    let mut wrong = two();
    wrong.methods[1].restores[0].verified = false;
    let read = verdict(&document(&wrong));
    assert!(!read.sound);
    assert!(
        read.sentences[0].starts_with("DO NOT RELY ON THIS"),
        "{:?}",
        read.sentences
    );
    let single = comparison(vec![method("full", &[5], 1)]);
    assert_eq!(verdict(&document(&single)).sentences.len(), 1);
    let none = comparison(Vec::new());
    assert!(verdict(&document(&none)).sentences.is_empty());
}

#[test]
fn the_terminals_table_marks_the_best() {
    let text = terminal_summary(&document(&two()), 80);
    let row = |name: &str| {
        let found = text.lines().find(|line| line.starts_with(name));
        found.expect("a row").to_owned()
    };
    assert!(row("incremental").contains("987 KiB*"), "{text}");
    assert!(row("full ").contains("50 ms*"), "{text}");
    assert!(text.contains("2 of 2 restores equal their source"));
}

#[test]
fn files_hold_what_was_measured_and_nothing_runs_in_the_page() {
    let out = tempfile::tempdir().expect("a folder");
    let rows = two();
    write_all(
        &rows,
        &PriceBook::default_book(),
        Redundancy::Lrs,
        out.path(),
    )
    .expect("written");
    let parquet = File::open(out.path().join("points.parquet")).expect("it is there");
    let frame = ParquetReader::new(parquet).finish().expect("a frame");
    assert_eq!((frame.height(), frame.width()), (4, 15));
    let column = |name: &str| -> Vec<u64> {
        let column = frame.column(name).expect("a column");
        column
            .u64()
            .expect("integers")
            .into_no_null_iter()
            .collect()
    };
    assert_eq!(
        column("stored_bytes"),
        [1_000_000, 1_000_000, 1_000_000, 10_000]
    );
    assert_eq!(
        column("stored_bytes_total"),
        [1_000_000, 2_000_000, 1_000_000, 1_010_000]
    );
    let csv = std::fs::read_to_string(out.path().join("points.csv")).expect("it is there");
    assert!(
        csv.starts_with("method,generation,kind,logical_bytes,read_bytes,sent_bytes,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 5);
    let html = std::fs::read_to_string(out.path().join("report.html")).expect("it is there");
    assert!(
        !html.contains("<script") && html.contains("alert(2)"),
        "names are escaped"
    );
    assert!(
        html.find("pick incremental") < html.find("<table"),
        "the answer comes first"
    );
    for (opened, closed) in [
        ("<svg", "</svg>"),
        ("<table", "</table>"),
        ("<figure", "</figure>"),
    ] {
        assert_eq!(
            html.matches(opened).count(),
            html.matches(closed).count(),
            "{opened}"
        );
    }
    assert!(!out.path().join("report.partial").exists());
}
