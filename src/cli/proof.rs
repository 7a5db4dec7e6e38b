//! Arguments of the commands that prove and compare.

use std::path::PathBuf;

use clap::Args;
use engine::format::point::Method;

use super::VaultArgs;

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Read, open and verify every byte
    #[arg(long)]
    pub(crate) read_data: bool,
}

#[derive(Debug, Args)]
#[group(id = "what", multiple = false, args = ["newest", "sample", "all", "point"])]
pub(crate) struct DrillArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Restore the newest point of each instance, which is the default; where it is damaged, older ones until
    /// one is good
    #[arg(long)]
    pub(crate) newest: bool,
    /// Read a share of all packs, those first that were never read back or longest ago: repeated,
    /// it reads everything
    #[arg(long, value_name = "SHARE", value_parser = crate::output::parse_share)]
    pub(crate) sample: Option<u32>,
    /// Restore every point
    #[arg(long)]
    pub(crate) all: bool,
    /// Restore one point: `latest`, an id or the beginning of one
    #[arg(long, value_name = "POINT")]
    pub(crate) point: Option<String>,
    /// Only this instance (may be given again)
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Vec<String>,
    /// `nowhere`: everything but the writing; or a new or empty folder, which is held against the
    /// point and then taken away
    #[arg(long, value_name = "nowhere|DIR", default_value = "nowhere")]
    pub(crate) to: PathBuf,
    /// The longest that a restore may take, such as 4h or 90min
    #[arg(long, value_name = "SPAN", value_parser = reports::parse_span)]
    pub(crate) rto: Option<u64>,
    /// The oldest that the newest good point may be, such as 1d
    #[arg(long, value_name = "SPAN", value_parser = reports::parse_span)]
    pub(crate) rpo: Option<u64>,
    /// A TOML file with rto and rpo, also by instance
    #[arg(long, value_name = "FILE")]
    pub(crate) objectives: Option<PathBuf>,
    /// Folder for the evidence: a page, JSON, CSV and Parquet
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write a Prometheus text file
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
}

/// How real a scenario's trials are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fidelities {
    /// Without bytes: all trials
    Modelled,
    /// Through the engine: the first
    Emulated,
    /// Both, held against each other
    Both,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// A scenario's file, or the name of one that comes with the program (`firedrill scenario list`)
    #[arg(value_name = "SCENARIO", conflicts_with_all = ["data", "methods", "full_every", "block_size", "redundancy", "work"])]
    pub(crate) scenario: Option<String>,
    /// Modelled trials of a scenario, each with a seed of its own [default: as the scenario says]
    #[arg(long, value_name = "N", requires = "scenario", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) trials: Option<u32>,
    /// How real a scenario's trials are: many without bytes, one through the engine, or both
    #[arg(long, value_enum, default_value_t = Fidelities::Both, requires = "scenario")]
    pub(crate) fidelity: Fidelities,
    /// Folders, or images and devices: successive states, oldest first [default: a small series
    /// made for the purpose]
    #[arg(long, num_args = 1.., value_name = "GEN")]
    pub(crate) data: Vec<PathBuf>,
    /// Methods to compare
    #[arg(long, value_delimiter = ',', default_values_t = Method::ALL, value_name = "METHODS")]
    pub(crate) methods: Vec<Method>,
    /// A new full (or synthetic full) every so many points
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) full_every: u32,
    /// Block size of disks: a multiple of 512 up to 16MiB
    #[arg(long, default_value = "64KiB", value_parser = crate::output::parse_bytes)]
    pub(crate) block_size: u64,
    /// Price book [default: Azure Backup, West Europe, 2024]
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// How the vault is stored: lrs, zrs, grs, ra-grs, gzrs or ra-gzrs
    #[arg(long, default_value_t = reports::Redundancy::Lrs)]
    pub(crate) redundancy: reports::Redundancy,
    /// Folder for the report
    #[arg(long, default_value = "firedrill-report", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Seed of the series made for the purpose [default: 1], or of a scenario's first trial [default: as it
    /// says]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Folder for vaults and restores while comparing [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,
}
