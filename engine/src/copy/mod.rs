//! Copying recovery points from one vault into another: only what is missing there.
//!
//! Two vaults have different keys, so that equal chunks have different names in them: listings are
//! written anew. What the destination calls a chunk of the source is remembered from the points that were
//! copied before (`known`), so that an unchanged chunk is neither read nor sealed again; of any other chunk
//! the name is found by reading it. A copied point then lands as a backup does, by the same code.

mod content;
mod known;
mod preview;
mod run;
mod select;

pub use preview::{Preview, preview};
pub use run::{Copied, Outcome, run};
