//! Numbered records on a disk, written one after the other: an image shows up to which number it goes, and that it
//! is exactly what was written until then.

use std::io::Result;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, park_timeout};
use std::time::{Duration, Instant, SystemTime};

pub(super) use simulator::replication::twin::record;

use super::nbd::Nbd;

/// The last number of an image. Every slot must hold the last record that was due there until then: the image is
/// the disk after exactly so many writes.
pub(super) fn last(image: &[u8], bytes: usize) -> u64 {
    let slots = image.chunks_exact(bytes);
    let number = |slot: &[u8]| u64::from_le_bytes(slot[..8].try_into().expect("eight"));
    let last = slots.clone().map(number).max().unwrap_or(0);
    let count = slots.len() as u64;
    for (slot, found) in (0..count).zip(slots) {
        // Numbers begin with 1: slot 0 is first that of number `count`.
        let due = last - last.saturating_sub(slot) % count;
        if slot > last || due == 0 {
            assert!(
                found.iter().all(|byte| *byte == 0),
                "slot {slot} holds {} where nothing was written until {last}",
                number(found)
            );
        } else {
            assert!(
                found == record(due, bytes),
                "slot {slot} holds {}, which is not all of record {due}; the image goes up to {last}",
                number(found)
            );
        }
    }
    last
}

/// When which record was acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged(Vec<(u64, SystemTime)>);

impl Acknowledged {
    /// The newest.
    pub(super) fn newest(&self) -> u64 {
        self.0.last().map_or(0, |(number, _)| *number)
    }

    /// When the first record after `number` was acknowledged: the oldest that a site up to `number` lacks.
    pub(super) fn first_after(&self, number: u64) -> Option<SystemTime> {
        let found = self
            .0
            .iter()
            .find(|(acknowledged, _)| *acknowledged > number);
        found.map(|(_, at)| *at)
    }

    /// That a site which goes up to `last` has every record that was acknowledged before `captured`.
    pub(super) fn assert_there(&self, last: u64, captured: SystemTime) {
        if let Some(lost) = self.first_after(last) {
            assert!(
                lost >= captured,
                "record {} was acknowledged {:?} before the point's instant and is not in it",
                last + 1,
                captured.duration_since(lost)
            );
        }
    }
}

/// How a writer writes.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) socket: PathBuf,
    /// Exports: each number is written and flushed on one before it is on the next.
    pub(super) disks: Vec<String>,
    pub(super) bytes: usize,
    pub(super) first: u64,
    /// Between two records; none waits for nothing.
    pub(super) pause: Duration,
    pub(super) flush: bool,
}

/// Writes records until it is told to stop, or its disk is gone.
pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    shared: Arc<Mutex<(Acknowledged, Duration)>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Writer {
    pub(super) fn start(load: Load) -> Self {
        let (stop, shared) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (stopped, told) = (Arc::clone(&stop), Arc::clone(&shared));
        let thread = std::thread::spawn(move || write(&load, &stopped, &told));
        Self {
            stop,
            shared,
            thread: Some(thread),
        }
    }

    pub(super) fn acknowledged(&self) -> Acknowledged {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.0.clone()
    }

    /// The longest that one record took, flush included.
    pub(super) fn longest(&self) -> Duration {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Ends it; what was acknowledged, and whether it ended before it was told to.
    pub(super) fn stop(mut self) -> (Acknowledged, Result<()>) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it runs");
        let ended = thread.join().expect("the writer");
        (self.acknowledged(), ended)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn write(load: &Load, stop: &AtomicBool, told: &Mutex<(Acknowledged, Duration)>) -> Result<()> {
    let disks = load.disks.iter();
    let disks = disks.map(|name| Nbd::connect(&load.socket, name));
    let mut disks = disks.collect::<Result<Vec<_>>>()?;
    for number in load.first.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (data, begun) = (record(number, load.bytes), Instant::now());
        for disk in &mut disks {
            let slots = disk.size / load.bytes as u64;
            disk.write(number % slots * load.bytes as u64, &data)?;
            if load.flush {
                disk.flush()?;
            }
        }
        let (at, took) = (SystemTime::now(), begun.elapsed());
        {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.0.0.push((number, at));
            told.1 = told.1.max(took);
        }
        if let Some(rest) = load.pause.checked_sub(took) {
            park_timeout(rest);
        }
    }
    Ok(())
}

#[test]
fn an_image_that_is_no_prefix_is_found_out() {
    const BYTES: usize = 64;
    let after = |numbers: std::ops::RangeInclusive<u64>| {
        let mut image = vec![0; 8 * BYTES];
        for number in numbers {
            let at = number as usize % 8 * BYTES;
            image[at..at + BYTES].copy_from_slice(&record(number, BYTES));
        }
        image
    };
    for count in 0..30 {
        assert_eq!(last(&after(1..=count), BYTES), count);
    }
    let refused = |image: Vec<u8>| std::panic::catch_unwind(|| last(&image, BYTES)).is_err();
    let mut torn = after(1..=12);
    torn[4 * BYTES + 40] ^= 1;
    assert!(refused(torn), "half of the last record is another's");
    let mut hole = after(1..=5);
    hole[3 * BYTES..4 * BYTES].fill(0);
    assert!(refused(hole), "a record in the middle is lacking");
    let mut old = after(1..=12);
    old[3 * BYTES..4 * BYTES].copy_from_slice(&record(3, BYTES));
    assert!(refused(old), "one slot is a round behind");
}
