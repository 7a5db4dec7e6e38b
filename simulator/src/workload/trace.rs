//! A recorded block trace: which blocks are written when, again and again.

use std::fs::File;
use std::path::Path;

use engine::error::{Error, Result};

use super::rows::{Op, Rows};

/// Lines read at most.
const LINES_MAX: u64 = 50_000_000;

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
        Self::gather(Rows::new(&name(), file, gzipped), blocks, block_bytes, tick)
    }

    fn gather(mut rows: Rows, blocks: u32, block_bytes: u64, tick: u64) -> Result<Self> {
        let (blocks, block_bytes) = (u64::from(blocks.max(1)), block_bytes.max(1));
        let mut writes: Vec<(u64, Vec<u32>)> = Vec::new();
        let mut last = 0;
        while let Some(row) = rows.next_row()? {
            if row.line > LINES_MAX {
                return Err(rows.wrong(row.line, "more lines than are read"));
            }
            last = row.at_micros.max(last);
            let (offset, length) = (row.offset, row.length);
            if row.op == Op::Other || length == 0 {
                continue;
            }
            // Disks lie one behind the other, half a disk apart: what they share is rare.
            let behind = row.disk.saturating_mul(blocks / 2);
            let from = (offset / block_bytes).saturating_add(behind);
            let until = (offset.saturating_add(length - 1) / block_bytes).saturating_add(behind);
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
    use super::{Rows, Trace};

    const TEXT: &str = "time_us,disk,op,offset,length\n0,0,W,0,8192\n5,0,R,0,4096\n\
                        1200000,0,W,4096,1\n2500000,0,F,0,0\n";

    fn parse(text: &'static str) -> engine::Result<Trace> {
        let rows = Rows::new("trace t", text.as_bytes(), false);
        Trace::gather(rows, 8, 4096, 1_000_000)
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
