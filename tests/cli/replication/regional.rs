//! A regional drill: two sites and a link that is cut, heals, becomes slow, and goes down with the source; what is lost
//! and how long it takes are measured by a client, and held against what the program tells, and against what the
//! drill's twin in the simulated world says of it.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use reports::{PriceBook, write_scenario};
use serde_json::{Value, json};
use simulator::outcome::Fidelity;
use simulator::replication::twin::{self, Change, Drill, Drilled, Played};

use super::nbd::Nbd;
use super::network::Network;
use super::records::{Acknowledged, Load, Writer};
use super::sites::{Pair, Site, clients_are_there, instant, last};

const DISK: &str = "disk.img";
const BYTES: u64 = 8 << 20;
/// Far below what the client writes: 4 KiB in 5 ms are 6.5 Mbit/s.
const SLOW_BITS: u64 = 1_000_000;
/// What the link is taken for where nothing slows it: far more than is written.
const FAST_BITS: u64 = 1_000_000_000;
/// How far the twin may be from what is measured. The RPO: two batches, as what is on its way when the site is lost may
/// be counted or not. The RTO: what processes of a busy machine take longer at one time than at another.
const RPO_TOLERANCE: Duration = Duration::from_millis(400);
const RTO_TOLERANCE: Duration = Duration::from_millis(750);
/// Plays of the twin: each begins a little later in a batch.
const PLAYS: u64 = 8;

/// What happened when.
struct Timeline {
    begun: Instant,
    events: Vec<Value>,
    changes: Vec<(u64, Change)>,
}

impl Timeline {
    fn now(&self) -> u64 {
        micros(self.begun.elapsed())
    }

    fn note(&mut self, event: &str, told: &Value) {
        let at = self.begun.elapsed().as_secs_f64();
        self.events
            .push(json!({ "at_seconds": at, "event": event, "told": told }));
    }

