//! The disks of an active site, and how a site that took over gets them for its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use engine::format::member::{Disk, FailedOver, Member};
use engine::format::point::Consistency;
use engine::replication::replica::{MakeDisks, Overlay, Pinned, Point, Replica, ViewDisk};
use engine::seam::{BlockDevice, FileDevice};
use engine::{Error, ErrorKind};
use futures::future::{BoxFuture, FutureExt, pending};
use tokio::time::Instant;

use crate::site::State;
use crate::site::daemon::Options;

/// A disk that is still held is waited for so long.
const FREED: Duration = Duration::from_secs(10);

/// A site that was failed over to: the replica below, and what is written above.
pub(super) struct Below {
    pub(super) replica: Arc<Replica>,
    pub(super) overlays: Vec<Arc<Overlay>>,
    pub(super) bases: Vec<Arc<dyn BlockDevice>>,
}

/// Devices, what they rest on where this site took over, and the view of its point.
pub(super) type Opened = (Vec<Arc<dyn BlockDevice>>, Option<Below>, Option<Pinned>);

/// The disks, as they are served.
pub(super) async fn open(state: &State, options: &Options, member: &Member) -> Result<Opened> {
    let mut bases: Vec<Arc<dyn BlockDevice>> = Vec::new();
    for disk in &member.disks {
        let device = open_when_free(Path::new(&disk.path)).await;
        let device = device.map_err(|error| error.context(format!("disk '{}'", disk.name)))?;
        if device.size() != disk.size {
            let what = format!(
                "disk '{}' has {} bytes, and had {} when it was protected: it must not change its \
                 size; protect it anew in another state",
                disk.name,
                device.size(),
                disk.size
            );
            return Err(Error::new(ErrorKind::Conflict, what).into());
        }
        bases.push(Arc::new(device));
    }
    let Some(failed_over) = member.failed_over else {
        return Ok((bases, None, None));
    };
    let replica = Replica::open(
        Arc::clone(&state.site),
        state.identity.key.clone(),
        bases.clone(),
        options.retention(),
    );
    let replica = Arc::new(replica.await?);
    let pinned = replica.view(point_of(&failed_over)).await?;
    let mut overlays = Vec::new();
    for (number, disk) in member.disks.iter().enumerate() {
        let under = Arc::new(ViewDisk {
            view: Arc::clone(&pinned.view),
            disk: number as u16,
        });
        let over = state.device(&overlay(&failed_over), &disk.name, disk.size)?;
        let map = state.device(
            &format!("{}-map", overlay(&failed_over)),
            &disk.name,
            Overlay::map_bytes(disk.size),
        )?;
        overlays.push(Arc::new(
            Overlay::open(under, Arc::new(over), Arc::new(map)).await?,
        ));
    }
    let devices = overlays
        .iter()
        .map(|overlay| Arc::clone(overlay) as Arc<dyn BlockDevice>);
    let devices = devices.collect();
    Ok((
        devices,
        Some(Below {
            replica,
            overlays,
            bases,
        }),
        Some(pinned),
    ))
}

/// What the role before this one was at with a disk comes to its end first.
async fn open_when_free(path: &Path) -> engine::Result<FileDevice> {
    let until = Instant::now() + FREED;
    loop {
        match FileDevice::open(path, true) {
            Err(error) if error.kind() == ErrorKind::Conflict && Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            opened => return opened,
        }
    }
}

/// Where what is written since a failover lies: another failover never finds it.
pub(super) fn overlay(failed_over: &FailedOver) -> String {
    format!("overlay-{}", failed_over.at.nanoseconds())
}

fn point_of(failed_over: &FailedOver) -> Point {
    Point {
        batch: failed_over.batch,
        captured: failed_over.captured,
        consistency: Consistency::Crash,
    }
}

impl Below {
    /// Moves the committed point into the disks, while they are served. `held` is kept until they have what it
    /// shows.
    pub(super) fn settle<T: Send + 'static>(&self, held: T) -> BoxFuture<'static, Result<()>> {
        let replica = Arc::clone(&self.replica);
        let (overlays, bases) = (self.overlays.clone(), self.bases.clone());
        let settling = tokio::spawn(async move {
            replica.commit().await?;
            // Kept before the disks are written by others: what they have is never written over by the history.
            replica.adopt().await?;
            for (overlay, base) in overlays.iter().zip(bases) {
                overlay.rest_on(base);
            }
            drop(held);
            replica.forget_adopted().await?;
            for overlay in overlays {
                overlay.sink().await?;
            }
            Ok(())
        });
        // It goes on by itself: whoever asks meanwhile is not in its way.
        async move { settling.await? }.boxed()
    }
}

/// Keeps the point's view, for as long as another may be chosen.
pub(super) fn hold<T: Send + 'static>(held: T) -> BoxFuture<'static, Result<()>> {
    async move {
        let _held = held;
        pending().await
    }
    .boxed()
}

/// A site that is active makes no disks for another.
pub(super) struct NoDisks;

#[async_trait::async_trait]
impl MakeDisks for NoDisks {
    async fn make(&self, _: &[Disk]) -> engine::Result<Vec<(Disk, Arc<dyn BlockDevice>)>> {
        Err(Error::new(
            ErrorKind::Conflict,
            "this site is active: it follows nobody",
        ))
    }
}
