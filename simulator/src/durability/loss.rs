//! What a storage account may lose in a year under each redundancy, and by what cause.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scenario::Redundancy;

use super::birth_death::{BirthDeath, HOURS_PER_YEAR, Repair, failures_per_year};
use super::pair::pair_mttdl;

/// Copies in one region under every redundancy but a single one.
const COPIES: u32 = 3;

/// What may happen to stored copies. Every number is an assumption to be shown beside the answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hazards {
    /// AFR: the fraction of devices that fail in a year.
    pub annual_failure: f64,
    /// Hours until a lost copy is made again within the region.
    pub repair_hours: f64,
    /// How often a year a zone (for LRS: the one datacenter) is destroyed with all it holds.
    pub zone_destructions_per_year: f64,
    /// How often a year a whole region is.
    pub region_destructions_per_year: f64,
    /// Hours until a lost region's copies are made again in another.
    pub refill_hours: f64,
    /// The share of destroyed regions that take the paired region with them.
    pub common_cause: f64,
}

/// What data is lost by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// More devices than there are copies, or the last after a disaster took the others.
    Devices,
    /// The one datacenter, or all zones before any is refilled.
    Zones,
    /// The region.
    Region,
    /// Both regions, one after the other before the first is refilled.
    RegionsInTurn,
    /// Both regions by one cause.
    RegionsTogether,
}

/// One cause's part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// What by.
    pub cause: Cause,
    /// Losses a year.
    pub per_year: f64,
}

/// Losses a year of one placement group: of the data that shares its devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnnualLoss {
    /// All causes, the most likely first.
    pub terms: Vec<Term>,
}

/// The losses a year of data kept under `redundancy`.
///
/// * One copy: λ + ζ + δ, with λ = -ln(1 - AFR), ζ the zone's and δ the region's destruction.
/// * LRS: 1/MTTDL of three copies repaired in parallel, + ζ + δ: one datacenter is one fault domain.
/// * ZRS: 1/MTTDL of three copies that each fail at λ + ζ, + δ.
/// * GRS, GZRS: a pair of such regions, `2a²/(3a + m)` where they are alike, + βδ, the common cause.
///   What geo-replication had not sent yet is apart: [`bytes_lost_to_lag`].
///
/// A term is what is lost more than without its cause, taken in the order zones or regions, then devices.
pub fn annual_loss(redundancy: Redundancy, hazards: &Hazards) -> AnnualLoss {
    let devices = failures_per_year(hazards.annual_failure);
    let (zones, region) = (
        hazards.zone_destructions_per_year,
        hazards.region_destructions_per_year,
    );
    let lrs = |devices: f64| hazards.copies_lost(devices) + zones;
    let zrs = |devices: f64| hazards.copies_lost(devices + zones);
    let near = |devices: f64| {
        if redundancy.is_zonal() {
            zrs(devices)
        } else {
            lrs(devices)
        }
    };
    let mut terms = if redundancy.is_geo() {
        let refills = HOURS_PER_YEAR / hazards.refill_hours;
        let pair =
            |devices: f64| 1.0 / pair_mttdl(near(devices) + region, lrs(devices) + region, refills);
        let sites = pair(0.0);
        vec![
            (Cause::Devices, pair(devices) - sites),
            (Cause::RegionsInTurn, sites),
            (Cause::RegionsTogether, hazards.common_cause * region),
        ]
    } else if redundancy == Redundancy::Single {
        vec![
            (Cause::Devices, devices),
            (Cause::Zones, zones),
            (Cause::Region, region),
        ]
    } else {
        let sites = near(0.0);
        vec![
            (Cause::Devices, near(devices) - sites),
            (Cause::Zones, sites),
            (Cause::Region, region),
        ]
    };
    terms.sort_by(|one, other| other.1.total_cmp(&one.1));
    let term = |(cause, per_year)| Term { cause, per_year };
    AnnualLoss {
        terms: terms.into_iter().map(term).collect(),
    }
}

impl Hazards {
    /// Losses a year of three copies in a region that each fail at `failures` a year.
    fn copies_lost(&self, failures: f64) -> f64 {
        let repairs = HOURS_PER_YEAR / self.repair_hours;
        1.0 / BirthDeath::of_copies(COPIES, failures, repairs, Repair::Parallel).mttdl()
    }
}

impl AnnualLoss {
    /// The probability that a given object is lost within a year.
    pub fn probability(&self) -> f64 {
        self.of_any(1)
    }

    /// The probability that anything of an account is lost that lies on `groups` placement groups:
    /// devices fail for each group apart, disasters come for all of them at once.
    #[expect(clippy::cast_precision_loss, reason = "groups stay far below 2^53")]
    pub fn of_any(&self, groups: u64) -> f64 {
        let times = |cause| {
            if cause == Cause::Devices {
                groups as f64
            } else {
                1.0
            }
        };
        let rate: f64 = self
            .terms
            .iter()
            .map(|term| times(term.cause) * term.per_year)
            .sum();
        -(-rate).exp_m1()
    }

    /// The most likely cause; no two reports should argue about nines without it.
    pub fn dominant(&self) -> Term {
        self.terms[0]
    }

    /// The share of the bytes that is expected to be lost in a year (NOMDL of Greenan, Plank and
    /// Wylie): the same however the data is spread, which the probability of any loss is not.
    pub fn expected_share_lost(&self) -> f64 {
        self.probability()
    }

    /// Durability as it is advertised: 11 for a probability of 1e-11.
    pub fn nines(&self) -> f64 {
        -self.probability().log10()
    }
}

/// Bytes expected to be lost in a year to what a geo failover finds not yet sent: failovers a year
/// times bytes written a second times the mean lag, as failovers come at any time (PASTA).
pub fn bytes_lost_to_lag(
    failovers_per_year: f64,
    bytes_per_second: f64,
    mean_lag_seconds: f64,
) -> f64 {
    failovers_per_year * bytes_per_second * mean_lag_seconds
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Devices => "devices",
            Self::Zones => "the datacenter, or all zones",
            Self::Region => "the region",
            Self::RegionsInTurn => "both regions, one after the other",
            Self::RegionsTogether => "both regions by one cause",
        })
    }
}
