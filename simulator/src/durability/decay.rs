//! Copies that decay and are never looked at.

/// Of `documents` stored as `copies` each of `units` sectors, how many have no whole copy left after
/// `hours`, when a sector's half-life is `half_life_hours`: `N (1 - 2^(-t u/h))^n`.
///
/// This is what the unaudited runs of MIT's `PreservationSimulation` are calibrated against (arXiv
/// 1912.08907): copies alone only put the loss off.
pub fn documents_lost(
    documents: f64,
    copies: i32,
    units: f64,
    hours: f64,
    half_life_hours: f64,
) -> f64 {
    let gone = -(-std::f64::consts::LN_2 * hours * units / half_life_hours).exp_m1();
    documents * gone.powi(copies)
}
