//! Sealed parts that the other site has not confirmed, in order: in memory, and beyond that in the state's
//! store. Bounded: when it is full nothing is added, and the splitter marks pieces instead.

use std::collections::VecDeque;

use bytes::Bytes;
use object_store::path::Path;

use crate::units::Timestamp;

use super::source::Settings;

/// Where a part's bytes are.
#[derive(Clone, Debug)]
pub enum Body {
    /// Here.
    Memory(Bytes),
    /// In the store, which may have spoilt it since: its BLAKE3.
    Kept(Path, blake3::Hash),
}

/// A sealed part on its way.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its batch.
    pub batch: u64,
    /// Its number in it.
    pub part: u32,
    /// As of when the batch ends with it, if it does.
    pub end: Option<Timestamp>,
    /// When what the batch holds was written first.
    pub since: Timestamp,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its bytes.
    pub body: Body,
}

/// The journal.
#[derive(Debug)]
pub struct Journal {
    entries: VecDeque<Entry>,
    memory: u64,
    kept: u64,
    limit: u64,
    /// Bytes in memory; newer parts beyond that are put into the store.
    memory_max: u64,
    /// The last batch that the other site has, and the parts of the next.
    confirmed: (u64, u32),
    /// What was sent so far, counted likewise.
    sent: (u64, u32),
    /// When the last confirmed batch was captured.
    captured: Option<Timestamp>,
}

impl Journal {
    /// An empty one that takes as many bytes as `settings` say; `confirmed` is the last batch
    /// that the other site has, as of `captured` where that is known.
    pub fn new(settings: Settings, confirmed: u64, captured: Option<Timestamp>) -> Self {
        Self {
            entries: VecDeque::new(),
            memory: 0,
            kept: 0,
            limit: settings.journal_bytes,
            memory_max: settings.memory_bytes,
            confirmed: (confirmed, 0),
            sent: (confirmed, 0),
            captured,
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it takes more.
    pub fn has_room(&self) -> bool {
        self.memory + self.kept < self.limit.max(self.memory_max)
            && self.memory < 2 * self.memory_max
    }

    /// Adds a part that was just sealed.
    pub fn push(&mut self, entry: Entry) {
        self.memory += entry.bytes;
        self.entries.push_back(entry);
    }

    /// The newest part in memory if there are too many: it is to be kept in the store. The oldest are on their way,
    /// and gone from memory first.
    pub fn to_keep(&self) -> Option<(u64, u32, Bytes)> {
        if self.memory <= self.memory_max {
            return None;
        }
        self.entries
            .iter()
            .rev()
            .find_map(|entry| match &entry.body {
                Body::Memory(bytes) => Some((entry.batch, entry.part, bytes.clone())),
                Body::Kept(..) => None,
            })
    }

    /// A part is in the store now. False where it is no longer wanted.
    pub fn keep(&mut self, (batch, part): (u64, u32), kept: (Path, blake3::Hash)) -> bool {
        let found = self
            .entries
            .iter_mut()
            .find(|entry| (entry.batch, entry.part) == (batch, part));
        let Some(entry) = found else {
            return false;
        };
        entry.body = Body::Kept(kept.0, kept.1);
        self.memory -= entry.bytes;
        self.kept += entry.bytes;
        true
    }

    /// The part after those up to `(batch, part)`, if it is there.
    pub fn next(&self, from: (u64, u32)) -> Option<&Entry> {
        let at = self
            .entries
            .partition_point(|entry| (entry.batch, entry.part) < from);
        self.entries.get(at)
    }

    /// The other site has everything up to `batch`, and `parts` of the next. Gives what can be removed from the
    /// store.
    pub fn confirm(&mut self, batch: u64, parts: u32) -> Vec<Path> {
        let mut gone = Vec::new();
        self.confirmed = self.confirmed.max((batch, parts));
        while let Some(entry) = self.entries.front() {
            let there = entry.batch <= batch || (entry.batch == batch + 1 && entry.part < parts);
            if !there {
                break;
            }
            if let Some(end) = entry.end {
                self.captured = Some(end);
            }
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            match entry.body {
                Body::Memory(_) => self.memory -= entry.bytes,
                Body::Kept(at, _) => {
                    self.kept -= entry.bytes;
                    gone.push(at);
                }
            }
        }
        gone
    }

    /// Nothing was written since the last batch, which the other site has: it is as of `until`.
    pub fn idle(&mut self, until: Timestamp) {
        self.captured = self.captured.max(Some(until));
    }

    /// The other site tells as of when its newest point is.
    pub fn told(&mut self, captured: Option<Timestamp>) {
        self.captured = captured;
    }

    /// A part goes on its way.
    pub fn sends(&mut self, (batch, part): (u64, u32), ends: bool) {
        let sent = if ends {
            (batch, 0)
        } else {
            (batch.saturating_sub(1), part + 1)
        };
        self.sent = self.sent.max(sent);
    }

    /// Whether the other site may have this from here: beyond it is what an earlier run of this site sent, under
    /// numbers that this one gave again.
    pub fn reaches(&self, batch: u64, parts: u32) -> bool {
        (batch, parts) <= self.confirmed.max(self.sent)
    }

    /// What the other site has.
    pub fn confirmed(&self) -> (u64, u32) {
        self.confirmed
    }

    /// As of when the last batch is that the other site has, where one was confirmed.
    pub fn captured(&self) -> Option<Timestamp> {
        self.captured
    }

    /// When the oldest part that is not confirmed was begun.
    pub fn since(&self) -> Option<Timestamp> {
        self.entries.front().map(|entry| entry.since)
    }

    /// Sealed bytes that are not confirmed: in memory, in the store.
    pub fn bytes(&self) -> (u64, u64) {
        (self.memory, self.kept)
    }

    /// All of it is void. Gives what can be removed from the store.
    pub fn void(&mut self, batch: u64, parts: u32) -> Vec<Path> {
        let gone = self.entries.drain(..).filter_map(|entry| match entry.body {
            Body::Memory(_) => None,
            Body::Kept(at, _) => Some(at),
        });
        let gone = gone.collect();
        (self.memory, self.kept) = (0, 0);
        (self.confirmed, self.sent) = ((batch, parts), (batch, parts));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of one part, as long as the memory of four.
    fn filled(parts: u64) -> Journal {
        let settings = Settings {
            memory_bytes: 4,
            journal_bytes: 100,
            ..Settings::default()
        };
        let mut journal = Journal::new(settings, 0, None);
        for batch in 1..=parts {
            let at = Timestamp::from_nanoseconds(batch.into());
            journal.push(Entry {
                batch,
                part: 0,
                end: Some(at),
                since: at,
                bytes: 1,
                body: Body::Memory(Bytes::from_static(b"1")),
            });
            while let Some((batch, part, _)) = journal.to_keep() {
                let at = Path::from(batch.to_string());
                assert!(journal.keep((batch, part), (at, blake3::hash(b"1"))));
            }
        }
        journal
    }

    fn is_kept(journal: &Journal, batch: u64) -> bool {
        let entry = journal.next((batch, 0)).expect("it is there");
        assert_eq!(entry.batch, batch);
        matches!(entry.body, Body::Kept(..))
    }

    #[test]
    fn what_is_sent_next_stays_in_memory() {
        let mut journal = filled(6);
        assert_eq!(journal.bytes(), (4, 2));
        for batch in 1..=6 {
            assert_eq!(is_kept(&journal, batch), batch > 4, "{batch}");
        }
        let gone = journal.confirm(5, 0);
        assert_eq!(gone, [Path::from("5")]);
        assert_eq!(journal.bytes(), (0, 1));
    }
}
