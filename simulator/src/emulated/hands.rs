//! Hands that are the engine: real vaults in a simulated store, real bytes at a stated scale.
//!
//! Long because each step of an actor and what it asks of the engine belong side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engine::backup::{self, Backup, Request};
use engine::deletion;
use engine::format::keyslot::{KdfCost, Terms};
use engine::format::layout::path;
use engine::format::point::{Manifest, Method, SourceKind};
use engine::ids::PointId;
use engine::inventory::History;
use engine::prune::{self, Limits};
use engine::retention::{Subject, decide};
use engine::seam::{AsItIs, World};
use engine::source::Source;
use engine::units::Timestamp;
use engine::vault::{Catalog, Point, Vault};
use engine::{Error, ErrorKind, restore};
use object_store::path::Path;
use tempfile::TempDir;

use crate::replication::EngineReplica;
use crate::scenario::{Copy, Redundancy, SECOND};
use crate::trial::ground::{Ground, lock};
use crate::trial::hands::{Back, Failed, Hands, Made, Snapshot};
use crate::trial::rates;
use crate::workload::Content;
use crate::world::account::{Account, Endpoint};

use super::content::{Image, Look, read};
use super::inspect;
use super::machine::{Media, machine};
use crate::trial::debt::{Charged, Debt};

/// The passphrase of simulated vaults: they never leave memory.
pub(super) const PASSPHRASE: &[u8] = b"simulated";
/// As cheap as a key slot may be: what it guards is made up.
const COST: KdfCost = KdfCost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

/// Reasons of deletions.
pub(super) const BY_POLICY: &str = "the policy";
pub(super) const BY_INTRUDER: &str = "an intruder";

/// What emulated hands share: where images lie.
#[derive(Debug)]
pub struct Kit {
    folder: TempDir,
}

impl Kit {
    /// A folder in memory where there is one, else the system's temporary one.
    ///
    /// # Errors
    /// Where none can be made.
    pub fn new() -> engine::Result<Self> {
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let made = tempfile::Builder::new()
            .prefix("firedrill-")
            .tempdir_in(&base);
        let made = made.or_else(|_| tempfile::Builder::new().prefix("firedrill-").tempdir());
        let folder =
            made.map_err(|error| Error::from_io("the folder for simulated disks", error))?;
        Ok(Self { folder })
    }
}

/// A point as the hands know it.
#[derive(Clone, Debug)]
struct Known {
    id: PointId,
    /// When its snapshot was taken: what it vouches for. Its manifest says when reading began, which is later.
    at: u64,
    manifest: Manifest,
}

/// Emulated hands of one copy of one instance.
#[derive(Debug)]
pub struct EngineHands {
    pub(super) ground: Arc<Ground<Bytes>>,
    pub(super) instance: usize,
    pub(super) copy: usize,
    pub(super) look: Look,
    folder: PathBuf,
    image: Option<Image>,
    known: BTreeMap<u32, Known>,
    made: u32,
    seeded: bool,
    /// Packs that were damaged on purpose.
    damaged: BTreeSet<Path>,
    /// Worlds made so far: each has entropy of its own.
    turns: u64,
}

/// What an error of the engine means for whoever asked.
fn failed(error: &Error) -> Failed {
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::NotFound => Failed::Damaged,
        ErrorKind::Denied => Failed::Locked,
        ErrorKind::Internal | ErrorKind::Invalid => Failed::Broken(error.to_string()),
        _ => Failed::Unavailable,
    }
}

impl Hands for EngineHands {
    type Stored = Bytes;
    type Kit = Kit;
    type Replica = EngineReplica;

    fn new(ground: &Arc<Ground<Bytes>>, kit: &Arc<Kit>, instance: usize, copy: usize) -> Self {
        let group = &ground.instances[instance].group;
        Self {
            look: Look {
                instance: instance as u32,
                block_bytes: group.real_block_bytes as usize,
                compress_ppm: group.compress_ppm,
            },
            folder: kit.folder.path().join(format!("{instance:05}-{copy}")),
            ground: Arc::clone(ground),
            instance,
            copy,
            image: None,
            known: BTreeMap::new(),
            made: 0,
            seeded: false,
            damaged: BTreeSet::new(),
            turns: 0,
        }
    }

