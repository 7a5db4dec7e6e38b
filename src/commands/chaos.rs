//! `firedrill chaos`: faults beyond a scenario's script, until something breaks that must not.

use anyhow::{Context, Result};
use serde_json::json;
use simulator::chaos::{self, Finding, Listener, Outcome, Request, Schedule};
use simulator::fault::Fault;
use simulator::quantity::Time;
use simulator::sweep::Prepared;
use simulator::world::account::Flaw;

use crate::cli::ChaosArgs;
use crate::exit::Exit;
use crate::output::{self, Bar};

use super::scenario;

pub(crate) fn run(args: &ChaosArgs, json: bool) -> Result<Exit> {
    let (scenario, _) = scenario::open(&args.scenario)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let flaw = args
        .plant_early_acknowledgement
        .map_or(Flaw::None, |seconds| {
            Flaw::EarlyAcknowledgement(seconds.saturating_mul(1_000_000))
        });
    let prepared = Prepared::new(scenario)?;
    if let Some(file) = &args.replay {
        return replay(&prepared, file, flaw, json);
    }
    let request = Request {
        seed,
        seeds: args.seeds,
        flaw,
    };
    let mut told = Told {
        bar: Bar::steps("chaos", u64::from(args.seeds)),
        places: prepared
            .scenario
            .places
            .iter()
            .map(|place| place.name.clone())
            .collect(),
    };
    let outcome = chaos::run(&prepared, &request, &mut told)?;
    told.bar.done();
    if let Some(finding) = &outcome.finding {
        let text = serde_json::to_string_pretty(&finding.smallest)?;
        std::fs::write(&args.save, text + "\n")
            .with_context(|| format!("schedule {}", args.save.display()))?;
    }
    if json {
        output::print_json(&outcome)?;
    } else {
        output::print(&words(&outcome, args, &told.places))?;
    }
    Ok(if outcome.finding.is_some() {
        Exit::Corrupt
    } else {
        Exit::Met
    })
}

fn replay(prepared: &Prepared, file: &std::path::Path, flaw: Flaw, json: bool) -> Result<Exit> {
    let name = || format!("schedule {}", file.display());
    let text =
        std::fs::read_to_string(file).map_err(|error| engine::Error::from_io(name(), error))?;
    let schedule: Schedule = serde_json::from_str(&text).map_err(|error| {
        let say = format!(
            "{}: {error}; save one with `firedrill chaos --save`",
            name()
        );
        engine::Error::new(engine::ErrorKind::Invalid, say)
    })?;
    let violations = chaos::replay(prepared, &schedule, flaw)?;
    if json {
        output::print_json(&json!({ "schedule": schedule, "violations": violations }))?;
    } else if violations.is_empty() {
        output::print("Nothing broke.\n")?;
    } else {
        output::print(&(violations.join("\n") + "\n"))?;
    }
    Ok(if violations.is_empty() {
        Exit::Met
    } else {
        Exit::Corrupt
    })
}

/// Tells on standard error what is tried.
struct Told {
    bar: Bar,
    places: Vec<String>,
}

impl Listener for Told {
    fn trial(&mut self, number: u32, of: u32, schedule: &Schedule) {
        use simulator::measured::Watcher as _;
        let faults = schedule.faults.len();
        let what = format!(
            "seed {}, {}: {faults} faults",
            schedule.seed, schedule.strategy
        );
        self.bar.step(u64::from(number), u64::from(of), &what);
    }

    fn found(&mut self, violations: &[String]) {
        use simulator::measured::Watcher as _;
        self.bar.step(
            1,
            1,
            &format!("broken: {}", violations.first().map_or("", String::as_str)),
        );
    }

    fn shrinking(&mut self, trial: u32, faults: usize) {
        use simulator::measured::Watcher as _;
        self.bar.step(
            u64::from(trial),
            u64::from(trial),
            &format!("shrinking: {faults} faults"),
        );
    }
}

fn words(outcome: &Outcome, args: &ChaosArgs, places: &[String]) -> String {
    let mut text = format!(
        "{} trials, {} incidents, {} of them recovered.\n",
        outcome.trials, outcome.incidents, outcome.recovered
    );
    let struck: Vec<String> = outcome
        .struck
        .iter()
        .map(|(kind, count)| format!("{} {count}", name(*kind)))
        .collect();
    text += &format!("Faults: {}.\n", struck.join(", "));
    match &outcome.finding {
        None => text += "Nothing broke that must not.\n",
        Some(finding) => text += &found(finding, args, places),
    }
    text
}

fn found(finding: &Finding, args: &ChaosArgs, places: &[String]) -> String {
    let (drawn, smallest) = (&finding.drawn, &finding.smallest);
    let mut text = format!(
        "\nBroken under seed {}, strategy '{}':\n",
        drawn.seed, drawn.strategy
    );
    for violation in &finding.violations {
        text += &format!("  {violation}\n");
    }
    text += &format!(
        "\n{} were drawn; {} enough ({} to find that):\n",
        many(drawn.faults.len() as u64, "fault"),
        match smallest.faults.len() {
            1 => "1 is".to_owned(),
            some => format!("{some} are"),
        },
        many(u64::from(finding.trials), "trial"),
    );
    for fault in &smallest.faults {
        text += &format!("  {}\n", line(fault, places));
    }
    let planted = args.plant_early_acknowledgement.map(|late| {
        let late = Time(late.saturating_mul(1_000_000));
        format!(" --plant-early-acknowledgement '{late}'")
    });
    text += &format!(
        "\nSaved: {}\nReplay: firedrill chaos {} --replay {}{}\n",
        args.save.display(),
        args.scenario,
        args.save.display(),
        planted.unwrap_or_default()
    );
    text
}

/// So many of something.
fn many(count: u64, what: &str) -> String {
    let more = if count == 1 { "" } else { "s" };
    format!("{count} {what}{more}")
}

fn name(kind: simulator::scenario::FaultKind) -> String {
    let name = serde_json::to_value(kind).ok();
    name.and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A fault in a line.
fn line(fault: &Fault, places: &[String]) -> String {
    let (day, hour) = (86_400_000_000, 3_600_000_000);
    let lasts = fault.until_micros.saturating_sub(fault.at_micros);
    let mut text = format!(
        "day {}.{:03}: {} for {}.{} h",
        fault.at_micros / day,
        fault.at_micros % day * 1000 / day,
        name(fault.kind),
        lasts / hour,
        lasts % hour * 10 / hour
    );
    if let Some(place) = fault.place.and_then(|place| places.get(place)) {
        text += &format!(", {place}");
    }
    let number = if fault.kind == simulator::scenario::FaultKind::StoreCopy {
        "copy"
    } else {
        "zone"
    };
    if let Some(zone) = fault.zone {
        text += &format!(", {number} {}", zone + 1);
    }
    if !fault.instances.is_empty() {
        text += &format!(", {} instances", fault.instances.len());
    }
    text
}
