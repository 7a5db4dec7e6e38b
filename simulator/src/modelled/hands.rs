//! Hands that reckon: the same steps as the engine's, in blocks and bytes.

mod prune;
mod steps;

use std::sync::Arc;

use engine::format::point::Method;
use engine::restore::FETCHES_MAX;
use futures::{StreamExt, stream};

use crate::trial::debt::Debt;
use crate::trial::ground::Ground;
use crate::trial::hands::{Back, Failed, Hands, Made, Snapshot};
use crate::trial::meter::Requests;
use crate::trial::rates;
use crate::world::account::Endpoint;

use super::chain::{Point, draw, used};
use super::fit::{Fit, Fits, Looks};
use super::points::Points;
use super::pool::Pool;
use super::replica::ModelReplica;
use prune::Waiting;
use steps::{Kind, Step};

/// Modelled hands of one copy of one instance.
#[derive(Debug)]
pub struct ModelHands {
    ground: Arc<Ground<()>>,
    kit: Arc<Fits>,
    fit: Arc<Fit>,
    instance: usize,
    copy: usize,
    points: Points,
    /// Removed points whose data waits.
    waiting: Vec<Waiting>,
    pool: Option<Pool>,
    made: u32,
    seeded: bool,
    /// Losses of the store that are known.
    losses: u32,
}

impl Hands for ModelHands {
    type Stored = ();
    type Kit = Fits;
    type Replica = ModelReplica;

    fn new(ground: &Arc<Ground<()>>, kit: &Arc<Fits>, instance: usize, copy: usize) -> Self {
        let machine = &ground.instances[instance];
        let fit = kit.of(&ground.scenario.groups, &machine.group);
        let forever = ground.copy(copy).method == Method::Forever;
        Self {
            ground: Arc::clone(ground),
            kit: Arc::clone(kit),
            fit: Arc::clone(&fit),
            instance,
            copy,
            points: Points::default(),
            waiting: Vec::new(),
            pool: forever.then(|| Pool::new(fit.block_bytes, fit.listing_bytes)),
            made: 0,
            seeded: false,
            losses: 0,
        }
    }

    fn replica(
        ground: &Arc<Ground<()>>,
        kit: &Arc<Fits>,
        instance: usize,
        copy: usize,
    ) -> ModelReplica {
        ModelReplica::new(ground, kit, instance, copy)
    }

    async fn backup(&mut self, snapshot: Snapshot, method: Method) -> Result<Made, Failed> {
        self.reach(Endpoint::Primary, self.place()).await?;
        self.forget_lost();
        let number = self.made;
        let drawn = draw(&self.points, &snapshot.content, method, number);
        let here = (Endpoint::Primary, self.place());
        // Points that share packs refer to whatever there is; the others look there for what was left half done.
        let unnamed = || drawn.index.and(Waiting::index(&self.waiting));
        let index = self.pool.as_ref().map_or_else(unnamed, Pool::index);
        let looks = Looks {
            index,
            ..self.looks()
        };
        self.rounds(Step::Backup, here, looks).await?;
        self.found();
        self.work(used(&snapshot.content), drawn.stored - drawn.copied)
            .await;
        let stored = self.fit.base_bytes + self.fit.data(drawn.stored) * self.scale();
        let copied = self.fit.block_bytes * drawn.copied * self.scale();
        let read = if drawn.copied > 0 {
            self.copied(&snapshot.content)
        } else {
            Vec::new()
        };
        let moves = Requests {
            writes: self.puts(drawn.stored),
            reads: read.len() as u64,
            put_bytes: stored,
            got_bytes: read.iter().sum::<u64>() * self.scale(),
        };
        self.send(moves).await?;
        self.land(number, &snapshot, &drawn, stored);
        self.made += 1;
        let made = Made {
            number,
            blocks_stored: drawn.stored,
            chain_length: drawn.chain_length,
            stored_bytes: stored,
            sent_bytes: stored - copied,
        };
        let point = Point::new(number, snapshot.at, snapshot.content, drawn);
        self.points.push(point);
        Ok(made)
    }

    async fn forget(&mut self, at: u64) -> Result<Vec<u32>, Failed> {
        let goes = self.kit.verdicts[self.copy].expired(&self.points, at);
        let goes = goes.map_err(|error| Failed::Broken(error.to_string()))?;
        self.reach(Endpoint::Primary, self.place()).await?;
        let here = (Endpoint::Primary, self.place());
        self.rounds(Step::Forget, here, self.looks()).await?;
        if goes.is_empty() {
            return Ok(goes);
        }
        self.rounds(Step::Mark, here, self.looks()).await?;
        self.marks(goes.len()).await;
        self.mark(&goes);
        Ok(goes)
    }

