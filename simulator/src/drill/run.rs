//! The order of a drill: what to read, restoring it point by point, then what the vault is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use engine::backup::Progress;
use engine::drill::{self, Ledgers, Opened, Scratch};
use engine::format::drill::{Measured, Run, Scope};
use engine::ids::PointId;
use engine::units::Timestamp;
use engine::vault::{Catalog, Point, Vault};
use engine::{Error, ErrorKind, Result};

use crate::measured::machine;

use super::instances;
use super::ledger;
use super::point::{self, Ground, Restored, micros_since, unowned};
use super::rows::{Basis, Drill, Failure, PointDrill, SampleDrill};

/// Older points that are tried after a newest one that is damaged: a good one is what matters, and each
/// costs a whole restore.
const OLDER_MAX: usize = 3;
/// Failures told by name.
const FAILURES_MAX: usize = 1000;

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Select {
    /// The newest point of each instance; where it is damaged, older ones until one is good.
    Newest,
    /// So many parts in a million of all packs' bytes, in rotation.
    Sample(u32),
    /// Every point.
    All,
    /// One point: `latest`, an id or the beginning of one.
    Point(String),
}

/// A drill to be run.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to read.
    pub select: Select,
    /// The instances to look at; empty for all.
    pub instances: Vec<String>,
    /// Restore into this new or empty folder, which is taken away again; else nowhere.
    pub scratch: Option<PathBuf>,
    /// When the command began, by this machine's clock: before the vault was opened.
    pub started: Timestamp,
    /// Host and process, for people.
    pub by: String,
    /// The command that does this again.
    pub command: String,
    /// The program's version.
    pub program_version: String,
}

/// Hears how far a drill is.
pub trait Watcher: Progress {
    /// So many bytes are to be read now.
    fn begin(&self, what: &str, bytes: u64);
}

/// Runs a drill. Damage is in the rows, not an error.
///
/// # Errors
/// `NotFound` where there is no such point or instance, `Invalid` for a scratch folder that is not
/// empty, `Unavailable` for one that is too small; store errors.
pub async fn run(vault: &Vault, request: &Request, watcher: &dyn Watcher) -> Result<Drill> {
    let clock = &*vault.world().clock;
    let vault_micros = micros_since(clock, request.started);
    let began = clock.now();
    let catalog = Catalog::load(vault).await?;
    let begun = Measured {
        vault_micros,
        manifests: catalog.existing().count() as u64,
        catalog_micros: micros_since(clock, began),
        request_micros: drill::request_micros(vault).await?,
        ..Measured::default()
    };
    let chosen = instances::by_instance(&catalog, &request.instances);
    refuse_nothing(&catalog, &chosen, request)?;
    let scratch = match &request.scratch {
        Some(at) => Some(Scratch::make(at)?),
        None => None,
    };
    let ledgers = Ledgers::load(vault).await?;
    let mut session = Session {
        ground: Ground {
            vault,
            catalog: &catalog,
            scratch: scratch.as_ref(),
            begun,
        },
        request,
        watcher,
        chosen,
        opened: Opened::default(),
        restored: Vec::new(),
        failures: damaged_before(&catalog, &ledgers),
        predicted: BTreeMap::new(),
        basis: ledger::basis(&ledgers, request.scratch.is_some()),
        part: None,
        sum: begun,
        sample: None,
    };
    session.read(&ledgers).await?;
    let wall_micros = micros_since(clock, request.started);
    let drill = session.tell(ledgers, wall_micros).await?;
    if let Some(scratch) = scratch {
        scratch.remove()?;
    }
    Ok(drill)
}

