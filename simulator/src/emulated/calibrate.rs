//! What the engine stores, fetches and asks for a group's data: a few points made and restored in a world
//! where a round trip takes a second and nothing else takes any time.

mod told;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use engine::format::part::Header;
use engine::format::point::{Consistency, Method};
use engine::ids::ObjectId;
use engine::replication::extents::Payload;
use engine::replication::parcel::{self, GroupKey};
use engine::retention::Policy;
use engine::seam::Entropy;
use engine::units::Timestamp;

use crate::draw::Draws;
use crate::executor::{Executor, HostId};
use crate::modelled::{Fit, StepFit};
use crate::scenario::{
    Changes, Copy, DAY, Drawn, Group, Objectives, Operator, Place, PlaceKind, Redundancy, SECOND,
    Scenario, Strategy, To,
};
use crate::trial::ground::{Ground, Plan, lock};
use crate::trial::hands::{Failed, Hands, Made, Snapshot};
use crate::world::account::{Endpoint, Flaw};

use super::hands::{EngineHands, Kit};
use told::{Asked, Doublings, Steps};

/// What is sealed with it is weighed and thrown away.
#[derive(Debug)]
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

/// A second for each round trip, so that they can be counted.
const TRIP: u64 = SECOND;

/// Measures a group.
///
/// # Errors
/// Whatever the engine meets: its own words.
pub fn measure(group: &Group) -> engine::Result<Fit> {
    let kit = Arc::new(Kit::new()?);
    let scenario = Arc::new(bench(group));
    let mut executor = Executor::new();
    let plan = Plan {
        scenario: &scenario,
        strategy: 0,
        draws: Draws::new(0),
        faults: Vec::new(),
        traces: &[None],
        flaw: Flaw::None,
        stall_micros: None,
    };
    let ground = Arc::new(Ground::new(plan, executor.handle()));
    let hands = EngineHands::new(&ground, &kit, 0, 0);
    let measured: Arc<Mutex<Option<Result<Fit, Failed>>>> = Arc::default();
    let (out, blocks) = (Arc::clone(&measured), group.blocks);
    ground.handle.spawn(HostId(0), {
        let ground = Arc::clone(&ground);
        async move {
            let fit = Bench {
                ground,
                hands,
                blocks,
            }
            .measure()
            .await;
            *lock(&out) = Some(fit);
        }
    });
    executor.run(None);
    let measured = lock(&measured).take();
    measured.unwrap_or(Err(Failed::Unavailable)).map_err(|why| {
        let kind = engine::ErrorKind::Internal;
        engine::Error::new(
            kind,
            format!(
                "what the engine makes of '{}' was not measured: {why:?}",
                group.name
            ),
        )
    })
}

struct Bench {
    ground: Arc<Ground<bytes::Bytes>>,
    hands: EngineHands,
    blocks: u32,
}

impl Bench {
    async fn measure(mut self) -> Result<Fit, Failed> {
        let all = self.blocks;
        // Each point writes blocks of its own: (how many, which method).
        let full = self.point(0, all, Method::Full).await?.0;
        let (held, peak) = {
            let account = lock(&self.ground.store(0, 0).account);
            (account.bytes(), account.peak())
        };
        let (none, early) = self.point(1, 0, Method::Incremental).await?;
        let first = self.prune().await?;
        let tried = self.by_doublings(&none, early).await?;
        let mut data = tried.data.clone();
        data.insert(
            u64::from(all),
            full.stored_bytes.saturating_sub(none.stored_bytes),
        );
        let before = self.mark();
        let back = self.hands.restore(0, Endpoint::Primary, 0).await?;
        let mut restore = self.since(before);
        restore.got = restore.got.saturating_sub(back.fetched_bytes);
        let before = self.mark();
        self.hands.points(Endpoint::Primary, 0).await?;
        let listed = self.since(before);
        // Nothing goes.
        let before = self.mark();
        self.hands.forget(DAY).await?;
        let forget = self.since(before);
        let last = self.prune().await?;
        let before = self.mark();
        let unmarked = lock(&self.ground.store(0, 0).account).bytes();
        let marked = self.hands.delete_all().await.len() as u64;
        let marks_bytes = lock(&self.ground.store(0, 0).account).bytes() - unmarked;
        let marking = self.since(before);
        let marks = marking.rounds.saturating_sub(forget.rounds);
        let (sealed, listing) = listing(&tried.blobs, all);
        let fit = Fit {
            base_bytes: none.stored_bytes,
            data_bytes: data.into_iter().collect(),
            block_bytes: sealed,
            listing_bytes: listing,
            fetched_base: back.fetched_bytes.saturating_sub(sealed * u64::from(all)),
            vault_bytes: held.saturating_sub(full.stored_bytes),
            manifest_bytes: 0,
            index_blob: 0,
            index_segment: 0,
            listed: (0, 0),
            mark_bytes: marks_bytes / marked.max(1),
            lease_bytes: peak.saturating_sub(held),
            mark_rounds: marks.div_ceil(marked.max(1)),
            batch_bytes: self.batches(),
            steps: [StepFit::default(); 6],
        };
        let steps = Steps {
            early,
            restore,
            forget,
            listed,
            marking,
            prunes: [first, last],
        };
        Ok(tried.told(fit, &steps))
    }

