//! Which pieces of a group's disks were written since each of some instants. It lives in memory while the disks are
//! written, and is kept at a proper end: whatever may have been written without it being known makes it void.

use std::collections::VecDeque;

use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutPayload};

use crate::error::{Error, ErrorKind, Result};
use crate::format::marks::{self as format, VERSION};
use crate::format::member::Disk;
use crate::ids::ObjectId;
use crate::seam::World;
use crate::source::ChangedBlocks;

use super::extents::Spot;

/// Instants that are known at once: a week of daily backups to two vaults. Each takes 2 MiB of memory for a TiB.
pub const MARKS_MAX: usize = 16;
const OBJECT: &str = "marks";

#[derive(Clone, Debug)]
struct Mark {
    id: ObjectId,
    /// What was written since it, up to the next.
    disks: Vec<ChangedBlocks>,
}

/// The instants of which it is known what was written since.
#[derive(Clone, Debug)]
pub struct Marks {
    sizes: Vec<u64>,
    /// Oldest first.
    known: VecDeque<Mark>,
    /// Why no earlier one is known: for people.
    began: String,
}

impl Marks {
    /// None, and why: for people.
    pub fn none(disks: &[Disk], began: &str) -> Self {
        Self {
            sizes: disks.iter().map(|disk| disk.size).collect(),
            known: VecDeque::new(),
            began: began.to_owned(),
        }
    }

    /// Takes up what was kept at the last end, if nothing can have been written since, and takes down that the disks
    /// are in use: before any is written. `stamps` tell each disk as it is from one that was touched.
    ///
    /// # Errors
    /// What the store gives.
    pub async fn begin(
        world: &World,
        (group, generation): (ObjectId, u64),
        disks: &[Disk],
        stamps: &[String],
    ) -> Result<Self> {
        let kept = match crate::vault::get(world, &Path::from(OBJECT)).await {
            Ok(bytes) => Some(format::Marks::read(OBJECT, &bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let found = match kept {
            None => Err("no backup of it was made in this state before".to_owned()),
            Some(Err(error)) if error.is_damage() || error.kind() == ErrorKind::Unsupported => {
                Err(error.to_string())
            }
            Some(Err(error)) => return Err(error),
            Some(Ok(kept)) => take_up(kept, (group, generation), disks, stamps),
        };
        let marks = found.unwrap_or_else(|why| Self::none(disks, &why));
        let in_use = format::Marks {
            version: VERSION,
            group,
            generation,
            stamps: Vec::new(),
            marks: Vec::new(),
            in_use: true,
        };
        put(world, &in_use).await?;
        Ok(marks)
    }

    /// Keeps it for the next start: after the last write, which is durable.
    ///
    /// # Errors
    /// What the store gives.
    pub async fn keep(
        &self,
        world: &World,
        (group, generation): (ObjectId, u64),
        stamps: Vec<String>,
    ) -> Result<()> {
        let marks = self.known.iter().map(|mark| format::Mark {
            id: mark.id,
            disks: mark
                .disks
                .iter()
                .map(|disk| disk.bits().to_vec().into())
                .collect(),
        });
        let kept = format::Marks {
            version: VERSION,
            group,
            generation,
            stamps,
            marks: marks.collect(),
            in_use: false,
        };
        put(world, &kept).await
    }

    /// A stretch is about to be written.
    pub fn write(&mut self, (disk, offset): Spot, length: u64) {
        if let Some(mark) = self.known.back_mut() {
            mark.disks[usize::from(disk)].mark(offset, length);
        }
    }

    /// This is an instant to be known by `id`, while nothing is being written; beyond [`MARKS_MAX`] the oldest goes.
    pub fn set(&mut self, id: ObjectId) {
        let disks = self.sizes.iter().map(|size| ChangedBlocks::of(*size));
        self.known.push_back(Mark {
            id,
            disks: disks.collect(),
        });
        if self.known.len() > MARKS_MAX {
            self.known.pop_front();
            self.began = format!("only the last {MARKS_MAX} backups are remembered");
        }
    }

    /// What was written since an instant, of each disk; or why that is not known: for people.
    ///
    /// # Errors
    /// The reason, where the instant is not known.
    pub fn since(&self, id: ObjectId) -> std::result::Result<Vec<ChangedBlocks>, String> {
        let known = self.known.iter().position(|mark| mark.id == id);
        let first = known.ok_or_else(|| self.began.clone())?;
        let mut sum: Vec<ChangedBlocks> = self
            .sizes
            .iter()
            .map(|size| ChangedBlocks::of(*size))
            .collect();
        for mark in self.known.range(first..) {
            for (sum, disk) in sum.iter_mut().zip(&mark.disks) {
                sum.add(disk);
            }
        }
        Ok(sum)
    }
}

/// What was kept, if it is of these disks as they are.
fn take_up(
    kept: format::Marks,
    (group, generation): (ObjectId, u64),
    disks: &[Disk],
    stamps: &[String],
) -> std::result::Result<Marks, String> {
    if kept.in_use {
        return Err("this site did not end properly the last time".to_owned());
    }
    if (kept.group, kept.generation) != (group, generation) {
        return Err("another site was active meanwhile".to_owned());
    }
    let pairs = kept.stamps.iter().zip(stamps).zip(disks);
    for ((then, now), disk) in pairs {
        if then.is_empty() || now.is_empty() {
            return Err(format!(
                "whether disk '{}' was written while this site did not run can't be told",
                disk.name
            ));
        }
        if then != now {
            return Err(format!(
                "disk '{}' was touched while this site did not run",
                disk.name
            ));
        }
    }
    let damaged = |error: Error| error.to_string();
    let mut marks = Marks::none(disks, "only backups since are remembered");
    for mark in kept.marks {
        if mark.disks.len() != disks.len() || kept.stamps.len() != disks.len() {
            return Err("it was kept of other disks".to_owned());
        }
        let bits = mark.disks.into_iter().zip(disks);
        let bits = bits.map(|(bits, disk)| ChangedBlocks::from_bits(disk.size, bits.into()));
        marks.known.push_back(Mark {
            id: mark.id,
            disks: bits.collect::<Result<_>>().map_err(damaged)?,
        });
    }
    Ok(marks)
}

async fn put(world: &World, marks: &format::Marks) -> Result<()> {
    let at = Path::from(OBJECT);
    let payload = PutPayload::from(marks.write());
    let put = world
        .store
        .put_opts(&at, payload, PutMode::Overwrite.into());
    put.await.map_err(|error| Error::from_store(&at, error))?;
    Ok(())
}
