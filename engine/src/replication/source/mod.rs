//! The site whose disks are written: every write goes to its disk and into the batches that follow it to the
//! other site. Acknowledged is what the local disk has; the other site is never waited for.

mod batches;
mod hold;
mod lease;
mod session;

pub use session::Outcome;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::Result;
use crate::format::member::Disk;
use crate::format::point::Consistency;
use crate::ids::ObjectId;
use crate::seam::{BlockDevice, World};
use crate::units::{MIB, Timestamp};

use super::extents::{Payload, Spot};
use super::gate::{Gate, Shut};
use super::journal::Journal;
use super::maps::Doubt;
use super::marks::Marks;
use super::parcel::GroupKey;
use super::splitter::{Churn, Splitter};

/// Bytes sent and not confirmed: what a fast and far link holds. 64 MiB are 0.5 s at 1 Gbit/s.
pub(crate) const WINDOW_BYTES: u64 = 64 * MIB as u64;

/// 0.5 s of writes at 1 Gbit/s.
const MEMORY_BYTES: u64 = 64 * MIB as u64;

/// How a source behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A batch ends this often.
    pub interval: Duration,
    /// Sealed bytes that the journal holds at most, in memory and in the state's store.
    pub journal_bytes: u64,
    /// Bytes of the open batch in memory, and as many of sealed parts: newer parts beyond that go into the store.
    pub memory_bytes: u64,
    /// Waited after a link broke, before the next is tried; doubled up to a minute.
    pub retry: Duration,
    /// A link that is silent for so long is broken.
    pub silence: Duration,
}

impl Default for Settings {
    /// Batches of 200 ms, 1 GiB of journal.
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(200),
            journal_bytes: 1 << 30,
            memory_bytes: MEMORY_BYTES,
            retry: Duration::from_millis(500),
            silence: Duration::from_mins(1),
        }
    }
}

/// A protected disk at this site: the disk itself, and the device that keeps its intent map.
#[derive(Clone, Debug)]
pub struct Protected {
    /// The disk.
    pub device: Arc<dyn BlockDevice>,
    /// One bit for each MiB of it.
    pub intents: Arc<dyn BlockDevice>,
}

/// How the link stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// Whether the other site follows.
    pub connected: bool,
    /// Since when that is so, or is not.
    pub since: Option<Timestamp>,
    /// Why it does not.
    pub trouble: Option<String>,
    /// The other site's clock minus this one's, in microseconds, when they met: half of the round trip is in it.
    pub skew_micros: i64,
    /// A newer generation, where the other site has taken over.
    pub fenced_by: Option<(u64, Option<Timestamp>)>,
    /// Whether the other site has no room.
    pub full: bool,
    /// Why the witness could not be asked, where it had to be.
    pub witness_trouble: Option<String>,
}

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sealed bytes sent.
    pub sent_bytes: u64,
    /// Sealed bytes made: less than `sent_bytes` where links broke.
    pub sealed_bytes: u64,
    /// Batches confirmed.
    pub batches: u64,
    /// Writes that found no room and were marked instead.
    pub overflows: u64,
    /// Pieces compared.
    pub compared: u64,
    /// Pieces that differed, or were marked, and were sent.
    pub resent: u64,
}

/// What can be told of a source now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How the link stands.
    pub link: LinkState,
    /// The last batch that the other site has.
    pub confirmed: u64,
    /// As of when the other site's newest point is, where there was one since the start.
    pub captured: Option<Timestamp>,
    /// When the oldest write was made that the other site lacks, or may lack; `None` if it lacks none.
    pub exposed_since: Option<Timestamp>,
    /// Bytes of content that are not sealed yet.
    pub unsealed_bytes: u64,
    /// Sealed bytes on their way: in memory, in the store.
    pub journal: (u64, u64),
    /// Bytes of disk in pieces that are marked or being compared.
    pub lacking_bytes: u64,
    /// Bytes of disk that a crash now would have compared.
    pub intended_bytes: u64,
    /// Totals.
    pub totals: Totals,
}

