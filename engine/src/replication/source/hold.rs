//! An instant of the disks for a backup: held while they are written on, and known afterwards by what was written
//! since.

use std::sync::{Arc, Mutex};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::ObjectId;
use crate::replication::before::{Before, Under};
use crate::replication::gate::Shut;
use crate::replication::marks::Marks;
use crate::seam::BlockDevice;
use crate::source::ChangedBlocks;

use super::{Source, lock};

/// The instant that is being read, where one is.
pub(super) type Held = Mutex<Option<Arc<Before>>>;

/// Opens the gate again, whether what it was shut for is done or given up.
struct Reopen<'a>(&'a Source);

impl Drop for Reopen<'_> {
    fn drop(&mut self) {
        self.0.gate.open();
    }
}

impl Source {
    /// What is known of earlier instants: before anything is written.
    pub fn remember(&self, marks: Marks) {
        *lock(&self.marks) = marks;
    }

    /// What is known of instants, to be kept: after the last write.
    pub fn marks(&self) -> Marks {
        lock(&self.marks).clone()
    }

    /// What was written since an instant, of each disk; or why that is not known: for people.
    ///
    /// # Errors
    /// The reason, where the instant is not known.
    pub fn changed_since(&self, mark: ObjectId) -> std::result::Result<Vec<ChangedBlocks>, String> {
        lock(&self.marks).since(mark)
    }

    /// Holds this instant, which is known by `id` from now on: between two writes of the group. At most `bytes_max`
    /// of it are kept, in what `before` has for each disk. Gives it, and what was written since `since` up to it.
    /// Whoever asked ends it by [`Source::let_go`].
    ///
    /// # Errors
    /// `Conflict` while one is held, or this site hands over.
    pub async fn hold(
        &self,
        (id, since): (ObjectId, Option<ObjectId>),
        before: Vec<Arc<dyn BlockDevice>>,
        bytes_max: u64,
    ) -> Result<(Arc<Before>, std::result::Result<Vec<ChangedBlocks>, String>)> {
        let conflict = |what: &str| Err(Error::new(ErrorKind::Conflict, what));
        if matches!(self.gate.is_shut(), Some(Shut::Held | Shut::Closed(_))) {
            return conflict("this site hands over: back up at the other one");
        }
        let disks = self.devices.iter().zip(before);
        let disks = disks.map(|(disk, before)| Under {
            device: Arc::clone(&disk.device),
            before,
        });
        let instant = Arc::new(Before::new(disks.collect(), bytes_max));
        let _reopen = Reopen(self);
        self.gate.shut(Shut::Held).await;
        let mut held = lock(&self.held);
        if held.is_some() {
            return conflict("another backup reads an instant of this site: wait for its end");
        }
        let changed = match since {
            Some(since) => lock(&self.marks).since(since),
            None => Err("it was not asked what changed".to_owned()),
        };
        lock(&self.marks).set(id);
        *held = Some(Arc::clone(&instant));
        Ok((instant, changed))
    }

    /// Keeps nothing more of the instant that was held.
    pub fn let_go(&self) {
        *lock(&self.held) = None;
    }

    /// What a write does first to an instant, whether held or remembered.
    pub(super) async fn spare_instants(&self, at: super::Spot, length: u64) {
        lock(&self.marks).write(at, length);
        let held = lock(&self.held).clone();
        if let Some(held) = held {
            held.keep(at, length).await;
        }
    }
}
