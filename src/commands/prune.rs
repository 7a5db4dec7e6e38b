//! `firedrill prune`: removes what no recovery point needs, after it has shown what.

use std::io::IsTerminal;

use anyhow::{Result, bail};
use engine::prune::{self, Limits, Outcome, PackFact, Request};
use engine::seam::store::{Remains, Requests, remains};
use engine::vault::Vault;
use serde_json::json;

use crate::cli::PruneArgs;
use crate::exit::Exit;
use crate::output::{self, Bar, bytes};
use crate::place::Place;
use crate::vault_access;

pub(crate) async fn run(args: &PruneArgs, json: bool) -> Result<Exit> {
    let vault = vault_access::open(&args.vault).await?;
    let request = Request {
        by: vault_access::holder(),
        limits: Limits {
            waste_percent: args.max_waste,
            repack_bytes: args.max_repack.unwrap_or(u64::MAX),
        },
    };
    if !args.dry_run && !args.yes && (json || !std::io::stdin().is_terminal()) {
        bail!("nothing was changed: give --yes, or --dry-run to see what would be done");
    }
    let bar = Bar::bytes("looking through listings", None);
    let advance = |bytes| engine::backup::Progress::advance(&bar, bytes, 0);
    if args.dry_run || !args.yes {
        let preview = prune::preview(&vault, &request, advance).await?;
        bar.done();
        let cut_off = cut_off(args, &vault, false)?;
        if json {
            output::print_json(&document(
                &preview,
                cut_off,
                true,
                vault.world().meter.read(),
            ))?;
        } else {
            output::print(&summary(&preview, cut_off, true))?;
        }
        if args.dry_run {
            return Ok(Exit::Met);
        }
        output::confirm("Do this?")?;
    }
    let bar = Bar::bytes("pruning", None);
    let advance = |bytes| engine::backup::Progress::advance(&bar, bytes, 0);
    let outcome = prune::run(&vault, &request, advance).await?;
    bar.done();
    let cut_off = cut_off(args, &vault, true)?;
    for error in &outcome.damaged {
        output::warn(&format!(
            "{error}; left where it is, `firedrill check` tells what needs it"
        ));
    }
    if json {
        output::print_json(&document(
            &outcome,
            cut_off,
            false,
            vault.world().meter.read(),
        ))?;
    } else {
        let line = output::requests_line(vault.world().meter.read());
        output::print(&(summary(&outcome, cut_off, false) + &line))?;
    }
    Ok(if outcome.damaged.is_empty() {
        Exit::Met
    } else {
        Exit::Corrupt
    })
}

/// What interrupted writes left in a vault's folder: removed when `remove` says so.
fn cut_off(args: &PruneArgs, vault: &Vault, remove: bool) -> Result<Remains> {
    let Place::Folder(folder) = Place::parse(&args.vault.vault)? else {
        return Ok(Remains::default());
    };
    Ok(remains(&folder, vault.terms()?.grace_seconds, remove)?)
}

fn size(packs: &[PackFact]) -> u64 {
    packs.iter().map(|pack| pack.bytes).sum()
}

/// What becomes of each sort of pack: how many, their bytes, and the words for it done and to be done.
fn lines(outcome: &Outcome, cut_off: Remains) -> Vec<(usize, u64, &'static str, &'static str)> {
    let plan = &outcome.plan;
    let of = |packs: &[PackFact], did, would| (packs.len(), size(packs), did, would);
    vec![
        (
            outcome.expired.len(),
            0,
            "forgotten points removed: their time was over",
            "forgotten points to remove: their time is over",
        ),
        (
            outcome.swept().count(),
            outcome.freed_bytes(),
            "condemned packs removed: the grace was over",
            "condemned packs to remove: the grace is over",
        ),
        of(
            &plan.condemn,
            "packs condemned: nothing needs them",
            "packs to condemn: nothing needs them",
        ),
        of(
            &plan.repack,
            "packs repacked: needed in part",
            "packs to repack: needed in part",
        ),
        of(
            &plan.rescue,
            "condemned packs rescued: needed after all",
            "condemned packs to rescue: needed after all",
        ),
        of(
            &plan.waiting,
            "condemned packs wait for the end of the grace",
            "condemned packs wait for the end of the grace",
        ),
        (
            plan.spared as usize,
            0,
            "packs too young to judge, or of a backup that runs",
            "packs too young to judge, or of a backup that runs",
        ),
        (
            cut_off.files as usize,
            cut_off.bytes,
            "files of interrupted writes removed",
            "files of interrupted writes to remove",
        ),
    ]
}

fn summary(outcome: &Outcome, cut_off: Remains, would: bool) -> String {
    let mut text = format!(
        "{} {} of {} now\n",
        if would { "would free" } else { "freed" },
        bytes(outcome.freed_bytes()),
        bytes(outcome.pack_bytes)
    );
    let lines = lines(outcome, cut_off);
    let some = lines.iter().filter(|(count, ..)| *count > 0);
    for (count, size, did, to_do) in some.clone() {
        let what = if would { to_do } else { did };
        let size = if *size > 0 {
            bytes(*size)
        } else {
            String::new()
        };
        text += &format!("  {count:>6}  {size:>10}  {what}\n");
    }
    if some.count() == 0 {
        text += "  nothing to do\n";
    }
    if outcome.plan.wasted_bytes > 0 {
        text += &format!(
            "{} of unneeded data stay in packs that are needed otherwise\n",
            bytes(outcome.plan.wasted_bytes)
        );
    }
    let pending = outcome.pending_bytes();
    if let (true, Some(next)) = (pending > 0, outcome.next_sweep) {
        text += &format!(
            "{} {} to be freed: a prune from {} on does\n",
            bytes(pending),
            if would { "would wait" } else { "wait" },
            output::instant(next)
        );
    }
    text
}

fn document(
    outcome: &Outcome,
    cut_off: Remains,
    dry_run: bool,
    asked: Requests,
) -> serde_json::Value {
    let plan = &outcome.plan;
    let packs = |packs: &[PackFact]| json!({ "packs": packs.len(), "bytes": size(packs) });
    json!({
        "dry_run": dry_run,
        "expired_points": outcome.expired.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "freed_bytes": outcome.freed_bytes(),
        "pending_bytes": outcome.pending_bytes(),
        "next_sweep": outcome.next_sweep.map(output::instant),
        "copied_bytes": outcome.copied_bytes,
        "wasted_bytes": plan.wasted_bytes,
        "pack_bytes": outcome.pack_bytes,
        "swept": packs(&plan.sweep),
        "condemned": packs(&plan.condemn),
        "repacked": packs(&plan.repack),
        "rescued": packs(&plan.rescue),
        "waiting": packs(&plan.waiting),
        "kept": packs(&outcome.kept),
        "condemned_segments": outcome.condemned_segments,
        "spared_packs": plan.spared,
        "cut_off": { "files": cut_off.files, "bytes": cut_off.bytes },
        "requests": output::requests(asked),
    })
}
