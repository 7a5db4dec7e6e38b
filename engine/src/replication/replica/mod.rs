//! The site that follows: it takes parts in order, keeps them, and confirms what is there to stay.

mod changed;
mod fold;
mod history;
mod overlay;
mod session;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::format::member::{FailedOver, Member, Role};
use crate::format::point::Consistency;
use crate::seam::{BlockDevice, World};
use crate::units::Timestamp;

pub use fold::Retention;
pub use history::{History, Kept};
pub use overlay::Overlay;
pub use session::{MakeDisks, Served};
pub(crate) use view::{Hole, joined};
pub use view::{View, ViewDisk};

use super::parcel::GroupKey;
use super::protection;
use super::site::Site;
use super::witness::Witness;

/// A recovery point that can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The batch at whose end it is.
    pub batch: u64,
    /// As of when.
    pub captured: Timestamp,
    /// What was held still then.
    pub consistency: Consistency,
}

/// Which point to fail over to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The newest.
    Latest,
    /// The newest at which applications were held still.
    LatestApplication,
    /// The newest that is not later than an instant.
    At(Timestamp),
}

/// What can be told of a replica now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The source's clock minus this one's, in microseconds, but for the time that messages are on their way;
    /// `None` before the source has said what time it is.
    pub skew_micros: Option<i64>,
    /// Whether the source is connected, and since when it is or is not.
    pub connected: bool,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The newest point, as of now where the source says that nothing was written since.
    pub newest: Option<Point>,
    /// The oldest.
    pub oldest: Option<Point>,
    /// How many there are.
    pub points: u64,
    /// Bytes of history.
    pub history_bytes: u64,
    /// Parts of the batch that is under way.
    pub staged: u32,
    /// Bytes of parts received since the start.
    pub received_bytes: u64,
    /// Whether there was no room for the last part.
    pub full: bool,
    /// When the history last gave up points before their time, because it had reached its limit.
    pub shortened_at: Option<Timestamp>,
    /// What of the history was found damaged when this site started.
    pub damaged: Option<String>,
}

impl Standing {
    /// How old the newest point is by this site's clock: what a failover would lose at most. A source's clock that
    /// is behind makes it no smaller. `None` without a point,
    /// or before the source has said what time it is.
    pub fn rpo(&self, now: Timestamp) -> Option<Duration> {
        let (newest, skew) = (self.newest?, self.skew_micros?);
        let captured = newest.captured.nanoseconds() - i128::from(skew.max(0)) * 1000;
        let nanoseconds = (now.nanoseconds() - captured).max(0);
        Some(Duration::from_nanos(
            u64::try_from(nanoseconds).unwrap_or(u64::MAX),
        ))
    }
}

#[derive(Debug, Default)]
struct Now {
    session: u64,
    connected: bool,
    since: Option<Timestamp>,
    skew_micros: Option<i64>,
    idle: Option<(u64, Timestamp)>,
    received_bytes: u64,
    full: bool,
    shortened_at: Option<Timestamp>,
    /// Views in use: what they need is neither folded nor merged.
    pins: u32,
}

/// A replica of a group.
#[derive(Debug)]
pub struct Replica {
    site: Arc<Site>,
    key: GroupKey,
    devices: Mutex<Vec<Arc<dyn BlockDevice>>>,
    history: tokio::sync::Mutex<History>,
    now: Mutex<Now>,
    retention: Retention,
}

/// Holds a view's parts until it is dropped.
#[derive(Debug)]
pub struct Pinned {
    replica: Arc<Replica>,
    batch: u64,
    /// The view.
    pub view: Arc<View>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.replica.lock().pins -= 1;
    }
}

