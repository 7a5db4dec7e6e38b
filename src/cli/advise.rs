//! Arguments of advice: what could protect this?

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use simulator::component::{Edition, Granularity, Hypervisor, Place, Target, Workload};
use simulator::forecast::{Bytes, Every};
use simulator::scenario::Redundancy;

#[derive(Debug, Args)]
pub(crate) struct AdviseArgs {
    #[command(subcommand)]
    pub(crate) command: AdviseCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdviseCommand {
    /// Which components of Azure Backup and Site Recovery could protect this, and why the others can't
    #[command(after_help = "Examples:\n  \
        firedrill advise component --workload sql --where on-premises\n  \
        firedrill advise component --workload vm --where azure --linux --every 4h --retention 17d\n  \
        firedrill advise component --workload files --where on-premises --target tape --edition 2017\n\n\
        Each answer names its document and its date: Azure may do something else today. Services without a \
        profile, such as the backup of SQL Server within a virtual machine by Azure itself, are not \
        considered.\nExit code: 0 a component fits; 3 none does.")]
    Component(Box<ComponentArgs>),
    /// List the profiles that answers come from, or show one with every value's source
    #[command(after_help = "Examples:\n  firedrill advise profiles\n  \
        firedrill advise profiles site-recovery")]
    Profiles(ProfilesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ProfilesArgs {
    /// Show this one, both editions
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ComponentArgs {
    /// What: files, folders, volumes, system-state, vm, machine, disk, sql, exchange, sharepoint, oracle
    #[arg(long, value_name = "WHAT")]
    pub(crate) workload: Workload,
    /// Where it is: azure or on-premises
    #[arg(long = "where", value_name = "PLACE")]
    pub(crate) place: Place,
    /// It runs on Linux [default: on Windows]
    #[arg(long)]
    pub(crate) linux: bool,
    /// What an on-premises machine runs on: hyper-v, vmware or physical [default: left open]
    #[arg(long, value_name = "WHAT")]
    pub(crate) hypervisor: Option<Hypervisor>,
    /// By which documents: current or 2017
    #[arg(long, value_name = "EDITION", default_value = "current")]
    pub(crate) edition: Edition,
    /// Where points must be kept: vault, disk, tape, snapshot or replica [default: anywhere]
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<Target>,
    /// The longest time from one point to the next there (15m, 4h, 1d)
    #[arg(long, value_name = "TIME")]
    pub(crate) every: Option<Every>,
    /// Points kept there at a time [default: as --every and --retention make them, none thinned]
    #[arg(long, value_name = "N")]
    pub(crate) points: Option<u64>,
    /// How long a point stays (30d)
    #[arg(long, value_name = "TIME")]
    pub(crate) retention: Option<Every>,
    /// Size of the source (2TiB)
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<Bytes>,
    /// How the store must keep it: lrs, zrs, grs, ra-grs, gzrs, ra-gzrs
    #[arg(long, value_name = "REDUNDANCY", value_parser = redundancy)]
    pub(crate) redundancy: Option<Redundancy>,
    /// What must be restorable alone: file, folder, volume, system-state, item, database, disk, machine
    #[arg(long, value_name = "WHAT")]
    pub(crate) restore: Option<Granularity>,
    /// Points must be application-consistent
    #[arg(long)]
    pub(crate) application_consistent: bool,
    /// The first copy must go by post
    #[arg(long)]
    pub(crate) offline_seed: bool,
    /// The customer must be able to restore in the second region
    #[arg(long)]
    pub(crate) cross_region_restore: bool,
}

fn redundancy(text: &str) -> Result<Redundancy, Error> {
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    Redundancy::deserialize(text)
}
