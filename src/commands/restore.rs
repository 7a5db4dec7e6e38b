//! `firedrill restore`: brings a recovery point back.

mod of_replica;

use std::io::{BufRead, IsTerminal};
use std::time::Instant;

use anyhow::{Result, bail};
use engine::restore::{self, Outcome, Request};
use engine::seam::store::Requests;
use engine::vault::Point;
use serde_json::{Value, json};

use crate::cli::RestoreArgs;
use crate::commands::choice::{self, Both};
use crate::exit::Exit;
use crate::output::{self, Bar, bytes, warn};
use crate::vault_access::{self, path_in_point};

pub(crate) async fn run(args: &RestoreArgs, json: bool) -> Result<Exit> {
    let started = Instant::now();
    let vault = vault_access::open(&args.vault).await?;
    let catalog = vault_access::catalog(&vault).await?;
    let both = match &args.replica {
        Some(folder) => Some(choice::look(folder, &vault, &catalog, &args.point).await?),
        None => None,
    };
    if let Some(both) = &both {
        warn(&format!("chosen: {}", both.words()));
        if both.vault().is_none() {
            return of_replica::run(args, both, json).await;
        }
    }
    let chosen = both.as_ref().and_then(Both::vault);
    let name = chosen.map_or_else(|| args.point.clone(), |chosen| chosen.id.to_string());
    let point = vault_access::point(&catalog, &name, args.instance.as_deref())?;
    let chosen = both.as_ref().map(Both::document);
    let mut request = Request {
        target: args.target.clone(),
        paths: args.path.iter().map(|path| path_in_point(path)).collect(),
        overwrite: args.overwrite,
        dry_run: true,
    };
    if args.dry_run || args.overwrite {
        let plan = restore::run(&vault, &catalog, point, &request, &engine::backup::Quiet).await?;
        if args.dry_run {
            let asked = vault.world().meter.read();
            show(args, json, (point, &chosen), &plan, (asked, None))?;
            return Ok(Exit::Met);
        }
        if plan.replaced > 0 && !args.yes {
            confirm(args, point, &plan)?;
        }
    }
    request.dry_run = false;
    let total = request
        .paths
        .is_empty()
        .then_some(point.manifest.statistics.logical_bytes);
    let bar = Bar::bytes("restoring", total);
    let outcome = restore::run(&vault, &catalog, point, &request, &bar).await?;
    bar.done();
    let asked = vault.world().meter.read();
    show(
        args,
        json,
        (point, &chosen),
        &outcome,
        (asked, Some(started)),
    )?;
    let lacking = outcome.owners_lacking + outcome.attributes_lacking;
    Ok(match (outcome.damaged, lacking) {
        (0, 0) => Exit::Met,
        (0, _) => Exit::Missed,
        _ => Exit::Corrupt,
    })
}

/// A point as a person knows it.
fn told(point: &Point) -> String {
    let captured = output::instant(point.manifest.captured);
    let (id, instance) = (point.id.short(), &point.manifest.instance);
    format!("point {id} ({instance}, {captured})")
}

#[expect(
    clippy::print_stderr,
    reason = "the plan and the question are for the person"
)]
fn confirm(args: &RestoreArgs, point: &Point, plan: &Outcome) -> Result<()> {
    eprintln!(
        "{} files ({}) of {} go to {}; {} that stand there now will be replaced.",
        plan.files,
        bytes(plan.bytes),
        told(point),
        args.target.display(),
        plan.replaced
    );
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: pass --yes to replace them");
    }
    eprintln!("Replace them? [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    bail!("nothing was changed")
}

fn show(
    args: &RestoreArgs,
    json: bool,
    (point, chosen): (&Point, &Option<Value>),
    outcome: &Outcome,
    (asked, started): (Requests, Option<Instant>),
) -> Result<()> {
    if json {
        return output::print_json(&json!({
            "point": point.id.to_string(),
            "chosen": chosen,
            "instance": point.manifest.instance,
            "captured": output::exact(point.manifest.captured),
            "target": args.target,
            "dry_run": started.is_none(),
            "files": outcome.files,
            "folders": outcome.folders,
            "bytes": outcome.bytes,
            "fetched_bytes": outcome.fetched_bytes,
            "packs_read": outcome.packs_read,
            "replaced": outcome.replaced,
            "owners_lacking": outcome.owners_lacking,
            "attributes_lacking": outcome.attributes_lacking,
            "damaged": outcome.damaged,
            "requests": output::requests(asked),
            "seconds": started.map(|started| started.elapsed().as_secs_f64()),
        }));
    }
    let verb = if started.is_some() {
        "restored"
    } else {
        "would restore"
    };
    let mut text = format!(
        "{verb} {}: {} in {} files and {} folders to {}\n",
        told(point),
        bytes(outcome.bytes),
        outcome.files,
        outcome.folders,
        args.target.display()
    );
    if outcome.damaged > 0 {
        text += &format!(
            "  {} files are damaged in the vault and were LEFT OUT: try an older point for them\n",
            outcome.damaged
        );
    }
    if outcome.replaced > 0 {
        text += &format!("  {} things there gave way\n", outcome.replaced);
    }
    if outcome.owners_lacking > 0 {
        let lacking = outcome.owners_lacking;
        text += &format!("  {lacking} owners could not be set: restore as root to get them back\n");
    }
    if outcome.attributes_lacking > 0 {
        let lacking = outcome.attributes_lacking;
        text += &format!("  {lacking} extended attributes could not be set there\n");
    }
    if let Some(started) = started {
        text += &format!(
            "  fetched {} from {} packs\n  took {}\n",
            bytes(outcome.fetched_bytes),
            outcome.packs_read,
            output::span(started.elapsed())
        );
    }
    text += &output::requests_line(asked);
    output::print(&text)
}
