//! How instances are protected, and who recovers them.

use std::time::Duration;

use engine::format::point::Method;
use engine::replication::replica::Retention;
use engine::retention::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Drawn;

/// A way to protect all groups; one is compared with another.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// What people call it.
    pub name: String,
    /// The component that does it and its edition (`2017` or `current`), where one is named.
    pub component: Option<(String, String)>,
    /// The copies that it makes; the first is the one that a recovery prefers among equals.
    pub copies: Vec<Copy>,
    /// Where instances are brought back when their own place is lost or down; `None`: where they were, once
    /// that is back or rebuilt.
    pub recover_in: Option<usize>,
}

/// What a copy is kept on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// A cloud vault.
    Vault,
    /// Snapshots in the region of the instance.
    Snapshot,
    /// Disk on the owner's site.
    Disk,
    /// Tape on the owner's site, carried away if there is a courier.
    Tape,
    /// Disks of another place that follow every write: site recovery.
    Replica,
}

/// How a store keeps what it has.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Redundancy {
    /// Three copies in one datacenter.
    Lrs,
    /// Three copies in three zones.
    Zrs,
    /// LRS, and three more in the paired region, later.
    Grs,
    /// GRS whose second region may be read at any time.
    RaGrs,
    /// ZRS, and three more in the paired region, later.
    Gzrs,
    /// GZRS whose second region may be read at any time.
    RaGzrs,
    /// One copy: a site's disk or tape.
    Single,
}

impl Redundancy {
    /// Whether the paired region gets what is written.
    pub fn is_geo(self) -> bool {
        matches!(self, Self::Grs | Self::RaGrs | Self::Gzrs | Self::RaGzrs)
    }

    /// Whether the second region may be read without a failover.
    pub fn reads_secondary(self) -> bool {
        matches!(self, Self::RaGrs | Self::RaGzrs)
    }

    /// Whether copies lie in several zones of the first region.
    pub fn is_zonal(self) -> bool {
        matches!(self, Self::Zrs | Self::Gzrs | Self::RaGzrs)
    }

    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lrs => "lrs",
            Self::Zrs => "zrs",
            Self::Grs => "grs",
            Self::RaGrs => "ra-grs",
            Self::Gzrs => "gzrs",
            Self::RaGzrs => "ra-gzrs",
            Self::Single => "single",
        }
    }
}

/// One of a strategy's copies: a schedule, a method, a retention, a store.
#[derive(Clone, Debug)]
pub struct Copy {
    /// What it is kept on.
    pub to: To,
    /// The place of its store; `None`: that of the instance.
    pub place: Option<usize>,
    /// How the store keeps it.
    pub redundancy: Redundancy,
    /// How each point is made.
    pub method: Method,
    /// A new full every so many points.
    pub full_every: u32,
    /// From one point to the next.
    pub every_micros: u64,
    /// The first point's time of day.
    pub at_micros: u64,
    /// Which points stay.
    pub policy: Policy,
    /// How long a deleted point can be brought back.
    pub soft_delete_micros: u64,
    /// How long condemned packs stay before they are removed.
    pub grace_micros: u64,
    /// From one prune to the next.
    pub prune_every_micros: u64,
    /// From a backup that failed to its next attempt.
    pub retry_micros: u64,
    /// How far the second region is behind, in quiet times.
    pub geo_lag: Drawn,
    /// How long until the provider declares a disaster and lets the second region be used, where the customer can't
    /// (a vault without cross-region restore); `None`: the customer may at once.
    pub provider_declares: Option<Drawn>,
    /// The first point goes by courier instead of the wire.
    pub seeding: Option<Courier>,
    /// Tapes are carried away and fetched back.
    pub offsite: Option<Courier>,
    /// Bytes a second that the store takes and gives to one instance.
    pub store_bytes_per_second: u64,
    /// From a request to the first byte of its answer, without the way.
    pub request_micros: u64,
    /// How a replica follows; `None` for all that is backed up to.
    pub replica: Option<Following>,
}

/// How a replica follows: a batch ends as often as its copy says `every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Following {
    /// Every batch is a point for so long.
    pub every_batch_micros: u64,
    /// After that there is a point in so long.
    pub point_every_micros: u64,
    /// Points older than this go.
    pub retention_micros: u64,
    /// Bytes of history: where there is more, the oldest points go before their time.
    pub history_bytes: u64,
}

impl Following {
    /// Which points stay, as the engine decides it.
    pub fn retention(&self) -> Retention {
        Retention {
            every_batch: Duration::from_micros(self.every_batch_micros),
            interval: Duration::from_micros(self.point_every_micros),
            keep: Duration::from_micros(self.retention_micros),
            as_site_recovery: None,
            bytes_max: self.history_bytes,
        }
    }
}

impl Strategy {
    /// The copy that is a replica, and its number.
    pub fn replica(&self) -> Option<(usize, &Copy)> {
        let mut copies = self.copies.iter().enumerate();
        copies.find(|(_, copy)| copy.replica.is_some())
    }
}

/// Media that are carried.
#[derive(Clone, Debug)]
pub struct Courier {
    /// From one trip to the next; 0 for one that is called.
    pub every_micros: u64,
    /// On the way, packing and receiving included.
    pub trip: Drawn,
    /// Bytes a second that media are written and read with.
    pub media_bytes_per_second: u64,
}

/// Who recovers, and how long each step takes.
#[derive(Clone, Debug)]
pub struct Operator {
    /// From an incident to somebody knowing of it (ransomware has its own).
    pub detect: Drawn,
    /// From knowing to deciding to recover instead of waiting.
    pub declare: Drawn,
    /// From deciding to having a machine to restore to.
    pub provision: Drawn,
    /// From deciding to machines on a replica's disks.
    pub failover: Drawn,
    /// A geo failover of a storage account.
    pub geo_failover: Drawn,
    /// Booting one group of the recovery plan.
    pub boot: Drawn,
    /// Making sure that the service is right.
    pub validate: Drawn,
    /// Building a destroyed site anew, where nothing else can take its instances.
    pub rebuild: Drawn,
}
