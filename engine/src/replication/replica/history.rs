//! What a replica keeps beside its disks: batches that are newer than these, as they came, each in its parts.

use std::collections::BTreeMap;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::error::{Error, ErrorKind, Result};
use crate::format::part::{HEADER_BYTES, Header};
use crate::format::point::Consistency;
use crate::seam::World;
use crate::units::Timestamp;

const FOLDER: &str = "history";
/// Where goes what is no use any more because of damage.
const ASIDE: &str = "damaged";

/// A batch, or several that were merged, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The first batch in it.
    pub first: u64,
    /// The batch at whose end the disks are once it is applied.
    pub batch: u64,
    /// As of when.
    pub captured: Timestamp,
    /// What was held still then.
    pub consistency: Consistency,
    /// The generation that wrote it.
    pub generation: u64,
    /// Bytes of each part.
    pub parts: Vec<u64>,
}

impl Kept {
    /// Where one of its parts lies.
    pub(crate) fn path(&self, part: usize) -> Path {
        path((self.first, self.batch), part as u32)
    }

    fn bytes(&self) -> u64 {
        self.parts.iter().sum()
    }
}

fn path((first, batch): (u64, u64), part: u32) -> Path {
    Path::from(format!("{FOLDER}/{first:016x}-{batch:016x}-{part:08x}"))
}

/// The history.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Whole batches, by the last in each.
    kept: BTreeMap<u64, Kept>,
    /// Parts of the next batch that are there.
    staged: Vec<u64>,
    bytes: u64,
    /// What was found damaged, and the newest batch before it.
    damaged: Option<String>,
}

/// What lies in the folder under one name.
type Found = BTreeMap<(u64, u64), BTreeMap<u32, u64>>;

impl History {
    /// Reads what is there. The disks have everything up to `folded`; what is left of that, and of merges that
    /// were interrupted, is removed. So are merges that were about to swallow `point`, which was failed over to. What
    /// comes after a batch that is damaged or missing is no use, and is moved aside.
    ///
    /// # Errors
    /// `Corrupt` where that would take `point` away; what the store gives.
    pub(crate) async fn load(world: &World, folded: u64, point: Option<u64>) -> Result<Self> {
        let mut history = Self::default();
        let mut found = find(world).await?;
        let (mut whole, mut damaged) = (BTreeMap::new(), BTreeMap::new());
        for ((first, batch), parts) in &found {
            let swallows = point.is_some_and(|point| (*first..*batch).contains(&point));
            let kept = match complete(world, (*first, *batch), parts).await {
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    damaged.insert(*batch, error.to_string());
                    None
                }
                read => read?,
            };
            if let Some(kept) = kept.filter(|_| !swallows) {
                whole.insert((*first, *batch), kept);
            }
        }
        let mut next = folded + 1;
        // Of several that begin with the same batch, the one that goes furthest was merged from the others.
        while let Some((name, kept)) = whole.range((next, 0)..=(next, u64::MAX)).next_back() {
            found.remove(name);
            history.bytes += kept.bytes();
            next = kept.batch + 1;
            history.kept.insert(kept.batch, kept.clone());
        }
        let beyond = whole.keys().any(|(first, _)| *first > next);
        let why = damaged.range(next..).next().map(|(_, why)| why.clone());
        if beyond || why.is_some() {
            let why = why.unwrap_or_else(|| format!("batch {next} is missing"));
            history
                .set_aside(world, (next, point, why), &mut found)
                .await?;
        }
        if let Some(parts) = found.remove(&(next, next)) {
            let contiguous = (0..)
                .zip(parts)
                .take_while(|(number, (part, _))| number == part);
            history.staged = contiguous.map(|(_, (_, bytes))| bytes).collect();
        }
        for (name, parts) in found {
            for part in parts.into_keys() {
                crate::vault::delete(world, &path(name, part)).await?;
            }
        }
        Ok(history)
    }

    /// Moves all from batch `next` on into a folder of its own: between it and what is kept something is damaged or
    /// missing.
    async fn set_aside(
        &mut self,
        world: &World,
        (next, point, why): (u64, Option<u64>, String),
        found: &mut Found,
    ) -> Result<()> {
        let (object, last) = (format!("the replica's {FOLDER}"), next - 1);
        if point.is_some_and(|point| point >= next) {
            let what = format!("{why}; the point that was failed over to needs it");
            return Err(Error::corrupt(object, what));
        }
        for (name, parts) in std::mem::take(found) {
            for part in parts.into_keys() {
                let from = path(name, part);
                if name.1 < next {
                    crate::vault::delete(world, &from).await?;
                    continue;
                }
                let file = from.filename().unwrap_or_default();
                let to = Path::from_iter([ASIDE, file]);
                let moved = world.store.rename(&from, &to).await;
                moved.map_err(|error| Error::from_store(&from, error))?;
            }
        }
        self.damaged = Some(format!(
            "{object} is damaged ({why}): its points end with batch {last}, and what came after was moved into \
             '{ASIDE}'; the source sends it anew"
        ));
        Ok(())
    }

    /// What was found damaged when it was read.
    pub fn damaged(&self) -> Option<&str> {
        self.damaged.as_deref()
    }

    /// Whole batches, oldest first.
    pub fn kept(&self) -> impl DoubleEndedIterator<Item = &Kept> {
        self.kept.values()
    }

    /// The newest whole batch.
    pub fn newest(&self) -> Option<&Kept> {
        self.kept.values().next_back()
    }

    /// Parts of the next batch that are there.
    pub fn staged(&self) -> u32 {
        self.staged.len() as u32
    }

    /// Bytes of all that is kept.
    pub fn bytes(&self) -> u64 {
        self.bytes + self.staged.iter().sum::<u64>()
    }

    /// Where the parts of the batch that is under way lie.
    pub(crate) fn staged_paths(&self, batch: u64) -> Vec<(Path, u64)> {
        let parts = (0..).zip(&self.staged);
        parts
            .map(|(part, bytes)| (path((batch, batch), part), *bytes))
            .collect()
    }

    /// Puts the next part of the next batch there to stay.
    pub(crate) async fn put(&mut self, world: &World, header: &Header, bytes: Bytes) -> Result<()> {
        let length = bytes.len() as u64;
        write(
            world,
            &path((header.first, header.batch), header.part),
            bytes,
        )
        .await?;
        self.staged.push(length);
        if let Some((captured, consistency)) = header.end {
            let parts = std::mem::take(&mut self.staged);
            let kept = Kept {
                first: header.first,
                batch: header.batch,
                captured,
                consistency,
                generation: header.generation,
                parts,
            };
            self.bytes += kept.bytes();
            self.kept.insert(kept.batch, kept);
        }
        Ok(())
    }

    /// Removes what was folded into the disks, or given up.
    pub(crate) async fn remove(&mut self, world: &World, batch: u64) -> Result<()> {
        let Some(kept) = self.kept.remove(&batch) else {
            return Ok(());
        };
        self.bytes -= kept.bytes();
        // From the last on: what is left is not whole, and removed by the next start.
        for part in (0..kept.parts.len()).rev() {
            crate::vault::delete(world, &kept.path(part)).await?;
        }
        Ok(())
    }

    /// Removes the parts of the batch that is under way.
    pub(crate) async fn unstage(&mut self, world: &World, batch: u64) -> Result<()> {
        for (at, _) in self.staged_paths(batch).into_iter().rev() {
            crate::vault::delete(world, &at).await?;
        }
        self.staged.clear();
        Ok(())
    }

    /// Whether these are still there as they are.
    pub(crate) fn has(&self, run: &[Kept]) -> bool {
        run.iter()
            .all(|kept| self.kept.get(&kept.batch) == Some(kept))
    }

    /// Removes what was merged and is not wanted any more.
    pub(crate) async fn discard(&self, world: &World, merged: &Kept) -> Result<()> {
        for part in (0..merged.parts.len()).rev() {
            crate::vault::delete(world, &merged.path(part)).await?;
        }
        Ok(())
    }

    /// `merged`, whose parts are there, takes the place of those that are in it.
    pub(crate) async fn replace(&mut self, world: &World, merged: Kept) -> Result<()> {
        let within = self.kept.range(merged.first..=merged.batch);
        let within: Vec<Kept> = within.map(|(_, kept)| kept.clone()).collect();
        for kept in &within {
            self.bytes -= kept.bytes();
            self.kept.remove(&kept.batch);
        }
        self.bytes += merged.bytes();
        self.kept.insert(merged.batch, merged);
        for kept in within {
            for part in (0..kept.parts.len()).rev() {
                crate::vault::delete(world, &kept.path(part)).await?;
            }
        }
        Ok(())
    }
}

