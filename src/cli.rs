//! The command line: flat verbs, as people know them from restic and borg.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use engine::format::point::Method;
use engine::retention::Semantics;
use engine::seam::store::Limit;
use simulator::forecast::{Bytes, Every, Part, Rate};

use crate::calendar::When;
use crate::keep::KeepArgs;

/// Measure what backups really cost: RPO, RTO, stored and moved bytes, money.
#[derive(Debug, Parser)]
#[command(version, after_help = crate::exit::TABLE, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an encrypted vault
    #[command(after_help = "Examples:\n  firedrill init /backup/vault\n  \
        firedrill init s3://bucket/vault\n  firedrill init az://container/vault\n\n\
        Credentials of S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE and the files \
        in ~/.aws; AWS_REGION; AWS_ENDPOINT_URL for other servers (with AWS_ALLOW_HTTP=true \
        unencrypted).\nOf Azure: AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY, \
        AZURE_STORAGE_SAS_TOKEN or AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID; or \
        AZURE_STORAGE_CONNECTION_STRING; or AZURE_STORAGE_USE_EMULATOR=true.")]
    Init(InitArgs),
    /// Make a recovery point of folders, disk images or block devices
    #[command(after_help = "Examples:\n  firedrill backup /backup/vault /home\n  \
        firedrill backup /backup/vault disk.img --method differential\n\n\
        A folder is backed up as a tree of files; a file or block device as a disk.\n\n\
        With --freeze and --thaw the point is application-consistent if both succeeded and the hold \
        was no longer than --hold-timeout, and crash-consistent otherwise: then the exit code is 3.\n  \
        firedrill backup /backup/vault /srv/app --freeze 'app pause' --thaw 'app resume'")]
    Backup(Box<BackupArgs>),
    /// List the recovery points of a vault
    Points(PointsArgs),
    /// List what a recovery point holds
    #[command(after_help = "Example:\n  firedrill ls /backup/vault latest docs")]
    Ls(LsArgs),
    /// Bring a recovery point back
    #[command(
        after_help = "Examples:\n  firedrill restore /backup/vault latest /tmp/back\n  \
        firedrill restore /backup/vault 3fa1 /tmp/back --path docs/plan.txt"
    )]
    Restore(RestoreArgs),
    /// Let recovery points expire: by a retention policy, by name, or all
    #[command(
        after_help = "Examples:\n  firedrill forget /backup/vault --keep-within 30d \
        --keep-weekly 12 --dry-run\n  firedrill forget /backup/vault --keep-daily 7 --semantics \
        restic,borg,azure\n  firedrill forget /backup/vault 3fa1\n\nEach instance is thinned by itself. \
        A point that one which stays can't be restored without stays too, and so does the newest."
    )]
    Forget(Box<ForgetArgs>),
    /// Bring forgotten recovery points back
    #[command(
        after_help = "Examples:\n  firedrill points /backup/vault --deleted\n  \
        firedrill undelete /backup/vault 3fa1\n\nWhat was forgotten can be brought back for 14 days, or as \
        long as the vault was made to keep it."
    )]
    Undelete(UndeleteArgs),
    /// Remove what no recovery point needs any more, beside running backups
    #[command(
        after_help = "Examples:\n  firedrill prune /backup/vault --dry-run\n  \
        firedrill prune /backup/vault --yes\n\nA first prune condemns what nothing needs: no backup builds on \
        it any more. One that runs after the grace (a day) looks again and removes it. Backups may run \
        meanwhile on any machine, and a prune that is stopped leaves nothing wrong."
    )]
    Prune(PruneArgs),
    /// Work with retention policies
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Retention(RetentionArgs),
    /// Prove that a vault is whole
    #[command(
        after_help = "Without --read-data: that every object that recovery points need is \
        there, has its size, and that all lists open.\nWith it: every byte is read, opened and \
        verified."
    )]
    Check(CheckArgs),
    /// Show what a vault holds and how well it packs
    Stats(VaultArgs),
    /// Have backup, forget, prune, check and drill run by themselves
    #[command(
        after_help = "Examples:\n  firedrill schedule /backup/vault /home --passphrase-file /etc/firedrill/key \
        --keep-daily 7 --keep-weekly 5\n  firedrill schedule /backup/vault /home --passphrase-file ~/.key \
        --install\n  firedrill schedule /backup/vault --remove\n\n\
        Prints systemd units, or a crontab's lines with --cron; --install shows its plan and asks first. \
        Run again, it brings what is installed to what is asked now.\n\
        TIME is off, every-15min, every-6h, hourly, daily, weekly, monthly, a day (sun) or several \
        (mon,wed,fri), or monthly-15, and where it fits a time of day: daily@01:30, sun@04:00. It is \
        the machine's local time."
    )]
    Schedule(Box<ScheduleArgs>),
    /// Prove by restoring that a vault can be restored, and measure it
    #[command(
        after_help = "Examples:\n  firedrill drill /backup/vault --rto 4h --rpo 1d\n  \
        firedrill drill /backup/vault --sample 5% --metrics /var/lib/node_exporter/firedrill.prom\n  \
        firedrill drill /backup/vault --all --to /scratch/drill --out evidence\n\n\
        The newest point of each instance is restored, unless --sample, --all or --point says \
        otherwise.\nExit code: 0 all was verified and the objectives are met; 3 an objective is \
        missed; 4 something is damaged."
    )]
    Drill(DrillArgs),
    /// Compare protection methods on successive states of the same data
    #[command(after_help = "Examples:\n  firedrill compare\n  \
        firedrill compare --data monday/ tuesday/ wednesday/ --redundancy grs\n  \
        firedrill compare --data day1.img day2.img --methods full,incremental --block-size 4KiB")]
    Compare(CompareArgs),
}

