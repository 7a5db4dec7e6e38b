//! Arguments of the commands that thin a vault out and free its room, now or by schedule.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use engine::retention::Semantics;

use super::{BackupOptions, VaultArgs};
use crate::calendar::When;
use crate::keep::KeepArgs;

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Forget these points and no other: `latest`, ids or their beginnings
    #[arg(value_name = "POINT", conflicts_with_all = ["keep", "all", "semantics"])]
    pub(crate) points: Vec<String>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Only the points of this instance [default: every instance, each by itself]
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Forget every point
    #[arg(long, conflicts_with_all = ["keep", "semantics"])]
    pub(crate) all: bool,
    /// Show side by side what these conventions would keep, and forget nothing: restic, borg
    /// (1.4), borg2, pbs, kopia or azure
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(crate) semantics: Vec<Semantics>,
    /// Show what would be forgotten and why, and forget nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do what is shown without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Days for which the points can be brought back: 14 to 180, and no fewer than the vault's own
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(14..=180))]
    pub(crate) soft_delete: Option<u64>,
    /// Why, for whoever looks at the deleted points [default: the policy]
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UndeleteArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Ids or their beginnings
    #[arg(value_name = "POINT", required_unless_present = "all")]
    pub(crate) points: Vec<String>,
    /// Every point that can still be brought back
    #[arg(long, conflicts_with = "points")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Unneeded data that may stay in packs which are needed otherwise, in percent of the vault
    #[arg(long, default_value_t = 5, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) max_waste: u32,
    /// Copy at most so much into new packs in this run; the next goes on
    #[arg(long, value_name = "SIZE", value_parser = crate::output::parse_bytes)]
    pub(crate) max_repack: Option<u64>,
    /// Show what would be removed, why and how many bytes, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do what is shown without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// What to back up
    #[arg(required_unless_present = "remove")]
    pub(crate) sources: Vec<PathBuf>,
    /// When to back up
    #[arg(long, default_value = "daily@01:00", value_name = "TIME")]
    pub(crate) backup: When,
    /// When to forget points, where a policy is given (--keep-...)
    #[arg(long, default_value = "daily@03:00", value_name = "TIME")]
    pub(crate) forget: When,
    /// When to free what forgotten points alone needed
    #[arg(long, default_value = "sun@04:00", value_name = "TIME")]
    pub(crate) prune: When,
    /// When to read, open and verify every byte
    #[arg(long, default_value = "sat@04:00", value_name = "TIME")]
    pub(crate) check: When,
    /// When to restore a sample of points to prove that it works
    #[arg(long, default_value = "monthly@05:00", value_name = "TIME")]
    pub(crate) drill: When,
    /// What share of the points a drill restores
    #[arg(long, default_value = "5%", value_name = "N%")]
    pub(crate) sample: String,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    #[command(flatten)]
    pub(crate) options: BackupOptions,
    #[command(flatten)]
    pub(crate) units: UnitArgs,
}

/// The units and what is done with them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Units")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct UnitArgs {
    /// Install the units and start the timers
    #[arg(long, conflicts_with = "cron")]
    pub(crate) install: bool,
    /// Stop and remove this vault's timers
    #[arg(long, conflicts_with_all = ["cron", "install"])]
    pub(crate) remove: bool,
    /// Do what is shown without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print lines for a crontab instead
    #[arg(long)]
    pub(crate) cron: bool,
    /// Units of the user [default, unless root runs this]
    #[arg(long, conflicts_with = "system")]
    pub(crate) user: bool,
    /// Units of the machine [default for root]
    #[arg(long)]
    pub(crate) system: bool,
    /// Write the units into this folder and start nothing, as for another machine
    #[arg(long, value_name = "DIR")]
    pub(crate) unit_dir: Option<PathBuf>,
    /// Part of the units' names [default: the vault's last part]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// By how much each start is put off at random, at most
    #[arg(long, default_value = "15min", value_name = "TIME", value_parser = crate::output::parse_span)]
    pub(crate) random_delay: Duration,
    /// A file of environment variables for the units: a store's credentials, `FIREDRILL_PASSPHRASE`
    #[arg(long, value_name = "FILE")]
    pub(crate) environment_file: Option<PathBuf>,
}
