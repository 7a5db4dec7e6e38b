//! The one owner of a backup's state: work goes out to every core, and its results are taken in the
//! listing's order.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use crate::error::Result;
use crate::format::listing::{Entry, EntryKind, Extent};
use crate::format::point::SourceKind;
use crate::source::Source;
use crate::vault::{BlobReader, Catalog, Lease, Point, Vault};

use super::Progress;
use super::base::BaseCursor;
use super::files::{Done, Extents};
use super::landing::Landing;
use super::plan::{BackupPlan, Request};
use super::scope::{self, Scope};
use super::session::{Session, Tally};

/// Computations that wait, beside one for each core, so that no core runs dry while results are
/// taken in order; each holds up to 5 MiB.
const COMPUTATIONS_WAITING: usize = 8;

type Computed<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Work under way, in listing order.
pub(super) enum Pending {
    Batch(Computed<(Vec<Done>, Tally)>),
    Segment(Computed<(Vec<Extent>, Tally)>),
    Hole(u64),
    FileEnd(Box<Entry>, PathBuf, bool),
}

pub(super) struct Runner<'a> {
    pub(super) vault: &'a Vault,
    pub(super) progress: &'a dyn Progress,
    pub(super) session: Arc<Session>,
    pub(super) landing: Landing<'a>,
    pub(super) base: Option<BaseCursor>,
    pending: VecDeque<Pending>,
    pub(super) extents: Extents,
}

impl<'a> Runner<'a> {
    pub(super) async fn new(
        vault: &'a Vault,
        catalog: &Catalog,
        plan: &'a BackupPlan,
        request: &Request,
        lease: &'a mut Lease,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let Scope { index, leftovers } = scope::load(vault, catalog, plan, request).await?;
        let scope = Arc::new(index);
        let reader = BlobReader::new(vault.clone(), Arc::clone(&scope));
        // A base whose listing is lost is none: everything is read again, and stored where lost.
        let whole = |point: &&Point| {
            let mut listing = point.manifest.listing.iter();
            listing.all(|id| scope.find(id).is_some())
        };
        let base = plan.base.and_then(|id| catalog.get(id)).filter(whole);
        let base = base.map(|point| BaseCursor::new(point, reader));
        let landing = Landing::new(vault, lease, scope, Arc::new(leftovers), plan.copies);
        Ok(Self {
            vault,
            progress,
            session: Arc::clone(&landing.session),
            landing,
            base,
            pending: VecDeque::new(),
            extents: Extents::default(),
        })
    }

    /// Reads the sources, to the last byte.
    pub(super) async fn read(&mut self, sources: &[(Source, Vec<u8>)], block: usize) -> Result<()> {
        for (source, name) in sources {
            let (at, name) = (source.path.clone(), name.clone());
            match source.kind {
                SourceKind::Tree => self.tree(at, name).await?,
                SourceKind::Disk => self.disk(at, name, block).await?,
            }
        }
        self.drain(0).await
    }

    pub(super) async fn push(&mut self, pending: Pending) -> Result<()> {
        self.pending.push_back(pending);
        let most = self.vault.world().workers.cores() + COMPUTATIONS_WAITING;
        self.drain(most).await
    }

    /// Takes results in order until at most `left` are under way.
    pub(super) async fn drain(&mut self, left: usize) -> Result<()> {
        while self.pending.len() > left {
            match self.pending.pop_front() {
                None => {}
                Some(Pending::Hole(bytes)) => {
                    let mut tally = Tally::default();
                    let hole = Extent::Hole(bytes);
                    self.extents.push(&self.session, hole, &mut tally);
                    self.progress.advance(bytes, 0);
                    self.landing.add(tally).await?;
                }
                Some(Pending::Segment(work)) => {
                    let (extents, mut tally) = work.await?;
                    self.progress
                        .advance(extents.iter().map(Extent::bytes).sum(), 0);
                    for extent in extents {
                        self.extents.push(&self.session, extent, &mut tally);
                    }
                    self.landing.add(tally).await?;
                }
                Some(Pending::FileEnd(mut entry, at, steady)) => {
                    let mut tally = Tally::default();
                    let size = entry.size;
                    let extents = std::mem::take(&mut self.extents);
                    extents.finish(&self.session, &mut entry, &mut tally);
                    self.landing.add(tally).await?;
                    if !steady || entry.size != size {
                        entry.changed = None;
                        self.changed(&at);
                    }
                    self.progress.advance(0, 1);
                    self.landing.list(&entry).await?;
                }
                Some(Pending::Batch(work)) => {
                    let (done, tally) = work.await?;
                    self.landing.add(tally).await?;
                    for done in done {
                        self.done(done).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn done(&mut self, done: Done) -> Result<()> {
        let entry = match done {
            Done::Entry(entry) => entry,
            Done::Changed(entry, at) => {
                self.changed(&at);
                entry
            }
            Done::Vanished(at) => {
                self.vanished(&at);
                return Ok(());
            }
            Done::Unreadable(at, error) => {
                self.unreadable(&at, &error);
                return Ok(());
            }
        };
        self.progress
            .advance(entry.size, u64::from(entry.kind == EntryKind::File));
        self.landing.list(&entry).await
    }

    pub(super) fn vanished(&mut self, at: &Path) {
        self.landing.total.statistics.vanished += 1;
        self.progress
            .problem(at, "vanished before it was read; left out");
    }

    pub(super) fn changed(&mut self, at: &Path) {
        self.landing.total.statistics.changed_while_read += 1;
        self.progress
            .problem(at, "changed while it was read; kept as read");
    }

    pub(super) fn unreadable(&mut self, at: &Path, error: &std::io::Error) {
        self.landing.total.statistics.unreadable += 1;
        self.progress.problem(at, &format!("{error}; left out"));
    }
}
