//! A site takes over with disks that were restored from a vault: they lie above its own, which stay as they are until
//! a commit.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use engine::format::member::Disk;
use engine::replication::replica::{Overlay, Replica};
use engine::replication::witness::Witness;
use engine::source::ChangedBlocks;
use engine::units::Timestamp;
use engine::{Error, ErrorKind};
use serde_json::Value;

use super::active::overlay_at;
use super::{State, status};

/// What the folders begin with that images are restored into.
pub(crate) const FOLDER: &str = "restored-";

/// Takes over with the images in `folder` of the state. Until the record says so nothing refers to them: whatever
/// breaks before leaves the site as it was.
pub(super) async fn take_over(
    state: &State,
    replica: &Arc<Replica>,
    folder: &str,
    (seconds, nanos): (i64, u32),
    witness: Option<&Witness>,
) -> Result<Value> {
    let from = state.folder.join(folder);
    let disks = state.site.member().disks;
    if !folder.starts_with(FOLDER) || folder.contains('/') {
        let what = format!("'{folder}' is no folder of restored images");
        return Err(Error::new(ErrorKind::Invalid, what).into());
    }
    for disk in &disks {
        fits(&from, disk)?;
    }
    // A replica has none in use: what is there was left by one that was interrupted.
    state.clear_all("overlay-")?;
    let at = state.world.clock.now();
    let above = overlay_at(at);
    let map = format!("{above}-map");
    fs::rename(&from, state.folder.join(&above))?;
    for disk in &disks {
        File::open(state.folder.join(&above).join(&disk.name))?.sync_all()?;
        state.whole_map(&map, disk)?;
    }
    for folder in [&above, &map] {
        File::open(state.folder.join(folder))?.sync_all()?;
    }
    File::open(&state.folder)?.sync_all()?;
    let captured = Timestamp { seconds, nanos };
    let failed_over = replica.fail_over_above(at, captured, witness).await?;
    Ok(status::failed_over(&failed_over))
}

/// The vault's point that is being restored, or was when that was interrupted.
pub(super) fn left(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.find_map(|name| {
        let (point, _) = name.strip_prefix(FOLDER)?.split_once('-')?;
        Some(point.to_owned())
    })
}

fn fits(from: &Path, disk: &Disk) -> Result<()> {
    let image = from.join(&disk.name);
    let size = fs::metadata(&image).ok().map(|image| image.len());
    if size == Some(disk.size) {
        return Ok(());
    }
    let found = size.map_or("nothing".to_owned(), |size| format!("{size} bytes"));
    let what = format!(
        "the vault's point has {found} for the disk '{}' of {} bytes: it is of other disks",
        disk.name, disk.size
    );
    Err(Error::new(ErrorKind::Conflict, what).into())
}

impl State {
    /// Makes the map of a disk that lies above wholly.
    fn whole_map(&self, kind: &str, disk: &Disk) -> Result<()> {
        drop(self.device(kind, &disk.name, Overlay::map_bytes(disk.size))?);
        let mut map = ChangedBlocks::of(disk.size);
        map.mark(0, disk.size);
        let mut file = File::options()
            .write(true)
            .open(self.folder.join(kind).join(&disk.name))?;
        file.write_all(map.bits())?;
        Ok(file.sync_all()?)
    }
}
