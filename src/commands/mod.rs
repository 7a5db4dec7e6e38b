//! One room per verb.

mod advise;
mod backup;
mod chaos;
mod check;
mod choice;
mod compare;
mod copy;
mod drill;
mod failover;
mod forget;
mod init;
mod ls;
mod plan;
mod points;
mod protect;
mod protected;
mod prune;
mod recover;
mod restore;
mod retention;
mod scenario;
mod schedule;
mod stats;
mod undelete;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::exit::Exit;

/// Threads that read and write the files of a vault on a local disk. As many requests as a solid
/// state disk serves at once; each thread may keep a buffer of a pack's size.
const FILE_THREADS: usize = 4;

/// Runs the command.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(FILE_THREADS)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let json = cli.json;
        match &cli.command {
            Command::Init(args) => init::run(args, json).await,
            Command::Backup(args) => backup::run(args, json).await,
            Command::Points(args) => points::run(args, json).await,
            Command::Ls(args) => ls::run(args, json).await,
            Command::Restore(args) => restore::run(args, json).await,
            Command::Copy(args) => copy::run(args, json).await,
            Command::Forget(args) => forget::run(args, json).await,
            Command::Undelete(args) => undelete::run(args, json).await,
            Command::Prune(args) => prune::run(args, json).await,
            Command::Retention(args) => retention::run(args, json).await,
            Command::Scenario(args) => scenario::run(args, json),
            Command::Check(args) => check::run(args, json).await,
            Command::Stats(args) => stats::run(args, json).await,
            Command::Schedule(args) => schedule::run(args, json),
            Command::Drill(args) => drill::run(args, json).await,
            Command::Compare(args) => compare::run(args, json).await,
            Command::Chaos(args) => chaos::run(args, json),
            Command::Protect(args) => protect::run(args).await,
            Command::Replica(args) => protect::replica(args, json).await,
            Command::Status(args) => failover::status(args, json).await,
            Command::Point(args) => failover::point(args, json).await,
            Command::Failover(args) => failover::run(args, json).await,
            Command::Recover(args) => recover::run(args, json).await,
            Command::TestFailover(args) => failover::test(args, json).await,
            Command::Commit(args) => failover::commit(args, json).await,
            Command::Reprotect(args) => failover::reprotect(args, json).await,
            Command::Failback(args) => failover::fail_back(args, json).await,
            Command::Plan(args) => plan::run(args, json),
            Command::Advise(args) => advise::run(args, json),
        }
    })
}