    /// A prune that has nothing to do, and what it asked.
    async fn prune(&mut self) -> Result<Asked, Failed> {
        let before = self.mark();
        self.hands.prune().await?;
        Ok(self.since(before))
    }

    /// Points of ever more blocks, after one of `none`, which asked what `early` says.
    async fn by_doublings(&mut self, none: &Made, early: Asked) -> Result<Doublings, Failed> {
        let mut tried = Doublings {
            blobs: vec![self.hands.blob_bytes().await?],
            data: BTreeMap::new(),
            last: early,
            points: 2,
            blocks: 0,
            all: u64::from(self.blocks),
        };
        for (write, count) in (2..).zip(steps(self.blocks)) {
            let (made, asked) = self.point(write, count, Method::Incremental).await?;
            tried.blobs.push(self.hands.blob_bytes().await?);
            // What the last one builds on is what those before it stored.
            tried.blocks += tried.data.last_key_value().map_or(0, |(count, _)| *count);
            let bytes = made.stored_bytes.saturating_sub(none.stored_bytes);
            tried.data.insert(u64::from(count), bytes);
            (tried.last, tried.points) = (asked, tried.points + 1);
        }
        Ok(tried)
    }

    /// What batches of ever more blocks weigh, by the engine's own sealing.
    fn batches(&self) -> Vec<(u64, u64)> {
        let counts = [0]
            .into_iter()
            .chain(steps(self.blocks))
            .chain([self.blocks]);
        let weigh = |count: u32| {
            let extents = (0..count).map(|block| {
                let mut bytes = vec![0; self.hands.look.block_bytes];
                self.hands.look.block(block, 1, &mut bytes);
                let offset = u64::from(block) * bytes.len() as u64;
                ((0, offset), Payload::Data(bytes.into()))
            });
            let extents: Vec<_> = extents.collect();
            let key = GroupKey::from_bytes([0; 32]);
            let header = Header {
                group: ObjectId([0; 16]),
                generation: 1,
                first: 1,
                batch: 1,
                part: 0,
                end: Some((Timestamp::from_nanoseconds(0), Consistency::Crash)),
                index_bytes: 0,
                frames: 0,
            };
            parcel::seal(&key, &NoEntropy, header, &extents).len() as u64
        };
        counts
            .map(|count| (u64::from(count), weigh(count)))
            .collect()
    }

    /// A point that writes `count` blocks anew, and what it asked.
    async fn point(
        &mut self,
        write: u32,
        count: u32,
        method: Method,
    ) -> Result<(Made, Asked), Failed> {
        let content = self.content(write, count);
        let at = self.ground.handle.now();
        let before = self.mark();
        let made = self.hands.backup(Snapshot { at, content }, method).await?;
        Ok((made, self.since(before)))
    }

