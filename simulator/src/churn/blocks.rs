//! Which blocks are written: each once within an interval, and how many different ones within longer windows.

use std::collections::{BTreeMap, HashMap};

use crate::scenario::{DAY, HOUR, MINUTE};

/// A block: its disk and its number there.
pub(super) type Block = (u32, u64);

/// Windows of which the different blocks are counted; each divides the next but for 15 minutes, and all divide a day.
const WIDTHS: [u64; 8] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    12 * HOUR,
    DAY,
];

/// The blocks of the interval that is going on, each with the bytes that have to be sent of it.
#[derive(Debug, Default)]
pub(super) struct Coalesced(HashMap<Block, u64>);

impl Coalesced {
    /// A write touches `bytes` of a block; gives by how much more has to be sent.
    pub(super) fn write(&mut self, block: Block, bytes: u64, block_bytes: u64) -> u64 {
        let sent = self.0.entry(block).or_default();
        let before = *sent;
        *sent = before.saturating_add(bytes).min(block_bytes);
        *sent - before
    }

    /// A whole block is zero or forgotten; gives by how much less has to be sent.
    pub(super) fn clear(&mut self, block: Block) -> u64 {
        self.0.remove(&block).unwrap_or_default()
    }

    /// The interval is over.
    pub(super) fn begin(&mut self) {
        self.0.clear();
    }
}

/// Different blocks in windows from time 0 on, one behind the other; a last, incomplete window does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unions {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// By width; only those of which there is a complete window.
    pub widths: Vec<Windows>,
    /// The different blocks of all that was watched, in bytes, where it was no longer than a day.
    pub all_bytes: Option<u64>,
    /// How long was watched.
    pub span_micros: u64,
    /// Whether blocks were told apart: without it, windows hold sums, and no less than the truth.
    pub exact: bool,
}

/// All complete windows of one width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// How long a window is.
    pub micros: u64,
    /// The different blocks in each, in bytes.
    pub bytes: Vec<u64>,
}

/// Counts them as time goes on.
#[derive(Debug)]
pub(super) struct Counter {
    block_bytes: u64,
    /// When each block of the day that is going on was last changed.
    changed: HashMap<Block, u64>,
    day: u64,
    days_before: bool,
    blocks: [Vec<u64>; WIDTHS.len()],
    sample: Sample,
}

/// Some of all blocks, each as likely as another and the same in every run: those whose mixed numbers are the lowest.
#[derive(Debug)]
struct Sample {
    most: usize,
    blocks: BTreeMap<u64, Block>,
}

impl Counter {
    /// Counts blocks, and keeps so many as a sample.
    pub(super) fn new(block_bytes: u64, sample: usize) -> Self {
        Self {
            block_bytes,
            changed: HashMap::new(),
            day: 0,
            days_before: false,
            blocks: Default::default(),
            sample: Sample {
                most: sample,
                blocks: BTreeMap::new(),
            },
        }
    }

    /// A block changes.
    pub(super) fn change(&mut self, block: Block, at: u64) {
        if at / DAY != self.day {
            // No window reaches over the end of a day.
            self.changed.clear();
            (self.day, self.days_before) = (at / DAY, true);
        }
        let before = self.changed.insert(block, at);
        if before.is_none() {
            self.sample.offer(block);
        }
        for (width, blocks) in WIDTHS.iter().zip(&mut self.blocks) {
            let window = at / width;
            if before.is_none_or(|before| before / width != window) {
                let window = window as usize;
                if blocks.len() <= window {
                    blocks.resize(window + 1, 0);
                }
                blocks[window] += 1;
            }
        }
    }

    /// Blocks held in memory.
    pub(super) fn held(&self) -> usize {
        self.changed.len()
    }

    /// What was counted up to `until`, and the sample.
    pub(super) fn end(self, until: u64) -> (Unions, Vec<Block>) {
        let all = (self.changed.len() as u64).saturating_mul(self.block_bytes);
        let widths = WIDTHS.iter().zip(self.blocks);
        let widths = widths.map(|(width, mut blocks)| {
            blocks.resize((until / width) as usize, 0);
            let bytes = blocks.iter().map(|blocks| blocks * self.block_bytes);
            Windows {
                micros: *width,
                bytes: bytes.collect(),
            }
        });
        let unions = Unions {
            block_bytes: self.block_bytes,
            widths: widths.filter(|windows| !windows.bytes.is_empty()).collect(),
            all_bytes: (!self.days_before).then_some(all),
            span_micros: until,
            exact: true,
        };
        (unions, self.sample.blocks.into_values().collect())
    }
}

impl Unions {
    /// Windows of sums, for what tells no blocks: `changes` are instants and bytes, by rising time.
    pub(super) fn of_sums(changes: &[(u64, u64)], interval: u64, until: u64) -> Self {
        let wide = WIDTHS.iter().filter(|width| **width >= interval);
        let widths = wide.map(|width| {
            let mut bytes = vec![0_u64; (until / width) as usize];
            for (at, more) in changes {
                if let Some(sum) = bytes.get_mut((at / width) as usize) {
                    *sum = sum.saturating_add(*more);
                }
            }
            Windows {
                micros: *width,
                bytes,
            }
        });
        let sums = changes.iter().map(|(_, bytes)| *bytes);
        Self {
            block_bytes: 1,
            widths: widths.filter(|windows| !windows.bytes.is_empty()).collect(),
            all_bytes: Some(sums.fold(0, u64::saturating_add)),
            span_micros: until,
            exact: false,
        }
    }
}

impl Windows {
    /// Different bytes of a window in the mean.
    pub fn mean(&self) -> u64 {
        let sum: u128 = self.bytes.iter().map(|bytes| u128::from(*bytes)).sum();
        u64::try_from(sum / self.bytes.len().max(1) as u128).unwrap_or(u64::MAX)
    }
}

impl Sample {
    fn offer(&mut self, block: Block) {
        if self.most == 0 {
            return;
        }
        self.blocks.insert(mixed(block), block);
        if self.blocks.len() > self.most {
            self.blocks.pop_last();
        }
    }
}

/// A number that tells nothing of the block's place: the finish of Steele, Lea and Flood's `SplitMix64` (OOPSLA 2014).
fn mixed((disk, block): Block) -> u64 {
    let mut mixed = block ^ u64::from(disk).rotate_left(48);
    mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
