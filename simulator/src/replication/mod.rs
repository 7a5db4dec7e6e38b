//! Site recovery, emulated: the engine's own source and replica at two simulated sites, over simulated disks, a
//! simulated way between them and clocks that differ, under faults that a seed draws.
//!
//! Beside every trial run checkers: each recovery point is the disks as they were at one instant of what was
//! acknowledged (`watch`); no report of an RPO is less than what would be lost (`watch`); never are two sides written
//! that could have known of each other, and with a witness
//! never any two (`ledger`); what was acknowledged survives a crash, and what was flushed a loss
//! of power (`ledger`); once everything heals, both sites come to have the same (`trial`).
//!
//! A scenario's strategies that replicate run on the same two sites (`scene`): what is written comes from the scenario
//! (`feed`), the way is its network, and the checkers run beside it. So does the twin of a drill that was played for real
//! (`twin`).

mod client;
mod depot;
mod disk;
mod feed;
mod lead;
mod ledger;
mod operator;
mod process;
mod scene;
mod schedule;
mod shrink;
mod station;
mod trial;
pub mod twin;
mod watch;
mod wire;
mod witness;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use engine::replication::replica::Retention;
use engine::replication::source::Settings;
use engine::replication::witness::Witness;
use object_store::memory::InMemory;

use engine::seam::Traffic;
use engine::seam::store::Retries;

use crate::draw::Draws;
use crate::executor::{Handle, HostId};

pub use ledger::Tally;
pub use scene::EngineReplica;
pub use schedule::{Schedule, Strike, What};
pub use shrink::shrink;
pub use trial::{Ending, Trial, run};

/// A bug that is planted, to see that its checker finds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// None.
    #[default]
    None,
    /// A replica's disks lose a write now and then: points are no states of the past.
    ForgetsWrites,
    /// Sites forget that they were fenced: two are written.
    ForgetsFences,
    /// The replica's machine loses what it confirmed last when it goes down: reports are too good.
    ForgetsBatches,
    /// Whoever takes over does not wait until the other site is no longer written.
    TakesOverAtOnce,
    /// Long frames are swallowed by the network: the sites never come to have the same.
    SwallowsFrames,
}

/// What a trial is played on.
#[derive(Debug)]
struct Ground {
    handle: Handle,
    draws: Draws,
    way: Arc<wire::Way>,
    bytes_per_second: u64,
    stations: [Arc<station::Station>; 2],
    sizes: Vec<u64>,
    settings: Settings,
    retention: Retention,
    /// What the witness keeps, where there is one.
    witness: Option<Arc<InMemory>>,
    flaw: Flaw,
    ledger: Mutex<ledger::Ledger>,
    written: AtomicBool,
    turns: AtomicU64,
    /// What strikes now, and since when nothing did.
    strikes: AtomicU64,
    calm_since: AtomicU64,
    me: Weak<Ground>,
    /// What a scenario writes to the first site's disk; without it clients draw what they write.
    feed: Option<feed::Feed>,
    /// What a drill writes instead.
    records: Option<twin::Records>,
    /// Checkers look this often, on average.
    watch_micros: u64,
    /// A process that ended is started again after so long.
    restart_micros: u64,
    /// Where those run who strike, order and start: nothing of it crashes with a site.
    operator: HostId,
}

impl Ground {
    fn ledger(&self) -> MutexGuard<'_, ledger::Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The witness as a site reaches it, where there is one.
    fn witness(&self, station: &station::Station) -> Option<Witness> {
        let inner = self.witness.clone()?;
        let handle = station.host.handle.clone();
        let reach = witness::Reach::new(handle, inner, Arc::clone(&station.away));
        let traffic = Traffic {
            retries: Retries::BRIEF,
            ..Traffic::default()
        };
        let world = station.host.world(Arc::new(reach), traffic);
        let me = format!("site {}", station.site);
        Some(Witness::new(world, process::GROUP, me))
    }

    /// A number that no one had before.
    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether clients write.
    fn is_written(&self) -> bool {
        self.written.load(Ordering::Relaxed)
    }

    /// Something may keep the sites from meeting, or did until now.
    fn disturbed(&self) {
        self.calm_since.store(self.handle.now(), Ordering::Relaxed);
    }

    /// Since when nothing did.
    fn calm_since(&self) -> u64 {
        if self.strikes.load(Ordering::Relaxed) > 0 {
            return self.handle.now();
        }
        self.calm_since.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
