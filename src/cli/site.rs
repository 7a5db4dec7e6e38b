//! Arguments of site recovery.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use engine::seam::store::Limit;

use super::VaultArgs;
use crate::output::{parse_bytes, parse_span};
use crate::site::{Serve, parse_serve};

#[derive(Clone, Debug, Args)]
pub(crate) struct StateArgs {
    /// The folder in which this site keeps what it knows of the group
    #[arg(value_name = "STATE")]
    pub(crate) state: PathBuf,
}

/// How disks are served to NBD clients.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// Folder with ca-cert.pem, server-cert.pem and server-key.pem, as QEMU and libnbd lay them out: clients must
    /// speak TLS, and show a certificate of that authority
    #[arg(long, value_name = "FOLDER")]
    pub(crate) tls: Option<PathBuf>,
    /// Serve in the clear on an address that other machines reach
    #[arg(long)]
    pub(crate) allow_plaintext: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProtectArgs {
    /// Disk images or block devices; several are one consistency group, with their points at the same instants.
    /// Each is served under its file name, or under NAME of NAME=PATH
    #[arg(value_name = "DISK", required = true)]
    pub(crate) disks: Vec<String>,
    /// The folder in which this site keeps its journal and what it knows of the group; made when it is not there
    #[arg(long, value_name = "STATE")]
    pub(crate) state: PathBuf,
    /// The identity that `firedrill replica init` made for this site; needed once
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// The other site: host and port where `firedrill replica serve` listens
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) to: String,
    /// Where NBD clients find the disks: unix:PATH or tcp:ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = parse_serve)]
    pub(crate) listen: Serve,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(flatten)]
    pub(crate) ship: ShipArgs,
    #[command(flatten)]
    pub(crate) back: TakeBackArgs,
    #[command(flatten)]
    pub(crate) witness: WitnessArgs,
}

/// For when the other site is gone for good.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TakeBackArgs {
    /// The other site took over, and is gone for good: be active again, with the disks as they were when it did. What
    /// was written there since is lost; should it come back it is fenced
    #[arg(long)]
    pub(crate) take_back: bool,
}

/// Who tells whether the other site has taken over.
#[derive(Clone, Debug, Args)]
pub(crate) struct WitnessArgs {
    /// A folder, bucket or container that both sites reach, in neither's region, given as a vault is. This site is
    /// written only while the other one or the witness has told within 10 s that no other has taken over; give it
    /// at both sites
    #[arg(long, value_name = "PLACE")]
    pub(crate) witness: Option<String>,
}

/// How a site that is written sends.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShipArgs {
    /// A batch of writes ends this often
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = parse_span)]
    pub(crate) interval: Duration,
    /// Sealed writes that wait for the other site, at most; beyond that what was written is marked and read again
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_bytes)]
    pub(crate) journal: u64,
    /// Send no faster: '10MiB/s', or with times of the day '10MiB/s 08:00-18:00'
    #[arg(long, value_name = "RATE", value_parser = crate::limits::parse)]
    pub(crate) limit_upload: Option<Limit>,
    /// Warn where the other site is further behind than this
    #[arg(long, value_name = "TIME", default_value = "15min", value_parser = parse_span)]
    pub(crate) alert_rpo: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct ReplicaArgs {
    #[command(subcommand)]
    pub(crate) command: ReplicaCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReplicaCommand {
    /// Make the state of a site that will follow another, and an identity for each of the two
    Init(StateArgs),
    /// Follow the other site, and be ready to take over
    Serve(Box<ReplicaServeArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct ReplicaServeArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Where the other site connects to: ADDRESS:PORT. Both sides show certificates, all is encrypted
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: String,
    /// Where NBD clients find the disks once this site has taken over: unix:PATH or tcp:ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = parse_serve)]
    pub(crate) serve: Serve,
    #[command(flatten)]
    pub(crate) how: ServeArgs,
    #[command(flatten)]
    pub(crate) keep: KeepPointsArgs,
    #[command(flatten)]
    pub(crate) ship: ShipArgs,
    /// Follow although this site was written and the other took over without having everything: what it lacks is
    /// overwritten here
    #[arg(long, conflicts_with = "take_back")]
    pub(crate) discard_unsent: bool,
    #[command(flatten)]
    pub(crate) back: TakeBackArgs,
    #[command(flatten)]
    pub(crate) witness: WitnessArgs,
}

/// Which points a replica keeps.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeepPointsArgs {
    /// Keep recovery points for so long
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_span)]
    pub(crate) retention: Duration,
    /// A recovery point in so long
    #[arg(long, value_name = "TIME", default_value = "5min", value_parser = parse_span)]
    pub(crate) point_every: Duration,
    /// Every batch is a recovery point for so long
    #[arg(long, value_name = "TIME", default_value = "15min", value_parser = parse_span)]
    pub(crate) every_batch: Duration,
    /// Thin points as Azure Site Recovery does for a retention of so many days (0 to 15)
    #[arg(long, value_name = "DAYS", conflicts_with = "retention", value_parser = clap::value_parser!(u32).range(0..=15))]
    pub(crate) like_site_recovery: Option<u32>,
    /// Keep no more than so many bytes of history: the oldest points go before their time
    #[arg(long, value_name = "SIZE", default_value = "50GiB", value_parser = parse_bytes)]
    pub(crate) history: u64,
}

