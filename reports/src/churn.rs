//! The bandwidth report: what holds an RPO, and what RPO a bandwidth gives.

mod document;
mod words;

mod canvas;
mod chart;

mod export;
mod html;
mod summary;

use std::path::Path;

use simulator::churn::ChurnPlanRows;

use crate::ReportError;

pub use document::BandwidthDocument;
pub use summary::bandwidth_summary;

/// Writes a churn plan as `bandwidth.html`, `bandwidth.json`, and as CSV and Parquet `targets` (what each RPO needs) and
/// `rpo` (the RPO over time) into the existing folder `out`, each whole or not at all; gives the document.
///
/// # Errors
/// [`ReportError::Write`] for a file that can't be written, [`ReportError::Make`] for a fault of this crate.
pub fn write_bandwidth(rows: &ChurnPlanRows, out: &Path) -> Result<BandwidthDocument, ReportError> {
    let document = BandwidthDocument::new(rows);
    export::json(&document, out)?;
    export::tables(&document, out)?;
    let page = html::render(&document)?;
    crate::export::whole(out, "bandwidth.html", page.as_bytes())?;
    Ok(document)
}

#[cfg(test)]
mod tests;
