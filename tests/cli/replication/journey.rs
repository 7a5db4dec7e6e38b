//! The whole way: protected, tested, lost, taken over, fenced, followed, sent back, and over again as planned.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use super::network::Proxy;
use super::sites::{Pair, clients_are_there, copy, instant};
use crate::support::{firedrill, noise, text};

const MIB: usize = 1 << 20;
const DISK: &str = "disk.img";

/// A disk on which a third is noise, followed.
fn protected() -> Pair {
    let mut pair = Pair::new(&[DISK], 64 << 20);
    let mut content = noise(7, 20 * MIB);
    content.resize(64 * MIB, 0);
    fs::write(&pair.disks[0], content).expect("the disk");
    pair.replica.follow(&[]);
    let to = pair.replica.listens.clone();
    pair.protect(&to, &[]);
    pair.source.converge();
    pair
}

#[test]
fn a_site_is_lost_taken_over_and_given_back() {
    if !clients_are_there() {
        return;
    }
    let mut pair = protected();
    pair.source.qemu_io(DISK, &["write -P 0x5a 1M 3M", "flush"]);
    test_leaves_no_trace(&pair);
    lose_and_take_over(&mut pair);
    let proxy = Proxy::before(&pair.replica.listens);
    fence(&mut pair, &proxy);
    follow_the_other(&mut pair);
    give_back(&mut pair);
    plan_again(&mut pair);
}

/// A test failover is the disk as it is, can be written, and neither disturbs the other site nor stays.
fn test_leaves_no_trace(pair: &Pair) {
    let converged = pair.source.converge();
    let whole = pair.disk(0);
    let mut tested = pair.replica.test_failover("latest");
    let socket = tested.served().to_owned();
    assert!(copy(&socket, DISK) == whole, "the copy is the disk");
    let mut written = super::nbd::Nbd::connect(&socket, DISK).expect("it is served");
    written.write(0, &[0x99; 4096]).expect("it can be written");
    written.flush().expect("flushed");
    // Replication goes on meanwhile.
    pair.source.qemu_io(DISK, &["write -P 0x5b 6M 1M", "flush"]);
    let later = pair.source.converge();
    assert!(later["batches"].as_u64() > converged["batches"].as_u64());
    let image = copy(&socket, DISK);
    assert!(image[..4096] == [0x99; 4096], "what was written is there");
    assert!(image[4096..] == whole[4096..], "and nothing else changed");
    let id = i32::try_from(tested.process.child.id()).expect("an id");
    let id = Pid::from_raw(id).expect("an id");
    kill_process(id, Signal::INT).expect("it is interrupted");
    tested.process.ended("the test failover");
    super::sites::until("nothing is left of it", || {
        let left = fs::read_dir(&pair.replica.state)
            .expect("the state")
            .flatten();
        let mut left = left.filter(|at| at.file_name().to_string_lossy().starts_with("test-"));
        left.next().is_none().then_some(())
    });
    assert!(pair.replica.newest(DISK) == pair.disk(0), "no trace of it");
    // The command's exit code is the test's.
    let serve = format!("unix:{}", pair.folder.path().join("t.sock").display());
    for (command, expected) in [("nbdinfo $FIREDRILL_NBD", 0), ("exit 7", 3)] {
        let state = text(&pair.replica.state);
        let tested = firedrill(&["test-failover", state, "--serve", &serve, "--run", command]);
        let mut tested = tested;
        let output = tested.output().expect("it runs");
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{command}: {output:?}"
        );
    }
}

fn lose_and_take_over(pair: &mut Pair) {
    pair.source.qemu_io(DISK, &["write -P 0x5c 8M 1M", "flush"]);
    pair.source.converge();
    pair.source.kill();
    let told = pair.replica.fail_over("latest");
    assert!(instant(&told["captured"]) <= instant(&told["at"]));
    super::nbd::Nbd::connect(&pair.replica.socket, DISK).expect("it is served by now");
    let image = pair.replica.copy(DISK);
    assert!(image == pair.disk(0), "all that was confirmed is there");
    let status = pair.replica.status();
    assert_eq!(status["role"], "active");
    assert_eq!(status["generation"], 2);
    assert_eq!(status["rpo_seconds"], serde_json::Value::Null, "{status}");
    // It is written from now on.
    pair.replica
        .qemu_io(DISK, &["write -P 0x77 30M 1M", "flush"]);
}