    fn replica(
        ground: &Arc<Ground<Bytes>>,
        _: &Arc<Kit>,
        instance: usize,
        copy: usize,
    ) -> EngineReplica {
        EngineReplica::new(ground, instance, copy)
    }

    async fn backup(&mut self, snapshot: Snapshot, method: Method) -> Result<Made, Failed> {
        self.open()?;
        let image = self.image(&snapshot.content)?;
        let group = Arc::clone(&self.ground.instances[self.instance].group);
        let block = group.real_block_bytes * group.scale();
        let media = self.media();
        let (vault, debt) = self.vault_on(media.clone()).await?;
        let reading = vec![group.disk_bytes_per_second, rates::FINGERPRINT];
        let charged = Charged::new(debt.clone(), group.scale(), reading);
        let backup = Backup {
            sources: vec![Source {
                called: PathBuf::from("/disk"),
                path: image,
                kind: SourceKind::Disk,
            }],
            by: self.name(),
            request: Request {
                method,
                instance: self.name(),
            },
            block_bytes: group.real_block_bytes,
            program: "simulated".to_owned(),
            host: Some(self.name()),
            tags: Vec::new(),
        };
        let made = backup::run(&vault, &backup, &AsItIs, &charged).await;
        let made = made.map_err(|error| failed(&error))?;
        let statistics = made.manifest.statistics;
        let stored = statistics.blocks_stored;
        // What a synthetic full copies is sealed already.
        let (sent, copied) = (
            u128::from(statistics.sent_bytes),
            u128::from(statistics.copied_bytes),
        );
        let sealed = u128::from(stored) * sent / (sent + copied).max(1);
        debt.owe(rates::micros(sealed as u64 * block, rates::SEAL));
        debt.pay().await;
        match media {
            Some(media) => self.carry(media).await,
            None => self.seeded = true,
        }
        let number = self.made;
        self.made += 1;
        let chain_length = made.manifest.chain_length;
        let manifest = self.manifest_bytes(made.point);
        // The manifest is as large as it is.
        let stated = |bytes: u64| {
            let small = manifest.min(bytes);
            (bytes - small) * group.scale() + small
        };
        self.known.insert(
            number,
            Known {
                id: made.point,
                at: snapshot.at,
                manifest: made.manifest,
            },
        );
        Ok(Made {
            number,
            blocks_stored: stored,
            chain_length,
            stored_bytes: stated(made.stored_bytes),
            sent_bytes: stated(made.sent_bytes),
        })
    }

    async fn forget(&mut self, at: u64) -> Result<Vec<u32>, Failed> {
        self.open()?;
        let (vault, _) = self.vault().await?;
        let catalog = Catalog::load(&vault)
            .await
            .map_err(|error| failed(&error))?;
        let subjects = self.subjects(&catalog);
        let verdicts = decide(&self.spec().policy, &subjects, self.instant(at));
        let verdicts = verdicts.map_err(|error| failed(&error))?;
        let goes = verdicts.iter().filter(|verdict| !verdict.keep);
        let goes: Vec<PointId> = goes.map(|verdict| verdict.id).collect();
        if !goes.is_empty() {
            self.delete(&vault, &goes, BY_POLICY).await?;
        }
        Ok(self.marked())
    }

    async fn prune(&mut self) -> Result<Vec<u32>, Failed> {
        self.open()?;
        let (vault, _) = self.vault().await?;
        let request = prune::Request {
            by: self.name(),
            limits: Limits::default(),
        };
        let pruned = prune::run(&vault, &request, |_| {}).await;
        let pruned = pruned.map_err(|error| failed(&error))?;
        let numbers = self.numbers(&pruned.expired);
        for number in &numbers {
            self.known.remove(number);
        }
        Ok(numbers)
    }

    async fn points(&mut self, at: Endpoint, place: usize) -> Result<Vec<u32>, Failed> {
        let (_, catalog, _) = self.read(at, place).await?;
        let ids: Vec<PointId> = catalog.points().iter().map(|point| point.id).collect();
        Ok(self.numbers(&ids))
    }

