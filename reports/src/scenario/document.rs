//! The stable JSON document: a scenario's outcome with money, in seconds. Names are only added.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "fractions begin here: 52 bits are plenty, and nothing is negative"
)]

use serde::{Deserialize, Serialize};
use simulator::outcome::Fidelity;
use simulator::outcome::scenario::{
    Agreement, Assumption, CopyOutcome, ScenarioOutcome, StrategyOutcome, Timeline,
};
use simulator::scenario::YEAR;

use super::cost::Cost;
use super::frontier::{Standing, standings};
use super::percentiles::{Percentiles, Share, SpanMean, seconds};
use super::risk::{Measure, Risk};
use super::words;
use crate::{Price, PriceBook, ReportError, SoftDelete};

/// What came of a scenario, priced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioDocument {
    /// The answer, a sentence or two for each entry.
    pub answer: Vec<String>,
    /// The program's version.
    pub program_version: String,
    /// The command that makes it again.
    pub command: String,
    /// The scenario's name.
    pub scenario: String,
    /// The question that it asks.
    pub question: String,
    /// BLAKE3 of its text.
    pub scenario_digest: String,
    /// Seed of the first trial.
    pub seed: u64,
    /// The first instant, Unix seconds.
    pub start_seconds: i64,
    /// How long each trial lasts.
    pub horizon_seconds: f64,
    /// The same in years of 365.25 days.
    pub horizon_years: f64,
    /// Instances in all.
    pub instances: u64,
    /// Bytes of all instances at the start.
    pub protected_bytes: u64,
    /// Longest span of lost data that is asked for.
    pub rpo_objective_seconds: Option<f64>,
    /// Longest time until service that is asked for.
    pub rto_objective_seconds: Option<f64>,
    /// Penalty for an hour of one instance's downtime.
    pub downtime_per_hour: Option<u64>,
    /// Penalty for an hour of one instance's lost data.
    pub lost_data_per_hour: Option<u64>,
    /// What risk is measured by.
    pub measure: Measure,
    /// What is assumed, with sources.
    pub assumptions: Vec<Assumption>,
    /// The price book's name.
    pub price_book: String,
    /// ISO 4217 code of every sum.
    pub currency: String,
    /// Bytes in one gigabyte of the price book.
    pub gigabyte_bytes: u64,
    /// The prices used, with their sources.
    pub prices: Vec<Price>,
    /// What the book says of deleted points.
    pub soft_delete: Option<SoftDelete>,
    /// One per strategy and fidelity.
    pub strategies: Vec<StrategyDocument>,
    /// How far the fidelities agree.
    pub agreements: Vec<Agreement>,
}

/// What came of a strategy at one fidelity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyDocument {
    /// Its name.
    pub strategy: String,
    /// The component, where one is named.
    pub component: Option<String>,
    /// How real this is.
    pub fidelity: Fidelity,
    /// Trials run.
    pub trials: u32,
    /// Stated bytes for each real byte (emulated trials).
    pub scale: Option<u64>,
    /// Digest of the first trial's trace.
    pub trace_digest: String,
    /// Events of all trials.
    pub events: u64,
    /// How it stands among the others; `None` for a fidelity that the answer does not rest on.
    pub standing: Option<Standing>,
    /// Incidents in all trials (one for each instance hit).
    pub incidents: u64,
    /// Brought back from a point.
    pub restored: u64,
    /// Over before a recovery was declared.
    pub waited_out: u64,
    /// Nothing was left to restore.
    pub lost: u64,
    /// Not over at the end of the trial.
    pub open: u64,
    /// The RPO achieved, where anything could be restored.
    pub rpo: Percentiles,
    /// The RTO achieved, of incidents that ended.
    pub rto: Percentiles,
    /// Incidents that met the RPO objective.
    pub rpo_met: Option<Share>,
    /// Incidents that met the RTO objective.
    pub rto_met: Option<Share>,
    /// Mean parts of the RTO.
    pub spans: Vec<SpanMean>,
    /// What it costs.
    pub cost: Cost,
    /// What it did not prevent, and the expected penalty.
    pub risk: Risk,
    /// Its copies.
    pub copies: Vec<CopyOutcome>,
    /// What the first trial did.
    pub timeline: Timeline,
    /// What checkers found; empty is good.
    pub violations: Vec<String>,
}

