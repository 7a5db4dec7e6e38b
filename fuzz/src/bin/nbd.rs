//! What a client of the NBD server sends: options, or requests after a handshake that is right. The
//! first byte tells which. The disk must never be asked for what it has not.
#![no_main]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use engine::Result;
use engine::replication::nbd::{DirtyRun, Export, Exports, Named, Server, Stage};
use engine::seam::{Clock, Run};
use engine::units::Timestamp;
use futures::future::BoxFuture;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::Builder;

const DISK_BYTES: usize = 4000;

/// Fixed newstyle without zeros; structured replies; both contexts; the export.
const HANDSHAKE: &[u8] = b"\0\0\0\x03\
    IHAVEOPT\0\0\0\x08\0\0\0\0\
    IHAVEOPT\0\0\0\x0a\0\0\0\x2f\0\0\0\x01d\0\0\0\x02\
    \0\0\0\x0fbase:allocation\0\0\0\x0ffiredrill:dirty\
    IHAVEOPT\0\0\0\x07\0\0\0\x07\0\0\0\x01d\0\0";

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let start = match mode % 2 {
        0 => &b"\0\0\0\x03"[..],
        _ => HANDSHAKE,
    };
    let disk = Arc::new(Disk(Mutex::new(vec![0; DISK_BYTES])));
    let named = Named {
        name: "d".to_owned(),
        description: String::new(),
        export: disk,
    };
    let exports = Exports::new(vec![named]).expect("an export");
    let server = Server::new(exports, Arc::new(Endless));
    let (_stage, seen) = tokio::sync::watch::channel(Stage::Serve);
    let sent = [start, rest].concat();
    let mut told = Vec::new();
    let runtime = Builder::new_current_thread().enable_io().build();
    runtime.expect("a runtime").block_on(async {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        let (mut answers, mut questions) = ours.into_split();
        let hang_up = async move {
            // The server may have hung up first.
            let _ = questions.write_all(&sent).await.is_ok();
        };
        let talk = server.handle(theirs, seen);
        // Any end will do, so long as it is one.
        let (_, (), _) = futures::join!(talk, hang_up, answers.read_to_end(&mut told));
    });
    assert!(told.starts_with(b"NBDMAGIC"));
});

struct Disk(Mutex<Vec<u8>>);

impl Disk {
    fn with<T>(&self, offset: u64, length: u64, take: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut bytes = self.0.lock().expect("nobody panicked");
        let start = offset as usize;
        take(&mut bytes[start..start + length as usize])
    }
}

#[async_trait]
impl Export for Disk {
    fn size(&self) -> u64 {
        DISK_BYTES as u64
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn is_multi_conn_safe(&self) -> bool {
        true
    }

    async fn read(&self, offset: u64, length: u32) -> Result<Bytes> {
        Ok(self.with(offset, length.into(), |bytes| Bytes::copy_from_slice(bytes)))
    }

    async fn write(&self, offset: u64, data: Bytes, _fua: bool) -> Result<()> {
        self.with(offset, data.len() as u64, |bytes| {
            bytes.copy_from_slice(&data)
        });
        Ok(())
    }

    async fn zero(&self, offset: u64, length: u64, _punch: bool, _fua: bool) -> Result<()> {
        self.with(offset, length, |bytes| bytes.fill(0));
        Ok(())
    }

    async fn trim(&self, offset: u64, length: u64, fua: bool) -> Result<()> {
        self.zero(offset, length, true, fua).await
    }

    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn allocation(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        self.with(offset, length, |_| {
            Ok(vec![Run {
                length,
                hole: false,
            }])
        })
    }

    async fn dirty(&self, offset: u64, length: u64) -> Result<Option<Vec<DirtyRun>>> {
        let runs = self.with(offset, length, |bytes| {
            let run = |byte: &u8| DirtyRun {
                length: 1,
                dirty: *byte != 0,
            };
            bytes.iter().map(run).collect()
        });
        Ok(Some(runs))
    }
}

/// A clock on which no wait ends: no client is let go for being slow.
struct Endless;

impl Clock for Endless {
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
        Box::pin(std::future::pending())
    }
}
