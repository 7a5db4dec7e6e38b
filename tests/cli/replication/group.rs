//! Disks of one consistency group keep the order in which they were written.

use super::records::Writer;
use super::sites::{Pair, clients_are_there, instant, last};

const DISKS: [&str; 2] = ["a.img", "b.img"];
const BYTES: u64 = 8 << 20;

#[test]
fn every_point_holds_both_disks_at_one_instant() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::begin(&DISKS, BYTES);
    let load = pair.load(&DISKS);
    let writer = Writer::start(load);
    // Instants spread over the run; the disk is written round and round meanwhile.
    let mut instants = Vec::new();
    for part in 1..=8_u64 {
        super::sites::until("the writer comes along", || {
            (writer.acknowledged().newest() > part * 350).then_some(())
        });
        instants.push(super::sites::now());
    }
    pair.source.until("something is confirmed", |status| {
        status["batches"].as_u64() > Some(4)
    });
    pair.source.kill();
    let (acknowledged, ended) = writer.stop();
    assert!(ended.is_err(), "it wrote until its disk was gone");
    let mut seen = Vec::new();
    let points = instants.iter().map(String::as_str).chain(["latest"]);
    for point in points {
        let (code, told, said) = pair.replica.tell(&["failover", "--point", point, "--yes"]);
        assert_eq!(code, 0, "{point}: {said}");
        let told: serde_json::Value = serde_json::from_str(&told).expect("a document");
        let numbers = DISKS.map(|disk| last(&pair.replica.nbd(disk).image().expect("it is read")));
        let [first, second] = numbers;
        assert!(
            first == second || first == second + 1,
            "{point}: {numbers:?}"
        );
        acknowledged.assert_there(second, instant(&told["captured"]));
        seen.push(second);
    }
    assert!(seen.is_sorted() && seen.first() < seen.last(), "{seen:?}");
    let lost = acknowledged.newest() - seen.last().copied().unwrap_or(0);
    assert!(lost < acknowledged.newest(), "something was confirmed");
}
