//! The executor that hosts trials: one thread, virtual time in microseconds, and every task on a host
//! that can crash.
//!
//! Why not tokio's paused clock: the shipped program would carry tokio's `test-util`; its timers are 1 ms
//! coarse; a crash has to drop a host's tasks whole, whoever spawned them; and one queue of events is to
//! serve emulated and modelled trials alike. What the engine and its libraries use of tokio (channels,
//! locks) needs no runtime and works here.
//!
//! A run is deterministic by construction. Tasks that can go on are polled in the order in which they were
//! woken; when none is left, time jumps to the earliest sleep, and of those that end together the one that
//! was asked for first ends first, and all that follows from it comes before the next.

mod run;
mod sleep;
mod task;
mod trace;

pub use run::{Executor, Handle};
pub use sleep::Sleep;
pub use trace::Line;

/// A host: what crashes as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

impl HostId {
    /// Nobody's: the host of what is not to be crashed.
    pub const NOBODY: Self = Self(u32::MAX);
}

#[cfg(test)]
mod tests;
