//! A replica's point as images: read while replication goes on.

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use engine::backup::{HeldDisk, HoldDisks, Progress};
use engine::{Error, ErrorKind};
use serde_json::json;

use crate::cli::RestoreArgs;
use crate::commands::choice::Both;
use crate::exit::Exit;
use crate::output::{self, Bar, bytes, span};
use crate::site::SiteDisks;

/// Bytes of which holes are asked for at a time.
const WINDOW_BYTES: u64 = 64 << 20;
/// Bytes that are read at a time.
const STEP_BYTES: u64 = 4 << 20;

/// Writes the replica's point that was chosen into new images.
pub(super) async fn run(args: &RestoreArgs, both: &Both, json: bool) -> Result<Exit> {
    let started = Instant::now();
    let (Some(folder), target) = (&args.replica, &args.target) else {
        return Ok(Exit::Met);
    };
    let site = SiteDisks::of(folder.clone(), Some(args.point.clone()));
    let held = site.hold(None).await?;
    let total = held.disks.iter().map(|disk| disk.device.size()).sum();
    if !args.dry_run {
        let bar = Bar::bytes("restoring", Some(total));
        let several = held.disks.len() > 1;
        if several {
            std::fs::create_dir(target).map_err(|error| failed(target, error))?;
        }
        for disk in &held.disks {
            let at = if several {
                target.join(&disk.name)
            } else {
                target.clone()
            };
            copy(disk, at, &bar).await?;
        }
        bar.done();
    }
    let captured = held.captured.map(|(at, _)| at);
    if json {
        output::print_json(&json!({
            "chosen": both.document(),
            "captured": captured.map(output::exact),
            "target": target,
            "dry_run": args.dry_run,
            "files": held.disks.len(),
            "bytes": total,
            "seconds": started.elapsed().as_secs_f64(),
        }))?;
        return Ok(Exit::Met);
    }
    let verb = if args.dry_run {
        "would restore"
    } else {
        "restored"
    };
    output::print(&format!(
        "{verb} the replica's point of {}: {} in {} disk(s) to {}\n  took {}\n",
        captured.map(output::instant).unwrap_or_default(),
        bytes(total),
        held.disks.len(),
        target.display(),
        span(started.elapsed())
    ))?;
    Ok(Exit::Met)
}

fn failed(at: &Path, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        let what = format!("target {} is there already: name a new one", at.display());
        return Error::new(ErrorKind::Conflict, what);
    }
    Error::from_io(format!("target {}", at.display()), error)
}

/// Writes a new image of a disk; holes stay holes.
async fn copy(disk: &HeldDisk, at: PathBuf, bar: &Bar) -> Result<()> {
    let io = |error| failed(&at, error);
    let (device, size) = (&disk.device, disk.device.size());
    // A whole disk is for its owner's eyes.
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&at);
    let file = file.map_err(io)?;
    file.set_len(size).map_err(io)?;
    let mut offset = 0;
    while offset < size {
        let window = WINDOW_BYTES.min(size - offset);
        for run in device.runs(offset, window).await? {
            let end = offset + run.length;
            while offset < end {
                let step = STEP_BYTES.min(end - offset);
                if !run.hole {
                    let data = device.read(offset, step as usize).await?;
                    file.write_all_at(&data, offset).map_err(io)?;
                }
                bar.advance(step, 0);
                offset += step;
            }
        }
    }
    Ok(file.sync_all().map_err(io)?)
}
