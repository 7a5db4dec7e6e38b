//! Backups of protected disks while they are written: whole, by the map alone, and never by a map that may lie.

use std::fs;

use serde_json::Value;

use super::records::Writer;
use super::sites::{Pair, clients_are_there, instant, last, until};
use crate::support::{json, noise, run, text};

const MIB: u64 = 1 << 20;
const BYTES: u64 = 64 * MIB;
const DISKS: [&str; 2] = ["a.img", "b.img"];

fn vault(pair: &Pair) -> String {
    let vault = text(&pair.folder.path().join("vault")).to_owned();
    let (code, _, said) = run(&["init", &vault]);
    assert_eq!(code, 0, "{said}");
    vault
}

/// Two disks of which a quarter is noise, protected.
fn protected() -> Pair {
    let mut pair = Pair::new(&DISKS, BYTES);
    for (disk, seed) in pair.disks.iter().zip(1..) {
        let mut content = noise(seed, (BYTES / 4) as usize);
        content.resize(BYTES as usize, 0);
        fs::write(disk, content).expect("a disk");
    }
    // Nobody need follow: the disks are served all the same.
    let to = pair.replica.listens.clone();
    pair.protect(&to, &[]);
    pair
}

fn back_up(pair: &Pair, vault: &str) -> Value {
    let state = text(&pair.source.state);
    let told = json(&["backup", vault, "--protected", state]);
    assert_eq!(told["disks"].as_array().map(Vec::len), Some(2), "{told}");
    told
}

/// The disks of a point.
fn restored(pair: &Pair, vault: &str, told: &Value) -> [Vec<u8>; 2] {
    let point = told["point"].as_str().expect("a point");
    let target = pair.folder.path().join(point);
    json(&["restore", vault, point, text(&target)]);
    DISKS.map(|disk| fs::read(target.join(disk)).expect("a disk"))
}

fn read_bytes(told: &Value) -> u64 {
    told["read_bytes"].as_u64().expect("bytes")
}

fn reason(told: &Value) -> &str {
    told["disks"][0]["scanned_because"].as_str().unwrap_or("")
}

fn stop(pair: &mut Pair) {
    use rustix::process::{Pid, Signal, kill_process};
    let id = i32::try_from(pair.source.process().child.id()).expect("an id");
    kill_process(Pid::from_raw(id).expect("an id"), Signal::TERM).expect("it is told");
    assert_eq!(pair.source.ended(), 143);
}

#[test]
fn only_what_was_written_is_read_and_nothing_is_taken_on_trust() {
    if !clients_are_there() {
        return;
    }
    let mut pair = protected();
    let vault = vault(&pair);
    let to = pair.replica.listens.clone();
    let first = back_up(&pair, &vault);
    assert!(read_bytes(&first) >= 2 * BYTES / 4, "{first}");
    assert!(reason(&first).contains("no point before"), "{first}");
    pair.source.qemu_io(
        "a.img",
        &["write -P 0x5a 1M 200k", "write -z 9M 1M", "flush"],
    );
    pair.source
        .qemu_io("b.img", &["write -P 0x5b 40M 64k", "flush"]);
    let second = back_up(&pair, &vault);
    let written = 4 * 65_536 + MIB + 65_536;
    assert_eq!(read_bytes(&second), written, "{second}");
    assert_eq!(second["disks"][1]["changed_bytes"], 65_536, "{second}");
    let found = restored(&pair, &vault, &second);
    assert!(found == [pair.disk(0), pair.disk(1)]);
    // A scan of the images, which stand still, finds nothing else.
    let images = pair.disks.clone();
    let scan = json(&["backup", &vault, text(&images[0]), text(&images[1])]);
    assert_eq!(scan["blocks_stored"], 0, "{scan}");
    let third = back_up(&pair, &vault);
    assert!(
        reason(&third).contains("not made of a protected"),
        "{third}"
    );

    // A proper end keeps the map.
    pair.source
        .qemu_io("a.img", &["write -P 0x5c 3M 4k", "flush"]);
    stop(&mut pair);
    pair.protect(&to, &[]);
    let told = back_up(&pair, &vault);
    assert_eq!(read_bytes(&told), 65_536, "{told}");
    // A crash does not.
    pair.source
        .qemu_io("a.img", &["write -P 0x5d 4M 4k", "flush"]);
    pair.source.kill();
    pair.protect(&to, &[]);
    let told = back_up(&pair, &vault);
    assert!(reason(&told).contains("did not end properly"), "{told}");
    // Nor does a write past the splitter.
    stop(&mut pair);
    let disk = fs::File::options().write(true).open(&pair.disks[0]);
    let written = std::os::unix::fs::FileExt::write_at(&disk.expect("it"), &[9; 10], 30 << 20);
    written.expect("it is written");
    pair.protect(&to, &[]);
    let told = back_up(&pair, &vault);
    assert!(reason(&told).contains("was touched"), "{told}");
    let found = restored(&pair, &vault, &told);
    assert!(found == [pair.disk(0), pair.disk(1)]);
    let (code, _, said) = run(&["check", &vault, "--read-data"]);
    assert_eq!(code, 0, "{said}");
}

