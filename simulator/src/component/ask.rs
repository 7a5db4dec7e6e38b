//! What somebody asks of a component.

use crate::scenario::{Redundancy, System};

use super::words::{Granularity, Hypervisor, Place, Target, Workload};

/// What is to be protected, and what is wanted of the points.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What.
    pub workload: Workload,
    /// On which operating system.
    pub system: System,
    /// Where.
    pub place: Place,
    /// On what, on the owner's own site; none leaves it open. In Azure it says nothing.
    pub hypervisor: Option<Hypervisor>,
    /// What is wanted.
    pub wants: Wants,
}

/// What is wanted of the points. What is left out is not asked for.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Wants {
    /// Where points are kept; none takes any place that has the rest.
    pub target: Option<Target>,
    /// Minutes from one point to the next there.
    pub interval_minutes: Option<u64>,
    /// A shorter interval will do too: what is meant is an objective, not a schedule.
    pub or_oftener: bool,
    /// Points kept there at a time. Left out, it follows from interval and days as if no point were thinned.
    pub points: Option<u64>,
    /// Days that a point stays.
    pub retention_days: Option<u64>,
    /// Days for which deleted points can be brought back.
    pub soft_delete_days: Option<u64>,
    /// Size of the source.
    pub source_bytes: Option<u64>,
    /// How the store keeps it.
    pub redundancy: Option<Redundancy>,
    /// What must be restorable alone.
    pub granularity: Option<Granularity>,
    /// Points must be application-consistent.
    pub application_consistent: bool,
    /// The first copy goes by post.
    pub offline_seed: bool,
    /// The customer restores in the second region at will.
    pub cross_region_restore: bool,
}

impl Ask {
    /// Any point at all of that.
    pub fn new(workload: Workload, system: System, place: Place) -> Self {
        Self {
            workload,
            system,
            place,
            hypervisor: None,
            wants: Wants::default(),
        }
    }
}
