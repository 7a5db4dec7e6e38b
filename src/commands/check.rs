//! `firedrill check`: proves that a vault is whole.

use std::time::Instant;

use anyhow::Result;
use engine::check;
use engine::inventory::Inventory;
use serde_json::json;

use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::output::{self, Bar, bytes};
use crate::vault_access;

pub(crate) async fn run(args: &CheckArgs, json: bool) -> Result<Exit> {
    let started = Instant::now();
    let vault = vault_access::open(&args.vault).await?;
    let packs = Inventory::take(&vault).await?.packs;
    let bar = Bar::bytes("checking", args.read_data.then_some(packs.bytes));
    let found = check::run(&vault, args.read_data, &bar).await?;
    bar.done();
    if json {
        output::print_json(&json!({
            "sound": found.errors.is_empty(),
            "read_data": args.read_data,
            "errors": found.errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "points": found.points,
            "broken_points": found.broken_points.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "packs": found.packs,
            "read_bytes": found.read_bytes,
            "unowned_packs": found.unowned_packs,
            "unowned_bytes": found.unowned_bytes,
            "seconds": started.elapsed().as_secs_f64(),
        }))?;
    } else {
        output::print(&summary(args, &found, started))?;
    }
    Ok(if found.errors.is_empty() {
        Exit::Met
    } else {
        Exit::Corrupt
    })
}

fn summary(args: &CheckArgs, found: &check::Outcome, started: Instant) -> String {
    let mut text = String::new();
    for error in &found.errors {
        text += &format!("DAMAGED  {error}\n");
    }
    text += &format!(
        "{} points, {} packs; {}\n",
        found.points,
        found.packs,
        if args.read_data {
            format!(
                "every byte of {} read and verified",
                bytes(found.read_bytes)
            )
        } else {
            "structure only: --read-data opens every byte".to_owned()
        }
    );
    if found.unowned_packs > 0 {
        text += &format!(
            "{} packs ({}) that no point owns, left by removed points or interrupted backups: `prune` removes \
             what nothing needs\n",
            found.unowned_packs,
            bytes(found.unowned_bytes)
        );
    }
    text += &if found.errors.is_empty() {
        format!("sound; took {}\n", output::span(started.elapsed()))
    } else {
        let broken: Vec<_> = found
            .broken_points
            .iter()
            .map(engine::ids::ObjectId::short)
            .collect();
        let broken = if broken.is_empty() {
            "none".to_owned()
        } else {
            broken.join(" ")
        };
        format!(
            "{} things are damaged; points that can't be restored whole: {broken}\nNext: \
             restore what you need from the others, then back up again with --method full\n",
            found.errors.len(),
        )
    };
    text
}
