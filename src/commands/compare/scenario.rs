//! `firedrill compare SCENARIO`: strategies under the same disasters, in a simulated world.

use anyhow::{Context, Result, bail};
use simulator::sweep::{self, Request};

use crate::cli::{CompareArgs, Fidelities};
use crate::commands::scenario;
use crate::exit::Exit;
use crate::output::{self, Bar};
use crate::report;

pub(super) fn run(asked: &str, args: &CompareArgs, json: bool) -> Result<Exit> {
    let (mut scenario, _) = scenario::open(asked)?;
    let book = report::price_book(args.prices.as_deref())?;
    let book = book.completed_by(&reports::PriceBook::parts_book());
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("report folder {}", args.out.display()))?;
    if let Some(seed) = args.seed {
        scenario.seed = seed;
    }
    if !scenario.emulated && args.fidelity == Fidelities::Emulated {
        bail!(
            "this scenario is modelled only: run it with --fidelity modelled, or give it fewer instances, blocks \
             or months (`firedrill scenario show` says what it moves)"
        );
    }
    let trials = args.trials.unwrap_or(scenario.trials);
    let request = Request {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: report::command_line(),
        trials: if args.fidelity == Fidelities::Emulated {
            0
        } else {
            trials
        },
        emulated: scenario.emulated && args.fidelity != Fidelities::Modelled,
        faults: None,
    };
    let bar = Bar::steps("measuring what the engine makes of the data", 1);
    let outcome = sweep::run(scenario, &request, &bar)?;
    bar.done();
    let document = reports::write_scenario(&outcome, &book, &args.out)?;
    if json {
        output::print_json(&document)?;
    } else {
        let mut text = reports::scenario_summary(&document, report::terminal_width());
        text += &format!("\nReport: {}\n", args.out.join("report.html").display());
        output::print(&text)?;
    }
    let broken = outcome
        .strategies
        .iter()
        .any(|strategy| !strategy.violations.is_empty());
    Ok(if broken { Exit::Corrupt } else { Exit::Met })
}
