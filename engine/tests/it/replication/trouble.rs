//! A replica whose disks are slow, or full, when the two sites first meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use engine::error::{Error, Result};
use engine::format::member::Disk;
use engine::replication::extents::Payload;
use engine::replication::replica::{MakeDisks, Retention};
use engine::replication::source::{Progress, Settings, Source};
use engine::seam::{BlockDevice, Clock, Run};
use futures::FutureExt;

use super::world::{Exchange, Here, Memory, Paused, There, on_paused_time};

const BYTES: u64 = 2 << 20;

/// Disks that take long to be read, and those that have no room.
#[derive(Debug)]
struct Ward {
    clock: Arc<Paused>,
    slow: Duration,
    full: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Ailing {
    disk: Arc<Memory>,
    clock: Arc<Paused>,
    slow: Duration,
    full: Arc<AtomicBool>,
}

#[async_trait]
impl MakeDisks for Ward {
    async fn make(&self, disks: &[Disk]) -> Result<Vec<(Disk, Arc<dyn BlockDevice>)>> {
        let made = disks.iter().map(|disk| {
            let ailing = Ailing {
                disk: Memory::of(disk.size),
                clock: Arc::clone(&self.clock),
                slow: self.slow,
                full: Arc::clone(&self.full),
            };
            (disk.clone(), Arc::new(ailing) as Arc<dyn BlockDevice>)
        });
        Ok(made.collect())
    }
}

#[async_trait]
impl BlockDevice for Ailing {
    fn size(&self) -> u64 {
        self.disk.size()
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.clock.sleep(self.slow).await;
        self.disk.read(offset, length).await
    }

    async fn write(&self, offset: u64, data: Bytes) -> Result<()> {
        if self.full.load(Ordering::Relaxed) {
            let full = std::io::ErrorKind::StorageFull.into();
            return Err(Error::from_io("failed to write the disk", full));
        }
        self.disk.write(offset, data).await
    }

    async fn zero(&self, offset: u64, length: u64, punch: bool) -> Result<()> {
        self.disk.zero(offset, length, punch).await
    }

    async fn flush(&self) -> Result<()> {
        self.disk.flush().await
    }

    async fn runs(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        self.disk.runs(offset, length).await
    }
}

/// A source whose disk has content meets a new replica; gives how many connections it took until `done` was there.
async fn meet(ward: &Ward, done: impl Fn(&Progress) -> bool) -> u64 {
    let clock = &ward.clock;
    let here = Here::new(clock, &[BYTES], Settings::default());
    let source: Source = here.open(true, 0).await;
    let content = Payload::Data(vec![7; BYTES as usize].into());
    source.write((0, 0), content, false).await.expect("written");
    // It is compared, and not sent at once.
    drop(source);
    let source = here.open(true, 0).await;
    let there = There::new(clock, Retention::default()).await;
    let replica = there.open().await;
    let (exchange, mut called) = Exchange::new();
    let mut links = 0;
    let serve = async {
        while let Some(link) = called.recv().await {
            links += 1;
            let _ended = replica.serve(link, ward).await;
        }
    };
    let until = async {
        for _ in 0..600 {
            if done(&source.progress()) {
                return;
            }
            clock.sleep(Duration::from_secs(1)).await;
        }
        panic!("waited in vain: {:?}", source.progress());
    };
    futures::select_biased! {
        () = Box::pin(until).fuse() => {}
        ended = Box::pin(source.run_batches()).fuse() => panic!("batches ended: {ended:?}"),
        ended = Box::pin(source.run_link(&*exchange)).fuse() => panic!("the link ended: {ended:?}"),
        () = Box::pin(serve).fuse() => panic!("serving ended"),
    }
    links
}

fn is_there(progress: &Progress) -> bool {
    progress.confirmed > 0 && progress.exposed_since.is_none()
}

/// Longer than after which a silent link is given up.
#[test]
fn a_replica_that_looks_for_minutes_says_that_it_is_at_it() {
    on_paused_time(async {
        let ward = Ward {
            clock: Paused::new(),
            // 32 pieces are compared with one message.
            slow: Duration::from_secs(5),
            full: Arc::default(),
        };
        assert!(Settings::default().silence < ward.slow * 32);
        assert_eq!(meet(&ward, is_there).await, 1, "connections");
    });
}

#[test]
fn a_replica_without_room_at_first_is_asked_again() {
    on_paused_time(async {
        let ward = Ward {
            clock: Paused::new(),
            slow: Duration::ZERO,
            full: Arc::new(AtomicBool::new(true)),
        };
        let was_full = AtomicBool::new(false);
        let links = meet(&ward, |progress| {
            if progress.link.full {
                was_full.store(true, Ordering::Relaxed);
                ward.full.store(false, Ordering::Relaxed);
            }
            is_there(progress)
        });
        let links = links.await;
        assert!(was_full.load(Ordering::Relaxed), "it is told");
        assert!(links > 1, "connections");
    });
}
