//! What came of a scenario: what each strategy loses, for how long it is down, and what it costs.

mod cost;
mod document;
mod frontier;
mod percentiles;
mod risk;
mod usage;

mod words;

mod bars;
mod canvas;
mod chart;
mod timeline;

mod export;
mod html;
mod markdown;
mod summary;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::path::Path;

use simulator::outcome::scenario::ScenarioOutcome;

use crate::{PriceBook, ReportError};

pub use cost::{Cost, CostLine, CostMonth, Part, PartSum};
pub use document::{ScenarioDocument, StrategyDocument};
pub use frontier::{Standing, standings};
pub use percentiles::{Percentiles, Share, SpanMean};
pub use risk::{Measure, Risk};
pub use summary::scenario_summary;

/// Prices a scenario's outcome and writes `report.html`, `report.json`, `report.md`, and `incidents`,
/// `quantities` and `strategies` as `.csv` and `.parquet` into the existing folder `out`, each whole or
/// not at all; gives the document.
///
/// # Errors
/// [`ReportError::Unpriced`] when the book lacks a price of something that was used,
/// [`ReportError::Write`] for a file that can't be written, [`ReportError::Make`] for a fault of this
/// crate.
pub fn write_scenario(
    outcome: &ScenarioOutcome,
    book: &PriceBook,
    out: &Path,
) -> Result<ScenarioDocument, ReportError> {
    let document = ScenarioDocument::new(outcome, book)?;
    export::json(&document, out)?;
    export::tables(outcome, &document, out)?;
    crate::export::whole(out, "report.md", markdown::render(&document).as_bytes())?;
    let page = html::render(&document)?;
    crate::export::whole(out, "report.html", page.as_bytes())?;
    Ok(document)
}
