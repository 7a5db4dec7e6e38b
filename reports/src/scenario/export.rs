//! Files for other tools: JSON, and incidents, quantities and strategies as CSV and Parquet.
#![expect(
    clippy::cast_precision_loss,
    reason = "byte-hours pass 64 bits: 52 of them are plenty"
)]

use std::path::Path;

use polars::error::PolarsResult;
use polars::prelude::{Column, DataFrame};
use polars_io::SerWriter;
use polars_io::csv::write::CsvWriter;
use polars_io::parquet::write::ParquetWriter;
use simulator::outcome::scenario::{IncidentRow, Quantity, ScenarioOutcome, StrategyOutcome};

use super::cost::Part;
use super::document::{ScenarioDocument, StrategyDocument};
use super::frontier::Standing;
use super::words::{fidelity, kebab};
use crate::ReportError;
use crate::export::whole;

/// Writes the document as `report.json`.
pub(super) fn json(document: &ScenarioDocument, out: &Path) -> Result<(), ReportError> {
    let made = serde_json::to_vec_pretty(document);
    let mut text = made.map_err(|error| ReportError::Make {
        file: "report.json",
        message: error.to_string(),
    })?;
    text.push(b'\n');
    whole(out, "report.json", &text)
}

/// Writes the three tables.
pub(super) fn tables(
    outcome: &ScenarioOutcome,
    document: &ScenarioDocument,
    out: &Path,
) -> Result<(), ReportError> {
    write(out, "incidents", incidents(outcome))?;
    write(out, "quantities", quantities(outcome))?;
    write(out, "strategies", strategies(document))
}

fn write(out: &Path, name: &str, frame: PolarsResult<DataFrame>) -> Result<(), ReportError> {
    let encoded = frame.and_then(|mut frame| {
        let (mut csv, mut parquet) = (Vec::new(), Vec::new());
        CsvWriter::new(&mut csv).finish(&mut frame)?;
        ParquetWriter::new(&mut parquet).finish(&mut frame)?;
        Ok((csv, parquet))
    });
    let (csv, parquet) = encoded.map_err(|error| ReportError::Make {
        file: "incidents, quantities and strategies as .csv and .parquet",
        message: error.to_string(),
    })?;
    whole(out, &format!("{name}.csv"), &csv)?;
    whole(out, &format!("{name}.parquet"), &parquet)
}

/// Columns made of rows.
struct Columns<'a, R> {
    rows: &'a [R],
    columns: Vec<Column>,
}

impl<R> Columns<'_, R> {
    fn text(&mut self, name: &str, of: impl Fn(&R) -> String) {
        let values: Vec<String> = self.rows.iter().map(of).collect();
        self.columns.push(Column::new(name.into(), values));
    }

    fn number(&mut self, name: &str, of: impl Fn(&R) -> u64) {
        let values: Vec<u64> = self.rows.iter().map(of).collect();
        self.columns.push(Column::new(name.into(), values));
    }

    fn some(&mut self, name: &str, of: impl Fn(&R) -> Option<u64>) {
        let values: Vec<Option<u64>> = self.rows.iter().map(of).collect();
        self.columns.push(Column::new(name.into(), values));
    }

    fn fraction(&mut self, name: &str, of: impl Fn(&R) -> Option<f64>) {
        let values: Vec<Option<f64>> = self.rows.iter().map(of).collect();
        self.columns.push(Column::new(name.into(), values));
    }

    fn frame(self) -> PolarsResult<DataFrame> {
        DataFrame::new(self.rows.len(), self.columns)
    }
}

fn columns<R>(rows: &[R]) -> Columns<'_, R> {
    Columns {
        rows,
        columns: Vec::new(),
    }
}

fn incidents(outcome: &ScenarioOutcome) -> PolarsResult<DataFrame> {
    let strategies = outcome.strategies.iter();
    let rows: Vec<(&StrategyOutcome, &IncidentRow)> = strategies
        .flat_map(|one| one.rows.iter().map(move |row| (one, row)))
        .collect();
    let mut table = columns(&rows);
    table.text("strategy", |of| of.0.strategy.clone());
    table.text("fidelity", |of| fidelity(of.0.fidelity).to_owned());
    table.number("trial", |of| u64::from(of.1.trial));
    table.number("fault", |of| u64::from(of.1.fault));
    table.text("kind", |of| kebab(&of.1.kind));
    table.text("instance", |of| of.1.instance.clone());
    table.number("at_micros", |of| of.1.at_micros);
    table.text("ending", |of| kebab(&of.1.ending));
    table.some("rpo_micros", |of| of.1.rpo_micros);
    table.some("true_loss_micros", |of| of.1.true_loss_micros);
    table.some("rto_micros", |of| of.1.rto_micros);
    table.text("restored_from", |of| {
        of.1.restored_from.clone().unwrap_or_default()
    });
    table.some("captured_micros", |of| of.1.captured_micros);
    table.number("chain_length", |of| u64::from(of.1.chain_length));
    table.number("fetched_bytes", |of| of.1.fetched_bytes);
    let mut names: Vec<&str> = Vec::new();
    for span in rows.iter().flat_map(|of| &of.1.spans) {
        if !names.contains(&span.name.as_str()) {
            names.push(&span.name);
        }
    }
    for name in names {
        let column = format!("{}_micros", name.replace('-', "_"));
        table.number(&column, |of| {
            let spans = of.1.spans.iter().filter(|span| span.name == name);
            spans.map(|span| span.micros).sum()
        });
    }
    table.frame()
}

