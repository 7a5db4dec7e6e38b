//! `firedrill drill`: proof by restoring, and the evidence of it.

use std::path::Path;
use std::pin::pin;

use anyhow::{Context, Result, bail};
use engine::seam::{Clock, WallClock};
use futures::future::{Either, select};
use reports::{DrillVerdict, Evidence, Objectives};
use simulator::drill::{self, Request, Select, rows::Drill};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::DrillArgs;
use crate::exit::Exit;
use crate::output::{self, Bar};
use crate::report;
use crate::vault_access;

pub(crate) async fn run(args: &DrillArgs, json: bool) -> Result<Exit> {
    let started = WallClock.now();
    // What can be wrong with the input is told before the work, not after it.
    let objectives = objectives(args)?;
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).with_context(|| format!("report folder {}", out.display()))?;
    }
    if let Some(folder) = args.metrics.as_deref().and_then(Path::parent)
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        bail!(
            "metrics folder {} does not exist: make it first",
            folder.display()
        );
    }
    let vault = vault_access::open(&args.vault).await?;
    let select = match (&args.point, args.sample, args.all) {
        (Some(name), _, _) => Select::Point(name.clone()),
        (_, Some(share_ppm), _) => Select::Sample(share_ppm),
        (_, _, true) => Select::All,
        _ => Select::Newest,
    };
    let request = Request {
        select,
        instances: args.instance.clone(),
        scratch: (args.to != Path::new("nowhere")).then(|| args.to.clone()),
        started,
        by: vault_access::holder(),
        command: report::command_line(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let bar = Bar::bytes("drilling", Some(0));
    let drill = interruptible(drill::run(&vault, &request, &bar)).await?;
    bar.done();
    let evidence = Evidence::new(drill, &objectives);
    if let Some(out) = &args.out {
        reports::write_evidence(&evidence, out)?;
    }
    if let Some(at) = &args.metrics {
        reports::write_metrics(&evidence, at)?;
    }
    if json {
        output::print_json(&evidence)?;
    } else {
        let mut text = reports::drill_summary(&evidence, report::terminal_width());
        if let Some(out) = &args.out {
            text += &format!("\nEvidence: {}\n", out.join("evidence.html").display());
        }
        output::print(&text)?;
    }
    Ok(match evidence.verdict {
        DrillVerdict::Met => Exit::Met,
        DrillVerdict::Missed => Exit::Missed,
        DrillVerdict::Damaged => Exit::Corrupt,
    })
}

/// Runs the drill until it ends or somebody stops it: then what it restored, plaintext, is taken away as
/// it goes out of scope, which a plain signal would not do.
async fn interruptible(drill: impl Future<Output = engine::Result<Drill>>) -> Result<Drill> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (interrupt, terminate) = (pin!(interrupt.recv()), pin!(terminate.recv()));
    match select(pin!(drill), select(interrupt, terminate)).await {
        Either::Left((drill, _)) => Ok(drill?),
        Either::Right(_) => {
            bail!("interrupted: nothing was reported, and what was restored is gone")
        }
    }
}

fn objectives(args: &DrillArgs) -> Result<Objectives> {
    let mut objectives = match &args.objectives {
        None => Objectives::default(),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                engine::Error::from_io(format!("objectives {}", file.display()), error)
            })?;
            Objectives::parse(&file.display().to_string(), &text)?
        }
    };
    objectives.all.rto_seconds = args.rto.or(objectives.all.rto_seconds);
    objectives.all.rpo_seconds = args.rpo.or(objectives.all.rpo_seconds);
    Ok(objectives)
}
