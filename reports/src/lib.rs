#![doc = include_str!("../README.md")]

mod chart;
mod document;
mod error;
mod export;
mod html;
mod price;
mod table;
mod units;
mod verdict;

use std::path::Path;

use simulator::outcome::Comparison;

pub use document::{
    Cost, Document, MethodDocument, PointDocument, PriceNote, RestoreDocument, Totals,
};
pub use error::ReportError;
pub use price::{Price, PriceBook, Redundancy, Status};
pub use table::terminal_summary;
pub use verdict::{Column, Verdict, verdict};

/// Prices a comparison and writes `report.html`, `report.json`, `points.csv` and `points.parquet`
/// into `out`, each whole or not at all; gives the document.
///
/// # Errors
/// When the book lacks the redundancy's price or a file can't be written.
pub fn write_all(
    comparison: &Comparison,
    book: &PriceBook,
    redundancy: Redundancy,
    out: &Path,
) -> Result<Document, ReportError> {
    let document = Document::new(comparison, book, redundancy)?;
    export::json(&document, &out.join("report.json"))?;
    export::points(comparison, out)?;
    let html = html::render(&document)?;
    export::whole(&out.join("report.html"), html.as_bytes())?;
    Ok(document)
}
