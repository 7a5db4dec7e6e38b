//! The evidence of a drill: can it be restored, how fast, losing what, and how much of the vault was ever
//! read back.

mod document;
mod objectives;

mod words;

mod export;
mod html;
mod metrics;
mod table;

#[cfg(test)]
mod sample;

use std::path::Path;

pub use document::{Evidence, InstanceEvidence, PointEvidence, Verdict as DrillVerdict};
pub use metrics::text as drill_metrics;
pub use objectives::{Objective, Objectives, parse_span};
pub use table::summary as drill_summary;

use crate::ReportError;

/// Writes `evidence.html`, `evidence.json`, `drill-points.csv` and `drill-points.parquet` into the
/// existing folder `out`, each whole or not at all.
///
/// # Errors
/// [`ReportError::Write`] for a file that can't be written, [`ReportError::Make`] for a fault of this
/// crate.
pub fn write_evidence(evidence: &Evidence, out: &Path) -> Result<(), ReportError> {
    export::json(evidence, out)?;
    export::points(evidence, out)?;
    let page = html::render(evidence)?;
    crate::export::whole(out, "evidence.html", page.as_bytes())
}

/// Writes a Prometheus text file at `at`, whole or not at all: collectors read it at any time.
///
/// # Errors
/// [`ReportError::Write`].
pub fn write_metrics(evidence: &Evidence, at: &Path) -> Result<(), ReportError> {
    let folder = match at.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = at.file_name().unwrap_or_default().to_string_lossy();
    crate::export::whole(folder, &name, drill_metrics(evidence).as_bytes())
}
