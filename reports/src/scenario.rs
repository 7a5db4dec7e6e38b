//! What came of a scenario: what each strategy loses, for how long it is down, and what it costs.

mod cost;
mod document;
mod frontier;
mod percentiles;
mod risk;
mod usage;

mod summary;
mod words;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use cost::{Cost, CostLine, CostMonth, Part, PartSum};
pub use document::{ScenarioDocument, StrategyDocument};
pub use frontier::{Standing, standings};
pub use percentiles::{Percentiles, Share, SpanMean};
pub use risk::{Measure, Risk};
pub use summary::scenario_summary;
