//! What a simulated site keeps when its process ends: its disks, its store, its clock, and what its operator set.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine::error::Result;
use engine::format::member::Disk;
use engine::replication::replica::{MakeDisks, Replica};
use engine::replication::source::Source;
use engine::seam::store::Retries;
use engine::seam::{BlockDevice, Traffic, World};
use engine::units::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::draw::Draws;
use crate::emulated::Host;
use crate::executor::{Handle, HostId};

use super::Flaw;
use super::depot::Depot;
use super::disk::{Ailment, SimDisk};

/// What an operator orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Take over at the newest point, or at an older one.
    Failover {
        /// Whether at the newest.
        newest: bool,
    },
    /// Give up the other points.
    Commit,
    /// Send to the other site.
    Reprotect,
    /// Have the other site take over, with everything.
    HandOver,
    /// Take over at the newest point that was not captured after an instant.
    FailoverTo(Timestamp),
    /// End the batch as an application-consistent point.
    Point,
}

/// An order with the way back: whether it was carried out.
pub(super) type Call = (Order, oneshot::Sender<Result<()>>);

/// How a station stands.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each may be so beside the others"
)]
#[derive(Debug, Default)]
pub(super) struct Now {
    /// Counts the machine's starts.
    pub boot: u64,
    /// Whether the machine went down since its disks were written last.
    pub lost_power: bool,
    /// Whether the machine is up.
    pub up: bool,
    /// Whether a process plays the site's role.
    pub running: bool,
    /// Whether the site was fenced, and its process ended for that.
    pub fenced: bool,
    /// Whether it sends to the other site while it is active.
    pub sends: bool,
    /// What the process is, if it runs: one or the other.
    pub source: Option<Arc<Source>>,
    /// The replica of a site that follows.
    pub replica: Option<Arc<Replica>>,
    /// The way to it.
    pub calls: Option<mpsc::Sender<Call>>,
}

/// One site.
#[derive(Debug)]
pub(super) struct Station {
    /// Which.
    pub site: usize,
    /// Its machine.
    pub host: Host,
    /// Whether it can't reach the witness.
    pub away: Arc<AtomicBool>,
    /// What ails its disks.
    pub ailment: Arc<Mutex<Ailment>>,
    depot: Mutex<Arc<Depot>>,
    shelf: Mutex<BTreeMap<(String, String), Arc<SimDisk>>>,
    now: Mutex<Now>,
    draws: Draws,
    flaw: Flaw,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A host of its own, on which a site runs.
pub(super) fn host((handle, draws): (Handle, Draws), id: HostId, start: Timestamp) -> Host {
    let entropy = draws.stream(&format!("site {}", id.0), "entropy", 0);
    Host::new(handle, id, start, entropy)
}

impl Station {
    /// A new site on a host.
    pub(super) fn new((host, draws): (Host, Draws), site: usize, flaw: Flaw) -> Arc<Self> {
        let handle = host.handle.clone();
        let ailment: Arc<Mutex<Ailment>> = Arc::default();
        let depot = Depot::new(handle, Arc::clone(&ailment), flaw);
        Arc::new(Self {
            site,
            host,
            away: Arc::default(),
            ailment,
            depot: Mutex::new(Arc::new(depot)),
            shelf: Mutex::default(),
            now: Mutex::new(Now {
                up: true,
                sends: site == 0,
                ..Now::default()
            }),
            draws,
            flaw,
        })
    }

    /// How it stands.
    pub(super) fn now(&self) -> MutexGuard<'_, Now> {
        lock(&self.now)
    }

    /// The engine's world at this site.
    pub(super) fn world(&self) -> World {
        self.world_of(Arc::clone(&lock(&self.depot)))
    }

    /// The same around a store that is empty and nobody looks into later.
    pub(super) fn scratch(&self) -> World {
        self.world_of(Arc::new(self.empty_depot()))
    }

    fn empty_depot(&self) -> Depot {
        Depot::new(
            self.host.handle.clone(),
            Arc::clone(&self.ailment),
            self.flaw,
        )
    }

    fn world_of(&self, depot: Arc<Depot>) -> World {
        let traffic = Traffic {
            retries: Retries::BRIEF,
            ..Traffic::default()
        };
        self.host.world(depot, traffic)
    }

    /// What the machine's start is called.
    pub(super) fn boot(&self) -> String {
        format!("boot {}", self.now().boot)
    }

    /// A disk of the site's; a new one is empty.
    pub(super) fn device(&self, kind: &str, name: &str, size: u64) -> Arc<SimDisk> {
        let key = (kind.to_owned(), name.to_owned());
        let mut shelf = lock(&self.shelf);
        let disk = shelf.entry(key).or_insert_with(|| {
            let stream =
                self.draws
                    .stream(&format!("site {}", self.site), &format!("{kind} {name}"), 0);
            let forgets = (self.flaw == Flaw::ForgetsWrites && kind == "disks" && self.site == 1)
                .then_some(5);
            let ailment = Arc::clone(&self.ailment);
            Arc::new(SimDisk::new(
                self.host.handle.clone(),
                (size, stream),
                ailment,
                forgets,
            ))
        });
        Arc::clone(disk)
    }

    /// Removes the disks of a kind.
    pub(super) fn clear(&self, kind: &str) {
        lock(&self.shelf).retain(|(known, _), _| known != kind);
    }

    /// The process ends where it stands.
    pub(super) fn crash(&self) {
        self.host.handle.crash(self.host.id);
        self.ended();
    }

    /// No process runs.
    pub(super) fn ended(&self) {
        let mut now = self.now();
        (now.running, now.source, now.replica, now.calls) = (false, None, None, None);
    }

    /// The machine goes down, with what was not flushed.
    pub(super) fn lose_power(&self) {
        self.crash();
        lock(&self.shelf)
            .values()
            .for_each(|disk| disk.lose_power());
        lock(&self.depot).lose_power();
        let mut now = self.now();
        now.boot += 1;
        (now.lost_power, now.up) = (true, false);
    }

    /// Everything that the site had is gone: it begins anew.
    pub(super) fn destroy(&self) {
        self.lose_power();
        lock(&self.shelf).clear();
        *lock(&self.depot) = Arc::new(self.empty_depot());
        let mut now = self.now();
        (now.fenced, now.sends) = (false, false);
    }
}

#[async_trait]
impl MakeDisks for Station {
    async fn make(&self, disks: &[Disk]) -> Result<Vec<(Disk, Arc<dyn BlockDevice>)>> {
        let made = disks.iter().map(|disk| {
            let device = self.device("disks", &disk.name, disk.size);
            (disk.clone(), device as Arc<dyn BlockDevice>)
        });
        Ok(made.collect())
    }
}
