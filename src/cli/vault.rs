//! Arguments of the commands that make a vault, fill it and bring back what is in it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use engine::format::point::Method;
use engine::seam::store::Limit;

/// A vault and how to open it.
#[derive(Debug, Args)]
pub(crate) struct VaultArgs {
    /// The vault: a folder, `s3://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`
    pub(crate) vault: String,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_command")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the first line that this command prints
    #[arg(long, value_name = "COMMAND")]
    pub(crate) passphrase_command: Option<String>,
    /// Send no faster: '10MiB/s', or with times of the day '10MiB/s 08:00-18:00' (several, parted by
    /// commas; else unlimited)
    #[arg(long, value_name = "RATE", value_parser = crate::limits::parse)]
    pub(crate) limit_upload: Option<Limit>,
    /// Receive no faster
    #[arg(long, value_name = "RATE", value_parser = crate::limits::parse)]
    pub(crate) limit_download: Option<Limit>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Days for which a forgotten point can be brought back: 14 to 180. Settled for the vault's life, so that
    /// nobody can shorten it
    #[arg(long, default_value_t = 14, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(14..=180))]
    pub(crate) soft_delete: u64,
    /// A vault to rehearse deleting on, never for data: forgotten points stay 40 seconds, and the grace
    /// of prune is 20 seconds
    #[arg(long, conflicts_with = "soft_delete")]
    pub(crate) rehearsal: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// What to back up
    #[arg(required_unless_present_any = ["protected", "replica"], conflicts_with_all = ["protected", "replica"])]
    pub(crate) sources: Vec<PathBuf>,
    /// The disks that `firedrill protect` serves by this state, all at one instant while they are written; only what
    /// was written since the point before is read
    #[arg(long, value_name = "STATE", conflicts_with = "replica")]
    pub(crate) protected: Option<PathBuf>,
    /// The disks that `firedrill replica serve` keeps in this state, at one of their recovery points
    #[arg(long, value_name = "STATE")]
    pub(crate) replica: Option<PathBuf>,
    /// Which of the replica's points: as for `firedrill failover`
    #[arg(
        long,
        value_name = "POINT",
        default_value = "latest",
        requires = "replica"
    )]
    pub(crate) point: String,
    #[command(flatten)]
    pub(crate) options: BackupOptions,
}

/// How a backup is made.
#[derive(Debug, Args)]
pub(crate) struct BackupOptions {
    /// Which existing chunks the point may refer to: full, differential, incremental,
    /// synthetic-full or forever
    #[arg(long, default_value_t = Method::Forever, value_name = "METHOD")]
    pub(crate) method: Method,
    /// Block size of disks: a multiple of 512 up to 16MiB
    #[arg(long, default_value = "64KiB", value_parser = crate::output::parse_bytes)]
    pub(crate) block_size: u64,
    /// What the point is a point of [default: the host's name and the sources]
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// A word by which `forget --keep-tag` keeps the point (may be given again)
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Vec<String>,
    #[command(flatten)]
    pub(crate) hooks: HookArgs,
}

/// Commands that a backup runs by `sh -c`, each with `FIREDRILL_HOOK` and `FIREDRILL_VAULT` set and without
/// the passphrase.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Hooks")]
pub(crate) struct HookArgs {
    /// Bring the application to rest: runs when all else is ready, just before the sources are read
    #[arg(
        long,
        visible_alias = "pre-script",
        requires = "thaw",
        value_name = "COMMAND"
    )]
    pub(crate) freeze: Option<String>,
    /// Let the application go on: runs once the sources are read, and also when --freeze or the
    /// backup fails or is interrupted. Nothing can run after SIGKILL or a power cut: make --freeze
    /// let go by itself, and --thaw do no harm where nothing is held
    #[arg(
        long,
        visible_alias = "post-script",
        requires = "freeze",
        value_name = "COMMAND"
    )]
    pub(crate) thaw: Option<String>,
    /// Make no point, rather than a crash-consistent one, when --freeze or --thaw fails or the hold
    /// takes too long
    #[arg(long, requires = "freeze")]
    pub(crate) require_consistent: bool,
    /// Longest time that the application is held: then it is let go at once, the backup goes on, and
    /// the point is crash-consistent
    #[arg(long, default_value = "5min", value_name = "TIME", value_parser = crate::output::parse_span)]
    pub(crate) hold_timeout: Duration,
    /// Run first; when it fails, nothing is backed up
    #[arg(long, value_name = "COMMAND")]
    pub(crate) before: Option<String>,
    /// Run last, however the backup ended: `FIREDRILL_RESULT` is done, partial, failed or interrupted,
    /// and `FIREDRILL_POINT` names the point, if there is one
    #[arg(long, value_name = "COMMAND")]
    pub(crate) after: Option<String>,
    /// Longest time that each hook takes: then it is killed with all that it started, and has failed
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = crate::output::parse_span)]
    pub(crate) hook_timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct PointsArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Only the points of this instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// The forgotten points instead, and until when they can be brought back
    #[arg(long)]
    pub(crate) deleted: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// `latest`, an id or the beginning of one
    pub(crate) point: String,
    /// Only this path and what is below it
    pub(crate) path: Option<PathBuf>,
    /// The instance that `latest` is looked for in, where the vault holds several
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// `latest`, an id or the beginning of one; with --replica as for `firedrill failover`
    pub(crate) point: String,
    /// An empty or new folder; for a disk, a new image file or a device
    pub(crate) target: PathBuf,
    /// Look for the point among those of the replica that is kept in this state too: the newer is taken, into new
    /// images
    #[arg(long, value_name = "STATE", conflicts_with_all = ["instance", "path", "overwrite"])]
    pub(crate) replica: Option<PathBuf>,
    /// The instance that `latest` is looked for in, where the vault holds several
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Restore only this path and what is below it (may be given again)
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Vec<PathBuf>,
    /// Replace what stands in the way in a target that is not empty; shows the plan first
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Do what --overwrite shows without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Show what would be written and replaced, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
