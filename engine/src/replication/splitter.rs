//! What is written, on its way into batches: a state machine without input or output.
//!
//! A batch takes down a stretch of time: once the other site has it wholly, its disks are as these were at
//! one instant. Writes to the same block within a batch coalesce. Where a write finds no room, its pieces are
//! marked instead, and the batch stays open until every marked piece was read and written into it: the
//! other site stays at the last batch that it has whole.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use crate::format::point::Consistency;
use crate::units::{MIB, Timestamp};

use super::extents::{Extents, Payload, Spot};
use super::maps::{Doubt, Intents, PIECE_BYTES, Pieces};

/// Bytes of content in a part: what is sealed, sent and put at once.
pub const CONTENT_BYTES: u64 = 8 * MIB as u64;
/// Extents of a part: so many small writes, or holes, that an index stays below 2 MiB.
const EXTENTS_MAX: usize = 100_000;

/// A part that was cut off a batch and is to be sealed.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Its batch.
    pub batch: u64,
    /// Its number in it.
    pub part: u32,
    /// Whether it ends the batch: as of when, and what was held still.
    pub end: Option<(Timestamp, Consistency)>,
    /// When what the batch holds was written first.
    pub since: Timestamp,
    /// What was written.
    pub extents: Vec<(Spot, Payload)>,
}

impl Cut {
    /// Bytes that are not zeros.
    fn content_bytes(&self) -> u64 {
        let data = self.extents.iter().map(|(_, payload)| match payload {
            Payload::Data(data) => data.len() as u64,
            Payload::Zeros(_) => 0,
        });
        data.sum()
    }
}

#[derive(Debug)]
struct Maps {
    dirty: Pieces,
    intents: Intents,
    churn: Churn,
}

/// What was written to a disk since it was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Churn {
    /// Writes, zeroes and trims.
    pub writes: u64,
    /// Bytes of them.
    pub written_bytes: u64,
    /// Bytes that were left once batches had coalesced.
    pub unique_bytes: u64,
}

/// The writes of a group that the other site lacks.
#[derive(Debug)]
pub struct Splitter {
    disks: Vec<Maps>,
    open: Extents<Payload>,
    /// Bytes that were written into `open`: what they keep in memory, at most.
    held: u64,
    open_max: u64,
    /// Pieces that were read and whose comparison is not answered: disk and number.
    compared: BTreeSet<(u16, u64)>,
    batch: u64,
    part: u32,
    /// When the open batch got its first write.
    since: Option<Timestamp>,
    cuts: VecDeque<Cut>,
    /// Counts up when all that was cut is void.
    epoch: u64,
    /// What is being sealed: its first part, and when what it holds was written first.
    sealing: Option<((u64, u32), Timestamp)>,
    /// Bytes of its content.
    sealing_bytes: u64,
}

impl Splitter {
    /// Of disks of these sizes, beginning with `batch`; the open one holds so many bytes before it marks pieces
    /// instead.
    pub fn new(sizes: &[u64], batch: u64, open_max: u64) -> Self {
        let maps = sizes.iter().map(|size| Maps {
            dirty: Pieces::of(*size),
            intents: Intents::of(*size),
            churn: Churn::default(),
        });
        Self {
            disks: maps.collect(),
            open: Extents::default(),
            held: 0,
            // Less, and no marked piece could ever be read.
            open_max: open_max.max(4 * PIECE_BYTES),
            compared: BTreeSet::new(),
            batch,
            part: 0,
            since: None,
            cuts: VecDeque::new(),
            epoch: 0,
            sealing: None,
            sealing_bytes: 0,
        }
    }

    /// The open batch.
    pub fn batch(&self) -> u64 {
        self.batch
    }

    /// The next part of the open batch.
    pub fn part(&self) -> u32 {
        self.part
    }

    /// The other site goes on from another place than was thought: with this part of this batch. What was
    /// cut is void; what is open stays.
    pub fn go_on_from(&mut self, batch: u64, part: u32) {
        (self.batch, self.part) = (batch, part);
        for maps in &mut self.disks {
            maps.intents.defer(batch);
        }
        self.cuts.clear();
        (self.sealing, self.sealing_bytes) = (None, 0);
        self.epoch += 1;
    }

