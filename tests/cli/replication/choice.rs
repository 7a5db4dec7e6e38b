//! Which point to go back to, of a replica's and a vault's: the newer, said with the reason; and a vault's is taken
//! only once it is there.

use std::fs;

use serde_json::Value;

use super::sites::{Pair, clients_are_there, now};
use crate::support::{json, run, text};

const MIB: u64 = 1 << 20;
const DISKS: [&str; 2] = ["a.img", "b.img"];

fn put(pair: &Pair, byte: u8) {
    for disk in DISKS {
        let mut client = pair.source.nbd(disk);
        client.write(MIB, &[byte; 8192]).expect("written");
        client.flush().expect("flushed");
    }
}

fn byte(images: &std::path::Path) -> [u8; 2] {
    DISKS.map(|disk| fs::read(images.join(disk)).expect("an image")[MIB as usize + 4096])
}

fn chosen(told: &Value) -> &str {
    let why = told["chosen"]["why"].as_str().unwrap_or_default();
    assert!(!why.is_empty(), "{told}");
    told["chosen"]["from"].as_str().unwrap_or_default()
}

#[test]
fn the_newer_point_is_taken_wherever_it_is() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::begin(&DISKS, 8 * MIB);
    let folder = pair.folder.path().to_owned();
    let vault = text(&folder.join("vault")).to_owned();
    let (code, _, said) = run(&["init", &vault]);
    assert_eq!(code, 0, "{said}");
    let (source, replica) = (
        text(&pair.source.state).to_owned(),
        text(&pair.replica.state).to_owned(),
    );
    let restore = |name: &str, point: &str| {
        let target = folder.join(name);
        let told = json(&[
            "restore",
            &vault,
            point,
            text(&target),
            "--replica",
            &replica,
        ]);
        (told, byte(&target))
    };
    put(&pair, 1);
    pair.source.converge();
    let before = now();
    let told = json(&["backup", &vault, "--protected", &source]);
    let point = told["point"].as_str().expect("a point").to_owned();
    let after = now();
    put(&pair, 2);
    pair.source.converge();
    // The replica's is newer, and before that backup it is the only one.
    let (told, bytes) = restore("of-replica", "latest");
    assert_eq!((chosen(&told), bytes), ("replica", [2, 2]), "{told}");
    let (told, bytes) = restore("of-past", &before);
    assert_eq!((chosen(&told), bytes), ("replica", [1, 1]), "{told}");
    // Nothing was written until it was made: it is the newest by then.
    let (told, bytes) = restore("of-then", &after);
    assert_eq!((chosen(&told), bytes), ("vault", [1, 1]), "{told}");
    // The other site is out of reach for a while, and the disks are backed up meanwhile.
    pair.replica.kill();
    put(&pair, 3);
    let told = json(&["backup", &vault, "--protected", &source]);
    let newest = told["point"].as_str().expect("a point").to_owned();
    // Where no process plays the replica's role, the vault has what there is.
    let (told, bytes) = restore("of-vault", "latest");
    assert_eq!((chosen(&told), bytes), ("vault", [3, 3]), "{told}");
    assert_eq!(told["point"], newest, "{told}");
    pair.source.kill();
    // A failover that was interrupted just before it counted.
    let left = pair.replica.state.join("overlay-7");
    fs::create_dir(&left).expect("a folder");
    pair.replica.follow(&[]);
    assert!(!left.exists(), "nothing is left of it");
    take_over(&mut pair, &vault, (&point, &newest));
}

fn take_over(pair: &mut Pair, vault: &str, (first, newest): (&str, &str)) {
    // What an interrupted one left is told, and in nobody's way.
    let left = pair.replica.state.join(format!("restored-{first}-7"));
    fs::create_dir(&left).expect("a folder");
    fs::write(left.join("a.img"), [9; 100]).expect("half an image");
    let status = pair.replica.status();
    assert_eq!(status["restoring"], first, "{status}");
    assert_eq!(status["role"], "replica", "{status}");
    // Not without being told to.
    let (code, _, said) = pair.replica.tell(&["failover", "--vault", vault]);
    assert_ne!(code, 0, "{said}");
    assert!(
        said.contains("vault's point") && said.contains("older"),
        "{said}"
    );
    assert_eq!(pair.replica.status()["role"], "replica");
    let told = pair.replica.ask(&["failover", "--vault", vault, "--yes"]);
    assert_eq!(
        (chosen(&told), &told["vault_point"]),
        ("vault", &newest.into())
    );
    let third = pair.disk(0);
    assert!(pair.replica.copy("a.img") == third, "the vault's content");
    let status = pair.replica.status();
    assert_eq!(status["role"], "active", "{status}");
    assert_eq!(status["restoring"], Value::Null, "{status}");
    pair.replica
        .qemu_io("a.img", &["write -P 0x44 4M 64k", "flush"]);
    pair.replica.kill();
    pair.replica.serve_again();
    let served = pair.replica.copy("a.img");
    assert!(served[..4 << 20] == third[..4 << 20] && served[4 << 20] == 0x44);
    // A site that took over is backed up like any other.
    let state = text(&pair.replica.state);
    let backed_up = json(&["backup", vault, "--protected", state]);
    let point = backed_up["point"].as_str().expect("a point");
    let target = pair.folder.path().join("of-the-new-site");
    json(&["restore", vault, point, text(&target)]);
    assert!(fs::read(target.join("a.img")).expect("it") == served);
    pair.replica.kill();
    pair.replica.serve_again();
    // Its own points are there until one is committed.
    drop(pair.replica.nbd("a.img"));
    pair.replica.fail_over("latest");
    let read = pair.replica.nbd("a.img").read(MIB, 1).expect("it reads");
    assert_eq!(read[0], 2);
}

#[test]
fn a_vaults_point_is_committed_like_any_other() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::begin(&["disk.img"], 8 * MIB);
    let vault = text(&pair.folder.path().join("vault")).to_owned();
    let (code, _, said) = run(&["init", &vault]);
    assert_eq!(code, 0, "{said}");
    pair.replica.kill();
    pair.source
        .qemu_io("disk.img", &["write -P 0x33 1M 2M", "flush"]);
    json(&["backup", &vault, "--protected", text(&pair.source.state)]);
    pair.source.kill();
    let content = pair.disk(0);
    pair.replica.follow(&[]);
    let told = pair.replica.ask(&["failover", "--vault", &vault, "--yes"]);
    assert_eq!(chosen(&told), "vault", "{told}");
    pair.replica.ask(&["commit"]);
    assert!(pair.replica.copy("disk.img") == content);
    pair.replica.until("it is in the disks", |status| {
        status["above_disk_bytes"] == 0
    });
    assert!(pair.replica.copy("disk.img") == content);
    let below = fs::read(pair.replica.state.join("disks/disk.img")).expect("the disk");
    assert!(below == content, "it is in the disk now");
    // The other one follows, and gets what it lacks.
    pair.source.follow(&["--discard-unsent"]);
    pair.replica
        .ask(&["reprotect", "--to", &pair.source.listens]);
    pair.replica.converge();
    assert!(pair.source.newest("disk.img") == content);
}
