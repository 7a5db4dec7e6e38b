//! What an instance writes: which blocks change when, from its seed or a recorded trace.
//!
//! A disk is a row of blocks, each with the number of its latest write; 0 is a block never written. Writes
//! happen at the ends of ticks, the same for every strategy and fidelity, whatever backups do meanwhile.

mod rows;
mod trace;

use std::sync::Arc;

use crate::draw::{Draws, Stream};
use crate::scenario::{Changes, DAY, Group, HOUR, Rhythm, Scenario, WHOLE, YEAR};

pub use rows::{Op, Row, Rows};
pub use trace::Trace;

/// Shortest tick.
const TICK_MIN: u64 = 60 * 1_000_000;

/// The content of a disk: for each block the number of its latest write.
pub type Content = Arc<[u32]>;

/// How long a tick is: an hour, or less where points are made more often than that.
pub fn tick_of(scenario: &Scenario) -> u64 {
    let copies = scenario
        .strategies
        .iter()
        .flat_map(|strategy| &strategy.copies);
    let shortest = copies.map(|copy| copy.every_micros).min();
    shortest.unwrap_or(HOUR).clamp(TICK_MIN, HOUR)
}

/// The disk of one instance as it is written.
#[derive(Clone, Debug)]
pub struct Disk {
    group: Arc<Group>,
    trace: Option<Arc<Trace>>,
    tick: u64,
    /// Unix seconds of instant 0.
    start_seconds: i64,
    /// Ticks that are over, and blocks in use at the end of the last.
    ticks: u64,
    in_use: u32,
    stream: Stream,
    versions: Vec<u32>,
    /// When each block was last written.
    written: Vec<u64>,
    writes: u32,
    /// Where a sequential write goes on.
    head: u32,
    scripted: usize,
}

impl Disk {
    /// A disk filled once, at instant 0.
    pub fn new(
        scenario: &Scenario,
        group: &Arc<Group>,
        trace: Option<Arc<Trace>>,
        name: &str,
        draws: Draws,
    ) -> Self {
        let blocks = group.blocks as usize;
        let most = grown(group, scenario.horizon_micros) as usize;
        let mut versions = vec![0; most];
        versions[..blocks].fill(1);
        Self {
            group: Arc::clone(group),
            trace,
            tick: tick_of(scenario),
            start_seconds: scenario.start_seconds,
            ticks: 0,
            in_use: group.blocks,
            stream: draws.stream(name, "writes", 0),
            versions,
            written: vec![0; most],
            writes: 1,
            head: 0,
            scripted: 0,
        }
    }

    /// The content as of `now`, and when each of its blocks was written.
    pub fn at(&mut self, now: u64) -> (Content, Arc<[u64]>) {
        self.advance(now);
        (self.versions[..].into(), self.written[..].into())
    }

    /// How many writes there were up to `now`.
    pub fn writes(&mut self, now: u64) -> u32 {
        self.advance(now);
        self.writes
    }

    /// When it is written next, if anything is.
    pub fn next(&self) -> u64 {
        let tick = (self.ticks + 1) * self.tick;
        match &self.group.changes {
            Changes::Scripted(scripts) => {
                let script = scripts.get(self.scripted);
                script.map_or(tick, |script| script.at_micros.min(tick))
            }
            _ => tick,
        }
    }

    /// Blocks that the disk has room for.
    pub fn blocks(&self) -> usize {
        self.versions.len()
    }

    /// Writes everything up to `now`.
    fn advance(&mut self, now: u64) {
        let group = Arc::clone(&self.group);
        if let Changes::Scripted(scripts) = &group.changes {
            while let Some(script) = scripts
                .get(self.scripted)
                .filter(|next| next.at_micros <= now)
            {
                self.scripted += 1;
                for block in &script.blocks {
                    self.write(*block, script.at_micros);
                }
            }
        }
        while (self.ticks + 1) * self.tick <= now {
            self.ticks += 1;
            self.step(&group, self.ticks * self.tick);
        }
    }