    /// Tells parts that were cut before everything was void from those that count.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A write is about to reach the disk. Gives which bytes of the intent map are to be kept before, if any.
    pub fn intend(&mut self, (disk, offset): Spot, length: u64) -> Option<Range<usize>> {
        let batch = self.batch;
        let maps = self.disks.get_mut(usize::from(disk))?;
        maps.intents.mark(offset, length, batch)
    }

    /// Takes a write down, before it reaches the disk. False if it found no room and only marked its pieces.
    pub fn record(&mut self, (disk, offset): Spot, payload: Payload, now: Timestamp) -> bool {
        let length = super::extents::Content::length(&payload);
        let maps = &mut self.disks[usize::from(disk)];
        maps.churn.writes += 1;
        maps.churn.written_bytes += length;
        self.since.get_or_insert(now);
        if maps.dirty.covers(offset, length) {
            // It will be read from the disk; whether the two were the same no longer matters.
            maps.dirty.mark(offset, length, Doubt::Written);
            return true;
        }
        let held = match &payload {
            Payload::Data(data) => data.len() as u64,
            Payload::Zeros(_) => 0,
        };
        if self.held + held > self.open_max || self.open.len() >= 8 * EXTENTS_MAX {
            maps.dirty.mark(offset, length, Doubt::Written);
            return false;
        }
        self.held += held;
        self.open.put((disk, offset), payload);
        true
    }

    /// Marks a stretch that the other site may lack since some time after `since`. The intent map is to be kept
    /// afterwards.
    pub fn suspect(&mut self, (disk, offset): Spot, length: u64, since: Timestamp) {
        self.since = Some(self.since.map_or(since, |known| known.min(since)));
        let batch = self.batch;
        let maps = &mut self.disks[usize::from(disk)];
        maps.dirty.mark(offset, length, Doubt::Suspect);
        // Where it is in the map already it stays there until this batch is confirmed.
        let _new = maps.intents.mark(offset, length, batch);
    }

    /// Marks a stretch of which nobody knows what the disk has.
    pub fn mark(&mut self, (disk, offset): Spot, length: u64, doubt: Doubt, now: Timestamp) {
        self.since.get_or_insert(now);
        let batch = self.batch;
        let maps = &mut self.disks[usize::from(disk)];
        maps.dirty.mark(offset, length, doubt);
        // It was marked before it was written; the batch that will have it may be a later one.
        let _kept = maps.intents.mark(offset, length, batch);
    }

    /// The next marked piece, if the open batch has room for it: its disk, offset and length. The caller takes
    /// it while no one writes there.
    pub fn marked(&mut self) -> Option<(u16, u64, u64)> {
        if self.held + PIECE_BYTES > self.open_max / 2 {
            return None;
        }
        self.disks.iter_mut().enumerate().find_map(|(disk, maps)| {
            let (piece, _) = maps.dirty.next_marked()?;
            let (offset, length) = maps.dirty.span(piece);
            Some((disk as u16, offset, length))
        })
    }

    /// What is known of a piece, if it is marked.
    pub fn doubt(&self, (disk, offset): Spot) -> Option<Doubt> {
        self.disks[usize::from(disk)]
            .dirty
            .doubt(offset / PIECE_BYTES)
    }

    /// A marked piece was read from its disk, and is to be sent.
    pub fn take(&mut self, (disk, offset): Spot, payload: Payload) {
        self.unmark((disk, offset));
        if let Payload::Data(data) = &payload {
            self.held += data.len() as u64;
        }
        self.open.put((disk, offset), payload);
    }

    /// A marked piece was read from its disk, and is being compared.
    pub fn compare(&mut self, (disk, offset): Spot) {
        self.unmark((disk, offset));
        self.compared.insert((disk, offset / PIECE_BYTES));
    }

    fn unmark(&mut self, (disk, offset): Spot) {
        self.disks[usize::from(disk)]
            .dirty
            .clear(offset / PIECE_BYTES);
    }

    /// A comparison was answered; pieces that differ are marked as written.
    pub fn answered(&mut self, disk: u16, compared: &[u64], differing: &[u64]) {
        for piece in compared {
            self.compared.remove(&(disk, *piece));
        }
        let Some(maps) = self.disks.get_mut(usize::from(disk)) else {
            return;
        };
        for piece in differing {
            let offset = piece.saturating_mul(PIECE_BYTES);
            maps.dirty.mark(offset, PIECE_BYTES, Doubt::Written);
        }
    }

