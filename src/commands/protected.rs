//! What `firedrill backup` reads where a site is named: its disks at one instant, by the process that plays its role.

use std::path::{Path, PathBuf};

use anyhow::Result;
use engine::backup::Reading;
use engine::format::point::SourceKind;
use engine::source::Source;
use engine::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::cli::BackupArgs;
use crate::output::bytes;
use crate::site::{Request, SiteDisks, call};

/// The site that is to be backed up.
pub(crate) struct Site<'a> {
    folder: &'a Path,
    /// A replica's point.
    point: Option<&'a str>,
}

impl<'a> Site<'a> {
    /// The site that is named, where one is.
    pub(crate) fn of(args: &'a BackupArgs) -> Option<Self> {
        match (&args.protected, &args.replica) {
            (Some(folder), _) => Some(Self {
                folder,
                point: None,
            }),
            (None, Some(folder)) => Some(Self {
                folder,
                point: Some(&args.point),
            }),
            (None, None) => None,
        }
    }

    /// Its disks as sources, and bytes of them all.
    pub(crate) async fn sources(&self) -> Result<(Vec<Source>, u64)> {
        let (status, _) = call(self.folder, &Request::Status).await?;
        let role = status["role"].as_str().unwrap_or_default();
        let folder = self.folder.display();
        let wrong = match (role, self.point) {
            ("active", None) | ("replica", Some(_)) => None,
            ("active", Some(_)) => Some(format!(
                "{folder} is written: `--protected {folder}` backs it up as it is"
            )),
            _ => Some(format!(
                "{folder} follows another site: `--replica {folder}` backs up one of its points"
            )),
        };
        if let Some(what) = wrong {
            return Err(Error::new(ErrorKind::Conflict, what).into());
        }
        let disks = status["disks"].as_array().into_iter().flatten();
        if disks.clone().next().is_none() {
            let what = format!("{folder} has no disks yet: the first synchronisation is not done");
            return Err(Error::new(ErrorKind::NotFound, what).into());
        }
        let sources = disks.clone().map(|disk| {
            let path = PathBuf::from(disk["path"].as_str().unwrap_or_default());
            Source {
                // Called by its name in the group, which need not be its file's.
                called: path.with_file_name(disk["name"].as_str().unwrap_or_default()),
                path,
                kind: SourceKind::Disk,
            }
        });
        let sizes = disks.clone().filter_map(|disk| disk["bytes"].as_u64());
        Ok((sources.collect(), sizes.sum()))
    }

    /// What holds its disks still.
    pub(crate) fn disks(&self) -> SiteDisks {
        SiteDisks::of(self.folder.to_owned(), self.point.map(str::to_owned))
    }
}

/// How disks were read, for people.
pub(crate) fn lines(readings: &[Reading]) -> String {
    let lines = readings.iter().map(|reading| {
        let (name, read) = (&reading.name, bytes(reading.read_bytes));
        let all = bytes(reading.disk_bytes);
        match &reading.scanned {
            None => {
                format!("  {name}: read {read} of {all}, what was written since the point before\n")
            }
            Some(why) => format!("  {name}: read all but holes, {read} of {all}: {why}\n"),
        }
    });
    lines.collect()
}

/// How disks were read, as a document.
pub(crate) fn document(readings: &[Reading]) -> Value {
    let disks = readings.iter().map(|reading| {
        json!({
            "name": reading.name,
            "bytes": reading.disk_bytes,
            "read_bytes": reading.read_bytes,
            "changed_bytes": reading.changed_bytes,
            "scanned_because": reading.scanned,
        })
    });
    disks.collect()
}
