//! firedrill: measure what full, differential and incremental backups really cost, on real data.

mod calendar;
mod cli;
mod commands;
mod credentials;
mod exit;
mod hook;
mod hooks;
mod keep;
mod limits;
mod output;
mod place;
mod report;
mod schedule;
mod site;
mod vault_access;

use std::process::ExitCode;

/// Packs and segments of many MiB come and go on several threads. The system's allocator gives each
/// thread a heap of its own and the pages back and forth: half as much memory again, and a fifth of
/// the time in the kernel (benches/README.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = <cli::Cli as clap::Parser>::parse();
    match commands::run(&cli) {
        Ok(code) => code.into(),
        Err(error) => exit::explain(&error, cli.json).into(),
    }
}
