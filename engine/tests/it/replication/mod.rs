//! Two sites in memory, on virtual time: a source, a replica, and a link that breaks.

mod changed;
mod instants;
mod prefix;
mod trouble;
mod world;