/// A vault and how to open it.
#[derive(Debug, Args)]
pub(crate) struct VaultArgs {
    /// The vault: a folder, `s3://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`
    pub(crate) vault: String,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_command")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the first line that this command prints
    #[arg(long, value_name = "COMMAND")]
    pub(crate) passphrase_command: Option<String>,
    /// Send no faster: '10MiB/s', or with times of the day '10MiB/s 08:00-18:00' (several, parted by
    /// commas; else unlimited)
    #[arg(long, value_name = "RATE", value_parser = crate::limits::parse)]
    pub(crate) limit_upload: Option<Limit>,
    /// Receive no faster
    #[arg(long, value_name = "RATE", value_parser = crate::limits::parse)]
    pub(crate) limit_download: Option<Limit>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Days for which a forgotten point can be brought back: 14 to 180. Settled for the vault's life, so that
    /// nobody can shorten it
    #[arg(long, default_value_t = 14, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(14..=180))]
    pub(crate) soft_delete: u64,
    /// A vault to rehearse deleting on, never for data: forgotten points stay 40 seconds, and the grace
    /// of prune is 20 seconds
    #[arg(long, conflicts_with = "soft_delete")]
    pub(crate) rehearsal: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PointsArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Only the points of this instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// The forgotten points instead, and until when they can be brought back
    #[arg(long)]
    pub(crate) deleted: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UndeleteArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Ids or their beginnings
    #[arg(value_name = "POINT", required_unless_present = "all")]
    pub(crate) points: Vec<String>,
    /// Every point that can still be brought back
    #[arg(long, conflicts_with = "points")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Unneeded data that may stay in packs which are needed otherwise, in percent of the vault
    #[arg(long, default_value_t = 5, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) max_waste: u32,
    /// Copy at most so much into new packs in this run; the next goes on
    #[arg(long, value_name = "SIZE", value_parser = crate::output::parse_bytes)]
    pub(crate) max_repack: Option<u64>,
    /// Show what would be removed, why and how many bytes, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do what is shown without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// What to back up
    #[arg(required = true)]
    pub(crate) sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: BackupOptions,
}

/// How a backup is made.
#[derive(Debug, Args)]
pub(crate) struct BackupOptions {
    /// Which existing chunks the point may refer to: full, differential, incremental,
    /// synthetic-full or forever
    #[arg(long, default_value_t = Method::Forever, value_name = "METHOD")]
    pub(crate) method: Method,
    /// Block size of disks: a multiple of 512 up to 16MiB
    #[arg(long, default_value = "64KiB", value_parser = crate::output::parse_bytes)]
    pub(crate) block_size: u64,
    /// What the point is a point of [default: the host's name and the sources]
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// A word by which `forget --keep-tag` keeps the point (may be given again)
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Vec<String>,
    #[command(flatten)]
    pub(crate) hooks: HookArgs,
}

