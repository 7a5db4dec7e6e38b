//! Max-min fair shares: nobody can have more without somebody who has as little getting less.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::class::{Class, FRACTION, Route};

/// What of a link is not yet given out, and to how many connections it has to be given.
#[derive(Clone, Copy)]
struct Left {
    capacity: u128,
    connections: u128,
}

impl Left {
    /// What each could have; `None` where none is left.
    fn share(&self) -> Option<u128> {
        self.capacity.checked_div(self.connections)
    }
}

/// Gives every class its rate: the link with the least for each connection fills first, the flows across it are
/// settled, and the rest share what is left (progressive filling; Bertsekas and Gallager, "Data
/// Networks", 1992, 6.5.2).
pub(super) fn share(classes: &mut BTreeMap<Arc<Route>, Class>, capacities: &[u64]) {
    let mut links: Vec<Left> = capacities
        .iter()
        .map(|capacity| Left {
            capacity: u128::from(*capacity) * FRACTION,
            connections: 0,
        })
        .collect();
    let mut open: Vec<(&Route, &mut Class)> = Vec::new();
    for (route, class) in classes.iter_mut() {
        for link in &route.links {
            links[link.0 as usize].connections += route.connections(class.len());
        }
        open.push((route, class));
    }
    while !open.is_empty() {
        let shares = links.iter().map(Left::share);
        let Some(rate) = shares.clone().flatten().min() else {
            break;
        };
        // Links that are equally full are settled together: fleets have many disks of one kind.
        let full: Vec<bool> = shares.map(|share| share == Some(rate)).collect();
        open.retain_mut(|(route, class)| {
            let crosses = route.links.iter().any(|link| full[link.0 as usize]);
            if crosses {
                let connections = route.connections(class.len());
                class.rate = route.connections(rate);
                for link in &route.links {
                    let left = &mut links[link.0 as usize];
                    left.connections -= connections;
                    left.capacity -= rate * connections;
                }
            }
            !crosses
        });
    }
}
