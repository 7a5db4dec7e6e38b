//! Files for other tools: JSON, CSV and Parquet, each whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use polars::error::PolarsResult;
use polars::prelude::{Column, DataFrame};
use polars_io::SerWriter;
use polars_io::csv::write::CsvWriter;
use polars_io::parquet::write::ParquetWriter;
use simulator::outcome::{Comparison, PointOutcome};

use crate::{Document, ReportError};

/// Writes a file through a temporary one beside it, which does not outlive a failure.
pub(crate) fn whole(out: &Path, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
    let temporary = out.join(format!("{name}.partial"));
    let path = out.join(name);
    let written = write(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|source| {
        // What failed is told; that its remains could not be cleared either would add nothing.
        let _ = fs::remove_file(&temporary).is_ok();
        let path = path.display().to_string();
        ReportError::Write { path, source }
    })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes the document as `report.json`.
pub(crate) fn json(document: &Document, out: &Path) -> Result<(), ReportError> {
    let made = serde_json::to_vec_pretty(document);
    let mut text = made.map_err(|error| ReportError::Make {
        file: "report.json",
        message: error.to_string(),
    })?;
    text.push(b'\n');
    whole(out, "report.json", &text)
}

/// Writes the points of all methods as `points.csv` and `points.parquet`.
pub(crate) fn points(comparison: &Comparison, out: &Path) -> Result<(), ReportError> {
    let (csv, parquet) = encode(comparison).map_err(|error| ReportError::Make {
        file: "points.csv and points.parquet",
        message: error.to_string(),
    })?;
    whole(out, "points.csv", &csv)?;
    whole(out, "points.parquet", &parquet)
}

fn encode(comparison: &Comparison) -> PolarsResult<(Vec<u8>, Vec<u8>)> {
    let mut frame = frame(&rows(comparison))?;
    let (mut csv, mut parquet) = (Vec::new(), Vec::new());
    CsvWriter::new(&mut csv).finish(&mut frame)?;
    ParquetWriter::new(&mut parquet).finish(&mut frame)?;
    Ok((csv, parquet))
}

struct Row<'a> {
    method: &'a str,
    point: &'a PointOutcome,
    /// Stored by the method's points so far, this one included.
    stored_bytes_total: u64,
}

fn rows(comparison: &Comparison) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for method in &comparison.methods {
        let mut total = 0_u64;
        for point in &method.points {
            total = total.saturating_add(point.stored_bytes);
            rows.push(Row {
                method: &method.method,
                point,
                stored_bytes_total: total,
            });
        }
    }
    rows
}

fn frame(rows: &[Row<'_>]) -> PolarsResult<DataFrame> {
    let text = |name: &str, of: fn(&Row<'_>) -> String| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<String>>())
    };
    let number = |name: &str, of: fn(&Row<'_>) -> u64| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<u64>>())
    };
    let columns = vec![
        text("method", |row| row.method.to_owned()),
        number("generation", |row| u64::from(row.point.generation)),
        text("kind", |row| row.point.kind.clone()),
        number("logical_bytes", |row| row.point.logical_bytes),
        number("read_bytes", |row| row.point.read_bytes),
        number("sent_bytes", |row| row.point.sent_bytes),
        number("copied_bytes", |row| row.point.copied_bytes),
        number("stored_bytes", |row| row.point.stored_bytes),
        number("stored_bytes_total", |row| row.stored_bytes_total),
        number("blocks_stored", |row| row.point.blocks_stored),
        number("blocks_referenced", |row| row.point.blocks_referenced),
        number("chain_length", |row| u64::from(row.point.chain_length)),
        number("wall_micros", |row| row.point.wall_micros),
        number("cpu_micros", |row| row.point.cpu_micros),
        number("problems", |row| row.point.problems),
    ];
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{encode, whole};
    use crate::ReportError;
    use crate::sample::{USUAL, comparison};

    #[test]
    fn totals_begin_anew_with_each_method() {
        let (csv, _) = encode(&comparison(&USUAL)).expect("encoded");
        let csv = String::from_utf8(csv).expect("text");
        let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let heads = lines.next().expect("a head");
        let at = heads.iter().position(|head| *head == "stored_bytes_total");
        let at = at.expect("a column");
        let mib = |bytes: &str| bytes.parse::<u64>().expect("a number") >> 20;
        let totals: Vec<u64> = lines.map(|line| mib(line[at])).collect();
        assert_eq!(totals, [100, 200, 300, 100, 120, 160, 100, 120, 140]);
    }

    #[test]
    fn rows_of_nothing_are_a_table_of_nothing() {
        let mut rows = comparison(&USUAL);
        rows.methods.clear();
        let (csv, parquet) = encode(&rows).expect("encoded");
        assert_eq!(
            csv.split(|byte| *byte == b'\n').count(),
            2,
            "the head alone"
        );
        assert!(parquet.starts_with(b"PAR1"));
    }

    #[test]
    fn what_can_not_be_written_leaves_nothing() {
        let out = tempfile::tempdir().expect("a folder");
        // A folder of that name can't be replaced by a file.
        fs::create_dir_all(out.path().join("report.html/in")).expect("a folder");
        let error = whole(out.path(), "report.html", b"x").expect_err("refused");
        assert!(matches!(error, ReportError::Write { .. }), "{error:?}");
        for part in ["failed to write", "report.html", "--out"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(!out.path().join("report.html.partial").exists());
        whole(out.path(), "report.json", b"a").expect("written");
        whole(out.path(), "report.json", b"b").expect("written over");
        assert_eq!(
            fs::read(out.path().join("report.json")).expect("read"),
            b"b"
        );
    }
}
