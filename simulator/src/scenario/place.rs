//! Regions, sites, and the links between them.

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// A cloud region: zones, stores of every redundancy.
    Region,
    /// The owner's own site: disks and tape.
    OnPremises,
}

/// A region or a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PlaceKind,
    /// Availability zones, each a datacenter of its own; 1 for a site.
    pub zones: u32,
    /// The region that geo-redundant stores here copy to.
    pub pair: Option<usize>,
}

/// A link between two places. Both ways share nothing: each has the whole rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// One end, by its number in `places`.
    pub from: usize,
    /// The other.
    pub to: usize,
    /// Bytes a second, each way.
    pub bytes_per_second: u64,
    /// One way.
    pub latency_micros: u64,
}
