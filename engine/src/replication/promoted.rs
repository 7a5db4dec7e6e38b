//! A site that was failed over to: the chosen point below, what is written above, until the two are one.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::format::member::{Disk, FailedOver};
use crate::format::point::Consistency;
use crate::seam::BlockDevice;

use super::parcel::GroupKey;
use super::replica::{Overlay, Pinned, Point, Replica, Retention, ViewDisk};
use super::site::Site;

/// What an overlay is kept in: what lies above, and the map that tells what does.
#[derive(Clone, Debug)]
pub struct Above {
    /// As large as the disk.
    pub over: Arc<dyn BlockDevice>,
    /// Of [`Overlay::map_bytes`].
    pub map: Arc<dyn BlockDevice>,
}

/// The disks of a site that was failed over to.
#[derive(Debug)]
pub struct Promoted {
    replica: Arc<Replica>,
    overlays: Vec<Arc<Overlay>>,
    bases: Vec<Arc<dyn BlockDevice>>,
    /// Held until the point is in the disks.
    pinned: Mutex<Option<Pinned>>,
}

fn point_of(failed_over: &FailedOver) -> Point {
    Point {
        batch: failed_over.batch,
        captured: failed_over.captured,
        consistency: Consistency::Crash,
    }
}

impl Promoted {
    /// Opens the disks as they are: `bases` below, the point that was failed over to on top, and above it what was
    /// written since, which lies in what `above` gives.
    ///
    /// # Errors
    /// What the store and the devices give.
    pub async fn open(
        site: Arc<Site>,
        key: GroupKey,
        (bases, failed_over): (Vec<Arc<dyn BlockDevice>>, FailedOver),
        retention: Retention,
        above: impl Fn(&Disk) -> Result<Above>,
    ) -> Result<Self> {
        let disks = site.member().disks;
        let replica = Replica::open(site, key, bases.clone(), retention).await?;
        let replica = Arc::new(replica);
        let pinned = replica.view(point_of(&failed_over)).await?;
        let mut overlays = Vec::with_capacity(disks.len());
        for (number, disk) in disks.iter().enumerate() {
            let under = Arc::new(ViewDisk {
                view: Arc::clone(&pinned.view),
                disk: number as u16,
            });
            let Above { over, map } = above(disk)?;
            overlays.push(Arc::new(Overlay::open(under, over, map).await?));
        }
        Ok(Self {
            replica,
            overlays,
            bases,
            pinned: Mutex::new(Some(pinned)),
        })
    }

    /// The disks.
    pub fn devices(&self) -> Vec<Arc<dyn BlockDevice>> {
        let overlays = self.overlays.iter();
        overlays.map(|overlay| Arc::clone(overlay) as _).collect()
    }

    /// The replica below: it tells the other site that this one has taken over, and chooses another point.
    pub fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    /// Bytes of disk that lie above.
    pub fn above_bytes(&self) -> u64 {
        self.overlays
            .iter()
            .map(|overlay| overlay.above_bytes())
            .sum()
    }

    /// Moves the committed point, and then what lies above it, into the disks, while they are in use. Interrupted,
    /// it is done again.
    ///
    /// # Errors
    /// `Conflict` where nothing was failed over; what the store and the devices give.
    pub async fn settle(&self) -> Result<()> {
        self.replica.commit().await?;
        // Kept before the disks are written by others: the history is never written over what they have.
        self.replica.adopt().await?;
        for (overlay, base) in self.overlays.iter().zip(&self.bases) {
            overlay.rest_on(Arc::clone(base)).await;
        }
        // Nobody reads the view any more.
        drop(
            self.pinned
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.replica.forget_adopted().await?;
        for overlay in &self.overlays {
            overlay.sink().await?;
        }
        Ok(())
    }
}