    /// One tick, which ends at `at`.
    fn step(&mut self, group: &Group, at: u64) {
        let before = std::mem::replace(&mut self.in_use, grown(group, at));
        for block in before..self.in_use {
            self.write(block, at);
        }
        match &group.changes {
            Changes::Scripted(_) => {}
            Changes::Trace(_) => {
                if let Some(trace) = self.trace.clone() {
                    for block in trace.written(at - self.tick, at) {
                        self.write(*block, at);
                    }
                }
            }
            Changes::Stated {
                ppm_per_day,
                working_set_ppm,
                working_set_writes_ppm,
                sequential_ppm,
                rhythm,
            } => {
                let in_use = self.in_use;
                let weight = weight(*rhythm, self.start_seconds, at - self.tick, self.tick);
                let share = u64::from(in_use) * ppm_per_day;
                let mean = match share.checked_mul(weight) {
                    Some(product) => product / DAY,
                    None => (u128::from(share) * u128::from(weight) / u128::from(DAY)) as u64,
                };
                let hot = (u64::from(in_use) * working_set_ppm / WHOLE).max(1) as u32;
                for _ in 0..self.stream.poisson(mean) {
                    let block = if self.stream.part_per_million(*sequential_ppm) {
                        (self.head + 1) % in_use
                    } else if hot >= in_use || self.stream.part_per_million(*working_set_writes_ppm)
                    {
                        self.stream.below(u64::from(hot.min(in_use))) as u32
                    } else {
                        hot + self.stream.below(u64::from(in_use - hot)) as u32
                    };
                    self.head = block;
                    self.write(block, at);
                }
            }
        }
    }

    fn write(&mut self, block: u32, at: u64) {
        let block = block as usize % self.versions.len();
        self.writes += 1;
        self.versions[block] = self.writes;
        self.written[block] = at;
    }

    /// Everything is written anew at once: an intruder encrypts, or somebody deletes and fills.
    pub fn overwrite(&mut self, now: u64) {
        self.advance(now);
        for block in 0..self.versions.len() as u32 {
            if self.versions[block as usize] != 0 {
                self.write(block, now);
            }
        }
    }

    /// What was restored stands on the disk again; later writes go on from it.
    pub fn restore(&mut self, now: u64, content: &Content, written: &[u64]) {
        self.advance(now);
        self.versions.copy_from_slice(content);
        self.written.copy_from_slice(written);
    }
}

/// Blocks in use at an instant.
fn grown(group: &Group, at: u64) -> u32 {
    if group.growth_ppm_per_year == 0 {
        return group.blocks;
    }
    let blocks = u128::from(group.blocks);
    let more = blocks * u128::from(group.growth_ppm_per_year) * u128::from(at);
    (blocks + more / u128::from(WHOLE) / u128::from(YEAR)) as u32
}

/// Microseconds of an even day that a tick's writes stand for.
fn weight(rhythm: Rhythm, start_seconds: i64, from: u64, tick: u64) -> u64 {
    let seconds = start_seconds + (from / 1_000_000).cast_signed();
    // 1 January 1970 was a Thursday; 0 is Monday.
    let day = (seconds.div_euclid(86_400) + 3).rem_euclid(7);
    let hour = seconds.rem_euclid(86_400) / 3600;
    let (busy, busy_hours) = match rhythm {
        Rhythm::Even => return tick,
        Rhythm::Office => (day < 5 && (8..18).contains(&hour), 50),
        Rhythm::Nightly => (hour < 6, 42),
    };
    // Four fifths of a week's writes in the busy hours, one in the others.
    let (fifths, hours) = if busy {
        (4, busy_hours)
    } else {
        (1, 168 - busy_hours)
    };
    tick * 168 * fifths / (5 * hours)
}

#[cfg(test)]
mod tests;