#[derive(Debug, Args)]
pub(crate) struct FailoverArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// latest, latest-processed, latest-application, or the newest point not later than an instant such as
    /// 2026-11-28T14:05:00Z
    #[arg(
        long,
        value_name = "POINT",
        default_value = "latest",
        conflicts_with = "planned"
    )]
    pub(crate) point: String,
    /// Given at the site that is written: stop writes, send everything, and have the other site take over. Nothing
    /// is lost
    #[arg(long)]
    pub(crate) planned: bool,
    #[command(flatten)]
    pub(crate) also: AlsoVaultArgs,
    /// Give up a planned failover that is not through after so long: writes go on then
    #[arg(long, value_name = "TIME", default_value = "5min", value_parser = parse_span)]
    pub(crate) timeout: Duration,
    /// Take over without telling the witness, because it is lost too. ONLY where you know that the other site is not
    /// written any more: nothing else keeps two from being written
    #[arg(long, conflicts_with = "planned")]
    pub(crate) without_witness: bool,
    /// Do it without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A vault that may have a better point than the replica.
#[derive(Clone, Debug, Args)]
pub(crate) struct AlsoVaultArgs {
    /// Look for the point in this vault too, in backups of this group: the newer is taken. One of the vault is restored
    /// into the state first
    #[arg(long, value_name = "VAULT", conflicts_with = "planned")]
    vault: Option<String>,
    /// Read the vault's passphrase from the first line of this file
    #[arg(
        long,
        value_name = "FILE",
        requires = "vault",
        conflicts_with = "passphrase_command"
    )]
    passphrase_file: Option<PathBuf>,
    /// Read the vault's passphrase from the first line that this command prints
    #[arg(long, value_name = "COMMAND", requires = "vault")]
    passphrase_command: Option<String>,
}

impl AlsoVaultArgs {
    /// The vault, where one is named.
    pub(crate) fn vault(&self) -> Option<VaultArgs> {
        Some(VaultArgs {
            vault: self.vault.clone()?,
            passphrase_file: self.passphrase_file.clone(),
            passphrase_command: self.passphrase_command.clone(),
            limit_upload: None,
            limit_download: None,
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct TestFailoverArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Where NBD clients find the writable copy: unix:PATH or tcp:ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = parse_serve)]
    pub(crate) serve: Serve,
    /// As for `firedrill failover`
    #[arg(long, value_name = "POINT", default_value = "latest")]
    pub(crate) point: String,
    /// A command to run while the copy is served, with its address in `FIREDRILL_NBD`; its exit code is the test's.
    /// Without it, the copy is served until this is interrupted
    #[arg(long, value_name = "COMMAND")]
    pub(crate) run: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReprotectArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// The site to protect to: host and port where `firedrill replica serve` listens
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) to: String,
}

#[derive(Debug, Args)]
pub(crate) struct FailbackArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Give up what is not through after so long: writes go on then
    #[arg(long, value_name = "TIME", default_value = "5min", value_parser = parse_span)]
    pub(crate) timeout: Duration,
    /// Do it without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Exit with 3 where the other site is further behind than this
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub(crate) alert_rpo: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct PointArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Hold the application still before the point is taken
    #[arg(long, value_name = "COMMAND", requires = "thaw")]
    pub(crate) freeze: Option<String>,
    /// Let the application go again: run whatever happened
    #[arg(long, value_name = "COMMAND", requires = "freeze")]
    pub(crate) thaw: Option<String>,
    /// Longest time that the application is held, and that each of the commands may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_span)]
    pub(crate) hold_timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The recovery plan, in TOML
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    /// As for `firedrill failover`
    #[arg(long, value_name = "POINT", default_value = "latest")]
    pub(crate) point: String,
    /// Test the plan: writable copies are served at STATE/test.sock while it runs, and replication goes on
    #[arg(long)]
    pub(crate) test: bool,
    /// Do it without being asked; manual steps are asked about all the same
    #[arg(long)]
    pub(crate) yes: bool,
}
