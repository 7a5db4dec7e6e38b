//! The network of a trial: links with a capacity, shared max-min fairly by the transfers that cross them.
//!
//! Disks and tape drives are links too. `Network` is pure state; `Roads` carries transfers of tasks over it.

mod class;
mod fair;
mod line;
mod roads;
mod state;

pub use roads::{Roads, Transfer};
pub use state::{End, FlowId, Network};

/// A link, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// A transfer got no byte through for as long as the network waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled;

impl std::fmt::Display for Stalled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no byte came through: the connection was given up")
    }
}

impl std::error::Error for Stalled {}

#[cfg(test)]
mod tests;
