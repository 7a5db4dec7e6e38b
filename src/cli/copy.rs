//! Arguments of `copy`: two vaults, each with a way to open it.

use std::path::PathBuf;

use clap::Args;
use engine::seam::store::Limit;

use super::VaultArgs;

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// The vault to copy from: a folder, `s3://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`
    #[arg(value_name = "FROM")]
    from: String,
    /// The vault to copy into: made before with `firedrill init`
    #[arg(value_name = "TO")]
    to: String,
    /// `latest`, ids or their beginnings [default: every point that TO lacks]
    #[arg(value_name = "POINT")]
    pub(crate) points: Vec<String>,
    /// Only the points of this instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Show what would be copied and about how many bytes that is, and copy nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Read FROM's passphrase from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_command")]
    passphrase_file: Option<PathBuf>,
    /// Read FROM's passphrase from the first line that this command prints
    #[arg(long, value_name = "COMMAND")]
    passphrase_command: Option<String>,
    /// Read TO's passphrase from the first line of this file [default: `FIREDRILL_TO_PASSPHRASE`, else as
    /// FROM's]
    #[arg(long, value_name = "FILE", conflicts_with = "to_passphrase_command")]
    to_passphrase_file: Option<PathBuf>,
    /// Read TO's passphrase from the first line that this command prints
    #[arg(long, value_name = "COMMAND")]
    to_passphrase_command: Option<String>,
    /// Send to TO no faster: '10MiB/s', or with times of the day '10MiB/s 08:00-18:00' (several, parted by
    /// commas; else unlimited)
    #[arg(long, value_name = "RATE", value_parser = crate::limits::parse)]
    limit_upload: Option<Limit>,
    /// Receive from FROM no faster
    #[arg(long, value_name = "RATE", value_parser = crate::limits::parse)]
    limit_download: Option<Limit>,
}

impl CopyArgs {
    /// The vault to copy from.
    pub(crate) fn from(&self) -> VaultArgs {
        VaultArgs {
            vault: self.from.clone(),
            passphrase_file: self.passphrase_file.clone(),
            passphrase_command: self.passphrase_command.clone(),
            limit_upload: None,
            limit_download: self.limit_download.clone(),
        }
    }

    /// The vault to copy into.
    pub(crate) fn to(&self) -> VaultArgs {
        VaultArgs {
            vault: self.to.clone(),
            passphrase_file: self.to_passphrase_file.clone(),
            passphrase_command: self.to_passphrase_command.clone(),
            limit_upload: self.limit_upload.clone(),
            limit_download: None,
        }
    }
}