/// Writes a part. One that is there under its name is what an interruption left.
pub(crate) async fn write(world: &World, at: &Path, bytes: Bytes) -> Result<()> {
    let put = world
        .store
        .put_opts(at, PutPayload::from(bytes), PutMode::Overwrite.into());
    put.await.map_err(|error| Error::from_store(at, error))?;
    Ok(())
}

async fn find(world: &World) -> Result<Found> {
    let mut found = Found::new();
    for object in crate::vault::list(world, &Path::from(FOLDER)).await? {
        let name = object.location.filename().and_then(read_name);
        let (name, part) = name.ok_or_else(|| {
            Error::corrupt(
                &object.location,
                "its name is not one that firedrill gives: move it away",
            )
        })?;
        found.entry(name).or_default().insert(part, object.size);
    }
    Ok(found)
}

fn read_name(name: &str) -> Option<((u64, u64), u32)> {
    let mut parts = name.split('-');
    let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
    let name = (number()?, number()?);
    let part = u32::try_from(number()?).ok()?;
    (name.0 <= name.1).then_some((name, part))
}

async fn complete(
    world: &World,
    name: (u64, u64),
    parts: &BTreeMap<u32, u64>,
) -> Result<Option<Kept>> {
    let contiguous = (0..)
        .zip(parts.keys())
        .all(|(number, part)| number == *part);
    let Some(last) = parts.keys().next_back().filter(|_| contiguous) else {
        return Ok(None);
    };
    let at = path(name, *last);
    let head = crate::vault::get_range(world, &at, 0..HEADER_BYTES as u64).await?;
    let header = Header::read(at.as_ref(), &head)?;
    if (header.first, header.batch, header.part) != (name.0, name.1, *last) {
        return Err(Error::corrupt(&at, "it says that it is another part"));
    }
    Ok(header.end.map(|(captured, consistency)| Kept {
        first: name.0,
        batch: name.1,
        captured,
        consistency,
        generation: header.generation,
        parts: parts.values().copied().collect(),
    }))
}
