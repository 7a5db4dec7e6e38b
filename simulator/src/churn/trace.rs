//! A recorded trace as churn: read once, row by row, keeping no more than counts and the blocks of a day.

use std::collections::BTreeMap;

use engine::error::{Error, ErrorKind, Result};

use super::blocks::{Block, Coalesced, Counter, Unions};
use super::intervals::{Churn, Interval};
use crate::scenario::YEAR;
use crate::workload::{Op, Row, Rows};

/// Blocks of one row at most: 64 GiB in blocks of 4 KiB, more than any write or trim of one command.
const ROW_BLOCKS_MAX: u64 = 1 << 24;
/// Different blocks of a day at most, of about 40 bytes of memory each: 256 GiB in blocks of 4 KiB.
const DAY_BLOCKS_MAX: usize = 1 << 26;

/// How long a trace may be: ten years, of which windows of a minute take 40 MiB.
const SPAN_MICROS_MAX: u64 = 10 * YEAR;

/// How a trace is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// From one batch to the next.
    pub interval_micros: u64,
    /// Bytes of a block, within which writes coalesce.
    pub block_bytes: u64,
    /// Different blocks kept, to look at what they hold.
    pub sample: usize,
}

/// What a trace says.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its intervals.
    pub churn: Churn,
    /// Its different blocks.
    pub unions: Unions,
    /// Some of its blocks, as a place in [`Churn::disks`] and a number.
    pub sample: Vec<(u32, u64)>,
    /// Bytes that were zeroed or forgotten: changes without a payload.
    pub cleared_bytes: u64,
}

/// Reads a trace. Memory grows with the intervals in which something was written (48 bytes each and disk), with
/// windows of a minute (20 bytes each), and with the different blocks of a day (about 40 bytes each).
///
/// # Errors
/// As [`Rows::next_row`]; `Invalid` for a trace with no row, one that changes nothing, or too many blocks.
pub fn read(mut rows: Rows, reading: Reading) -> Result<Recorded> {
    let mut reader = Reader::new(reading);
    let mut last = None::<u64>;
    while let Some(row) = rows.next_row()? {
        // Recorders write rows as requests end: one that is a little early belongs to what is going on.
        let at = row.at_micros.max(last.unwrap_or(0));
        last = Some(at);
        if at > SPAN_MICROS_MAX {
            return Err(rows.wrong(row.line, "its time is later than ten years"));
        }
        if row.op == Op::Other || row.length == 0 {
            continue;
        }
        let step = reader.take(&row, at);
        step.map_err(|why| rows.wrong(row.line, &why))?;
    }
    let Some(last) = last else {
        return Err(rows.wrong(1, "the trace is empty"));
    };
    reader.end(last)
}

struct Reader {
    reading: Reading,
    churn: Churn,
    /// Places of the disks by their numbers.
    places: BTreeMap<u64, u32>,
    /// The interval that is going on, by disk.
    open: BTreeMap<u32, Interval>,
    number: u64,
    coalesced: Coalesced,
    counter: Counter,
    cleared_bytes: u64,
}

impl Reader {
    fn new(reading: Reading) -> Self {
        Self {
            reading,
            churn: Churn {
                interval_micros: reading.interval_micros,
                ..Churn::default()
            },
            places: BTreeMap::new(),
            open: BTreeMap::new(),
            number: 0,
            coalesced: Coalesced::default(),
            counter: Counter::new(reading.block_bytes, reading.sample),
            cleared_bytes: 0,
        }
    }

    /// Takes a row that changes something.
    fn take(&mut self, row: &Row, at: u64) -> std::result::Result<(), String> {
        let number = at / self.reading.interval_micros;
        if number != self.number {
            self.close();
            self.number = number;
        }
        let disk = self.place(row.disk);
        let size = self.reading.block_bytes;
        let end = row.offset.checked_add(row.length);
        let end = end.ok_or("it ends beyond any disk")?;
        let blocks = row.offset / size..end.div_ceil(size);
        if blocks.end - blocks.start > ROW_BLOCKS_MAX {
            let say =
                "it changes more blocks than one command does: raise --block-size if it is true";
            return Err(say.to_owned());
        }
        let interval = self.open.entry(disk).or_insert(Interval {
            number,
            disk,
            ..Interval::default()
        });
        for number in blocks {
            let block: Block = (disk, number);
            let from = (number * size).max(row.offset);
            let bytes = (number * size).saturating_add(size).min(end) - from;
            if row.op == Op::Write {
                interval.unique_bytes += self.coalesced.write(block, bytes, size);
            } else if bytes == size {
                interval.unique_bytes -= self.coalesced.clear(block);
            }
            self.counter.change(block, at);
        }
        if row.op == Op::Write {
            interval.writes += 1;
            interval.written_bytes = interval.written_bytes.saturating_add(row.length);
        } else {
            self.cleared_bytes = self.cleared_bytes.saturating_add(row.length);
        }
        if self.counter.held() > DAY_BLOCKS_MAX {
            let say =
                "too many different blocks in a day: read the trace with a larger --block-size";
            return Err(say.to_owned());
        }
        Ok(())
    }

    fn place(&mut self, disk: u64) -> u32 {
        let next = self.places.len() as u32;
        let place = *self.places.entry(disk).or_insert(next);
        if place == next {
            self.churn.disks.push(disk.to_string());
        }
        place
    }

    /// The interval is over.
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.churn.intervals.extend(open.into_values());
        self.coalesced.begin();
    }

    fn end(mut self, last: u64) -> Result<Recorded> {
        self.close();
        if self.churn.sum(|interval| interval.written_bytes) == 0 {
            let say = "the trace writes nothing: no bandwidth is needed for it";
            return Err(Error::new(ErrorKind::Invalid, say));
        }
        let interval = self.reading.interval_micros;
        self.churn.span_micros = (last / interval + 1).saturating_mul(interval);
        let (unions, sample) = self.counter.end(last);
        Ok(Recorded {
            churn: self.churn,
            unions,
            sample,
            cleared_bytes: self.cleared_bytes,
        })
    }
}
