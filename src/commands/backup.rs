//! `firedrill backup`: makes a recovery point.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use engine::backup::{self, Backup, Outcome, Request};
use engine::source::Source;
use serde_json::json;

use crate::cli::BackupArgs;
use crate::exit::Exit;
use crate::output::{self, Bar, bytes};
use crate::vault_access;

pub(crate) async fn run(args: &BackupArgs, json: bool) -> Result<Exit> {
    let started = Instant::now();
    vault_access::refuse_inside(&args.vault.vault, &args.sources)?;
    let sources: engine::Result<Vec<Source>> = args
        .sources
        .iter()
        .map(|path| Source::detect(path))
        .collect();
    let sources = sources?;
    let vault = vault_access::open(&args.vault).await?;
    let instance = args.instance.clone().unwrap_or_else(|| instance(&sources));
    let total = std::io::stderr()
        .is_terminal()
        .then(|| measure(&args.sources));
    let bar = Bar::bytes("backing up", total);
    let request = Backup {
        sources,
        request: Request {
            method: args.method,
            instance,
        },
        block_bytes: args.block_size,
        program: concat!("firedrill ", env!("CARGO_PKG_VERSION")).to_owned(),
        host: Some(vault_access::host()),
        tags: args.tag.clone(),
    };
    let outcome = backup::run(&vault, &request, &bar).await?;
    bar.done();
    let seconds = started.elapsed().as_secs_f64();
    if json {
        output::print_json(&document(&outcome, seconds))?;
    } else {
        output::print(&summary(args, &outcome, started))?;
    }
    let did = outcome.manifest.statistics;
    Ok(if did.unreadable + did.changed_while_read > 0 {
        Exit::Missed
    } else {
        Exit::Met
    })
}

/// Host and sources: what people mean by "the same thing again".
fn instance(sources: &[Source]) -> String {
    let host = vault_access::host();
    let mut paths: Vec<_> = sources
        .iter()
        .map(|source| source.path.display().to_string())
        .collect();
    paths.sort();
    format!("{host}:{}", paths.join(","))
}

/// Bytes of the sources, for the ETA.
fn measure(sources: &[PathBuf]) -> u64 {
    let mut stack: Vec<PathBuf> = sources.to_vec();
    let mut sum = 0;
    while let Some(at) = stack.pop() {
        let top = sources.contains(&at);
        let metadata = if top {
            std::fs::metadata(&at)
        } else {
            at.symlink_metadata()
        };
        match metadata {
            Ok(metadata) if metadata.is_dir() => {
                let entries = std::fs::read_dir(&at).into_iter().flatten().flatten();
                stack.extend(entries.map(|entry| entry.path()));
            }
            Ok(metadata) if metadata.is_file() => sum += metadata.len(),
            Ok(_) if top => sum += device_bytes(&at),
            _ => {}
        }
    }
    sum
}

fn device_bytes(at: &Path) -> u64 {
    let end = |mut file: std::fs::File| std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0));
    std::fs::File::open(at).and_then(end).unwrap_or(0)
}

fn summary(args: &BackupArgs, outcome: &Outcome, started: Instant) -> String {
    let did = outcome.manifest.statistics;
    let method = outcome.manifest.method;
    let mut text = format!(
        "{} point {} of {}\n  {} in {} files and {} folders\n  read {}, sent {}, stored {} ({} of \
         {} blocks new){}\n  took {}\n",
        method,
        outcome.point.short(),
        outcome.manifest.instance,
        bytes(did.logical_bytes),
        did.files,
        did.folders,
        bytes(did.read_bytes),
        bytes(outcome.sent_bytes),
        bytes(outcome.stored_bytes),
        did.blocks_stored,
        did.blocks_referenced,
        if did.copied_bytes > 0 {
            format!(", copied {} inside the vault", bytes(did.copied_bytes))
        } else {
            String::new()
        },
        output::span(started.elapsed()),
    );
    if method != args.method {
        text += &format!(
            "  there was nothing to build a {} on: made a {method}\n",
            args.method
        );
    }
    if did.adopted_bytes > 0 {
        text += &format!(
            "  took over {} from an interrupted backup\n",
            bytes(did.adopted_bytes)
        );
    }
    for (count, what) in [
        (did.files_unchanged, "files unchanged, not read again"),
        (did.special_skipped, "sockets, pipes or devices skipped"),
        (did.vanished, "files vanished before they were read"),
        (
            did.changed_while_read,
            "files changed while they were read: kept as read",
        ),
        (
            did.unreadable,
            "files or folders could not be read: LEFT OUT",
        ),
    ] {
        if count > 0 {
            text += &format!("  {count} {what}\n");
        }
    }
    text
}

fn document(outcome: &Outcome, seconds: f64) -> serde_json::Value {
    let did = outcome.manifest.statistics;
    json!({
        "point": outcome.point.to_string(),
        "instance": outcome.manifest.instance,
        "method": outcome.manifest.method.name(),
        "base": outcome.manifest.base.map(|base| base.to_string()),
        "chain_length": outcome.manifest.chain_length,
        "files": did.files,
        "folders": did.folders,
        "logical_bytes": did.logical_bytes,
        "read_bytes": did.read_bytes,
        "sent_bytes": outcome.sent_bytes,
        "stored_bytes": outcome.stored_bytes,
        "copied_bytes": did.copied_bytes,
        "adopted_bytes": did.adopted_bytes,
        "blocks_stored": did.blocks_stored,
        "blocks_referenced": did.blocks_referenced,
        "files_unchanged": did.files_unchanged,
        "special_skipped": did.special_skipped,
        "vanished": did.vanished,
        "changed_while_read": did.changed_while_read,
        "unreadable": did.unreadable,
        "seconds": seconds,
    })
}
