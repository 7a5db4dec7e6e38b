//! Instants that are held and remembered, whatever is written, crashes or is touched meanwhile: what is read is the
//! disks as they were, and the maps of what changed since never say too little.

use std::sync::Arc;

use bytes::Bytes;
use engine::ids::ObjectId;
use engine::replication::before::{Before, BeforeDisk};
use engine::replication::extents::Payload;
use engine::replication::marks::Marks;
use engine::replication::source::{Settings, Source};
use engine::seam::{BlockDevice, World};
use engine::source::CHANGED_PIECE_BYTES as PIECE;
use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use rand::{RngExt, SeedableRng};

use super::world::{Here, Memory, Paused, on_paused_time};

const SIZES: [u64; 2] = [16 * PIECE, 9 * PIECE + 4096];
const WHO: (ObjectId, u64) = (ObjectId([1; 16]), 1);

type Rng = rand_chacha::ChaCha8Rng;

/// A bug that is planted, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// The map of an instant is cleared when it was read, and not when it was.
    ClearedLate,
    /// What was kept at the last end counts after a crash too.
    KeptInUse,
    /// That someone touched the disks is not looked at.
    StampsBlind,
}

/// What is true of the disks.
struct Truth {
    /// The disks at each instant that was held.
    instants: Vec<(ObjectId, Vec<Vec<u8>>)>,
    /// Counts how often they were touched past the splitter.
    touched: u64,
    /// What the last proper end kept.
    kept: Option<Bytes>,
    number: u64,
}

struct Play {
    here: Here,
    rng: Rng,
    truth: Truth,
    planted: Planted,
}

fn content(here: &Here) -> Vec<Vec<u8>> {
    here.disks.iter().map(|disk| disk.content()).collect()
}

async fn kept(world: &World) -> Option<Bytes> {
    let got = world.store.get(&Path::from("marks")).await.ok()?;
    Some(got.bytes().await.expect("its bytes"))
}

impl Play {
    fn new(seed: u64, planted: Planted) -> Self {
        let settings = Settings {
            memory_bytes: 512 << 10,
            ..Settings::default()
        };
        Self {
            here: Here::new(&Paused::new(), &SIZES, settings),
            rng: Rng::seed_from_u64(seed),
            truth: Truth {
                instants: Vec::new(),
                touched: 0,
                kept: None,
                number: 0,
            },
            planted,
        }
    }

    fn stamps(&self) -> Vec<String> {
        let touched = match self.planted {
            Planted::StampsBlind => 0,
            _ => self.truth.touched,
        };
        SIZES.iter().map(|_| format!("at {touched}")).collect()
    }

    fn payload(&mut self) -> ((u16, u64), Payload) {
        let disk = self.rng.random_range(0..2_usize);
        let length = [512, 4096, PIECE, 2 * PIECE + 512][self.rng.random_range(0..4_usize)];
        let offset = self.rng.random_range(0..SIZES[disk] - length) / 512 * 512;
        self.truth.number += 1;
        let stamp = blake3::hash(&self.truth.number.to_le_bytes());
        let payload = if self.rng.random_ratio(1, 6) {
            Payload::Zeros(length)
        } else {
            Payload::Data(Bytes::from(stamp.as_bytes().repeat(length as usize / 32)))
        };
        ((disk as u16, offset), payload)
    }

    /// Some writes, several at once.
    fn writes(&mut self) -> Vec<((u16, u64), Payload)> {
        let count = self.rng.random_range(0..24);
        (0..count).map(|_| self.payload()).collect()
    }

    async fn begin(&self) -> Source {
        let source = self.here.open(false, 0).await;
        let disks = source.disks().to_vec();
        let marks = Marks::begin(&self.here.world, WHO, &disks, &self.stamps()).await;
        source.remember(marks.expect("it begins"));
        source
    }

    /// Holds an instant while writes are under way, reads it while they go on, and holds it against the truth.
    async fn back_up(&mut self, source: &Source) -> Result<(), String> {
        let number = self.truth.instants.len() as u8 + 1;
        let id = ObjectId([number; 16]);
        let before = SIZES.iter().map(|size| Memory::of(*size) as _).collect();
        let room = if self.rng.random_ratio(1, 5) {
            3 * PIECE
        } else {
            u64::MAX
        };
        let (writes, seed) = (self.writes(), self.rng.random());
        let known: Vec<ObjectId> = self.truth.instants.iter().map(|(id, _)| *id).collect();
        let reads = async {
            for _ in 0..seed % 17 {
                tokio::task::yield_now().await;
            }
            let held = source.hold((id, None), before, room).await;
            let (instant, _) = held.expect("it is held");
            // Nobody runs between the instant and here.
            let truth = content(&self.here);
            let mut told = Vec::new();
            for id in known {
                told.push((id, source.changed_since(id)));
            }
            let read = read(&instant, Rng::seed_from_u64(seed), &truth).await;
            source.let_go();
            (truth, told, read)
        };
        let ((), (truth, told, read)) = futures::join!(write_all(source, writes), reads);
        match read {
            Err(why) if room == u64::MAX || why.contains("differs") => return Err(why),
            _ => {}
        }
        if self.planted == Planted::ClearedLate {
            let mut marks = Marks::none(source.disks(), "planted");
            for (id, _) in &self.truth.instants {
                marks.set(*id);
            }
            marks.set(id);
            source.remember(marks);
        }
        self.never_too_little(&truth, told)?;
        self.truth.instants.push((id, truth));
        Ok(())
    }

