//! What happened to the protected instances, per year, and what that costs: the expected penalty.
#![expect(
    clippy::cast_precision_loss,
    reason = "hours a year are shown in a few digits"
)]

use serde::{Deserialize, Serialize};
use simulator::outcome::scenario::{IncidentRow, ScenarioOutcome, StrategyOutcome};

use super::percentiles::Share;

const HOUR_MICROS: f64 = 3.6e9;

/// What risk is measured by, so that all strategies are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Money: the expected penalty of a year.
    Penalty,
    /// The share of incidents that missed the objective that was missed more often.
    Missed,
    /// Hours of downtime and of lost data a year, as nothing else is stated.
    Hours,
}

/// What a strategy did not prevent, all instances together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// Incidents (an instance hit by a fault) a year.
    pub incidents_per_year: f64,
    /// Hours down a year. An instance that never came back counts until the end of its trial.
    pub downtime_hours_per_year: f64,
    /// Hours of lost data a year. An instance of which nothing could be restored counts from the
    /// beginning of its trial: what it had before is lost on top.
    pub lost_data_hours_per_year: f64,
    /// The expected penalty for downtime a year, where a rate is stated.
    pub downtime_penalty_per_year: Option<f64>,
    /// The expected penalty for lost data a year.
    pub lost_data_penalty_per_year: Option<f64>,
    /// Both.
    pub penalty_per_year: Option<f64>,
    /// Share of the incidents that missed the objective that was missed more often; `None` without
    /// objectives.
    pub missed: Option<f64>,
}

impl Measure {
    /// The measure that this scenario allows.
    pub(super) fn of(outcome: &ScenarioOutcome) -> Self {
        if outcome.downtime_per_hour.is_some() || outcome.lost_data_per_hour.is_some() {
            Self::Penalty
        } else if outcome.rpo_objective_micros.is_some() || outcome.rto_objective_micros.is_some() {
            Self::Missed
        } else {
            Self::Hours
        }
    }

    /// The risk by this measure.
    pub(super) fn value(self, risk: &Risk) -> f64 {
        let hours = risk.downtime_hours_per_year + risk.lost_data_hours_per_year;
        match self {
            Self::Penalty => risk.penalty_per_year.unwrap_or(0.0),
            Self::Missed => risk.missed.unwrap_or(0.0),
            Self::Hours => hours,
        }
    }
}

impl Risk {
    /// What came of a strategy in `years` of one trial.
    pub(super) fn new(
        outcome: &ScenarioOutcome,
        strategy: &StrategyOutcome,
        years: f64,
        [rpo_met, rto_met]: [Option<Share>; 2],
    ) -> Self {
        let trial_years = years * f64::from(strategy.trials);
        let a_year = |sum: f64| {
            if trial_years > 0.0 {
                sum / trial_years
            } else {
                0.0
            }
        };
        let (down, lost) = hours(strategy, outcome.horizon_micros);
        let (down, lost) = (a_year(down), a_year(lost));
        let downtime = outcome.downtime_per_hour.map(|rate| rate as f64 * down);
        let lost_data = outcome.lost_data_per_hour.map(|rate| rate as f64 * lost);
        let missed = [rpo_met, rto_met].into_iter().flatten();
        Self {
            incidents_per_year: a_year(strategy.incidents as f64),
            downtime_hours_per_year: down,
            lost_data_hours_per_year: lost,
            downtime_penalty_per_year: downtime,
            lost_data_penalty_per_year: lost_data,
            penalty_per_year: match (downtime, lost_data) {
                (None, None) => None,
                (downtime, lost_data) => {
                    Some(downtime.unwrap_or_default() + lost_data.unwrap_or_default())
                }
            },
            missed: missed.map(|share| 1.0 - share.ratio).reduce(f64::max),
        }
    }
}

/// Hours down and hours of data lost, in all trials together.
fn hours(strategy: &StrategyOutcome, horizon_micros: u64) -> (f64, f64) {
    let (rpo, rto) = (&strategy.rpo, &strategy.rto);
    let without = |count: u64| strategy.incidents.saturating_sub(count) as f64;
    // Rows stand for all incidents where there are more incidents than rows.
    let never_back = mean(&strategy.rows, |row| match row.rto_micros {
        None => Some(horizon_micros.saturating_sub(row.at_micros)),
        Some(_) => None,
    });
    let nothing_back = mean(&strategy.rows, |row| match row.rpo_micros {
        None => Some(row.at_micros),
        Some(_) => None,
    });
    let half = horizon_micros as f64 / 2.0;
    let down =
        rto.mean_micros as f64 * rto.count as f64 + never_back.unwrap_or(half) * without(rto.count);
    let lost = rpo.mean_micros as f64 * rpo.count as f64
        + nothing_back.unwrap_or(half) * without(rpo.count);
    (down / HOUR_MICROS, lost / HOUR_MICROS)
}

fn mean(rows: &[IncidentRow], of: impl Fn(&IncidentRow) -> Option<u64>) -> Option<f64> {
    let values: Vec<u64> = rows.iter().filter_map(of).collect();
    let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
    (!values.is_empty()).then(|| sum as f64 / values.len() as f64)
}
