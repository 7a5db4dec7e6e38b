//! `firedrill backup`: makes a recovery point.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Instant;

use anyhow::Result;
use engine::backup::{self, Backup, Outcome, Reading, Request};
use engine::format::point::Consistency;
use engine::seam::store::Requests;
use engine::source::Source;
use engine::vault::Vault;
use futures::future::{Either, select, select_all};
use serde_json::json;
use tokio::signal::unix::{self, SignalKind};

use crate::cli::BackupArgs;
use crate::commands::protected::{self, Site};
use crate::exit::Exit;
use crate::hooks::Hooks;
use crate::output::{self, Bar, bytes, warn};
use crate::vault_access;

pub(crate) async fn run(args: &BackupArgs, json: bool) -> Result<Exit> {
    let started = Instant::now();
    if args.options.hooks.before.is_none() {
        // Before the passphrase is asked for. A hook may have to bring the sources first.
        sources(args).await?;
    }
    let vault = vault_access::open(&args.vault).await?;
    let hooks = Hooks::new(&args.options.hooks, &args.vault.vault);
    if !hooks.any() {
        let made = make(args, &vault, &hooks).await?;
        let asked = vault.world().meter.read();
        return tell(args, json, &made, asked, &hooks, started).await;
    }
    let ended = {
        let signal = pin!(signal()?);
        let made = pin!(async {
            hooks.before().await?;
            make(args, &vault, &hooks).await
        });
        // Looked at first, so that a backup which ends meanwhile still heeds it.
        match select(signal, made).await {
            Either::Left((exit, _)) => Err(exit),
            Either::Right((made, _)) => Ok(made),
        }
    };
    match ended {
        Err(exit) => {
            hooks.let_go().await;
            hooks.after("interrupted", None).await;
            warn(
                "interrupted before a point was acknowledged; the next backup takes over what was put",
            );
            Ok(exit)
        }
        Ok(Err(error)) => {
            hooks.after("failed", None).await;
            Err(error)
        }
        Ok(Ok(made)) => {
            let asked = vault.world().meter.read();
            tell(args, json, &made, asked, &hooks, started).await
        }
    }
}

/// Waits for a signal that asks to end, and gives the exit code for it.
fn signal() -> std::io::Result<impl Future<Output = Exit>> {
    let listen = |kind, exit| {
        let mut signals = unix::signal(kind)?;
        Ok(Box::pin(async move {
            signals.recv().await;
            exit
        }))
    };
    let any = [
        listen(SignalKind::hangup(), Exit::Hangup),
        listen(SignalKind::interrupt(), Exit::Interrupted),
        listen(SignalKind::terminate(), Exit::Terminated),
    ];
    let any: std::io::Result<Vec<_>> = any.into_iter().collect();
    let any = select_all(any?);
    Ok(async move { any.await.0 })
}

/// The sources, if they can be backed up; and bytes of them, where that is known.
async fn sources(args: &BackupArgs) -> Result<(Vec<Source>, Option<u64>)> {
    if let Some(site) = Site::of(args) {
        let (sources, total) = site.sources().await?;
        return Ok((sources, Some(total)));
    }
    vault_access::refuse_inside(&args.vault.vault, &args.sources)?;
    let sources = args.sources.iter().map(|path| Source::detect(path));
    Ok((sources.collect::<engine::Result<_>>()?, None))
}

/// A point that was made, and how protected disks were read for it.
struct Made {
    outcome: Outcome,
    readings: Vec<Reading>,
}

/// Makes the point.
async fn make(args: &BackupArgs, vault: &Vault, hooks: &Hooks) -> Result<Made> {
    let ((sources, total), options) = (sources(args).await?, &args.options);
    let named = options.instance.clone();
    let instance = named.unwrap_or_else(|| instance(&sources));
    let is_watched = std::io::stderr().is_terminal();
    let total = is_watched.then(|| total.unwrap_or_else(|| measure(&args.sources)));
    let bar = Bar::bytes("backing up", total);
    let request = Backup {
        sources,
        request: Request {
            method: options.method,
            instance,
        },
        block_bytes: options.block_size,
        by: vault_access::holder(),
        program: concat!("firedrill ", env!("CARGO_PKG_VERSION")).to_owned(),
        host: Some(vault_access::host()),
        tags: options.tag.clone(),
    };
    let (outcome, readings) = match Site::of(args) {
        Some(site) => backup::run_held(vault, &request, &site.disks(), hooks, &bar).await?,
        None => (backup::run(vault, &request, hooks, &bar).await?, Vec::new()),
    };
    bar.done();
    Ok(Made { outcome, readings })
}

/// Runs the last hook, and tells what was done.
async fn tell(
    args: &BackupArgs,
    json: bool,
    Made { outcome, readings }: &Made,
    asked: Requests,
    hooks: &Hooks,
    started: Instant,
) -> Result<Exit> {
    let did = outcome.manifest.statistics;
    let whole = did.unreadable + did.changed_while_read == 0
        && !hooks.missed(outcome.manifest.consistency());
    let result = if whole { "done" } else { "partial" };
    let after = hooks.after(result, Some(outcome.point.to_string())).await;
    let held = hooks.held().await;
    if json {
        let mut document = document(outcome, started.elapsed().as_secs_f64(), asked);
        document["held_seconds"] = json!(held.map(|held| held.as_secs_f64()));
        document["hooks"] = hooks.document();
        document["disks"] = protected::document(readings);
        output::print_json(&document)?;
    } else {
        let mut text = summary(args, outcome, started) + &protected::lines(readings);
        if outcome.manifest.instant.is_some() {
            let captured = output::instant(outcome.manifest.captured);
            text += &format!("  as of {captured}\n");
        }
        match (outcome.manifest.consistency(), held) {
            (Consistency::Application, Some(held)) => {
                let held = output::span(held);
                text += &format!("  application-consistent: held still for {held}\n");
            }
            (_, Some(_)) => text += "  only crash-consistent, for the reason told above\n",
            (_, None) => {}
        }
        text += &output::requests_line(asked);
        output::print(&text)?;
    }
    Ok(if whole && after {
        Exit::Met
    } else {
        Exit::Missed
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
    if method != args.options.method {
        text += &format!(
            "  there was nothing to build a {} on: made a {method}\n",
            args.options.method
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

fn document(outcome: &Outcome, seconds: f64, asked: Requests) -> serde_json::Value {
    let did = outcome.manifest.statistics;
    json!({
        "point": outcome.point.to_string(),
        "requests": output::requests(asked),
        "instance": outcome.manifest.instance,
        "method": outcome.manifest.method.name(),
        "consistency": outcome.manifest.consistency().name(),
        "captured": output::exact(outcome.manifest.captured),
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
