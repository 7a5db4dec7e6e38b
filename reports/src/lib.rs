#![doc = include_str!("../README.md")]

mod error;
mod units;

mod price;
mod redundancy;

mod document;

mod column;
mod noise;
mod verdict;

mod axis;
mod svg;

mod canvas;
mod chart;

mod export;
mod html;
mod table;

mod churn;
mod drill;
mod forecast;
mod scenario;

#[cfg(test)]
mod sample;

use std::path::Path;

use simulator::outcome::Comparison;

pub use churn::{BandwidthDocument, bandwidth_summary, write_bandwidth};
pub use column::Column;
pub use document::{Cost, Document, MethodDocument, PointDocument, RestoreDocument, Totals};
pub use drill::{
    DrillVerdict, Evidence, InstanceEvidence, Objective, Objectives, PointEvidence, drill_metrics,
    drill_summary, parse_span, write_evidence, write_metrics,
};
pub use error::ReportError;
pub use forecast::{
    ForecastDocument, MonthCost, MonthDocument, PolicyDocument, forecast_summary, write_forecast,
};
pub use price::{
    Band, DeletedDays, DiskKind, DiskSize, MachineSize, Price, PriceBook, Priced, SoftDelete,
    Source, Status, Tier, Way,
};
pub use redundancy::Redundancy;
pub use scenario::{
    Cost as ScenarioCost, CostLine, CostMonth, Measure, Part, PartSum, Percentiles, Risk,
    ScenarioDocument, Share, SpanMean, Standing, StrategyDocument, scenario_summary, standings,
    write_scenario,
};
pub use table::terminal_summary;
pub use verdict::{Verdict, verdict};

/// Prices a comparison and writes `report.html`, `report.json`, `points.csv` and `points.parquet`
/// into the existing folder `out`, each whole or not at all; gives the document.
///
/// # Errors
/// [`ReportError::Unpriced`] when the book lacks the redundancy, [`ReportError::Write`] for a file
/// that can't be written, [`ReportError::Make`] for a fault of this crate.
pub fn write_all(
    comparison: &Comparison,
    book: &PriceBook,
    redundancy: Redundancy,
    out: &Path,
) -> Result<Document, ReportError> {
    let document = Document::new(comparison, book, redundancy)?;
    export::json(&document, out)?;
    export::points(comparison, out)?;
    let page = html::render(&document)?;
    export::whole(out, "report.html", page.as_bytes())?;
    Ok(document)
}
