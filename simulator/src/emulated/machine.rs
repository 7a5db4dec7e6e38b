//! The engine's world on a machine of a trial: its store is the ground's account at the end of its roads.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use engine::seam::{Traffic, World};
use engine::units::Timestamp;

use crate::executor::HostId;
use crate::network::LinkId;
use crate::trial::ground::{Ground, lock};
use crate::trial::meter::Requests;
use crate::world::account::{Account, Endpoint};

use super::host::Host;
use super::request::{Request, Service};
use super::store::RemoteStore;
use crate::trial::debt::Debt;

/// A copy's store as a machine of a place reaches it.
#[derive(Clone, Debug)]
struct Front {
    ground: Arc<Ground<Bytes>>,
    instance: usize,
    copy: usize,
    endpoint: Endpoint,
    place: usize,
    /// Media that lie beside the machine, in the store's stead: their bytes take no road.
    media: Option<Media>,
}

/// An account on media.
pub(super) type Media = Arc<Mutex<Account<Bytes>>>;

impl Service for Front {
    fn account(&self) -> MutexGuard<'_, Account<Bytes>> {
        match &self.media {
            Some(media) => lock(media),
            None => lock(&self.ground.store(self.instance, self.copy).account),
        }
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    fn path(&self, out: bool) -> Option<Vec<LinkId>> {
        if self.media.is_some() {
            return Some(Vec::new());
        }
        let path = self
            .ground
            .path(self.instance, self.copy, self.endpoint, self.place, out);
        path.map(|(links, _)| links.to_vec())
    }

    fn outage(&self, now: u64) -> Option<(u64, u64)> {
        if self.media.is_some() {
            return None;
        }
        let store = self.ground.store(self.instance, self.copy);
        let spans = self.ground.unreachable(store, self.endpoint, self.place);
        spans.next_long(now, 1)
    }

    fn request_micros(&self) -> u64 {
        self.ground.copy(self.copy).request_micros
    }

    fn errors_ppm(&self) -> u64 {
        self.ground.errors_ppm(self.copy)
    }

    fn served(&self, request: Request, bytes: u64) {
        if self.media.is_some() {
            return;
        }
        let requests = match request {
            Request::Put => Requests {
                writes: 1,
                put_bytes: bytes,
                ..Requests::default()
            },
            Request::List | Request::Delete => Requests {
                writes: 1,
                ..Requests::default()
            },
            Request::Get | Request::Head => Requests {
                reads: 1,
                got_bytes: bytes,
                ..Requests::default()
            },
        };
        let (whose, at) = ((self.instance, self.copy), (self.endpoint, self.place));
        self.ground.served(whose, at, requests);
    }
}

/// The engine's world on the machine of an instance at `place`, its store at an endpoint; and what the
/// machine owes.
pub(super) fn machine(
    ground: &Arc<Ground<Bytes>>,
    (instance, copy): (usize, usize),
    (endpoint, place): (Endpoint, usize),
    (media, turn): (Option<Media>, u64),
) -> (World, Debt) {
    let name = &ground.instances[instance].name;
    let start = Timestamp {
        seconds: ground.scenario.start_seconds,
        nanos: 0,
    };
    let entropy = ground
        .draws
        .stream(name, &format!("entropy of copy {copy}"), turn);
    let agent = ground.host(instance, copy);
    // Who recovers works beside the agent, and does not die with it.
    let id = if endpoint == Endpoint::Primary && ground.state(instance).up {
        agent
    } else {
        HostId(agent.0 | 1 << 31)
    };
    let host = Host::new(ground.handle.clone(), id, start, entropy);
    let debt = host.debt.clone();
    let scale = ground.instances[instance].group.scale();
    let front = Front {
        ground: Arc::clone(ground),
        instance,
        copy,
        endpoint,
        place,
        media,
    };
    let folder = format!("{instance:06}");
    let store = RemoteStore::new(
        host.clone(),
        ground.roads.clone(),
        front,
        &folder,
        scale,
        ground.draws,
    );
    (host.world(Arc::new(store), Traffic::default()), debt)
}
