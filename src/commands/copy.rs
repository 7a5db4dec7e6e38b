//! `firedrill copy`: brings into another vault the recovery points that it lacks.

use std::time::Instant;

use anyhow::Result;
use engine::ErrorKind;
use engine::backup::Quiet;
use engine::copy::{self, Outcome, Preview};
use engine::ids::PointId;
use engine::vault::{Catalog, Point, Vault};
use serde_json::json;

use crate::cli::CopyArgs;
use crate::exit::Exit;
use crate::output::{self, Bar, bytes};
use crate::vault_access;

pub(crate) async fn run(args: &CopyArgs, json: bool) -> Result<Exit> {
    let started = Instant::now();
    let (from, to) = vault_access::open_pair(&args.from(), &args.to()).await?;
    let catalog = vault_access::catalog(&from).await?;
    let wanted = wanted(args, &catalog)?;
    if args.dry_run {
        let preview = copy::preview(&from, &to, &wanted, &Quiet).await?;
        show_preview(&preview, json)?;
        return Ok(exit(preview.damaged.is_empty()));
    }
    let there = Catalog::load(&to).await?;
    let bar = Bar::bytes(
        "copying",
        Some(missing_bytes(&from, &catalog, &there, &wanted)),
    );
    let outcome = copy::run(&from, &to, &wanted, &vault_access::holder(), &bar).await?;
    bar.done();
    show(&outcome, (&from, &to), json, started)?;
    Ok(exit(outcome.skipped.is_empty()))
}

fn exit(all: bool) -> Exit {
    if all { Exit::Met } else { Exit::Missed }
}

/// The points asked for; none stands for all.
fn wanted(args: &CopyArgs, catalog: &Catalog) -> Result<Vec<PointId>> {
    let instance = args.instance.as_deref();
    let Some(name) = instance.filter(|_| args.points.is_empty()) else {
        let points = args.points.iter();
        let points = points.map(|name| Ok(vault_access::point(catalog, name, instance)?.id));
        return points.collect();
    };
    let of_instance = |point: &&Point| point.manifest.instance == name;
    let points = catalog.points().iter().filter(of_instance);
    let points: Vec<PointId> = points.map(|point| point.id).collect();
    if points.is_empty() {
        let what = format!("no recovery point of '{name}': `firedrill points` lists them");
        return Err(engine::Error::new(ErrorKind::NotFound, what).into());
    }
    Ok(points)
}

/// Bytes of files and disks that are still to go by.
fn missing_bytes(from: &Vault, catalog: &Catalog, there: &Catalog, wanted: &[PointId]) -> u64 {
    let is_there = |id: PointId| {
        let mut origins = there.existing().filter_map(|copy| copy.manifest.origin);
        origins.any(|origin| origin.vault == from.header().vault && origin.point == id)
    };
    let points = catalog.points().iter();
    let points = points.filter(|point| wanted.is_empty() || wanted.contains(&point.id));
    let missing = points.filter(|point| !is_there(point.id));
    let sizes = missing.map(|point| point.manifest.statistics.logical_bytes);
    sizes.sum()
}

fn row(point: &Point) -> serde_json::Value {
    json!({
        "point": point.id.to_string(),
        "instance": point.manifest.instance,
        "captured": output::exact(point.manifest.captured),
        "method": point.manifest.method.name(),
        "logical_bytes": point.manifest.statistics.logical_bytes,
    })
}

fn skipped(points: &[(PointId, engine::Error)]) -> Vec<serde_json::Value> {
    let told = points.iter();
    told.map(|(id, error)| json!({ "point": id.to_string(), "why": error.to_string() }))
        .collect()
}

fn show_preview(preview: &Preview, json: bool) -> Result<()> {
    let points = preview.points.iter();
    let logical: u64 = points
        .map(|point| point.manifest.statistics.logical_bytes)
        .sum();
    if json {
        return output::print_json(&json!({
            "dry_run": true,
            "points": preview.points.iter().map(row).collect::<Vec<_>>(),
            "already": preview.already,
            "skipped": skipped(&preview.damaged),
            "logical_bytes": logical,
            "about_bytes": preview.bytes,
        }));
    }
    let mut text = format!(
        "would copy {} recovery points of {}, sending about {}; {} are there already\n",
        preview.points.len(),
        bytes(logical),
        bytes(preview.bytes),
        preview.already
    );
    for point in &preview.points {
        let (id, told) = (point.id.short(), &point.manifest);
        let captured = output::instant(told.captured);
        text += &format!(
            "  {id}  {captured}  {:<14}  {}\n",
            told.method, told.instance
        );
    }
    for (id, error) in &preview.damaged {
        text += &format!("  {}  would be PASSED OVER: {error}\n", id.short());
    }
    output::print(&text)
}

fn show(
    outcome: &Outcome,
    (from, to): (&Vault, &Vault),
    json: bool,
    started: Instant,
) -> Result<()> {
    let copied = || outcome.copied.iter();
    let fetched: u64 = copied().map(|copied| copied.fetched_bytes).sum();
    let sent: u64 = copied().map(|copied| copied.landed.sent_bytes).sum();
    let (read, wrote) = (from.world().meter.read(), to.world().meter.read());
    if json {
        let points = copied().map(|copied| {
            json!({
                "from": copied.from.to_string(),
                "point": copied.landed.point.to_string(),
                "instance": copied.landed.manifest.instance,
                "captured": output::exact(copied.landed.manifest.captured),
                "fetched_bytes": copied.fetched_bytes,
                "sent_bytes": copied.landed.sent_bytes,
                "adopted_bytes": copied.landed.manifest.statistics.adopted_bytes,
            })
        });
        return output::print_json(&json!({
            "dry_run": false,
            "points": points.collect::<Vec<_>>(),
            "already": outcome.already,
            "skipped": skipped(&outcome.skipped),
            "fetched_bytes": fetched,
            "sent_bytes": sent,
            "from_requests": output::requests(read),
            "to_requests": output::requests(wrote),
            "seconds": started.elapsed().as_secs_f64(),
        }));
    }
    let mut text = format!(
        "copied {} recovery points: read {}, sent {}; {} were there already\n",
        outcome.copied.len(),
        bytes(fetched),
        bytes(sent),
        outcome.already
    );
    for (id, error) in &outcome.skipped {
        text += &format!("  {}  PASSED OVER: {error}\n", id.short());
    }
    text += &format!("  took {}\n", output::span(started.elapsed()));
    text += &output::requests_line(read).replace("the store", "the first store");
    text += &output::requests_line(wrote).replace("the store", "the second store");
    output::print(&text)
}
