//! How long which points stay: batches between points are merged, and what is too old moves into the disks.

use std::time::Duration;

use crate::error::Result;
use crate::format::part::{FRAME_BYTES, Header};
use crate::format::point::Consistency;
use crate::replication::extents::{Content, Payload, Spot};
use crate::replication::parcel;
use crate::replication::protection;
use crate::replication::splitter::CONTENT_BYTES;
use crate::retention::site_recovery;
use crate::seam::compute;
use crate::units::Timestamp;

use super::Replica;
use super::history::{History, Kept};
use super::view::{Located, View, open_part};

/// Which points a replica keeps. Ages are counted from the newest point: where no new one comes, the old ones
/// stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Every batch of so long is a point.
    pub every_batch: Duration,
    /// After that one point in so long.
    pub interval: Duration,
    /// Points older than this go.
    pub keep: Duration,
    /// Thins as Azure Site Recovery does for a retention of so many days, and keeps as long as that.
    pub as_site_recovery: Option<u32>,
    /// Bytes of history: where there is more, the oldest points go before their time.
    pub bytes_max: u64,
}

impl Default for Retention {
    /// Every batch of 15 minutes, a point in five minutes for 24 hours, 50 GiB.
    fn default() -> Self {
        Self {
            every_batch: Duration::from_mins(15),
            interval: Duration::from_mins(5),
            keep: Duration::from_hours(24),
            as_site_recovery: None,
            bytes_max: 50 << 30,
        }
    }
}

impl Retention {
    /// Which of these points stay, oldest first, and whether the oldest is too old: pure.
    ///
    /// # Errors
    /// `Invalid` for a retention that Site Recovery does not have.
    pub fn decide(&self, points: &[(Timestamp, Consistency)]) -> Result<Vec<bool>> {
        let Some((newest, _)) = points.last() else {
            return Ok(Vec::new());
        };
        let interval = i64::try_from(self.interval.as_secs())
            .unwrap_or(i64::MAX)
            .max(1);
        let slot = |at: Timestamp| at.seconds.div_euclid(interval);
        let young = |at: Timestamp| {
            u128::from(self.every_batch.as_secs()) * 1_000_000_000
                > newest.nanoseconds().abs_diff(at.nanoseconds())
        };
        let mut stay: Vec<bool> = points
            .iter()
            .enumerate()
            .map(|(turn, (at, consistency))| {
                let next = points.get(turn + 1);
                let last_of_slot = next.is_none_or(|(next, _)| slot(*next) != slot(*at));
                last_of_slot || young(*at) || *consistency == Consistency::Application
            })
            .collect();
        if let Some(days) = self.as_site_recovery {
            // Site Recovery has a point in five minutes, named by its slot.
            let slots: Vec<Timestamp> = points
                .iter()
                .zip(&stay)
                .filter(|(_, stays)| **stays)
                .map(|((at, _), _)| *at)
                .collect();
            let mut kept = site_recovery(&slots, days)?.into_iter();
            for (stays, (at, _)) in stay.iter_mut().zip(points) {
                *stays = *stays && (kept.next() == Some(true) || young(*at));
            }
        }
        Ok(stay)
    }

    /// For how long points stay.
    pub fn span(&self) -> Duration {
        let days = self
            .as_site_recovery
            .map(|days| Duration::from_hours(24) * days);
        days.unwrap_or(self.keep)
    }
}

impl Replica {
    /// Merges and folds what is due. While a view is in use nothing is done.
    ///
    /// # Errors
    /// What the store and the devices give; `Corrupt` for a part that is not what was sealed.
    pub async fn tidy(&self) -> Result<()> {
        // First what makes room.
        self.fold_due().await?;
        self.merge_due().await?;
        self.fold_due().await
    }

    async fn merge_due(&self) -> Result<()> {
        loop {
            let run = {
                let history = self.history.lock().await;
                if self.is_held() {
                    return Ok(());
                }
                self.next_merge(&history)?
            };
            let Some(run) = run else {
                return Ok(());
            };
            // Parts are taken meanwhile: a merge may take long.
            let merged = self.merge(&run).await?;
            let mut history = self.history.lock().await;
            if self.is_held() || !history.has(&run) {
                return history.discard(self.world(), &merged).await;
            }
            history.replace(self.world(), merged).await?;
        }
    }

    async fn fold_due(&self) -> Result<()> {
        loop {
            let oldest = {
                let history = self.history.lock().await;
                let due = self.next_fold(&history).filter(|_| !self.is_held());
                let Some(oldest) = due else {
                    return Ok(());
                };
                // The disks' own state stops being a point before they change, and a crash does not make it one.
                self.begin_folding().await?;
                oldest
            };
            self.apply(&oldest).await?;
            self.flush().await?;
            let mut history = self.history.lock().await;
            if self.is_held() {
                // Its parts are still needed: it is done again later, to the same.
                return Ok(());
            }
            self.have_folded(&oldest).await?;
            history.remove(self.world(), oldest.batch).await?;
        }
    }

    fn is_held(&self) -> bool {
        self.lock().pins > 0 || self.site.member().role != crate::format::member::Role::Replica
    }

    /// The first run of batches of which only the last stays a point.
    fn next_merge(&self, history: &History) -> Result<Option<Vec<Kept>>> {
        let kept: Vec<&Kept> = history.kept().collect();
        let points: Vec<_> = kept
            .iter()
            .map(|kept| (kept.captured, kept.consistency))
            .collect();
        let stay = self.retention.decide(&points)?;
        let mut run = Vec::new();
        for (kept, stays) in kept.into_iter().zip(stay) {
            run.push(kept.clone());
            if stays {
                if run.len() > 1 {
                    return Ok(Some(run));
                }
                run.clear();
            }
        }
        Ok(None)
    }

