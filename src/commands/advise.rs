//! `firedrill advise`: which component could protect this, why, and why not the others.

use anyhow::{Result, bail};
use simulator::component::{self, Ask, Component, Edition, Place, Statement, Wants, Workload};
use simulator::scenario::System;

use crate::cli::{AdviseArgs, AdviseCommand, ComponentArgs, ProfilesArgs};
use crate::exit::Exit;
use crate::{output, report};

const DAY_SECONDS: u64 = 86_400;

pub(crate) fn run(args: &AdviseArgs, json: bool) -> Result<Exit> {
    match &args.command {
        AdviseCommand::Component(args) => advise(args, json),
        AdviseCommand::Profiles(args) => profiles(args, json),
    }
}

/// What is said of one component.
#[derive(serde::Serialize)]
struct Advice {
    name: &'static str,
    title: &'static str,
    fits: bool,
    /// Where it would keep the points, and how often it would make one there.
    target: component::Target,
    interval_minutes: Option<u64>,
    /// What of the question it does, where it does all.
    grounds: Vec<Statement>,
    /// What of the question it can't do.
    refusals: Vec<Statement>,
    benefits: Vec<Statement>,
    limits: Vec<Statement>,
}

impl Advice {
    fn new(component: &'static Component, ask: &Ask) -> Self {
        let refusals = component.admits(ask);
        let (benefits, limits) = component.character();
        let fits = refusals.is_empty();
        Self {
            name: &component.name,
            title: &component.title,
            fits,
            target: component.target_for(ask),
            interval_minutes: component.interval_minutes(ask).filter(|_| fits),
            grounds: if fits {
                component.grounds(ask)
            } else {
                Vec::new()
            },
            refusals,
            benefits,
            limits,
        }
    }
}

fn advise(args: &ComponentArgs, json: bool) -> Result<Exit> {
    if args.place == Place::Azure && args.hypervisor.is_some() {
        bail!("machines in Azure run on its own fabric: leave --hypervisor out");
    }
    let ask = asked(args);
    let all = component::all(args.edition).map(|component| Advice::new(component, &ask));
    let (fit, unfit): (Vec<_>, Vec<_>) = all.partition(|advice| advice.fits);
    let instead = instead(&fit, &ask, args.edition);
    if json {
        output::print_json(&document(args, &ask, (&fit, &unfit), &instead))?;
    } else {
        output::print(&Text::of(args, (&fit, &unfit), &instead))?;
    }
    Ok(if fit.is_empty() {
        Exit::Missed
    } else {
        Exit::Met
    })
}

fn asked(args: &ComponentArgs) -> Ask {
    Ask {
        workload: args.workload,
        system: if args.linux {
            System::Linux
        } else {
            System::Windows
        },
        place: args.place,
        hypervisor: args.hypervisor,
        wants: Wants {
            target: args.target,
            // No component makes a point more often than once a minute.
            interval_minutes: args.every.map(|every| (every.0 / 60).max(1)),
            or_oftener: true,
            points: args.points,
            retention_days: args.retention.map(|time| time.0.div_ceil(DAY_SECONDS)),
            soft_delete_days: None,
            source_bytes: args.size.map(|size| size.0),
            redundancy: args.redundancy,
            granularity: args.restore,
            application_consistent: args.application_consistent,
            offline_seed: args.offline_seed,
            cross_region_restore: args.cross_region_restore,
        },
    }
}

/// Where nothing fits, what could protect the machine that it runs on.
fn instead(fit: &[Advice], ask: &Ask, edition: Edition) -> Vec<&'static str> {
    let machine = Ask {
        workload: Workload::Machine,
        ..ask.clone()
    };
    let could = component::all(edition).filter(|component| component.admits(&machine).is_empty());
    let names = could.map(|component| component.name.as_str());
    if fit.is_empty() {
        names.collect()
    } else {
        Vec::new()
    }
}

fn document(
    args: &ComponentArgs,
    ask: &Ask,
    (fit, unfit): (&[Advice], &[Advice]),
    instead: &[&str],
) -> serde_json::Value {
    let absent = component::absent(args.edition).map(|absence| {
        let (name, why, source) = (&absence.name, &absence.why, &absence.source);
        serde_json::json!({ "name": name, "why": why, "source": source, "status": absence.status })
    });
    serde_json::json!({
        "edition": args.edition,
        "workload": ask.workload,
        "system": ask.system,
        "place": ask.place,
        "hypervisor": ask.hypervisor,
        "fits": fit.iter().map(|advice| advice.name).collect::<Vec<_>>(),
        "machine_instead": instead,
        "components": fit.iter().chain(unfit).collect::<Vec<_>>(),
        "absent": absent.collect::<Vec<_>>(),
    })
}

/// The answer as people read it, with its sources below.
struct Text {
    said: String,
    width: usize,
    sources: Vec<String>,
}

