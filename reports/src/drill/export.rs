//! A drill's files for other tools.

use std::path::Path;

use polars::error::PolarsResult;
use polars::prelude::{Column, DataFrame};
use polars_io::SerWriter;
use polars_io::csv::write::CsvWriter;
use polars_io::parquet::write::ParquetWriter;
use simulator::drill::rows::PointDrill;

use super::document::Evidence;
use crate::ReportError;
use crate::export::whole;

/// Writes the document as `evidence.json`.
pub(super) fn json(evidence: &Evidence, out: &Path) -> Result<(), ReportError> {
    let made = serde_json::to_vec_pretty(evidence);
    let mut text = made.map_err(|error| ReportError::Make {
        file: "evidence.json",
        message: error.to_string(),
    })?;
    text.push(b'\n');
    whole(out, "evidence.json", &text)
}

/// Writes the restored points as `drill-points.csv` and `drill-points.parquet`.
pub(super) fn points(evidence: &Evidence, out: &Path) -> Result<(), ReportError> {
    let (csv, parquet) = encode(&evidence.drill.points).map_err(|error| ReportError::Make {
        file: "drill-points.csv and drill-points.parquet",
        message: error.to_string(),
    })?;
    whole(out, "drill-points.csv", &csv)?;
    whole(out, "drill-points.parquet", &parquet)
}

fn encode(rows: &[PointDrill]) -> PolarsResult<(Vec<u8>, Vec<u8>)> {
    let mut frame = frame(rows)?;
    let (mut csv, mut parquet) = (Vec::new(), Vec::new());
    CsvWriter::new(&mut csv).finish(&mut frame)?;
    ParquetWriter::new(&mut parquet).finish(&mut frame)?;
    Ok((csv, parquet))
}

fn frame(rows: &[PointDrill]) -> PolarsResult<DataFrame> {
    let text = |name: &str, of: fn(&PointDrill) -> String| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<String>>())
    };
    let number = |name: &str, of: fn(&PointDrill) -> u64| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<u64>>())
    };
    let captured: Vec<i64> = rows.iter().map(|row| row.captured_seconds).collect();
    let predicted: Vec<Option<u64>> = rows
        .iter()
        .map(|row| row.predicted.map(|stages| stages.total_micros()))
        .collect();
    let verified: Vec<bool> = rows.iter().map(|row| row.verified).collect();
    let columns = vec![
        text("point", |row| row.point.clone()),
        text("instance", |row| row.instance.clone()),
        Column::new("captured_seconds".into(), captured),
        text("method", |row| row.method.clone()),
        text("consistency", |row| row.consistency.clone()),
        number("points_needed", |row| row.points_needed),
        Column::new("verified".into(), verified),
        number("damaged_files", |row| row.damaged_files),
        number("left_out_files", |row| row.left_out_files),
        number("files", |row| row.files),
        number("folders", |row| row.folders),
        number("bytes", |row| row.bytes),
        number("content_bytes", |row| row.content_bytes),
        number("fetched_bytes", |row| row.fetched_bytes),
        number("requests", |row| row.requests),
        number("packs_read", |row| row.packs_read),
        number("vault_micros", |row| row.stages.vault_micros),
        number("catalog_micros", |row| row.stages.catalog_micros),
        number("index_micros", |row| row.stages.index_micros),
        number("listing_micros", |row| row.stages.listing_micros),
        number("fetch_micros", |row| row.stages.fetch_micros),
        number("open_micros", |row| row.stages.open_micros),
        number("write_micros", |row| row.stages.write_micros),
        number("validate_micros", |row| row.stages.validate_micros),
        number("rto_micros", |row| row.stages.total_micros()),
        Column::new("predicted_micros".into(), predicted),
    ];
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::encode;
    use crate::drill::sample::evidence;

    #[test]
    fn a_row_per_point_and_its_stages_add_up() {
        let (csv, parquet) = encode(&evidence().drill.points).expect("encoded");
        assert!(parquet.starts_with(b"PAR1"));
        let csv = String::from_utf8(csv).expect("text");
        let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let heads = lines.next().expect("a head");
        let row = lines.next().expect("a row");
        let of = |name: &str| {
            let at = heads
                .iter()
                .position(|head| *head == name)
                .expect("a column");
            row[at].parse::<u64>().expect("a number")
        };
        let stages = [
            "vault", "catalog", "index", "listing", "fetch", "open", "write", "validate",
        ];
        let sum: u64 = stages
            .iter()
            .map(|stage| of(&format!("{stage}_micros")))
            .sum();
        assert_eq!(of("rto_micros"), sum);
        assert_eq!(of("predicted_micros"), 4_000_000);
    }
}
