//! A scenario as it is written. Each field is a key of the file, with hyphens, and its description is what the
//! JSON Schema and editors show; what may be left out has a default in `defaults`.

use engine::retention::Policy;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::key::Key;
use super::policy::policy_schema;
use crate::quantity::{Bytes, Often, Part, Rate, Speed, Time};
use crate::scenario::{Drawn, FaultKind, Redundancy, Rhythm, System, To, Workload};

/// A scenario of firedrill: places, what is protected there and how, and what goes wrong.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["question", "instance", "strategy"]))]
pub(super) struct File {
    /// What people call it; by default the file's name.
    pub(super) name: Key<String>,
    /// The question that it answers.
    pub(super) question: Key<String>,
    /// The first day, which begins at midnight UTC: `2026-01-31`.
    pub(super) start: Key<String>,
    /// How long each trial lasts: `1y`.
    pub(super) horizon: Key<Time>,
    /// Modelled trials of each strategy.
    pub(super) trials: Key<u32>,
    /// Seed of the first trial; each further trial has the next.
    pub(super) seed: Key<u64>,
    /// `emulated`: the engine itself runs it once beside the modelled trials. `modelled`: no byte is moved,
    /// for more data or time than the engine could play.
    pub(super) fidelity: Key<Fidelity>,
    /// What is to be met.
    pub(super) objectives: Objectives,
    /// What missing it costs, in the price book's currency.
    pub(super) penalty: Key<Penalty>,
    /// Cloud regions.
    #[schemars(with = "Vec<Region>")]
    pub(super) region: Vec<Spanned<Region>>,
    /// The owner's own sites.
    #[schemars(with = "Vec<Site>")]
    pub(super) site: Vec<Spanned<Site>>,
    /// Links between places. Two regions have one that need not be said.
    #[schemars(with = "Vec<Link>")]
    pub(super) link: Vec<Spanned<Link>>,
    /// What is protected: instances that are alike.
    #[schemars(with = "Vec<Instance>")]
    pub(super) instance: Vec<Spanned<Instance>>,
    /// Ways to protect all of it, each tried under the same faults.
    #[schemars(with = "Vec<Strategy>")]
    pub(super) strategy: Vec<Spanned<Strategy>>,
    /// What goes wrong.
    #[schemars(with = "Vec<Fault>")]
    pub(super) fault: Vec<Spanned<Fault>>,
    /// Who recovers, and how long each step takes.
    pub(super) operator: Operator,
}

/// What is to be met.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Objectives {
    /// Longest span of data that may be lost.
    pub(super) rpo: Key<Time>,
    /// Longest time from an incident to service validated.
    pub(super) rto: Key<Time>,
    /// How long points must stay.
    pub(super) retention: Key<Time>,
}

/// What missing the objectives costs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Penalty {
    /// For each hour that one instance is down.
    pub(super) downtime_per_hour: Key<u64>,
    /// For each hour of one instance's data that is lost.
    pub(super) lost_data_per_hour: Key<u64>,
}

/// A cloud region.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["name"]))]
pub(super) struct Region {
    /// Its name.
    pub(super) name: Key<String>,
    /// The region that geo-redundant stores here copy to; that one names this one.
    pub(super) pair: Key<String>,
    /// Availability zones, each a datacenter of its own.
    pub(super) zones: Key<u32>,
}

/// The owner's own site: one datacenter, with disk and tape.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["name"]))]
pub(super) struct Site {
    /// Its name.
    pub(super) name: Key<String>,
}

/// A link between two places. Each way has the whole speed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["from", "to", "speed"]))]
pub(super) struct Link {
    /// One end.
    pub(super) from: Key<String>,
    /// The other.
    pub(super) to: Key<String>,
    /// Each way: `100Mbit/s`.
    pub(super) speed: Key<Speed>,
    /// One way: `20ms`.
    pub(super) latency: Key<Time>,
}

