//! firedrill: measure what full, differential and incremental backups really cost, on real data.

mod cli;
mod commands;
mod exit;
mod output;
mod vault_access;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = <cli::Cli as clap::Parser>::parse();
    match commands::run(&cli) {
        Ok(code) => code.into(),
        Err(error) => exit::explain(&error, cli.json).into(),
    }
}
