//! The one mechanism behind every method: which existing chunks a new point may refer to.

use crate::format::point::Method;
use crate::ids::PointId;
use crate::vault::{Catalog, Point};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Host and sources.
    pub instance: String,
}

/// What a new point will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    /// What it really is: without a base, every method makes a full.
    pub method: Method,
    /// The point whose listing it is compared with.
    pub base: Option<PointId>,
    /// Points whose chunks it may refer to, the base first.
    pub scope: Vec<PointId>,
    /// Whether what it finds there is copied into its own packs.
    pub copies: bool,
    /// Points from its full up to it, both included.
    pub chain_length: u32,
}

/// Decides what a new point may refer to; a pure function of the request and the catalog.
pub fn plan(request: &Request, catalog: &Catalog) -> BackupPlan {
    let full = BackupPlan {
        method: Method::Full,
        base: None,
        scope: Vec::new(),
        copies: false,
        chain_length: 1,
    };
    let latest = catalog.latest_of(&request.instance);
    match (request.method, latest) {
        (Method::Full, _) => full,
        (Method::Forever, latest) => {
            // Everything in the vault, other instances' points and deleted ones included.
            let mut scope: Vec<PointId> = latest.map(|point| point.id).into_iter().collect();
            let others = catalog.existing().map(|point| point.id);
            scope.extend(others.filter(|id| latest.is_none_or(|point| point.id != *id)));
            BackupPlan {
                method: Method::Forever,
                base: latest.map(|point| point.id),
                scope,
                copies: false,
                chain_length: latest.map_or(1, |point| point.manifest.chain_length + 1),
            }
        }
        (_, None) => full,
        (Method::Differential, Some(latest)) => {
            let chain = catalog.chain(latest);
            let begin = chain.last().copied().and_then(|id| catalog.get(id));
            match begin.filter(|point| point.manifest.method.begins_chain()) {
                Some(begin) => BackupPlan {
                    method: Method::Differential,
                    base: Some(begin.id),
                    scope: vec![begin.id],
                    copies: false,
                    chain_length: 2,
                },
                None => full,
            }
        }
        (method, Some(latest)) => chained(method, latest, catalog),
    }
}

/// The method of the point `number` (0 for the first) under a strategy that takes a new full every
/// `full_every` points. Full and forever take no notice of it.
pub fn method_at(strategy: Method, number: u32, full_every: u32) -> Method {
    let begins = number.is_multiple_of(full_every.max(1));
    match (strategy, begins) {
        (Method::Differential | Method::Incremental, true) => Method::Full,
        (Method::SyntheticFull, false) => Method::Incremental,
        (strategy, _) => strategy,
    }
}

/// Incremental and synthetic full: the chain back to its full.
fn chained(method: Method, latest: &Point, catalog: &Catalog) -> BackupPlan {
    let copies = method == Method::SyntheticFull;
    let mut scope = catalog.chain(latest);
    // A chain that hangs on points of another kind (a forever point) brings what those need.
    for id in &latest.manifest.depends_on {
        if !scope.contains(id) && catalog.get(*id).is_some() {
            scope.push(*id);
        }
    }
    BackupPlan {
        method,
        base: Some(latest.id),
        scope,
        copies,
        chain_length: if copies {
            1
        } else {
            latest.manifest.chain_length + 1
        },
    }
}