fn refuse_nothing(
    catalog: &Catalog,
    chosen: &BTreeMap<&str, Vec<&Point>>,
    request: &Request,
) -> Result<()> {
    let none = |what: String| {
        let what = format!("{what}: `firedrill points` lists them");
        Err(Error::new(ErrorKind::NotFound, what))
    };
    if let Some(name) = request
        .instances
        .iter()
        .find(|name| !chosen.contains_key(name.as_str()))
    {
        return none(format!("no recovery point of '{name}'"));
    }
    if chosen.is_empty() && catalog.damaged().is_empty() {
        return none("there is nothing to restore: the vault holds no recovery point".to_owned());
    }
    Ok(())
}

fn damaged_before(catalog: &Catalog, ledgers: &Ledgers) -> Vec<Failure> {
    let damaged = catalog.damaged().iter().chain(&ledgers.damaged);
    damaged.map(unowned).collect()
}

struct Session<'a> {
    ground: Ground<'a>,
    request: &'a Request,
    watcher: &'a dyn Watcher,
    chosen: BTreeMap<&'a str, Vec<&'a Point>>,
    opened: Opened,
    restored: Vec<(PointDrill, Measured)>,
    failures: Vec<Failure>,
    /// What the points take that were not restored.
    predicted: BTreeMap<String, u64>,
    basis: Option<(Basis, Measured)>,
    /// What the first part of the first point told.
    part: Option<Measured>,
    sum: Measured,
    sample: Option<SampleDrill>,
}

impl<'a> Session<'a> {
    async fn read(&mut self, ledgers: &Ledgers) -> Result<()> {
        let newest = |points: &Vec<&'a Point>| points.last().copied();
        match &self.request.select {
            Select::Newest => {
                self.refuse_small_scratch(self.chosen.values().filter_map(newest).collect())
                    .await?;
                for points in self.chosen.clone().into_values() {
                    let tried = points.iter().rev().take(1 + OLDER_MAX);
                    for point in tried {
                        if self.restore(point).await? {
                            break;
                        }
                    }
                }
            }
            Select::All => {
                let points: Vec<&Point> = self.chosen.values().flatten().copied().collect();
                self.refuse_small_scratch(points.clone()).await?;
                for point in points {
                    self.restore(point).await?;
                }
            }
            Select::Point(name) => {
                let point = self.named(name)?;
                let instance = point.manifest.instance.as_str();
                self.chosen.retain(|name, _| *name == instance);
                self.refuse_small_scratch(vec![point]).await?;
                self.restore(point).await?;
            }
            Select::Sample(share_ppm) => self.read_sample(ledgers, *share_ppm).await?,
        }
        Ok(())
    }

    fn is_one_point(&self) -> bool {
        matches!(self.request.select, Select::Point(_))
    }

