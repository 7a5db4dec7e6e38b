//! Finding a vault by path or URL, and the passphrase that opens it.

use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use engine::ErrorKind;
use engine::format::keyslot::{KdfCost, Terms};
use engine::format::lease::Purpose;
use engine::seam::store::{Limit, Pace, Retries};
use engine::seam::{Store, SystemEntropy, Threads, Traffic, WallClock, World};
use engine::vault::{Catalog, Lease, Point, Vault};
use object_store::ObjectStoreExt;

use crate::cli::VaultArgs;
use crate::output::warn;
use crate::place::Place;

/// The environment variable that holds the passphrase.
pub(crate) const VARIABLE: &str = "FIREDRILL_PASSPHRASE";
/// The one that holds the passphrase of the vault that is copied into, where it has its own.
pub(crate) const TO_VARIABLE: &str = "FIREDRILL_TO_PASSPHRASE";

/// A vault's store, and the world around it.
struct Reached {
    store: Store,
    traffic: Traffic,
    workers: Arc<Threads>,
}

impl Reached {
    /// Opens the store at `place`; asks it nothing yet.
    fn reach(place: &Place, args: &VaultArgs) -> Result<Self> {
        let pace = |limit: &Option<Limit>| {
            let limit = limit.clone()?;
            Some(Pace::new(limit, Arc::new(WallClock)))
        };
        let (upload, download) = (pace(&args.limit_upload), pace(&args.limit_download));
        let mut traffic = Traffic {
            download,
            ..Traffic::default()
        };
        let store = if let Place::Folder(_) = place {
            traffic.upload = upload;
            place.open(None)?
        } else {
            place.open(upload)?
        };
        let workers = Arc::new(Threads::per_core());
        Ok(Self {
            store,
            traffic,
            workers,
        })
    }

    fn world(&self, retries: Retries) -> World {
        let (clock, entropy) = (Arc::new(WallClock), Arc::new(SystemEntropy));
        let traffic = Traffic {
            retries,
            ..self.traffic.clone()
        };
        let (store, workers) = (Arc::clone(&self.store), Arc::clone(&self.workers));
        World::new(store, clock, entropy, workers, traffic)
    }

    /// Whether there is a vault, asked briefly: a wrong address is told soon.
    async fn holds_vault(&self) -> engine::Result<bool> {
        let at = engine::format::layout::path::vault();
        // Not by a question whether it exists: services answer those without words.
        let Err(error) = self.world(Retries::BRIEF).store.get(&at).await else {
            return Ok(true);
        };
        let error = engine::Error::from_store(&at, error);
        if error.kind() == ErrorKind::NotFound {
            return Ok(false);
        }
        Err(error)
    }
}

/// Opens an existing vault.
pub(crate) async fn open(args: &VaultArgs) -> Result<Vault> {
    let reached = find(args).await?;
    let passphrase = passphrase(args, false)?;
    unlock(args, &reached, &passphrase).await
}

/// Opens a vault to copy from and one to copy into; unless told otherwise they have one passphrase.
pub(crate) async fn open_pair(from: &VaultArgs, to: &VaultArgs) -> Result<(Vault, Vault)> {
    let (near, far) = (find(from).await?, find(to).await?);
    let first = passphrase(from, false)?;
    let given = to.passphrase_file.is_some() || to.passphrase_command.is_some();
    let second = match std::env::var(TO_VARIABLE) {
        _ if given => passphrase(to, false)?,
        Ok(own) => own,
        Err(_) => first.clone(),
    };
    let left = unlock(from, &near, &first).await?;
    Ok((left, unlock(to, &far, &second).await?))
}

/// Finds an existing vault, before its passphrase is asked for.
async fn find(args: &VaultArgs) -> Result<Reached> {
    let place = Place::parse(&args.vault)?;
    if let Place::Folder(folder) = &place
        && !folder.exists()
    {
        return Err(no_vault(args, "does not exist"));
    }
    let reached = Reached::reach(&place, args)?;
    if !reached
        .holds_vault()
        .await
        .map_err(|error| named(args, error))?
    {
        return Err(no_vault(args, "is not a vault"));
    }
    Ok(reached)
}

async fn unlock(args: &VaultArgs, reached: &Reached, passphrase: &str) -> Result<Vault> {
    Vault::open(reached.world(Retries::PATIENT), passphrase.as_bytes())
        .await
        .map_err(|error| named(args, error))
}

/// The error with the vault's name before it.
fn named(args: &VaultArgs, error: engine::Error) -> anyhow::Error {
    error.context(format!("vault {}", args.vault)).into()
}

fn no_vault(args: &VaultArgs, what: &str) -> anyhow::Error {
    let told = format!(
        "{} {what}: `firedrill init {0}` makes one there",
        args.vault
    );
    engine::Error::new(ErrorKind::NotFound, told).into()
}