    /// Whom was asked went away: what was being compared is to be compared again.
    pub fn compare_again(&mut self) {
        for (disk, piece) in std::mem::take(&mut self.compared) {
            let maps = &mut self.disks[usize::from(disk)];
            maps.dirty
                .mark(piece * PIECE_BYTES, PIECE_BYTES, Doubt::Suspect);
        }
    }

    /// Pieces that are marked or being compared: as long as there are any, no batch ends.
    pub fn lacking(&self) -> u64 {
        self.compared.len() as u64
            + self
                .disks
                .iter()
                .map(|maps| maps.dirty.count())
                .sum::<u64>()
    }

    /// Whether enough was written for a part, whether the batch can end or not.
    pub fn is_ample(&self) -> bool {
        self.held >= CONTENT_BYTES || self.open.len() >= EXTENTS_MAX
    }

    /// Whether nothing was written since the last batch ended.
    pub fn is_idle(&self) -> bool {
        self.open.is_empty() && self.part == 0 && self.since.is_none() && self.lacking() == 0
    }

    /// Bytes of content that are not sealed.
    pub fn unsealed_bytes(&self) -> u64 {
        let waiting = self.cuts.iter().map(Cut::content_bytes).sum::<u64>();
        self.held + waiting + self.sealing_bytes
    }

    /// When the oldest write was made that is not sealed, where there is one.
    pub fn oldest(&self) -> Option<Timestamp> {
        let cut = self.cuts.front().map(|cut| cut.since);
        let sealing = self.sealing.map(|(_, since)| since);
        [sealing, cut, self.since].into_iter().flatten().min()
    }

    /// Cuts what is open into parts. They end the batch, as of `now`, if nothing is lacking and `end` is asked
    /// for; an empty batch ends only where it has parts already, something was suspect, or `even_empty`.
    pub fn cut(&mut self, now: Timestamp, end: Option<Consistency>, even_empty: bool) {
        let end = end.filter(|_| self.lacking() == 0);
        let nothing = self.open.is_empty();
        // What was in doubt and found equal leaves a batch that is empty and has begun.
        let begun = self.part > 0 || self.since.is_some();
        if nothing && (end.is_none() || !(begun || even_empty)) {
            return;
        }
        let since = self.since.unwrap_or(now);
        let list = std::mem::take(&mut self.open).into_list();
        self.held = 0;
        for ((disk, _), payload) in &list {
            let length = super::extents::Content::length(payload);
            self.disks[usize::from(*disk)].churn.unique_bytes += length;
        }
        let mut parts = divide(list);
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        let last = parts.len() - 1;
        for (turn, extents) in parts.into_iter().enumerate() {
            let ends = end.filter(|_| turn == last);
            self.cuts.push_back(Cut {
                batch: self.batch,
                part: self.part,
                end: ends.map(|consistency| (now, consistency)),
                since,
                extents,
            });
            self.part += 1;
        }
        if end.is_some() {
            (self.batch, self.part, self.since) = (self.batch + 1, 0, None);
        }
    }

    /// The next part to be sealed.
    pub fn next_cut(&mut self) -> Option<Cut> {
        let cut = self.cuts.pop_front()?;
        self.sealing
            .get_or_insert(((cut.batch, cut.part), cut.since));
        self.sealing_bytes += cut.content_bytes();
        Some(cut)
    }

    /// What was being sealed is in the journal, or void.
    pub fn sealed(&mut self) {
        (self.sealing, self.sealing_bytes) = (None, 0);
    }

    /// The first part that was cut and is not in the journal yet.
    pub fn first_cut(&self) -> Option<(u64, u32)> {
        let waiting = self.cuts.front().map(|cut| (cut.batch, cut.part));
        self.sealing.map(|(part, _)| part).or(waiting)
    }