    fn next_fold(&self, history: &History) -> Option<Kept> {
        let (oldest, newest) = (history.kept().next()?, history.newest()?);
        let age = newest
            .captured
            .nanoseconds()
            .abs_diff(oldest.captured.nanoseconds());
        if age > self.retention.span().as_nanos() {
            return Some(oldest.clone());
        }
        if history.bytes() > self.retention.bytes_max {
            self.lock().shortened_at = Some(self.world().clock.now());
            return Some(oldest.clone());
        }
        None
    }

    pub(super) async fn flush(&self) -> Result<()> {
        for device in self.devices() {
            device.flush().await?;
        }
        Ok(())
    }

    pub(super) async fn begin_folding(&self) -> Result<()> {
        let begin = |member: &mut crate::format::member::Member| {
            protection::fold(member);
            Ok(())
        };
        self.site.change(begin).await.map(drop)
    }

    pub(super) async fn have_folded(&self, kept: &Kept) -> Result<()> {
        let folded = |member: &mut crate::format::member::Member| {
            protection::folded(member, kept.batch, kept.captured);
            Ok(())
        };
        self.site.change(folded).await.map(drop)
    }

    /// Writes a batch to the disks.
    pub(super) async fn apply(&self, kept: &Kept) -> Result<()> {
        let devices = self.devices();
        let sizes: Vec<u64> = devices.iter().map(|device| device.size()).collect();
        for part in 0..kept.parts.len() {
            let at = kept.path(part);
            let bytes = crate::vault::get(self.world(), &at).await?;
            let (key, name) = (self.key.clone(), at.to_string());
            let sizes = sizes.clone();
            let open = move || {
                let opened = parcel::Opened::open(&key, &name, &bytes, &sizes)?;
                opened.payloads(&key, &name, &bytes)
            };
            let payloads = compute(&*self.world().workers, open).await??;
            write_all(&devices, payloads).await?;
        }
        Ok(())
    }

    /// Makes one batch of several: what was overwritten within them goes.
    async fn merge(&self, run: &[Kept]) -> Result<Kept> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Err(crate::Error::internal("a merge of nothing"));
        };
        let devices = self.devices();
        let sizes: Vec<u64> = devices.iter().map(|device| device.size()).collect();
        let mut view = View::over(self.world().clone(), self.key.clone(), devices);
        for kept in run {
            for (part, bytes) in kept.parts.iter().enumerate() {
                let at = kept.path(part);
                let opened = open_part(self.world(), &self.key, &at, *bytes, &sizes).await?;
                view.lay(at, opened);
            }
        }
        let mut merged = Kept {
            first: first.first,
            parts: Vec::new(),
            ..last.clone()
        };
        let mut content: Vec<(Spot, Payload)> = Vec::new();
        let mut bytes = 0;
        let stretches: Vec<(Spot, Located)> = view
            .map()
            .iter()
            .map(|(spot, located)| (spot, *located))
            .collect();
        for ((disk, offset), located) in stretches {
            let (mut from, length) = (0, located.length());
            while from < length {
                let until = length.min(from + FRAME_BYTES);
                let piece = located.part(from, until);
                let payload = match piece {
                    Located::Zeros(_) => Payload::Zeros(until - from),
                    Located::Data { .. } => {
                        let mut data = vec![0; (until - from) as usize];
                        view.fill(piece, &mut data).await?;
                        bytes += data.len() as u64;
                        Payload::Data(data.into())
                    }
                };
                content.push(((disk, offset + from), payload));
                from = until;
            }
            if bytes >= CONTENT_BYTES - FRAME_BYTES || content.len() >= 100_000 {
                self.put_merged(&mut merged, std::mem::take(&mut content), false)
                    .await?;
                bytes = 0;
            }
        }
        self.put_merged(&mut merged, content, true).await?;
        Ok(merged)
    }

    async fn put_merged(
        &self,
        merged: &mut Kept,
        content: Vec<(Spot, Payload)>,
        last: bool,
    ) -> Result<()> {
        let header = Header {
            group: self.site.member().group,
            generation: merged.generation,
            first: merged.first,
            batch: merged.batch,
            part: merged.parts.len() as u32,
            end: last.then_some((merged.captured, merged.consistency)),
            index_bytes: 0,
            frames: 0,
        };
        let (key, entropy) = (
            self.key.clone(),
            std::sync::Arc::clone(&self.world().entropy),
        );
        let seal = move || parcel::seal(&key, &*entropy, header, &content);
        let bytes = compute(&*self.world().workers, seal).await?;
        let length = bytes.len() as u64;
        super::history::write(self.world(), &merged.path(merged.parts.len()), bytes).await?;
        merged.parts.push(length);
        Ok(())
    }
}

pub(super) async fn write_all(
    devices: &[std::sync::Arc<dyn crate::seam::BlockDevice>],
    payloads: Vec<(Spot, Payload)>,
) -> Result<()> {
    for ((disk, offset), payload) in payloads {
        let device = devices.get(usize::from(disk));
        let device =
            device.ok_or_else(|| crate::Error::internal("a disk that the group does not have"))?;
        match payload {
            Payload::Data(data) => device.write(offset, data).await?,
            Payload::Zeros(length) => device.zero(offset, length, true).await?,
        }
    }
    Ok(())
}