    /// What is done to the link, and that it is.
    fn change(&mut self, network: &Network, change: Change) {
        match change {
            Change::Cut => network.cut(),
            Change::Heal => network.heal(),
            Change::Speed(bytes) => network.rate(Some(bytes * 8)),
        }
        self.changes.push((self.now(), change));
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).expect("a short time")
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

/// How long a failover takes whose disks are read and written: as a test failover shows it.
fn rehearse(pair: &Pair) -> Duration {
    let begun = Instant::now();
    let mut tested = pair.replica.test_failover("latest");
    let mut client = Nbd::connect(tested.served(), DISK).expect("it is served");
    go_on(&mut client);
    begun.elapsed()
}

/// Reads a disk and writes the record after its last; gives the last.
fn go_on(client: &mut Nbd) -> u64 {
    let number = last(&client.image().expect("it is read"));
    let bytes = super::sites::RECORD_BYTES;
    let next = super::records::record(number + 1, bytes);
    let slots = client.size / bytes as u64;
    client
        .write((number + 1) % slots * bytes as u64, &next)
        .and_then(|()| client.flush())
        .expect("it is written");
    number
}

fn wear(pair: &Pair, network: &Network, writer: &Writer, line: &mut Timeline) {
    line.note("steady", &told_is_true(pair, writer));
    line.change(network, Change::Cut);
    pair.source.until("it falls behind", |status| {
        status["rpo_seconds"].as_f64() > Some(2.0)
    });
    line.note("cut", &told_is_true(pair, writer));
    line.change(network, Change::Heal);
    pair.source.until("it catches up", is_close);
    line.note("healed", &told_is_true(pair, writer));
    line.change(network, Change::Speed(SLOW_BITS / 8));
    pair.source.until("it falls behind", |status| {
        status["rpo_seconds"].as_f64() > Some(1.5)
    });
    line.note("slow", &told_is_true(pair, writer));
}

/// Both at once: the processes of the source, and the way to it. Gives the record that was written after those that the
/// replica has, and what was measured.
fn lose(pair: &mut Pair, network: &Network, writer: Writer, line: &mut Timeline) -> (u64, Played) {
    let sent_bytes = pair.source.status()["sent_bytes"].as_u64();
    let lost_at = (Instant::now(), SystemTime::now());
    pair.source.kill();
    network.cut();
    let (acknowledged, _) = writer.stop();
    line.note("lost", &json!(acknowledged.newest()));
    let told = pair.replica.fail_over("latest");
    let number = go_on(&mut pair.replica.nbd(DISK));
    let rto = lost_at.0.elapsed();
    let true_loss = hold(&told, number, &acknowledged, lost_at.1);
    line.note("taken over", &told);
    let rpo = lost_at.1.duration_since(instant(&told["captured"]));
    let played = Played {
        rpo_micros: micros(rpo.expect("it was captured before")),
        true_loss_micros: micros(true_loss),
        rto_micros: micros(rto),
        records: acknowledged.newest(),
        records_lost: acknowledged.newest().saturating_sub(number),
        sent_bytes: sent_bytes.expect("a number"),
    };
    assert!(played.true_loss_micros <= played.rpo_micros, "{played:?}");
    (number + 1, played)
}

/// What is told of the loss is never less than the client proves; the age of what was lost.
fn hold(told: &Value, number: u64, acknowledged: &Acknowledged, lost_at: SystemTime) -> Duration {
    acknowledged.assert_there(number, instant(&told["captured"]));
    let age = |until: SystemTime| {
        let oldest = acknowledged.first_after(number);
        let lost = oldest.and_then(|at| until.duration_since(at).ok());
        lost.unwrap_or_default()
    };
    let rpo = told["rpo_seconds"].as_f64().expect("a number");
    let at = age(instant(&told["at"])).as_secs_f64();
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

/// What the twin says is what was measured, as near as it has to be; both are in one report.
fn compare(drill: &Drill, measured: &Played, network: &str) -> Value {
    let twin = twin::play(drill, PLAYS).expect("it is played");
    let near = |what: fn(&Played) -> u64, tolerance: Duration| {
        let told = twin.iter().map(what);
        let least = told.clone().min().expect("plays");
        let most = told.max().expect("plays");
        let tolerance = micros(tolerance);
        let near = least.saturating_sub(tolerance)..=most + tolerance;
        let is = what(measured);
        assert!(
            near.contains(&is),
            "{is} us were measured, the twin says {least} to {most}: {drill:?} {measured:?} {twin:?}"
        );
        json!([least, most])
    };
    let rpo = near(|played| played.rpo_micros, RPO_TOLERANCE);
    let loss = near(|played| played.true_loss_micros, RPO_TOLERANCE);
    let rto = near(|played| played.rto_micros, RTO_TOLERANCE);
    let drilled = Drilled {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: "cargo test --test cli regional".to_owned(),
        start_seconds: jiff::Timestamp::now().as_second(),
        disk: DISK.to_owned(),
        network: network.to_owned(),
    };
    let outcome = twin::outcome(drill, &drilled, measured, &twin);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("regional-drill");
    std::fs::create_dir_all(&out).expect("a folder");
    let document = write_scenario(&outcome, &PriceBook::default_book(), &out).expect("a report");
    let [real, simulated] = &document.strategies[..] else {
        panic!("{document:?}");
    };
    assert_eq!(
        [real.fidelity, simulated.fidelity],
        [Fidelity::Measured, Fidelity::Emulated]
    );
    json!({ "rpo_micros": rpo, "true_loss_micros": loss, "rto_micros": rto, "report": out })
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
    let writer = Writer::start(load(&pair.source, 1));
    let mut line = Timeline {
        begun: Instant::now(),
        events: Vec::new(),
        changes: Vec::new(),
    };
    super::sites::until("it writes", || {
        (writer.acknowledged().newest() > 100).then_some(())
    });
    let rehearsed = rehearse(&pair);
    wear(&pair, &network, &writer, &mut line);
    let lost_micros = line.now();
    let (first, measured) = lose(&mut pair, &network, writer, &mut line);
    let drill = Drill {
        disk_bytes: BYTES,
        record_bytes: super::sites::RECORD_BYTES as u64,
        record_micros: lost_micros / measured.records,
        batch_micros: 200_000,
        bytes_per_second: FAST_BITS / 8,
        latency_micros: 100,
        changes: std::mem::take(&mut line.changes),
        lost_micros,
        operator_micros: micros(rehearsed),
    };
    network.rate(None);
    give_back(&mut pair, &network, first, &mut line);
    let twin = compare(&drill, &measured, network.name());
    let document =
        json!({ "drill": drill, "measured": measured, "twin": twin, "timeline": line.events });
    eprintln!("{document:#}");
}