    /// The point that a person means.
    fn named(&self, name: &str) -> Result<&'a Point> {
        let asked = &self.request.instances;
        let point = if name == "latest" {
            self.ground
                .catalog
                .latest(asked.first().map(String::as_str))?
        } else {
            self.ground.catalog.resolve(name)?
        };
        let instance = &point.manifest.instance;
        if asked.is_empty() || asked.contains(instance) {
            return Ok(point);
        }
        let what = format!("point '{name}' is of {instance}: leave --instance out, or name that");
        Err(Error::new(ErrorKind::Invalid, what))
    }

    /// Refuses before anything is read what would not fit, holes not counted.
    async fn refuse_small_scratch(&self, points: Vec<&Point>) -> Result<()> {
        let Some(scratch) = self.ground.scratch else {
            return Ok(());
        };
        let free = scratch.free_bytes();
        for point in points {
            if point.manifest.statistics.logical_bytes <= free {
                continue;
            }
            let bytes = match point::plan(&self.ground, point).await {
                Ok(plan) => plan.content_bytes,
                // The restore tells it.
                Err(error) if error.is_damage() => continue,
                Err(error) => return Err(error),
            };
            if bytes > free {
                let what = format!(
                    "the scratch folder has {free} bytes free and point {} needs {bytes}: make \
                     room, name another folder, or drill with `--to nowhere`; nothing was read",
                    point.id.short()
                );
                return Err(Error::new(ErrorKind::Unavailable, what));
            }
        }
        Ok(())
    }

    /// Restores a point; whether it is good.
    async fn restore(&mut self, point: &Point) -> Result<bool> {
        let what = format!("restoring {}", point.id.short());
        let bytes = point.manifest.statistics.logical_bytes;
        self.watcher.begin(&what, bytes);
        let done = point::restore(&self.ground, point, &mut self.opened, self.watcher).await?;
        let Restored {
            row,
            measured,
            part,
            failures,
        } = done;
        let good = row.verified;
        if good {
            point::add(&mut self.sum, &measured);
        }
        if self.restored.is_empty() {
            self.part = part;
        }
        self.failures.extend(failures);
        self.restored.push((row, measured));
        Ok(good)
    }

    async fn read_sample(&mut self, ledgers: &Ledgers, share_ppm: u32) -> Result<()> {
        let vault = self.ground.vault;
        let clock = &*vault.world().clock;
        let ids: Vec<PointId> = self
            .chosen
            .values()
            .flatten()
            .map(|point| point.id)
            .collect();
        let index = if self.request.instances.is_empty() {
            None
        } else {
            Some(self.ground.catalog.index_of(vault, &ids).await?)
        };
        let candidates = drill::sampled(vault, ledgers, index.as_ref()).await?;
        let packs_total = candidates.len() as u64;
        let chosen = drill::choose(candidates, share_ppm);
        let bytes = chosen.iter().map(|candidate| candidate.bytes).sum();
        self.watcher.begin("reading a sample", bytes);
        let began = clock.now();
        let read = drill::read_packs(vault, &chosen, self.watcher).await?;
        let micros = micros_since(clock, began);
        let mut damaged = BTreeMap::new();
        for outcome in read {
            match outcome.damage {
                Some(error) => {
                    self.opened.damaged.insert(outcome.pack);
                    damaged.insert(outcome.pack, error);
                }
                None => drop(self.opened.packs.insert(outcome.pack, None)),
            }
        }
        self.sample = Some(SampleDrill {
            packs_total,
            packs: chosen.len() as u64,
            damaged_packs: damaged.len() as u64,
            bytes,
            micros,
        });
        self.blame(&damaged).await?;
        self.predict_newest(chosen.len() as u64, bytes, micros)
            .await
    }

    /// Names the files and points that need damaged packs.
    async fn blame(&mut self, damaged: &BTreeMap<engine::ids::ObjectId, Error>) -> Result<()> {
        self.failures.extend(damaged.values().map(unowned));
        if damaged.is_empty() {
            return Ok(());
        }
        let packs: BTreeSet<_> = damaged.keys().copied().collect();
        for point in self.chosen.values().flatten() {
            let failures = point::blame(&self.ground, point, &packs).await?;
            self.failures.extend(failures);
        }
        Ok(())
    }

    /// Predicts what the newest points take, by an earlier drill or by what the sample took.
    async fn predict_newest(&mut self, requests: u64, bytes: u64, micros: u64) -> Result<()> {
        let newest: Vec<&Point> = self
            .chosen
            .values()
            .filter_map(|points| points.last().copied())
            .collect();
        for point in newest {
            let work = match point::plan(&self.ground, point).await {
                Ok(work) => work,
                Err(error) if error.is_damage() => {
                    let failure = point::failure(point, None, &error.to_string());
                    self.failures.push(failure);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let by_sample = Measured {
                requests,
                fetched_bytes: bytes,
                fetch_micros: micros,
                content_bytes: 0,
                ..work
            };
            let (basis, known) = self.basis.unwrap_or((Basis::Sample, by_sample));
            let predicted = drill::predict(&work, &known).total_micros();
            self.predicted.insert(point.id.to_string(), predicted);
            self.basis = Some((basis, known));
        }
        Ok(())
    }

    /// Tells the vault and the caller what came of it.
    async fn tell(mut self, mut ledgers: Ledgers, wall_micros: u64) -> Result<Drill> {
        let vault = self.ground.vault;
        let part = self.part.map(|known| (Basis::FirstPart, known));
        let basis = self.basis.or(part);
        let points = self.take_rows(basis);
        let history = ledgers.runs.iter().map(ledger::past).collect();
        let started = self.request.started;
        for row in points.iter().filter(|row| row.verified) {
            if let Ok(id) = row.point.parse() {
                ledgers.points.insert(id, started);
            }
        }
        let damaged = self
            .failures
            .iter()
            .filter_map(|one| one.point.as_ref()?.parse().ok());
        for id in damaged.collect::<BTreeSet<PointId>>() {
            ledgers.points.remove(&id);
        }
        let catalog = self.ground.catalog;
        let coverage = drill::survey(vault, catalog, &mut ledgers, &self.opened, started).await?;
        ledgers.runs.push(self.as_run(&points, wall_micros));
        let (store_now, unrecorded) = ledger::record(vault, &ledgers).await;
        // A request takes time, and HTTP tells whole seconds: small differences are none.
        let ahead = store_now.map(|now| {
            let ahead = now.seconds - vault.world().clock.now().seconds;
            if ahead.abs() <= 5 { 0 } else { ahead }
        });
        let now_seconds = started.seconds + ahead.unwrap_or(0);
        let instances = instances::rows(
            &self.chosen,
            &points,
            &self.failures,
            &self.predicted,
            now_seconds,
        );
        let failures_total = self.failures.len() as u64;
        self.failures.truncate(FAILURES_MAX);
        Ok(Drill {
            program_version: self.request.program_version.clone(),
            command: self.request.command.clone(),
            started_seconds: started.seconds,
            wall_micros,
            machine: machine(),
            by: self.request.by.clone(),
            vault: vault.keys().vault().to_string(),
            scope: scope(&self.request.select).name().to_owned(),
            filtered: !self.request.instances.is_empty() || self.is_one_point(),
            sample_ppm: match self.request.select {
                Select::Sample(share_ppm) => Some(share_ppm),
                _ => None,
            },
            scratch: self.request.scratch.is_some(),
            request_micros: self.ground.begun.request_micros,
            store_ahead_seconds: ahead,
            points,
            sample: self.sample,
            instances,
            failures: self.failures,
            failures_total,
            basis: basis.map_or(Basis::None, |(basis, _)| basis),
            coverage: ledger::coverage(catalog, &ledgers, &coverage),
            history,
            unrecorded,
        })
    }

    /// The points' rows, with what was predicted of those that are whole.
    fn take_rows(&mut self, basis: Option<(Basis, Measured)>) -> Vec<PointDrill> {
        let rows = std::mem::take(&mut self.restored).into_iter();
        rows.map(|(mut row, measured)| {
            let known = basis.filter(|_| row.verified);
            row.predicted =
                known.map(|(_, known)| point::predicted(&drill::predict(&measured, &known)));
            row
        })
        .collect()
    }

    fn as_run(&self, points: &[PointDrill], micros: u64) -> Run {
        let restored: u64 = points.iter().map(|row| row.content_bytes).sum();
        let good = points.iter().filter(|row| row.verified);
        Run {
            at: self.request.started,
            by: self.request.by.clone(),
            scope: scope(&self.request.select),
            scratch: self.request.scratch.is_some(),
            good: self.failures.is_empty(),
            bytes: restored + self.sample.map_or(0, |sample| sample.bytes),
            micros,
            points: good.filter_map(|row| row.point.parse().ok()).collect(),
            measured: self.sum,
        }
    }
}

fn scope(select: &Select) -> Scope {
    match select {
        Select::Newest => Scope::Newest,
        Select::Sample(_) => Scope::Sample,
        Select::All => Scope::All,
        Select::Point(_) => Scope::Point,
    }
}
