//! What overtakes what; how much is under way at once; how clients are let go, and who may not write.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use engine::ErrorKind;
use engine::replication::nbd::{Address, Exports, Listener, Server, Stage, check_exposure};
use engine::seam::{Clock, WallClock};
use engine::units::Timestamp;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::nbd::client::{
    Ask, BLOCK_STATUS, Client, FLUSH, FUA, READ, REQ_ONE, TRIM, WRITE, WRITE_ZEROES,
};
use crate::nbd::memory::{FULL, GATED, MemoryExport, PANICS, PANICS_LATE};
use crate::nbd::served::{Served, device, image, named, runtime};

const MIB: usize = 1 << 20;
const REQUESTS_MAX: usize = 64;

fn read(cookie: u64, offset: u64, length: u32) -> Ask {
    Ask {
        command: READ,
        cookie,
        offset,
        length,
        ..Ask::default()
    }
}

fn memory() -> (Served, Arc<MemoryExport>) {
    let export = MemoryExport::new(MIB);
    let folder = tempfile::tempdir().expect("a folder");
    let exports = vec![named("memory", Arc::<MemoryExport>::clone(&export))];
    (Served::start(folder, exports, false, None), export)
}

async fn client(address: &Address, name: &str, contexts: &[&str]) -> Client<UnixStream> {
    let Address::Unix(path) = address else {
        panic!("it listens on a unix socket");
    };
    let stream = UnixStream::connect(path).await.expect("it is there");
    let client = Client::connect(stream, name, contexts).await;
    client.expect("the export is there")
}

