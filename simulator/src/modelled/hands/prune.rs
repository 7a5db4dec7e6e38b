//! A prune by modelled hands: what it reads, moves, condemns and removes.

use engine::format::keyslot::Terms;

use crate::scenario::SECOND;
use crate::trial::hands::Failed;
use crate::trial::meter::Requests;
use crate::world::account::Endpoint;

use super::super::chain::Point;
use super::super::fit::{Index, Looks};
use super::super::pool::{Pool, Pruned, Written};
use super::ModelHands;
use super::steps::Kind;

/// A removed point whose data waits in the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    number: u32,
    /// Blocks that it stored.
    stored: u64,
    /// Since when it is condemned.
    since: Option<u64>,
}

impl Waiting {
    /// What the segments tell that no point names any more.
    pub(super) fn index(waiting: &[Self]) -> Index {
        Index::of(waiting.iter().map(|waiting| waiting.stored))
    }
}

impl ModelHands {
    /// What a prune reads: every segment to know what lies where, and once more where it copies and where it sweeps;
    /// those that it condemns; and the listing of each point.
    pub(super) fn surveyed(
        &self,
        planned: Option<&(Pool, Pruned)>,
        over: &dyn Fn(&Point) -> bool,
        began: u64,
    ) -> Looks {
        let (goes, stays): (Vec<&Point>, Vec<&Point>) =
            self.points.iter().partition(|point| over(point));
        let stored = |points: &[&Point]| Index::of(points.iter().map(|point| point.stored));
        let gone = stored(&goes);
        let listings = stays.chunk_by(|a, b| a.listing == b.listing);
        let listings = listings.fold((0, 0), |(count, used), same| {
            (count + 1, used + same[0].used)
        });
        let (all, again, dead) = if let Some((_, pruned)) = planned {
            let all = self.pool.as_ref().map(Pool::index).unwrap_or_default();
            let copies = u64::from(!pruned.written.is_empty());
            let sweeps = u64::from(!pruned.swept.is_empty());
            (all, copies + sweeps, pruned.dead)
        } else {
            let waiting = Waiting::index(&self.waiting).and(gone);
            let grace = self.spec().grace_micros;
            let mut since = self.waiting.iter().filter_map(|waiting| waiting.since);
            let sweeps = u64::from(since.any(|since| since + grace <= began));
            (stored(&stays).and(waiting), sweeps, gone)
        };
        let deleted = self.points.deleted() as u64;
        Looks {
            manifests: (goes.len() + 2 * stays.len()) as u64,
            marks: 2 * deleted - goes.len() as u64,
            index: all.times(1 + again).and(dead),
            listings,
        }
    }

    /// Reads packs of the store, and writes what is needed of them to others.
    pub(super) async fn repack(&self, moves: Requests) -> Result<(), Failed> {
        if moves.put_bytes == 0 {
            return Ok(());
        }
        let (place, here) = (self.place(), Endpoint::Primary);
        let path = |out| self.ground.path(self.instance, self.copy, here, place, out);
        let ways = path(false).zip(path(true));
        let ((back, _), (out, _)) = ways.ok_or(Failed::Unavailable)?;
        let moved = async {
            self.moved(&back, moves.got_bytes).await;
            self.moved(&out, moves.put_bytes).await;
        };
        self.unless_down(here, place, std::pin::pin!(moved)).await?;
        self.served((here, place), moves);
        Ok(())
    }

    /// Takes down what a prune wrote and deleted beside packs that it filled: tombstones, and what those name.
    fn tidied(&self, expired: u64, condemned: u64, swept: u64) {
        let stones = u64::from(expired > 0) + u64::from(condemned > 0) + u64::from(swept > 0);
        let requests = Requests {
            // A stone is put, and deleted in the end.
            writes: 2 * stones + 2 * expired + swept,
            ..Requests::default()
        };
        self.served((Endpoint::Primary, self.place()), requests);
    }

    /// Data of chains goes whole: condemned once no point needs it, removed after the grace.
    pub(super) fn prune_chains(&mut self, expired: &[Point], (began, now): (u64, u64)) {
        let grace = self.spec().grace_micros;
        self.waiting.extend(expired.iter().map(|point| Waiting {
            number: point.number,
            stored: point.stored,
            since: None,
        }));
        let points = &self.points;
        let needs = |point: &Point, number: u32| point.chain().binary_search(&number).is_ok();
        let needed = |number: u32| points.iter().any(|point| needs(point, number));
        let (mut gone, mut condemned) = (Vec::new(), 0);
        self.waiting.retain_mut(|waiting| match waiting.since {
            Some(since) if since + grace <= began => {
                gone.push(waiting.number);
                false
            }
            Some(_) => true,
            None => {
                waiting.since = (!needed(waiting.number)).then_some(now);
                condemned += u64::from(waiting.since.is_some());
                true
            }
        });
        // Each has a pack and a segment.
        self.tidied(expired.len() as u64, condemned, 2 * gone.len() as u64);
        self.with_account(|account, key| {
            for number in gone {
                account.delete(now, &key(Kind::Data, number));
            }
        });
    }

    /// What a prune without the `expired` makes of a pool.
    pub(super) fn planned<'a>(
        &self,
        pool: &Pool,
        expired: impl Iterator<Item = &'a Point>,
        now: u64,
    ) -> (Pool, Pruned) {
        let mut pool = pool.clone();
        for point in expired {
            pool.remove(point.number, &point.content, point.listing);
        }
        let spec = self.spec();
        let terms = Terms {
            soft_delete_seconds: spec.soft_delete_micros / SECOND,
            grace_seconds: spec.grace_micros / SECOND,
        };
        let pruned = pool.prune(terms, now, |blobs, lists| self.fit.pack(blobs, lists));
        (pool, pruned)
    }

    /// Bytes of packs, scaled.
    pub(super) fn weigh<'a>(&self, packs: impl IntoIterator<Item = &'a Written>) -> u64 {
        let packs = packs.into_iter();
        let bytes = packs.map(|(_, blobs, lists)| self.fit.pack(*blobs, *lists));
        bytes.sum::<u64>() * self.scale()
    }

    /// A prune's packs come, and those that it swept go.
    pub(super) fn prune_pool(
        &mut self,
        (mut pool, pruned): (Pool, Pruned),
        expired: &[Point],
        (began, now): (u64, u64),
    ) {
        pool.came_through(began, now);
        let swept = pruned.swept.len() as u64 + pruned.segments[1];
        self.tidied(expired.len() as u64, pruned.condemned, swept);
        self.with_account(|account, key| {
            for pack in &pruned.written {
                let bytes = self.weigh([pack]);
                account.put(now, key(Kind::Pack, pack.0), (), bytes, true);
            }
            for pack in pruned.swept {
                account.delete(now, &key(Kind::Pack, pack));
            }
        });
        self.pool = Some(pool);
    }
}
