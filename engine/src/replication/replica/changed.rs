//! What changed between two points, by the extents of the batches between: over-written and back again counts too.

use crate::error::{Error, ErrorKind, Result};
use crate::format::point::Instant;
use crate::source::ChangedBlocks;

use super::history::{History, Kept};
use super::view::open_part;
use super::{GONE, Pinned, Point, Replica, points};

impl Replica {
    /// The instant of a point, as a backup of it names it.
    ///
    /// # Errors
    /// `NotFound` where the point is gone.
    pub async fn instant_of(&self, point: Point) -> Result<Instant> {
        let history = self.history.lock().await;
        let member = self.site.member();
        // As the batch ended, and not as of when nothing was written since.
        let known = points(&member, &history).into_iter();
        let mut known = known.filter(|known| known.batch == point.batch);
        let gone = || Error::new(ErrorKind::NotFound, GONE);
        let ended = known.next().ok_or_else(gone)?.captured;
        Ok(Instant {
            group: member.group,
            generation: member.generation,
            batch: Some(point.batch),
            mark: None,
            ended: Some(ended),
        })
    }

    /// What changed from an earlier instant up to the point that is pinned, of each disk; or why that is not known:
    /// for people.
    ///
    /// # Errors
    /// What the store gives; `Corrupt` for a part that is not what was sealed.
    pub async fn changed_since(
        &self,
        pinned: &Pinned,
        since: Instant,
    ) -> Result<std::result::Result<Vec<ChangedBlocks>, String>> {
        let between = {
            let history = self.history.lock().await;
            self.between(&history, since, pinned.batch)
        };
        let between = match between {
            Ok(between) => between,
            Err(why) => return Ok(Err(why)),
        };
        let devices = self.devices();
        let sizes: Vec<u64> = devices.iter().map(|device| device.size()).collect();
        let mut changed: Vec<ChangedBlocks> =
            sizes.iter().map(|size| ChangedBlocks::of(*size)).collect();
        for kept in between {
            for (part, bytes) in kept.parts.iter().enumerate() {
                let at = kept.path(part);
                let opened = open_part(self.world(), &self.key, &at, *bytes, &sizes).await?;
                for extent in &opened.extents {
                    changed[usize::from(extent.disk)].mark(extent.offset, extent.length);
                }
            }
        }
        Ok(Ok(changed))
    }

    /// The batches after an instant up to `batch`.
    fn between(
        &self,
        history: &History,
        since: Instant,
        batch: u64,
    ) -> std::result::Result<Vec<Kept>, String> {
        let member = self.site.member();
        let (Some(from), Some(ended)) = (since.batch, since.ended) else {
            return Err("the point before is not of a replica".to_owned());
        };
        if (since.group, since.generation) != (member.group, member.generation) {
            return Err(
                "the point before is of another group, or of a time before a failover".to_owned(),
            );
        }
        if from < member.folded {
            return Err("the history does not reach back to the point before: back up oftener, or keep more (--retention)".to_owned());
        }
        if from > batch {
            return Err("the point before is newer than this one".to_owned());
        }
        // Batches are numbered anew where a history was moved away: their times tell.
        let own = (member.folded, member.folded_at);
        let kept = history.kept().map(|kept| (kept.batch, kept.captured));
        let agrees = |(number, captured)| match u64::cmp(&number, &from) {
            std::cmp::Ordering::Less => captured <= ended,
            std::cmp::Ordering::Equal => captured == ended,
            std::cmp::Ordering::Greater => captured >= ended,
        };
        if !std::iter::once(own).chain(kept).all(agrees) {
            return Err(
                "the history has other batches than when the point before was made".to_owned(),
            );
        }
        // One that was merged from batches before and after has what both wrote.
        let between = history
            .kept()
            .filter(|kept| kept.batch > from && kept.batch <= batch);
        Ok(between.cloned().collect())
    }
}
