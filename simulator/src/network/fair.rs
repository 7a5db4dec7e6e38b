//! Max-min fair shares: nobody can have more without somebody who has as little getting less.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::LinkId;
use super::class::{Class, FRACTION};

/// What of a link is not yet given out, and to how many flows it has to be given.
#[derive(Clone, Copy)]
struct Left {
    capacity: u128,
    flows: u128,
}

impl Left {
    /// What each flow could have; `None` where no flow is left.
    fn share(&self) -> Option<u128> {
        self.capacity.checked_div(self.flows)
    }
}

/// Gives every class its rate: the link with the least for each flow fills first, the flows across it are
/// settled, and the rest share what is left (progressive filling; Bertsekas and Gallager, "Data
/// Networks", 1992, 6.5.2).
pub(super) fn share(classes: &mut BTreeMap<Arc<[LinkId]>, Class>, capacities: &[u64]) {
    let mut links: Vec<Left> = capacities
        .iter()
        .map(|capacity| Left {
            capacity: u128::from(*capacity) * FRACTION,
            flows: 0,
        })
        .collect();
    let mut open: Vec<(&[LinkId], &mut Class)> = Vec::new();
    for (path, class) in classes.iter_mut() {
        for link in path.iter() {
            links[link.0 as usize].flows += class.len();
        }
        open.push((path, class));
    }
    while !open.is_empty() {
        let shares = links.iter().map(Left::share);
        let Some(rate) = shares.clone().flatten().min() else {
            break;
        };
        // Links that are equally full are settled together: fleets have many disks of one kind.
        let full: Vec<bool> = shares.map(|share| share == Some(rate)).collect();
        open.retain_mut(|(path, class)| {
            let crosses = path.iter().any(|link| full[link.0 as usize]);
            if crosses {
                class.rate = rate;
                for link in *path {
                    let left = &mut links[link.0 as usize];
                    left.flows -= class.len();
                    left.capacity -= rate * class.len();
                }
            }
            !crosses
        });
    }
}
