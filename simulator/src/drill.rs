//! The drill: points of a real vault are restored, every byte is verified, and what came of it is told
//! as rows. A drill of a backup is a trial in the real world: a real vault, real bytes, the wall clock.

mod instances;
mod ledger;
mod point;
pub mod rows;
mod run;

pub use run::{Request, Select, Watcher, run};
