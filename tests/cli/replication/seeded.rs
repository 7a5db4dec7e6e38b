//! A replica that begins with a copy of the disk which came some other way: what is equal is not sent.

use std::fs;

use super::sites::{Pair, clients_are_there};
use crate::support::{json, noise, run, text};

const BYTES: usize = 16 << 20;
/// What was written since the copy was made.
const CHANGED: std::ops::Range<usize> = 5 << 20..(5 << 20) + 4096;

/// A disk of noise, of which a vault has a point, and which was changed since.
fn pair_with_vault() -> (Pair, String) {
    let pair = Pair::new(&["disk.img"], 0);
    let mut content = noise(1, BYTES);
    fs::write(&pair.disks[0], &content).expect("a disk");
    let vault = text(&pair.folder.path().join("vault")).to_owned();
    let (code, _, said) = run(&["init", &vault]);
    assert_eq!(code, 0, "{said}");
    json(&["backup", &vault, text(&pair.disks[0])]);
    content[CHANGED].fill(7);
    fs::write(&pair.disks[0], &content).expect("it is changed");
    (pair, vault)
}

#[test]
fn only_what_differs_from_a_vaults_point_is_sent() {
    if !clients_are_there() {
        return;
    }
    let (mut pair, vault) = pair_with_vault();
    let disks = pair.replica.state.join("disks");
    fs::create_dir(&disks).expect("a folder");
    json(&["restore", &vault, "latest", text(&disks.join("disk.img"))]);
    pair.replica.follow(&[]);
    let to = pair.replica.listens.clone();
    pair.protect(&to, &[]);
    let status = pair.source.converge();
    assert_eq!(status["resent_pieces"], 1, "{status}");
    let sent = status["sent_bytes"].as_u64().expect("bytes");
    assert!(sent < 128 << 10, "{status}");
    let disk = fs::read(&pair.disks[0]).expect("the disk");
    assert!(pair.replica.newest("disk.img") == disk);
}

#[test]
fn what_is_longer_than_the_disk_is_not_cut_off() {
    let (mut pair, _) = pair_with_vault();
    let disks = pair.replica.state.join("disks");
    fs::create_dir(&disks).expect("a folder");
    let other = disks.join("disk.img");
    let long = vec![9; BYTES + 1];
    fs::write(&other, &long).expect("another disk");
    pair.replica.follow(&[]);
    let to = pair.replica.listens.clone();
    pair.protect(&to, &[]);
    super::sites::until("it is told", || {
        let said = pair.replica.process().said();
        said.contains("nothing is cut off it").then_some(())
    });
    assert!(fs::read(&other).expect("it is there") == long);
}
