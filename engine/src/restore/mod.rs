//! Bringing a recovery point back: planned so that each pack is read once, never outside the target.

mod disk;
mod run;
mod target;
mod window;

pub use run::{Outcome, Request, run};
