//! Operations in any order do to a disk what they do to an array of bytes.

use std::fs;
use std::sync::Arc;

use engine::replication::nbd::{Exports, Server, Stage};
use engine::seam::WallClock;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::nbd::client::{
    Ask, BLOCK_STATUS, Client, DISCONNECT, FLUSH, FUA, NO_HOLE, READ, TRIM, WRITE, WRITE_ZEROES,
};
use crate::nbd::served::{device, image, named, runtime};
use crate::support::noise;

/// Not a whole number of blocks, on purpose.
const BYTES: usize = (256 << 10) + 1000;

fn operation() -> impl Strategy<Value = Ask> {
    let command = prop_oneof![
        4 => Just(READ),
        4 => Just(WRITE),
        1 => Just(FLUSH),
        2 => Just(TRIM),
        2 => Just(WRITE_ZEROES),
        2 => Just(BLOCK_STATUS),
    ];
    let length = prop_oneof![3 => 1..9000_u32, 1 => 1..200_000_u32, 1 => Just(4096)];
    (
        command,
        any::<bool>(),
        any::<bool>(),
        0..BYTES as u64 + 5000,
        length,
    )
        .prop_map(|(command, fua, no_hole, offset, length)| {
            let mut flags = if fua { FUA } else { 0 };
            if no_hole && command == WRITE_ZEROES {
                flags |= NO_HOLE;
            }
            let data = if command == WRITE {
                noise(offset, length as usize)
            } else {
                Vec::new()
            };
            Ask {
                flags,
                command,
                cookie: offset ^ 0xdead_beef,
                offset,
                length,
                data,
            }
        })
}

async fn compare<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    asks: &[Ask],
    structured: bool,
    model: &mut [u8],
) {
    for ask in asks {
        let told = client.ask(ask).await.expect("an answer");
        let range = ask.offset as usize..ask.offset as usize + ask.length as usize;
        let is_inside = range.end <= model.len() || ask.command == FLUSH;
        let grows = matches!(ask.command, WRITE | WRITE_ZEROES);
        let error = match ask.command {
            BLOCK_STATUS if !structured => 22,
            _ if is_inside => 0,
            _ if grows => 28,
            _ => 22,
        };
        assert_eq!(told.error, error, "{} at {}", ask.command, ask.offset);
        if error != 0 {
            continue;
        }
        match ask.command {
            READ => assert!(told.data == model[range], "read at {}", ask.offset),
            WRITE => model[range].copy_from_slice(&ask.data),
            TRIM | WRITE_ZEROES => model[range].fill(0),
            BLOCK_STATUS => {
                let mut at = range.start;
                for (length, flags) in &told.runs[&1] {
                    let run = &model[at..at + *length as usize];
                    assert!(*flags == 0 || run.iter().all(|byte| *byte == 0));
                    at += run.len();
                }
                assert_eq!(at, range.end, "the runs are the range");
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_disk_is_an_array_of_bytes(
        asks in proptest::collection::vec(operation(), 1..60),
        structured in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = image(folder.path(), "disk.img", BYTES as u64);
        let exports = Exports::new(vec![named("disk", device(&path, false))]).expect("exports");
        let server = Server::new(exports, Arc::new(WallClock));
        let mut model = vec![0; BYTES];
        runtime().block_on(async {
            let (ours, theirs) = UnixStream::pair().expect("sockets");
            let (_stage, seen) = watch::channel(Stage::Serve);
            let contexts: &[&str] = if structured { &["base:allocation"] } else { &[] };
            let talk = async {
                let client = Client::connect(ours, "disk", contexts).await;
                let mut client = client.expect("a connection");
                assert_eq!(client.size, BYTES as u64);
                compare(&mut client, &asks, structured, &mut model).await;
                let leave = Ask { command: DISCONNECT, ..Ask::default() };
                client.send(&leave).await.expect("it leaves");
                client.receive().await.expect_err("nothing more comes");
            };
            let (ended, ()) = futures::join!(server.handle(theirs, seen), talk);
            ended.expect("it ends well");
        });
        prop_assert!(fs::read(&path).expect("the image") == model);
    }
}