/// The old source comes back, is written as long as it can't know, and never after.
fn fence(pair: &mut Pair, proxy: &Proxy) {
    proxy.cut();
    pair.protect(&proxy.address, &[]);
    let mut client = pair.source.nbd(DISK);
    client
        .write(40 << 20, &[0xee; 4096])
        .expect("nobody told it yet");
    proxy.heal();
    assert_eq!(pair.source.ended(), 3, "fenced");
    let refused = client.write(41 << 20, &[0xee; 4096]);
    assert!(refused.is_err(), "it is not written any more");
    let status = pair.source.status();
    assert_eq!(status["role"], "fenced", "{status}");
    // And from now on it does not serve at all, whether it reaches the other site or not.
    proxy.cut();
    pair.source.protect(&pair.disks, &proxy.address, &[]);
    assert_eq!(pair.source.ended(), 3, "it remembers");
    assert!(
        pair.source.socket.exists() || super::nbd::Nbd::connect(&pair.source.socket, DISK).is_err()
    );
    proxy.heal();
}

/// The old site follows the new one, and gives up what only it has: only what differs is sent.
fn follow_the_other(pair: &mut Pair) {
    let (code, _, said) = pair.replica.tell(&["reprotect", "--to", "127.0.0.1:9"]);
    assert_ne!(code, 0, "{said}");
    assert!(said.contains("firedrill commit"), "{said}");
    pair.replica.ask(&["commit"]);
    let serve = pair.source.serve();
    let state = text(&pair.source.state).to_owned();
    let refused = firedrill(&[
        "replica",
        "serve",
        &state,
        "--listen",
        "127.0.0.1:0",
        "--serve",
        &serve,
    ])
    .output()
    .expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("--discard-unsent"),
        "{said}"
    );
    pair.source.follow(&["--discard-unsent"]);
    pair.replica
        .ask(&["reprotect", "--to", &pair.source.listens]);
    let status = pair.replica.converge();
    let sent = status["sent_bytes"].as_u64().expect("bytes");
    // 1 MiB was written here, 4 KiB there: 20 MiB of noise are the same.
    assert!((1..3 << 20).contains(&sent), "{sent} bytes were sent");
    assert!(
        pair.source.newest(DISK) == pair.replica.copy(DISK),
        "the sites are the same"
    );
}

fn give_back(pair: &mut Pair) {
    pair.replica
        .qemu_io(DISK, &["write -P 0x78 32M 1M", "flush"]);
    let before = pair.replica.copy(DISK);
    let told = pair.replica.ask(&["failback", "--yes"]);
    assert_eq!(told["lost_bytes"], 0, "{told}");
    assert_eq!(pair.replica.ended(), 0, "handed over");
    assert!(pair.source.copy(DISK) == before, "nothing is lost");
    let status = pair.source.status();
    assert_eq!(
        (&status["role"], &status["generation"]),
        (&"active".into(), &3.into())
    );
    assert_eq!(status["failed_over"]["planned"], true, "{status}");
}

fn plan_again(pair: &mut Pair) {
    pair.replica.follow(&[]);
    pair.source.ask(&["commit"]);
    pair.source
        .ask(&["reprotect", "--to", &pair.replica.listens]);
    let status = pair.source.converge();
    let sent = status["sent_bytes"].as_u64().expect("bytes");
    assert!(
        sent < 1 << 20,
        "{sent} bytes were sent where nothing differs"
    );
    // A restart knows where it sends to, and removes what a test left that was killed with it.
    pair.source.kill();
    let left = pair.source.state.join("test-1");
    fs::create_dir(&left).expect("a folder");
    pair.source.serve_again();
    super::sites::until("it runs again", || (!left.exists()).then_some(()));
    pair.source
        .qemu_io(DISK, &["write -P 0x79 34M 1M", "flush"]);
    let before = pair.source.copy(DISK);
    pair.source.converge();
    pair.source.ask(&["failover", "--planned", "--yes"]);
    assert_eq!(pair.source.ended(), 0, "handed over");
    assert!(pair.replica.copy(DISK) == before, "nothing is lost");
    let status = pair.replica.status();
    assert_eq!(
        (&status["role"], &status["generation"]),
        (&"active".into(), &4.into())
    );
}
