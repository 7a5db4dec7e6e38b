//! Max-min fair shares: nobody can have more without somebody who has as little getting less.

use super::LinkId;
use super::class::{Class, FRACTION};

/// What of a link is not yet given out, to how many connections it has to be given, and what each could have.
#[derive(Clone, Copy, Default)]
struct Left {
    capacity: u128,
    connections: u128,
    share: Option<u128>,
}

/// The rate of a class whose links no other class crosses.
pub(super) fn alone(class: &Class, capacities: &[u64]) -> u128 {
    let connections = class.route.connections(class.len());
    let capacities = class
        .route
        .links
        .iter()
        .map(|link| capacities[link.0 as usize]);
    let least = capacities.min().unwrap_or(0);
    class
        .route
        .connections(u128::from(least) * FRACTION / connections)
}

/// Gives every class its rate: the link with the least for each connection fills first, the flows across it are
/// settled, and the rest share what is left (progressive filling; Bertsekas and Gallager, "Data
/// Networks", 1992, 6.5.2).
pub(super) fn share(classes: &mut [Class], capacities: &[u64]) {
    let mut links = vec![Left::default(); capacities.len()];
    let mut crossed: Vec<LinkId> = Vec::new();
    let mut open: Vec<&mut Class> = Vec::new();
    for class in classes.iter_mut().filter(|class| class.len() > 0) {
        for link in &class.route.links {
            let left = &mut links[link.0 as usize];
            if left.connections == 0 {
                left.capacity = u128::from(capacities[link.0 as usize]) * FRACTION;
                crossed.push(*link);
            }
            left.connections += class.route.connections(class.len());
        }
        open.push(class);
    }
    while !open.is_empty() {
        for link in &crossed {
            let left = &mut links[link.0 as usize];
            left.share = left.capacity.checked_div(left.connections);
        }
        // Links that are equally full are settled together: fleets have many disks of one kind.
        let shares = crossed.iter().map(|link| links[link.0 as usize].share);
        let Some(rate) = shares.flatten().min() else {
            break;
        };
        open.retain_mut(|class| {
            let mut route = class.route.links.iter();
            let crosses = route.any(|link| links[link.0 as usize].share == Some(rate));
            if crosses {
                let connections = class.route.connections(class.len());
                class.rate = class.route.connections(rate);
                for link in &class.route.links {
                    let left = &mut links[link.0 as usize];
                    left.connections -= connections;
                    left.capacity -= rate * connections;
                }
            }
            !crosses
        });
    }
}
