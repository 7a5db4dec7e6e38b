//! How likely stored data is to be lost: closed forms, and two ways to see what counting can't.
//!
//! Fractions are right here: these are probabilities and mean times, no trial's state, and nothing
//! replays from them. Eleven nines can't be counted: a million trials see no loss at all. So the
//! closed form comes first, [`biased`] and [`splitting`] agree with it where both can be reckoned,
//! and every answer names the term that it is mostly made of: the assumptions about disasters
//! outweigh those about disks (Greenan, Plank and Wylie, "Mean time to meaningless", 2010).
//!
//! Units: years and events a year, unless a name says hours.

mod birth_death;
mod loss;
mod pair;

mod decay;
mod latent;
mod window;

mod rare;

pub use birth_death::{BirthDeath, HOURS_PER_YEAR, Repair, failures_per_year, loss_within};
pub use decay::documents_lost;
pub use latent::{AuditedPair, replicas_mttdl};
pub use loss::{AnnualLoss, Cause, Hazards, Term, annual_loss, bytes_lost_to_lag};
pub use pair::pair_mttdl;
pub use rare::{Estimate, biased, counted, splitting};
pub use window::ShardWindows;

#[cfg(test)]
mod tests;