fn quantities(outcome: &ScenarioOutcome) -> PolarsResult<DataFrame> {
    let strategies = outcome.strategies.iter();
    let rows: Vec<(&StrategyOutcome, &Quantity)> = strategies
        .flat_map(|one| one.quantities.iter().map(move |of| (one, of)))
        .collect();
    let mut table = columns(&rows);
    table.text("strategy", |of| of.0.strategy.clone());
    table.text("fidelity", |of| fidelity(of.0.fidelity).to_owned());
    table.number("trials", |of| u64::from(of.0.trials));
    table.number("month", |of| u64::from(of.1.month));
    table.number("copy", |of| u64::from(of.1.copy));
    table.text("to", |of| kebab(&of.1.to));
    table.text("redundancy", |of| of.1.redundancy.name().to_owned());
    table.fraction("byte_hours", |of| Some(of.1.byte_hours as f64));
    table.fraction("deleted_byte_hours", |of| {
        Some(of.1.deleted_byte_hours as f64)
    });
    table.number("instance_hours", |of| {
        of.1.instance_hours.iter().map(|(_, hours)| hours).sum()
    });
    table.number("writes", |of| of.1.writes);
    table.number("reads", |of| of.1.reads);
    table.number("put_bytes", |of| of.1.put_bytes);
    table.number("got_bytes", |of| of.1.got_bytes);
    table.number("geo_bytes", |of| of.1.geo_bytes);
    table.number("crossed_bytes", |of| of.1.crossed_bytes);
    table.number("out_bytes", |of| of.1.out_bytes);
    table.number("in_bytes", |of| of.1.in_bytes);
    table.number("courier_trips", |of| of.1.courier_trips);
    table.number("standby_hours", |of| of.1.standby_hours);
    table.frame()
}

fn strategies(document: &ScenarioDocument) -> PolarsResult<DataFrame> {
    let currency = document.currency.to_lowercase();
    let mut table = columns(&document.strategies);
    table.text("strategy", |one| one.strategy.clone());
    table.text("fidelity", |one| fidelity(one.fidelity).to_owned());
    table.number("trials", |one| u64::from(one.trials));
    table.text("standing", |one| match &one.standing {
        None => String::new(),
        Some(Standing::Efficient) => "efficient".to_owned(),
        Some(Standing::BeatenBy(better)) => format!("beaten by {better}"),
        Some(Standing::NoProtection) => "no protection".to_owned(),
    });
    table.number("incidents", |one| one.incidents);
    table.number("restored", |one| one.restored);
    table.number("waited_out", |one| one.waited_out);
    table.number("lost", |one| one.lost);
    table.number("open", |one| one.open);
    times(&mut table);
    for part in Part::ALL {
        let name = format!("{}_{currency}_a_year", kebab(&part).replace('-', "_"));
        table.fraction(&name, |one| Some(one.cost.part(part)));
    }
    table.fraction(&format!("cost_{currency}_a_year"), |one| {
        Some(one.cost.per_year)
    });
    table.fraction(&format!("cost_{currency}"), |one| Some(one.cost.horizon));
    table.fraction(&format!("penalty_{currency}_a_year"), |one| {
        one.risk.penalty_per_year
    });
    table.fraction("downtime_hours_a_year", |one| {
        Some(one.risk.downtime_hours_per_year)
    });
    table.fraction("lost_data_hours_a_year", |one| {
        Some(one.risk.lost_data_hours_per_year)
    });
    table.number("violations", |one| one.violations.len() as u64);
    table.frame()
}

fn times(table: &mut Columns<'_, StrategyDocument>) {
    type Of = fn(&StrategyDocument) -> &super::Percentiles;
    let of: [(&str, Of); 2] = [("rpo", |one| &one.rpo), ("rto", |one| &one.rto)];
    for (name, of) in of {
        let some = |one: &StrategyDocument, seconds: f64| (of(one).count > 0).then_some(seconds);
        table.fraction(&format!("{name}_seconds_mean"), |one| {
            some(one, of(one).mean_seconds)
        });
        table.fraction(&format!("{name}_seconds_p50"), |one| of(one).p50_seconds);
        table.fraction(&format!("{name}_seconds_p90"), |one| of(one).p90_seconds);
        table.fraction(&format!("{name}_seconds_p95"), |one| of(one).p95_seconds);
        table.fraction(&format!("{name}_seconds_p99"), |one| of(one).p99_seconds);
        table.fraction(&format!("{name}_seconds_max"), |one| {
            some(one, of(one).max_seconds)
        });
    }
    table.fraction("rpo_met_ratio", |one| one.rpo_met.map(|share| share.ratio));
    table.fraction("rpo_met_ratio_low", |one| {
        one.rpo_met.map(|share| share.interval.low)
    });
    table.fraction("rpo_met_ratio_high", |one| {
        one.rpo_met.map(|share| share.interval.high)
    });
    table.fraction("rto_met_ratio", |one| one.rto_met.map(|share| share.ratio));
    table.fraction("rto_met_ratio_low", |one| {
        one.rto_met.map(|share| share.interval.low)
    });
    table.fraction("rto_met_ratio_high", |one| {
        one.rto_met.map(|share| share.interval.high)
    });
}
