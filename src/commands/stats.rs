//! `firedrill stats`: what a vault holds and how well it packs.

use anyhow::Result;
use engine::inventory::{Amount, Inventory};
use serde_json::json;

use crate::cli::VaultArgs;
use crate::exit::Exit;
use crate::output::{self, bytes};
use crate::vault_access;

pub(crate) async fn run(args: &VaultArgs, json: bool) -> Result<Exit> {
    let vault = vault_access::open(args).await?;
    let inventory = Inventory::take(&vault).await?;
    let catalog = vault_access::catalog(&vault).await?;
    let statistics = || {
        catalog
            .points()
            .iter()
            .map(|point| point.manifest.statistics)
    };
    let logical: u64 = statistics().map(|did| did.logical_bytes).sum();
    let blocks: u64 = statistics().map(|did| did.blocks_stored).sum();
    let total = inventory.total();
    if json {
        let amount = |amount: Amount| json!({ "objects": amount.objects, "bytes": amount.bytes });
        output::print_json(&json!({
            "vault": vault.keys().vault().to_string(),
            "points": catalog.points().len(),
            "logical_bytes": logical,
            "blocks_stored": blocks,
            "packs": amount(inventory.packs),
            "indexes": amount(inventory.indexes),
            "manifests": amount(inventory.points),
            "keys": amount(inventory.keys),
            "total": amount(total),
            "requests": output::requests(vault.world().meter.read()),
        }))?;
        return Ok(Exit::Met);
    }
    let mut text = format!("vault {}\n", vault.keys().vault());
    for (what, amount) in [
        ("packs", inventory.packs),
        ("index segments", inventory.indexes),
        ("points", inventory.points),
        ("keys and header", inventory.keys),
        ("all", total),
    ] {
        text += &format!(
            "  {what:<16} {:>8}  {:>12}\n",
            amount.objects,
            bytes(amount.bytes)
        );
    }
    text += &format!(
        "  {blocks} blocks for {} in all points together",
        bytes(logical)
    );
    if let Some(share) = (logical * 1000).checked_div(total.bytes.max(1)) {
        text += &format!(": {}.{} to 1", share / 10 / 100, share / 10 % 100 / 10);
    }
    text += "\n";
    text += &output::requests_line(vault.world().meter.read());
    output::print(&text)?;
    Ok(Exit::Met)
}
