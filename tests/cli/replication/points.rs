//! Which point a site takes over at: by time, application-consistent, and another as long as none is committed.

use super::sites::{Pair, Site, clients_are_there, instant, now};

const DISK: &str = "disk.img";
const BYTES: u64 = 16 << 20;

fn first_byte(site: &Site) -> u8 {
    site.nbd(DISK).read(0, 1).expect("it is served")[0]
}

fn put(pair: &Pair, byte: u8) {
    let mut client = pair.source.nbd(DISK);
    client.write(0, &[byte; 4096]).expect("written");
    client.flush().expect("flushed");
    pair.source.converge();
}

#[test]
fn any_point_can_be_taken_until_one_is_committed() {
    if !clients_are_there() {
        return;
    }
    let before_all = now();
    let mut pair = Pair::begin(&[DISK], BYTES);
    put(&pair, 1);
    let first = now();
    put(&pair, 2);
    let marks = pair.folder.path().join("marks");
    let mark = |what: &str| format!("echo {what} >>{}", marks.display());
    let (freeze, thaw) = (mark("freeze"), mark("thaw"));
    let told = pair
        .source
        .ask(&["point", "--freeze", &freeze, "--thaw", &thaw]);
    assert_eq!(told["consistency"], "application", "{told}");
    let marks = std::fs::read_to_string(&marks).expect("both ran");
    assert_eq!(marks, "freeze\nthaw\n");
    // An application that can't be held still leaves a lesser point, said with the exit code.
    put(&pair, 3);
    let (code, told, said) = pair
        .source
        .tell(&["point", "--freeze", "exit 1", "--thaw", "true"]);
    assert_eq!(code, 3, "{said}");
    assert!(told.contains("crash"), "{told}");
    put(&pair, 4);
    pair.source.kill();

    let (code, _, said) = pair
        .replica
        .tell(&["failover", "--point", &before_all, "--yes"]);
    assert_ne!(code, 0, "there was no point yet");
    assert!(said.contains("newer than that"), "{said}");
    let told = pair.replica.fail_over(&first);
    assert!(instant(&told["captured"]) <= instant(&first.clone().into()));
    assert_eq!(first_byte(&pair.replica), 1);
    // What is written on a point that was only tried is given up with it.
    let mut client = pair.replica.nbd(DISK);
    client.write(0, &[9; 4096]).expect("it is written");
    client.flush().expect("flushed");
    drop(client);
    for (point, byte) in [
        ("latest-application", 2),
        ("latest", 4),
        (&first, 1),
        ("latest-processed", 4),
    ] {
        let told = pair.replica.fail_over(point);
        assert_eq!(told["committed"], false);
        assert_eq!(first_byte(&pair.replica), byte, "{point}");
    }
    let mut client = pair.replica.nbd(DISK);
    client.write(0, &[5; 4096]).expect("it is written");
    client.flush().expect("flushed");
    // A restart changes nothing of it.
    pair.replica.kill();
    pair.replica.serve_again();
    assert_eq!(first_byte(&pair.replica), 5);
    pair.replica.ask(&["commit"]);
    let (code, _, said) = pair.replica.tell(&["failover", "--point", &first, "--yes"]);
    assert_ne!(code, 0, "{said}");
    assert_eq!(first_byte(&pair.replica), 5);
    pair.replica.kill();
    pair.replica.serve_again();
    assert_eq!(first_byte(&pair.replica), 5, "what is committed stays");
}
