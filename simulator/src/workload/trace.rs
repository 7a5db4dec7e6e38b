//! A recorded block trace: which blocks are written when, again and again.
//!
//! The format is that of `data/traces`: CSV, gzipped if the name ends in `.gz`, with the columns `time_us`,
//! `disk`, `op` (`W` write, `Z` write zeroes, `D` trim; others change nothing), `offset` and `length` in bytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use engine::error::{Error, ErrorKind, Result};
use flate2::read::MultiGzDecoder;

/// Lines read at most.
const LINES_MAX: usize = 50_000_000;

/// Written blocks by time.
#[derive(Debug)]
pub struct Trace {
    /// When, and which; by rising time.
    writes: Vec<(u64, Vec<u32>)>,
    /// After so long it begins again.
    length: u64,
    block_bytes: u64,
}

impl Trace {
    /// Reads a trace for a disk of `blocks` blocks of `block_bytes`; what lies beyond wraps round. Writes are
    /// gathered by `tick` microseconds.
    ///
    /// # Errors
    /// `NotFound` for the file, `Invalid` with the line for what is no trace.
    pub fn read(path: &Path, blocks: u32, block_bytes: u64, tick: u64) -> Result<Self> {
        let name = || format!("trace {}", path.display());
        let file = File::open(path).map_err(|error| Error::from_io(name(), error))?;
        let gzipped = path.extension().is_some_and(|extension| extension == "gz");
        let reader: Box<dyn Read> = if gzipped {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        Self::parse(&name(), BufReader::new(reader), blocks, block_bytes, tick)
    }

    fn parse(
        name: &str,
        reader: impl BufRead,
        blocks: u32,
        block_bytes: u64,
        tick: u64,
    ) -> Result<Self> {
        let wrong = |line: usize, why: &str| {
            let say = format!(
                "{name}: line {line}: {why}; a trace has the columns time_us,disk,op,offset,length"
            );
            Error::new(ErrorKind::Invalid, say)
        };
        let (blocks, block_bytes) = (u64::from(blocks.max(1)), block_bytes.max(1));
        let mut writes: Vec<(u64, Vec<u32>)> = Vec::new();
        let mut last = 0;
        for (number, line) in reader.lines().enumerate() {
            let line = line.map_err(|error| Error::from_io(name, error))?;
            if number == 0 && line.starts_with("time_us") || line.is_empty() {
                continue;
            }
            if number > LINES_MAX {
                return Err(wrong(number + 1, "more lines than are read"));
            }
            let fields: Vec<&str> = line.split(',').collect();
            let [time, disk, op, offset, length] = fields[..] else {
                return Err(wrong(number + 1, "it has not five columns"));
            };
            let at: Option<u64> = time.parse().ok();
            let (offset, length) = (offset.parse().ok(), length.parse().ok());
            let disk: Option<u64> = disk.parse().ok();
            let (Some(at), Some(offset), Some(length), Some(disk)): (
                _,
                Option<u64>,
                Option<u64>,
                _,
            ) = (at, offset, length, disk) else {
                return Err(wrong(number + 1, "a column that is no number"));
            };
            last = at.max(last);
            if !matches!(op, "W" | "Z" | "D") || length == 0 {
                continue;
            }
            // Disks lie one behind the other, half a disk apart: what they share is rare.
            let from = offset / block_bytes + disk * (blocks / 2);
            let until = offset.saturating_add(length - 1) / block_bytes + disk * (blocks / 2);
            let touched = (from..=until).take(blocks as usize);
            let touched = touched.map(|block| (block % blocks) as u32);
            let when = last / tick * tick;
            match writes.last_mut() {
                Some((at, list)) if *at == when => list.extend(touched),
                _ => writes.push((when, touched.collect())),
            }
        }
        for (_, list) in &mut writes {
            list.sort_unstable();
            list.dedup();
        }
        Ok(Self {
            writes,
            length: (last / tick + 1) * tick,
            block_bytes,
        })
    }

    /// Bytes of a block.
    pub fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    /// Blocks written from `from` on before `until`, which are a tick apart.
    pub fn written(&self, from: u64, until: u64) -> impl Iterator<Item = &u32> {
        let at = from % self.length;
        let first = self.writes.partition_point(|(when, _)| *when < at);
        let within = self.writes[first..].iter();
        let within = within.take_while(move |(when, _)| *when < at + (until - from));
        within.flat_map(|(_, blocks)| blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::Trace;

    const TEXT: &str = "time_us,disk,op,offset,length\n0,0,W,0,8192\n5,0,R,0,4096\n\
                        1200000,0,W,4096,1\n2500000,0,F,0,0\n";

    fn parse(text: &str) -> engine::Result<Trace> {
        Trace::parse("trace t", text.as_bytes(), 8, 4096, 1_000_000)
    }

    #[test]
    fn it_gathers_by_tick_and_begins_again() {
        let trace = parse(TEXT).expect("a trace");
        let of = |tick: u64| -> Vec<u32> {
            trace
                .written(tick * 1_000_000, (tick + 1) * 1_000_000)
                .copied()
                .collect()
        };
        assert_eq!([of(0), of(1), of(2)], [vec![0, 1], vec![1], vec![]]);
        assert_eq!([of(3), of(4)], [vec![0, 1], vec![1]]);
    }

    #[test]
    fn what_is_no_trace_is_told_by_its_line() {
        let error = parse("time_us,disk,op,offset,length\n1,2,W\n").expect_err("no trace");
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
