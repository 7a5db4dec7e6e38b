//! What was written where, the newest on top: overwrites within it coalesce.

use std::collections::BTreeMap;

use bytes::Bytes;

/// Something that fills a stretch of a disk and can be cut.
pub trait Content: Clone {
    /// Bytes of the disk that it fills.
    fn length(&self) -> u64;
    /// The part from `from` up to `until`.
    #[must_use]
    fn part(&self, from: u64, until: u64) -> Self;
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// These bytes.
    Data(Bytes),
    /// So many zeros: written, or trimmed.
    Zeros(u64),
}

impl Content for Payload {
    fn length(&self) -> u64 {
        match self {
            Self::Data(data) => data.len() as u64,
            Self::Zeros(length) => *length,
        }
    }

    fn part(&self, from: u64, until: u64) -> Self {
        match self {
            Self::Data(data) => Self::Data(data.slice(from as usize..until as usize)),
            Self::Zeros(_) => Self::Zeros(until - from),
        }
    }
}

/// A disk of the group, and an offset in it.
pub type Spot = (u16, u64);

/// What was written to the disks of a group, without overlaps.
#[derive(Clone, Debug)]
pub struct Extents<C> {
    map: BTreeMap<Spot, C>,
}

impl<C> Default for Extents<C> {
    fn default() -> Self {
        Self {
            map: BTreeMap::new(),
        }
    }
}

impl<C: Content> Extents<C> {
    /// Writes: what was there before is gone.
    pub fn put(&mut self, (disk, offset): Spot, content: C) {
        let end = offset + content.length();
        if offset == end {
            return;
        }
        self.clear(disk, offset, end);
        self.map.insert((disk, offset), content);
    }

    /// Takes away what lies from `offset` up to `end`.
    fn clear(&mut self, disk: u16, offset: u64, end: u64) {
        let before = self.map.range(..(disk, offset)).next_back();
        if let Some((&(at, start), content)) = before
            && at == disk
            && start + content.length() > offset
        {
            let (content, stop) = (content.clone(), start + content.length());
            self.map
                .insert((disk, start), content.part(0, offset - start));
            if stop > end {
                let rest = content.part(end - start, stop - start);
                self.map.insert((disk, end), rest);
                return;
            }
        }
        while let Some((&(_, start), _)) = self.map.range((disk, offset)..(disk, end)).next() {
            let Some(content) = self.map.remove(&(disk, start)) else {
                return;
            };
            let stop = start + content.length();
            if stop > end {
                let rest = content.part(end - start, stop - start);
                self.map.insert((disk, end), rest);
            }
        }
    }

    /// What was written, by disk and offset.
    pub fn iter(&self) -> impl Iterator<Item = (Spot, &C)> {
        self.map.iter().map(|(spot, content)| (*spot, content))
    }

    /// What fills a stretch, in order: each with its offset; gaps are left out.
    pub fn within(&self, disk: u16, offset: u64, end: u64) -> Vec<(u64, C)> {
        let mut found = Vec::new();
        let before = self.map.range(..(disk, offset)).next_back();
        let before = before.filter(|((at, _), _)| *at == disk);
        let run = self.map.range((disk, offset)..(disk, end));
        for ((_, start), content) in before.into_iter().chain(run) {
            let (from, until) = (offset.max(*start), end.min(start + content.length()));
            if from < until {
                found.push((from, content.part(from - start, until - start)));
            }
        }
        found
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// How many stretches there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// All of it, by disk and offset.
    pub fn into_list(self) -> Vec<(Spot, C)> {
        self.map.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{Content, Extents, Payload};

    proptest! {
        /// Whatever is written over whatever, what is there is what was written last.
        #[test]
        fn the_newest_write_is_on_top(writes in prop::collection::vec((0_u16..2, 0_u64..64, 0_u64..24, any::<bool>()), 0..40)) {
            let mut extents = Extents::default();
            let mut disks = [[None; 88]; 2];
            for (number, (disk, offset, length, zeros)) in writes.into_iter().enumerate() {
                let byte = number as u8 + 1;
                let payload = if zeros {
                    Payload::Zeros(length)
                } else {
                    Payload::Data(Bytes::from(vec![byte; length as usize]))
                };
                extents.put((disk, offset), payload);
                let value = Some(if zeros { 0 } else { byte });
                disks[usize::from(disk)][offset as usize..(offset + length) as usize].fill(value);
            }
            let mut found = [[None; 88]; 2];
            for ((disk, offset), content) in extents.iter() {
                for at in offset..offset + content.length() {
                    let byte = match content {
                        Payload::Data(data) => data[(at - offset) as usize],
                        Payload::Zeros(_) => 0,
                    };
                    let spot = &mut found[usize::from(disk)][at as usize];
                    prop_assert!(spot.is_none(), "an overlap");
                    *spot = Some(byte);
                }
            }
            prop_assert_eq!(found, disks);
            let within = extents.within(1, 20, 50);
            let bytes: u64 = within.iter().map(|(_, content)| content.length()).sum();
            prop_assert_eq!(bytes, disks[1][20..50].iter().flatten().count() as u64);
        }
    }
}