impl Text {
    fn of(args: &ComponentArgs, (fit, unfit): (&[Advice], &[Advice]), instead: &[&str]) -> String {
        let mut text = Self {
            said: String::new(),
            width: report::terminal_width(),
            sources: Vec::new(),
        };
        let system = if args.linux { "Linux" } else { "Windows" };
        text.said += &format!(
            "To protect {} ({system}, {}), by {}:\n",
            args.workload.text(),
            args.place.text(),
            args.edition.text()
        );
        for advice in fit {
            text.fitting(advice);
        }
        for advice in unfit {
            text.said += &format!("\n{}  {}: does not fit\n", advice.name, advice.title);
            text.statements('-', &advice.refusals);
        }
        for absence in component::absent(args.edition) {
            text.said += &format!("\n{}: not in this edition\n", absence.name);
            let why = (absence.why.as_str(), &absence.source, absence.status);
            text.statement('-', why);
        }
        text.close(fit, fit.len() + unfit.len(), instead);
        text.said
    }

    fn fitting(&mut self, advice: &Advice) {
        let every = advice.interval_minutes.map(|minutes| {
            let every = simulator::forecast::Every(minutes * 60);
            format!(": points {} every {every}", advice.target.text())
        });
        let every = every.unwrap_or_default();
        self.said += &format!("\n{}  {}: fits{every}\n", advice.name, advice.title);
        self.statements('+', &advice.grounds);
        self.statements('+', &advice.benefits);
        self.statements('-', &advice.limits);
    }

    fn statements(&mut self, sign: char, statements: &[Statement]) {
        for said in statements {
            self.statement(sign, (&said.reason, &said.source, said.status));
        }
    }

    /// A sentence with the number of its source, broken where the terminal ends.
    fn statement(
        &mut self,
        sign: char,
        (words, source, status): (&str, &component::Source, component::Status),
    ) {
        let source = format!("{} ({}), {}", source.title, source.date, source.place);
        let number = self.number(source);
        let mark = match status {
            component::Status::Verified => format!("[{number}]"),
            other => format!("[{number}, {other}]"),
        };
        let (mut line, mut first) = (format!("  {sign}"), true);
        for word in words.split(' ').chain([mark.as_str()]) {
            if !first && line.chars().count() + 1 + word.chars().count() > self.width {
                self.said += &line;
                line.replace_range(.., "\n   ");
            }
            line += " ";
            line += word;
            first = false;
        }
        self.said += &line;
        self.said += "\n";
    }

    fn number(&mut self, source: String) -> usize {
        let known = self.sources.iter().position(|known| *known == source);
        known.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        }) + 1
    }

    fn close(&mut self, fit: &[Advice], all: usize, instead: &[&str]) {
        let names: Vec<_> = fit.iter().map(|advice| advice.name).collect();
        self.said += &match names.as_slice() {
            [] => format!("\nNone of {all} fits.\n"),
            names => format!("\n{} of {all}: {}.\n", names.len(), names.join(", ")),
        };
        if !instead.is_empty() {
            let names = instead.join(", ");
            self.said += &format!(
                "The machine that it runs on could be protected whole (--workload machine) by {names}.\n"
            );
        }
        self.said += "\n";
        for (index, source) in self.sources.iter().enumerate() {
            self.said += &format!("[{}] {source}\n", index + 1);
        }
    }
}

fn profiles(args: &ProfilesArgs, json: bool) -> Result<Exit> {
    let Some(name) = &args.name else {
        return list(json);
    };
    let Some((_, text)) = component::FILES.iter().find(|(known, _)| known == name) else {
        let known: Vec<_> = component::FILES.iter().map(|(known, _)| *known).collect();
        bail!("no profile '{name}': there are {}", known.join(", "));
    };
    if json {
        output::print_json(&toml::from_str::<toml::Table>(text)?)?;
    } else {
        output::print(text)?;
    }
    Ok(Exit::Met)
}

fn list(json: bool) -> Result<Exit> {
    let rows = component::FILES.iter().map(|(name, _)| {
        let editions = Edition::ALL.iter().copied();
        let has = editions.filter_map(|edition| component::find(name, edition));
        let (editions, titles): (Vec<_>, Vec<_>) = has.map(|has| (has.edition, &has.title)).unzip();
        (*name, titles[0].as_str(), editions)
    });
    let rows: Vec<_> = rows.collect();
    if json {
        let row = |(name, title, editions): &(_, _, Vec<Edition>)| serde_json::json!({ "name": name, "title": title, "editions": editions });
        output::print_json(&rows.iter().map(row).collect::<Vec<_>>())?;
        return Ok(Exit::Met);
    }
    let mut text = String::new();
    for (name, title, editions) in rows {
        let editions: Vec<_> = editions.iter().map(|edition| edition.name()).collect();
        text += &format!("{name:<22} {title:<46} {}\n", editions.join(", "));
    }
    text += "`firedrill advise profiles NAME` shows one with every value's source.\n";
    output::print(&text)?;
    Ok(Exit::Met)
}