/// Instances that are alike.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["name", "in", "size"]))]
pub(super) struct Instance {
    /// Its name; of several, `name-001` and so on.
    pub(super) name: Key<String>,
    /// How many.
    pub(super) count: Key<u32>,
    /// The region or site where they run.
    #[serde(rename = "in")]
    pub(super) place: Key<String>,
    /// The zone, from 1; by default they are spread over all.
    pub(super) zone: Key<u32>,
    /// What runs there: what a component must be able to protect.
    pub(super) workload: Key<Workload>,
    /// The operating system.
    pub(super) system: Key<System>,
    /// Data of each at the start: `200GB`.
    pub(super) size: Key<Bytes>,
    /// Blocks that the data is cut into; what changes, changes by blocks.
    pub(super) blocks: Key<u32>,
    /// Real bytes of a block when the engine runs it: `16KiB`, a multiple of 512.
    pub(super) real_block: Key<Bytes>,
    /// What compression leaves: `60%`.
    pub(super) compress: Key<Part>,
    /// Growth, of what it is at the start: `20%/year`.
    pub(super) growth: Key<Rate>,
    /// Blocks that are written: `2%/day`. One that is written twice counts twice.
    pub(super) change: Key<Rate>,
    /// The hot part of the data; `100%` spreads writes evenly.
    pub(super) working_set: Key<Part>,
    /// Share of the writes that fall into the hot part.
    pub(super) working_set_writes: Key<Part>,
    /// Share of the writes that go on where the last ended.
    pub(super) sequential: Key<Part>,
    /// When in the day and week it is written.
    pub(super) rhythm: Key<Rhythm>,
    /// Changes at stated instants, in place of `change`.
    #[schemars(with = "Vec<Script>")]
    pub(super) script: Vec<Spanned<Script>>,
    /// A recorded block trace, played again and again, in place of `change`: its file.
    pub(super) trace: Key<String>,
    /// Speed of its disk.
    pub(super) disk: Key<Speed>,
    /// Its group in the recovery plan: group n is up after n times `boot`, from when its own data is back.
    pub(super) boot_group: Key<u32>,
}

/// A stated change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["at", "blocks"]))]
pub(super) struct Script {
    /// When, after the start: `30d`.
    pub(super) at: Key<Time>,
    /// The blocks, from 0.
    pub(super) blocks: Key<Vec<u32>>,
}

/// A way to protect all instances.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["name", "copy"]))]
pub(super) struct Strategy {
    /// What people call it.
    pub(super) name: Key<String>,
    /// The component that does it, whose limits then hold.
    pub(super) component: Key<String>,
    /// The component's edition: `2017` or `current`.
    pub(super) edition: Key<String>,
    /// Where instances are brought back when their own place is lost or down; by default where their replica is, and
    /// without one where they were, once that is back or built anew.
    pub(super) recover_in: Key<String>,
    /// The copies that it makes; a recovery prefers the first among equals.
    #[schemars(with = "Vec<Copy>")]
    pub(super) copy: Vec<Spanned<Copy>>,
}

/// One of a strategy's copies: a schedule, a method, a retention, a store.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["to"]))]
pub(super) struct Copy {
    /// What it is kept on.
    pub(super) to: Key<To>,
    /// The place of its store; by default that of the instance. A replica must say, and is in another.
    #[serde(rename = "in")]
    pub(super) place: Key<String>,
    /// How the store keeps it; a vault must say.
    pub(super) redundancy: Key<Redundancy>,
    /// How each point is made.
    pub(super) method: Key<Method>,
    /// A new full every so many points (methods with chains).
    pub(super) full_every: Key<u32>,
    /// From one point to the next: `1d`. Of a replica, from one batch of writes to the next: `5m`.
    pub(super) every: Key<Time>,
    /// The first point's time of day, UTC: `22:00`.
    pub(super) at: Key<String>,
    /// Which points stay.
    #[schemars(schema_with = "policy_schema")]
    pub(super) policy: Key<Policy>,
    /// How long a deleted point can be brought back; `0s`: not at all.
    pub(super) soft_delete: Key<Time>,
    /// How long what is condemned stays before it is removed.
    pub(super) grace: Key<Time>,
    /// From one prune to the next.
    pub(super) prune_every: Key<Time>,
    /// From a backup that failed to its next attempt.
    pub(super) retry: Key<Time>,
    /// How far the second region is behind (geo-redundant stores).
    pub(super) geo_lag: Key<Drawn>,
    /// Whether the owner can fail a geo-redundant store over, as with a storage account; if not, the provider must
    /// declare a disaster first, as with a Recovery Services vault.
    pub(super) owner_fails_over: Key<bool>,
    /// How long until the provider declares a disaster.
    pub(super) provider_declares: Key<Drawn>,
    /// The first point goes by courier instead of the wire.
    pub(super) seeding: Key<Seeding>,
    /// Tapes are carried away, and fetched back when they are needed.
    pub(super) offsite: Key<Offsite>,
    /// What the store takes from and gives to one instance.
    pub(super) speed: Key<Speed>,
    /// From a request to the first byte of its answer, without the way.
    pub(super) request: Key<Time>,
    /// How long a replica's points stay.
    pub(super) retention: Key<Time>,
    /// A replica has a point in so long.
    pub(super) point_every: Key<Time>,
    /// For so long every batch is a point of the replica.
    pub(super) every_batch: Key<Time>,
    /// Bytes of a replica's history of one instance; where there is more, the oldest points go before their time.
    pub(super) history: Key<Bytes>,
}

