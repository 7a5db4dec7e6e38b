//! The twin of a drill that was played for real: the same disk, the same records written as often, the same link, and
//! what befell it at the same instants, with the engine's own source and replica at two simulated sites. Its RPO and
//! RTO are held against those that were measured (`tests/cli/replication/regional.rs`).

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use engine::error::{Error, ErrorKind, Result};
use engine::replication::extents::Payload;
use engine::replication::replica::{Choice, Point, Retention};
use engine::replication::source::{Settings, Source};
use engine::units::Timestamp;
use serde::Serialize;

use crate::draw::Draws;
use crate::executor::{Executor, HostId};
use crate::scenario::{MINUTE, SECOND, YEAR};
use crate::trial::ground::lock;

use super::ledger::Ledger;
use super::operator::{self, OPERATOR, RESTART};
use super::station::{self, Order, Station};
use super::wire::Way;
use super::{Flaw, Ground};

mod outcome;
#[cfg(test)]
mod tests;

pub use outcome::{Drilled, outcome};

/// What instant 0 is called.
const START: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanos: 0,
};
/// The sites have met and are the same after so long.
const WARM_UP: u64 = 10 * SECOND;
/// Whether a site has taken over is looked at this often.
const LOOK: u64 = 1000;

/// What happens to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// So many bytes a second pass.
    Speed(u64),
    /// Nothing passes.
    Cut,
    /// It passes again.
    Heal,
}

/// A drill, as it was played. Instants are microseconds from when the first record was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drill {
    /// Bytes of the disk.
    pub disk_bytes: u64,
    /// Bytes of a record; each is written to the next place, and flushed.
    pub record_bytes: u64,
    /// From one record to the next, on average.
    pub record_micros: u64,
    /// A batch ends this often.
    pub batch_micros: u64,
    /// Bytes a second that pass at the beginning.
    pub bytes_per_second: u64,
    /// How long a byte takes.
    pub latency_micros: u64,
    /// What happens to the link, and when.
    pub changes: Vec<(u64, Change)>,
    /// When the first site is lost, and the link with it.
    pub lost_micros: u64,
    /// How long the operator takes for all that the sites do not do themselves, as it was rehearsed.
    pub operator_micros: u64,
}

/// What a drill came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Played {
    /// From the capture of the point that was taken to the loss.
    pub rpo_micros: u64,
    /// How old the oldest acknowledged record was, at the loss, of those that were lost; 0 where none was.
    pub true_loss_micros: u64,
    /// From the loss to a record acknowledged by the other site.
    pub rto_micros: u64,
    /// Records that were acknowledged before the loss.
    pub records: u64,
    /// Of these, lost.
    pub records_lost: u64,
    /// Bytes that were sent to the other site, sealed.
    pub sent_bytes: u64,
}