impl Progress {
    /// How old the oldest write is that would be lost if this site were lost now: never less than that. `None`
    /// where the other site has no point, or it is not known of when its newest is.
    pub fn rpo(&self, now: Timestamp) -> Option<Duration> {
        let captured = self.captured.filter(|_| self.confirmed > 0)?;
        let since = self.exposed_since.map_or(now, |since| since.min(now));
        // What is exposed was written after the newest point.
        let nanoseconds = now.nanoseconds() - since.max(captured.min(now)).nanoseconds();
        Some(Duration::from_nanos(
            u64::try_from(nanoseconds).unwrap_or(u64::MAX),
        ))
    }
}

/// The source of a group.
#[derive(Debug)]
pub struct Source {
    world: World,
    key: GroupKey,
    group: ObjectId,
    generation: u64,
    disks: Vec<Disk>,
    devices: Vec<Protected>,
    settings: Settings,
    gate: Gate,
    splitter: Mutex<Splitter>,
    journal: Mutex<Journal>,
    link: Mutex<LinkState>,
    totals: Mutex<Totals>,
    /// Rings when there is something to cut, seal or send, or room for it.
    bell: Notify,
    /// Held while an intent map is kept.
    keeping: tokio::sync::Mutex<()>,
    /// When confirmed regions were taken from the intent maps last, by the clock's `elapsed`.
    cleaned: Mutex<Duration>,
    /// The other site is to take over in this generation, once it has everything.
    hand_over: Mutex<Option<u64>>,
    /// Where there is a witness: until when writes may be acknowledged.
    lease: Option<Mutex<lease::Lease>>,
    /// What was written since earlier instants.
    marks: Mutex<Marks>,
    held: hold::Held,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A write that is not through: where it fails or is given up nobody knows what the disk has, and it is read and
/// sent.
struct Unsure<'a> {
    source: &'a Source,
    at: Spot,
    length: u64,
}

impl Drop for Unsure<'_> {
    fn drop(&mut self) {
        let now = self.source.world.clock.now();
        let mut splitter = lock(&self.source.splitter);
        let _is_kept = splitter.intend(self.at, self.length);
        splitter.mark(self.at, self.length, Doubt::Written, now);
    }
}

/// What a source is made of.
#[derive(Debug)]
pub struct Parts {
    /// A store of its own for the journal's parts, empty now and worth nothing after this source: the intent maps
    /// cover what it held. Clock, entropy and workers.
    pub world: World,
    /// The group's key.
    pub key: GroupKey,
    /// The group.
    pub group: ObjectId,
    /// This site's generation.
    pub generation: u64,
    /// The disks, in order.
    pub disks: Vec<Disk>,
    /// Their devices.
    pub devices: Vec<Protected>,
    /// The last batch that the other site is known to have.
    pub confirmed: u64,
    /// As of when that is.
    pub confirmed_at: Option<Timestamp>,
    /// Whether everything may differ: it never met the other site, or the machine went down while it ran.
    pub suspect: bool,
    /// Whether writes wait until it is known that no other site has taken over: there is a witness that tells.
    pub witnessed: bool,
}