    async fn restore(&mut self, number: u32, at: Endpoint, place: usize) -> Result<Back, Failed> {
        let (vault, catalog, debt) = self.read(at, place).await?;
        let group = Arc::clone(&self.ground.instances[self.instance].group);
        let writing = vec![rates::OPEN, group.disk_bytes_per_second];
        let charged = Charged::new(debt.clone(), group.scale(), writing);
        let known = self.known.get(&number).ok_or(Failed::Damaged)?;
        let point = catalog.get(known.id).ok_or(Failed::Damaged)?;
        let target = self.folder.join("restored");
        let request = restore::Request {
            target: target.clone(),
            paths: Vec::new(),
            overwrite: true,
            dry_run: false,
        };
        let back = restore::run(&vault, &catalog, point, &request, &charged).await;
        let back = back.map_err(|error| failed(&error))?;
        // A disk with zeros in the place of what is damaged is not what the point vouches for.
        if back.damaged > 0 {
            return Err(Failed::Damaged);
        }
        let blocks = self.ground.state(self.instance).disk.blocks();
        let content = read(&target, self.look, blocks).map_err(Failed::Broken)?;
        debt.pay().await;
        Ok(Back {
            content,
            fetched_bytes: back.fetched_bytes * group.scale(),
            chain_length: point.manifest.chain_length,
        })
    }

    async fn delete_all(&mut self) -> Vec<u32> {
        if self.spec().soft_delete_micros == 0 {
            // Nothing stands between the intruder and the objects themselves.
            let now = self.ground.handle.now();
            let store = self.ground.store(self.instance, self.copy);
            let mut account = lock(&store.account);
            let keys = account.list(now, Endpoint::Primary, &self.prefix());
            let keys: Vec<String> = keys.into_iter().map(|(key, _)| key.to_owned()).collect();
            for key in keys {
                account.delete(now, &key);
            }
            let gone = self.known.keys().copied().collect();
            self.known.clear();
            return gone;
        }
        // How far an intruder comes on a store that does not serve is to be seen there.
        let _ = self.delete_points().await.is_ok();
        self.marked()
    }

    async fn undelete_all(&mut self) -> Vec<u32> {
        let mut back = self.marked();
        let _ = self.undelete_points().await.is_ok();
        let still = self.marked();
        back.retain(|number| !still.contains(number));
        back
    }

    fn damage_newest(&mut self) {
        let Some((_, known)) = self.known.last_key_value() else {
            return;
        };
        let store = self.ground.store(self.instance, self.copy);
        let mut account = lock(&store.account);
        self.damaged
            .extend(known.manifest.packs.iter().map(|pack| path::pack(*pack)));
        for pack in &known.manifest.packs {
            let key = format!("{}{}", self.prefix(), path::pack(*pack));
            account.tamper(&key, |bytes| {
                let mut flipped = bytes.to_vec();
                // The middle of a pack is data.
                let middle = flipped.len() / 2;
                if let Some(byte) = flipped.get_mut(middle) {
                    *byte ^= 1;
                }
                *bytes = flipped.into();
            });
        }
    }

    async fn inspect(&mut self) -> Vec<String> {
        inspect::all(self).await
    }
}

impl EngineHands {
    pub(super) fn spec(&self) -> &Copy {
        self.ground.copy(self.copy)
    }

    fn name(&self) -> String {
        self.ground.instances[self.instance].name.clone()
    }

    /// Packs that were damaged on purpose.
    pub(super) fn damaged(&self) -> &BTreeSet<Path> {
        &self.damaged
    }

    /// What the vault calls a point.
    pub(super) fn id(&self, number: u32) -> Option<PointId> {
        self.known.get(&number).map(|known| known.id)
    }

    /// The latest snapshot of a point that was taken by an instant.
    pub(super) fn latest_by(&self, at: Timestamp) -> Option<Timestamp> {
        let taken = self.known.values().map(|known| self.instant(known.at));
        taken.filter(|taken| *taken <= at).max()
    }

