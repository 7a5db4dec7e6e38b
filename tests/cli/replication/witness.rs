//! With a witness two sites are never written, whatever they are cut off from; without it they say what to do.

use std::fs;

use super::network::Proxy;
use super::sites::{Pair, clients_are_there, until};
use crate::support::text;

const DISK: &str = "disk.img";

#[test]
fn two_sites_with_a_witness_are_never_both_written() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::new(&[DISK], 8 << 20);
    let place = pair.folder.path().join("witness");
    fs::create_dir(&place).expect("the witness");
    let witness = ["--witness", text(&place)].map(str::to_owned);
    let witness = witness.each_ref().map(String::as_str);
    pair.replica.follow(&witness);
    let proxy = Proxy::before(&pair.replica.listens);
    pair.protect(&proxy.address, &witness);
    pair.source.converge();
    let mut client = pair.source.nbd(DISK);
    client.write(0, &[1; 4096]).expect("both are reached");
    pair.source.converge();

    // The sites lose each other: the witness keeps the source going, until the other site takes over by it.
    proxy.cut();
    client.write(0, &[2; 4096]).expect("the witness is reached");
    let told = pair.replica.fail_over("latest");
    let status = pair
        .replica
        .until("it waits", |status| status["role"] == "active");
    assert_eq!(
        (&status["health"], &status["writes_wait"]),
        (&"waiting".into(), &true.into())
    );
    let mut taker = pair.replica.nbd(DISK);
    let written = std::thread::spawn(move || taker.write(0, &[3; 4096]));
    assert_eq!(pair.source.ended(), 3, "the witness told it");
    assert!(
        !written.is_finished(),
        "not before the lease of the other is over"
    );
    client
        .write(0, &[4; 4096])
        .expect_err("it is not written any more");
    written
        .join()
        .expect("no panic")
        .expect("and now this one is");
    assert!(told["rpo_seconds"].as_f64().is_some());

    // Alone, and without the witness, nothing tells whether another took over meanwhile.
    let away = place.with_extension("away");
    fs::rename(&place, &away).expect("the witness is lost");
    let waits = pair
        .replica
        .until("writes wait", |status| status["writes_wait"] == true);
    assert!(
        waits["next"]
            .as_str()
            .is_some_and(|next| next.contains("--witness")),
        "{waits}"
    );
    assert!(waits["witness_trouble"].as_str().is_some(), "{waits}");
    fs::rename(&away, &place).expect("it is found again");
    pair.replica
        .until("writes go on", |status| status["writes_wait"] == false);
    take_back(&mut pair, &witness, &away);
}

/// The site that took over is gone for good. Its disks follow no one: the old one is active again.
fn take_back(pair: &mut Pair, witness: &[&str], away: &std::path::Path) {
    pair.replica.kill();
    let place = witness[1];
    fs::rename(place, away).expect("the witness is lost");
    let back = [&["--take-back"], witness].concat();
    let to = pair.replica.listens.clone();
    for _ in 0..2 {
        pair.source.protect(&pair.disks, &to, &back);
        assert_ne!(
            pair.source.ended(),
            0,
            "nobody knows whether the other is written"
        );
        // An empty folder where it was mounted says no more.
        let _is_there = fs::create_dir(place).is_ok();
    }
    fs::remove_dir(place).expect("nothing was put there");
    fs::rename(away, place).expect("it is found again");
    pair.protect(&to, &back);
    let mut client = pair.source.nbd(DISK);
    client.write(0, &[5; 4096]).expect("it is written again");
    assert_eq!(pair.source.status()["generation"], 3);
    // Should the other come back, it learns of it from the witness.
    pair.replica.serve_again_with(witness);
    assert_eq!(pair.replica.ended(), 3);
    until("its status tells", || {
        let status = pair.replica.status();
        (status["role"] == "fenced").then_some(())
    });
}

#[test]
fn a_site_without_the_witness_takes_over_only_when_told_to() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::new(&[DISK], 8 << 20);
    let place = pair.folder.path().join("witness");
    fs::create_dir(&place).expect("the witness");
    let witness = ["--witness", text(&place)];
    pair.replica.follow(&witness);
    let to = pair.replica.listens.clone();
    pair.protect(&to, &witness);
    pair.source.converge();
    pair.source.kill();
    // Gone, or an empty folder where it was mounted: neither says that nobody took over.
    fs::rename(&place, place.with_extension("away")).expect("the witness is lost");
    for _ in 0..2 {
        let (code, _, said) = pair.replica.tell(&["failover", "--yes"]);
        assert_ne!(code, 0);
        assert!(said.contains("--without-witness"), "{said}");
        assert_eq!(pair.replica.status()["role"], "replica");
        let _is_there = fs::create_dir(&place).is_ok();
    }
    pair.replica
        .ask(&["failover", "--yes", "--without-witness"]);
    pair.replica
        .until("it is active", |status| status["role"] == "active");
}
