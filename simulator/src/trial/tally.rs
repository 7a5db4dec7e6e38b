//! What one trial adds up to.

use crate::outcome::scenario::{IncidentRow, Quantity};

/// Sums of one trial.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By copy.
    pub copies: Vec<CopyTally>,
    /// Incidents, in the order in which they ended.
    pub incidents: Vec<IncidentRow>,
    /// Quantities by month and copy.
    pub quantities: Vec<Quantity>,
}

/// Sums of one copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyTally {
    /// Points made.
    pub points: u64,
    /// Backups that failed.
    pub failed: u64,
    /// Data blocks stored.
    pub blocks: u64,
    /// Bytes sent, times the scale.
    pub sent_bytes: u64,
    /// Time of the backups that made a point.
    pub micros: u64,
    /// Chain lengths of all points, in the order in which they were made.
    pub chains: Vec<u32>,
    /// Points that are not deleted at the end.
    pub kept: u64,
    /// When each of those fell due and was captured, by instance.
    pub kept_points: Vec<Vec<(u64, u64)>>,
    /// Bytes in the stores at the end, times the scale.
    pub bytes: u64,
    /// Most at any time.
    pub peak: u64,
}
