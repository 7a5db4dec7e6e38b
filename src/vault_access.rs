//! Finding a vault by path or URL, and the passphrase that opens it.

use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use engine::format::keyslot::{KdfCost, Terms};
use engine::seam::{World, open_local};
use engine::vault::{Catalog, Point, Vault};

use crate::cli::VaultArgs;
use crate::output::warn;

/// The environment variable that holds the passphrase.
const VARIABLE: &str = "FIREDRILL_PASSPHRASE";

/// Where a vault named by path or URL lies.
pub(crate) fn folder(vault: &str) -> Result<PathBuf> {
    if let Some(path) = vault.strip_prefix("file://") {
        if !path.starts_with('/') {
            bail!("'{vault}': write file:///absolute/path");
        }
        return Ok(PathBuf::from(path));
    }
    match vault.split_once("://") {
        Some((scheme, _)) => bail!(
            "'{vault}': this firedrill keeps vaults in folders, not on {scheme}://; give a path"
        ),
        None => Ok(PathBuf::from(vault)),
    }
}

/// Opens an existing vault.
pub(crate) async fn open(args: &VaultArgs) -> Result<Vault> {
    let folder = folder(&args.vault)?;
    if !folder.join("vault").exists() {
        // Before the passphrase is asked for.
        let what = if folder.exists() {
            "is not a vault"
        } else {
            "does not exist"
        };
        let error = engine::Error::new(
            engine::ErrorKind::NotFound,
            format!(
                "{} {what}: `firedrill init {0}` makes one there",
                folder.display()
            ),
        );
        return Err(error.into());
    }
    let passphrase = passphrase(args, false)?;
    let world = World::real(open_local(&folder)?);
    Vault::open(world, passphrase.as_bytes())
        .await
        .map_err(|error| error.context(format!("vault {}", folder.display())).into())
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
    let folder = folder(&args.vault)?;
    if folder.join("vault").exists() {
        let error = engine::Error::new(
            engine::ErrorKind::Conflict,
            format!(
                "{} holds a vault already: back up into it",
                folder.display()
            ),
        );
        return Err(error.into());
    }
    let passphrase = passphrase(args, true)?;
    std::fs::create_dir_all(&folder)
        .map_err(|error| engine::Error::from_io(folder.display(), error))?;
    let world = World::real(open_local(&folder)?);
    Vault::create(world, passphrase.as_bytes(), KdfCost::DEFAULT, terms)
        .await
        .map_err(|error| error.context(format!("vault {}", folder.display())).into())
}

/// The machine's name.
pub(crate) fn host() -> String {
    let uname = rustix::system::uname();
    uname.nodename().to_string_lossy().into_owned()
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
    let Ok(vault) = folder(vault)?.canonicalize() else {
        return Ok(());
    };
    for source in sources {
        let inside = source
            .canonicalize()
            .is_ok_and(|source| vault.starts_with(&source));
        if inside && Path::is_dir(source) {
            let error = engine::Error::new(
                engine::ErrorKind::Invalid,
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
