//! `firedrill compare`: every method over the same generations, through real vaults.

use std::path::PathBuf;
use std::pin::pin;

use anyhow::{Context, Result, bail};
use futures::future::{Either, select};
use simulator::measured::{self, Trial};
use simulator::outcome::Comparison;
use simulator::series;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::CompareArgs;
use crate::exit::Exit;
use crate::output::{self, Bar};
use crate::report;

mod scenario;

pub(crate) async fn run(args: &CompareArgs, json: bool) -> Result<Exit> {
    if let Some(asked) = &args.scenario {
        return scenario::run(asked, args, json);
    }
    // What can be wrong with the input is told before the work, not after it.
    let book = report::price_book(args.prices.as_deref())?;
    book.vault_price(args.redundancy)?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("report folder {}", args.out.display()))?;
    // From here on an interrupt is noted, and heeded once the trial runs.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let work = args.work.clone().unwrap_or_else(std::env::temp_dir);
    let work = tempfile::Builder::new()
        .prefix("firedrill-compare-")
        .tempdir_in(&work)
        .with_context(|| format!("working folder {}", work.display()))?;
    let bar = Bar::steps("making a series", 1);
    let trial = trial(args, work.path())?;
    let comparison = interruptible(measured::run(&trial, &bar), &mut interrupt).await?;
    bar.done();
    let document = reports::write_all(&comparison, &book, args.redundancy, &args.out)?;
    if json {
        output::print_json(&document)?;
    } else {
        let width = report::terminal_width();
        let mut text = reports::terminal_summary(&document, width);
        text += &format!("\nReport: {}\n", args.out.join("report.html").display());
        output::print(&text)?;
    }
    let verified = comparison
        .methods
        .iter()
        .flat_map(|method| &method.restores)
        .all(|restore| restore.verified);
    Ok(if verified { Exit::Met } else { Exit::Missed })
}

/// Runs the trial until it ends or the person stops it: then what it restored, plaintext, is taken
/// away as it goes out of scope, which a plain interrupt would not do.
async fn interruptible(
    trial: impl Future<Output = engine::Result<Comparison>>,
    interrupt: &mut Signal,
) -> Result<Comparison> {
    let (trial, interrupt) = (pin!(trial), pin!(interrupt.recv()));
    match select(trial, interrupt).await {
        Either::Left((comparison, _)) => Ok(comparison?),
        Either::Right(_) => {
            bail!("interrupted: nothing was reported, and the working folder is gone")
        }
    }
}

fn trial(args: &CompareArgs, work: &std::path::Path) -> Result<Trial> {
    let mut methods = args.methods.clone();
    methods.sort_by_key(|method| *method as u8);
    methods.dedup();
    let (made, seed) = (args.data.is_empty(), args.seed.unwrap_or(1));
    let generations: Vec<PathBuf> = if made {
        series::generate(&work.join("series"), seed)
            .map_err(|error| engine::Error::from_io("the working folder", error))?
    } else {
        args.data.clone()
    };
    let label = if made {
        format!("made for the purpose, seed {seed}")
    } else {
        args.data[0].display().to_string()
    };
    Ok(Trial {
        label,
        generations,
        methods,
        full_every: args.full_every,
        block_bytes: args.block_size,
        work: work.to_owned(),
        seed: made.then_some(seed),
        command: report::command_line(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: jiff::Timestamp::now()
            .round(jiff::Unit::Second)?
            .to_string(),
    })
}