    /// The other site has all up to `batch`. Gives the disks whose intent maps changed.
    pub fn confirm(&mut self, batch: u64, busy: impl Fn(Spot, u64) -> bool) -> Vec<u16> {
        let disks = self.disks.iter_mut().enumerate();
        let changed = disks.filter_map(|(disk, maps)| {
            let disk = disk as u16;
            let busy = |offset, length| busy((disk, offset), length);
            maps.intents.confirm(batch, busy).then_some(disk)
        });
        changed.collect()
    }

    /// Bytes in regions that a crash now would have compared.
    pub fn intended_bytes(&self) -> u64 {
        self.disks
            .iter()
            .map(|maps| maps.intents.marked_bytes())
            .sum()
    }

    /// A disk's intent map.
    pub fn intents(&mut self, disk: u16) -> &mut Intents {
        &mut self.disks[usize::from(disk)].intents
    }

    /// Takes up a disk's intent map as a crash left it: its regions are suspect.
    pub fn recover(&mut self, disk: u16, bits: &[u8], since: Timestamp) {
        let regions = self.disks[usize::from(disk)].intents.recover(bits);
        for offset in regions {
            self.suspect((disk, offset), super::maps::REGION_BYTES, since);
        }
    }

    /// Every region that was written and is not confirmed is suspect.
    pub fn suspect_intended(&mut self, since: Timestamp) {
        for disk in 0..self.disks.len() {
            let bits = self.disks[disk].intents.bits().to_vec();
            self.recover(disk as u16, &bits, since);
        }
    }

    /// Which pieces of a stretch the other site lacks: runs of bytes, and whether they are lacking. What was
    /// written and is on its way counts as there.
    pub fn lacking_runs(&self, (disk, offset): Spot, length: u64) -> Vec<(u64, bool)> {
        let maps = &self.disks[usize::from(disk)];
        let (mut at, end) = (offset, offset + length);
        let mut runs: Vec<(u64, bool)> = Vec::new();
        while at < end {
            let next = ((at / PIECE_BYTES + 1) * PIECE_BYTES).min(end);
            let lacking =
                maps.dirty.covers(at, next - at) || !self.open.within(disk, at, next).is_empty();
            match runs.last_mut() {
                Some(run) if run.1 == lacking => run.0 += next - at,
                _ => runs.push((next - at, lacking)),
            }
            at = next;
        }
        runs
    }

    /// What was written to each disk since this was asked last.
    pub fn take_churn(&mut self) -> Vec<Churn> {
        let churn = self.disks.iter_mut();
        churn.map(|maps| std::mem::take(&mut maps.churn)).collect()
    }
}

/// Cuts a list of extents into parts that are not too large.
fn divide(list: Vec<(Spot, Payload)>) -> Vec<Vec<(Spot, Payload)>> {
    use super::extents::Content;
    let mut parts = Vec::new();
    let (mut part, mut bytes) = (Vec::new(), 0);
    for ((disk, offset), payload) in list {
        let (mut from, length) = (0, payload.length());
        while from < length {
            let step = match &payload {
                Payload::Data(_) => (length - from).min(CONTENT_BYTES - bytes),
                Payload::Zeros(_) => length - from,
            };
            part.push(((disk, offset + from), payload.part(from, from + step)));
            bytes += if matches!(payload, Payload::Data(_)) {
                step
            } else {
                0
            };
            from += step;
            if bytes == CONTENT_BYTES || part.len() == EXTENTS_MAX {
                parts.push(std::mem::take(&mut part));
                bytes = 0;
            }
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{Payload, Splitter};
    use crate::format::point::Consistency;
    use crate::units::Timestamp;

    #[test]
    fn what_was_written_counts_until_it_is_sealed() {
        let mut splitter = Splitter::new(&[1 << 20], 1, u64::MAX);
        let now = Timestamp::default();
        for (offset, payload) in [
            (0, Payload::Data(vec![7; 4096].into())),
            (65_536, Payload::Zeros(4096)),
        ] {
            splitter.record((0, offset), payload, now);
            assert_eq!(splitter.unsealed_bytes(), 4096);
        }
        splitter.cut(now, Some(Consistency::Crash), false);
        assert_eq!(splitter.unsealed_bytes(), 4096);
        splitter.next_cut().expect("a part");
        assert_eq!(splitter.unsealed_bytes(), 4096);
        splitter.sealed();
        assert_eq!(splitter.unsealed_bytes(), 0);
    }
}
