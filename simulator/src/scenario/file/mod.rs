//! The file of a scenario: as it is written, its defaults, and every rule that holds across its keys.
//!
//! The order is that of the file: places and links, what is protected, how, what goes wrong. Each part is checked
//! against those before it, and every error has one form: `scenario FILE: line N: what is wrong; what would be right`.

mod key;
mod written;

mod defaults;
mod drawn;
mod policy;
mod reader;
mod schema;

mod bounds;
mod component;
mod faults;
mod instances;
mod places;
mod replicas;
mod strategies;

use std::ops::Range;

use engine::error::Result;
use toml::Spanned;

use self::places::Places;
use self::reader::Reader;
use self::written::{Fidelity, File};
use super::{Objectives, Operator, Penalty, Scenario};
use crate::quantity::Time;

pub use bounds::{
    EMULATED_BACKUPS_MAX, EMULATED_BYTES_MAX, INSTANCES_MAX, LIST_MAX, TOTAL_BLOCKS_MAX,
};
pub use schema::schema;

impl Scenario {
    /// Reads a scenario and checks it; `file_name` names it in errors.
    ///
    /// # Errors
    /// `Invalid` with the line, what is wrong there, and what would be right.
    pub fn parse(file_name: &str, text: &str) -> Result<Self> {
        let mut reader = Reader::new(file_name, text);
        let file: File = toml::from_str(text).map_err(|error| reader.reworded(&error))?;
        let all = 0..0;
        let question = reader.need(&file.question, &all, "the question", QUESTION)?;
        let (horizon, start) = (horizon(&mut reader, &file)?, start(&mut reader, &file)?);
        bounds::lists(&reader, &file)?;
        let places = Places::read(&mut reader, &file)?;
        let groups = instances::read(&mut reader, &file.instance, (&places, horizon))?;
        let strategies = strategies::read(&mut reader, &file.strategy, (&places, &groups))?;
        let known = (&places, groups.as_slice(), strategies.as_slice());
        let faults = faults::read(&mut reader, &file.fault, known, horizon)?;
        let emulated = file.fidelity.get() != Some(&Fidelity::Modelled);
        let trials = reader.or(&file.trials, &defaults::TRIALS)?;
        let trials = reader.within(&file.trials, &all, (trials, 1..=1_000_000), "trials")?;
        let seed = reader.or(&file.seed, &defaults::SEED)?;
        let scenario = Self {
            name: name(&reader, &file, file_name)?,
            question: question.trim().to_owned(),
            digest: blake3::hash(text.as_bytes()).to_hex().to_string(),
            start_seconds: start,
            horizon_micros: horizon,
            seed,
            trials,
            objectives: objectives(&reader, &file)?,
            penalty: penalty(&file),
            places: places.all,
            links: places.links,
            groups,
            strategies,
            faults,
            operator: operator(&mut reader, &file)?,
            emulated,
            assumed: Vec::new(),
        };
        bounds::work(&reader, &file, &scenario)?;
        Ok(Self {
            assumed: reader.assumed(),
            ..scenario
        })
    }
}

const QUESTION: &str = "question = \"What does a region's outage cost us?\"";

/// The file's name without folder and ending, where the scenario has no other.
fn name(reader: &Reader<'_>, file: &File, file_name: &str) -> Result<String> {
    if file.name.is_some() {
        return reader.name(&file.name, &(0..0), ("scenario", &[]));
    }
    let path = std::path::Path::new(file_name);
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    Ok(stem.to_string_lossy().into_owned())
}

/// Longest horizon: past a century nothing that is assumed here holds.
const HORIZON_YEARS_MAX: u64 = 100;

fn horizon(reader: &mut Reader<'_>, file: &File) -> Result<u64> {
    let horizon = reader.or(&file.horizon, &defaults::HORIZON)?.0;
    if horizon == 0 || horizon > HORIZON_YEARS_MAX * super::YEAR {
        let right = format!("write up to {HORIZON_YEARS_MAX}y, such as horizon = \"1y\"");
        let wrong = format!("a horizon of {}", Time(horizon));
        return Err(reader.refuse(&file.horizon.span_or(&(0..0)), wrong, right));
    }
    Ok(horizon)
}

fn start(reader: &mut Reader<'_>, file: &File) -> Result<i64> {
    let text = reader.or(&file.start, &defaults::START)?;
    let day: Option<jiff::civil::Date> = text.parse().ok();
    let midnight = day
        .filter(|day| (1970..2200).contains(&day.year()))
        .and_then(|day| {
            day.at(0, 0, 0, 0)
                .to_zoned_datetime(jiff::tz::TimeZone::UTC)
                .ok()
        });
    midnight
        .map(|at| at.timestamp().as_second())
        .ok_or_else(|| {
            let span = file.start.span_or(&(0..0));
            let shown: String = text.chars().take(40).collect();
            let right = "write one from 1970 to 2199, such as 2026-01-31";
            reader.refuse(&span, format!("'{shown}' is not a day"), right)
        })
}

fn objectives(reader: &Reader<'_>, file: &File) -> Result<Objectives> {
    let asked = &file.objectives;
    let time = |key: &key::Key<Time>, name: &str| match key.written() {
        Some((Time(0), span)) => {
            let right = format!("write how long, such as {name} = \"4h\", or leave it out");
            Err(reader.refuse(&span, format!("an {name} of nothing"), right))
        }
        written => Ok(written.map(|(time, _)| time.0)),
    };
    Ok(Objectives {
        rpo_micros: time(&asked.rpo, "rpo")?,
        rto_micros: time(&asked.rto, "rto")?,
        retention_micros: time(&asked.retention, "retention")?,
    })
}

fn penalty(file: &File) -> Option<Penalty> {
    file.penalty.get().map(|penalty| Penalty {
        downtime_per_hour: penalty.downtime_per_hour.get().copied().unwrap_or(0),
        lost_data_per_hour: penalty.lost_data_per_hour.get().copied().unwrap_or(0),
    })
}

fn operator(reader: &mut Reader<'_>, file: &File) -> Result<Operator> {
    let said = &file.operator;
    Ok(Operator {
        detect: reader.or(&said.detect, &defaults::DETECT)?,
        declare: reader.or(&said.declare, &defaults::DECLARE)?,
        provision: reader.or(&said.provision, &defaults::PROVISION)?,
        failover: reader.or(&said.failover, &defaults::FAILOVER)?,
        geo_failover: reader.or(&said.geo_failover, &defaults::GEO_FAILOVER)?,
        boot: reader.or(&said.boot, &defaults::BOOT)?,
        validate: reader.or(&said.validate, &defaults::VALIDATE)?,
        rebuild: reader.or(&said.rebuild, &defaults::REBUILD)?,
    })
}

/// An entry of a list and where it begins.
fn entries<T>(list: &[Spanned<T>]) -> impl Iterator<Item = (&T, Range<usize>)> {
    list.iter().map(|entry| (entry.get_ref(), entry.span()))
}

#[cfg(test)]
mod tests;
