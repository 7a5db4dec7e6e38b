//! `firedrill ls`: lists what a recovery point holds.

use std::sync::Arc;

use anyhow::Result;
use engine::format::listing::{Entry, EntryKind};
use engine::vault::{BlobReader, Catalog};
use futures::TryStreamExt;
use serde_json::json;

use crate::cli::LsArgs;
use crate::exit::Exit;
use crate::output::{self, bytes, instant};
use crate::vault_access;

pub(crate) async fn run(args: &LsArgs, json: bool) -> Result<Exit> {
    let vault = vault_access::open(&args.vault).await?;
    let catalog = vault_access::catalog(&vault).await?;
    let point = vault_access::point(&catalog, &args.point, args.instance.as_deref())?;
    let index = Arc::new(catalog.index_of(&vault, &Catalog::closure(point)).await?);
    let reader = BlobReader::new(vault.clone(), index);
    let mut listing = std::pin::pin!(reader.listing(point.manifest.listing.clone()));
    let above = args.path.as_deref().map(vault_access::path_in_point);
    let mut documents = Vec::new();
    while let Some(entries) = listing.try_next().await? {
        let mut text = String::new();
        for entry in entries
            .iter()
            .filter(|entry| below(entry, above.as_deref()))
        {
            if json {
                documents.push(document(entry));
            } else {
                text += &line(entry);
            }
        }
        output::print(&text)?;
    }
    if json {
        output::print_json(&json!({
            "point": point.id.to_string(),
            "entries": documents,
            "requests": output::requests(vault.world().meter.read()),
        }))?;
    }
    Ok(Exit::Met)
}

fn below(entry: &Entry, above: Option<&[u8]>) -> bool {
    above.is_none_or(|above| {
        entry.path == above
            || (entry.path.starts_with(above) && entry.path.get(above.len()) == Some(&b'/'))
    })
}

fn kind(entry: &Entry) -> &'static str {
    match entry.kind {
        EntryKind::File => "file",
        EntryKind::Folder => "folder",
        EntryKind::Symlink => "symlink",
        EntryKind::Disk => "disk",
    }
}

fn line(entry: &Entry) -> String {
    let path = String::from_utf8_lossy(&entry.path).into_owned();
    let path = if path.is_empty() {
        ".".to_owned()
    } else {
        path
    };
    let target = entry
        .target
        .as_ref()
        .map(|target| format!(" -> {}", String::from_utf8_lossy(target).escape_debug()));
    format!(
        "{:<7}  {:>4o}  {:>5}:{:<5}  {:>10}  {:<20}  {}{}\n",
        kind(entry),
        entry.mode,
        entry.uid,
        entry.gid,
        bytes(entry.size),
        instant(entry.modified),
        // A name may hold anything, escape codes for the terminal included.
        path.escape_debug(),
        target.unwrap_or_default(),
    )
}

fn document(entry: &Entry) -> serde_json::Value {
    json!({
        "path": String::from_utf8_lossy(&entry.path),
        "kind": kind(entry),
        "mode": format!("{:04o}", entry.mode),
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "modified": instant(entry.modified),
        "target": entry.target.as_ref().map(|target| String::from_utf8_lossy(target)),
    })
}
