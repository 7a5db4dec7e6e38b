//! `firedrill prune`: removes what no recovery point needs, after it has shown what.

use anyhow::Result;
use engine::prune::{self, Limits, Outcome, PackFact, Request};
use engine::seam::store::{Remains, remains};
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
    let bar = Bar::bytes("looking through listings", None);
    let advance = |bytes| engine::backup::Progress::advance(&bar, bytes, 0);
    if args.dry_run || !args.yes {
        let preview = prune::preview(&vault, &request, advance).await?;
        bar.done();
        let cut_off = cut_off(args, &vault, false)?;
        if json && args.dry_run {
            output::print_json(&document(&preview, cut_off, true))?;
        } else if !json {
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
    if json {
        output::print_json(&document(&outcome, cut_off, false))?;
    } else {
        output::print(&summary(&outcome, cut_off, false))?;
    }
    Ok(Exit::Met)
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

fn summary(outcome: &Outcome, cut_off: Remains, would: bool) -> String {
    let verb = |did, would_do| if would { would_do } else { did };
    let mut text = format!(
        "{} {} of {} now\n{}",
        verb("freed", "would free"),
        bytes(outcome.freed_bytes()),
        bytes(outcome.pack_bytes),
        lines(outcome, cut_off, verb)
    );
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
            verb("wait", "would wait"),
            output::instant(next)
        );
    }
    text
}

/// A line for each thing done, or to do.
fn lines(
    outcome: &Outcome,
    cut_off: Remains,
    verb: impl Fn(&'static str, &'static str) -> &'static str,
) -> String {
    let plan = &outcome.plan;
    let packs = |packs: &[PackFact], what| (packs.len(), size(packs), what);
    let rows = [
        (
            outcome.expired.len(),
            0,
            verb(
                "forgotten points removed: their time was over",
                "forgotten points to remove: their time is over",
            ),
        ),
        (
            plan.sweep.len() - outcome.kept.len(),
            outcome.freed_bytes(),
            verb(
                "condemned packs removed: the grace was over",
                "condemned packs to remove: the grace is over",
            ),
        ),
        packs(
            &plan.condemn,
            verb(
                "packs condemned: nothing needs them",
                "packs to condemn: nothing needs them",
            ),
        ),
        packs(
            &plan.repack,
            verb(
                "packs repacked: needed in part",
                "packs to repack: needed in part",
            ),
        ),
        packs(
            &plan.rescue,
            verb(
                "condemned packs rescued: needed after all",
                "condemned packs to rescue: needed after all",
            ),
        ),
        packs(
            &plan.waiting,
            "condemned packs wait for the end of the grace",
        ),
        (
            plan.spared as usize,
            0,
            "packs too young to judge, or of a backup that runs",
        ),
        (
            cut_off.files as usize,
            cut_off.bytes,
            verb(
                "files of interrupted writes removed",
                "files of interrupted writes to remove",
            ),
        ),
    ];
    let some = rows.iter().filter(|(count, _, _)| *count > 0);
    let lines =
        some.map(|(count, size, what)| format!("  {count:>6}  {:>10}  {what}\n", bytes(*size)));
    let text: String = lines.collect();
    if text.is_empty() {
        return "  nothing to do\n".to_owned();
    }
    text
}

fn document(outcome: &Outcome, cut_off: Remains, dry_run: bool) -> serde_json::Value {
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
    })
}