impl Source {
    /// A source; what an earlier run left in the intent maps is taken up.
    ///
    /// # Errors
    /// As the devices give them.
    pub async fn open(parts: Parts, settings: Settings) -> Result<Self> {
        let Parts {
            world,
            key,
            group,
            generation,
            disks,
            devices,
            confirmed,
            confirmed_at,
            suspect,
            witnessed,
        } = parts;
        let sizes: Vec<u64> = disks.iter().map(|disk| disk.size).collect();
        let marks = Marks::none(&disks, "this site keeps no map of what was written");
        let source = Self {
            splitter: Mutex::new(Splitter::new(&sizes, confirmed + 1, settings.memory_bytes)),
            journal: Mutex::new(Journal::new(settings, confirmed, confirmed_at)),
            world,
            key,
            group,
            generation,
            disks,
            devices,
            settings,
            gate: Gate::default(),
            link: Mutex::default(),
            totals: Mutex::default(),
            bell: Notify::new(),
            keeping: tokio::sync::Mutex::default(),
            cleaned: Mutex::default(),
            hand_over: Mutex::default(),
            lease: witnessed.then(Mutex::default),
            marks: Mutex::new(marks),
            held: hold::Held::default(),
        };
        source.hold_unleased();
        // What is marked was written at some time after the other site's last point.
        let since = confirmed_at.unwrap_or_else(|| source.world.clock.now());
        for (number, disk) in source.devices.iter().enumerate() {
            let bits = disk.intents.read(0, disk.intents.size() as usize).await?;
            lock(&source.splitter).recover(number as u16, &bits, since);
        }
        if suspect {
            source.suspect_all().await?;
        }
        Ok(source)
    }

    /// Everything is compared.
    async fn suspect_all(&self) -> Result<()> {
        let since = lock(&self.journal).captured();
        self.doubt_all(&mut lock(&self.splitter), since);
        self.keep_all_intents().await
    }

    /// Everything may differ since the other site's last point.
    fn doubt_all(&self, splitter: &mut Splitter, since: Option<Timestamp>) {
        let since = since.unwrap_or_else(|| self.world.clock.now());
        for (number, disk) in self.disks.iter().enumerate() {
            splitter.suspect((number as u16, 0), disk.size, since);
        }
    }

    async fn keep_all_intents(&self) -> Result<()> {
        for number in 0..self.disks.len() as u16 {
            let bytes = lock(&self.splitter).intents(number).bits().len();
            self.keep_intents(number, 0..bytes).await?;
        }
        Ok(())
    }

    /// Keeps some bytes of a disk's intent map as they are now. One at a time: an older state never comes last.
    async fn keep_intents(&self, disk: u16, bytes: Range<usize>) -> Result<()> {
        let device = &self.devices[usize::from(disk)].intents;
        let _one_at_a_time = self.keeping.lock().await;
        let start = bytes.start;
        let bits = Bytes::from(lock(&self.splitter).intents(disk).keep(bytes));
        device.write(start as u64, bits.clone()).await?;
        lock(&self.splitter).intents(disk).is_kept(start, &bits);
        Ok(())
    }

    /// The disks.
    pub fn disks(&self) -> &[Disk] {
        &self.disks
    }

    /// The generation.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Writes.
    ///
    /// # Errors
    /// `Denied` where another site took over; what the device gives.
    pub async fn write(&self, at: Spot, payload: Payload, punch: bool) -> Result<()> {
        let length = super::extents::Content::length(&payload);
        let disk = &self.devices[usize::from(at.0)];
        let pass = self.gate.write(at, length).await?;
        let now = self.world.clock.now();
        let unsure = Unsure {
            source: self,
            at,
            length,
        };
        // The order is what makes a crash harmless: what may differ is marked before it does, and what others
        // may have read has its place in a batch.
        loop {
            let unkept = {
                let mut splitter = lock(&self.splitter);
                let unkept = splitter.intend(at, length);
                // Both in one step: the mark is of the batch that the write goes into.
                let was_ample = splitter.is_ample();
                if unkept.is_none() && !splitter.record(at, payload.clone(), now) {
                    lock(&self.totals).overflows += 1;
                }
                if splitter.is_ample() && !was_ample {
                    self.bell.notify_waiters();
                }
                unkept
            };
            let Some(bytes) = unkept else {
                break;
            };
            self.keep_intents(at.0, bytes).await?;
        }
        self.spare_instants(at, length).await;
        match payload {
            Payload::Data(data) => disk.device.write(at.1, data).await?,
            Payload::Zeros(length) => disk.device.zero(at.1, length, punch).await?,
        }
        std::mem::forget(unsure);
        drop(pass);
        if self.lease.is_some() {
            // It may have taken longer than the lease lasted.
            self.hold_unleased();
            self.gate.leased().await?;
        }
        Ok(())
    }

