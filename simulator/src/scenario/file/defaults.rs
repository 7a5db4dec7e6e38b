//! What a scenario assumes where its file says nothing, each with where it is from. "Judgement" means that nobody
//! published it: state your own.

/// A default: as it would be written in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Default {
    /// What it is of.
    pub(super) what: &'static str,
    /// As it would be written.
    pub(super) value: &'static str,
    /// Where it is from.
    pub(super) source: &'static str,
}

macro_rules! defaults {
    ($($name:ident: $what:literal = $value:literal, $source:literal;)*) => {
        $(pub(super) const $name: Default = Default { what: $what, value: $value, source: $source };)*
        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[Default] = &[$($name),*];
    };
}

defaults! {
    START: "start" = r#""2026-01-01""#, "a fixed day, so that each run is the same";
    HORIZON: "horizon" = r#""1y""#, "the span of a budget";
    TRIALS: "trials" = "1000",
        "a share of one in a hundred is then known to about half a percent (Wilson's interval)";
    SEED: "seed of the first trial" = "1", "any will do";

    ZONES: "zones of a region" = "3",
        "zone-redundant storage copies to three: Microsoft, Azure Storage redundancy, 17 July 2023";
    LATENCY: "latency of a link" = r#""10ms""#, "judgement: some hundred kilometres and a few routers";
    REGIONS_SPEED: "speed between two regions" = r#""10Gbit/s""#,
        "judgement: what one customer sees of a provider's backbone";
    REGIONS_LATENCY: "latency between two regions" = r#""10ms""#, "judgement: regions of a pair lie some hundred kilometres apart";

    COUNT: "instances of a group" = "1", "one is meant where no number is given";
    WORKLOAD: "workload" = r#""vm""#, "the whole machine, as with site recovery";
    SYSTEM: "system" = r#""linux""#, "judgement";
    BLOCKS: "blocks of an instance" = "256", "fine enough to tell 1 % of change a day";
    REAL_BLOCK: "real bytes of a block" = r#""16KiB""#, "256 of them are 4 MiB, which the engine backs up in milliseconds";
    COMPRESS: "what compression leaves" = r#""100%""#, "the safe assumption; encrypted and media data is so";
    CHANGE: "change" = r#""3%/day""#,
        "the moderate churn of Microsoft's estimator: Estimate and understand Azure Backup pricing, 19 September 2025";
    WORKING_SET: "working set" = r#""10%""#, "the working-set model in its simplest form (Denning 1968), as in `firedrill retention plan`";
    WORKING_SET_WRITES: "writes that fall into the working set" = r#""90%""#, "as above";
    SEQUENTIAL: "sequential writes" = r#""20%""#, "judgement";
    RHYTHM: "rhythm" = r#""even""#, "judgement";
    DISK: "speed of an instance's disk" = r#""200MB/s""#, "judgement: a solid state disk of 1 TiB in a cloud";
    BOOT_GROUP: "boot group" = "1", "all at once";

    EDITION: "edition of a component" = r#""current""#, "what can be bought today";
    METHOD: "method" = r#""forever""#, "firedrill's own default";
    TAPE_METHOD: "method of a tape" = r#""incremental""#, "a tape does not share data between sets";
    FULL_EVERY: "points from one full to the next" = "7", "once a week with daily points";
    EVERY: "from one point to the next" = r#""1d""#,
        "once a day goes to the vault whatever the component: Microsoft, Azure VM backup, 5 July 2023";
    POINT_AT: "time of day of a point" = r#""01:00""#, "what `firedrill schedule` installs";
    POLICY: "policy" = r#"{ keep-within = "30d" }"#, "judgement: a month of daily points";
    SOFT_DELETE: "soft delete" = r#""14d""#,
        "Microsoft, Secure by default with soft delete for Azure Backup, 10 November 2025";
    GRACE: "grace of what is condemned" = r#""1d""#, "firedrill's own default";
    PRUNE_EVERY: "from one prune to the next" = r#""1w""#, "what `firedrill schedule` installs";
    RETRY: "from a failed backup to its next attempt" = r#""1h""#, "judgement";
    GEO_LAG: "lag of a storage account's second region" = r#"{ from = "0s", to = "15m" }"#,
        "\"typically less than 15 minutes\": Microsoft, Azure Storage redundancy, 17 July 2023; no SLA";
    VAULT_LAG: "lag of a Recovery Services vault's second region" = r#"{ from = "0s", to = "12h" }"#,
        "up to 12 hours: Microsoft, Reliability in Azure Backup, 2025";
    PROVIDER_DECLARES: "until a provider declares a disaster" = r#"{ median = "24h", p95 = "72h" }"#,
        "judgement: Microsoft says \"only after an extended period\" (Reliability in Azure Backup, 2025), and no number";
    VAULT_SPEED: "speed of a vault for one instance" = r#""60MB/s""#,
        "judgement: Azure once named 60 MB/s as the target of a single blob";
    SNAPSHOT_SPEED: "speed of a snapshot" = r#""200MB/s""#, "that of the disk that it is read into";
    DISK_SPEED: "speed of a backup disk" = r#""200MB/s""#, "judgement: a few hard disks together";
    TAPE_SPEED: "speed of a tape" = r#""400MB/s""#, "LTO-9, native: IBM, Performance specifications for LTO tape drives";
    VAULT_REQUEST: "request of a vault" = r#""20ms""#, "judgement: a put or get of a blob";
    SNAPSHOT_REQUEST: "request of a snapshot" = r#""5ms""#, "judgement";
    DISK_REQUEST: "request of a backup disk" = r#""10ms""#, "judgement: one seek of a hard disk and a little";
    TAPE_REQUEST: "request of a tape" = r#""1s""#,
        "judgement: one load (17 s) and locate (45 s on average, IBM, LTO-9) is shared by the requests of a job";
    BATCH_EVERY: "from one batch to a replica to the next" = r#""5m""#,
        "Site Recovery's crash-consistent points: Microsoft, Azure-to-Azure questions, 25 July 2025; firedrill itself: 200 ms";
    REPLICA_RETENTION: "retention of a replica's points" = r#""24h""#, "firedrill's own default, and Site Recovery's";
    POINT_EVERY: "from one point of a replica to the next" = r#""5m""#, "firedrill's own default, and Site Recovery's";
    EVERY_BATCH: "every batch is a point of a replica for" = r#""15m""#, "firedrill's own default";
    HISTORY: "history of a replica" = r#""50GiB""#, "firedrill's own default";
    REPLICA_SPEED: "speed of replication of one instance" = r#""54MB/s""#,
        "the churn of a machine that Site Recovery keeps up with: Microsoft, Support matrix for Azure VM disaster recovery, 13 June 2025";
    SEEDING_TRIP: "trip of a seeding courier" = r#"{ from = "5d", to = "12d" }"#,
        "judgement: disks are packed, shipped and read in; no SLA (Microsoft, Overview of offline backup, 28 January 2020)";
    SEEDING_MEDIA: "speed of seeding media" = r#""150MB/s""#, "judgement: a SATA disk";
    OFFSITE_EVERY: "from one trip of tapes to the next" = r#""1w""#, "judgement";
    OFFSITE_TRIP: "trip of tapes" = r#"{ from = "4h", to = "24h" }"#, "judgement: a vault in the same city or country";

    OUTAGE: "an outage's length" = r#"{ median = "4.4h", sigma = 1.054 }"#,
        "lognormal, 211 incidents of Azure, January 2018 to May 2020: Cloud Uptime Archive (atlarge-research, MIT)";
    FACILITY: "a datacenter outage's length" = r#"{ median = "3.7h", sigma = 1.23 }"#,
        "lognormal, 13 power and cooling incidents of Azure and AWS, 2018 to 2020: Cloud Uptime Archive, classified by hand";
    CUT: "a cut or slow link's length" = r#"{ mean = "10h" }"#,
        "judgement, near the repair time of edge links in Meza et al., IMC 2018";
    STORE_ERRORS_LAST: "a spell of store errors" = r#"{ median = "30m", p95 = "4h" }"#, "judgement";
    STORE_ERRORS: "requests that fail in a spell" = r#""5%""#, "judgement";
    PAIR_TOO: "a region's pair falls with it" = r#""2%""#,
        "estimate: me-central-1 and me-south-1 of AWS were hit in one event, 1 March 2026";

    DETECT: "detecting" = r#"{ median = "15m", p95 = "1h" }"#, "judgement: monitoring and a person on call";
    DECLARE: "declaring" = r#"{ median = "20m", p95 = "90m" }"#, "judgement: the decision delay of published drills";
    PROVISION: "provisioning" = r#"{ median = "30m", p95 = "2h" }"#,
        "judgement: a target's capacity is best effort (Microsoft, Azure-to-Azure questions, 25 July 2025)";
    FAILOVER: "failing over to a replica" = r#"{ median = "10m", p95 = "30m" }"#,
        "judgement: machines are made of disks that are there; Site Recovery agrees to an hour in all (Microsoft, Azure-to-Azure questions, 25 July 2025)";
    GEO_FAILOVER: "a storage account's geo failover" = r#""1h""#,
        "about an hour: Microsoft, Customer-managed unplanned failover, 29 April 2024";
    BOOT: "booting a group" = r#""5m""#,
        "judgement: a sample recovery plan took 8 min 59 s (Microsoft, Azure-to-Azure questions, 25 July 2025)";
    VALIDATE: "validating" = r#"{ median = "30m", p95 = "2h" }"#, "judgement";
    REBUILD: "building a site anew" = r#"{ median = "30d", p95 = "90d" }"#,
        "judgement: Google's europe-west9-a was down for three weeks and more in 2023, NIRS in Daejeon for about a month in 2025";
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_reads_as_toml_and_is_named_once() {
        let mut names = std::collections::BTreeSet::new();
        for default in super::ALL {
            let text = format!("v = {}", default.value);
            assert!(text.parse::<toml::Table>().is_ok(), "{text}");
            assert!(names.insert(default.what), "{} twice", default.what);
        }
    }
}
