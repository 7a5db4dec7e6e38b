//! Kills at random instants, of either site: what was confirmed stays, and both sites become the same again.

use std::thread::park_timeout;
use std::time::Duration;

use super::network::Proxy;
use super::records::Writer;
use super::sites::{Pair, clients_are_there, instant, last};

/// Kills in a normal run; `FIREDRILL_KILLS` asks for more.
const KILLS: u64 = 12;
const DISK: &str = "disk.img";
const BYTES: u64 = 16 << 20;

fn kills() -> u64 {
    let kills = std::env::var("FIREDRILL_KILLS").ok();
    kills.and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

/// Instants that follow from a seed: up to half a second.
fn instant_of(kill: u64) -> Duration {
    let drawn = (kill + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    Duration::from_millis(20 + drawn % 480)
}

#[test]
fn a_source_that_is_killed_under_load_and_its_replica_become_the_same() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::begin(&[DISK], BYTES);
    let to = pair.replica.listens.clone();
    let mut first = 1;
    for kill in 0..kills() {
        let mut load = pair.load(&[DISK]);
        (load.first, load.flush) = (first, kill % 3 == 0);
        let writer = Writer::start(load);
        super::sites::until("it writes", || {
            (writer.acknowledged().newest() > 0).then_some(())
        });
        park_timeout(instant_of(kill));
        pair.source.kill();
        let (acknowledged, _) = writer.stop();
        pair.protect(&to, &[]);
        // What was acknowledged is on the disk here, and one more may be.
        let number = last(&pair.source.nbd(DISK).image().expect("it is read"));
        let newest = acknowledged.newest();
        assert!(
            number == newest || number == newest + 1,
            "kill {kill}: {number}, {newest}"
        );
        pair.source.converge();
        assert!(
            pair.replica.newest(DISK) == pair.disk(0),
            "kill {kill}: the sites differ"
        );
        first = number + 1;
    }
}

#[test]
fn a_replica_that_is_killed_keeps_what_it_confirmed() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::new(&[DISK], BYTES);
    pair.replica.follow(&[]);
    let proxy = Proxy::before(&pair.replica.listens);
    pair.protect(&proxy.address, &[]);
    pair.source.converge();
    let mut load = pair.load(&[DISK]);
    load.pause = Duration::from_millis(1);
    let writer = Writer::start(load);
    for kill in 0..kills() {
        park_timeout(instant_of(kill));
        let confirmed = pair.source.status();
        let confirmed = instant(&confirmed["newest_point"]);
        pair.replica.kill();
        proxy.cut();
        pair.replica.follow(&[]);
        let newest = pair.replica.status();
        assert!(
            instant(&newest["newest_point"]["captured"]) >= confirmed,
            "kill {kill}: {newest}"
        );
        // Without a word from the source, by what it has alone.
        let number = last(&pair.replica.newest(DISK));
        writer.acknowledged().assert_there(number, confirmed);
        proxy.heal();
        pair.source
            .until("it is met again", |status| status["connected"] == true);
    }
    let (_, ended) = writer.stop();
    ended.expect("the disk was served all the time");
    pair.source.converge();
    assert!(
        pair.replica.newest(DISK) == pair.disk(0),
        "the sites differ"
    );
}