/// Reads the recovery points; damaged ones are told and hide no other.
pub(crate) async fn catalog(vault: &Vault) -> Result<Catalog> {
    let catalog = Catalog::load(vault).await?;
    for error in catalog.damaged() {
        warn(&format!("{error}; `firedrill check` tells what is damaged"));
    }
    Ok(catalog)
}

/// The point that a person means.
pub(crate) fn point<'a>(
    catalog: &'a Catalog,
    name: &str,
    instance: Option<&str>,
) -> Result<&'a Point> {
    let found = if name == "latest" {
        catalog.latest(instance)
    } else {
        catalog.resolve(name)
    };
    Ok(found?)
}

/// A path below a point's root as a listing has it: without `.` and trailing slashes.
pub(crate) fn path_in_point(path: &Path) -> Vec<u8> {
    let clean: PathBuf = path.components().collect();
    clean.as_os_str().as_bytes().to_vec()
}

/// Makes a vault.
pub(crate) async fn create(args: &VaultArgs, terms: Terms) -> Result<Vault> {
    let place = Place::parse(&args.vault)?;
    // Before the passphrase is asked for; a folder is made after that.
    let found = match &place {
        Place::Folder(folder) => Ok(folder.join("vault").exists()),
        _ => Reached::reach(&place, args)?.holds_vault().await,
    };
    if found.map_err(|error| named(args, error))? {
        let what = format!("{} holds a vault already: back up into it", args.vault);
        return Err(engine::Error::new(ErrorKind::Conflict, what).into());
    }
    let passphrase = passphrase(args, true)?;
    if let Place::Folder(folder) = &place {
        std::fs::create_dir_all(folder)
            .map_err(|error| engine::Error::from_io(folder.display(), error))?;
    }
    let world = Reached::reach(&place, args)?.world(Retries::PATIENT);
    Vault::create(world, passphrase.as_bytes(), KdfCost::DEFAULT, terms)
        .await
        .map_err(|error| named(args, error))
}

/// The machine's name.
pub(crate) fn host() -> String {
    let uname = rustix::system::uname();
    uname.nodename().to_string_lossy().into_owned()
}

/// What time it is by the store's clock; by this machine's where nothing may be written there.
pub(crate) async fn store_now(vault: &Vault) -> engine::units::Timestamp {
    match Lease::take(vault, Purpose::Mark, &holder()).await {
        Ok(lease) => {
            let now = lease.now();
            let _ = lease.release().await.is_ok();
            now
        }
        Err(_) => vault.world().clock.now(),
    }
}

/// Host and process, as leases and deletions name who is at work.
pub(crate) fn holder() -> String {
    format!("{} ({})", host(), std::process::id())
}

/// The passphrase: from the file or command given, the environment, or a prompt.
fn passphrase(args: &VaultArgs, new: bool) -> Result<String> {
    let passphrase = if let Some(file) = &args.passphrase_file {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("passphrase file {}", file.display()))?;
        first_line(&text)
    } else if let Some(command) = &args.passphrase_command {
        let output = Command::new("sh")
            .args(["-c", command])
            .stderr(std::process::Stdio::inherit())
            .output()
            .with_context(|| format!("passphrase command '{command}'"))?;
        if !output.status.success() {
            bail!(
                "passphrase command '{command}' ended with {}",
                output.status
            );
        }
        first_line(&String::from_utf8(output.stdout).context("passphrase command's output")?)
    } else if let Ok(passphrase) = std::env::var(VARIABLE) {
        passphrase
    } else if std::io::stdin().is_terminal() {
        prompt(new)?
    } else {
        bail!("no passphrase: set {VARIABLE}, or give --passphrase-file or --passphrase-command");
    };
    if passphrase.is_empty() {
        bail!("the passphrase is empty: choose one that nobody guesses");
    }
    Ok(passphrase)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn prompt(new: bool) -> Result<String> {
    let passphrase = rpassword::prompt_password("Passphrase: ")?;
    if new && rpassword::prompt_password("Again: ")? != passphrase {
        bail!("the two passphrases differ: try again");
    }
    Ok(passphrase)
}

/// Refuses a vault that lies inside one of its own sources: each backup would back up the last.
pub(crate) fn refuse_inside(vault: &str, sources: &[PathBuf]) -> Result<()> {
    let Place::Folder(vault) = Place::parse(vault)? else {
        return Ok(());
    };
    let Ok(vault) = vault.canonicalize() else {
        return Ok(());
    };
    for source in sources {
        let inside = source
            .canonicalize()
            .is_ok_and(|source| vault.starts_with(&source));
        if inside && Path::is_dir(source) {
            let error = engine::Error::new(
                ErrorKind::Invalid,
                format!(
                    "the vault {} lies inside the source {}: move the vault out of it, or back \
                     up the folders beside it one by one",
                    vault.display(),
                    source.display()
                ),
            );
            return Err(error.into());
        }
    }
    Ok(())
}