impl Replica {
    /// Opens what a site keeps; `devices` are its disks, none where it has not been spoken to.
    ///
    /// # Errors
    /// `Corrupt` where its history is; what the store gives.
    pub async fn open(
        site: Arc<Site>,
        key: GroupKey,
        devices: Vec<Arc<dyn BlockDevice>>,
        retention: Retention,
    ) -> Result<Self> {
        let member = site.member();
        let point = member.failed_over.map(|failed_over| failed_over.batch);
        let history = History::load(site.world(), member.folded, point).await?;
        Ok(Self {
            site,
            key,
            devices: Mutex::new(devices),
            history: tokio::sync::Mutex::new(history),
            now: Mutex::default(),
            retention,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn devices(&self) -> Vec<Arc<dyn BlockDevice>> {
        self.devices
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn world(&self) -> &World {
        self.site.world()
    }

    /// The points that can be had, oldest first.
    pub async fn points(&self) -> Vec<Point> {
        let history = self.history.lock().await;
        self.listed(&history)
    }

    /// The points, of which the newest is as of the last instant up to which nothing was written after it.
    fn listed(&self, history: &History) -> Vec<Point> {
        let mut points = points(&self.site.member(), history);
        if let (Some(newest), Some((batch, until))) = (points.last_mut(), self.lock().idle)
            && newest.batch == batch
        {
            newest.captured = newest.captured.max(until);
        }
        points
    }

    /// How it stands.
    pub async fn standing(&self) -> Standing {
        let history = self.history.lock().await;
        let points = self.listed(&history);
        let now = self.lock();
        Standing {
            skew_micros: now.skew_micros,
            connected: now.connected,
            since: now.since,
            newest: points.last().copied(),
            oldest: points.first().copied(),
            points: points.len() as u64,
            history_bytes: history.bytes(),
            staged: history.staged(),
            received_bytes: now.received_bytes,
            full: now.full,
            shortened_at: now.shortened_at,
            damaged: history.damaged().map(str::to_owned),
        }
    }

    /// The point that a choice means.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub async fn choose(&self, choice: Choice) -> Result<Point> {
        let (points, ended) = {
            let history = self.history.lock().await;
            let ended = points(&self.site.member(), &history);
            (self.listed(&history), ended)
        };
        let mut newest_first = points.iter().copied().rev();
        let found = match choice {
            Choice::Latest => newest_first.next(),
            Choice::LatestApplication => {
                newest_first.find(|point| point.consistency == Consistency::Application)
            }
            Choice::At(instant) => {
                // A point holds from the end of its batch up to the last instant at which nothing was written after it.
                let mut pairs = newest_first.zip(ended.iter().rev());
                let found = pairs.find(|(_, ended)| ended.captured <= instant);
                found.map(|(point, _)| Point {
                    captured: point.captured.min(instant),
                    ..point
                })
            }
        };
        found.ok_or_else(|| {
            let what = match (points.first(), choice) {
                (None, _) => "there is no recovery point yet: the first synchronisation is not done",
                (_, Choice::LatestApplication) => {
                    "there is no application-consistent recovery point: make some with `firedrill point \
                     --freeze`, or take the latest crash-consistent one"
                }
                _ => "every recovery point is newer than that: `firedrill status` names the oldest",
            };
            Error::new(ErrorKind::NotFound, what)
        })
    }

    /// The disks as of a point, for as long as the view is held.
    ///
    /// # Errors
    /// `NotFound` where the point is gone; what the store gives.
    pub async fn view(self: &Arc<Self>, point: Point) -> Result<Pinned> {
        let history = self.history.lock().await;
        let mut known = points(&self.site.member(), &history).into_iter();
        if !known.any(|known| known.batch == point.batch) {
            return Err(Error::new(ErrorKind::NotFound, GONE));
        }
        let mut view = View::over(self.world().clone(), self.key.clone(), self.devices());
        for kept in history.kept().filter(|kept| kept.batch <= point.batch) {
            for (part, bytes) in kept.parts.iter().enumerate() {
                view.add(kept.path(part), *bytes).await?;
            }
        }
        self.lock().pins += 1;
        Ok(Pinned {
            replica: Arc::clone(self),
            batch: point.batch,
            view: Arc::new(view),
        })
    }

    /// Takes over: from now on this site is active, with its disks as of `point`. Before
    /// [`Replica::commit`] it may be asked again for another point; what was written on the first is lost then. A
    /// `witness` is told first, unless the other site has handed over.
    ///
    /// # Errors
    /// `Conflict` where this site is not a replica, or has committed; what the store and the witness give.
    pub async fn fail_over(
        &self,
        point: Point,
        planned: bool,
        witness: Option<&Witness>,
    ) -> Result<FailedOver> {
        let history = self.history.lock().await;
        let mut known = self.listed(&history).into_iter();
        if !known.any(|known| known.batch == point.batch) {
            return Err(Error::new(ErrorKind::NotFound, GONE));
        }
        let failed_over = FailedOver {
            batch: point.batch,
            captured: point.captured,
            at: self.world().clock.now(),
            committed: planned,
            planned,
            skew_micros: self.lock().skew_micros.unwrap_or(0),
        };
        self.take_over(failed_over, witness).await
    }

    /// While the history is held: until this is over no connection is welcomed.
    async fn take_over(
        &self,
        failed_over: FailedOver,
        witness: Option<&Witness>,
    ) -> Result<FailedOver> {
        let member = self.site.member();
        let witness = witness.filter(|_| member.role == Role::Replica && !failed_over.planned);
        if let Some(witness) = witness {
            // The source is answered no more, so that it asks the witness.
            self.lock().session += 1;
            witness
                .claim(member.generation + 1, member.generation)
                .await?;
        }
        self.site
            .change(|member| protection::take_over(member, failed_over, witness.is_some()))
            .await?;
        Ok(failed_over)
    }

    /// Takes over with other content than a point's: it lies wholly above the newest, under the name of the failover
    /// `at` that instant, and is as of `captured`. Until [`Replica::commit`] this site's own points can be had instead.
    ///
    /// # Errors
    /// `NotFound` where there is no point to lie above; as [`Replica::fail_over`].
    pub async fn fail_over_above(
        &self,
        at: Timestamp,
        captured: Timestamp,
        witness: Option<&Witness>,
    ) -> Result<FailedOver> {
        let below = self.choose(Choice::Latest).await?;
        let history = self.history.lock().await;
        let mut known = points(&self.site.member(), &history).into_iter();
        if !known.any(|known| known.batch == below.batch) {
            return Err(Error::new(ErrorKind::NotFound, GONE));
        }
        let failed_over = FailedOver {
            batch: below.batch,
            captured,
            at,
            committed: false,
            planned: false,
            skew_micros: 0,
        };
        self.take_over(failed_over, witness).await
    }

    /// Gives up every other point: later ones are gone, and another can't be chosen any more.
    ///
    /// # Errors
    /// `Conflict` where nothing was failed over; what the store and the devices give.
    pub async fn commit(&self) -> Result<FailedOver> {
        let mut committed = None;
        self.site
            .change(|member| {
                committed = Some(protection::commit(member)?);
                Ok(())
            })
            .await?;
        let committed = committed.ok_or_else(|| Error::internal("a commit of nothing"))?;
        let mut history = self.history.lock().await;
        let next = history
            .newest()
            .map_or(self.site.member().folded, |kept| kept.batch)
            + 1;
        history.unstage(self.world(), next).await?;
        let later: Vec<u64> = history.kept().map(|kept| kept.batch).collect();
        for batch in later
            .into_iter()
            .rev()
            .filter(|batch| *batch > committed.batch)
        {
            history.remove(self.world(), batch).await?;
        }
        Ok(committed)
    }

    /// Writes everything that the committed point needs into the disks, and takes it down that they have it.
    /// Views of the point stay right: what changes below them is what they have on top, to the same.
    ///
    /// # Errors
    /// What the store and the devices give.
    pub async fn adopt(&self) -> Result<()> {
        let all: Vec<Kept> = self.history.lock().await.kept().cloned().collect();
        let Some(last) = all.last() else {
            return Ok(());
        };
        self.begin_folding().await?;
        for kept in &all {
            self.apply(kept).await?;
        }
        self.flush().await?;
        self.have_folded(last).await
    }

    /// Removes what [`Replica::adopt`] wrote into the disks from the history, once no view needs it.
    ///
    /// # Errors
    /// What the store gives.
    pub async fn forget_adopted(&self) -> Result<()> {
        let mut history = self.history.lock().await;
        let applied: Vec<u64> = history.kept().map(|kept| kept.batch).collect();
        for batch in applied {
            history.remove(self.world(), batch).await?;
        }
        Ok(())
    }
}

const GONE: &str = "that recovery point is gone: choose another";

fn points(member: &Member, history: &History) -> Vec<Point> {
    let whole = member.folded > 0 && member.folding != Some(true);
    let own = whole.then_some(Point {
        batch: member.folded,
        captured: member.folded_at,
        consistency: Consistency::Crash,
    });
    let kept = history.kept().map(|kept| Point {
        batch: kept.batch,
        captured: kept.captured,
        consistency: kept.consistency,
    });
    own.into_iter().chain(kept).collect()
}

/// How often a replica tidies its history.
pub const TIDY_EVERY: Duration = Duration::from_secs(30);
