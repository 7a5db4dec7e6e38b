//! How many recovery points one protected instance may have.

/// Recovery points of one protected instance at most, daily ones for 27 years. Source: Microsoft,
/// "Overview of the features in Azure Backup", 14 June 2017, and still so in "Support matrix for Azure
/// Backup", 14 August 2023.
pub const POINTS_MAX: u64 = 9_999;

/// From which share of [`POINTS_MAX`] on it is said, in percent: with daily points, 2.7 years early.
const NEAR_PERCENT: u64 = 90;

/// How near an instance is to the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitState {
    /// Far away.
    Fine,
    /// From 90 % on: thin the points out before it is reached.
    Near,
    /// No further point fits.
    Reached,
}

/// Where an instance with so many points is.
pub fn limit_state(points: u64) -> LimitState {
    if points >= POINTS_MAX {
        LimitState::Reached
    } else if points.saturating_mul(100) >= POINTS_MAX * NEAR_PERCENT {
        LimitState::Near
    } else {
        LimitState::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::LimitState::{Fine, Near, Reached};
    use super::limit_state;

    #[test]
    fn warns_from_nine_tenths_on() {
        let states = [0, 8_999, 9_000, 9_998, 9_999, u64::MAX].map(limit_state);
        assert_eq!(states, [Fine, Fine, Near, Near, Reached, Reached]);
    }
}