    /// Reads.
    ///
    /// # Errors
    /// What the device gives.
    pub async fn read(&self, (disk, offset): Spot, length: usize) -> Result<Bytes> {
        self.devices[usize::from(disk)]
            .device
            .read(offset, length)
            .await
    }

    /// Makes durable what was acknowledged.
    ///
    /// # Errors
    /// What the device gives.
    pub async fn flush(&self, disk: u16) -> Result<()> {
        self.devices[usize::from(disk)].device.flush().await
    }

    /// Makes the intent maps durable: at a proper end, after which nothing else tells what the other site lacks.
    ///
    /// # Errors
    /// What the devices give.
    pub async fn flush_intents(&self) -> Result<()> {
        for disk in &self.devices {
            disk.intents.flush().await?;
        }
        Ok(())
    }

    /// The device of a disk.
    pub fn device(&self, disk: u16) -> &Arc<dyn BlockDevice> {
        &self.devices[usize::from(disk)].device
    }

    /// Which pieces of a stretch are not on their way yet: runs of bytes.
    pub fn lacking_runs(&self, at: Spot, length: u64) -> Vec<(u64, bool)> {
        lock(&self.splitter).lacking_runs(at, length)
    }

    /// Ends the open batch as a point, with what is held still now.
    pub fn mark_point(&self, consistency: Consistency) {
        let now = self.world.clock.now();
        lock(&self.splitter).cut(now, Some(consistency), true);
        self.bell.notify_waiters();
    }

    /// The gate that writes pass.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What was written to each disk since this was asked last.
    pub fn take_churn(&self) -> Vec<Churn> {
        lock(&self.splitter).take_churn()
    }

    /// How it stands.
    pub fn progress(&self) -> Progress {
        let (lacking, intended, open, unsealed_bytes) = {
            let splitter = lock(&self.splitter);
            (
                splitter.lacking() * super::maps::PIECE_BYTES,
                splitter.intended_bytes(),
                splitter.oldest(),
                splitter.unsealed_bytes(),
            )
        };
        let journal = lock(&self.journal);
        let exposed = [open, journal.since()].into_iter().flatten().min();
        Progress {
            link: lock(&self.link).clone(),
            confirmed: journal.confirmed().0,
            captured: journal.captured(),
            exposed_since: exposed,
            unsealed_bytes,
            journal: journal.bytes(),
            lacking_bytes: lacking,
            intended_bytes: intended,
            totals: *lock(&self.totals),
        }
    }

    /// Holds writes and waits until the other site has everything; gives the last batch. Whoever gives up
    /// waiting opens the gate again.
    ///
    /// # Errors
    /// What the devices give.
    pub async fn drain(&self) -> Result<u64> {
        self.gate.shut(Shut::Held).await;
        for disk in &self.devices {
            disk.device.flush().await?;
        }
        loop {
            let bell = self.bell.notified();
            let mut bell = std::pin::pin!(bell);
            bell.as_mut().enable();
            if self.progress().exposed_since.is_none() {
                return Ok(lock(&self.journal).confirmed().0);
            }
            bell.await;
        }
    }

    /// Tells the other site to take over, in `generation`, whenever it has everything (it may lose what it had, and
    /// get it again): after [`Source::drain`], and after this site has kept that it hands over.
    pub fn hand_over(&self, generation: u64) {
        *lock(&self.hand_over) = Some(generation);
        self.bell.notify_waiters();
    }

    /// Lets no write pass from now on, for good.
    pub async fn close(&self, why: &str) {
        self.gate.shut(Shut::Closed(why.to_owned())).await;
    }
}
