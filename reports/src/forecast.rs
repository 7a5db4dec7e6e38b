//! The capacity and retention report: what a policy keeps, for how long, and what that costs.

mod document;
mod words;

pub(crate) mod canvas;
mod chart;

mod export;
mod html;
mod summary;
mod workbook;

use std::path::Path;

use simulator::forecast::Forecast;

use crate::{PriceBook, Redundancy, ReportError};

pub use document::{ForecastDocument, MonthCost, MonthDocument, PolicyDocument};
pub use summary::forecast_summary;

/// Prices a forecast and writes `plan.html`, `plan.json`, `plan.csv`, `plan.parquet` and `plan.xlsx`
/// into the existing folder `out`, each whole or not at all; gives the document.
///
/// # Errors
/// [`ReportError::Unpriced`] when the book lacks a redundancy, [`ReportError::Write`] for a file that
/// can't be written, [`ReportError::Make`] for a fault of this crate.
pub fn write_forecast(
    forecast: &Forecast,
    book: &PriceBook,
    redundancies: &[Redundancy],
    out: &Path,
) -> Result<ForecastDocument, ReportError> {
    let document = ForecastDocument::new(forecast, book, redundancies)?;
    export::json(&document, out)?;
    export::months(&document, out)?;
    workbook::write(&document, out)?;
    let page = html::render(&document)?;
    crate::export::whole(out, "plan.html", page.as_bytes())?;
    Ok(document)
}

#[cfg(test)]
mod tests;