/// What a point has of a client's records is a prefix of them, over both disks: one instant.
#[test]
fn a_disk_that_is_written_is_backed_up_as_of_one_instant() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::new(&DISKS, 8 * MIB);
    let to = pair.replica.listens.clone();
    pair.protect(&to, &[]);
    let vault = vault(&pair);
    let mut load = pair.load(&DISKS);
    load.flush = false;
    let writer = Writer::start(load);
    let mut points = Vec::new();
    for _ in 0..5 {
        let before = writer.acknowledged().newest();
        points.push((before, back_up(&pair, &vault)));
    }
    let (acknowledged, ended) = writer.stop();
    ended.expect("no write failed for a backup's sake");
    let mut seen = Vec::new();
    for (before, told) in &points {
        let images = restored(&pair, &vault, told);
        let [first, second] = [last(&images[0]), last(&images[1])];
        assert!(first == second || first == second + 1, "{first}, {second}");
        assert!(second >= *before, "what was acknowledged before is there");
        acknowledged.assert_there(second, instant(&told["captured"]));
        seen.push(second);
    }
    assert!(seen.is_sorted() && seen.first() < seen.last(), "{seen:?}");
    assert!(seen[4] < acknowledged.newest(), "it was written meanwhile");
    let left = pair.source.state.join("before");
    until("nothing is left of the instant", || {
        (!left.exists()).then_some(())
    });
}

/// The other site is being brought up to date, which reads the disks through the same gate.
#[test]
fn a_disk_that_is_being_synchronised_is_backed_up() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::new(&DISKS, BYTES);
    for (disk, seed) in pair.disks.iter().zip(1..) {
        fs::write(disk, noise(seed, BYTES as usize)).expect("a disk");
    }
    let vault = vault(&pair);
    pair.replica.follow(&[]);
    let to = pair.replica.listens.clone();
    pair.protect(&to, &[]);
    let mut backups = 0;
    while pair.source.status()["newest_point"].is_null() {
        let told = back_up(&pair, &vault);
        if backups == 0 {
            assert!(restored(&pair, &vault, &told) == [pair.disk(0), pair.disk(1)]);
        } else {
            assert_eq!(read_bytes(&told), 0, "{told}");
        }
        backups += 1;
    }
    assert!(backups > 0, "it was synchronised too soon");
}

/// A replica's point goes into a vault as of when it was captured, while replication goes on; the next reads by the
/// history what changed.
#[test]
fn a_point_of_the_other_site_is_backed_up_there() {
    if !clients_are_there() {
        return;
    }
    let mut pair = Pair::begin(&DISKS, 8 * MIB);
    let vault = vault(&pair);
    let replica = text(&pair.replica.state).to_owned();
    let (code, _, said) = run(&["backup", &vault, "--protected", &replica]);
    assert_ne!(code, 0);
    assert!(said.contains("--replica"), "{said}");
    let writer = Writer::start(pair.load(&DISKS));
    until("the writer comes along", || {
        (writer.acknowledged().newest() > 200).then_some(())
    });
    let mut points = Vec::new();
    for _ in 0..3 {
        let status = pair.replica.status();
        let told = json(&["backup", &vault, "--replica", &replica]);
        points.push((status["newest_point"]["captured"].clone(), told));
    }
    let (acknowledged, ended) = writer.stop();
    ended.expect("replication goes on");
    let mut seen = Vec::new();
    for (at_least, told) in &points {
        let images = restored(&pair, &vault, told);
        let [first, second] = [last(&images[0]), last(&images[1])];
        assert!(first == second || first == second + 1, "{first}, {second}");
        acknowledged.assert_there(second, instant(&told["captured"]));
        let captured = instant(&told["captured"]);
        // Told in whole seconds, and set back by what the clocks seem to differ.
        assert!(captured + std::time::Duration::from_secs(2) > instant(at_least));
        seen.push(second);
    }
    assert!(seen.is_sorted(), "{seen:?}");
    pair.source.converge();
    // Each batch has what it has: nothing was written since, so nothing is read.
    let (one, two) = (
        json(&["backup", &vault, "--replica", &replica]),
        json(&["backup", &vault, "--replica", &replica]),
    );
    assert!(read_bytes(&one) < 16 * MIB, "{one}");
    assert_eq!(read_bytes(&two), 0, "{two}");
    assert!(restored(&pair, &vault, &two) == [pair.disk(0), pair.disk(1)]);
    pair.source
        .qemu_io("b.img", &["write -P 0x5b 4M 64k", "flush"]);
    pair.source.converge();
    let told = json(&["backup", &vault, "--replica", &replica]);
    assert_eq!(read_bytes(&told), 65_536, "{told}");
    // Every document tells the same instant of a point: any of them is given back.
    let listed = json(&["points", &vault]);
    let listed = listed["points"].as_array().expect("a list");
    for (_, told) in &points {
        let of = |document: &&Value| document["point"] == told["point"];
        let found = listed.iter().find(of).expect("the point");
        assert_eq!(found["captured"], told["captured"]);
    }
    // One of the past is one of the past. (The first there is: an earlier instant has none.)
    let captured = points[0].0.as_str().expect("an instant").to_owned();
    pair.source.kill();
    let told = json(&[
        "backup",
        &vault,
        "--replica",
        &replica,
        "--point",
        &captured,
        "--instance",
        "past",
    ]);
    assert!(
        instant(&told["captured"]) <= instant(&points[0].0),
        "{told}"
    );
}
