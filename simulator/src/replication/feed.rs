//! What a scenario writes to the disk that is replicated, in the place of clients.

use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::error::Result;
use engine::replication::source::Source;
use tokio::sync::Notify;

use crate::emulated::Look;
use crate::workload::Content;

use super::ledger::Write;
use super::station::Station;
use super::{Ground, client};

/// The content that the disk is to have, block by block.
#[derive(Debug)]
pub(super) struct Feed {
    /// What blocks look like.
    pub look: Look,
    wanted: Mutex<Content>,
    bell: Notify,
}

impl Feed {
    /// Of a disk that has this now.
    pub(super) fn new(look: Look, content: &Content) -> Self {
        Self {
            look,
            wanted: Mutex::new(Content::clone(content)),
            bell: Notify::new(),
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Content> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk is to have this from now on.
    pub(super) fn write(&self, content: &Content) {
        *self.wanted() = Content::clone(content);
        self.bell.notify_one();
    }

    /// A disk's bytes of some content.
    pub(super) fn bytes(&self, content: &Content) -> Vec<u8> {
        let mut bytes = vec![0; content.len() * self.look.block_bytes];
        let blocks = bytes.chunks_mut(self.look.block_bytes);
        for ((number, version), block) in (0..).zip(content.iter()).zip(blocks) {
            self.look.block(number, *version, block);
        }
        bytes
    }

    /// Which write each block of a disk is of; `None` for one that no write made.
    pub(super) fn versions(&self, bytes: &[u8]) -> Vec<Option<u32>> {
        let blocks = (0..).zip(bytes.chunks(self.look.block_bytes));
        blocks
            .map(|(number, block)| self.look.version(number, block))
            .collect()
    }

    /// Writes what the scenario does, at the instant at which it does, for as long as the site is the first one.
    pub(super) async fn play(
        &self,
        ground: &Ground,
        station: &Station,
        source: &Source,
    ) -> Result<()> {
        if station.site != 0 {
            return std::future::pending().await;
        }
        let size = ground.sizes[0] as usize;
        let mut has = self.versions(&source.read((0, 0), size).await?);
        loop {
            let wanted = Content::clone(&self.wanted());
            let mut wrote = false;
            for (number, version) in wanted.iter().enumerate() {
                if has[number] == Some(*version) {
                    continue;
                }
                let mut data = vec![0; self.look.block_bytes];
                self.look.block(number as u32, *version, &mut data);
                let offset = number * self.look.block_bytes;
                let write = Write {
                    disk: 0,
                    offset,
                    data,
                };
                if !client::put(ground, station, source, write).await? {
                    return std::future::pending().await;
                }
                (has[number], wrote) = (Some(*version), true);
            }
            if !wrote {
                self.bell.notified().await;
            } else if source.flush(0).await.is_ok() {
                ground.ledger().flushed(station.site);
            }
        }
    }
}
