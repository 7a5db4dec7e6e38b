//! `firedrill points`: lists recovery points.

use anyhow::Result;
use engine::vault::Point;
use serde_json::json;

use crate::cli::VaultArgs;
use crate::exit::Exit;
use crate::output::{self, bytes, instant};
use crate::vault_access;

pub(crate) async fn run(args: &VaultArgs, json: bool) -> Result<Exit> {
    let vault = vault_access::open(args).await?;
    let catalog = vault_access::catalog(&vault).await?;
    if json {
        let points: Vec<_> = catalog.points().iter().map(document).collect();
        output::print_json(&json!({
            "points": points,
            "requests": output::requests(vault.world().meter.read()),
        }))?;
        return Ok(Exit::Met);
    }
    if catalog.points().is_empty() {
        output::print("no recovery point yet: `firedrill backup` makes one\n")?;
        return Ok(Exit::Met);
    }
    let mut text = format!(
        "{:<8}  {:<20}  {:<14}  {:>5}  {:>10}  {:>10}  {}\n",
        "point", "captured (UTC)", "method", "chain", "size", "stored", "instance"
    );
    for point in catalog.points() {
        let manifest = &point.manifest;
        text += &format!(
            "{:<8}  {:<20}  {:<14}  {:>5}  {:>10}  {:>10}  {}\n",
            point.id.short(),
            instant(manifest.captured),
            manifest.method,
            manifest.chain_length,
            bytes(manifest.statistics.logical_bytes),
            bytes(stored_bytes(point)),
            manifest.instance,
        );
    }
    output::print(&text)?;
    Ok(Exit::Met)
}

/// Bytes by which the vault grew with the point.
pub(crate) fn stored_bytes(point: &Point) -> u64 {
    let did = point.manifest.statistics;
    did.sent_bytes + did.copied_bytes + point.manifest_bytes
}

fn document(point: &Point) -> serde_json::Value {
    let manifest = &point.manifest;
    json!({
        "point": point.id.to_string(),
        "instance": manifest.instance,
        "method": manifest.method.name(),
        "captured": instant(manifest.captured),
        "base": manifest.base.map(|base| base.to_string()),
        "depends_on": manifest.depends_on.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "chain_length": manifest.chain_length,
        "files": manifest.statistics.files,
        "logical_bytes": manifest.statistics.logical_bytes,
        "stored_bytes": stored_bytes(point),
        "program": manifest.program,
    })
}
