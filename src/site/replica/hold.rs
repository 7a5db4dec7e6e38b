//! A replica's point for a backup, while replication goes on.

use std::sync::Arc;

use anyhow::Result;
use engine::replication::replica::{Replica, ViewDisk};
use engine::seam::BlockDevice;
use engine::units::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;

use super::read_choice;
use crate::site::State;
use crate::site::active::conflict;
use crate::site::instant::{Named, Readable, Readings};

/// Holds a point until `gone`.
pub(super) async fn hold(
    state: &State,
    replica: &Arc<Replica>,
    readings: &mut Readings,
    (point, since): (Option<String>, Option<Named>),
    gone: oneshot::Receiver<()>,
) -> Result<Value> {
    readings.refuse_two()?;
    let Some(point) = point else {
        return Err(conflict(
            "this site follows the other one: back up one of its points by --replica, or the other site by --protected",
        ));
    };
    let point = replica.choose(read_choice(&point)?).await?;
    let pinned = replica.view(point).await?;
    let changed = match since {
        Some(since) => replica.changed_since(&pinned, since.read()?).await?,
        None => Err("the point before is of no use".to_owned()),
    };
    let disks = state.site.member().disks;
    let disks = disks.into_iter().enumerate().map(|(number, disk)| {
        let view = ViewDisk {
            view: Arc::clone(&pinned.view),
            disk: number as u16,
        };
        (disk.name, Arc::new(view) as Arc<dyn BlockDevice>)
    });
    let ahead = replica.standing().await.skew_micros.unwrap_or(0).max(0);
    let captured = point.captured.nanoseconds() - i128::from(ahead) * 1000;
    let readable = Readable {
        instant: replica.instant_of(point).await?,
        captured: Some((Timestamp::from_nanoseconds(captured), point.consistency)),
        disks: disks.collect(),
        changed,
    };
    readings.serve(&state.folder, readable, gone, move || drop(pinned))
}
