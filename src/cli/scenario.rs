//! Arguments of scenarios: what ships, what a file means, whether it is right.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct ScenarioArgs {
    #[command(subcommand)]
    pub(crate) command: ScenarioCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScenarioCommand {
    /// List the scenarios that come with the program, each with its question
    List,
    /// Show a scenario: its file, what it means, and what it leaves to defaults
    #[command(after_help = "Examples:\n  firedrill scenario show ten-blocks\n  \
        firedrill scenario show ten-blocks > mine.toml\n\n\
        What is added to the file are comments: the output is a scenario too.")]
    Show(ScenarioNamed),
    /// Check scenarios; the first mistake is told with its line and what would be right
    Check(ScenariosNamed),
    /// Print the JSON Schema of scenarios, for editors
    #[command(
        after_help = "Example:\n  firedrill scenario schema > scenario.schema.json\n\n\
        In an editor with Taplo (Even Better TOML), this first line of a scenario completes its keys:\n  \
        #:schema ./scenario.schema.json"
    )]
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct ScenarioNamed {
    /// A scenario's file, or the name of one that comes with the program
    pub(crate) scenario: String,
}

#[derive(Debug, Args)]
pub(crate) struct ScenariosNamed {
    /// Scenarios' files, or names of ones that come with the program
    #[arg(required = true, value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
}
