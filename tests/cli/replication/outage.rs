//! A link that is cut for longer than the journal lasts: the disk keeps running, the replica stays at a point that
//! is whole, and afterwards it catches up.

use std::time::Duration;

use super::network::Proxy;
use super::records::{self, Writer};
use super::sites::{PATIENCE, Pair, clients_are_there};

const DISK: &str = "disk.img";
const RECORD: usize = 256 << 10;
const BYTES: u64 = 192 << 20;
/// More than the journal of 64 MiB takes, and more than one round over the disk.
const RECORDS: u64 = 1500;

#[test]
#[expect(clippy::print_stderr, reason = "what was measured is a result")]
fn an_outage_longer_than_the_journal_costs_time_and_nothing_else() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::new(&[DISK], BYTES);
    pair.replica.follow(&[]);
    let proxy = Proxy::before(&pair.replica.listens);
    pair.protect(&proxy.address, &["--journal", "64MiB"]);
    pair.source.converge();
    let mut load = pair.load(&[DISK]);
    load.bytes = RECORD;
    load.flush = false;
    let writer = Writer::start(load.clone());
    super::sites::until("it writes", || {
        (writer.acknowledged().newest() > 20).then_some(())
    });
    let (acknowledged, ended) = writer.stop();
    ended.expect("it was told to stop");
    pair.source.converge();
    let before = acknowledged.newest();
    proxy.cut();

    load.first = before + 1;
    let writer = Writer::start(load.clone());
    super::sites::until("the disk keeps running", || {
        (writer.acknowledged().newest() > before + RECORDS).then_some(())
    });
    let longest = writer.longest();
    let (acknowledged, ended) = writer.stop();
    ended.expect("the disk keeps running");
    let status = pair.source.status();
    assert!(status["overflows"].as_u64() > Some(0), "{status}");
    assert!(status["lacking_bytes"].as_u64() > Some(0), "{status}");
    let journal = &status["journal"];
    let held = journal["memory_bytes"].as_u64().unwrap_or(0)
        + journal["stored_bytes"].as_u64().unwrap_or(0);
    assert!(held < 96 << 20, "the journal is bounded: {journal}");
    let oldest = acknowledged.first_after(before).expect("it wrote");
    let exposed = oldest.elapsed().expect("a time ago").as_secs_f64();
    let rpo = pair.source.status()["rpo_seconds"]
        .as_f64()
        .expect("a number");
    assert!(
        rpo >= exposed,
        "{rpo} s are told where {exposed} s would be lost"
    );
    let image = pair.replica.newest(DISK);
    assert_eq!(records::last(&image, RECORD), before, "the point is whole");
    assert!(longest < PATIENCE / 4, "a write stalled for {longest:?}");

    proxy.heal();
    // It is written while it catches up.
    let number = acknowledged.newest();
    (load.first, load.pause) = (number + 1, Duration::from_millis(20));
    let writer = Writer::start(load);
    pair.source.until("it is met again", |status| {
        status["connected"] == true && status["lacking_bytes"] == 0
    });
    // Whatever is a point meanwhile is whole: what the journal held comes batch by batch, what was marked at once.
    let seen = records::last(&pair.replica.newest(DISK), RECORD);
    assert!(seen >= before, "{seen}");
    let (acknowledged, ended) = writer.stop();
    ended.expect("the disk keeps running");
    pair.source.converge();
    let image = pair.replica.newest(DISK);
    assert_eq!(records::last(&image, RECORD), acknowledged.newest());
    assert!(image == pair.disk(0), "the sites are the same");
    eprintln!("outage: the longest write took {longest:?}, held {held} bytes, {status}");
}
