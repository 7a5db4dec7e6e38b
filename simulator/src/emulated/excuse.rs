//! What the faults of a trial explain: objects that are rightly gone or damaged, and the points that need them.
//!
//! A checker forgives what names one of these, and nothing else.

use std::collections::BTreeSet;

use engine::format::layout::path;
use engine::ids::PointId;
use engine::vault::{Catalog, Point};
use object_store::path::Path;

use crate::trial::ground::lock;
use crate::world::account::Endpoint;

use super::hands::EngineHands;

/// What is explained of one copy's vault.
#[derive(Debug, Default)]
pub(super) struct Excuse {
    /// Objects that are gone because more failed than the redundancy withstands, or damaged on purpose.
    objects: BTreeSet<Path>,
    /// Points that need one of them.
    points: BTreeSet<PointId>,
}

impl Excuse {
    /// What is explained as things stand now, without what is known of points.
    pub(super) fn of(engine: &EngineHands) -> Self {
        let (now, prefix) = (engine.ground.handle.now(), engine.prefix());
        let store = engine.ground.store(engine.instance, engine.copy);
        let mut account = lock(&store.account);
        let lost: Vec<String> = account.rightly_lost().iter().cloned().collect();
        let mine = lost.iter().filter_map(|key| key.strip_prefix(&prefix));
        // One that came back with a failover is no excuse.
        let gone = mine.filter(|key| {
            account
                .get(now, Endpoint::Primary, &format!("{prefix}{key}"))
                .is_none()
        });
        let mut objects: BTreeSet<Path> = gone.map(Path::from).collect();
        objects.extend(engine.damaged().iter().cloned());
        Self {
            objects,
            points: BTreeSet::new(),
        }
    }

    /// The same with the points of a catalog that need what is gone or damaged.
    pub(super) fn with(mut self, catalog: &Catalog) -> Self {
        let owned: BTreeSet<Path> = catalog.owned_packs().into_iter().map(path::pack).collect();
        let named = catalog.named_segments().into_iter().map(path::index);
        let owned: BTreeSet<Path> = owned.into_iter().chain(named).collect();
        // A prune's packs are no point's own: whose blobs they hold only their content tells.
        let at_large = self.objects.iter().any(|object| {
            let data =
                object.prefix_matches(&path::packs()) || object.prefix_matches(&path::indexes());
            data && !owned.contains(object)
        });
        let needy = catalog
            .existing()
            .filter(|point| at_large || self.hits(catalog, point));
        self.points = needy.map(|point| point.id).collect();
        self
    }

    fn hits(&self, catalog: &Catalog, point: &Point) -> bool {
        let is_hit = |id: &PointId| {
            let needed = catalog.existing().find(|needed| needed.id == *id);
            let Some(needed) = needed else {
                return self.objects.contains(&path::point(*id));
            };
            let packs = needed.manifest.packs.iter().map(|pack| path::pack(*pack));
            let segments = needed.manifest.segments.iter();
            let mut all = packs.chain(segments.map(|segment| path::index(*segment)));
            all.any(|object| self.objects.contains(&object))
        };
        Catalog::closure(point).iter().any(is_hit)
    }

    /// Whether an object is rightly gone or damaged.
    pub(super) fn has(&self, object: &Path) -> bool {
        self.objects.contains(object)
    }

    /// Whether any object of a kind is, by the folder that it lies in.
    pub(super) fn has_in(&self, folder: &Path) -> bool {
        let mut objects = self.objects.iter();
        objects.any(|object| object.prefix_matches(folder))
    }

    /// Whether a point needs something that is.
    pub(super) fn covers(&self, point: PointId) -> bool {
        self.points.contains(&point)
    }

    /// Whether what the engine says names something that is.
    pub(super) fn explains(&self, said: &str) -> bool {
        let named = |object: &Path| object.filename().is_some_and(|name| said.contains(name));
        let points = || self.points.iter().map(|point| path::point(*point));
        self.objects.iter().any(named) || points().any(|point| named(&point))
    }
}
