//! Failing over to a point of a vault, where that has a newer one than the replica: it is restored into the state, and
//! only then taken.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use engine::restore;
use engine::vault::{Catalog, Point, Vault};
use serde_json::json;

use super::taken_over;
use crate::cli::{FailoverArgs, VaultArgs};
use crate::commands::choice::{self, Both};
use crate::exit::Exit;
use crate::output::{self, Bar, warn};
use crate::site::{RESTORED, Request, call};
use crate::vault_access;

/// What came of looking into both places.
pub(super) enum Done {
    /// This site took over at a point of the vault.
    Over(Exit),
    /// The replica's point is to be taken.
    Replica(Both),
}

/// Chooses, and takes over where the vault has the better point.
pub(super) async fn run(args: &FailoverArgs, vault: &VaultArgs, json: bool) -> Result<Done> {
    let folder = &args.state.state;
    let vault = vault_access::open(vault).await?;
    let catalog = vault_access::catalog(&vault).await?;
    let both = choice::look(folder, &vault, &catalog, &args.point).await?;
    warn(&format!("chosen: {}", both.words()));
    let Some(chosen) = both.vault() else {
        return Ok(Done::Replica(both));
    };
    let found = catalog.get(chosen.id);
    let point = found.context("the point went while it was looked at: run it again")?;
    // Refused before hours of restoring, if it must be.
    call(
        folder,
        &Request::Choose {
            point: "latest".to_owned(),
        },
    )
    .await?;
    if !args.yes {
        output::confirm(&format!(
            "Restore the vault's point {} of {} into {}, and take over with it? Nothing changes before it is there; what \
             was written after it at the other site is lost, and that site may not write any more.",
            point.id.short(),
            output::instant(point.manifest.captured),
            folder.display()
        ))?;
    }
    // Its own folder: of two that run at once, one fails, and none takes what the other has half restored.
    let name = format!("{RESTORED}{}-{}", point.id, std::process::id());
    restore(&vault, &catalog, point, &folder.join(&name)).await?;
    let captured = point.manifest.captured;
    let request = Request::FailoverRestored {
        folder: name,
        captured: (captured.seconds, captured.nanos),
        without_witness: args.without_witness,
    };
    let (mut told, _) = call(folder, &request).await?;
    told["chosen"] = both.document();
    told["vault_point"] = json!(point.id.to_string());
    Ok(Done::Over(taken_over(folder, &told, json)?))
}

/// Restores a point's disks into a folder, by their names: what interrupted ones left goes first.
async fn restore(vault: &Vault, catalog: &Catalog, point: &Point, at: &Path) -> Result<()> {
    for entry in std::fs::read_dir(at.parent().unwrap_or(at))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(RESTORED) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    std::fs::create_dir(at).with_context(|| format!("failed to make {}", at.display()))?;
    let request = restore::Request {
        target: target(point, at),
        paths: Vec::new(),
        overwrite: false,
        dry_run: false,
    };
    let bar = Bar::bytes("restoring", Some(point.manifest.statistics.logical_bytes));
    let outcome = restore::run(vault, catalog, point, &request, &bar).await?;
    bar.done();
    if outcome.damaged > 0 {
        let what = format!(
            "{} disk(s) of point {} are damaged in the vault: choose an older one with --point; nothing has changed",
            outcome.damaged,
            point.id.short()
        );
        return Err(engine::Error::new(engine::ErrorKind::Corrupt, what).into());
    }
    // Durable here, so that the site's process need not wait for it.
    for image in std::fs::read_dir(at)? {
        std::fs::File::open(image?.path())?.sync_all()?;
    }
    Ok(())
}

/// A single disk is a point's root: its image has the disk's name.
fn target(point: &Point, at: &Path) -> PathBuf {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    match point.manifest.sources.as_slice() {
        [single] if single.name.is_empty() => {
            let called = Path::new(OsStr::from_bytes(&single.path));
            at.join(called.file_name().unwrap_or_default())
        }
        _ => at.to_owned(),
    }
}
