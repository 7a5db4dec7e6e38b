//! The program as a user runs it: wiring, exit codes, documents. What a lower test can show is there.

mod advise;
mod bandwidth;
mod compare;
mod copy;
mod drill;
mod forget;
mod full_disk;
mod hooks;
mod input;
mod journey;
mod kill;
mod place;
mod plan;
mod postgresql;
mod replication;
mod retained;
mod scenario;
mod schedule;
mod series;
/// The engine's tests start the same servers.
#[path = "../../engine/tests/it/servers.rs"]
mod servers;
mod soak;
mod sqlite;
mod stores;
mod support;
