//! Arguments of what-if: a retention policy carried forward.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::format::point::Method;
use engine::retention::Semantics;
use simulator::forecast::{Bytes, Every, Part, Rate};

use crate::keep::KeepArgs;

#[derive(Debug, Args)]
pub(crate) struct RetentionArgs {
    #[command(subcommand)]
    pub(crate) command: RetentionCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// Apply policies forward in time: points, bytes and cost, month by month
    #[command(after_help = "Examples:\n  \
        firedrill retention plan /backup/vault --keep-daily 7 --keep-weekly 5 --keep-monthly 12\n  \
        firedrill retention plan --size 2TiB --change 2%/day --growth 20%/year --keep-within 30d\n  \
        firedrill retention plan --scenario office.toml --policy a.toml --policy b.toml\n\n\
        A vault's own history says how much each point adds and how long that stays in use; the last \
        third of it, predicted from the first two, says how far the plan can be trusted. Nothing is \
        changed in the vault.")]
    Plan(Box<PlanArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The vault whose history is carried forward: a folder, or a file:// URL
    #[arg(required_unless_present_any = ["scenario", "size"])]
    pub(crate) vault: Option<String>,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_command")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the first line that this command prints
    #[arg(long, value_name = "COMMAND")]
    pub(crate) passphrase_command: Option<String>,
    /// Only the points of this instance [default: every instance]
    #[arg(long, value_name = "NAME", requires = "vault")]
    pub(crate) instance: Option<String>,
    #[command(flatten)]
    pub(crate) stated: StatedArgs,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Whose conventions to hold beside each other: firedrill, restic, borg (1.4), borg2, pbs, kopia
    /// or azure
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "LIST",
        default_value = "firedrill"
    )]
    pub(crate) semantics: Vec<Semantics>,
    /// Years to look ahead
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=30))]
    pub(crate) years: u32,
    /// Price book [default: Azure Backup, West Europe, 2024]
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// How the vault may be stored, the first of them for the short answer: lrs, zrs, grs, ra-grs, gzrs, ra-gzrs
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "LIST",
        default_value = "lrs,zrs,grs"
    )]
    pub(crate) redundancy: Vec<reports::Redundancy>,
    /// Folder for the report
    #[arg(long, default_value = "firedrill-plan", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Seed of the draws behind the interval
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What is stated, in place of a history or on top of it.
#[derive(Debug, Args)]
pub(crate) struct StatedArgs {
    /// Read what is protected from this TOML file; flags replace what it says
    #[arg(long, value_name = "FILE", conflicts_with = "vault")]
    pub(crate) scenario: Option<PathBuf>,
    /// Size of the data (2TiB)
    #[arg(long, value_name = "SIZE", conflicts_with = "vault")]
    pub(crate) size: Option<Bytes>,
    /// Share of the data that changes (2%/day)
    #[arg(long, value_name = "RATE", conflicts_with = "vault")]
    pub(crate) change: Option<Rate>,
    /// Growth of the data (20%/year)
    #[arg(long, value_name = "RATE", conflicts_with = "vault")]
    pub(crate) growth: Option<Rate>,
    /// What compression leaves (60%) [default: all]
    #[arg(long, value_name = "SHARE", conflicts_with = "vault")]
    pub(crate) compress: Option<Part>,
    /// The hot part of the data [default: 10%]
    #[arg(long, value_name = "SHARE", conflicts_with = "vault")]
    pub(crate) working_set: Option<Part>,
    /// Share of the changes that fall into the hot part [default: 90%]
    #[arg(long, value_name = "SHARE", conflicts_with = "vault")]
    pub(crate) working_set_writes: Option<Part>,
    /// Machines with such data [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "vault")]
    pub(crate) instances: Option<u32>,
    /// The day of the first point (2026-01-31) [default: today]
    #[arg(long, value_name = "DAY", conflicts_with = "vault")]
    pub(crate) start: Option<String>,
    /// Time from one point to the next (1d, 6h) [default: as in the history, or a day]
    #[arg(long, value_name = "TIME")]
    pub(crate) every: Option<Every>,
    /// Method of the points to come [default: as in the history, or forever]
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<Method>,
    /// A new full every so many points [default: as in the history, or 7]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) full_every: Option<u32>,
    /// How long deleted points can be brought back [default: as the vault has it, or 14d]
    #[arg(long, value_name = "TIME")]
    pub(crate) soft_delete: Option<Every>,
    /// Room for the vault: says on which day it is full
    #[arg(long, value_name = "SIZE")]
    pub(crate) capacity: Option<Bytes>,
}