    /// Numbers of the points that have a mark of deletion in the store, whoever can reach it.
    fn marked(&self) -> Vec<u32> {
        let now = self.ground.handle.now();
        let store = self.ground.store(self.instance, self.copy);
        let mut account = lock(&store.account);
        let mut is_marked = |id: PointId| {
            let key = format!("{}{}", self.prefix(), path::deletion(id));
            account.get(now, Endpoint::Primary, &key).is_some()
        };
        let known = self.known.iter().filter(|(_, known)| is_marked(known.id));
        known.map(|(number, _)| *number).collect()
    }

    /// Bytes of a point's manifest.
    fn manifest_bytes(&self, id: PointId) -> u64 {
        let key = format!("{}{}", self.prefix(), path::point(id));
        let store = self.ground.store(self.instance, self.copy);
        let mut account = lock(&store.account);
        let seen = account.get(self.ground.handle.now(), Endpoint::Primary, &key);
        seen.map_or(0, |seen| seen.value.len() as u64)
    }

    async fn delete_points(&mut self) -> Result<(), Failed> {
        let (vault, _) = self.vault().await?;
        let catalog = Catalog::load(&vault)
            .await
            .map_err(|error| failed(&error))?;
        let all: Vec<PointId> = catalog.points().iter().map(|point| point.id).collect();
        if all.is_empty() {
            return Ok(());
        }
        self.delete(&vault, &all, BY_INTRUDER).await
    }

