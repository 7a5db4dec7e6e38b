//! A regional drill: two sites and a link that becomes slow, is cut, heals, and goes down with the source; what is
//! lost and how long it takes are measured by a client, and held against what the program tells.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::network::Network;
use super::records::{Acknowledged, Load, Writer};
use super::sites::{Pair, Site, clients_are_there, instant, last};

const DISK: &str = "disk.img";
const BYTES: u64 = 32 << 20;
/// Far below what the client writes: 4 KiB in 5 ms are 6.5 Mbit/s.
const SLOW_BITS: u64 = 1_000_000;

/// What happened when.
struct Timeline(Instant, Vec<Value>);

impl Timeline {
    fn note(&mut self, event: &str, told: &Value) {
        let at = self.0.elapsed().as_secs_f64();
        self.1
            .push(json!({ "at_seconds": at, "event": event, "told": told }));
    }
}

fn load(site: &Site, first: u64) -> Load {
    Load {
        socket: site.socket.clone(),
        disks: vec![DISK.to_owned()],
        bytes: super::sites::RECORD_BYTES,
        first,
        pause: Duration::from_millis(5),
        flush: true,
    }
}

/// Whether the other site is as close behind as on a good link.
fn is_close(status: &Value) -> bool {
    let rpo = status["rpo_seconds"].as_f64();
    rpo.is_some_and(|rpo| rpo < 0.6)
}

/// What would be lost now is no more than what the source tells.
fn told_is_true(pair: &Pair, writer: &Writer) -> Value {
    let asked = SystemTime::now();
    let status = pair.source.status();
    let number = last(&pair.replica.newest(DISK));
    let rpo = status["rpo_seconds"].as_f64().expect("a number");
    let oldest = writer.acknowledged().first_after(number);
    let lost = oldest.and_then(|at| asked.duration_since(at).ok());
    let lost = lost.unwrap_or_default().as_secs_f64();
    assert!(
        rpo >= lost,
        "{rpo} s are told where {lost} s would be lost: {status}"
    );
    json!({ "rpo_seconds": rpo, "would_be_lost_seconds": lost, "lag_bytes": status["lag_bytes"] })
}

fn wear(pair: &Pair, network: &Network, writer: &Writer, line: &mut Timeline) {
    super::sites::until("it writes", || {
        (writer.acknowledged().newest() > 100).then_some(())
    });
    line.note("steady", &told_is_true(pair, writer));
    network.rate(Some(SLOW_BITS));
    pair.source.until("it falls behind", |status| {
        status["rpo_seconds"].as_f64() > Some(1.5)
    });
    line.note("slow", &told_is_true(pair, writer));
    network.rate(None);
    pair.source.until("it catches up", is_close);
    network.cut();
    pair.source.until("it falls behind", |status| {
        status["rpo_seconds"].as_f64() > Some(2.0)
    });
    line.note("cut", &told_is_true(pair, writer));
    network.heal();
    pair.source.until("it catches up", is_close);
    line.note("healed", &told_is_true(pair, writer));
}

/// Both at once: the processes of the source, and the way to it. Gives the last record that the replica has.
fn lose(pair: &mut Pair, network: &Network, writer: Writer, line: &mut Timeline) -> (u64, Value) {
    let lost_at = (Instant::now(), SystemTime::now());
    pair.source.kill();
    network.cut();
    let (acknowledged, _) = writer.stop();
    line.note("lost", &json!(acknowledged.newest()));
    let told = pair.replica.fail_over("latest");
    let mut client = pair.replica.nbd(DISK);
    let number = last(&client.image().expect("it is read"));
    let slots = client.size / super::sites::RECORD_BYTES as u64;
    let next = super::records::record(number + 1, super::sites::RECORD_BYTES);
    client
        .write(
            (number + 1) % slots * super::sites::RECORD_BYTES as u64,
            &next,
        )
        .and_then(|()| client.flush())
        .expect("it is written");
    let rto = lost_at.0.elapsed().as_secs_f64();
    let rpo = hold(&told, number, &acknowledged, lost_at.1);
    line.note("taken over", &told);
    let measured = json!({
        "rto_seconds": rto, "rpo_seconds": rpo, "rpo_seconds_told": told["rpo_seconds"],
        "records_acknowledged": acknowledged.newest(), "records_lost": acknowledged.newest().saturating_sub(number),
    });
    (number + 1, measured)
}

/// What is told of the loss is never less than the client proves; the age of what was lost, in seconds.
fn hold(told: &Value, number: u64, acknowledged: &Acknowledged, lost_at: SystemTime) -> f64 {
    acknowledged.assert_there(number, instant(&told["captured"]));
    let age = |until: SystemTime| {
        let oldest = acknowledged.first_after(number);
        let lost = oldest.and_then(|at| until.duration_since(at).ok());
        lost.unwrap_or_default().as_secs_f64()
    };
    let rpo = told["rpo_seconds"].as_f64().expect("a number");
    let at = age(instant(&told["at"]));
    assert!(rpo >= at, "{rpo} s are told where {at} s are lost");
    age(lost_at)
}

/// The old site learns of it, follows, and takes over again: what was acknowledged since is there.
fn give_back(pair: &mut Pair, network: &Network, first: u64, line: &mut Timeline) {
    let writer = Writer::start(load(&pair.replica, first + 1));
    pair.replica.ask(&["commit"]);
    network.heal();
    let to = network.to_replica(pair);
    pair.protect(&to, &[]);
    assert_eq!(pair.source.ended(), 3, "fenced");
    pair.source.follow(&["--discard-unsent"]);
    let to = network.to_source(pair);
    pair.replica.ask(&["reprotect", "--to", &to]);
    let status = pair.replica.until("it is protected again", |status| {
        status["connected"] == true && status["lacking_bytes"] == 0 && is_close(status)
    });
    line.note(
        "protected again",
        &json!({ "sent_bytes": status["sent_bytes"] }),
    );
    let told = pair.replica.ask(&["failback", "--yes"]);
    assert_eq!(told["lost_bytes"], 0, "{told}");
    let (acknowledged, _) = writer.stop();
    let number = last(&pair.source.nbd(DISK).image().expect("it is read"));
    assert!(acknowledged.newest() > first, "it wrote");
    assert!(
        number >= acknowledged.newest(),
        "{number}, {}",
        acknowledged.newest()
    );
    line.note("given back", &json!(number));
}

#[test]
#[expect(clippy::print_stderr, reason = "what was measured is the result")]
fn a_region_is_lost_and_what_is_told_of_it_is_true() {
    if !clients_are_there() {
        return;
    }
    let network = Network::new();
    let mut pair = Pair::new(&[DISK], BYTES);
    network.attach(&mut pair);
    pair.replica.follow(&[]);
    let to = network.to_replica(&pair);
    pair.protect(&to, &[]);
    pair.source.converge();
    let mut line = Timeline(Instant::now(), Vec::new());
    let writer = Writer::start(load(&pair.source, 1));
    wear(&pair, &network, &writer, &mut line);
    let (first, measured) = lose(&mut pair, &network, writer, &mut line);
    give_back(&mut pair, &network, first, &mut line);
    let document = json!({ "network": network.name(), "measured": measured, "timeline": line.1 });
    eprintln!("{document:#}");
}
