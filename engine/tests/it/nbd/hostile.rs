//! Whatever bytes come, the server neither panics nor hangs, and the disk stays as long as it is.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use engine::replication::nbd::{DeviceExport, Exports, Server, Stage};
use engine::seam::{FileDevice, WallClock};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::nbd::client::{Ask, GO, go, put_option};
use crate::nbd::served::{image, named, runtime};

const BYTES: u64 = 64 << 10;

fn option() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        Just(Vec::new()),
        Just(go("disk").to_vec()),
        Just(go("other").to_vec()),
        Just(b"\0\0\0\x04disk\0\0\0\x01\0\0\0\x05base:".to_vec()),
        Just(b"\0\0\0\x04disk\xff\xff\xff\xff\0\0\0\0".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    // Not EXPORT_NAME and GO, after which no options come.
    let code = prop_oneof![2..7_u32, 8..13_u32, any::<u32>()];
    let length = prop_oneof![20 => Just(None), 1 => any::<u32>().prop_map(Some)];
    (code, body, length).prop_map(|(code, body, length)| {
        let mut out = BytesMut::new();
        put_option(&mut out, code, &body);
        if let Some(length) = length {
            out[12..16].copy_from_slice(&length.to_be_bytes());
        }
        out.to_vec()
    })
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        0..BYTES + 10,
        Just(BYTES),
        Just(u64::MAX),
        Just(u64::MAX - 100),
        any::<u64>(),
    ];
    let length = prop_oneof![0..9000_u32, Just(u32::MAX), Just(32 << 20), any::<u32>()];
    let flags = prop_oneof![3 => Just(0), 1 => any::<u16>()];
    let command = prop_oneof![20 => 0..9_u16, 1 => any::<u16>()];
    (flags, command, any::<u64>(), number, length).prop_map(
        |(flags, command, cookie, offset, length)| {
            // Leaving early would end the test early.
            let command = if command == 2 { 0 } else { command };
            let length = if command == 1 { length % 9000 } else { length };
            let data = vec![7; if command == 1 { length as usize } else { 0 }];
            let mut out = BytesMut::new();
            let ask = Ask {
                flags,
                command,
                cookie,
                offset,
                length,
                data,
            };
            ask.put(&mut out);
            out.to_vec()
        },
    )
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), 0..200);
    let options = proptest::collection::vec(option(), 0..8).prop_map(|list| list.concat());
    let requests = proptest::collection::vec(request(), 0..30).prop_map(|list| list.concat());
    let structured = any::<bool>();
    (0..4, options, structured, requests, noise).prop_map(
        |(stage, options, structured, requests, noise)| {
            let mut out = BytesMut::new();
            if stage > 0 {
                out.put_u32(3);
            }
            if stage > 1 {
                out.put_slice(&options);
            }
            if stage > 2 {
                if structured {
                    put_option(&mut out, 8, &[]);
                    let mut contexts = go("disk");
                    contexts.truncate(8);
                    contexts.put_slice(b"\0\0\0\x01\0\0\0\x0fbase:allocation");
                    put_option(&mut out, 10, &contexts);
                }
                put_option(&mut out, GO, &go("disk"));
                out.put_slice(&requests);
            }
            out.put_slice(&noise);
            out.to_vec()
        },
    )
}

/// Sends `bytes` and hangs up; the server must end, whatever it thinks of them.
fn send(server: &Server, bytes: &[u8]) {
    runtime().block_on(async {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        let (_stage, seen) = watch::channel(Stage::Serve);
        let (mut answers, mut questions) = tokio::io::split(ours);
        let mut told = Vec::new();
        let hang_up = async {
            // The server may have hung up first.
            let _ = questions.write_all(bytes).await.is_ok();
            let _ = questions.shutdown().await.is_ok();
        };
        let (ended, (), read) = futures::join!(
            server.handle(theirs, seen),
            hang_up,
            answers.read_to_end(&mut told)
        );
        let _ = (ended.is_ok(), read.is_ok());
        assert_eq!(told[..8], *b"NBDMAGIC");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn noise_ends_and_panics_nothing(bytes in stream()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = image(folder.path(), "disk.img", BYTES);
        let device = Arc::new(FileDevice::open(&path, true).expect("it opens"));
        let exports = vec![named("disk", Arc::new(DeviceExport::new(device, false)))];
        let exports = Exports::new(exports).expect("exports");
        send(&Server::new(exports, Arc::new(WallClock)), &bytes);
        prop_assert_eq!(std::fs::metadata(&path).expect("it is there").len(), BYTES);
    }
}

#[test]
fn what_is_too_long_ends_the_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image(folder.path(), "disk.img", BYTES);
    let device = Arc::new(FileDevice::open(&path, true).expect("it opens"));
    let exports = vec![named("disk", Arc::new(DeviceExport::new(device, false)))];
    let server = Server::new(Exports::new(exports).expect("exports"), Arc::new(WallClock));
    let ends = |bytes: &[u8], why: &str| {
        runtime().block_on(async {
            let (mut ours, theirs) = UnixStream::pair().expect("sockets");
            let (_stage, seen) = watch::channel(Stage::Serve);
            ours.write_all(bytes).await.expect("it is sent");
            // The client stays: it is the server that must end.
            let ended = server.handle(theirs, seen).await;
            let said = ended.expect_err("it is refused").to_string();
            assert!(said.contains(why), "{said}");
        });
    };
    let mut long_option = 3_u32.to_be_bytes().to_vec();
    long_option.extend(b"IHAVEOPT\0\0\0\x06\0\x01\0\x01");
    ends(&long_option, "an option of 65537 bytes");
    let mut long_write = BytesMut::new();
    long_write.put_u32(3);
    put_option(&mut long_write, GO, &go("disk"));
    let ask = Ask {
        command: 1,
        length: (32 << 20) + 1,
        ..Ask::default()
    };
    ask.put(&mut long_write);
    ends(&long_write, "33554433 bytes to write at once");
    ends(&[0, 0, 0, 2], "not of the fixed newstyle");
    ends(&[0, 0, 0, 7], "not of the fixed newstyle");
}
