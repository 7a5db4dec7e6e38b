#![doc = include_str!("../README.md")]

pub mod error;
pub mod ids;
pub mod units;

pub mod seam;

pub mod format;

pub mod chunk;
pub mod seal;

pub mod source;

pub mod vault;

pub mod backup;
pub mod check;
pub mod copy;
pub mod deletion;
pub mod inventory;
pub mod prune;
pub mod restore;
pub mod retention;

pub mod drill;

pub mod replication;

pub use error::{Error, ErrorKind, Result};

// Sizes are u64 on disk and usize in memory; a 32-bit build would truncate, so there is none.
const _: () = assert!(usize::BITS == 64);
