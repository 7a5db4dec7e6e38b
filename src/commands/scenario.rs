//! `firedrill scenario`: what ships, what a file means, whether it is right.

use std::path::Path;

use anyhow::{Result, bail};
use engine::Error;
use serde_json::{Value, json};
use simulator::scenario::{SHIPPED, Scenario, file, shipped};

use crate::cli::{ScenarioArgs, ScenarioCommand};
use crate::exit::{self, Exit};
use crate::output;

/// Columns of text, comments included: what a terminal and an editor beside it show.
const COLUMNS: usize = 100;

pub(crate) fn run(args: &ScenarioArgs, json: bool) -> Result<Exit> {
    match &args.command {
        ScenarioCommand::List => list(json)?,
        ScenarioCommand::Show(args) => show(&args.scenario, json)?,
        ScenarioCommand::Check(args) => check(&args.scenarios, json)?,
        // The schema is JSON anyway.
        ScenarioCommand::Schema => output::print_json(&file::schema())?,
    }
    Ok(Exit::Met)
}

/// The scenario that a path or a shipped name means, and its text.
///
/// # Errors
/// When there is neither, the file can't be read, or it is wrong.
pub(crate) fn open(asked: &str) -> Result<(Scenario, String)> {
    let path = Path::new(asked);
    // A report's folder often has the scenario's name.
    if let (false, Some(text)) = (path.is_file(), shipped(asked)) {
        return Ok((Scenario::parse(asked, text)?, text.to_owned()));
    }
    if !path.exists() && path.extension().is_none() && path.components().count() == 1 {
        let names: Vec<_> = SHIPPED.iter().map(|(name, _)| *name).collect();
        bail!(
            "there is no file {asked}, and no scenario of that name: write the path of a file, or one of {}",
            names.join(", ")
        );
    }
    if path.is_dir() {
        bail!("{asked} is a folder: write the path of a scenario in it");
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::from_io(format!("scenario {asked}"), error))?;
    Ok((Scenario::parse(asked, &text)?, text))
}

/// What it can be run as.
fn fidelities(scenario: &Scenario) -> &'static [&'static str] {
    if scenario.emulated {
        &["emulated", "modelled"]
    } else {
        &["modelled"]
    }
}

fn brief(name: &str, scenario: &Scenario) -> Value {
    json!({
        "name": name,
        "title": scenario.name,
        "question": scenario.question,
        "fidelities": fidelities(scenario),
        "strategies": scenario.strategies.iter().map(|strategy| &strategy.name).collect::<Vec<_>>(),
        "instances": scenario.instances(),
        "digest": scenario.digest,
        "doubts": scenario.doubts(),
    })
}

fn list(json: bool) -> Result<()> {
    let read = SHIPPED
        .iter()
        .map(|(name, text)| Ok((*name, Scenario::parse(name, text)?)));
    let read: Vec<_> = read.collect::<Result<_>>()?;
    if json {
        let briefs = read.iter().map(|(name, scenario)| brief(name, scenario));
        return output::print_json(&briefs.collect::<Vec<_>>());
    }
    let mut text = String::new();
    for (name, scenario) in &read {
        text += &format!("{name}  ({})\n", fidelities(scenario).join(", "));
        text += &wrapped("  ", &scenario.question);
    }
    output::print(&text)
}

fn show(asked: &str, json: bool) -> Result<()> {
    let (scenario, text) = open(asked)?;
    if json {
        let mut document = brief(asked, &scenario);
        document["meaning"] = json!(scenario.meaning());
        document["assumed"] = json!(scenario.assumed);
        document["text"] = json!(text);
        return output::print_json(&document);
    }
    let mut shown = text.trim_end().to_owned();
    shown += "\n\n# What this means:\n";
    for paragraph in scenario.meaning() {
        shown += "#\n";
        shown += &wrapped("# ", &paragraph);
    }
    shown += "\n# What it leaves to defaults, and where those are from:\n#\n";
    for assumed in &scenario.assumed {
        let said = format!("{}: {} ({})", assumed.what, assumed.value, assumed.source);
        shown += &wrapped("# ", &said);
    }
    output::print(&shown)
}

fn check(asked: &[String], json: bool) -> Result<()> {
    let (mut checked, mut wrong) = (Vec::new(), Vec::new());
    for asked in asked {
        match open(asked) {
            Ok((scenario, _)) => checked.push((asked, scenario)),
            Err(error) => wrong.push(exit::told(&error)),
        }
    }
    told(&checked, json)?;
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!(wrong.join("\n"))
    }
}

/// Those that are right, each with what it can't get.
fn told(checked: &[(&String, Scenario)], json: bool) -> Result<()> {
    if json {
        let briefs = checked
            .iter()
            .map(|(asked, scenario)| brief(asked, scenario));
        return output::print_json(&briefs.collect::<Vec<_>>());
    }
    let mut text = String::new();
    for (asked, scenario) in checked {
        let strategies = scenario.strategies.len();
        let (instances, faults) = (scenario.instances(), scenario.faults.len());
        let runs = fidelities(scenario).join(", ");
        text += &format!(
            "{asked} is right: instances {instances}, strategies {strategies}, faults {faults}; runs {runs}\n"
        );
        for doubt in scenario.doubts() {
            text += &wrapped("  ", &format!("note: {doubt}"));
        }
    }
    output::print(&text)
}

/// Words broken into lines, each after `indent`.
fn wrapped(indent: &str, words: &str) -> String {
    let (mut text, mut line) = (String::new(), indent.to_owned());
    for word in words.split_whitespace() {
        let used = line.chars().count() + 1 + word.chars().count();
        if used > COLUMNS && line.len() > indent.len() {
            text += line.trim_end();
            text.push('\n');
            line.replace_range(.., indent);
        }
        line += word;
        line.push(' ');
    }
    text + line.trim_end() + "\n"
}
