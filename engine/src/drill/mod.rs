//! Proof by reading back: what to read, what was ever read, how long it takes, and whether what was
//! written is what the point says.

mod coverage;
mod ledger;
mod model;
mod packs;
mod sample;
mod scratch;
mod validate;

pub use coverage::{Coverage, Opened, Share, survey};
pub use ledger::{Ledgers, Read};
pub use model::{Predicted, from_part, pooled, predict};
pub use packs::{PackOutcome, read_packs, request_micros, sampled};
pub use sample::{Candidate, choose};
pub use scratch::Scratch;
pub use validate::{Difference, Validated, validate};