    async fn prune(&mut self) -> Result<Vec<u32>, Failed> {
        self.reach(Endpoint::Primary, self.place()).await?;
        let here = (Endpoint::Primary, self.place());
        let (began, spec) = (self.ground.handle.now(), self.spec());
        let kept = spec.soft_delete_micros + spec.grace_micros;
        let over = |point: &Point| point.deleted.is_some_and(|at| at + kept <= began);
        let goes = self.points.iter().filter(|point| over(point));
        let planned = self.pool.as_ref();
        let planned = planned.map(|pool| self.planned(pool, goes, began));
        let looks = self.surveyed(planned.as_ref(), &over, began);
        self.rounds(Step::Prune, here, looks).await?;
        if let Some((_, pruned)) = &planned {
            let read = &pruned.read;
            let moves = Requests {
                writes: pruned.written.len() as u64 + pruned.segments[0],
                reads: read.len() as u64,
                put_bytes: self.weigh(&pruned.written),
                got_bytes: read.iter().sum::<u64>() * self.scale(),
            };
            self.repack(moves).await?;
        }
        let expired = self.points.extract(over);
        let now = self.ground.handle.now();
        // The lease of a backup that died has lapsed.
        self.with_account(|account, key| account.delete(now, &key(Kind::Lease, 0)));
        for point in &expired {
            self.with_account(|account, key| {
                account.delete(now, &key(Kind::Manifest, point.number));
                account.delete(now, &key(Kind::Mark, point.number));
            });
        }
        match planned {
            Some(planned) => self.prune_pool(planned, &expired, (began, now)),
            None => self.prune_chains(&expired, (began, now)),
        }
        Ok(expired.iter().map(|point| point.number).collect())
    }

    async fn points(&mut self, at: Endpoint, place: usize) -> Result<Vec<u32>, Failed> {
        self.reach(at, place).await?;
        self.rounds(Step::Points, (at, place), self.looks()).await?;
        let now = self.ground.handle.now();
        let numbers: Vec<u32> = self.points.iter().map(|point| point.number).collect();
        let shown = self.with_account(|account, key| {
            let there = |number: &u32| {
                account
                    .get(now, at, &key(Kind::Manifest, *number))
                    .is_some()
                    && account.get(now, at, &key(Kind::Mark, *number)).is_none()
            };
            numbers.into_iter().filter(there).collect()
        });
        Ok(shown)
    }

    async fn restore(&mut self, number: u32, at: Endpoint, place: usize) -> Result<Back, Failed> {
        self.open()?;
        let Some(point) = self.points.get(number).cloned() else {
            return Err(Failed::Damaged);
        };
        self.reach(at, place).await?;
        let looks = Looks {
            index: self.index_of(&point),
            ..self.looks()
        };
        self.rounds(Step::Restore, (at, place), looks).await?;
        if !self.is_whole(&point, at) {
            return Err(Failed::Damaged);
        }
        let scale = self.scale();
        let fetches: Vec<u64> = self
            .fetches(&point)
            .iter()
            .map(|bytes| bytes * scale)
            .collect();
        let requests = Requests {
            reads: fetches.len() as u64,
            got_bytes: fetches.iter().sum(),
            ..Requests::default()
        };
        let fetched = requests.got_bytes;
        let path = self.ground.path(self.instance, self.copy, at, place, false);
        let (path, _) = path.ok_or(Failed::Unavailable)?;
        let group = &self.ground.instances[self.instance].group;
        let whole = point.used * group.real_block_bytes * group.scale();
        let writing = u128::from(rates::back(whole, group.disk_bytes_per_second));
        // What has come is written before the next is asked for, while others are on their way.
        let debt = Debt::new(self.ground.handle.clone());
        let fetching = async {
            let fetches = stream::iter(fetches).map(|bytes| {
                let (moved, debt) = (self.moved(&path, bytes), debt.clone());
                async move {
                    debt.pay().await;
                    moved.await;
                    bytes
                }
            });
            let mut fetches = std::pin::pin!(fetches.buffered(FETCHES_MAX));
            while let Some(bytes) = fetches.next().await {
                let share = writing * u128::from(bytes) / u128::from(fetched.max(1));
                debt.owe(share as u64);
            }
            debt.pay().await;
        };
        self.unless_down(at, place, std::pin::pin!(fetching))
            .await?;
        self.served((at, place), requests);
        Ok(Back {
            content: Arc::clone(&point.content),
            fetched_bytes: fetched,
            chain_length: point.chain_length,
        })
    }

    async fn delete_all(&mut self) -> Vec<u32> {
        let numbers: Vec<u32> = self.points.kept().map(|point| point.number).collect();
        let now = self.ground.handle.now();
        if self.spec().soft_delete_micros == 0 {
            let mine = steps::names(self.instance);
            self.with_account(|account, _| account.delete_all(now, mine));
            self.points = Points::default();
            self.waiting.clear();
            let (block, listing) = (self.fit.block_bytes, self.fit.listing_bytes);
            self.pool = self.pool.as_ref().map(|_| Pool::new(block, listing));
        } else {
            self.ask_marks();
            self.marks(numbers.len()).await;
            self.mark(&numbers);
        }
        numbers
    }

    async fn undelete_all(&mut self) -> Vec<u32> {
        let (now, kept) = (self.ground.handle.now(), self.spec().soft_delete_micros);
        self.ask_marks();
        let numbers = self.points.undelete(|deleted| deleted + kept > now);
        self.marks(numbers.len()).await;
        self.with_account(|account, key| {
            for number in &numbers {
                account.delete(now, &key(Kind::Mark, *number));
            }
        });
        numbers
    }

    fn damage_newest(&mut self) {
        self.points.damage_newest();
    }

    async fn inspect(&mut self) -> Vec<String> {
        Vec::new()
    }
}
