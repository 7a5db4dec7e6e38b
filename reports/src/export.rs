//! Files for other tools: JSON, CSV and Parquet, each whole or not at all.

use std::io::Write;
use std::path::Path;

use polars::prelude::{Column, DataFrame};
use polars_io::SerWriter;
use polars_io::csv::write::CsvWriter;
use polars_io::parquet::write::ParquetWriter;
use simulator::outcome::{Comparison, PointOutcome};

use crate::{Document, ReportError};

/// Writes a file through a temporary one beside it.
pub(crate) fn whole(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let failed = |error: std::io::Error| ReportError::Write {
        path: path.display().to_string(),
        message: error.to_string(),
    };
    let temporary = path.with_extension("partial");
    let mut file = std::fs::File::create(&temporary).map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    std::fs::rename(&temporary, path).map_err(failed)
}

/// Writes the document as JSON.
pub(crate) fn json(document: &Document, path: &Path) -> Result<(), ReportError> {
    let mut text = serde_json::to_vec_pretty(document)
        .map_err(|error| ReportError::Draw(error.to_string()))?;
    text.push(b'\n');
    whole(path, &text)
}

/// Writes the points of all methods as `points.csv` and `points.parquet`.
pub(crate) fn points(comparison: &Comparison, out: &Path) -> Result<(), ReportError> {
    let failed = |error: polars::error::PolarsError| ReportError::Draw(error.to_string());
    let mut frame = frame(comparison).map_err(failed)?;
    let mut csv = Vec::new();
    CsvWriter::new(&mut csv)
        .finish(&mut frame)
        .map_err(failed)?;
    whole(&out.join("points.csv"), &csv)?;
    let mut parquet = Vec::new();
    ParquetWriter::new(&mut parquet)
        .finish(&mut frame)
        .map_err(failed)?;
    whole(&out.join("points.parquet"), &parquet)
}

fn frame(comparison: &Comparison) -> polars::error::PolarsResult<DataFrame> {
    let mut total = 0;
    let rows: Vec<(&str, &PointOutcome, u64)> = comparison
        .methods
        .iter()
        .flat_map(|method| {
            method
                .points
                .iter()
                .enumerate()
                .map(|(at, point)| (method.method.as_str(), at, point))
        })
        .map(|(method, at, point)| {
            total = if at == 0 { 0 } else { total } + point.stored_bytes;
            (method, point, total)
        })
        .collect();
    let number = |name: &str, field: fn(&PointOutcome) -> u64| {
        Column::new(
            name.into(),
            rows.iter().map(|row| field(row.1)).collect::<Vec<u64>>(),
        )
    };
    let text = |name: &str, values: Vec<&str>| Column::new(name.into(), values);
    DataFrame::new(
        rows.len(),
        vec![
            text("method", rows.iter().map(|row| row.0).collect()),
            number("generation", |point| u64::from(point.generation)),
            text("kind", rows.iter().map(|row| row.1.kind.as_str()).collect()),
            number("logical_bytes", |point| point.logical_bytes),
            number("read_bytes", |point| point.read_bytes),
            number("sent_bytes", |point| point.sent_bytes),
            number("copied_bytes", |point| point.copied_bytes),
            number("stored_bytes", |point| point.stored_bytes),
            Column::new(
                "stored_bytes_total".into(),
                rows.iter().map(|row| row.2).collect::<Vec<u64>>(),
            ),
            number("blocks_stored", |point| point.blocks_stored),
            number("blocks_referenced", |point| point.blocks_referenced),
            number("chain_length", |point| u64::from(point.chain_length)),
            number("wall_micros", |point| point.wall_micros),
            number("cpu_micros", |point| point.cpu_micros),
            number("problems", |point| point.problems),
        ],
    )
}
