//! Every call that a command makes to the store fails once: refused, its answer lost, failed for good,
//! or its machine gone, before or just after it was applied. Afterwards the vault is sound, what was
//! acknowledged comes back byte for byte, and the command run again ends as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine::backup::{self, Quiet};
use engine::check;
use engine::deletion;
use engine::format::keyslot::{DAY_SECONDS, Terms};
use engine::format::point::Method;
use engine::ids::PointId;
use engine::prune::{self, Limits};
use engine::seam::AsItIs;
use engine::vault::{Catalog, Vault};
use engine::{ErrorKind, Result};

use crate::faulty::{Calls, Disk, Fault, Way};
use crate::support::{CHEAP, PASSPHRASE, noise, request, restore_to};

/// A file's name and what is in it.
type Files = BTreeMap<String, Vec<u8>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Backup(Method),
    Forget,
    Undelete,
    /// A prune that finds a point's time over, copies what is needed still, and condemns.
    Condemn,
    /// The next one, a day later, which sweeps.
    Sweep,
}

/// A vault before the command, and what is known of it.
struct Before {
    disk: Disk,
    /// Points that were acknowledged, and what they hold.
    points: Vec<(PointId, Files)>,
}

/// What a person sees: what the points hold, and which are deleted.
#[derive(Debug, PartialEq, Eq)]
struct Visible {
    points: BTreeSet<Files>,
    deleted: BTreeSet<PointId>,
}

/// On one thread, so that calls come in the same order each time.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

/// What the source holds for its first or second point: one file stays, one changes.
fn files(version: u64) -> Files {
    let content = [("stays", 1), ("changes", 10 + version)];
    let files = content.map(|(name, seed)| (name.to_owned(), noise(seed, 3000)));
    Files::from(files)
}

fn write_source(source: &Path, version: u64) -> Files {
    let files = files(version);
    fs::create_dir_all(source).expect("a folder");
    for (name, content) in &files {
        fs::write(source.join(name), content).expect("a file");
    }
    files
}

async fn open(disk: &Disk, way: &Arc<Way>) -> Result<Vault> {
    Vault::open(disk.world(way), PASSPHRASE).await
}

impl Before {
    async fn of(command: Command, source: &Path) -> Self {
        let disk = Disk::new();
        let vault = Vault::create(disk.world(&disk.way()), PASSPHRASE, CHEAP, Terms::DEFAULT);
        let vault = vault.await.expect("a vault");
        let mut before = Self {
            disk,
            points: Vec::new(),
        };
        before.back_up(&vault, source, 0).await;
        if matches!(command, Command::Backup(_)) {
            write_source(source, 1);
            return before;
        }
        before.back_up(&vault, source, 1).await;
        if command != Command::Forget {
            let first = before.points.remove(0);
            forget(&vault, first.0).await.expect("a deletion");
            if command == Command::Undelete {
                before.points.insert(0, first);
                return before;
            }
        }
        if command != Command::Forget {
            before.disk.pass(16 * DAY_SECONDS);
        }
        if command == Command::Sweep {
            let pruned = prune(&vault).await.expect("a prune");
            assert!(!pruned.plan.repack.is_empty(), "some is needed still");
            before.disk.pass(2 * DAY_SECONDS);
        }
        before
    }

    async fn back_up(&mut self, vault: &Vault, source: &Path, version: u64) {
        let files = write_source(source, version);
        let request = request(source, Method::Forever, 512);
        let made = backup::run(vault, &request, &AsItIs, &Quiet).await;
        self.points.push((made.expect("a backup").point, files));
        self.disk.pass(60);
    }
}

async fn forget(vault: &Vault, point: PointId) -> Result<()> {
    let request = deletion::Request {
        by: "test".to_owned(),
        reason: "test".to_owned(),
        soft_delete_seconds: None,
    };
    deletion::forget(vault, &[point], &request).await.map(drop)
}

async fn prune(vault: &Vault) -> Result<prune::Outcome> {
    let request = prune::Request {
        by: "test".to_owned(),
        limits: Limits {
            waste_percent: 0,
            ..Limits::default()
        },
    };
    prune::run(vault, &request, |_| {}).await
}

impl Command {
    /// Runs it from the passphrase on; gives the point that it made.
    async fn run(
        self,
        disk: &Disk,
        way: &Arc<Way>,
        before: &Before,
        source: &Path,
    ) -> Result<Option<PointId>> {
        let vault = open(disk, way).await?;
        let first = before.points[0].0;
        match self {
            Self::Backup(method) => {
                let request = request(source, method, 512);
                let made = backup::run(&vault, &request, &AsItIs, &Quiet).await?;
                return Ok(Some(made.point));
            }
            Self::Forget => forget(&vault, first).await?,
            Self::Undelete => deletion::undelete(&vault, &[first], "test").await?,
            Self::Condemn | Self::Sweep => drop(prune(&vault).await?),
        }
        Ok(None)
    }
}

