//! Who writes a simulated site's disks: one write after the other, bursts, flushes, and reads that must give what was
//! written.

use std::sync::Arc;

use bytes::Bytes;
use engine::error::{ErrorKind, Result};
use engine::replication::extents::Payload;
use engine::replication::source::Source;

use crate::draw::Stream;
use crate::scenario::{MINUTE, SECOND};

use super::Ground;
use super::ledger::{Content, Write};
use super::station::Station;

/// Lengths of writes, in bytes: small ones are frequent, as on any disk.
const LENGTHS: [usize; 6] = [512, 4096, 4096, 8192, 65_536, 150_000];
/// Writes of a burst.
const BURST: u64 = 40;

/// Writes for as long as the ground is written, and the site may be.
pub(super) async fn play(
    ground: &Arc<Ground>,
    station: &Arc<Station>,
    source: &Source,
) -> Result<()> {
    if let Some(feed) = &ground.feed {
        return feed.play(ground, station, source).await;
    }
    if let Some(records) = &ground.records {
        return records.play(ground, station, source).await;
    }
    let turn = ground.turn();
    let mut stream = ground
        .draws
        .stream(&format!("client {}", station.site), "writes", turn);
    let mut burst = 0;
    loop {
        if burst > 0 {
            burst -= 1;
        } else {
            let idle = if stream.once_in(40) {
                MINUTE
            } else {
                2 * SECOND
            };
            ground.handle.sleep(stream.below(idle)).await;
            burst = if stream.once_in(25) {
                stream.below(BURST)
            } else {
                0
            };
        }
        if !ground.is_written() {
            ground.handle.sleep(SECOND).await;
            continue;
        }
        if !write(ground, station, source, &mut stream).await? {
            // Nothing is written here any more.
            return std::future::pending().await;
        }
        if stream.once_in(6) && source.flush(0).await.is_ok() && source.flush(1).await.is_ok() {
            ground.ledger().flushed(station.site);
        }
        if stream.once_in(20) {
            read(ground, station, source).await;
        }
    }
}

/// One write; false where the site may not be written.
async fn write(
    ground: &Ground,
    station: &Station,
    source: &Source,
    stream: &mut Stream,
) -> Result<bool> {
    let disk = stream.below(ground.sizes.len() as u64) as usize;
    let length = LENGTHS[stream.below(LENGTHS.len() as u64) as usize];
    let room = ground.sizes[disk] as usize - length;
    let offset = stream.below(room as u64) as usize / 512 * 512;
    let zeros = stream.once_in(8);
    let mut data = vec![0; length];
    if !zeros {
        let mut stamp = [0; 32];
        stream.fill(&mut stamp);
        data.chunks_mut(32)
            .for_each(|chunk| chunk.copy_from_slice(&stamp[..chunk.len()]));
    }
    put(ground, station, source, Write { disk, offset, data }).await
}

/// Writes something, and notes what comes of it; false where the site may not be written.
pub(super) async fn put(
    ground: &Ground,
    station: &Station,
    source: &Source,
    write: Write,
) -> Result<bool> {
    let (disk, offset) = (write.disk, write.offset);
    let zeros = write.data.iter().all(|byte| *byte == 0);
    let payload = if zeros {
        Payload::Zeros(write.data.len() as u64)
    } else {
        Payload::Data(Bytes::from(write.data.clone()))
    };
    let (site, calm) = (station.site, ground.calm_since());
    ground.ledger().begin(site, write);
    let written = source
        .write((disk as u16, offset as u64), payload, true)
        .await;
    match written {
        Ok(()) => {
            let now = ground.handle.now();
            ground
                .ledger()
                .acked(site, now, calm.max(ground.calm_since()));
            ground
                .handle
                .trace(station.host.id, "acknowledged", offset as u64);
            Ok(true)
        }
        Err(error) => {
            let found = content(ground, source).await;
            ground.ledger().failed(site, found);
            ground
                .handle
                .trace(station.host.id, "failed", offset as u64);
            Ok(error.kind() != ErrorKind::Denied)
        }
    }
}

/// All that the disks have, however often it takes.
async fn content(ground: &Ground, source: &Source) -> Content {
    let mut found = Vec::new();
    for (disk, size) in ground.sizes.iter().enumerate() {
        loop {
            if let Ok(read) = source.read((disk as u16, 0), *size as usize).await {
                found.push(read.to_vec());
                break;
            }
            ground.handle.sleep(SECOND).await;
        }
    }
    found
}

/// Reads everything, and holds it against what was written.
async fn read(ground: &Ground, station: &Station, source: &Source) {
    for (disk, size) in ground.sizes.iter().enumerate() {
        let read = source.read((disk as u16, 0), *size as usize).await;
        let Ok(read) = read else {
            continue;
        };
        let mut ledger = ground.ledger();
        let wrong = ledger
            .content(station.site)
            .is_some_and(|content| content[disk] != read);
        if wrong {
            let what = format!(
                "site {} reads what was not written to disk {disk}",
                station.site
            );
            ledger.note(ground.handle.now(), &what);
        }
    }
}
