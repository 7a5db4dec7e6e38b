//! What goes wrong, as the scenario says it: at an instant, or so often.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The disk of one instance is lost.
    InstanceDisk,
    /// One copy of all that a store holds is lost, and made again from the others.
    StoreCopy,
    /// A datacenter (a zone) serves nothing for a time.
    ZoneOutage,
    /// A datacenter (a zone) burns down.
    ZoneDestroyed,
    /// A region or site serves nothing for a time.
    RegionOutage,
    /// A region or site is destroyed.
    RegionDestroyed,
    /// A region and its pair serve nothing for a time.
    PairOutage,
    /// A link carries nothing for a time.
    LinkCut,
    /// A link carries a tenth for a time.
    LinkSlow,
    /// A store answers some requests late, with errors, or loses the answer.
    StoreErrors,
    /// Bytes of a stored point change silently.
    SilentCorruption,
    /// The program that makes backups dies in the middle, and is started again.
    ProcessCrash,
    /// Somebody deletes data of an instance by mistake, and it is noticed later.
    DataDeleted,
    /// Somebody deletes all points of an instance, and it is noticed later.
    PointsDeleted,
    /// All data of instances is encrypted by an intruder, and it is noticed later.
    Ransomware,
    /// As ransomware; and the intruder deletes all points first.
    RansomwareAndBackups,
    /// The key of all vaults is lost.
    LostKey,
    /// Nothing can be provisioned, failed over or restored for a time.
    ControlPlane,
}

/// When.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Microseconds after the start.
    At(u64),
    /// At random, on average so far apart.
    Every(u64),
}

/// What it happens to. Where nothing is named, one is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Region or site, by number.
    pub place: Option<usize>,
    /// Zone of it, from 0.
    pub zone: Option<u32>,
    /// The other end of a link.
    pub to: Option<usize>,
    /// Group of instances, by number.
    pub group: Option<usize>,
    /// Instances of the group: the first so many (all, where nothing is said).
    pub count: Option<u32>,
    /// A strategy's copy, by number.
    pub copy: Option<usize>,
}

/// An entry of the scenario's faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSpec {
    /// What.
    pub kind: FaultKind,
    /// When.
    pub when: When,
    /// How long it lasts; for what is noticed later, until then.
    pub lasts: Drawn,
    /// To what.
    pub target: Target,
    /// Parts of a million: of requests (store errors), or that the pair falls too (a region's outage).
    pub share_ppm: u64,
    /// How long before it is known to come.
    pub warned_micros: u64,
}

/// A time that is fixed or drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// Always the same, microseconds.
    Fixed(u64),
    /// Exponential, by its mean.
    Exponential(u64),
    /// Lognormal, by its median and sigma in thousandths.
    Lognormal {
        /// Half are shorter.
        median_micros: u64,
        /// Of the logarithm, thousandths.
        sigma_milli: u64,
    },
    /// Uniform between two.
    Uniform(u64, u64),
}