async fn restored(vault: &Vault, point: PointId, scratch: &Path) -> Files {
    let at = scratch.join(point.to_string());
    let outcome = restore_to(vault, &point.to_string(), &at).await;
    assert_eq!(outcome.expect("a restore").damaged, 0, "{point}");
    let files = fs::read_dir(&at).expect("a folder").map(|file| {
        let file = file.expect("a file");
        let name = file.file_name().into_string().expect("a name");
        (name, fs::read(file.path()).expect("its content"))
    });
    let files = files.collect();
    fs::remove_dir_all(&at).expect("the scratch folder");
    files
}

/// Asserts that the vault is sound; gives what it shows.
async fn sound(vault: &Vault, known: &[(PointId, Files)], shown: &str) -> Visible {
    let checked = check::run(vault, true, &Quiet).await.expect("a check");
    assert!(checked.errors.is_empty(), "{shown}: {:?}", checked.errors);
    let catalog = Catalog::load(vault).await.expect("a catalog");
    for (point, _) in known {
        assert!(catalog.get(*point).is_some(), "{shown}: {point} is lost");
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let mut points = BTreeSet::new();
    for point in catalog.points() {
        let files = restored(vault, point.id, scratch.path()).await;
        if let Some((_, expected)) = known.iter().find(|(id, _)| *id == point.id) {
            assert!(files == *expected, "{shown}: {} came back wrong", point.id);
        }
        points.insert(files);
    }
    let deleted = catalog.deleted().iter().map(|deleted| deleted.point.id);
    Visible {
        points,
        deleted: deleted.collect(),
    }
}

/// One fault, and what is true afterwards.
async fn fault(
    command: Command,
    before: &Before,
    source: &Path,
    (number, fault): (u64, Fault),
    expected: &Visible,
) {
    let shown = format!("{command:?}, call {number}, {fault:?}");
    let disk = before.disk.copied();
    let faulty = disk.faulty(Calls::All, number, fault);
    let ended = command.run(&disk, &faulty, before, source).await;
    assert!(
        faulty.calls().len() as u64 > number,
        "{shown}: it came to that"
    );
    if fault.passes() {
        assert!(ended.is_ok(), "{shown}: it is tried again: {ended:?}");
    }
    let mut known = before.points.clone();
    if let Ok(Some(made)) = &ended {
        known.push((*made, files(1)));
    }
    let sane = disk.way();
    let vault = open(&disk, &sane).await.expect("the vault opens");
    let seen = sound(&vault, &known, &shown).await;
    if ended.is_ok() {
        assert!(
            seen == *expected,
            "{shown}: acknowledged, and yet not there"
        );
    }
    // The lease of a prune that is gone lapses in five minutes.
    disk.pass(600);
    match command.run(&disk, &disk.way(), before, source).await {
        Ok(_) => {}
        // It had been brought back already, and that is what is said.
        Err(error)
            if command == Command::Undelete
                && error.kind() == ErrorKind::NotFound
                && seen == *expected => {}
        Err(error) => panic!("{shown}: run again: {error}"),
    }
    let seen = sound(&vault, &known, &shown).await;
    assert!(seen == *expected, "{shown}: run again, it ends otherwise");
}

/// Every fault at every call of a command.
fn every_fault(command: Command) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    block_on(async {
        let before = Before::of(command, &source).await;
        let disk = before.disk.copied();
        let way = disk.way();
        let ended = command.run(&disk, &way, &before, &source).await;
        ended.expect("nothing fails");
        let calls = way.calls();
        let vault = open(&disk, &disk.way()).await.expect("the vault opens");
        let expected = sound(&vault, &before.points, "no fault").await;
        assert!(calls.len() > 10, "{command:?} makes {} calls", calls.len());
        for (number, changes) in calls.iter().enumerate() {
            for kind in Fault::ALL {
                if *changes || !kind.is_applied() {
                    let number = number as u64;
                    fault(command, &before, &source, (number, kind), &expected).await;
                }
            }
        }
    });
}

#[test]
fn backups_survive_any_fault() {
    for method in Method::ALL {
        every_fault(Command::Backup(method));
    }
}

#[test]
fn deletions_survive_any_fault() {
    every_fault(Command::Forget);
    every_fault(Command::Undelete);
}

#[test]
fn prunes_survive_any_fault() {
    every_fault(Command::Condemn);
    every_fault(Command::Sweep);
}

#[test]
fn a_point_that_is_lost_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    let checked = std::panic::catch_unwind(|| {
        block_on(async {
            let before = Before::of(Command::Forget, &source).await;
            let mut known = before.points.clone();
            known.push((PointId::draw(&before.disk), Files::new()));
            let vault = open(&before.disk, &before.disk.way()).await;
            sound(&vault.expect("the vault"), &known, "planted").await;
        });
    });
    assert!(checked.is_err(), "the checker fires");
}
