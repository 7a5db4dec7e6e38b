//! Files for other tools: JSON, CSV and Parquet.

use std::path::Path;

use polars::error::PolarsResult;
use polars::prelude::{Column, DataFrame};
use polars_io::SerWriter;
use polars_io::csv::write::CsvWriter;
use polars_io::parquet::write::ParquetWriter;
use simulator::forecast::CAUSES;

use super::document::{ForecastDocument, MonthDocument, PolicyDocument};
use crate::ReportError;
use crate::export::whole;

/// Writes the document as `plan.json`.
pub(super) fn json(document: &ForecastDocument, out: &Path) -> Result<(), ReportError> {
    let made = serde_json::to_vec_pretty(document);
    let mut text = made.map_err(|error| ReportError::Make {
        file: "plan.json",
        message: error.to_string(),
    })?;
    text.push(b'\n');
    whole(out, "plan.json", &text)
}

/// Writes a row for each policy and month as `plan.csv` and `plan.parquet`.
pub(super) fn months(document: &ForecastDocument, out: &Path) -> Result<(), ReportError> {
    let (csv, parquet) = encode(document).map_err(|error| ReportError::Make {
        file: "plan.csv and plan.parquet",
        message: error.to_string(),
    })?;
    whole(out, "plan.csv", &csv)?;
    whole(out, "plan.parquet", &parquet)
}

fn encode(document: &ForecastDocument) -> PolarsResult<(Vec<u8>, Vec<u8>)> {
    let mut frame = frame(document)?;
    let (mut csv, mut parquet) = (Vec::new(), Vec::new());
    CsvWriter::new(&mut csv).finish(&mut frame)?;
    ParquetWriter::new(&mut parquet).finish(&mut frame)?;
    Ok((csv, parquet))
}

type Row<'a> = (&'a PolicyDocument, &'a MonthDocument);

fn frame(document: &ForecastDocument) -> PolarsResult<DataFrame> {
    let policies = document.policies.iter();
    let rows: Vec<Row<'_>> = policies
        .flat_map(|policy| policy.months.iter().map(move |month| (policy, month)))
        .collect();
    let text = |name: &str, of: fn(&Row<'_>) -> String| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<String>>())
    };
    let number = |name: &str, of: &dyn Fn(&Row<'_>) -> u64| {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<u64>>())
    };
    let mut columns = vec![
        text("policy", |row| row.0.name.clone()),
        text("convention", |row| row.0.convention.clone()),
        text("month", |row| row.1.month.month.clone()),
        number("points", &|row| row.1.month.points),
        number("soft_deleted_points", &|row| {
            row.1.month.soft_deleted_points
        }),
        number("kept_bytes", &|row| row.1.month.kept_bytes),
        number("soft_deleted_bytes", &|row| row.1.month.soft_deleted_bytes),
        number("unused_bytes", &|row| row.1.month.unused_bytes),
        number("stored_bytes", &|row| row.1.month.stored_bytes),
        number("low_bytes", &|row| row.1.month.low_bytes),
        number("high_bytes", &|row| row.1.month.high_bytes),
        number("peak_bytes", &|row| row.1.month.peak_bytes),
        number("billed_bytes", &|row| row.1.month.billed_bytes),
    ];
    for cause in CAUSES {
        let points = |row: &Row<'_>| {
            let found = row
                .1
                .month
                .reasons
                .iter()
                .find(|(known, _)| *known == cause);
            found.map_or(0, |(_, points)| *points)
        };
        columns.push(number(&format!("points_{}", cause.name()), &points));
    }
    for (at, redundancy) in document.redundancies.iter().enumerate() {
        let costs: Vec<f64> = rows.iter().map(|row| row.1.costs[at].all).collect();
        let name = format!("cost_{redundancy}_{}", document.currency.to_lowercase());
        columns.push(Column::new(name.into(), costs));
    }
    DataFrame::new(rows.len(), columns)
}
