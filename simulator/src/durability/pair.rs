//! Two places that each hold all of the data.

/// Mean time until both of two places are lost, the first lost at `first` a year, the second at
/// `second`, and a lost one refilled from the other at `refills` a year. Of equal places it is
/// `(3a + m) / (2a²)`.
///
/// From both whole the first to go is the first with probability `first/(first + second)`; then
/// either the other goes too, or the refill leads back: linear equations of first steps.
pub fn pair_mttdl(first: f64, second: f64, refills: f64) -> f64 {
    let both = first + second;
    let (without_first, without_second) = (refills + second, refills + first);
    // Mean time of one round: both whole, then one gone, until the refill or the end.
    let round = (1.0 + first / without_first + second / without_second) / both;
    // Probability that the round is the last.
    let last = first * second * (1.0 / without_first + 1.0 / without_second) / both;
    round / last
}