#[test]
fn what_is_done_first_is_answered_first() {
    let (served, export) = memory();
    served.runtime.block_on(async {
        let mut client = client(&served.address, "memory", &[]).await;
        client.send(&read(1, GATED, 512)).await.expect("sent");
        export.arrived.acquire().await.expect("open").forget();
        client.send(&read(2, 0, 512)).await.expect("sent");
        assert_eq!(client.receive().await.expect("an answer").cookie, 2);
        export.gate.add_permits(1);
        assert_eq!(client.receive().await.expect("an answer").cookie, 1);
    });
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn no_more_is_begun_than_the_limit() {
    let (served, export) = memory();
    served.runtime.block_on(async {
        let mut client = client(&served.address, "memory", &[]).await;
        for cookie in 0..300 {
            let ask = read(cookie, GATED + cookie * 512, 512);
            client.send(&ask).await.expect("sent");
        }
        let full = export.arrived.acquire_many(REQUESTS_MAX as u32);
        full.await.expect("open").forget();
        for answered in 0..300 {
            assert!(export.waiting.load(Ordering::SeqCst) <= REQUESTS_MAX);
            // The next is begun only when one is done.
            assert!(answered > 0 || export.arrived.available_permits() == 0);
            export.gate.add_permits(1);
            client.receive().await.expect("an answer");
        }
    });
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn answers_wait_for_a_client_that_first_asks_for_more_than_is_kept() {
    let (served, _) = memory();
    served.runtime.block_on(async {
        let mut client = client(&served.address, "memory", &[]).await;
        // 150 MiB of answers, where 64 are kept; then as much again to be written.
        for cookie in 0..300 {
            let ask = read(cookie, 0, 512 << 10);
            client.send(&ask).await.expect("sent");
        }
        let mut write = Ask {
            command: WRITE,
            data: vec![7; 512 << 10],
            ..read(300, 0, 512 << 10)
        };
        let mut asks = BytesMut::new();
        for cookie in 300..600 {
            write.cookie = cookie;
            client.note(&write).put(&mut asks);
        }
        let (mut from, mut to) = client.stream.into_split();
        let sends = async { to.write_all(&asks).await.expect("sent") };
        let hears = async {
            let mut told = vec![0; 300 * (16 + (512 << 10)) + 300 * 16];
            from.read_exact(&mut told).await.expect("all answers");
            let (reads, writes) = told.split_at(300 * (16 + (512 << 10)));
            let mut cookies: Vec<u64> = Vec::new();
            let heads = reads.chunks(16 + (512 << 10)).chain(writes.chunks(16));
            for head in heads {
                assert_eq!(head[..8], *b"\x67\x44\x66\x98\0\0\0\0");
                let cookie = head[8..16].try_into().expect("eight bytes");
                cookies.push(u64::from_be_bytes(cookie));
            }
            cookies.sort_unstable();
            assert_eq!(cookies, (0..600).collect::<Vec<_>>());
        };
        futures::join!(sends, hears);
    });
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn a_request_that_panics_ends_its_connection_only() {
    let (served, export) = memory();
    served.runtime.block_on(async {
        let mut other = client(&served.address, "memory", &[]).await;
        for offset in [PANICS, PANICS_LATE] {
            let mut client = client(&served.address, "memory", &[]).await;
            client.send(&read(1, offset, 512)).await.expect("sent");
            export.gate.add_permits(1);
            client.receive().await.expect_err("it is closed");
        }
        other.ask(&read(2, 0, 512)).await.expect("an answer");
    });
    let notes = served.end();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("panicked"), "{notes:?}");
}

#[test]
fn clients_are_let_go_with_the_runtime() {
    let (served, export) = memory();
    let mut stream = served.runtime.block_on(async {
        let mut client = client(&served.address, "memory", &[]).await;
        client.send(&read(1, GATED, 512)).await.expect("sent");
        export.arrived.acquire().await.expect("open").forget();
        client.stream.into_std().expect("a socket")
    });
    stream.set_nonblocking(false).expect("it waits");
    let patience = Some(Duration::from_mins(1));
    stream.set_read_timeout(patience).expect("not for ever");
    drop(served);
    assert_eq!(stream.read(&mut [0]).expect("it is closed"), 0);
}

#[test]
fn shut_down_answers_what_was_begun_and_takes_nothing_more() {
    let (mut served, export) = memory();
    let path = served.folder.path().join("socket");
    let Served {
        runtime,
        address,
        serving,
        ..
    } = &mut served;
    runtime.block_on(async {
        let mut idle = client(address, "memory", &[]).await;
        let mut client = client(address, "memory", &[]).await;
        let mut undecided = UnixStream::connect(&path).await.expect("it is there");
        client.send(&read(1, GATED, 512)).await.expect("sent");
        export.arrived.acquire().await.expect("open").forget();
        let ends = async {
            // The idle ones are let go at once, and so is the socket.
            idle.receive().await.expect_err("it is closed");
            let mut greeting = Vec::new();
            undecided.read_to_end(&mut greeting).await.expect("closed");
            assert_eq!(export.waiting.load(Ordering::SeqCst), 1);
            export.gate.add_permits(1);
            assert_eq!(client.receive().await.expect("an answer").cookie, 1);
            client.receive().await.expect_err("it is closed");
        };
        futures::join!(serving.shut_down(), ends);
        UnixStream::connect(&path)
            .await
            .expect_err("nobody listens");
    });
    assert!(!path.exists(), "the socket is removed");
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn what_was_read_when_the_server_stops_is_told_so() {
    let export = MemoryExport::new(MIB);
    let exports = vec![named("memory", Arc::<MemoryExport>::clone(&export))];
    let server = Server::new(Exports::new(exports).expect("exports"), Arc::new(WallClock));
    runtime().block_on(async {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        let (stage, seen) = watch::channel(Stage::Serve);
        let talk = async {
            let mut client = Client::connect(ours, "", &[]).await.expect("connected");
            // As many as may be under way, and two more in the same breath.
            let mut asks = BytesMut::new();
            for cookie in 0..REQUESTS_MAX as u64 + 2 {
                client.note(&read(cookie, GATED, 512)).put(&mut asks);
            }
            client.stream.write_all(&asks).await.expect("sent");
            let full = export.arrived.acquire_many(REQUESTS_MAX as u32);
            full.await.expect("open").forget();
            stage.send_replace(Stage::Finish);
            // Once it has heard, it takes nothing more.
            while client.stream.write_all(&[0]).await.is_ok() {
                tokio::task::yield_now().await;
            }
            export.gate.add_permits(REQUESTS_MAX);
            let mut errors = Vec::new();
            while let Ok(told) = client.receive().await {
                errors.push((told.cookie, told.error));
            }
            errors.sort_unstable();
            assert_eq!(errors.len(), REQUESTS_MAX + 2);
            assert!(errors[..REQUESTS_MAX].iter().all(|(_, error)| *error == 0));
            assert!(
                errors[REQUESTS_MAX..]
                    .iter()
                    .all(|(_, error)| *error == 108)
            );
        };
        let (ended, ()) = futures::join!(server.handle(theirs, seen), talk);
        ended.expect("it ends well");
    });
}

#[test]
fn cut_waits_for_nobody() {
    let (mut served, export) = memory();
    let Served {
        runtime,
        address,
        serving,
        ..
    } = &mut served;
    runtime.block_on(async {
        let mut client = client(address, "memory", &[]).await;
        client.send(&read(1, GATED, 512)).await.expect("sent");
        export.arrived.acquire().await.expect("open").forget();
        serving.cut().await;
        client.receive().await.expect_err("it is closed");
    });
}

#[test]
fn who_may_only_read_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image(folder.path(), "disk.img", 65536);
    let exports = vec![named("disk", device(&path, true))];
    let served = Served::start(folder, exports, false, None);
    served.runtime.block_on(async {
        let mut client = client(&served.address, "disk", &["base:allocation"]).await;
        assert_eq!(client.flags & 2, 2, "it is told");
        let mut ask = read(1, 0, 512);
        assert_eq!(client.ask(&ask).await.expect("an answer").data, [0; 512]);
        for command in [TRIM, WRITE_ZEROES] {
            ask.command = command;
            assert_eq!(client.ask(&ask).await.expect("an answer").error, 1);
        }
        (ask.command, ask.data) = (WRITE, vec![1; 512]);
        assert_eq!(client.ask(&ask).await.expect("an answer").error, 1);
    });
    assert!(std::fs::read(&path).expect("the image") == vec![0; 65536]);
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn errors_are_told_by_number_and_in_full_to_the_witness() {
    let (served, _) = memory();
    served.runtime.block_on(async {
        let mut client = client(&served.address, "memory", &["base:allocation"]).await;
        for (command, offset, error) in [
            (READ, FULL, 28),
            (TRIM, 0, 5),
            (WRITE_ZEROES, 0, 95),
            (FLUSH, u64::MAX, 0),
            (5, 0, 22),
            (99, 0, 22),
        ] {
            let ask = Ask {
                command,
                ..read(7, offset, 512)
            };
            assert_eq!(client.ask(&ask).await.expect("an answer").error, error);
        }
        let mut write = Ask {
            command: WRITE,
            flags: FUA,
            data: vec![9; 512],
            ..read(8, 1024, 512)
        };
        assert_eq!(client.ask(&write).await.expect("an answer").error, 0);
        write.offset = MIB as u64 - 511;
        assert_eq!(client.ask(&write).await.expect("an answer").error, 28);
        let told = client.ask(&read(9, 1024, 512)).await.expect("an answer");
        assert_eq!(told.data, [9; 512]);
    });
    let notes = served.end();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[1].contains("the disk is broken"), "{notes:?}");
}

#[test]
fn one_run_is_not_looked_for_in_all_the_disk() {
    let export = MemoryExport::new(40 * MIB);
    export.set_dirty(4096, 512);
    let folder = tempfile::tempdir().expect("a folder");
    let exports = vec![named("memory", Arc::<MemoryExport>::clone(&export))];
    let served = Served::start(folder, exports, false, None);
    served.runtime.block_on(async {
        let contexts = ["base:allocation", "firedrill:dirty"];
        let mut client = client(&served.address, "memory", &contexts).await;
        let mut ask = read(1, 0, 40 << 20);
        (ask.command, ask.flags) = (BLOCK_STATUS, REQ_ONE);
        let told = client.ask(&ask).await.expect("an answer");
        assert_eq!(told.runs[&1], [(40 << 20, 0)]);
        assert_eq!(told.runs[&2], [(4096, 0)]);
        assert_eq!(export.dirty_bytes.load(Ordering::SeqCst), MIB);
        ask.flags = 0;
        let told = client.ask(&ask).await.expect("an answer");
        assert_eq!(told.runs[&2], [(4096, 0), (512, 1), ((40 << 20) - 4608, 0)]);
    });
    assert_eq!(served.end(), Vec::<String>::new());
}

#[test]
fn exports_need_names_of_their_own() {
    let one = || named("a", MemoryExport::new(1));
    for list in [
        vec![],
        vec![one(), one()],
        vec![named(&"x".repeat(4097), MemoryExport::new(1))],
    ] {
        let error = Exports::new(list).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn a_socket_in_use_is_left_alone_and_a_stale_one_replaced() {
    let (served, _) = memory();
    let address = served.address.clone();
    let Address::Unix(path) = &address else {
        panic!("it listens on a unix socket");
    };
    served.runtime.block_on(async {
        let error = Listener::bind(&address).await.expect_err("it is in use");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let stale = path.with_file_name("stale");
        drop(std::os::unix::net::UnixListener::bind(&stale).expect("a socket"));
        assert!(stale.exists(), "nobody removed it");
        let listener = Listener::bind(&Address::Unix(stale)).await;
        listener.expect("it is replaced");
    });
}

#[test]
fn disks_go_to_other_machines_only_over_tls() {
    let tcp = |address: &str| Address::Tcp(address.parse().expect("an address"));
    for (address, tls, allowed, is_fine) in [
        (tcp("127.0.0.1:10809"), false, false, true),
        (tcp("[::1]:10809"), false, false, true),
        (tcp("[::ffff:127.0.0.1]:10809"), false, false, true),
        (tcp("0.0.0.0:10809"), false, false, false),
        (tcp("[::]:10809"), false, false, false),
        (tcp("10.0.0.1:10809"), false, false, false),
        (tcp("10.0.0.1:10809"), true, false, true),
        (tcp("10.0.0.1:10809"), false, true, true),
        (Address::Unix("socket".into()), false, false, true),
    ] {
        let checked = check_exposure(&address, tls, allowed);
        assert_eq!(checked.is_ok(), is_fine, "{address}");
        if let Err(error) = checked {
            assert!(error.to_string().contains("TLS"), "{error}");
        }
    }
}

#[test]
fn the_old_way_to_choose_an_export_works_too() {
    let (served, _) = memory();
    let path = served.folder.path().join("socket");
    served.runtime.block_on(async {
        for (flags, bytes) in [(1_u32, 134), (3, 10)] {
            let mut stream = UnixStream::connect(&path).await.expect("it is there");
            stream.read_exact(&mut [0; 18]).await.expect("a greeting");
            let mut out = flags.to_be_bytes().to_vec();
            out.extend(b"IHAVEOPT\0\0\0\x01\0\0\0\x06memory");
            stream.write_all(&out).await.expect("sent");
            let mut told = vec![0; bytes];
            stream.read_exact(&mut told).await.expect("the export");
            assert_eq!(told[..8], (MIB as u64).to_be_bytes());
            assert!(told[10..].iter().all(|byte| *byte == 0));
            let mut ask = BytesMut::new();
            read(77, 0, 16).put(&mut ask);
            stream.write_all(&ask).await.expect("sent");
            let mut told = [0; 32];
            stream.read_exact(&mut told).await.expect("an answer");
            assert_eq!(told[..8], *b"\x67\x44\x66\x98\0\0\0\0");
        }
    });
    assert_eq!(served.end(), Vec::<String>::new());
}

/// A clock on which every wait is over at once.
struct Hurried;

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        Timestamp {
            seconds: 0,
            nanos: 0,
        }
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _wait: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

#[test]
fn who_chooses_no_export_is_let_go() {
    let exports = vec![named("memory", MemoryExport::new(1))];
    let server = Server::new(Exports::new(exports).expect("exports"), Arc::new(Hurried));
    runtime().block_on(async {
        let (_ours, theirs) = UnixStream::pair().expect("sockets");
        let (_stage, seen) = watch::channel(Stage::Serve);
        let ended = server.handle(theirs, seen).await;
        let said = ended.expect_err("it is let go").to_string();
        assert!(said.contains("chose no export"), "{said}");
    });
}