    async fn undelete_points(&mut self) -> Result<(), Failed> {
        let (vault, _) = self.vault().await?;
        let catalog = Catalog::load(&vault)
            .await
            .map_err(|error| failed(&error))?;
        let (terms, now) = (self.terms(), self.instant(self.ground.handle.now()));
        let deleted = catalog.deleted().iter();
        let there = deleted.filter(|deleted| now < deleted.until(terms));
        let ids: Vec<PointId> = there.map(|deleted| deleted.point.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let brought = deletion::undelete(&vault, &ids, &self.name()).await;
        brought.map_err(|error| failed(&error))
    }

    /// Bytes of all sealed blobs in the vault.
    pub(super) async fn blob_bytes(&mut self) -> Result<u64, Failed> {
        let (vault, catalog, _) = self.read(Endpoint::Primary, self.place()).await?;
        let history = History::read(&vault, &catalog).await;
        Ok(history.map_err(|error| failed(&error))?.blob_bytes)
    }

    /// What the names of this instance's objects begin with in the account.
    pub(super) fn prefix(&self) -> String {
        format!("{:06}/", self.instance)
    }

    /// The points that are not deleted, as retention sees them, each of when its snapshot was taken.
    pub(super) fn subjects(&self, catalog: &Catalog) -> Vec<Subject> {
        let points = catalog.points().iter();
        points.map(|point| self.subject(point)).collect()
    }

    /// One point as retention sees it.
    pub(super) fn subject(&self, point: &Point) -> Subject {
        let mut subject = Subject::of(point.id, &point.manifest, Vec::new());
        let known = self.known.values().find(|known| known.id == point.id);
        if let Some(known) = known {
            subject.captured = self.instant(known.at);
        }
        subject
    }

    /// Numbers of points.
    pub(super) fn numbers(&self, ids: &[PointId]) -> Vec<u32> {
        let known = self
            .known
            .iter()
            .filter(|(_, known)| ids.contains(&known.id));
        known.map(|(number, _)| *number).collect()
    }

    fn open(&self) -> Result<(), Failed> {
        if self.ground.is_locked() {
            Err(Failed::Locked)
        } else {
            Ok(())
        }
    }

    pub(super) fn instant(&self, micros: u64) -> Timestamp {
        let start = i128::from(self.ground.scenario.start_seconds) * 1_000_000_000;
        Timestamp::from_nanoseconds(start + i128::from(micros) * 1000)
    }

    pub(super) fn terms(&self) -> Terms {
        let spec = self.spec();
        Terms {
            soft_delete_seconds: spec.soft_delete_micros / SECOND,
            grace_seconds: spec.grace_micros / SECOND,
        }
    }

    fn world(&mut self, at: Endpoint, place: usize, media: Option<Media>) -> (World, Debt) {
        self.turns += 1;
        machine(
            &self.ground,
            (self.instance, self.copy),
            (at, place),
            (media, self.turns),
        )
    }

    fn place(&self) -> usize {
        self.ground.state(self.instance).place
    }

    /// The image, brought to `content`.
    fn image(&mut self, content: &Content) -> Result<PathBuf, Failed> {
        let broken = |error: std::io::Error| Failed::Broken(format!("a simulated disk: {error}"));
        let image = match &mut self.image {
            Some(image) => image,
            none => {
                std::fs::create_dir_all(&self.folder).map_err(broken)?;
                let at = self.folder.join("disk");
                let image = Image::create(&at, self.look, content.len()).map_err(broken)?;
                none.insert(image)
            }
        };
        image.follow(content).map_err(broken)?;
        Ok(image.path().to_owned())
    }

    /// The vault as the instance's agent opens it for each step, made if need be.
    pub(super) async fn vault(&mut self) -> Result<(Vault, Debt), Failed> {
        self.vault_on(None).await
    }

    /// The same, on media if some are given.
    async fn vault_on(&mut self, media: Option<Media>) -> Result<(Vault, Debt), Failed> {
        let (world, debt) = self.world(Endpoint::Primary, self.place(), media);
        let made = match Vault::open(world.clone(), PASSPHRASE).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Vault::create(world, PASSPHRASE, COST, self.terms()).await
            }
            opened => opened,
        };
        Ok((made.map_err(|error| failed(&error))?, debt))
    }

    /// A vault and its catalog as a place's machine reads them from an endpoint.
    pub(super) async fn read(
        &mut self,
        at: Endpoint,
        place: usize,
    ) -> Result<(Vault, Catalog, Debt), Failed> {
        self.open()?;
        let (world, debt) = self.world(at, place, None);
        let vault = Vault::open(world, PASSPHRASE).await;
        let vault = vault.map_err(|error| failed(&error))?;
        let catalog = Catalog::load(&vault)
            .await
            .map_err(|error| failed(&error))?;
        Ok((vault, catalog, debt))
    }

    pub(super) async fn delete(
        &self,
        vault: &Vault,
        ids: &[PointId],
        reason: &str,
    ) -> Result<(), Failed> {
        let request = deletion::Request {
            by: self.name(),
            reason: reason.to_owned(),
            soft_delete_seconds: None,
        };
        let deleted = deletion::forget(vault, ids, &request).await;
        deleted.map(|_| ()).map_err(|error| failed(&error))
    }

    /// Media for the first point, where it goes by courier.
    fn media(&self) -> Option<Media> {
        let rides = !self.seeded && self.spec().seeding.is_some();
        rides.then(|| Arc::new(Mutex::new(Account::new(Redundancy::Single, None))))
    }

    /// The courier brings media into the store: until then nothing of them is there.
    async fn carry(&mut self, media: Media) {
        let spec = self.spec().clone();
        let Some(courier) = spec.seeding else {
            return;
        };
        let trip = self.ground.drawn(courier.trip, &self.name(), "seeding", 0);
        let copying = rates::micros(lock(&media).bytes(), courier.media_bytes_per_second);
        let wait = copying.saturating_add(trip);
        self.ground.handle.sleep(wait).await;
        let now = self.ground.handle.now();
        let mut media = lock(&media);
        let mut account = lock(&self.ground.store(self.instance, self.copy).account);
        let mut meter = lock(&self.ground.meter);
        let row = meter.at(now, self.copy);
        row.courier_trips += 1;
        for (key, seen) in media.list(now, Endpoint::Primary, "") {
            account.put(now, key.to_owned(), seen.value.clone(), seen.bytes, true);
            row.writes += 1;
            row.put_bytes += seen.bytes;
            row.geo_bytes += if spec.redundancy.is_geo() {
                seen.bytes
            } else {
                0
            };
        }
        drop((meter, account, media));
        self.seeded = true;
    }
}
