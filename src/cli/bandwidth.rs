//! Arguments of planning: what a link between two sites has to carry.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use simulator::quantity::{Bytes, Speed, Thousandths, Time};

use crate::output;

#[derive(Debug, Args)]
pub(crate) struct PlanningArgs {
    #[command(subcommand)]
    pub(crate) command: PlanningCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanningCommand {
    /// Say what bandwidth holds an RPO, and what RPO a bandwidth gives, from recorded writes
    #[command(after_help = "Examples:\n  \
        firedrill plan bandwidth --trace writes.csv.gz --rpo 15m\n  \
        firedrill plan bandwidth --trace writes.csv.gz --rpo 5m --bandwidth 20Mbit/s,50Mbit/s --latency 30ms\n  \
        firedrill plan bandwidth --trace writes.csv.gz --sample disk.img --outage 4h --retention 3d\n  \
        firedrill plan bandwidth --protect status.json --rpo 1m\n\n\
        A trace is CSV, gzipped if its name ends in .gz, with the columns time_us,disk,op,offset,length (op: W write, \
        Z write zeroes, D trim; others change nothing). A status is what `firedrill status --json` prints.\n\
        What is asked: the bandwidth that holds the RPO always and for a share of the time, the RPO that bandwidths \
        give, room for the journal and for points on the replica, and whether Site Recovery's limits admit it.\n\
        Exit code: 0 done; 3 a --bandwidth holds the RPO for less than --share of the time.")]
    Bandwidth(Box<BandwidthArgs>),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").required(true).args(["trace", "protect"])))]
pub(crate) struct BandwidthArgs {
    /// Recorded writes: a CSV file, or a gzipped one
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// What a running protection tells of itself: the output of `firedrill status --json`
    #[arg(long, value_name = "STATUS")]
    pub(crate) protect: Option<PathBuf>,
    /// The RPO to hold
    #[arg(long, default_value = "15m", value_name = "TIME")]
    pub(crate) rpo: Time,
    /// The share of the time for the second answer
    #[arg(long, default_value = "90%", value_name = "SHARE", value_parser = output::parse_share)]
    pub(crate) share: u32,
    /// Bandwidths to look at (20Mbit/s, 5MB/s)
    #[arg(long, value_delimiter = ',', value_name = "SPEED")]
    pub(crate) bandwidth: Vec<Speed>,
    /// The link's latency, one way
    #[arg(long, default_value = "0s", value_name = "TIME")]
    pub(crate) latency: Time,
    /// From one batch to the next
    #[arg(
        long,
        default_value = "1s",
        value_name = "TIME",
        conflicts_with = "protect"
    )]
    pub(crate) interval: Time,
    /// Within a batch a block of this size is sent once
    #[arg(
        long,
        default_value = "4KiB",
        value_name = "SIZE",
        conflicts_with = "protect"
    )]
    pub(crate) block_size: Bytes,
    /// How many times smaller data becomes on the wire (2.0) [default: none; with --protect as measured]
    #[arg(long, value_name = "FACTOR", conflicts_with = "sample")]
    pub(crate) compression: Option<Thousandths>,
    /// Measure compression on the blocks of this disk or image that the trace writes; DISK=FILE for one of several
    #[arg(long, value_name = "FILE", conflicts_with = "protect")]
    pub(crate) sample: Vec<String>,
    /// How long an outage of the link the journal shall outlast
    #[arg(long, default_value = "1h", value_name = "TIME")]
    pub(crate) outage: Time,
    /// How long points stay on the replica
    #[arg(long, default_value = "24h", value_name = "TIME")]
    pub(crate) retention: Time,
    /// Folder for the report
    #[arg(long, default_value = "firedrill-bandwidth", value_name = "DIR")]
    pub(crate) out: PathBuf,
}