/// The first point goes by courier.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Seeding {
    /// On the way, packing and reading in included.
    pub(super) trip: Key<Drawn>,
    /// Speed that media are written and read with.
    pub(super) media: Key<Speed>,
}

/// Tapes are carried away.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Offsite {
    /// From one trip to the next.
    pub(super) every: Key<Time>,
    /// On the way.
    pub(super) trip: Key<Drawn>,
    /// Speed that media are written and read with.
    pub(super) media: Key<Speed>,
}

/// Something that goes wrong.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["kind"], "oneOf" = [{"required": ["at"]}, {"required": ["every"]}]))]
pub(super) struct Fault {
    /// What.
    pub(super) kind: Key<FaultKind>,
    /// When, after the start: `180d`. Either this or `every`.
    pub(super) at: Key<Time>,
    /// At random, so often: `once in 5 years` or `0.08/year`.
    pub(super) every: Key<Often>,
    /// How long it lasts (outages).
    pub(super) lasts: Key<Drawn>,
    /// When somebody notices it (deleted data and points, ransomware): `9d`.
    pub(super) noticed_after: Key<Drawn>,
    /// How long before it is known to come (outages and ends of zones and regions): `2h`. A replica takes over before,
    /// with everything; nobody has to detect or to decide afterwards.
    pub(super) warned: Key<Time>,
    /// The region or site; by default one is drawn.
    #[serde(rename = "in")]
    pub(super) place: Key<String>,
    /// The zone, from 1; by default one is drawn.
    pub(super) zone: Key<u32>,
    /// One end of a link.
    pub(super) from: Key<String>,
    /// The other.
    pub(super) to: Key<String>,
    /// The instances' group; by default one is drawn.
    pub(super) group: Key<String>,
    /// The first so many instances of the group; by default all, and one that is drawn for `instance-disk`,
    /// `process-crash`, `silent-corruption`, `data-deleted` and `points-deleted`.
    pub(super) count: Key<u32>,
    /// A strategy's copy, from 1; by default one is drawn.
    pub(super) copy: Key<u32>,
    /// Store errors: of requests. A region's outage or end: how likely its pair falls too.
    pub(super) share: Key<Part>,
}

/// Who recovers, and how long each step takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Operator {
    /// From an incident to somebody knowing of it.
    pub(super) detect: Key<Drawn>,
    /// From knowing to deciding to recover instead of waiting.
    pub(super) declare: Key<Drawn>,
    /// From deciding to having a machine to restore to.
    pub(super) provision: Key<Drawn>,
    /// From deciding to machines that run on a replica's disks.
    pub(super) failover: Key<Drawn>,
    /// A geo failover of a storage account.
    pub(super) geo_failover: Key<Drawn>,
    /// Booting one group of the recovery plan.
    pub(super) boot: Key<Drawn>,
    /// Making sure that the service is right.
    pub(super) validate: Key<Drawn>,
    /// Building a destroyed site anew, where nothing else can take its instances.
    pub(super) rebuild: Key<Drawn>,
}

/// How real the trials are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fidelity {
    /// The engine itself runs it once, beside the modelled trials.
    Emulated,
    /// No byte is moved.
    Modelled,
}

/// How each point is made: which data of the vault it may build on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Method {
    /// None but its own.
    Full,
    /// Those of its full.
    Differential,
    /// Those of the point before it, back to its full.
    Incremental,
    /// A full that is put together inside the vault.
    SyntheticFull,
    /// All in the vault.
    Forever,
}

impl From<Method> for engine::format::point::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Full => Self::Full,
            Method::Differential => Self::Differential,
            Method::Incremental => Self::Incremental,
            Method::SyntheticFull => Self::SyntheticFull,
            Method::Forever => Self::Forever,
        }
    }
}