    /// What differs from an earlier instant is told, or that nothing is known.
    fn never_too_little(
        &self,
        now: &[Vec<u8>],
        told: Vec<(ObjectId, Result<Vec<engine::source::ChangedBlocks>, String>)>,
    ) -> Result<(), String> {
        for (id, changed) in told {
            let Ok(changed) = changed else {
                continue;
            };
            let then = self.truth.instants.iter().find(|(known, _)| *known == id);
            let (_, then) = then.expect("an instant of the past");
            for (disk, changed) in changed.iter().enumerate() {
                let pieces = then[disk].chunks(PIECE as usize);
                let pieces = pieces.zip(now[disk].chunks(PIECE as usize));
                for (piece, (then, now)) in pieces.enumerate() {
                    if then != now && !changed.has(piece as u64) {
                        return Err(format!("piece {piece} of disk {disk} changed since {id}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// The end of a run: a proper one, or a crash within writes.
    async fn end(&mut self, source: Source) {
        let writes = self.writes();
        if self.rng.random_ratio(1, 2) {
            let mut late = Box::pin(write_all(&source, writes));
            for _ in 0..self.rng.random_range(0..40) {
                if late.as_mut().now_or_never().is_some() {
                    break;
                }
            }
            drop(late);
            if self.planted == Planted::KeptInUse
                && let Some(kept) = &self.truth.kept
            {
                let at = Path::from("marks");
                let put = self.here.world.store.put(&at, kept.clone().into());
                put.await.expect("it is put");
            }
        } else {
            write_all(&source, writes).await;
            let stamps = self.stamps();
            let end = source.marks();
            end.keep(&self.here.world, WHO, stamps)
                .await
                .expect("it is kept");
            self.truth.kept = kept(&self.here.world).await;
        }
        drop(source);
        if self.rng.random_ratio(1, 3) {
            let ((disk, offset), payload) = self.payload();
            let disk = &self.here.disks[usize::from(disk)];
            match payload {
                Payload::Data(data) => disk.write(offset, data).await,
                Payload::Zeros(length) => disk.zero(offset, length, true).await,
            }
            .expect("it is written");
            self.truth.touched += 1;
        }
    }

    async fn play(&mut self) -> Result<u64, String> {
        let mut known = 0;
        for _ in 0..8 {
            let source = self.begin().await;
            for (id, _) in &self.truth.instants {
                known += u64::from(source.changed_since(*id).is_ok());
            }
            for _ in 0..self.rng.random_range(0..3) {
                let writes = self.writes();
                write_all(&source, writes).await;
                self.back_up(&source).await?;
            }
            self.end(source).await;
        }
        Ok(known)
    }
}

async fn write_all(source: &Source, writes: Vec<((u16, u64), Payload)>) {
    let all = writes.into_iter().map(|(at, payload)| async move {
        let written = source.write(at, payload, true).await;
        written.expect("a write never fails for a backup's sake");
    });
    let mut all: FuturesUnordered<_> = all.collect();
    while all.next().await.is_some() {}
}

/// Reads both disks forwards, in pieces of any size.
async fn read(instant: &Arc<Before>, mut rng: Rng, truth: &[Vec<u8>]) -> Result<(), String> {
    for (number, truth) in truth.iter().enumerate() {
        let disk = BeforeDisk {
            before: Arc::clone(instant),
            disk: number as u16,
        };
        let mut at = 0;
        while at < SIZES[number] {
            let step = rng.random_range(1..4 * PIECE).min(SIZES[number] - at);
            let read = disk.read(at, step as usize).await;
            let read = read.map_err(|error| error.to_string())?;
            if read != truth[at as usize..(at + step) as usize] {
                return Err(format!("disk {number} differs at {at}"));
            }
            at += step;
        }
    }
    Ok(())
}

fn run(seed: u64, planted: Planted) -> Result<u64, String> {
    on_paused_time(async { Play::new(seed, planted).play().await })
}

/// `FIREDRILL_SEEDS` sets how many.
#[test]
fn an_instant_is_as_it_was_and_no_change_since_is_missed() {
    let seeds = std::env::var("FIREDRILL_SEEDS");
    let seeds = seeds.ok().and_then(|seeds| seeds.parse().ok());
    let mut known = 0;
    for seed in 0..seeds.unwrap_or(60) {
        let met = run(seed, Planted::Nothing);
        known += met.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    assert!(known > 0, "some maps live on over a restart");
}

#[test]
fn a_map_that_says_too_little_is_found() {
    for planted in [
        Planted::ClearedLate,
        Planted::KeptInUse,
        Planted::StampsBlind,
    ] {
        let found = (0..200).find_map(|seed| run(seed, planted).err());
        let why = found.unwrap_or_else(|| panic!("{planted:?} was not found"));
        assert!(why.contains("changed since"), "{planted:?}: {why}");
    }
}
