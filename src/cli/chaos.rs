//! Arguments of chaos.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ChaosArgs {
    /// A scenario's file, or the name of one that comes with the program
    pub(crate) scenario: String,
    /// Seeds to try; each strategy runs under each
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seeds: u32,
    /// The first seed [default: the scenario's]
    #[arg(long, conflicts_with = "replay")]
    pub(crate) seed: Option<u64>,
    /// Where the smallest schedule that breaks something is saved
    #[arg(long, default_value = "firedrill-chaos.json", value_name = "FILE")]
    pub(crate) save: PathBuf,
    /// Replay a saved schedule instead of drawing
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// Plant a bug, to see that it is found: stores acknowledge when one copy of three has a write,
    /// and the others get it this much later, such as 6h
    #[arg(long, value_name = "SPAN", value_parser = reports::parse_span)]
    pub(crate) plant_early_acknowledgement: Option<u64>,
}