/// The record of a number: the number, and noise that follows from it.
pub fn record(number: u64, bytes: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(bytes);
    out.extend(number.to_le_bytes());
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend(state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}

/// Plays the drill so many times. It is not known how far into a batch the first record was written: in each
/// play it is a little later.
///
/// # Errors
/// What the sites give, and `Unavailable` where the other one did not take over.
pub fn play(drill: &Drill, plays: u64) -> Result<Vec<Played>> {
    let shifts = (0..plays).map(|play| drill.batch_micros * play / plays);
    shifts.map(|shift| play_once(drill, shift)).collect()
}

fn play_once(drill: &Drill, shift: u64) -> Result<Played> {
    let mut executor = Executor::new();
    let begins = WARM_UP + shift;
    let ground = lay(&executor, drill, begins);
    let handle = executor.handle();
    let disk = vec![0; drill.disk_bytes as usize];
    ground.ledger().begin_group(0, vec![disk]);
    handle.spawn(OPERATOR, operator::keep_running(Arc::clone(&ground)));
    for (at, change) in drill.changes.clone() {
        let ground = Arc::clone(&ground);
        handle.spawn(OPERATOR, async move {
            ground.handle.sleep_until(begins + at).await;
            match change {
                Change::Speed(bytes_per_second) => ground.way.set_speed(bytes_per_second),
                Change::Cut => ground.way.cut(),
                Change::Heal => ground.way.mend(),
            }
        });
    }
    let played = Arc::new(Mutex::new(None));
    let (told, playing, drill) = (Arc::clone(&played), Arc::clone(&ground), drill.clone());
    let lost = begins + drill.lost_micros;
    let until = lost + drill.operator_micros + MINUTE;
    handle.spawn(OPERATOR, async move {
        let came = lose(&playing, &drill, lost).await;
        *lock(&told) = Some(came);
    });
    executor.run(Some(until));
    let came = lock(&played).take();
    came.unwrap_or_else(|| {
        Err(unavailable(
            "the other site did not take over within a minute",
        ))
    })
}

fn lay(executor: &Executor, drill: &Drill, begins: u64) -> Arc<Ground> {
    let (handle, draws) = (executor.handle(), Draws::new(0));
    let station = |site: usize| {
        let host = station::host((handle.clone(), draws), HostId(site as u32), START);
        Station::new((host, draws), site, Flaw::None)
    };
    let settings = Settings {
        interval: std::time::Duration::from_micros(drill.batch_micros),
        ..Settings::default()
    };
    let way = (drill.bytes_per_second, drill.latency_micros);
    Arc::new_cyclic(|me| Ground {
        handle: handle.clone(),
        draws,
        way: Way::new(&handle, way, None),
        bytes_per_second: drill.bytes_per_second,
        stations: [station(0), station(1)],
        sizes: vec![drill.disk_bytes],
        settings,
        retention: Retention::default(),
        witness: None,
        flaw: Flaw::None,
        strikes: AtomicU64::new(0),
        // Records tell by themselves which of them are there: nothing is noted here, and nothing is looked at.
        ledger: Mutex::new(Ledger::new(false)),
        watch_micros: YEAR,
        written: AtomicBool::new(true),
        turns: AtomicU64::new(0),
        calm_since: AtomicU64::new(0),
        me: me.clone(),
        feed: None,
        records: Some(Records {
            bytes: drill.record_bytes,
            begins,
            every: drill.record_micros,
            acknowledged: Mutex::default(),
        }),
        restart_micros: RESTART,
        operator: OPERATOR,
    })
}

/// Who writes records.
#[derive(Debug)]
pub(super) struct Records {
    bytes: u64,
    begins: u64,
    every: u64,
    /// When each was acknowledged, from number 1 on.
    acknowledged: Mutex<Vec<u64>>,
}

impl Records {
    /// Writes to the first site's disk, one after the other.
    pub(super) async fn play(
        &self,
        ground: &Ground,
        station: &Station,
        source: &Source,
    ) -> Result<()> {
        if station.site != 0 {
            return std::future::pending().await;
        }
        for number in 1.. {
            let at = self.begins + number * self.every;
            ground.handle.sleep_until(at).await;
            self.put(ground, source, number).await?;
            lock(&self.acknowledged).push(ground.handle.now());
        }
        Ok(())
    }

    async fn put(&self, ground: &Ground, source: &Source, number: u64) -> Result<()> {
        let offset = number % (ground.sizes[0] / self.bytes) * self.bytes;
        let data = Payload::Data(record(number, self.bytes as usize).into());
        source.write((0, offset), data, false).await?;
        source.flush(0).await
    }

    /// The newest record that a disk has.
    fn newest(&self, image: &[u8]) -> u64 {
        let slots = image.chunks_exact(self.bytes as usize);
        let numbers =
            slots.filter_map(|slot| slot.first_chunk().map(|number| u64::from_le_bytes(*number)));
        numbers.max().unwrap_or(0)
    }
}

/// The first site is lost, and the other takes over.
async fn lose(ground: &Arc<Ground>, drill: &Drill, lost: u64) -> Result<Played> {
    let records = ground
        .records
        .as_ref()
        .ok_or_else(|| unavailable("there are no records"))?;
    ground.handle.sleep_until(lost).await;
    let sent_bytes = {
        let source = ground.stations[0].now().source.clone();
        source.map_or(0, |source| source.progress().totals.sent_bytes)
    };
    ground.stations[0].lose_power();
    ground.way.cut();
    ground.handle.sleep(drill.operator_micros).await;
    let point = newest(ground).await?;
    if !operator::order(ground, 1, Order::Failover { newest: true }).await {
        return Err(unavailable("the other site refused to take over"));
    }
    let source = loop {
        let source = ground.stations[1].now().source.clone();
        match source {
            Some(source) => break source,
            None => ground.handle.sleep(LOOK).await,
        }
    };
    let image = source.read((0, 0), ground.sizes[0] as usize).await?;
    let newest = records.newest(&image);
    records.put(ground, &source, newest + 1).await?;
    let rto_micros = ground.handle.now() - lost;
    let acknowledged = lock(&records.acknowledged);
    let captured = (point.captured.nanoseconds() - START.nanoseconds()) / 1000;
    let oldest_lost = acknowledged.get(newest as usize);
    Ok(Played {
        rpo_micros: lost.saturating_sub(u64::try_from(captured).unwrap_or(0)),
        true_loss_micros: oldest_lost.map_or(0, |at| lost - at),
        rto_micros,
        records: acknowledged.len() as u64,
        records_lost: (acknowledged.len() as u64).saturating_sub(newest),
        sent_bytes,
    })
}

fn unavailable(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, what)
}

async fn newest(ground: &Ground) -> Result<Point> {
    let replica = ground.stations[1].now().replica.clone();
    let replica = replica.ok_or_else(|| unavailable("the other site does not follow"))?;
    replica.choose(Choice::Latest).await
}