    /// The disk with `count` blocks of the write `write` over what was there.
    fn content(&self, write: u32, count: u32) -> crate::workload::Content {
        let mut state = self.ground.state(0);
        let now = self.ground.handle.now();
        let (content, written) = state.disk.at(now);
        let mut content = content.to_vec();
        // Spread over the disk, as real changes are.
        for number in 0..count {
            let block = u64::from(number) * u64::from(self.blocks) / u64::from(count.max(1));
            content[block as usize] = 100 + write;
        }
        let content: crate::workload::Content = content.into();
        state.disk.restore(now, &content, &written);
        content
    }

    /// Everything asked so far.
    fn mark(&self) -> Asked {
        let mut meter = lock(&self.ground.meter);
        let row = meter.at(0, 0);
        Asked {
            rounds: self.ground.handle.now() / TRIP,
            writes: row.writes,
            reads: row.reads,
            got: row.got_bytes,
        }
    }

    fn since(&self, before: Asked) -> Asked {
        let now = self.mark();
        Asked {
            rounds: now.rounds - before.rounds,
            writes: now.writes - before.writes,
            reads: now.reads - before.reads,
            got: now.got - before.got,
        }
    }
}

/// Bytes of a sealed block and of a point's listing, from a point of one block and one of two. So small a disk that
/// there are no such points has no listing to speak of.
fn listing(blobs: &[u64], all: u32) -> (u64, u64) {
    match blobs {
        [none, one, two, ..] => {
            let sealed = (two - one).saturating_sub(one - none);
            (sealed.max(1), (one - none).saturating_sub(sealed))
        }
        [none, ..] => (none / u64::from(all.max(1)), 0),
        [] => (1, 0),
    }
}

/// How many blocks are tried: by doublings.
fn steps(all: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(1_u32), |count| count.checked_mul(2))
        .take_while(move |count| *count < all)
}

/// A world in which only round trips take time.
fn bench(group: &Group) -> Scenario {
    let fast = u64::MAX / 4;
    let group = Group {
        count: 1,
        place: 0,
        zone: Some(0),
        // One real byte for each: what is measured is real bytes.
        bytes: u64::from(group.blocks) * group.real_block_bytes,
        growth_ppm_per_year: 0,
        changes: Changes::Scripted(Vec::new()),
        disk_bytes_per_second: fast,
        ..group.clone()
    };
    Scenario {
        name: "calibration".to_owned(),
        question: String::new(),
        digest: String::new(),
        start_seconds: 1_767_225_600,
        horizon_micros: 60 * DAY,
        seed: 0,
        trials: 0,
        objectives: Objectives::default(),
        penalty: None,
        places: vec![Place {
            name: "here".to_owned(),
            kind: PlaceKind::Region,
            zones: 1,
            pair: None,
        }],
        links: Vec::new(),
        groups: vec![group],
        strategies: vec![Strategy {
            name: "calibration".to_owned(),
            component: None,
            copies: vec![copy(fast)],
            recover_in: None,
        }],
        faults: Vec::new(),
        operator: OPERATOR,
        emulated: true,
        assumed: Vec::new(),
    }
}

/// Takes no time.
const AT_ONCE: Drawn = Drawn::Fixed(0);

/// Nobody has to do anything.
const OPERATOR: Operator = Operator {
    detect: AT_ONCE,
    declare: AT_ONCE,
    provision: AT_ONCE,
    failover: AT_ONCE,
    geo_failover: AT_ONCE,
    boot: AT_ONCE,
    validate: AT_ONCE,
    rebuild: AT_ONCE,
};

/// A copy in a vault as fast as `fast`.
fn copy(fast: u64) -> Copy {
    Copy {
        to: To::Vault,
        place: None,
        redundancy: Redundancy::Lrs,
        method: Method::Incremental,
        full_every: u32::MAX,
        every_micros: DAY,
        at_micros: 0,
        policy: Policy {
            keep_last: "1000".parse().ok(),
            ..Policy::default()
        },
        soft_delete_micros: DAY,
        grace_micros: DAY,
        prune_every_micros: DAY,
        retry_micros: DAY,
        geo_lag: AT_ONCE,
        provider_declares: None,
        seeding: None,
        offsite: None,
        store_bytes_per_second: fast,
        request_micros: TRIP,
        replica: None,
    }
}
