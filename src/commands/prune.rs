//! `firedrill prune`: removes what no recovery point needs, after it has shown what.

use anyhow::Result;
use engine::prune::{self, Limits, Outcome, PackFact, Request};
use serde_json::json;

use crate::cli::PruneArgs;
use crate::exit::Exit;
use crate::output::{self, Bar, bytes};
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
        if json && args.dry_run {
            output::print_json(&document(&preview, true))?;
        } else if !json {
            output::print(&summary(&preview, true))?;
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
    if json {
        output::print_json(&document(&outcome, false))?;
    } else {
        output::print(&summary(&outcome, false))?;
    }
    Ok(Exit::Met)
}

fn size(packs: &[PackFact]) -> u64 {
    packs.iter().map(|pack| pack.bytes).sum()
}

fn summary(outcome: &Outcome, would: bool) -> String {
    let plan = &outcome.plan;
    let verb = |did: &str, would_do: &str| {
        if would {
            would_do.to_owned()
        } else {
            did.to_owned()
        }
    };
    let mut text = String::new();
    let mut line = |count: usize, size: u64, what: &str| {
        if count > 0 {
            text += &format!("  {count:>6}  {:>10}  {what}\n", bytes(size));
        }
    };
    line(
        outcome.expired.len(),
        0,
        &verb(
            "forgotten points removed: their time was over",
            "forgotten points to remove: their time is over",
        ),
    );
    line(
        plan.sweep.len() - outcome.kept.len(),
        outcome.freed_bytes(),
        &verb(
            "condemned packs removed: the grace was over",
            "condemned packs to remove: the grace is over",
        ),
    );
    line(
        plan.condemn.len(),
        size(&plan.condemn),
        &verb(
            "packs condemned: nothing needs them",
            "packs to condemn: nothing needs them",
        ),
    );
    line(
        plan.repack.len(),
        size(&plan.repack),
        &verb(
            "packs repacked: needed in part",
            "packs to repack: needed in part",
        ),
    );
    line(
        plan.rescue.len(),
        size(&plan.rescue),
        &verb(
            "condemned packs rescued: needed after all",
            "condemned packs to rescue: needed after all",
        ),
    );
    line(
        plan.waiting.len(),
        size(&plan.waiting),
        "condemned packs wait for the end of the grace",
    );
    line(
        plan.spared as usize,
        0,
        "packs too young to judge, or of a backup that runs",
    );
    if text.is_empty() {
        text += "  nothing to do\n";
    }
    let pending = outcome.pending_bytes();
    let head = verb("freed", "would free");
    let mut text = format!(
        "{head} {} of {} now\n{text}",
        bytes(outcome.freed_bytes()),
        bytes(outcome.pack_bytes)
    );
    if plan.wasted_bytes > 0 {
        text += &format!(
            "{} of unneeded data stay in packs that are needed otherwise\n",
            bytes(plan.wasted_bytes)
        );
    }
    if let (true, Some(next)) = (pending > 0, outcome.next_sweep) {
        let verb = verb("wait", "would wait");
        let next = output::instant(next);
        text += &format!(
            "{} {verb} to be freed: a prune from {next} on does\n",
            bytes(pending)
        );
    }
    text
}

fn document(outcome: &Outcome, dry_run: bool) -> serde_json::Value {
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
    })
}
