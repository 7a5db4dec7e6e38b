//! Files for other tools: JSON, CSV and Parquet.

use std::path::Path;

use polars::error::PolarsResult;
use polars::prelude::{Column, DataFrame};
use polars_io::SerWriter;
use polars_io::csv::write::CsvWriter;
use polars_io::parquet::write::ParquetWriter;
use simulator::churn::NeedRow;

use super::document::BandwidthDocument;
use crate::ReportError;
use crate::export::whole;

/// Writes the document as `bandwidth.json`.
pub(super) fn json(document: &BandwidthDocument, out: &Path) -> Result<(), ReportError> {
    let made = serde_json::to_vec_pretty(document);
    let mut text = made.map_err(|error| ReportError::Make {
        file: "bandwidth.json",
        message: error.to_string(),
    })?;
    text.push(b'\n');
    whole(out, "bandwidth.json", &text)
}

/// Writes what each target needs, and the RPO over time, as CSV and Parquet.
pub(super) fn tables(document: &BandwidthDocument, out: &Path) -> Result<(), ReportError> {
    let tables = [("targets", targets(document)), ("rpo", rpo(document))];
    for (name, frame) in tables {
        let encoded = frame.and_then(|mut frame| encode(&mut frame));
        let (csv, parquet) = encoded.map_err(|error| ReportError::Make {
            file: "targets and rpo, .csv and .parquet",
            message: error.to_string(),
        })?;
        whole(out, &format!("{name}.csv"), &csv)?;
        whole(out, &format!("{name}.parquet"), &parquet)?;
    }
    Ok(())
}

fn encode(frame: &mut DataFrame) -> PolarsResult<(Vec<u8>, Vec<u8>)> {
    let (mut csv, mut parquet) = (Vec::new(), Vec::new());
    CsvWriter::new(&mut csv).finish(frame)?;
    ParquetWriter::new(&mut parquet).finish(frame)?;
    Ok((csv, parquet))
}

fn targets(document: &BandwidthDocument) -> PolarsResult<DataFrame> {
    let rows = &document.plan.curve;
    let need = |name: &str, of: fn(&NeedRow) -> Option<u64>| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let columns = vec![
        need("target_micros", |row| Some(row.target_micros)),
        need("always_bytes_per_second", |row| row.always_bytes_per_second),
        need("share_bytes_per_second", |row| row.share_bytes_per_second),
        need("always_every_write_bytes_per_second", |row| {
            row.always_every_write_bytes_per_second
        }),
        need("share_every_write_bytes_per_second", |row| {
            row.share_every_write_bytes_per_second
        }),
    ];
    DataFrame::new(rows.len(), columns)
}

/// A row for each bandwidth and part of the time.
fn rpo(document: &BandwidthDocument) -> PolarsResult<DataFrame> {
    let plan = &document.plan;
    let links = plan.links.iter();
    let rows = links.flat_map(|link| {
        let parts = link.parts_rpo_micros.iter().zip(0_u64..);
        let count = link.parts_rpo_micros.len().max(1) as u64;
        parts.map(move |(rpo, part)| {
            let from = u128::from(plan.watched.span_micros) * u128::from(part) / u128::from(count);
            (link.bytes_per_second, from as u64, *rpo)
        })
    });
    let rows: Vec<(u64, u64, u64)> = rows.collect();
    let column = |name: &str, of: fn(&(u64, u64, u64)) -> u64| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    };
    let columns = vec![
        column("bytes_per_second", |row| row.0),
        column("from_micros", |row| row.1),
        column("rpo_max_micros", |row| row.2),
    ];
    DataFrame::new(rows.len(), columns)
}