/// Commands that a backup runs by `sh -c`, each with `FIREDRILL_HOOK` and `FIREDRILL_VAULT` set and without
/// the passphrase.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Hooks")]
pub(crate) struct HookArgs {
    /// Bring the application to rest: runs when all else is ready, just before the sources are read
    #[arg(
        long,
        visible_alias = "pre-script",
        requires = "thaw",
        value_name = "COMMAND"
    )]
    pub(crate) freeze: Option<String>,
    /// Let the application go on: runs once the sources are read, and also when --freeze or the
    /// backup fails or is interrupted. Nothing can run after SIGKILL or a power cut: make --freeze
    /// let go by itself, and --thaw do no harm where nothing is held
    #[arg(
        long,
        visible_alias = "post-script",
        requires = "freeze",
        value_name = "COMMAND"
    )]
    pub(crate) thaw: Option<String>,
    /// Make no point, rather than a crash-consistent one, when --freeze or --thaw fails or the hold
    /// takes too long
    #[arg(long, requires = "freeze")]
    pub(crate) require_consistent: bool,
    /// Longest time that the application is held: then it is let go at once, the backup goes on, and
    /// the point is crash-consistent
    #[arg(long, default_value = "5min", value_name = "TIME", value_parser = crate::output::parse_span)]
    pub(crate) hold_timeout: Duration,
    /// Run first; when it fails, nothing is backed up
    #[arg(long, value_name = "COMMAND")]
    pub(crate) before: Option<String>,
    /// Run last, however the backup ended: `FIREDRILL_RESULT` is done, partial, failed or interrupted,
    /// and `FIREDRILL_POINT` names the point, if there is one
    #[arg(long, value_name = "COMMAND")]
    pub(crate) after: Option<String>,
    /// Longest time that each hook takes: then it is killed with all that it started, and has failed
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = crate::output::parse_span)]
    pub(crate) hook_timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// `latest`, an id or the beginning of one
    pub(crate) point: String,
    /// Only this path and what is below it
    pub(crate) path: Option<PathBuf>,
    /// The instance that `latest` is looked for in, where the vault holds several
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// `latest`, an id or the beginning of one
    pub(crate) point: String,
    /// An empty or new folder; for a disk, a new image file or a device
    pub(crate) target: PathBuf,
    /// The instance that `latest` is looked for in, where the vault holds several
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Restore only this path and what is below it (may be given again)
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Vec<PathBuf>,
    /// Replace what stands in the way in a target that is not empty; shows the plan first
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Do what --overwrite shows without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Show what would be written and replaced, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Forget these points and no other: `latest`, ids or their beginnings
    #[arg(value_name = "POINT", conflicts_with_all = ["keep", "all", "semantics"])]
    pub(crate) points: Vec<String>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Only the points of this instance [default: every instance, each by itself]
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Forget every point
    #[arg(long, conflicts_with_all = ["keep", "semantics"])]
    pub(crate) all: bool,
    /// Show side by side what these conventions would keep, and forget nothing: restic, borg
    /// (1.4), borg2, pbs, kopia or azure
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(crate) semantics: Vec<Semantics>,
    /// Show what would be forgotten and why, and forget nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do what is shown without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Days for which the points can be brought back: 14 to 180, and no fewer than the vault's own
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(14..=180))]
    pub(crate) soft_delete: Option<u64>,
    /// Why, for whoever looks at the deleted points [default: the command line]
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Read, open and verify every byte
    #[arg(long)]
    pub(crate) read_data: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// What to back up
    #[arg(required_unless_present = "remove")]
    pub(crate) sources: Vec<PathBuf>,
    /// When to back up
    #[arg(long, default_value = "daily@01:00", value_name = "TIME")]
    pub(crate) backup: When,
    /// When to forget points, where a policy is given (--keep-...)
    #[arg(long, default_value = "daily@03:00", value_name = "TIME")]
    pub(crate) forget: When,
    /// When to free what forgotten points alone needed
    #[arg(long, default_value = "sun@04:00", value_name = "TIME")]
    pub(crate) prune: When,
    /// When to read, open and verify every byte
    #[arg(long, default_value = "sat@04:00", value_name = "TIME")]
    pub(crate) check: When,
    /// When to restore a sample of points to prove that it works
    #[arg(long, default_value = "monthly@05:00", value_name = "TIME")]
    pub(crate) drill: When,
    /// What share of the points a drill restores
    #[arg(long, default_value = "5%", value_name = "N%")]
    pub(crate) sample: String,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    #[command(flatten)]
    pub(crate) options: BackupOptions,
    #[command(flatten)]
    pub(crate) units: UnitArgs,
}

/// The units and what is done with them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Units")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct UnitArgs {
    /// Install the units and start the timers
    #[arg(long, conflicts_with = "cron")]
    pub(crate) install: bool,
    /// Stop and remove this vault's timers
    #[arg(long, conflicts_with_all = ["cron", "install"])]
    pub(crate) remove: bool,
    /// Do what is shown without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print lines for a crontab instead
    #[arg(long)]
    pub(crate) cron: bool,
    /// Units of the user [default, unless root runs this]
    #[arg(long, conflicts_with = "system")]
    pub(crate) user: bool,
    /// Units of the machine [default for root]
    #[arg(long)]
    pub(crate) system: bool,
    /// Write the units into this folder and start nothing, as for another machine
    #[arg(long, value_name = "DIR")]
    pub(crate) unit_dir: Option<PathBuf>,
    /// Part of the units' names [default: the vault's last part]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// By how much each start is put off at random, at most
    #[arg(long, default_value = "15min", value_name = "TIME", value_parser = crate::output::parse_span)]
    pub(crate) random_delay: Duration,
    /// A file of environment variables for the units: a store's credentials, `FIREDRILL_PASSPHRASE`
    #[arg(long, value_name = "FILE")]
    pub(crate) environment_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(id = "what", multiple = false, args = ["newest", "sample", "all", "point"])]
pub(crate) struct DrillArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// Restore the newest point of each instance [default]; where it is damaged, older ones until
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

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
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
    /// How the vault is stored: lrs, zrs, grs or ra-grs
    #[arg(long, default_value_t = reports::Redundancy::Lrs)]
    pub(crate) redundancy: reports::Redundancy,
    /// Folder for the report
    #[arg(long, default_value = "firedrill-report", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Seed of the series made for the purpose
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder for vaults and restores while comparing [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,
}

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
    /// How the vault may be stored, the first of them for the short answer: lrs, zrs, grs, ra-grs
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
