//! An instant of an active site's disks for a backup, and what is remembered of it from one run to the next.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use engine::format::member::Member;
use engine::format::point::Instant;
use engine::ids::ObjectId;
use engine::replication::before::{Before, BeforeDisk};
use engine::replication::marks::Marks;
use engine::replication::source::Source;
use engine::seam::BlockDevice;
use engine::source::ChangedBlocks;
use engine::{Error, ErrorKind};
use futures::future::{BoxFuture, FutureExt, pending};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Active, conflict};
use crate::output;
use crate::site::State;
use crate::site::instant::{Named, Readable};

/// Where what was written over is kept while an instant is read.
const BEFORE: &str = "before";
/// Of an instant so many bytes are kept at most, of what is written over before it was read: beyond that the backup
/// fails, and the disks go on.
const KEPT_BYTES_MAX: u64 = 16 << 30;
/// Writes that are under way are waited for so long.
const HELD_WITHIN: Duration = Duration::from_secs(10);
/// File systems tell times in steps of up to 10 ms: after as long again, a later write shows.
const STEP: Duration = Duration::from_millis(20);

/// An instant that is about to be held: writes and reads that are under way end first, and what polls them goes on.
pub(super) struct Taking {
    held: BoxFuture<'static, Result<Taken>>,
    answer: oneshot::Sender<Result<Value>>,
    gone: oneshot::Receiver<()>,
}

/// Waits until one is held, or can't be.
pub(super) async fn done(taking: &mut Option<Taking>) -> Result<Taken> {
    match taking {
        Some(taking) => (&mut taking.held).await,
        None => pending().await,
    }
}

/// An instant that is held.
pub(super) struct Taken {
    mark: ObjectId,
    instant: Arc<Before>,
    changed: Result<Vec<ChangedBlocks>, String>,
}

impl Active<'_> {
    /// Begins to hold an instant; whoever asked is answered once that is so.
    pub(super) fn hold(
        &mut self,
        (point, since): (Option<String>, Option<Named>),
        (answer, gone): (oneshot::Sender<Result<Value>>, oneshot::Receiver<()>),
    ) {
        match self.begin_to_hold(point.as_ref(), since) {
            Ok(held) => self.taking = Some(Taking { held, answer, gone }),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    fn begin_to_hold(
        &mut self,
        point: Option<&String>,
        since: Option<Named>,
    ) -> Result<BoxFuture<'static, Result<Taken>>> {
        if point.is_some() {
            return Err(conflict(
                "this site is written, and is backed up as it is now (`--protected`): --replica and --point are for \
                 the site that follows",
            ));
        }
        if self.taking.is_some() {
            return Err(conflict("another backup begins at this moment: try again"));
        }
        self.readings.refuse_two()?;
        self.state.clear(BEFORE)?;
        let member = self.state.site.member();
        let mark = ObjectId::draw(&*self.state.world.entropy);
        let since = since.map(|since| since.read()).transpose()?;
        let since = since.filter(|since| since.group == member.group);
        let since = since.and_then(|since| since.mark);
        let before = member.disks.iter().map(|disk| {
            let device = self.state.device(BEFORE, &disk.name, disk.size)?;
            Ok(Arc::new(device) as Arc<dyn BlockDevice>)
        });
        let before: Vec<_> = before.collect::<Result<_>>()?;
        let source = Arc::clone(&self.source);
        let held = async move {
            let held = source.hold((mark, since), before, KEPT_BYTES_MAX);
            let held = timeout(HELD_WITHIN, held).await.map_err(|_| {
                let what =
                    "writes that are under way do not end: see whether the disks answer, and try again";
                Error::new(ErrorKind::Unavailable, what)
            })?;
            let (instant, changed) = held?;
            let changed = match since {
                Some(_) => changed,
                None => Err("the point before is not of an instant of this site".to_owned()),
            };
            Ok(Taken {
                mark,
                instant,
                changed,
            })
        };
        Ok(held.boxed())
    }

    /// The instant is held, or could not be: whoever asked is told, and reads it until it is gone.
    pub(super) fn taken(&mut self, taken: Result<Taken>) {
        let Some(Taking { answer, gone, .. }) = self.taking.take() else {
            return;
        };
        let served = taken.and_then(|taken| {
            let served = self.serve_instant(taken, gone);
            served.inspect_err(|_| self.source.let_go())
        });
        drop(answer.send(served));
    }

    fn serve_instant(
        &mut self,
        Taken {
            mark,
            instant,
            changed,
        }: Taken,
        gone: oneshot::Receiver<()>,
    ) -> Result<Value> {
        let member = self.state.site.member();
        let disks = member.disks.iter().enumerate().map(|(number, disk)| {
            let before = Arc::clone(&instant);
            let disk_of = BeforeDisk {
                before,
                disk: number as u16,
            };
            (disk.name.clone(), Arc::new(disk_of) as Arc<dyn BlockDevice>)
        });
        let readable = Readable {
            instant: Instant {
                group: member.group,
                generation: member.generation,
                batch: None,
                mark: Some(mark),
                ended: None,
            },
            captured: None,
            disks: disks.collect(),
            changed,
        };
        let (source, left) = (Arc::clone(&self.source), self.state.folder.join(BEFORE));
        let let_go = move || {
            source.let_go();
            if let Err(error) = std::fs::remove_dir_all(&left) {
                output::warn(&format!("{} could not be removed: {error}", left.display()));
            }
        };
        self.readings
            .serve(&self.state.folder, readable, gone, let_go)
    }

    /// Keeps what is known of instants, once nothing is written any more and everything is durable.
    pub(super) async fn keep_marks(&self, member: &Member) {
        tokio::time::sleep(STEP).await;
        let stamps = stamps(member, self.below.is_some());
        let (marks, who) = (self.source.marks(), (member.group, member.generation));
        if let Err(error) = marks.keep(&self.state.world, who, stamps).await {
            output::warn(&format!(
                "which pieces were written since the last backup could not be kept: the next reads all ({error})"
            ));
        }
    }
}

/// Takes up what is known of instants, before anything is written.
pub(super) async fn remember(
    state: &State,
    member: &Member,
    source: &Source,
    is_above: bool,
) -> Result<()> {
    state.clear(BEFORE)?;
    let (who, stamps) = ((member.group, member.generation), stamps(member, is_above));
    source.remember(Marks::begin(&state.world, who, &member.disks, &stamps).await?);
    Ok(())
}

/// What tells each disk from one that was touched since: an image's file and its times. A device tells nothing, nor
/// does a disk of which some lies above it.
fn stamps(member: &Member, is_above: bool) -> Vec<String> {
    let stamp = |path: &str| stamp(Path::new(path)).filter(|_| !is_above);
    let disks = member.disks.iter();
    disks
        .map(|disk| stamp(&disk.path).unwrap_or_default())
        .collect()
}

fn stamp(path: &Path) -> Option<String> {
    let file = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    Some(format!(
        "{} {} {} {}.{:09} {}.{:09}",
        file.dev(),
        file.ino(),
        file.size(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec()
    ))
}
