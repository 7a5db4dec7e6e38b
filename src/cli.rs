//! The command line: flat verbs, as people know them from restic and borg.

mod advise;
mod bandwidth;
mod chaos;
mod copy;
mod expiry;
mod plan;
mod proof;
mod scenario;
mod site;
mod vault;

use clap::{Parser, Subcommand};

pub(crate) use advise::{AdviseArgs, AdviseCommand, ComponentArgs, ProfilesArgs};
pub(crate) use bandwidth::{BandwidthArgs, PlanningArgs, PlanningCommand};
pub(crate) use chaos::ChaosArgs;
pub(crate) use copy::CopyArgs;
pub(crate) use expiry::{ForgetArgs, PruneArgs, ScheduleArgs, UndeleteArgs};
pub(crate) use plan::{PlanArgs, RetentionArgs, RetentionCommand, StatedArgs};
pub(crate) use proof::{CheckArgs, CompareArgs, DrillArgs, Fidelities};
pub(crate) use scenario::{ScenarioArgs, ScenarioCommand};
pub(crate) use site::{
    FailbackArgs, FailoverArgs, KeepPointsArgs, PointArgs, ProtectArgs, RecoverArgs, ReplicaArgs,
    ReplicaCommand, ReplicaServeArgs, ReprotectArgs, ServeArgs, ShipArgs, StateArgs, StatusArgs,
    TestFailoverArgs,
};
pub(crate) use vault::{
    BackupArgs, BackupOptions, HookArgs, InitArgs, LsArgs, PointsArgs, RestoreArgs, VaultArgs,
};

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
        A folder is backed up as a tree of files; a file or block device as a disk. Disks that `firedrill protect` \
        serves are backed up while they are written, at one instant; a replica's recovery points stay for years.\n  \
        firedrill backup /backup/vault --protected /var/lib/disk\n  \
        firedrill backup /backup/vault --replica /srv/replica --point 2026-11-28T14:05:00Z\n\n\
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
    /// Copy recovery points into another vault: only what is missing there
    #[command(
        after_help = "Examples:\n  firedrill copy /backup/vault s3://bucket/vault --dry-run\n  \
        firedrill copy /backup/vault az://container/vault --instance office \
        --to-passphrase-file /etc/firedrill/key2\n\n\
        The copies keep their instance, time, method and tags, and stand by themselves in the other vault. \
        A point whose copy was forgotten there is not copied again while it can be brought back. A copy that \
        was interrupted is run again, and what it sent is taken over.\nExit code: 0 all is there; 3 a point \
        was passed over, as it is damaged or one too many."
    )]
    Copy(CopyArgs),
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
    /// Work with scenarios: what is protected, how, and what goes wrong
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Scenario(ScenarioArgs),
    /// Compare protection: methods on successive states of the same data, or strategies under the disasters
    /// of a scenario
    #[command(after_help = "Examples:\n  firedrill compare\n  \
        firedrill compare redundancy-in-a-regional-outage\n  \
        firedrill compare mine.toml --trials 1000 --fidelity modelled\n  \
        firedrill compare --data monday/ tuesday/ wednesday/ --redundancy grs\n  \
        firedrill compare --data day1.img day2.img --methods full,incremental --block-size 4KiB")]
    Compare(CompareArgs),
    /// Break a scenario's world at random, and find the fewest faults that break a promise
    #[command(
        after_help = "Examples:\n  firedrill chaos redundancy-in-a-regional-outage --seeds 100\n  \
        firedrill chaos mine.toml --replay firedrill-chaos.json\n\n\
        Every trial runs through the real engine with all checkers on. Exit code: 0 nothing broke that must not; 4 \
        something did."
    )]
    Chaos(ChaosArgs),
    /// Serve disks to NBD clients, and replicate every write to another site
    #[command(
        after_help = "Example:\n  firedrill protect disk.img --state /var/lib/firedrill/disk --identity source-identity.pem \\\n    \
        --to dr.example.org:7410 --listen unix:/run/disk.sock\n  \
        qemu-system-x86_64 -drive file=nbd+unix:///?socket=/run/disk.sock,format=raw ...\n\n\
        A write is acknowledged when the local disk has it; the other site is never waited for. Where it can't \
        keep up, what was written is marked, read again and sent: `firedrill status` tells how far it is behind."
    )]
    Protect(Box<ProtectArgs>),
    /// Follow a protected site: keep its disks, and their recent past
    #[command(
        subcommand_required = true,
        arg_required_else_help = true,
        after_help = "Examples:\n  \
        firedrill replica init /srv/replica\n  \
        firedrill replica serve /srv/replica --listen 0.0.0.0:7410 --serve unix:/run/replica.sock\n\n\
        To send only what differs from a copy that came some other way, put it into the folder disks of the new site, under \
        the disk's name, before the two meet: from media, or from a vault:\n  \
        mkdir /srv/replica/disks && cp --sparse=always /media/usb/disk.img /srv/replica/disks/\n  \
        firedrill restore vault latest /srv/replica/disks/disk.img"
    )]
    Replica(ReplicaArgs),
    /// Show how a site stands: its role, how far the other is behind, what to do next
    Status(StatusArgs),
    /// Mark a recovery point now, with an application held still
    #[command(
        after_help = "Example:\n  firedrill point /var/lib/firedrill/disk --freeze 'fsfreeze -f /data' --thaw \
        'fsfreeze -u /data'"
    )]
    Point(PointArgs),
    /// Take over: the replica's disks are served as of a recovery point
    #[command(after_help = "Examples:\n  firedrill failover /srv/replica\n  \
        firedrill failover /srv/replica --point 2026-11-28T14:05:00Z --yes\n  \
        firedrill failover /var/lib/firedrill/disk --planned     (at the site that is written)")]
    Failover(FailoverArgs),
    /// Fail many sites over by a plan: groups in order, commands and manual steps between
    #[command(
        after_help = "Examples:\n  firedrill recover shop.toml --test\n  firedrill recover shop.toml\n\n\
        A plan:\n  name = \"the shop\"\n  [[group]]\n  name = \"database\"\n  sites = [\"/srv/replica-db\"]\n  \
        after = \"./wait-for-db.sh\"\n  [[group]]\n  name = \"web\"\n  sites = [\"/srv/replica-web1\", \
        \"/srv/replica-web2\"]\n  manual = \"point the name shop.example.org here\"\n\n\
        A group's sites fail over at once, after its `before` and ahead of its `manual` and `after`; a command may take \
        its `timeout` (10min). What fails stops the plan: run again, it passes over what is active. Exit code: 0 all \
        recovered; 3 stopped."
    )]
    Recover(RecoverArgs),
    /// Serve a writable copy of a recovery point, while replication goes on
    #[command(
        after_help = "Example:\n  firedrill test-failover /srv/replica --serve unix:/run/test.sock \\\n    \
        --run 'nbdinfo \"$FIREDRILL_NBD\"'"
    )]
    TestFailover(TestFailoverArgs),
    /// Keep to the point that was failed over to: the others go
    Commit(StateArgs),
    /// Protect a site that took over: to the other one, only what differs
    Reprotect(ReprotectArgs),
    /// Have the first site take over again, with everything
    Failback(FailbackArgs),
    /// Plan ahead of a protection: what a link has to carry
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Plan(PlanningArgs),
    /// Say which component could protect something, and why
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Advise(AdviseArgs),
}