impl ScenarioDocument {
    /// Prices an outcome, by the book compiled in where this one says nothing.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] names what both books lack of what was used.
    pub fn new(outcome: &ScenarioOutcome, book: &PriceBook) -> Result<Self, ReportError> {
        let book = &book.clone().completed_by(&PriceBook::parts_book());
        let measure = Measure::of(outcome);
        let mut prices = Vec::new();
        let mut strategies = Vec::new();
        for strategy in &outcome.strategies {
            strategies.push(priced(outcome, strategy, book, &mut prices)?);
        }
        stand(&mut strategies, measure);
        let mut document = Self {
            answer: Vec::new(),
            program_version: outcome.program_version.clone(),
            command: outcome.command.clone(),
            scenario: outcome.scenario.clone(),
            question: outcome.question.clone(),
            scenario_digest: outcome.scenario_digest.clone(),
            seed: outcome.seed,
            start_seconds: outcome.start_seconds,
            horizon_seconds: seconds(outcome.horizon_micros),
            horizon_years: years(outcome),
            instances: outcome.instances,
            protected_bytes: outcome.protected_bytes,
            rpo_objective_seconds: outcome.rpo_objective_micros.map(seconds),
            rto_objective_seconds: outcome.rto_objective_micros.map(seconds),
            downtime_per_hour: outcome.downtime_per_hour,
            lost_data_per_hour: outcome.lost_data_per_hour,
            measure,
            assumptions: outcome.assumptions.clone(),
            price_book: book.name().to_owned(),
            currency: book.currency().to_owned(),
            gigabyte_bytes: book.gigabyte_bytes() as u64,
            prices,
            soft_delete: book.soft_delete().cloned(),
            strategies,
            agreements: outcome.agreements.clone(),
        };
        document.answer = words::answer(&document);
        Ok(document)
    }

    /// The strategies that the answer rests on: of each, the fidelity that comes first.
    pub fn compared(&self) -> impl Iterator<Item = &StrategyDocument> {
        self.strategies.iter().filter(|one| one.standing.is_some())
    }

    /// Whether no checker found anything.
    pub fn is_sound(&self) -> bool {
        self.strategies.iter().all(|one| one.violations.is_empty())
    }
}

fn years(outcome: &ScenarioOutcome) -> f64 {
    outcome.horizon_micros as f64 / YEAR as f64
}

fn priced(
    outcome: &ScenarioOutcome,
    strategy: &StrategyOutcome,
    book: &PriceBook,
    prices: &mut Vec<Price>,
) -> Result<StrategyDocument, ReportError> {
    let met =
        |objective: Option<u64>, hits: u64| objective.map(|_| Share::new(hits, strategy.incidents));
    let rpo_met = met(outcome.rpo_objective_micros, strategy.rpo_met);
    let rto_met = met(outcome.rto_objective_micros, strategy.rto_met);
    let ended = strategy.recovered.saturating_add(strategy.waited_out);
    let ended = ended.saturating_add(strategy.lost);
    let years = years(outcome);
    Ok(StrategyDocument {
        strategy: strategy.strategy.clone(),
        component: strategy.component.clone(),
        fidelity: strategy.fidelity,
        trials: strategy.trials,
        scale: strategy.scale,
        trace_digest: strategy.trace_digest.clone(),
        events: strategy.events,
        standing: None,
        incidents: strategy.incidents,
        restored: strategy.recovered,
        waited_out: strategy.waited_out,
        lost: strategy.lost,
        open: strategy.incidents.saturating_sub(ended),
        rpo: Percentiles::from(&strategy.rpo),
        rto: Percentiles::from(&strategy.rto),
        spans: strategy.spans_mean.iter().map(SpanMean::from).collect(),
        cost: Cost::new(strategy, years * 12.0, book, prices)?,
        risk: Risk::new(outcome, strategy, years, [rpo_met, rto_met]),
        rpo_met,
        rto_met,
        copies: strategy.copies.clone(),
        timeline: strategy.timeline.clone(),
        violations: strategy.violations.clone(),
    })
}

/// Says of each strategy's first fidelity how it stands.
fn stand(strategies: &mut [StrategyDocument], measure: Measure) {
    let mut options: Vec<(String, f64, f64)> = Vec::new();
    let mut rows = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (row, one) in strategies.iter_mut().enumerate() {
        if seen.contains(&one.strategy) {
            continue;
        }
        seen.push(one.strategy.clone());
        if one.incidents > 0 && one.rpo.p50_seconds.is_none() {
            one.standing = Some(Standing::NoProtection);
        } else {
            let risk = measure.value(&one.risk);
            options.push((one.strategy.clone(), one.cost.per_year, risk));
            rows.push(row);
        }
    }
    for (row, standing) in rows.into_iter().zip(standings(&options)) {
        strategies[row].standing = Some(standing);
    }
}
