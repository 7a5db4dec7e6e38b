//! The disks of an active site, and how a site that took over gets them for its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use engine::format::member::{Disk, FailedOver, Member};
use engine::replication::promoted::{Above, Promoted};
use engine::replication::replica::{MakeDisks, Overlay};
use engine::seam::{BlockDevice, FileDevice};
use engine::units::Timestamp;
use engine::{Error, ErrorKind};
use futures::future::{BoxFuture, FutureExt};
use tokio::time::Instant;

use crate::site::State;
use crate::site::daemon::Options;

/// A disk that is still held is waited for so long.
const FREED: Duration = Duration::from_secs(10);

/// The disks as they are served, and what they rest on where this site took over.
pub(super) type Opened = (Vec<Arc<dyn BlockDevice>>, Option<Arc<Promoted>>);

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
        return Ok((bases, None));
    };
    let (site, key) = (Arc::clone(&state.site), state.identity.key.clone());
    let above = |disk: &Disk| {
        let folder = overlay(&failed_over);
        let map_bytes = Overlay::map_bytes(disk.size);
        let over = state.device(&folder, &disk.name, disk.size)?;
        let map = state.device(&format!("{folder}-map"), &disk.name, map_bytes)?;
        Ok(Above {
            over: Arc::new(over),
            map: Arc::new(map),
        })
    };
    let promoted = Promoted::open(site, key, (bases, failed_over), options.retention(), above);
    let promoted = Arc::new(promoted.await?);
    Ok((promoted.devices(), Some(promoted)))
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
    overlay_at(failed_over.at)
}

/// The same, of a failover at an instant.
pub(crate) fn overlay_at(at: Timestamp) -> String {
    format!("overlay-{}", at.nanoseconds())
}

/// Moves the committed point into the disks, while they are served. It goes on by itself: whoever asks something
/// meanwhile is not in its way.
pub(super) fn settle(promoted: &Arc<Promoted>) -> BoxFuture<'static, Result<()>> {
    let promoted = Arc::clone(promoted);
    let settling = tokio::spawn(async move { promoted.settle().await });
    async move { Ok(settling.await??) }.boxed()
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
