//! `firedrill points`: lists recovery points.

use anyhow::Result;
use engine::vault::{Catalog, Point, Vault};
use serde_json::json;

use crate::cli::PointsArgs;
use crate::exit::Exit;
use crate::output::{self, bytes, instant};
use crate::vault_access;

pub(crate) async fn run(args: &PointsArgs, json: bool) -> Result<Exit> {
    let vault = vault_access::open(&args.vault).await?;
    let catalog = vault_access::catalog(&vault).await?;
    let asked = |point: &&Point| {
        let mut asked = args.instance.iter();
        asked.all(|name| *name == point.manifest.instance)
    };
    if args.deleted {
        return deleted(&vault, &catalog, asked, json);
    }
    let points: Vec<&Point> = catalog.points().iter().filter(asked).collect();
    if json {
        let points: Vec<_> = points.into_iter().map(document).collect();
        output::print_json(&json!({
            "points": points,
            "requests": output::requests(vault.world().meter.read()),
        }))?;
        return Ok(Exit::Met);
    }
    if points.is_empty() {
        let none = if catalog.existing().next().is_none() {
            "no recovery point yet: `firedrill backup` makes one\n"
        } else {
            "no recovery point to show; --deleted shows the forgotten ones, and there may be other instances\n"
        };
        output::print(none)?;
        return Ok(Exit::Met);
    }
    let mut text = format!(
        "{:<8}  {:<20}  {:<14}  {:<11}  {:>5}  {:>10}  {:>10}  {}\n",
        "point", "captured (UTC)", "method", "consistency", "chain", "size", "stored", "instance"
    );
    for point in points {
        let manifest = &point.manifest;
        text += &format!(
            "{:<8}  {:<20}  {:<14}  {:<11}  {:>5}  {:>10}  {:>10}  {}\n",
            point.id.short(),
            instant(manifest.captured),
            manifest.method,
            manifest.consistency().name(),
            manifest.chain_length,
            bytes(manifest.statistics.logical_bytes),
            bytes(stored_bytes(point)),
            name_and_tags(point),
        );
    }
    output::print(&text)?;
    Ok(Exit::Met)
}

fn name_and_tags(point: &Point) -> String {
    let manifest = &point.manifest;
    match manifest.tags.join(", ") {
        tags if tags.is_empty() => manifest.instance.clone(),
        tags => format!("{} [{tags}]", manifest.instance),
    }
}

/// The forgotten points, and until when they can be brought back.
fn deleted(
    vault: &Vault,
    catalog: &Catalog,
    asked: impl Fn(&&Point) -> bool,
    json: bool,
) -> Result<Exit> {
    let terms = vault.terms()?;
    let deleted = catalog.deleted().iter();
    let deleted: Vec<_> = deleted.filter(|deleted| asked(&&deleted.point)).collect();
    if json {
        let points = deleted.iter().map(|deleted| {
            let mut point = document(&deleted.point);
            point["deleted"] = json!({
                "at": instant(deleted.since),
                "until": instant(deleted.until(terms)),
                "by": deleted.deletion.by,
                "reason": deleted.deletion.reason,
            });
            point
        });
        output::print_json(&json!({ "points": points.collect::<Vec<_>>() }))?;
        return Ok(Exit::Met);
    }
    let mut text = format!(
        "{:<8}  {:<20}  {:<20}  {:<20}  {}\n",
        "point", "captured (UTC)", "forgotten", "until", "instance; by; why"
    );
    for deleted in deleted {
        text += &format!(
            "{:<8}  {:<20}  {:<20}  {:<20}  {}; {}; {}\n",
            deleted.point.id.short(),
            instant(deleted.point.manifest.captured),
            instant(deleted.since),
            instant(deleted.until(terms)),
            name_and_tags(&deleted.point),
            deleted.deletion.by,
            deleted.deletion.reason,
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
        "host": manifest.host,
        "tags": manifest.tags,
        "method": manifest.method.name(),
        "captured": output::exact(manifest.captured),
        "consistency": manifest.consistency().name(),
        "group": manifest.instant.map(|instant| instant.group.to_string()),
        "base": manifest.base.map(|base| base.to_string()),
        "depends_on": manifest.depends_on.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "chain_length": manifest.chain_length,
        "files": manifest.statistics.files,
        "logical_bytes": manifest.statistics.logical_bytes,
        "stored_bytes": stored_bytes(point),
        "program": manifest.program,
    })
}
