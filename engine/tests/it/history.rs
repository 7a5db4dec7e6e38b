//! What each point added, and how long that stays in use, held against blocks that are known.

use std::fs;

use engine::format::point::Method;
use engine::inventory::History;
use engine::vault::Catalog;

use crate::support::{back_up, block_on, memory, new_vault, noise, request};

const BLOCK: usize = 4096;
/// Which content each of ten blocks has in five states: block 0 never changes, block 9 always,
/// block 5 goes and comes back.
const STATES: [[u64; 10]; 5] = [
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    [1, 2, 3, 4, 5, 6, 7, 8, 19, 20],
    [1, 2, 3, 4, 5, 16, 7, 8, 19, 30],
    [1, 2, 3, 14, 5, 6, 7, 8, 19, 40],
    [1, 2, 3, 14, 5, 6, 7, 8, 29, 50],
];

fn image(state: &[u64; 10]) -> Vec<u8> {
    let blocks = state.iter().map(|seed| noise(*seed, BLOCK));
    blocks.collect::<Vec<_>>().concat()
}

/// Blocks that state `born` was the first to have and that `at`, or a state after it, still has.
fn expected(born: usize, at: usize) -> u64 {
    let has = |state: usize, block: &u64| STATES[state].contains(block);
    let first = STATES[born]
        .iter()
        .filter(|block| !(0..born).any(|state| has(state, block)));
    let alive = first.filter(|block| (at..STATES.len()).any(|state| has(state, block)));
    alive.count() as u64
}

#[test]
fn lives_of_blocks_are_as_the_states_have_them() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = folder.path().join("disk.img");
        let vault = new_vault(&memory()).await;
        for state in &STATES {
            fs::write(&disk, image(state)).expect("an image");
            back_up(&vault, &disk, Method::Forever, BLOCK as u64).await;
        }
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let history = History::read(&vault, &catalog).await.expect("a history");
        assert!(history.damaged.is_empty() && history.shared_bytes == 0);
        let [instance] = &history.instances[..] else {
            panic!("{} instances", history.instances.len());
        };
        assert_eq!(instance.points.len(), STATES.len());
        // A block of noise takes its bytes and a few for the seal; what is beside the blocks is small.
        let blocks = |bytes: u64| bytes / BLOCK as u64;
        for born in 0..STATES.len() {
            for at in born..STATES.len() {
                let found = blocks(instance.alive(born, at));
                assert_eq!(found, expected(born, at), "of {born} at {at}");
            }
        }
        // Each blob lies in the vault once.
        let new: u64 = (0..STATES.len())
            .map(|point| instance.new_bytes(point))
            .sum();
        assert_eq!(new, history.blob_bytes);
        assert!(history.vault_bytes > history.blob_bytes);
        assert_eq!(blocks(instance.referenced_bytes(4)), 10);
    });
}

#[test]
fn what_instances_share_is_told() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = folder.path().join("disk.img");
        let vault = new_vault(&memory()).await;
        for (instance, state) in [("a", 0), ("b", 1)] {
            fs::write(&disk, image(&STATES[state])).expect("an image");
            let mut backup = request(&disk, Method::Forever, BLOCK as u64);
            backup.request.instance = instance.to_owned();
            let done = engine::backup::run(
                &vault,
                &backup,
                &engine::seam::AsItIs,
                &engine::backup::Quiet,
            )
            .await;
            done.expect("a backup");
        }
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let history = History::read(&vault, &catalog).await.expect("a history");
        assert_eq!(history.instances.len(), 2);
        assert_eq!(history.shared_bytes / BLOCK as u64, 8);
        let of = |number: usize| history.instances[number].new_bytes(0) / BLOCK as u64;
        assert_eq!((of(0), of(1)), (10, 10), "each counted whole");
    });
}
